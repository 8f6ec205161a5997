/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjManager:
 *
 * A place where processes share objects by name: lists, dicts, values, and more.
 *
 * A manager is a directory with a store in it, and its address says which:
 *
 * - %NULL: a private one. Others get at it through handles ([iface@Shmobj.Shareable]) or by fork().
 *   It is removed with its last user; what killed processes leave behind is removed by whoever next
 *   makes a private manager.
 * - a name, such as `session`: one for all processes of the user, until the machine is restarted.
 * - `/a/path`: one on a disk, which keeps what it has. Every change is on the disk when it returns,
 *   or [property@Shmobj.Manager:sync-interval-us] says how much of the last may be lost.
 *
 * There is no daemon and no thread behind it: calls read and write shared memory. So it works in
 * forked children at once, and a process that is killed at any point leaves everything whole.
 *
 * An object without a name (%NULL), or whose name was removed, ends with its last holder: the last
 * process that has it open, or the last handle on its way.
 *
 * Since: 1.0
 */

#include "manager/shmobj-manager.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/text.h"
#include "manager/address.h"
#include "manager/container.h"
#include "manager/gate.h"
#include "objects/handle.h"
#include "objects/lazy-init.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>

struct _ShmobjManager
{
  GObject parent_instance;

  char *address;           /* construct-only */
  char *path_of_handle;    /* set instead of address, when it comes from a handle */
  gint64 write_timeout_us; /* for each change */
  gint64 sync_interval_us; /* construct-only */

  LazyInit lazy;
  Directory *directory; /* (owned): NULL until init() ran */
  Store *store;         /* (owned): likewise */
  Holds holds;          /* (owned): likewise */
  Arena *arena;         /* (owned): of its locks and events; NULL until one is opened */
};

enum
{
  PROP_ADDRESS = 1,
  PROP_PATH,
  PROP_WRITE_TIMEOUT_US,
  PROP_SYNC_INTERVAL_US,
  PROP_PATIENCE_US,
};

static GParamSpec *properties[PROP_PATIENCE_US + 1];

static gboolean
shmobj_manager_initable_init (GInitable *initable, GCancellable *cancellable, GError **error);
static GVariant *
shmobj_manager_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error);

static void
shmobj_manager_initable_iface_init (GInitableIface *iface)
{
  iface->init = shmobj_manager_initable_init;
}

static void
shmobj_manager_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_manager_to_handle;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjManager,
                               shmobj_manager,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE,
                                                      shmobj_manager_initable_iface_init)
                                   G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                          shmobj_manager_shareable_init))

static gboolean
open_now (gpointer data, GError **error)
{
  ShmobjManager *self = data;
  Directory *directory = self->path_of_handle != NULL
                             ? directory_open_path (self->path_of_handle, error)
                             : directory_open (self->address, error);

  if (directory == NULL)
    return FALSE;
  if (self->sync_interval_us > 0 && !directory->is_durable)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "The manager “%s” is in memory and has nothing to synchronise: sync-interval-us "
                   "is for one at a path",
                   directory->path);
      directory_leave (directory);
      return FALSE;
    }

  self->store =
      store_open (directory->path, directory->is_durable ? STORE_DURABLE : STORE_FLAGS_NONE, error);
  if (self->store != NULL)
    store_set_sync_interval (self->store, self->sync_interval_us);
  if (self->store != NULL && !holds_open (&self->holds, directory->fd, error))
    g_clear_pointer (&self->store, store_unref);
  if (self->store != NULL && directory->was_alone &&
      !manager_sweep (self->store, &self->holds, directory->fd, self->write_timeout_us, error))
    g_clear_pointer (&self->store, store_unref);
  if (self->store == NULL)
    {
      holds_close (&self->holds);
      directory_leave (directory);
      return FALSE;
    }
  self->directory = directory;
  return TRUE;
}

static gboolean
shmobj_manager_initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  ShmobjManager *self = SHMOBJ_MANAGER (initable);

  return !g_cancellable_set_error_if_cancelled (cancellable, error) &&
         lazy_init_ensure (&self->lazy, open_now, self, error);
}

/* Every method comes in here: opens what is not open yet, in this process. */
gboolean
manager_enter (ShmobjManager *self, GError **error)
{
  return lazy_init_ensure (&self->lazy, open_now, self, error) &&
         directory_enter (self->directory, error);
}

