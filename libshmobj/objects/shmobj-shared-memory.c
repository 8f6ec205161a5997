/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SharedMemory: bytes that processes share. What is under it is in objects/memory-file.c; this file
 * is the object around the descriptor and the mapping, shared-memory-open.c how it comes to them,
 * shared-memory-copy.c the calls that copy.
 *
 * States. NEW (only properties) becomes OPEN with init, which the first method does if nobody did
 * (objects/lazy-init.h); OPEN becomes CLOSED. Closing gives the descriptor back and makes every
 * method say so, but the mapping lives as long as the object: a view that somebody still holds (a C
 * pointer, a memoryview) never dangles. Whoever makes a view keeps a reference to the object with
 * it.
 *
 * Death. Nothing of ours is in the memory, so a process that dies leaves whatever it was writing
 * half written: use a Lock where that matters. Anonymous memory goes with its last descriptor and
 * mapping; memory with a POSIX name stays until somebody unlinks it. Finalising never unlinks:
 * forked children finalise too.
 *
 * Forks. Mapping and descriptor are inherited and need nothing.
 */

#include "objects/shmobj-shared-memory.h"

#include "base/sys.h"
#include "objects/handle.h"
#include "objects/shared-memory-private.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>
#include <sys/mman.h>

typedef enum
{
  PROP_NAME = 1,
  PROP_SIZE,
  PROP_OPEN_FLAGS,
} ShmobjSharedMemoryProperty;

static GParamSpec *properties[PROP_OPEN_FLAGS + 1];

static void initable_iface_init (GInitableIface *iface);
static void shareable_iface_init (ShmobjShareableInterface *iface);

/**
 * ShmobjSharedMemory:
 *
 * A block of bytes that several processes have in their memory at the same time.
 *
 * Without a name it is anonymous: it is passed on to other processes as a [iface@Shmobj.Shareable],
 * or inherited by fork(), and is freed with its last user. It cannot be shrunk or grown by anybody,
 * and all of it is reserved when it is made, so touching it never fails.
 *
 * With a name it is POSIX shared memory, the same as `multiprocessing.shared_memory.SharedMemory`
 * of Python: either side attaches what the other made. The memory then stays until
 * [method@Shmobj.SharedMemory.unlink] is called, by anybody. (A Python process that attaches a
 * foreign segment removes its name when it ends, unless it says `track=False`, from Python 3.13
 * on.) A process of the same user can truncate such memory, and who touches what is no longer there
 * gets `SIGBUS`; the calls that copy check for that first. Memory of other users, or that others
 * may write, is refused.
 *
 * There is no order between what processes write and read here. Where that matters take a
 * [class@Shmobj.Lock], or atomic operations on [method@Shmobj.SharedMemory.get_data].
 *
 * ```c
 * g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (1 << 20, &error);
 * double *samples = shmobj_shared_memory_get_data (memory, NULL);
 * ```
 *
 * Since: 1.0
 */
G_DEFINE_TYPE_WITH_CODE (ShmobjSharedMemory,
                         shmobj_shared_memory,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, initable_iface_init)
                             G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE, shareable_iface_init))

/* Open, or closed after it was: what it is and where is known then. */
static gboolean
ensure_known (ShmobjSharedMemory *self, GError **error)
{
  return (!lazy_init_is_new (&self->lazy) && self->base != NULL) ||
         shared_memory_ensure_open (self, error);
}

/**
 * shmobj_shared_memory_get_size:
 * @self: shared memory
 *
 * Never blocks, any thread.
 *
 * Returns: its size in bytes; 0 if it could not be opened
 *
 * Since: 1.0
 */
guint64
shmobj_shared_memory_get_size (ShmobjSharedMemory *self)
{
  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), 0);

  return ensure_known (self, NULL) ? self->size : 0;
}

/**
 * shmobj_shared_memory_get_name:
 * @self: shared memory
 *
 * Never blocks, any thread.
 *
 * Returns: (nullable) (transfer none): its name, without a leading slash; %NULL for anonymous
 * memory
 *
 * Since: 1.0
 */
