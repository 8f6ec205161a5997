/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SharedMemory, the calls that copy bytes in and out: for languages without pointers, and for
 * whoever wants an error where a pointer would be SIGBUS. */

#include "base/shmobj-error.h"
#include "objects/shared-memory-private.h"

#include <string.h>

/* Is [offset, offset + length) inside, and there? */
static gboolean
check_range (ShmobjSharedMemory *self, guint64 offset, guint64 length, GError **error)
{
  if (!shared_memory_ensure_open (self, error))
    return FALSE;
  if (offset <= self->size && length <= self->size - offset)
    return memory_file_check (&self->file, error);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
               " are outside of the shared memory, which has %" G_GUINT64_FORMAT,
               length, offset, self->size);
  return FALSE;
}

static guint8 *
copy_out (ShmobjSharedMemory *self, guint64 offset, guint64 length, GError **error)
{
  guint8 *copy;

  if (!check_range (self, offset, length, error))
    return NULL;
  copy = g_try_malloc (MAX (length, 1));
  if (copy == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "No memory for a copy of %" G_GUINT64_FORMAT " bytes", length);
      return NULL;
    }
  memcpy (copy, self->base + offset, length);
  return copy;
}

/**
 * shmobj_shared_memory_read_bytes:
 * @self: shared memory
 * @offset: of the first byte
 * @length: in bytes
 * @error: return location for an error
 *
 * Copies bytes out. Never blocks, any thread. Fails with `G_IO_ERROR_INVALID_ARGUMENT` if the bytes
 * are not all inside, `SHMOBJ_ERROR_CLOSED` after close, `SHMOBJ_ERROR_CORRUPT` if somebody has
 * truncated named memory, `G_IO_ERROR_NO_SPACE` if there is no memory for the copy.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 1.0
 */
GBytes *
shmobj_shared_memory_read_bytes (ShmobjSharedMemory *self,
                                 guint64 offset,
                                 guint64 length,
                                 GError **error)
{
  guint8 *copy;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), NULL);

  copy = copy_out (self, offset, length, error);
  return copy != NULL ? g_bytes_new_take (copy, length) : NULL;
}

/**
 * shmobj_shared_memory_read_data:
 * @self: shared memory
 * @offset: of the first byte
 * @length: in bytes
 * @n_read: (out): the same as @length on success
 * @error: return location for an error
 *
 * [method@Shmobj.SharedMemory.read_bytes] as an array.
 *
 * Returns: (transfer full) (array length=n_read): a copy, to be freed with g_free()
 *
 * Since: 1.0
 */
guint8 *
shmobj_shared_memory_read_data (
    ShmobjSharedMemory *self, guint64 offset, guint64 length, gsize *n_read, GError **error)
{
  guint8 *copy;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), NULL);
  g_return_val_if_fail (n_read != NULL, NULL);

  copy = copy_out (self, offset, length, error);
  *n_read = copy != NULL ? length : 0;
  return copy;
}

/**
 * shmobj_shared_memory_write_bytes:
 * @self: shared memory
 * @offset: where the first byte goes
 * @bytes: what to write
 * @error: return location for an error
 *
 * Copies bytes in; all of them or none. Never blocks, any thread. Fails with
 * `G_IO_ERROR_INVALID_ARGUMENT` if they do not fit there, `G_IO_ERROR_PERMISSION_DENIED` for
 * read-only memory, `SHMOBJ_ERROR_CLOSED` after close, `SHMOBJ_ERROR_CORRUPT` if somebody has
 * truncated named memory.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
shmobj_shared_memory_write_bytes (ShmobjSharedMemory *self,
                                  guint64 offset,
                                  GBytes *bytes,
                                  GError **error)
{
  gsize size;
  const guint8 *data;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  return shmobj_shared_memory_write_data (self, offset, data, size, error);
}

/**
 * shmobj_shared_memory_write_data:
 * @self: shared memory
 * @offset: where the first byte goes
 * @data: (array length=n_data): what to write
 * @n_data: how many bytes
 * @error: return location for an error
 *
 * [method@Shmobj.SharedMemory.write_bytes] from an array.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
shmobj_shared_memory_write_data (
    ShmobjSharedMemory *self, guint64 offset, const guint8 *data, gsize n_data, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), FALSE);
  g_return_val_if_fail (data != NULL || n_data == 0, FALSE);

  if (!check_range (self, offset, n_data, error))
    return FALSE;
  if (self->file.read_only)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                           "This shared memory was opened to be read only");
      return FALSE;
    }
  if (n_data > 0)
    memcpy (self->base + offset, data, n_data);
  return TRUE;
}