Store *
manager_get_store (ShmobjManager *self, GError **error)
{
  return manager_enter (self, error) ? self->store : NULL;
}

static _Thread_local gint64 bound_us = -1;

void
manager_bound_waits (gint64 most_us)
{
  bound_us = most_us;
}

gint64
manager_get_timeout (ShmobjManager *self)
{
  if (G_LIKELY (bound_us < 0))
    return self->write_timeout_us;
  return self->write_timeout_us < 0 ? bound_us : MIN (bound_us, self->write_timeout_us);
}

Directory *
manager_get_directory (ShmobjManager *self)
{
  return self->directory;
}

Holds *
manager_get_holds (ShmobjManager *self)
{
  return &self->holds;
}

Arena *
manager_get_arena (ShmobjManager *self, GError **error)
{
  Arena *arena;

  g_mutex_lock (&self->lazy.lock);
  if (self->arena == NULL)
    self->arena = arena_open_in (self->directory->fd, "locks", error);
  arena = self->arena;
  g_mutex_unlock (&self->lazy.lock);
  return arena;
}

static void
shmobj_manager_finalize (GObject *object)
{
  ShmobjManager *self = SHMOBJ_MANAGER (object);

  g_clear_pointer (&self->arena, arena_unref);
  g_clear_pointer (&self->store, store_unref);
  holds_close (&self->holds);
  g_clear_pointer (&self->directory, directory_leave);
  g_clear_pointer (&self->address, g_free);
  g_clear_pointer (&self->path_of_handle, g_free);
  g_mutex_clear (&self->lazy.lock);
  G_OBJECT_CLASS (shmobj_manager_parent_class)->finalize (object);
}

