/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjContainer:
 *
 * What holds values in a [class@Shmobj.Manager]: a [class@Shmobj.List], a [class@Shmobj.Dict]
 * or a [class@Shmobj.Value].
 *
 * Containers are opened by their manager, by name or without one. Reading takes no lock and asks
 * nobody; a change is whole or has not happened, whatever kills the process that makes it. Every
 * call sees the container as it is now, and each sees one state.
 *
 * All methods may be called from any thread and, after fork(), from the child. Changes wait for
 * others who change something in the same manager, as long as
 * [property@Shmobj.Manager:write-timeout-us] says, then they are `SHMOBJ_ERROR_BUSY`. Where there
 * is no more room they are `G_IO_ERROR_NO_SPACE`; on a container that was opened for reading only,
 * `G_IO_ERROR_PERMISSION_DENIED`. On one that was removed and is nobody's any more every call is
 * `G_IO_ERROR_NOT_FOUND`; where the store is damaged, `SHMOBJ_ERROR_CORRUPT`; after
 * [method@Shmobj.Container.close], `SHMOBJ_ERROR_CLOSED`.
 *
 * Only this library derives from it.
 *
 * Since: 1.0
 */

/* A container is an object in a manager's store, by its id. Nothing of the object's state is kept
 * here, so each call shows the store as it is now, whoever changed it. A forked child comes in
 * through manager_enter() and store_enter(), which open in the child what the parent had open.
 *
 * From the moment it is made until it is closed or finalized a container has one hold of its object
 * (holds.h). close() gives that up and nothing else, for another thread may be in the middle of a
 * call: the manager stays until the last reference is gone.
 */

#include "manager/container.h"

#include "base/shmobj-error.h"
#include "manager/nameless.h"
#include "manager/references.h"
#include "manager/shmobj-manager.h"
#include "objects/handle.h"
#include "objects/lazy-init.h"
#include "objects/shmobj-shareable.h"

enum
{
  PROP_NAME = 1,
  PROP_MANAGER,
};

static GParamSpec *properties[PROP_MANAGER + 1];

static GVariant *
shmobj_container_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error);

static void
shmobj_container_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_container_to_handle;
}

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (ShmobjContainer,
                                  shmobj_container,
                                  G_TYPE_OBJECT,
                                  G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                         shmobj_container_shareable_init))

static void
let_go (ShmobjContainer *self)
{
  if (atomic_exchange (&self->closed, TRUE) || self->manager == NULL)
    return;
  nameless_let_go (self->manager, self->id);
}

static void
shmobj_container_finalize (GObject *object)
{
  ShmobjContainer *self = SHMOBJ_CONTAINER (object);

  let_go (self);
  container_stop_listening (self);
  shmobj_container_unwatch (self);
  g_clear_object (&self->manager);
  g_free (self->name);
  G_OBJECT_CLASS (shmobj_container_parent_class)->finalize (object);
}

