/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a SharedMemory comes to its memory: made without a name, by its POSIX name, by a descriptor,
 * as a manager's file, or from a handle.
 *
 * All go through open_and_map(), which LazyInit calls. Constructors that are given a file put it
 * into the object first; then there is nothing left to open, and what cannot be mapped is never
 * seen by anybody.
 */

#include "objects/shared-memory-private.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/handle.h"

#include <errno.h>

static gboolean
open_posix_name (ShmobjSharedMemory *self, GError **error)
{
  const char *plain = memory_file_check_name (self->name, error);
  gboolean opened;
  int names;

  if (plain == NULL)
    return FALSE;
  names = memory_file_open_names (error);
  if (names < 0)
    return FALSE;

  opened = memory_file_open_in (&self->file, names, plain, self->flags, self->size, error);
  sys_close (names);
  if (opened)
    {
      char *kept = g_strdup (plain);

      g_free (self->name);
      self->name = kept;
      self->name_kind = NAME_POSIX;
    }
  return opened;
}

/* Opens what the properties say, unless a constructor has put a file there already. */
static gboolean
open_and_map (gpointer data, GError **error)
{
  ShmobjSharedMemory *self = data;
  gboolean opened = self->file.fd >= 0;

  if (!opened && self->name != NULL)
    opened = open_posix_name (self, error);
  else if (!opened)
    opened = memory_file_new (&self->file, self->size, error);
  if (!opened)
    return FALSE;

  self->base = memory_file_map (&self->file, error);
  if (self->base == NULL)
    {
      memory_file_close (&self->file);
      return FALSE;
    }
  self->size = self->file.size;
  return TRUE;
}

gboolean
shared_memory_ensure_open (ShmobjSharedMemory *self, GError **error)
{
  return lazy_init_ensure (&self->lazy, open_and_map, self, error);
}

static ShmobjSharedMemory *
initialised (ShmobjSharedMemory *self, GError **error)
{
  if (shared_memory_ensure_open (self, error))
    return self;
  g_object_unref (self);
  return NULL;
}

/**
 * shmobj_shared_memory_new:
 * @size: in bytes, at least 1
 * @error: return location for an error
 *
 * Makes anonymous shared memory, all zero.
 *
 * Never blocks, but reserves every byte, which takes the kernel about 0.25 s per GiB. Fails with
 * `G_IO_ERROR_INVALID_ARGUMENT` if @size is 0, with `G_IO_ERROR_NO_SPACE` if there is not as much
 * memory, with `G_IO_ERROR_TOO_MANY_OPEN_FILES` if the process has no descriptor left.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
ShmobjSharedMemory *
shmobj_shared_memory_new (guint64 size, GError **error)
{
  return initialised (g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "size", size, NULL), error);
}

/**
 * shmobj_shared_memory_new_for_name:
 * @name: 1 to 253 bytes without a slash; one in front is ignored
 * @flags: whether to create
 * @size: in bytes, if it is created; else ignored
 * @error: return location for an error
 *
 * Opens or creates shared memory that has a POSIX name. A new one is all zero, belongs to this
 * user alone, and is found by others only when it is complete.
 *
 * Never blocks. Fails with `G_IO_ERROR_INVALID_ARGUMENT` for a bad name, contradicting flags, or 0
 * bytes to create; `G_IO_ERROR_EXISTS`, `G_IO_ERROR_NOT_FOUND` as @flags say;
 * `G_IO_ERROR_NO_SPACE` if there is not as much memory, also to fill what others left sparse;
 * `G_IO_ERROR_PERMISSION_DENIED` if it is another user's or others may write it;
 * `SHMOBJ_ERROR_WRONG_KIND` if the name is no file's; `SHMOBJ_ERROR_BUSY` if it has 0 bytes yet.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
ShmobjSharedMemory *
shmobj_shared_memory_new_for_name (const char *name,
                                   ShmobjOpenFlags flags,
                                   guint64 size,
                                   GError **error)
{
  g_return_val_if_fail (name != NULL, NULL);

  return initialised (g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "name", name, "size", size,
                                    "open-flags", flags, NULL),
                      error);
}

/**
 * shmobj_shared_memory_new_from_fd:
 * @fd: a descriptor of a memory file; it is copied, and stays the caller's
 * @error: return location for an error
 *
 * Attaches memory that came as a descriptor: a memfd that is sealed against shrinking, or a private
 * file of this user. If @fd cannot be written through, the object is read-only.
 *
 * Never blocks. Fails with `G_IO_ERROR_PERMISSION_DENIED` if another could shrink the file,
 * `SHMOBJ_ERROR_WRONG_KIND` if it cannot be mapped, `SHMOBJ_ERROR_BUSY` if it is empty,
 * `G_IO_ERROR_NO_SPACE` if it is sparse and there is no memory to fill it.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
ShmobjSharedMemory *
shmobj_shared_memory_new_from_fd (int fd, GError **error)
{
  g_autoptr (ShmobjSharedMemory) self = g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, NULL);
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);

  if (copy < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot copy descriptor %d: %s", fd, g_strerror (errno));
      return NULL;
    }
  if (!memory_file_adopt (&self->file, copy, error))
    return NULL;
  return initialised (g_steal_pointer (&self), error);
}

ShmobjSharedMemory *
shared_memory_new_in (int dirfd,
                      const char *file,
                      const char *name,
                      ShmobjOpenFlags flags,
                      guint64 size,
                      GError **error)
{
  g_autoptr (ShmobjSharedMemory) self =
      g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "name", name, "open-flags", flags, NULL);

  self->name_kind = NAME_OF_MANAGER;
  if (!memory_file_open_in (&self->file, dirfd, file, flags, size, error))
    return NULL;
  return initialised (g_steal_pointer (&self), error);
}

static gboolean
take_handle (ShmobjSharedMemory *self, GVariant *handle, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (GVariant) name = g_variant_lookup_value (handle, "name", G_VARIANT_TYPE_STRING);
  guint64 size;

  if (!handle_check_fds (n_fds, 1, 1, error) || !handle_get_uint64 (handle, "size", &size, error) ||
      !memory_file_adopt (&self->file, handle_steal_fd (&fds[0]), error))
    return FALSE;
  if (size != self->file.size)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The handle speaks of %" G_GUINT64_FORMAT
                   " bytes of shared memory, the file has %" G_GUINT64_FORMAT,
                   size, self->file.size);
      return FALSE;
    }
  if (name != NULL)
    {
      const char *plain = memory_file_check_name (g_variant_get_string (name, NULL), error);

      if (plain == NULL)
        return FALSE;
      self->name = g_strdup (plain);
      self->name_kind = NAME_POSIX;
    }
  return shared_memory_ensure_open (self, error);
}

static GObject *
shared_memory_from_handle (GVariant *handle, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (ShmobjSharedMemory) self = g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, NULL);

  return take_handle (self, handle, fds, n_fds, error) ? G_OBJECT (g_steal_pointer (&self)) : NULL;
}

HANDLE_CLASS (shared_memory,
              "SharedMemory",
              shmobj_shared_memory_get_type,
              shared_memory_from_handle)
