/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a manager opens containers: found or made, and held.
 *
 * An object without a name ends with its last holder, so there must be no moment at which one that
 * we are about to return is held by nobody. What we make is held inside the write that makes it,
 * before anybody can see it. What we find may lose its name and its last holder before we hold it:
 * so it is held, then looked for once more, and if it is gone the name is looked up again.
 */

#include "manager/shmobj-manager.h"

#include "base/shmobj-error.h"
#include "manager/container.h"
#include "manager/dict-rows.h"
#include "manager/list-rows.h"
#include "manager/nameless.h"
#include "manager/stored.h"
#include "manager/value-row.h"

#define TRIES 10

/* What is made is held before anybody can see it. */
typedef struct
{
  Holds *holds;
  guint64 held;               /* 0: none */
  const ShmobjFrame *initial; /* of a value */
} Making;

static void
hold (Making *making, guint64 id)
{
  if (making->held == id)
    return;
  if (making->held != 0) /* the transaction runs again, with another id */
    holds_release (making->holds, making->held);
  making->held = holds_take (making->holds, id) ? id : 0;
}

static gboolean
create_list (StoreTxn *txn, guint64 id, gpointer data, GError **error)
{
  hold (data, id);
  list_create (txn, id);
  return TRUE;
}

static gboolean
create_dict (StoreTxn *txn, guint64 id, gpointer data, GError **error)
{
  hold (data, id);
  dict_create (txn, id);
  return TRUE;
}

static gboolean
create_value (StoreTxn *txn, guint64 id, gpointer data, GError **error)
{
  Making *making = data;

  hold (making, id);
  value_row_create (txn, id, making->initial);
  return TRUE;
}

static gboolean
is_there (ShmobjManager *self, guint64 id)
{
  ObjectHeader header;
  gboolean there;
  StoreTxn txn;

  if (!store_read_begin (manager_get_store (self, NULL), &txn, NULL))
    return FALSE;
  there = names_get_header (&txn, id, &header);
  return store_read_end (&txn, NULL) && there;
}

/* One try: FALSE without an error when the object was removed between our finding and holding it.
 */
static gboolean
open_once (ShmobjManager *self, NameOpen *how, const ShmobjFrame *initial, GError **error)
{
  Making making = { .holds = manager_get_holds (self), .initial = initial };
  gboolean opened;

  how->data = &making;
  opened = names_open (manager_get_store (self, NULL), how, error);
  if (opened && making.held != 0 && making.held == how->id)
    return TRUE;
  if (making.held != 0)
    holds_release (manager_get_holds (self), making.held);
  if (!opened || !holds_take (manager_get_holds (self), how->id))
    return FALSE;
  if (is_there (self, how->id))
    return TRUE;
  holds_release (manager_get_holds (self), how->id);
  return FALSE;
}

/* The caller has one hold of what is opened. */
static gboolean
open_held (ShmobjManager *self, NameOpen *how, const ShmobjFrame *initial, GError **error)
{
  GError *local_error = NULL;
  gboolean opened = FALSE;

  how->timeout_us = manager_get_timeout (self);
  if (!manager_enter (self, error) ||
      g_cancellable_set_error_if_cancelled (how->cancellable, error))
    return FALSE;

  for (guint i = 0; i < TRIES && !opened && local_error == NULL; i++)
    opened = open_once (self, how, initial, &local_error);
  if (how->name == NULL && opened)
    nameless_end_all (self, NULL, 0); /* looks around */

  if (local_error != NULL)
    g_propagate_error (error, local_error);
  else if (!opened)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "The %s “%s” is removed as often as we open it", kind_to_string (how->kind),
                 how->name != NULL ? how->name : "");
  return opened;
}

/**
 * shmobj_manager_open_list:
 * @self: a manager
 * @name: (nullable): the list's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a list.
 *
 * Returns: (transfer full): the list, or %NULL with `G_IO_ERROR_NOT_FOUND`, `G_IO_ERROR_EXISTS`,
 *   `SHMOBJ_ERROR_WRONG_KIND` (the name is another object's), `G_IO_ERROR_INVALID_ARGUMENT` (an
 *   impossible name, or flags that exclude each other), `SHMOBJ_ERROR_BUSY`, `G_IO_ERROR_NO_SPACE`,
 *   `G_IO_ERROR_CANCELLED`
 *
 * Since: 1.0
 */
ShmobjList *
shmobj_manager_open_list (ShmobjManager *self,
                          const char *name,
                          ShmobjOpenFlags flags,
                          GCancellable *cancellable,
                          GError **error)
{
  NameOpen how = { .name = name,
                   .kind = KIND_LIST,
                   .flags = flags,
                   .cancellable = cancellable,
                   .create = create_list };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return open_held (self, &how, NULL, error)
             ? container_new (SHMOBJ_TYPE_LIST, self, how.id, name, flags)
             : NULL;
}

/**
 * shmobj_manager_open_dict:
 * @self: a manager
 * @name: (nullable): the dict's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a dict.
 *
 * Returns: (transfer full): the dict, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list]
 *
 * Since: 1.0
 */