const char *
shmobj_shared_memory_get_name (ShmobjSharedMemory *self)
{
  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), NULL);

  (void) ensure_known (self, NULL);
  return self->name;
}

/**
 * shmobj_shared_memory_is_read_only:
 * @self: shared memory
 *
 * Never blocks, any thread.
 *
 * Returns: %TRUE if this process cannot write it through @self
 *
 * Since: 1.0
 */
gboolean
shmobj_shared_memory_is_read_only (ShmobjSharedMemory *self)
{
  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), FALSE);

  return ensure_known (self, NULL) && self->file.read_only;
}

/**
 * shmobj_shared_memory_get_address:
 * @self: shared memory
 *
 * Where the memory is in this process, for language bindings that make views of it. A view must
 * hold a reference to @self for as long as it exists. Read-only memory cannot be written there.
 *
 * Never blocks, any thread.
 *
 * Returns: the address of its first byte; 0 if it was closed or could not be opened
 *
 * Since: 1.0
 */
guint64
shmobj_shared_memory_get_address (ShmobjSharedMemory *self)
{
  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), 0);

  return shared_memory_ensure_open (self, NULL) ? (guint64) (guintptr) self->base : 0;
}

/**
 * shmobj_shared_memory_get_data: (skip)
 * @self: shared memory
 * @size: (out) (optional): where to store the size in bytes
 *
 * The memory itself. The pointer is good until @self is finalised, also after
 * [method@Shmobj.SharedMemory.close]. Read-only memory must not be written.
 *
 * Never blocks, any thread.
 *
 * Returns: (nullable) (transfer none): its first byte; %NULL if it was closed or could not be
 * opened
 *
 * Since: 1.0
 */
gpointer
shmobj_shared_memory_get_data (ShmobjSharedMemory *self, gsize *size)
{
  gboolean open;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), NULL);

  open = shared_memory_ensure_open (self, NULL);
  if (size != NULL)
    *size = open ? self->size : 0;
  return open ? self->base : NULL;
}

/**
 * shmobj_shared_memory_dup_fd:
 * @self: shared memory
 * @error: return location for an error
 *
 * Never blocks; not beside [method@Shmobj.SharedMemory.close] in another thread. Fails with
 * `SHMOBJ_ERROR_CLOSED`, or `G_IO_ERROR_TOO_MANY_OPEN_FILES`.
 *
 * Returns: a new descriptor of the memory, close-on-exec, for the caller to close; -1 on failure
 *
 * Since: 1.0
 */
int
shmobj_shared_memory_dup_fd (ShmobjSharedMemory *self, GError **error)
{
  int fd;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), -1);

  if (!shared_memory_ensure_open (self, error))
    return -1;
  fd = fcntl (self->file.fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot copy the descriptor of shared memory: %s", g_strerror (errno));
  return fd;
}

/**
 * shmobj_shared_memory_close:
 * @self: shared memory
 *
 * Gives the descriptor back; every further use of @self is `SHMOBJ_ERROR_CLOSED`, except
 * [method@Shmobj.SharedMemory.unlink]. Other processes and other objects do not notice. Pointers
 * and views stay good: the memory leaves this process when @self is finalised. Closing twice does
 * nothing.
 *
 * Never blocks.
 *
 * Since: 1.0
 */
void
shmobj_shared_memory_close (ShmobjSharedMemory *self)
{
  g_return_if_fail (SHMOBJ_IS_SHARED_MEMORY (self));

  if (lazy_init_close (&self->lazy))
    memory_file_close (&self->file);
}