static void
shmobj_manager_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjManager *self = SHMOBJ_MANAGER (object);

  switch (id)
    {
    case PROP_ADDRESS:
      g_value_set_string (value, self->address);
      break;
    case PROP_PATH:
      g_value_set_string (value, shmobj_manager_get_path (self));
      break;
    case PROP_WRITE_TIMEOUT_US:
      g_value_set_int64 (value, self->write_timeout_us);
      break;
    case PROP_SYNC_INTERVAL_US:
      g_value_set_int64 (value, self->sync_interval_us);
      break;
    case PROP_PATIENCE_US:
      g_value_set_int64 (value, shmobj_manager_get_patience_us (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_manager_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ShmobjManager *self = SHMOBJ_MANAGER (object);

  switch (id)
    {
    case PROP_ADDRESS:
      self->address = g_value_dup_string (value);
      break;
    case PROP_WRITE_TIMEOUT_US:
      shmobj_manager_set_write_timeout_us (self, g_value_get_int64 (value));
      break;
    case PROP_SYNC_INTERVAL_US:
      self->sync_interval_us = g_value_get_int64 (value);
      break;
    case PROP_PATIENCE_US:
      shmobj_manager_set_patience_us (self, g_value_get_int64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static GParamSpec *
patience_property (void)
{
  /**
   * ShmobjManager:patience-us: (getter get_patience_us) (setter set_patience_us)
   *
   * How long a change, or the beginning of a transaction, waits for a transaction of somebody else
   * before it goes ahead of that, in microseconds: 10 seconds if nobody says otherwise, -1 never.
   * The other one then can only fail, with `SHMOBJ_ERROR_CONFLICT`, so this is longer than
   * anybody's transaction needs. It is what frees a manager from a process that was stopped in one.
   *
   * [property@Shmobj.Manager:write-timeout-us] and the time-out of a transaction say how long one
   * waits at all, and are often shorter: what earlier waits of the process have seen of the same
   * transaction counts.
   *
   * It is the process's: of several managers of one directory the last that was set counts.
   *
   * Since: 1.0
   */
  return g_param_spec_int64 ("patience-us", NULL, NULL, -1, G_MAXINT64, GATE_PATIENCE_US,
                             G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
shmobj_manager_class_init (ShmobjManagerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_manager_finalize;
  object_class->get_property = shmobj_manager_get_property;
  object_class->set_property = shmobj_manager_set_property;

  /**
   * ShmobjManager:address: (getter get_address)
   *
   * Where it is, as given: %NULL, a name, or a path. Of one that came by a handle: its path.
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESS] =
      g_param_spec_string ("address", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjManager:path: (getter get_path)
   *
   * The manager's directory.
   *
   * Since: 1.0
   */
  properties[PROP_PATH] =
      g_param_spec_string ("path", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjManager:write-timeout-us: (getter get_write_timeout_us) (setter set_write_timeout_us)
   *
   * How long a change waits for others who are changing something, in microseconds; -1 for ever.
   * Then it fails with `SHMOBJ_ERROR_BUSY`, whose message names who is in the way.
   *
   * Since: 1.0
   */
  properties[PROP_WRITE_TIMEOUT_US] =
      g_param_spec_int64 ("write-timeout-us", NULL, NULL, -1, G_MAXINT64, -1,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjManager:sync-interval-us: (getter get_sync_interval_us)
   *
   * How much time's changes a crash of the machine may undo, in microseconds, for a manager at a
   * path. 0: none, each change is on the disk when it returns.
   * More than 0: changes cost what they cost in memory and some system calls, and a change made
   * this long after the last checkpoint makes one first: it writes the whole store to the disk
   * beside it. A crash of the machine, or a power cut, takes the manager back to the last
   * checkpoint; nothing less than that, and never half of a change. A killed process loses nothing.
   * There is no thread behind it: who stops changing things calls [method@Shmobj.Manager.sync].
   * Closing the manager as the last one, and exit(), synchronise.
   *
   * It is the process's: of several managers of one directory the least counts. If other processes
   * have 0 there, their changes stay on the disk, too. For a manager in memory it is refused, with
   * `G_IO_ERROR_INVALID_ARGUMENT`.
   *
   * Since: 1.0
   */
  properties[PROP_SYNC_INTERVAL_US] =
      g_param_spec_int64 ("sync-interval-us", NULL, NULL, 0, G_MAXINT64, 0,
                          G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_PATIENCE_US] = patience_property ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_manager_init (ShmobjManager *self)
{
  self->write_timeout_us = -1;
  g_mutex_init (&self->lazy.lock);
}

/**
 * shmobj_manager_new:
 * @address: (nullable): %NULL for a private manager, a name, or an absolute path
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a manager, and makes it if there is none.
 *
 * Returns: (transfer full): the manager, or %NULL with `G_IO_ERROR_INVALID_ARGUMENT` (an impossible
 *   name), `G_IO_ERROR_PERMISSION_DENIED` (the directory is another user's, or open to others),
 *   `G_IO_ERROR_NOT_SUPPORTED` (`session` inside a sandbox; a manager that is used in another
 *   container), `G_IO_ERROR_NO_SPACE`, `SHMOBJ_ERROR_INCOMPATIBLE` (made by another version, or not
 *   a manager; the message names both versions, and nothing is touched), `SHMOBJ_ERROR_CORRUPT`
 *
 * Since: 1.0
 */
ShmobjManager *
shmobj_manager_new (const char *address, GCancellable *cancellable, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_MANAGER, cancellable, error, "address", address, NULL);
}

/**
 * shmobj_manager_get_address:
 * @self: a manager
 *
 * Tells the address with which it was opened.
 *
 * Returns: (nullable): the address as given; %NULL for a private manager
 *
 * Since: 1.0
 */
const char *
shmobj_manager_get_address (ShmobjManager *self)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return self->address;
}

/**
 * shmobj_manager_get_path:
 * @self: a manager
 *
 * Tells where it is.
 *
 * Returns: (nullable): the manager's directory; %NULL when it could not be opened
 *
 * Since: 1.0
 */
const char *
shmobj_manager_get_path (ShmobjManager *self)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return manager_enter (self, NULL) ? self->directory->path : NULL;
}

/**
 * shmobj_manager_get_write_timeout_us:
 * @self: a manager
 *
 * Tells how long a change waits for others.
 *
 * Returns: how long a change waits for others, in microseconds; -1 for ever
 *
 * Since: 1.0
 */
gint64
shmobj_manager_get_write_timeout_us (ShmobjManager *self)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), -1);

  return self->write_timeout_us;
}

/**
 * shmobj_manager_set_write_timeout_us:
 * @self: a manager
 * @timeout_us: how long a change waits for others, in microseconds; -1 for ever
 *
 * Sets it for all objects opened through @self, in this process.
 *
 * Since: 1.0
 */
void
shmobj_manager_set_write_timeout_us (ShmobjManager *self, gint64 timeout_us)
{
  g_return_if_fail (SHMOBJ_IS_MANAGER (self));
  g_return_if_fail (timeout_us >= -1);

  if (self->write_timeout_us == timeout_us)
    return;
  self->write_timeout_us = timeout_us;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WRITE_TIMEOUT_US]);
}

/**
 * shmobj_manager_get_sync_interval_us:
 * @self: a manager
 *
 * Tells how much time's changes a crash of the machine may undo.
 *
 * Returns: [property@Shmobj.Manager:sync-interval-us] as given, in microseconds; 0: none
 *
 * Since: 1.0
 */
gint64
shmobj_manager_get_sync_interval_us (ShmobjManager *self)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), 0);

  return self->sync_interval_us;
}

