/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjDict:
 *
 * A dict that processes share: values by key, in the order in which the keys were first set.
 *
 * A dict lives in a [class@Shmobj.Manager], which opens it by name. Reading takes no lock and asks
 * nobody; a change is whole or has not happened, whatever kills the process that makes it. Every
 * call sees the dict as it is now, and each sees one state.
 *
 * Keys are booleans, numbers, strings, bytes, and tuples of these; others are
 * `SHMOBJ_ERROR_NOT_REPRESENTABLE`. Integers of every width are the same key, and come back as `x`
 * (`t` above that). Values are kept as given.
 *
 * All methods may be called from any thread and, after fork(), from the child. Changes wait for
 * others who change something in the same manager, as long as
 * [property@Shmobj.Manager:write-timeout-us] says, then they are `SHMOBJ_ERROR_BUSY`. Where there
 * is no more room they are `G_IO_ERROR_NO_SPACE`. On a dict that was removed and is nobody's any
 * more every call is `G_IO_ERROR_NOT_FOUND`; where the store is damaged, `SHMOBJ_ERROR_CORRUPT`.
 *
 * Since: 1.0
 */

#include "manager/dict-held.h"

#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

struct _ShmobjDict
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
shmobj_dict_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error);

static void
shmobj_dict_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_dict_to_handle;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjDict,
                               shmobj_dict,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                      shmobj_dict_shareable_init))

static void
shmobj_dict_finalize (GObject *object)
{
  held_clear (&SHMOBJ_DICT (object)->held);
  G_OBJECT_CLASS (shmobj_dict_parent_class)->finalize (object);
}

static void
shmobj_dict_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjDict *self = SHMOBJ_DICT (object);

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
shmobj_dict_class_init (ShmobjDictClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_dict_finalize;
  object_class->get_property = shmobj_dict_get_property;

  /**
   * ShmobjDict:name: (getter get_name)
   *
   * The name under which it was opened; %NULL for a dict without one.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjDict:manager: (getter get_manager)
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
shmobj_dict_init (ShmobjDict *self)
{
}

Held *
shmobj_dict_get_held (ShmobjDict *self)
{
  return &self->held;
}

ShmobjDict *
shmobj_dict_new_held (ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags)
{
  ShmobjDict *self = g_object_new (SHMOBJ_TYPE_DICT, NULL);

  held_init (&self->held, manager, id, name, flags);
  return self;
}

static GVariant *
shmobj_dict_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  ShmobjDict *self = SHMOBJ_DICT (shareable);

  return manager_handle_of (self->held.manager, "Dict", &self->held, fds, error);
}

static GObject *
dict_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  return held_from_handle (handle_properties, n_fds, KIND_DICT, error);
}

HANDLE_CLASS (dict, "Dict", shmobj_dict_get_type, dict_from_handle)

/**
 * shmobj_dict_get_name:
 * @self: a dict
 *
 * Tells under which name it was opened.
 *
 * Returns: (nullable): the name under which it was opened; %NULL for a dict without one
 *
 * Since: 1.0
 */
const char *
shmobj_dict_get_name (ShmobjDict *self)
{
  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);

  return self->held.name;
}

/**
 * shmobj_dict_get_manager:
 * @self: a dict
 *
 * Tells where it lives.
 *
 * Returns: (transfer none) (nullable): the manager that it belongs to
 *
 * Since: 1.0
 */
ShmobjManager *
shmobj_dict_get_manager (ShmobjDict *self)
{
  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);

  return self->held.manager;
}

/**
 * shmobj_dict_get_revision:
 * @self: a dict
 * @error: return location for an error
 *
 * A number that grows with each change of the dict, whoever makes it.
 * [class@Shmobj.Dict] names the errors that every call can have.
 *
 * Returns: the revision, at least 1; 0 with an error
 *
 * Since: 1.0
 */
guint64
shmobj_dict_get_revision (ShmobjDict *self, GError **error)
{
  ObjectHeader header;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), 0);

  return shmobj_dict_get_header (self, &header, error) ? header.revision : 0;
}