ShmobjDict *
shmobj_manager_open_dict (ShmobjManager *self,
                          const char *name,
                          ShmobjOpenFlags flags,
                          GCancellable *cancellable,
                          GError **error)
{
  NameOpen how = { .name = name,
                   .kind = KIND_DICT,
                   .flags = flags,
                   .cancellable = cancellable,
                   .create = create_dict };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return open_held (self, &how, NULL, error)
             ? container_new (SHMOBJ_TYPE_DICT, self, how.id, name, flags)
             : NULL;
}

/**
 * shmobj_manager_open_value:
 * @self: a manager
 * @name: (nullable): the value's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @initial: (nullable): what it is if it is created, sunk if it is floating; %NULL for nothing (an
 *   empty `mv`)
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a value. One that is there stays as it is.
 *
 * Returns: (transfer full): the value, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], or one about @initial as of [method@Shmobj.Value.set]
 *
 * Since: 1.0
 */
ShmobjValue *
shmobj_manager_open_value (ShmobjManager *self,
                           const char *name,
                           ShmobjOpenFlags flags,
                           GVariant *initial,
                           GCancellable *cancellable,
                           GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;
  NameOpen how = { .name = name,
                   .kind = KIND_VALUE,
                   .flags = flags,
                   .cancellable = cancellable,
                   .create = create_value };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  kept = g_variant_ref_sink (initial != NULL ? initial
                                             : g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
  shmobj_frame_set_variant (&frame, kept);
  how.bytes = frame.size;
  if (!stored_check_frame (&frame, error) || !open_held (self, &how, &frame, error))
    return NULL;
  return container_new (SHMOBJ_TYPE_VALUE, self, how.id, name, flags);
}

typedef struct
{
  Reference reference;
  ObjectKind kind;
} Lead;

static gboolean
follow (StoreTxn *txn, Lead *lead, GError **error)
{
  ObjectHeader header;

  if (references_get_identity (txn) != lead->reference.identity)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "Object %" G_GUINT64_FORMAT " is of another manager, which can open it",
                 lead->reference.id);
  else if (!names_get_header (txn, lead->reference.id, &header) ||
           names_is_removing (txn, lead->reference.id) || !kind_is_container (header.kind))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "Object %" G_GUINT64_FORMAT " was removed", lead->reference.id);
  else
    {
      lead->kind = header.kind;
      return TRUE;
    }
  return FALSE;
}

/* It is held already, so what is there will stay. */
static gboolean
follow_held (ShmobjManager *self, Lead *lead, GError **error)
{
  GError *local_error = NULL;
  gboolean found;
  StoreTxn txn;

  if (!store_read_begin (manager_get_store (self, NULL), &txn, error))
    return FALSE;
  found = follow (&txn, lead, &local_error);
  if (!store_read_end (&txn, error))
    {
      g_clear_error (&local_error);
      return FALSE;
    }
  if (!found)
    g_propagate_error (error, local_error);
  return found;
}

static gboolean
check_reference (GVariant *value, ShmobjOpenFlags flags, Reference *reference, GError **error)
{
  g_autofree char *shown = NULL;

  if ((flags & SHMOBJ_OPEN_EXCLUSIVE) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A reference leads to what there is: “exclusive” makes no sense");
      return FALSE;
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_OBJECT_PATH) &&
      reference_parse (g_variant_get_data (value), g_variant_get_size (value), reference))
    return TRUE;
  shown = g_variant_print (value, FALSE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "“%.80s” (type “%.20s”) is no reference to an object", shown,
               g_variant_get_type_string (value));
  return FALSE;
}

/**
 * shmobj_manager_open_reference:
 * @self: a manager
 * @reference: an item that refers to an object, or what
 *   [method@Shmobj.Container.get_reference] made; sunk if it is floating
 * @flags: %SHMOBJ_OPEN_DEFAULT or %SHMOBJ_OPEN_READ_ONLY
 * @error: return location for an error
 *
 * Opens the container that a reference leads to. It has no name here, whether it has one or not.
 *
 * A reference that was read from a container has what it refers to open as long as the `GVariant`
 * lives, so this finds it, whatever others do. Of a copy (a path that came another way) the object
 * may be gone.
 *
 * Returns: (transfer full): a [class@Shmobj.List], [class@Shmobj.Dict] or [class@Shmobj.Value]; or
 *   %NULL with `G_IO_ERROR_NOT_FOUND` (there is no such object any more) or
 *   `G_IO_ERROR_INVALID_ARGUMENT` (@reference is none, or one to an object of another manager)
 *
 * Since: 1.0
 */
ShmobjContainer *
shmobj_manager_open_reference (ShmobjManager *self,
                               GVariant *reference,
                               ShmobjOpenFlags flags,
                               GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  Lead lead;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);
  g_return_val_if_fail (reference != NULL, NULL);

  kept = g_variant_ref_sink (reference);
  if (!manager_enter (self, error) || !check_reference (kept, flags, &lead.reference, error))
    return NULL;
  if (!holds_take (manager_get_holds (self), lead.reference.id))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "Object %" G_GUINT64_FORMAT " is being removed", lead.reference.id);
      return NULL;
    }
  if (follow_held (self, &lead, error))
    return container_new (lead.kind == KIND_LIST   ? SHMOBJ_TYPE_LIST
                          : lead.kind == KIND_DICT ? SHMOBJ_TYPE_DICT
                                                   : SHMOBJ_TYPE_VALUE,
                          self, lead.reference.id, NULL, flags);
  holds_release (manager_get_holds (self), lead.reference.id);
  return NULL;
}
