/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjList:
 *
 * A list that processes share: any number of values, in order.
 *
 * A list lives in a [class@Shmobj.Manager], which opens it by name. Reading takes no lock and asks
 * nobody; a change is whole or has not happened, whatever kills the process that makes it. Every
 * call sees the list as it is now, and each sees one state: what [method@Shmobj.List.get_range]
 * returns existed like that at one moment.
 *
 * Negative indexes count from the end. Values are kept as given; where values are compared
 * ([method@Shmobj.List.index] and others), integers of every width are the same.
 *
 * [class@Shmobj.Container] says what all its methods have in common: threads, forks, errors.
 *
 * Since: 1.0
 */

#include "manager/list-private.h"

#include "manager/stored.h"
#include "objects/handle.h"

struct _ShmobjList
{
  ShmobjContainer parent_instance;
};

struct _ShmobjListClass
{
  ShmobjContainerClass parent_class;
};

G_DEFINE_FINAL_TYPE (ShmobjList, shmobj_list, SHMOBJ_TYPE_CONTAINER)

static void
shmobj_list_class_init (ShmobjListClass *klass)
{
  klass->parent_class.kind = KIND_LIST;
  klass->parent_class.handle_class = "List";
}

static void
shmobj_list_init (ShmobjList *self)
{
}

static GObject *
list_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  return container_from_handle (SHMOBJ_TYPE_LIST, handle_properties, n_fds, error);
}

HANDLE_CLASS (list, "List", shmobj_list_get_type, list_from_handle)

/**
 * shmobj_list_get_length:
 * @self: a list
 * @error: return location for an error
 *
 * Counts what is in it, now. [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: the number of items, or -1 with an error
 *
 * Since: 1.0
 */
gint64
shmobj_list_get_length (ShmobjList *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (self), -1);

  return container_get_length (self, error);
}

/**
 * shmobj_list_get:
 * @self: a list
 * @index: which item; -1 is the last
 * @error: return location for an error
 *
 * Reads one item. Takes no lock.
 *
 * Returns: (transfer full): the item, or %NULL with `G_IO_ERROR_NOT_FOUND` when @index is outside
 *   of the list, or `SHMOBJ_ERROR_INCOMPATIBLE` when it is one that only Python reads
 *
 * Since: 1.0
 */
GVariant *
shmobj_list_get (ShmobjList *self, gint64 index, GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  return shmobj_list_get_frame (self, index, &frame, error) ? stored_take_value (&frame, error)
                                                            : NULL;
}

/**
 * shmobj_list_get_range:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last; larger than the length means the end of the list
 * @n_values: (out): how many there are
 * @error: return location for an error
 *
 * Reads items, all from the same state of the list. Bounds outside of the list mean its ends.
 * [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: (array length=n_values) (transfer full): the items, or %NULL with an error. In C: give
 *   each back with g_variant_unref(), the array with g_free()
 *
 * Since: 1.0
 */
GVariant **
shmobj_list_get_range (ShmobjList *self, gint64 start, gint64 end, gsize *n_values, GError **error)
{
  ShmobjFrameRun run;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);
  g_return_val_if_fail (n_values != NULL, NULL);

  *n_values = 0;
  return shmobj_list_get_range_frames (self, start, end, &run, error)
             ? stored_take_values (&run, n_values, error)
             : NULL;
}

/**
 * shmobj_list_get_packed:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last; larger than the length means the end of the list
 * @error: return location for an error
 *
 * Reads items as [method@Shmobj.List.get_range] does, in one value: an array of their type where
 * all are numbers (other than bytes), texts or booleans of one type, as `ax`, `ad` or `as`, and
 * otherwise an `av`. That is the quickest way to many items where each GVariant costs something.
 *
 * Returns: (transfer full): the items, or %NULL with an error as of [method@Shmobj.List.get_range]
 *
 * Since: 1.0
 */
GVariant *
shmobj_list_get_packed (ShmobjList *self, gint64 start, gint64 end, GError **error)
{
  ShmobjFrameRun run;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  return shmobj_list_get_range_frames (self, start, end, &run, error)
             ? stored_take_packed (&run, error)
             : NULL;
}

/**
 * shmobj_list_index:
 * @self: a list
 * @value: what to look for
 * @error: return location for an error
 *
 * Finds the first item that equals @value. Integers of every width are the same.
 *
 * Returns: where it is, or -1 with `G_IO_ERROR_NOT_FOUND`
 *
 * Since: 1.0
 */
gint64
shmobj_list_index (ShmobjList *self, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), -1);
  g_return_val_if_fail (value != NULL, -1);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_index_frame (self, &frame, error);
}