/**
 * shmobj_dict_get_length:
 * @self: a dict
 * @error: return location for an error
 *
 * Counts what is in it, now. [class@Shmobj.Dict] names the errors that every call can have.
 *
 * Returns: the number of keys, or -1 with an error
 *
 * Since: 1.0
 */
gint64
shmobj_dict_get_length (ShmobjDict *self, GError **error)
{
  ObjectHeader header;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), -1);

  return shmobj_dict_get_header (self, &header, error) ? (gint64) header.length : -1;
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
 * shmobj_dict_get:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Reads the value of a key. Takes no lock.
 *
 * Returns: (transfer full): the value, or %NULL with `G_IO_ERROR_NOT_FOUND` when there is no such
 *   key, `SHMOBJ_ERROR_NOT_REPRESENTABLE` when it cannot be one, `SHMOBJ_ERROR_INCOMPATIBLE` when
 *   the value is one that only Python reads
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_get (ShmobjDict *self, GVariant *key, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame, out;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  kept = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_dict_get_frame (self, &frame, &out, error) ? take_value (&out, error) : NULL;
}

/**
 * shmobj_dict_lookup:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Reads the value of a key that may not be there.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error when there is no such key,
 *   or %NULL with an error as of [method@Shmobj.Dict.get]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_lookup (ShmobjDict *self, GVariant *key, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame, out;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  kept = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_dict_lookup_frame (self, &frame, &out, error) > 0 ? take_value (&out, error) : NULL;
}

/**
 * shmobj_dict_contains:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Looks for something. [class@Shmobj.Dict] names the errors that every call can have.
 *
 * Returns: whether there is such a key; %FALSE with or without an error
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_contains (ShmobjDict *self, GVariant *key, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  kept = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_dict_lookup_frame (self, &frame, NULL, error) > 0;
}

/* Values of frames that end here; NULL with an error. */
static GVariant **
take_values (ShmobjFrame *frames, gsize n, GError **error)
{
  GVariant **values = g_new0 (GVariant *, n + 1);
  gsize done;

  for (done = 0; done < n; done++)
    if ((values[done] = shmobj_frame_steal_variant (&frames[done], error)) == NULL)
      break;
  for (gsize i = done; i < n; i++)
    shmobj_frame_clear (&frames[i]);
  g_free (frames);
  if (done == n)
    return values;

  for (gsize i = 0; i < done; i++)
    g_variant_unref (values[i]);
  g_free (values);
  return NULL;
}

/**
 * shmobj_dict_keys:
 * @self: a dict
 * @n_keys: (out): how many there are
 * @error: return location for an error
 *
 * Reads all keys, in the order in which they were first set.
 * [class@Shmobj.Dict] names the errors that every call can have.
 *
 * Returns: (array length=n_keys) (transfer full): the keys, or %NULL with an error. In C: give each
 *   back with g_variant_unref(), the array with g_free()
 *
 * Since: 1.0
 */
GVariant **
shmobj_dict_keys (ShmobjDict *self, gsize *n_keys, GError **error)
{
  ShmobjFrame *frames;
  GVariant **keys;
  gsize n;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (n_keys != NULL, NULL);

  *n_keys = 0;
  if (!shmobj_dict_keys_frames (self, &frames, &n, error))
    return NULL;
  keys = take_values (frames, n, error);
  *n_keys = keys != NULL ? n : 0;
  return keys;
}

