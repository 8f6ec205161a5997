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
 * All methods may be called from any thread and, after fork(), from the child. Changes wait for
 * others who change something in the same manager, as long as
 * [property@Shmobj.Manager:write-timeout-us] says, then they are `SHMOBJ_ERROR_BUSY`. Where there
 * is no more room they are `G_IO_ERROR_NO_SPACE`. On a list that was removed and is nobody's any
 * more every call is `G_IO_ERROR_NOT_FOUND`; where the store is damaged, `SHMOBJ_ERROR_CORRUPT`.
 *
 * Since: 1.0
 */

#include "manager/list-held.h"

#include "manager/list-rows.h"
#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

struct _ShmobjList
{
  GObject parent_instance;

  Held held;
};

enum
{
  PROP_NAME = 1,
  PROP_MANAGER,
};

static GParamSpec *properties[PROP_MANAGER + 1];

static GVariant *
shmobj_list_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error);

static void
shmobj_list_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_list_to_handle;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjList,
                               shmobj_list,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                      shmobj_list_shareable_init))

static void
shmobj_list_finalize (GObject *object)
{
  held_clear (&SHMOBJ_LIST (object)->held);
  G_OBJECT_CLASS (shmobj_list_parent_class)->finalize (object);
}

static void
shmobj_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjList *self = SHMOBJ_LIST (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->held.name);
      break;
    case PROP_MANAGER:
      g_value_set_object (value, self->held.manager);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_list_class_init (ShmobjListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_list_finalize;
  object_class->get_property = shmobj_list_get_property;

  /**
   * ShmobjList:name: (getter get_name)
   *
   * The name under which it was opened; %NULL for a list without one.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjList:manager: (getter get_manager)
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
shmobj_list_init (ShmobjList *self)
{
}

Held *
shmobj_list_get_held (ShmobjList *self)
{
  return &self->held;
}

ShmobjList *
shmobj_list_new_held (ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags)
{
  ShmobjList *self = g_object_new (SHMOBJ_TYPE_LIST, NULL);

  held_init (&self->held, manager, id, name, flags);
  return self;
}

static GVariant *
shmobj_list_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  ShmobjList *self = SHMOBJ_LIST (shareable);

  return manager_handle_of (self->held.manager, "List", &self->held, fds, error);
}

static GObject *
list_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  return held_from_handle (handle_properties, n_fds, KIND_LIST, error);
}

HANDLE_CLASS (list, "List", shmobj_list_get_type, list_from_handle)

/**
 * shmobj_list_get_name:
 * @self: a list
 *
 * Tells under which name it was opened.
 *
 * Returns: (nullable): the name under which it was opened; %NULL for a list without one
 *
 * Since: 1.0
 */
const char *
shmobj_list_get_name (ShmobjList *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  return self->held.name;
}

/**
 * shmobj_list_get_manager:
 * @self: a list
 *
 * Tells where it lives.
 *
 * Returns: (transfer none) (nullable): the manager that it belongs to
 *
 * Since: 1.0
 */
ShmobjManager *
shmobj_list_get_manager (ShmobjList *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  return self->held.manager;
}

/**
 * shmobj_list_get_revision:
 * @self: a list
 * @error: return location for an error
 *
 * A number that grows with each change of the list, whoever makes it.
 * [class@Shmobj.List] names the errors that every call can have.
 *
 * Returns: the revision, at least 1; 0 with an error
 *
 * Since: 1.0
 */
guint64
shmobj_list_get_revision (ShmobjList *self, GError **error)
{
  ObjectHeader header;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), 0);

  return shmobj_list_get_header (self, &header, error) ? header.revision : 0;
}

/**
 * shmobj_list_get_length:
 * @self: a list
 * @error: return location for an error
 *
 * Counts what is in it, now. [class@Shmobj.List] names the errors that every call can have.
 *
 * Returns: the number of items, or -1 with an error
 *
 * Since: 1.0
 */
gint64
shmobj_list_get_length (ShmobjList *self, GError **error)
{
  ObjectHeader header;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), -1);

  return shmobj_list_get_header (self, &header, error) ? (gint64) header.length : -1;
}

/* The value of a frame that is ours, which ends here. */
static GVariant *
take_value (ShmobjFrame *frame, GError **error)
{
  GVariant *value = shmobj_frame_steal_variant (frame, error);

  if (value == NULL)
    shmobj_frame_clear (frame);
  return value;
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

  return shmobj_list_get_frame (self, index, &frame, error) ? take_value (&frame, error) : NULL;
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
 * [class@Shmobj.List] names the errors that every call can have.
 *
 * Returns: (array length=n_values) (transfer full): the items, or %NULL with an error. In C: give
 *   each back with g_variant_unref(), the array with g_free()
 *
 * Since: 1.0
 */
GVariant **
shmobj_list_get_range (ShmobjList *self, gint64 start, gint64 end, gsize *n_values, GError **error)
{
  ShmobjFrame *frames;
  GVariant **values;
  gsize n, done;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);
  g_return_val_if_fail (n_values != NULL, NULL);

  *n_values = 0;
  if (!shmobj_list_get_range_frames (self, start, end, &frames, &n, error))
    return NULL;

  values = g_new0 (GVariant *, n + 1);
  for (done = 0; done < n; done++)
    if ((values[done] = shmobj_frame_steal_variant (&frames[done], error)) == NULL)
      break;
  for (gsize i = done; i < n; i++)
    shmobj_frame_clear (&frames[i]);
  g_free (frames);

  if (done == n)
    {
      *n_values = n;
      return values;
    }
  for (gsize i = 0; i < done; i++)
    g_variant_unref (values[i]);
  g_free (values);
  return NULL;
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
 * [class@Shmobj.List] names the errors that every call can have.
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
 * Looks for something. [class@Shmobj.List] names the errors that every call can have.
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
  g_autofree ShmobjFrame *frames = NULL;
  gboolean extended;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (values != NULL || n_values == 0, FALSE);

  frames = g_new0 (ShmobjFrame, n_values);
  for (gsize i = 0; i < n_values; i++)
    shmobj_frame_set_variant (&frames[i], g_variant_ref_sink (values[i]));
  extended = shmobj_list_extend_frames (self, frames, n_values, error);
  for (gsize i = 0; i < n_values; i++)
    g_variant_unref (values[i]);
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

  return shmobj_list_pop_frame_for (self, index, FALSE, &frame, error) ? take_value (&frame, error)
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