/**
 * shmobj_list_count:
 * @self: a list
 * @value: what to look for
 * @error: return location for an error
 *
 * Counts the items that equal @value. Integers of every width are the same.
 * [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: how many there are, or -1 with an error
 *
 * Since: 1.0
 */
gint64
shmobj_list_count (ShmobjList *self, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), -1);
  g_return_val_if_fail (value != NULL, -1);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_count_frame (self, &frame, error);
}

/**
 * shmobj_list_contains:
 * @self: a list
 * @value: what to look for
 * @error: return location for an error
 *
 * Looks for something. [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: whether an item equals @value; %FALSE with or without an error
 *
 * Since: 1.0
 */
gboolean
shmobj_list_contains (ShmobjList *self, GVariant *value, GError **error)
{
  GError *local_error = NULL;
  gint64 index;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  index = shmobj_list_index (self, value, &local_error);
  if (index < 0 && g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) &&
      shmobj_list_get_length (self, NULL) >= 0)
    g_clear_error (&local_error);
  if (local_error != NULL)
    g_propagate_error (error, local_error);
  return index >= 0;
}

/**
 * shmobj_list_append:
 * @self: a list
 * @value: what to add; sunk if it is floating
 * @error: return location for an error
 *
 * Adds an item at the end.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NO_SPACE`, `SHMOBJ_ERROR_BUSY`,
 *   `G_IO_ERROR_MESSAGE_TOO_LARGE`, `SHMOBJ_ERROR_NOT_REPRESENTABLE` (@value has descriptors in
 *   it), `G_IO_ERROR_PERMISSION_DENIED` (opened for reading only), `G_IO_ERROR_NOT_FOUND` (the list
 *   was removed)
 *
 * Since: 1.0
 */
gboolean
shmobj_list_append (ShmobjList *self, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_append_frame (self, &frame, error);
}

/**
 * shmobj_list_extend:
 * @self: a list
 * @values: (array length=n_values): what to add; each is sunk if it is floating
 * @n_values: how many there are
 * @error: return location for an error
 *
 * Adds items at the end, all or none of them.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_extend (ShmobjList *self, GVariant **values, gsize n_values, GError **error)
{
  ShmobjFrame *frames;
  gboolean extended;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (values != NULL || n_values == 0, FALSE);

  frames = stored_borrow_values (values, n_values);
  extended = shmobj_list_extend_frames (self, frames, n_values, error);
  stored_return_values (values, frames, n_values);
  return extended;
}

/**
 * shmobj_list_insert:
 * @self: a list
 * @position: where the item will be; outside of the list means its ends
 * @value: what to insert; sunk if it is floating
 * @error: return location for an error
 *
 * Inserts an item. In the middle of a long list it costs a few times what appending costs.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_insert (ShmobjList *self, gint64 position, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_insert_frame (self, position, &frame, error);
}

/**
 * shmobj_list_set:
 * @self: a list
 * @index: which item; -1 is the last
 * @value: what to put in its place; sunk if it is floating
 * @error: return location for an error
 *
 * Replaces an item.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_FOUND` when @index is outside of the list, or an
 *   error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_set (ShmobjList *self, gint64 index, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_set_frame (self, index, &frame, error);
}

/**
 * shmobj_list_pop:
 * @self: a list
 * @index: which item; -1 is the last
 * @error: return location for an error
 *
 * Removes an item and returns it.
 *
 * Returns: (transfer full): the item, or %NULL with `G_IO_ERROR_NOT_FOUND` when @index is outside
 *   of the list, `SHMOBJ_ERROR_INCOMPATIBLE` when it is one that only Python reads (then it stays),
 *   or an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
GVariant *
shmobj_list_pop (ShmobjList *self, gint64 index, GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  return shmobj_list_pop_frame_for (self, index, stored_check_value, &frame, error)
             ? stored_take_value (&frame, error)
             : NULL;
}

/**
 * shmobj_list_remove_value:
 * @self: a list
 * @value: what to remove
 * @error: return location for an error
 *
 * Removes the first item that equals @value. Integers of every width are the same.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_FOUND`, or an error as of
 *   [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_remove_value (ShmobjList *self, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_list_remove_value_frame (self, &frame, error);
}

/**
 * shmobj_list_delete_range:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last
 * @error: return location for an error
 *
 * Removes items, all at once. Bounds outside of the list mean its ends.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_delete_range (ShmobjList *self, gint64 start, gint64 end, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);

  return shmobj_list_clear_items (self, start, end, FALSE, error);
}

/**
 * shmobj_list_clear:
 * @self: a list
 * @error: return location for an error
 *
 * Removes all items.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_clear (ShmobjList *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);

  return shmobj_list_clear_items (self, 0, 0, TRUE, error);
}