/**
 * shmobj_manager_sync:
 * @self: a manager at a path
 * @cancellable: (nullable): a cancellable, for the time that others write
 * @error: return location for an error
 *
 * Puts on the disk what was changed, by whomever. It blocks for as long as the disk takes: with a
 * [property@Shmobj.Manager:sync-interval-us] it writes the whole store, otherwise there is seldom
 * anything to do. Changes of a transaction that is open are not among it.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_SUPPORTED` (it is in memory),
 *   `G_IO_ERROR_NO_SPACE` (the disk has no room for a checkpoint), `G_IO_ERROR_CANCELLED`,
 *   `SHMOBJ_ERROR_BUSY`
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_sync (ShmobjManager *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);

  return manager_enter (self, error) &&
         store_sync (self->store, manager_get_timeout (self), cancellable, error);
}

static GVariant *
shmobj_manager_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  return manager_handle_of (SHMOBJ_MANAGER (shareable), "Manager", NULL, fds, error);
}

/* The first descriptor is a copy of the one whose lock says that the directory is used, so a
 * private manager lives at least until the receiver has opened it; the second holds the object
 * likewise. */
GVariant *
manager_handle_of (ShmobjManager *self,
                   const char *class_name,
                   ShmobjContainer *container,
                   GUnixFDList *fds,
                   GError **error)
{
  GVariantDict dict;
  GVariant *handle;
  int fd_array[2] = { -1, -1 };

  if (!manager_enter (self, error))
    return NULL;
  fd_array[0] = self->directory->fd;
  if (container != NULL && (fd_array[1] = holds_for_travel (&self->holds, container->id)) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Holding an object: %s",
                   g_strerror (errno));
      return NULL;
    }

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "path", "s", self->directory->path);
  if (self->sync_interval_us > 0)
    g_variant_dict_insert (&dict, "sync-interval-us", "t", (guint64) self->sync_interval_us);
  if (container != NULL)
    {
      g_variant_dict_insert (&dict, "id", "t", container->id);
      g_variant_dict_insert (&dict, "name", "s", container->name != NULL ? container->name : "");
      g_variant_dict_insert (&dict, "read-only", "b", container->read_only);
    }
  handle = handle_new (class_name, g_variant_dict_end (&dict), fds, fd_array,
                       container != NULL ? 2 : 1, error);
  sys_close (fd_array[1]);
  return handle;
}

ShmobjManager *
manager_from_handle (GVariant *handle_properties, GError **error)
{
  g_autoptr (ShmobjManager) self = NULL;
  g_autofree char *path = NULL;
  guint64 interval_us = 0;

  if (!handle_get_string (handle_properties, "path", &path, error))
    return NULL;
  g_variant_lookup (handle_properties, "sync-interval-us", "t", &interval_us);
  if (!g_path_is_absolute (path))
    {
      g_autofree char *shown = text_readable (path, 80);

      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The handle's path “%s” is not absolute", shown);
      return NULL;
    }

  self = g_object_new (SHMOBJ_TYPE_MANAGER, "address", path, "sync-interval-us",
                       (gint64) MIN (interval_us, G_MAXINT64), NULL);
  self->path_of_handle = g_steal_pointer (&path);
  return g_initable_init (G_INITABLE (self), NULL, error) ? g_steal_pointer (&self) : NULL;
}

static GObject *
from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  if (!handle_check_fds (n_fds, 1, 1, error))
    return NULL;
  return (GObject *) manager_from_handle (handle_properties, error);
}

HANDLE_CLASS (manager, "Manager", shmobj_manager_get_type, from_handle)