/**
 * shmobj_dict_items:
 * @self: a dict
 * @error: return location for an error
 *
 * Reads all keys with their values, from one state of the dict, in the order in which the keys were
 * first set.
 *
 * Returns: (transfer full): an `a(vv)` of keys and values, or %NULL with an error as of
 *   [method@Shmobj.Dict.get]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_items (ShmobjDict *self, GError **error)
{
  GVariantBuilder builder;
  ShmobjFrame *frames;
  GVariant **values;
  gsize n;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);

  if (!shmobj_dict_items_frames (self, &frames, &n, error) ||
      (values = take_values (frames, n, error)) == NULL)
    return NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(vv)"));
  for (gsize i = 0; i + 1 < n; i += 2)
    {
      g_variant_builder_add (&builder, "(vv)", values[i], values[i + 1]);
      g_variant_unref (values[i]);
      g_variant_unref (values[i + 1]);
    }
  g_free (values);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * shmobj_dict_set:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @value: its value; sunk if it is floating
 * @error: return location for an error
 *
 * Gives a key a value. A key that is there keeps its place in the order.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NO_SPACE`, `SHMOBJ_ERROR_BUSY`,
 *   `G_IO_ERROR_MESSAGE_TOO_LARGE`, `SHMOBJ_ERROR_NOT_REPRESENTABLE` (a key that cannot be one, a
 *   value with descriptors in it), `G_IO_ERROR_PERMISSION_DENIED` (opened for reading only),
 *   `G_IO_ERROR_NOT_FOUND` (the dict was removed)
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_set (ShmobjDict *self, GVariant *key, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept_key = NULL;
  g_autoptr (GVariant) kept_value = NULL;
  ShmobjFrame frame, value_frame;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept_key = g_variant_ref_sink (key);
  kept_value = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept_key);
  shmobj_frame_set_variant (&value_frame, kept_value);
  return shmobj_dict_set_frame (self, &frame, &value_frame, error);
}

/**
 * shmobj_dict_update:
 * @self: a dict
 * @items: an `a(vv)` of keys and values, or an `a{sv}`; sunk if it is floating
 * @error: return location for an error
 *
 * Gives many keys their values, all or none of them.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (another type), or an error as of
 *   [method@Shmobj.Dict.set]
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_update (ShmobjDict *self, GVariant *items, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  g_autoptr (GPtrArray) values = NULL;
  g_autofree ShmobjFrame *frames = NULL;
  gsize n;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);
  g_return_val_if_fail (items != NULL, FALSE);

  kept = g_variant_ref_sink (items);
  if (!g_variant_is_of_type (kept, G_VARIANT_TYPE ("a(vv)")) &&
      !g_variant_is_of_type (kept, G_VARIANT_TYPE ("a{?*}")))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A dict is updated from a(vv) or a{sv}, not from “%.64s”",
                   g_variant_get_type_string (kept));
      return FALSE;
    }

  n = g_variant_n_children (kept);
  values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  frames = g_new0 (ShmobjFrame, 2 * n + 1);
  for (gsize i = 0; i < 2 * n; i++)
    {
      g_autoptr (GVariant) pair = g_variant_get_child_value (kept, i / 2);
      g_autoptr (GVariant) value = g_variant_get_child_value (pair, i % 2);

      if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
        g_ptr_array_add (values, g_variant_get_variant (value));
      else
        g_ptr_array_add (values, g_steal_pointer (&value));
      shmobj_frame_set_variant (&frames[i], values->pdata[i]);
    }
  return shmobj_dict_update_frames (self, frames, n, error);
}

/**
 * shmobj_dict_pop:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Removes a key and returns its value.
 *
 * Returns: (transfer full): the value, or %NULL with `G_IO_ERROR_NOT_FOUND` when there is no such
 *   key, `SHMOBJ_ERROR_INCOMPATIBLE` when the value is one that only Python reads (then it stays),
 *   or an error as of [method@Shmobj.Dict.set]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_pop (ShmobjDict *self, GVariant *key, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame, out;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  kept = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_dict_pop_frame_for (self, &frame, FALSE, &out, error) ? take_value (&out, error)
                                                                      : NULL;
}

/**
 * shmobj_dict_remove:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Removes a key with its value, whatever the value is.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_FOUND` when there is no such key, or an error as
 *   of [method@Shmobj.Dict.set]
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_remove (ShmobjDict *self, GVariant *key, GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  kept = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&frame, kept);
  return shmobj_dict_pop_frame_for (self, &frame, TRUE, NULL, error);
}

/**
 * shmobj_dict_clear:
 * @self: a dict
 * @error: return location for an error
 *
 * Removes all keys.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Dict.set]
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_clear (ShmobjDict *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);

  return shmobj_dict_clear_items (self, error);
}
