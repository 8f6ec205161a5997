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
 * [class@Shmobj.Container] says what all its methods have in common: threads, forks, errors.
 *
 * Since: 1.0
 */

#include "manager/dict-private.h"

#include "manager/normal.h"
#include "objects/handle.h"

struct _ShmobjDict
{
  ShmobjContainer parent_instance;
};

struct _ShmobjDictClass
{
  ShmobjContainerClass parent_class;
};

G_DEFINE_FINAL_TYPE (ShmobjDict, shmobj_dict, SHMOBJ_TYPE_CONTAINER)

enum
{
  CHANGED,
  BIND_FAILED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
shmobj_dict_class_init (ShmobjDictClass *klass)
{
  klass->parent_class.kind = KIND_DICT;
  klass->parent_class.handle_class = "Dict";
  klass->parent_class.follow = shmobj_dict_follow;

  /**
   * ShmobjDict::changed:
   * @self: the dict
   * @key: which key
   *
   * Something has happened to a key: it was set, has another value, or was removed. What it is now
   * [method@Shmobj.Dict.lookup] tells.
   *
   * It comes only after [method@Shmobj.Container.watch], which says when (and while something is
   * bound, [method@Shmobj.Dict.bind]). The detail is the key, if
   * it is a string: `changed::volume`.
   *
   * Since: 1.0
   */
  signals[CHANGED] =
      g_signal_new ("changed", SHMOBJ_TYPE_DICT, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_VARIANT);

  /**
   * ShmobjDict::bind-failed:
   * @self: the dict
   * @key: which key
   * @error: what went wrong
   *
   * A key and what [method@Shmobj.Dict.bind] or [method@Shmobj.Dict.create_action] made for it are
   * not the same now. `SHMOBJ_ERROR_NOT_REPRESENTABLE`: the value is none that the property can
   * have, or the property's cannot be stored; then each keeps what it has. Else the key could not
   * be set, and @error is one of those that [method@Shmobj.Dict.set] has, or not be read, with one
   * of those of [method@Shmobj.Dict.lookup]. Nothing is tried again before one of the two changes.
   *
   * A handler may set the property to something else. When that fails as well, it is not told.
   *
   * Since: 1.0
   */
  signals[BIND_FAILED] =
      g_signal_new ("bind-failed", SHMOBJ_TYPE_DICT, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                    NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_ERROR);
}

void
shmobj_dict_tell_change (ShmobjDict *self, GQuark detail, GVariant *key)
{
  g_signal_emit (self, signals[CHANGED], detail, key);
}

void
shmobj_dict_tell_failure (ShmobjDict *self, const char *key, const GError *error)
{
  g_signal_emit (self, signals[BIND_FAILED], g_quark_try_string (key), key, error);
}

static void
shmobj_dict_init (ShmobjDict *self)
{
}

static GObject *
dict_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  return container_from_handle (SHMOBJ_TYPE_DICT, handle_properties, n_fds, error);
}

HANDLE_CLASS (dict, "Dict", shmobj_dict_get_type, dict_from_handle)

/**
 * shmobj_dict_get_length:
 * @self: a dict
 * @error: return location for an error
 *
 * Counts what is in it, now. [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: the number of keys, or -1 with an error
 *
 * Since: 1.0
 */
gint64
shmobj_dict_get_length (ShmobjDict *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_DICT (self), -1);

  return container_get_length (self, error);
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
  return shmobj_dict_get_frame (self, &frame, &out, error) ? stored_take_value (&out, error) : NULL;
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
  return shmobj_dict_lookup_frame (self, &frame, &out, error) > 0 ? stored_take_value (&out, error)
                                                                  : NULL;
}

/**
 * shmobj_dict_contains:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @error: return location for an error
 *
 * Looks for something. [class@Shmobj.Container] names the errors that every call can have.
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

/**
 * shmobj_dict_keys:
 * @self: a dict
 * @n_keys: (out): how many there are
 * @error: return location for an error
 *
 * Reads all keys, in the order in which they were first set.
 * [class@Shmobj.Container] names the errors that every call can have.
 *
 * Returns: (array length=n_keys) (transfer full): the keys, or %NULL with an error. In C: give each
 *   back with g_variant_unref(), the array with g_free()
 *
 * Since: 1.0
 */
GVariant **
shmobj_dict_keys (ShmobjDict *self, gsize *n_keys, GError **error)
{
  ShmobjFrameRun run;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (n_keys != NULL, NULL);

  *n_keys = 0;
  return shmobj_dict_keys_frames (self, &run, error) ? stored_take_values (&run, n_keys, error)
                                                     : NULL;
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
  g_auto (ShmobjFrameRun) run = { 0 };
  GVariantBuilder builder;
  GVariant **values;
  gsize n;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);

  if (!shmobj_dict_items_frames (self, &run, error))
    return NULL;
  if (run.n_paths == 0)
    return stored_make_pairs (&run, error);

  /* references are GVariants that hold what they lead to */
  values = stored_take_values (&run, &n, error);
  if (values == NULL)
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
 * shmobj_dict_set_default:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @value: its value, if it has none; sunk if it is floating
 * @error: return location for an error
 *
 * Gives a key a value if it has none, in one step: of several who do so at the same time, one sets
 * the value and all get that one.
 *
 * Returns: (transfer full): the value that it has now, or %NULL with an error as of
 *   [method@Shmobj.Dict.set] or [method@Shmobj.Dict.get]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_set_default (ShmobjDict *self, GVariant *key, GVariant *value, GError **error)
{
  g_autoptr (GVariant) kept_key = NULL;
  g_autoptr (GVariant) kept_value = NULL;
  ShmobjFrame frame, value_frame, out;
  int found;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (value != NULL, NULL);

  kept_key = g_variant_ref_sink (key);
  kept_value = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept_key);
  shmobj_frame_set_variant (&value_frame, kept_value);
  found = shmobj_dict_set_default_frame (self, &frame, &value_frame, &out, error);
  if (found < 0)
    return NULL;
  return found ? stored_take_value (&out, error) : g_steal_pointer (&kept_value);
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
  return shmobj_dict_pop_frame_for (self, &frame, stored_check_value, &out, error)
             ? stored_take_value (&out, error)
             : NULL;
}

/**
 * shmobj_dict_pop_item:
 * @self: a dict
 * @error: return location for an error
 *
 * Removes the key that is last in the order, and returns it with its value. It costs the same
 * however large the dict is.
 *
 * Returns: (transfer full): a `(vv)` of the key and its value, or %NULL with `G_IO_ERROR_NOT_FOUND`
 *   when the dict is empty, `SHMOBJ_ERROR_INCOMPATIBLE` when the value is one that only Python
 *   reads (then it stays), or an error as of [method@Shmobj.Dict.set]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_pop_item (ShmobjDict *self, GError **error)
{
  g_autoptr (GVariant) key = NULL;
  g_autoptr (GVariant) value = NULL;
  ShmobjFrame key_frame, value_frame;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);

  if (!shmobj_dict_pop_item_frames (self, FALSE, &key_frame, &value_frame, error))
    return NULL;
  key = stored_take_value (&key_frame, error);
  value = stored_take_value (&value_frame, key != NULL ? error : NULL);
  if (key == NULL || value == NULL)
    return NULL;
  return g_variant_ref_sink (g_variant_new ("(vv)", key, value));
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
  return shmobj_dict_pop_frame_for (self, &frame, NULL, NULL, error);
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