static void
shmobj_container_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjContainer *self = SHMOBJ_CONTAINER (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_MANAGER:
      g_value_set_object (value, self->manager);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_container_class_init (ShmobjContainerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_container_finalize;
  object_class->get_property = shmobj_container_get_property;

  /**
   * ShmobjContainer:name: (getter get_name)
   *
   * The name under which it was opened; %NULL for one without a name.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjContainer:manager: (getter get_manager)
   *
   * The manager that it belongs to.
   *
   * Since: 1.0
   */
  properties[PROP_MANAGER] = g_param_spec_object ("manager", NULL, NULL, SHMOBJ_TYPE_MANAGER,
                                                  G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_container_init (ShmobjContainer *self)
{
}

static void
set_up (
    ShmobjContainer *self, ShmobjManager *manager, guint64 id, const char *name, gboolean read_only)
{
  self->manager = g_object_ref (manager);
  self->store = manager_get_store (manager, NULL);
  self->id = id;
  self->name = g_strdup (name);
  self->read_only = read_only;
}

gpointer
container_new (
    GType type, ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags)
{
  ShmobjContainer *self = g_object_new (type, NULL);

  set_up (self, manager, id, name, (flags & SHMOBJ_OPEN_READ_ONLY) != 0);
  return self;
}

gboolean
container_enter (gpointer container, GError **error)
{
  ShmobjContainer *self = container;
  gboolean closed = atomic_load_explicit (&self->closed, memory_order_relaxed);

  if (G_LIKELY (self->store != NULL && !closed))
    return manager_enter (self->manager, error);

  if (closed)
    lazy_init_set_closed_error (self, error);
  else
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                 "The %s belongs to no manager; a manager makes them, as with "
                 "shmobj_manager_open_list()",
                 G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

gboolean
container_read (gpointer self, StoreFunc func, gpointer data, GError **error)
{
  ShmobjContainer *container = self;
  GError *local_error = NULL;
  StoreTxn txn;

  if (!container_enter (container, error) || !store_read_begin (container->store, &txn, error))
    return FALSE;

  func (&txn, data, &local_error);
  if (!store_read_end (&txn, error)) /* then what @func says is not worth telling */
    {
      g_clear_error (&local_error);
      return FALSE;
    }
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, local_error);
  return FALSE;
}

typedef struct
{
  guint64 id;
  ObjectKind kind;
  ObjectHeader header;
} Look;

/* The object must be there, and of the class that claims to show it. */
static gboolean
read_header (StoreTxn *txn, gpointer data, GError **error)
{
  Look *look = data;
  StoreBytes record;

  if (!names_get_record (txn, look->id, look->kind, 0, &record, error))
    return FALSE;
  memcpy (&look->header, record.data, sizeof look->header);
  return TRUE;
}

gboolean
container_get_header (gpointer container, ObjectHeader *header, GError **error)
{
  ShmobjContainer *self = container;
  ShmobjContainerClass *klass =
      G_TYPE_INSTANCE_GET_CLASS (self, SHMOBJ_TYPE_CONTAINER, ShmobjContainerClass);
  Look look = { .id = self->id, .kind = klass->kind };

  if (!container_read (self, read_header, &look, error))
    return FALSE;
  *header = look.header;
  return TRUE;
}

gint64
container_get_length (gpointer self, GError **error)
{
  ObjectHeader header;

  return container_get_header (self, &header, error) ? (gint64) header.length : -1;
}

static GVariant *
shmobj_container_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  ShmobjContainer *self = SHMOBJ_CONTAINER (shareable);
  ShmobjContainerClass *klass =
      G_TYPE_INSTANCE_GET_CLASS (self, SHMOBJ_TYPE_CONTAINER, ShmobjContainerClass);

  if (!container_enter (self, error))
    return NULL;
  return manager_handle_of (self->manager, klass->handle_class, self, fds, error);
}

GObject *
container_from_handle (GType type, GVariant *handle_properties, gsize n_fds, GError **error)
{
  g_autoptr (ShmobjManager) manager = NULL;
  g_autoptr (ShmobjContainer) self = NULL;
  g_autofree char *name = NULL;
  ObjectHeader header;
  gboolean read_only;
  guint64 id;

  if (!handle_check_fds (n_fds, 2, 2, error) ||
      !handle_get_uint64 (handle_properties, "id", &id, error) ||
      !handle_get_string (handle_properties, "name", &name, error) ||
      !handle_get_boolean (handle_properties, "read-only", &read_only, error))
    return NULL;

  manager = manager_from_handle (handle_properties, error);
  if (manager == NULL)
    return NULL;
  if (!holds_take (manager_get_holds (manager), id))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "The handle's object %" G_GUINT64_FORMAT " is being removed", id);
      return NULL;
    }

  self = g_object_new (type, NULL); /* has the hold from here on */
  set_up (self, manager, id, *name != '\0' ? name : NULL, read_only);
  if (container_get_header (self, &header, error))
    return G_OBJECT (g_steal_pointer (&self));
  g_prefix_error (error, "A handle's object: ");
  return NULL;
}