/**
 * shmobj_shared_memory_unlink:
 * @self: shared memory with a POSIX name, closed or not
 * @error: return location for an error
 *
 * Removes the name. Who has the memory already keeps it; it is freed with its last user. If another
 * segment has the name by now, that one stays.
 *
 * Never blocks. Fails with `G_IO_ERROR_NOT_FOUND` if this memory has the name no more, with
 * `G_IO_ERROR_NOT_SUPPORTED` if it is anonymous or its name belongs to a manager.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
shmobj_shared_memory_unlink (ShmobjSharedMemory *self, GError **error)
{
  gboolean removed;
  int names;

  g_return_val_if_fail (SHMOBJ_IS_SHARED_MEMORY (self), FALSE);

  if (!ensure_known (self, error))
    return FALSE;
  if (self->name_kind != NAME_POSIX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "%s",
                   self->name == NULL ? "Anonymous shared memory has no name to remove"
                                      : "This name is a manager's: remove it there");
      return FALSE;
    }

  names = memory_file_open_names (error);
  if (names < 0)
    return FALSE;
  removed = memory_file_unlink_in (&self->file, names, self->name, error);
  sys_close (names);
  return removed;
}

static GVariant *
shmobj_shared_memory_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  ShmobjSharedMemory *self = SHMOBJ_SHARED_MEMORY (shareable);
  GVariantDict dict;

  if (!shared_memory_ensure_open (self, error))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "size", "t", self->size);
  if (self->name_kind == NAME_POSIX)
    g_variant_dict_insert (&dict, "name", "s", self->name);
  return handle_new ("SharedMemory", g_variant_dict_end (&dict), fds, &self->file.fd, 1, error);
}

static void
shareable_iface_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_shared_memory_to_handle;
}

static gboolean
shmobj_shared_memory_initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  return shared_memory_ensure_open (SHMOBJ_SHARED_MEMORY (initable), error);
}

static void
initable_iface_init (GInitableIface *iface)
{
  iface->init = shmobj_shared_memory_initable_init;
}

static void
shmobj_shared_memory_finalize (GObject *object)
{
  ShmobjSharedMemory *self = SHMOBJ_SHARED_MEMORY (object);

  if (self->base != NULL)
    munmap (self->base, self->size);
  memory_file_close (&self->file);
  g_free (self->name);
  g_mutex_clear (&self->lazy.lock);
  G_OBJECT_CLASS (shmobj_shared_memory_parent_class)->finalize (object);
}

static void
shmobj_shared_memory_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjSharedMemory *self = SHMOBJ_SHARED_MEMORY (object);

  switch ((ShmobjSharedMemoryProperty) id)
    {
    case PROP_NAME:
      g_value_set_string (value, shmobj_shared_memory_get_name (self));
      break;
    case PROP_SIZE:
      g_value_set_uint64 (value, shmobj_shared_memory_get_size (self));
      break;
    case PROP_OPEN_FLAGS:
      g_value_set_flags (value, self->flags);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_shared_memory_set_property (GObject *object,
                                   guint id,
                                   const GValue *value,
                                   GParamSpec *pspec)
{
  ShmobjSharedMemory *self = SHMOBJ_SHARED_MEMORY (object);

  switch ((ShmobjSharedMemoryProperty) id)
    {
    case PROP_NAME:
      self->name = g_value_dup_string (value);
      break;
    case PROP_SIZE:
      self->size = g_value_get_uint64 (value);
      break;
    case PROP_OPEN_FLAGS:
      self->flags = g_value_get_flags (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_shared_memory_class_init (ShmobjSharedMemoryClass *klass)
{
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_shared_memory_finalize;
  object_class->get_property = shmobj_shared_memory_get_property;
  object_class->set_property = shmobj_shared_memory_set_property;

  /**
   * ShmobjSharedMemory:name:
   *
   * The name, without a leading slash; %NULL for anonymous memory.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * ShmobjSharedMemory:size:
   *
   * The size in bytes; given for memory that is to be created.
   *
   * Since: 1.0
   */
  properties[PROP_SIZE] = g_param_spec_uint64 ("size", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * ShmobjSharedMemory:open-flags:
   *
   * Whether to create memory that has a name.
   *
   * Since: 1.0
   */
  properties[PROP_OPEN_FLAGS] = g_param_spec_flags (
      "open-flags", NULL, NULL, SHMOBJ_TYPE_OPEN_FLAGS, SHMOBJ_OPEN_DEFAULT, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_shared_memory_init (ShmobjSharedMemory *self)
{
  self->file = MEMORY_FILE_INIT;
  g_mutex_init (&self->lazy.lock);
}
