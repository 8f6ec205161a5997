/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names in a manager: taken away, looked up, listed. */

#include "manager/shmobj-manager.h"

#include "manager/address.h"
#include "manager/manager-private.h"
#include "manager/names.h"

/**
 * shmobj_manager_remove:
 * @self: a manager
 * @name: an object's name
 * @error: return location for an error
 *
 * Takes a name away. Those who have the object open go on using it; the name can be given to a new
 * one.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_FOUND`, `G_IO_ERROR_INVALID_ARGUMENT`,
 *   `SHMOBJ_ERROR_BUSY`, `G_IO_ERROR_NO_SPACE`
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_remove (ShmobjManager *self, const char *name, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return address_check_name (name, "object", error) && manager_remove_name (self, name, error);
}

/**
 * shmobj_manager_lookup:
 * @self: a manager
 * @name: an object's name
 * @error: return location for an error
 *
 * Looks what a name stands for.
 * [class@Shmobj.Manager] names the errors that every call can have.
 *
 * Returns: (nullable): `list`, `dict`, `value`, `queue`, `lock`, `event`, `semaphore`,
 *   `condition`, `barrier` or `shared-memory`; %NULL without an error when there is no such name,
 * or %NULL with an error
 *
 * Since: 1.0
 */
const char *
shmobj_manager_lookup (ShmobjManager *self, const char *name, GError **error)
{
  ObjectKind kind = 0;
  gboolean found;
  StoreTxn txn;
  guint64 id;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (!manager_enter (self, error) || !address_check_name (name, "object", error) ||
      !store_read_begin (manager_get_store (self, NULL), &txn, error))
    return NULL;
  found = names_lookup (&txn, name, &kind, &id);
  return store_read_end (&txn, error) && found ? kind_to_string (kind) : NULL;
}

/**
 * shmobj_manager_list_objects:
 * @self: a manager
 * @error: return location for an error
 *
 * Lists the objects that have a name.
 *
 * Returns: (transfer full): an `a(sst)` of name, kind (as of [method@Shmobj.Manager.lookup]) and
 *   size (items of a list or a dict, bytes of others), sorted by name; or %NULL with an error
 *
 * Since: 1.0
 */
GVariant *
shmobj_manager_list_objects (ShmobjManager *self, GError **error)
{
  g_autoptr (GVariant) objects = NULL;
  StoreTxn txn;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  if (!manager_enter (self, error) ||
      !store_read_begin (manager_get_store (self, NULL), &txn, error))
    return NULL;
  objects = g_variant_ref_sink (names_list (&txn));
  return store_read_end (&txn, error) ? g_steal_pointer (&objects) : NULL;
}
