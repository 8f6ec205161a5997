/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a List and a Dict have in common: an object in a manager's store, by its id.
 *
 * Nothing of the object's state is kept here, so each call shows the store as it is now, whoever
 * changed it. A forked child comes in through manager_enter() and store_enter(), which open in the
 * child what the parent had open.
 */

#include "manager/held.h"

#include "base/shmobj-error.h"
#include "manager/dict-held.h"
#include "manager/list-held.h"
#include "manager/nameless.h"
#include "objects/handle.h"

#define LETTING_GO_US 100000 /* a finalizer waits no longer for the gate */

void
held_init (Held *held, ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags)
{
  held->manager = g_object_ref (manager);
  held->store = manager_get_store (manager, NULL);
  held->id = id;
  held->name = g_strdup (name);
  held->read_only = (flags & SHMOBJ_OPEN_READ_ONLY) != 0;
}

/* In a forked child that never came in here the parent's manager is not opened just to look. */
void
held_clear (Held *held)
{
  if (held->manager != NULL && holds_release (manager_get_holds (held->manager), held->id) &&
      manager_get_directory (held->manager)->generation == fork_generation ())
    nameless_end (held->store, manager_get_holds (held->manager), held->id, LETTING_GO_US);
  g_clear_object (&held->manager);
  g_clear_pointer (&held->name, g_free);
  held->store = NULL;
}

static gboolean
enter (Held *held, GError **error)
{
  if (held->store != NULL)
    return manager_enter (held->manager, error);

  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
               "The object belongs to no manager; lists and dicts are made by "
               "shmobj_manager_open_list() and shmobj_manager_open_dict()");
  return FALSE;
}

gboolean
held_read (Held *held, StoreTxn *txn, GError **error)
{
  return enter (held, error) && store_read_begin (held->store, txn, error);
}

gboolean
held_write (Held *held, StoreFunc func, gpointer data, gsize bytes, GError **error)
{
  StoreWrite write = { .func = func, .data = data, .bytes = bytes };

  if (!enter (held, error))
    return FALSE;
  if (held->read_only)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "“%s” was opened for reading only", held->name != NULL ? held->name : "");
      return FALSE;
    }
  write.timeout_us = manager_get_timeout (held->manager);
  return store_write (held->store, &write, error);
}

gboolean
held_check_frame (const ShmobjFrame *frame, GError **error)
{
  if (frame_stored_size (frame) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "The value has %" G_GSIZE_FORMAT " bytes and a type of %" G_GSIZE_FORMAT
                   ", more than a manager can hold",
                   frame->size, frame->type_length);
      return FALSE;
    }
  if (frame->type_length > 0 && memchr (frame->type, 'h', frame->type_length) != NULL)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                   "A value of type “%.*s” has descriptors in it, which a manager cannot hold",
                   (int) MIN (frame->type_length, 64), frame->type);
      return FALSE;
    }
  return TRUE;
}

gboolean
held_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error)
{
  if (frame_load (stored->data, stored->size, frame))
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "A stored value of %" G_GSIZE_FORMAT " bytes is none", stored->size);
  return FALSE;
}

gboolean
held_check_value (const ShmobjFrame *frame, GError **error)
{
  if (frame->kind != SHMOBJ_FRAME_PICKLE)
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
               "The value is a Python pickle of %" G_GSIZE_FORMAT
               " bytes, which only Python reads; it was left where it is",
               frame->size);
  return FALSE;
}

/* The object must be there, and of the class that the handle claims. */
static gboolean
check_object (ShmobjManager *manager, guint64 id, ObjectKind kind, GError **error)
{
  Store *store = manager_get_store (manager, error);
  ObjectHeader header;
  gboolean found;
  StoreTxn txn;

  if (store == NULL || !store_read_begin (store, &txn, error))
    return FALSE;
  found = names_get_header (&txn, id, &header);
  if (!store_read_end (&txn, error))
    return FALSE;

  if (!found)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "The handle's object %" G_GUINT64_FORMAT " was removed", id);
  else if (header.kind != kind)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                 "The handle says %s, its object %" G_GUINT64_FORMAT " is a %s",
                 kind_to_string (kind), id, kind_to_string (header.kind));
  return found && header.kind == kind;
}

GObject *
held_from_handle (GVariant *properties, gsize n_fds, ObjectKind kind, GError **error)
{
  g_autoptr (ShmobjManager) manager = NULL;
  g_autofree char *name = NULL;
  gboolean read_only, held;
  ShmobjOpenFlags flags;
  guint64 id;

  if (!handle_check_fds (n_fds, 2, 2, error) || !handle_get_uint64 (properties, "id", &id, error) ||
      !handle_get_string (properties, "name", &name, error) ||
      !handle_get_boolean (properties, "read-only", &read_only, error))
    return NULL;

  manager = manager_from_handle (properties, error);
  if (manager == NULL)
    return NULL;
  held = holds_take (manager_get_holds (manager), id);
  if (!held || !check_object (manager, id, kind, error))
    {
      if (held)
        holds_release (manager_get_holds (manager), id);
      else
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     "The handle's object %" G_GUINT64_FORMAT " is being removed", id);
      return NULL;
    }

  if (*name == '\0')
    g_clear_pointer (&name, g_free);
  flags = read_only ? SHMOBJ_OPEN_READ_ONLY : SHMOBJ_OPEN_DEFAULT;
  return kind == KIND_LIST ? (GObject *) shmobj_list_new_held (manager, id, name, flags)
                           : (GObject *) shmobj_dict_new_held (manager, id, name, flags);
}