/**
 * shmobj_container_get_name:
 * @self: a container
 *
 * Tells under which name it was opened.
 *
 * Returns: (nullable): the name under which it was opened; %NULL for one without a name
 *
 * Since: 1.0
 */
const char *
shmobj_container_get_name (ShmobjContainer *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), NULL);

  return self->name;
}

/**
 * shmobj_container_get_manager:
 * @self: a container
 *
 * Tells where it lives.
 *
 * Returns: (transfer none) (nullable): the manager that it belongs to
 *
 * Since: 1.0
 */
ShmobjManager *
shmobj_container_get_manager (ShmobjContainer *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), NULL);

  return self->manager;
}

/**
 * shmobj_container_get_revision:
 * @self: a container
 * @error: return location for an error
 *
 * A number that grows with each change of the container, whoever makes it. Takes no lock.
 * [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: the revision, at least 1; 0 with an error
 *
 * Since: 1.0
 */
guint64
shmobj_container_get_revision (ShmobjContainer *self, GError **error)
{
  ObjectHeader header;

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), 0);

  return container_get_header (self, &header, error) ? header.revision : 0;
}

/**
 * shmobj_container_get_read_only:
 * @self: a container
 *
 * Tells whether it can be changed through this object.
 *
 * Returns: whether it was opened with %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
gboolean
shmobj_container_get_read_only (ShmobjContainer *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), FALSE);

  return self->read_only;
}

static gboolean
read_identity (StoreTxn *txn, gpointer data, GError **error)
{
  *(guint64 *) data = references_get_identity (txn);
  return TRUE;
}

/**
 * shmobj_container_get_reference:
 * @self: a container
 * @error: return location for an error
 *
 * Makes a reference to it: a value that can be an item of the containers of the same manager. So
 * containers lie in others, and each is live: who opens it by the reference, with
 * [method@Shmobj.Manager.open_reference], has the same container.
 *
 * A container lives as long as it has a name, an item that refers to it, or somebody who has it
 * open. Containers that only refer to each other stay until
 * [method@Shmobj.Manager.clean_objects] finds them.
 *
 * References are items themselves. One inside of another value (in a tuple, say) is
 * `SHMOBJ_ERROR_NOT_REPRESENTABLE`, as is one to an object of another manager, and one that is a
 * key.
 *
 * ```c
 * g_autoptr (ShmobjList) row = shmobj_manager_open_list (manager, NULL, 0, NULL, &error);
 * g_autoptr (GVariant) reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (row), &error);
 *
 * shmobj_list_append (table, reference, &error);
 * ```
 *
 * Returns: (transfer full): a value of type `o`, which has the container open as long as it
 *   lives; or %NULL with an error of those that every call can have
 *
 * Since: 1.0
 */
GVariant *
shmobj_container_get_reference (ShmobjContainer *self, GError **error)
{
  Reference reference;

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), NULL);

  if (!container_read (self, read_identity, &reference.identity, error))
    return NULL;
  reference.id = self->id;
  return container_make_reference (self, &reference, error);
}

/**
 * shmobj_container_close:
 * @self: a container
 *
 * Gives up this handle of the container: every later call on it is `SHMOBJ_ERROR_CLOSED`. The
 * container itself goes on for all others; one without a name ends here if nobody else has it.
 * Calling it again does nothing.
 *
 * Without it the same happens with the last reference; in languages that collect garbage that may
 * be much later. May be called from any thread; a call that another thread is in the middle of ends
 * as if it had come before, or with an error. Whoever waits in one ends with that error.
 *
 * Since: 1.0
 */
void
shmobj_container_close (ShmobjContainer *self)
{
  g_return_if_fail (SHMOBJ_IS_CONTAINER (self));

  let_go (self);
  if (self->store != NULL)
    watchers_stir (store_get_watchers (self->store), self->id); /* who waits is to see it */
}
