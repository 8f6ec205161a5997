/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A key of a dict as a GAction, for menus, buttons and shortcuts; as g_settings_create_action().
 *
 * The type of an action's state is for ever, while a key may be given a value of any type. So the
 * action has the type that the key had at first. A number of another width is taken as one of that
 * type, if it fits: Python and JavaScript write no other integers than `x`. While the key is not
 * there or is something else, the action is disabled and keeps its state.
 *
 * The state is what was last told, so that it never changes without a notification. What the
 * action itself has set it looks at once.
 *
 * Nobody calls shmobj_dict_create_action()'s result by its class, so that is not public.
 */

#include "manager/shmobj-dict-action.h"

#include "base/shmobj-error.h"
#include "manager/dict-private.h"
#include "manager/dict-rows.h"
#include "manager/number.h"

#define SHMOBJ_TYPE_DICT_ACTION (dict_action_get_type ())
G_DECLARE_FINAL_TYPE (ShmobjDictAction, dict_action, SHMOBJ, DICT_ACTION, GObject)

struct _ShmobjDictAction
{
  GObject parent_instance;

  ShmobjDict *dict; /* (owned) */
  GVariant *key;    /* (owned): a string */
  GVariant *state;  /* (owned) */
  gulong changed_id;
  gboolean enabled;
};

enum
{
  PROP_NAME = 1,
  PROP_PARAMETER_TYPE,
  PROP_ENABLED,
  PROP_STATE_TYPE,
  PROP_STATE,
};

static void dict_action_iface_init (GActionInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjDictAction,
                               dict_action,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ACTION, dict_action_iface_init))

static const char *
get_name (GAction *action)
{
  return g_variant_get_string (SHMOBJ_DICT_ACTION (action)->key, NULL);
}

static const GVariantType *
get_state_type (GAction *action)
{
  return g_variant_get_type (SHMOBJ_DICT_ACTION (action)->state);
}

static const GVariantType *
get_parameter_type (GAction *action)
{
  const GVariantType *type = get_state_type (action);

  return g_variant_type_equal (type, G_VARIANT_TYPE_BOOLEAN) ? NULL : type;
}

static gboolean
get_enabled (GAction *action)
{
  return SHMOBJ_DICT_ACTION (action)->enabled;
}

static GVariant *
get_state (GAction *action)
{
  return g_variant_ref (SHMOBJ_DICT_ACTION (action)->state);
}

static GVariant *
get_state_hint (GAction *action)
{
  return NULL;
}

/* Takes over what the key is now. */
static void
look (ShmobjDictAction *self)
{
  g_autoptr (GVariant) found = shmobj_dict_lookup (self->dict, self->key, NULL);
  g_autoptr (GVariant) state =
      found != NULL ? number_as (found, g_variant_get_type (self->state)) : NULL;
  gboolean enabled =
      state != NULL && !shmobj_container_get_read_only (SHMOBJ_CONTAINER (self->dict));

  g_object_freeze_notify (G_OBJECT (self));
  if (state != NULL && !g_variant_equal (state, self->state))
    {
      g_variant_unref (self->state);
      self->state = g_steal_pointer (&state);
      g_object_notify (G_OBJECT (self), "state");
    }
  if (enabled != self->enabled)
    {
      self->enabled = enabled;
      g_object_notify (G_OBJECT (self), "enabled");
    }
  g_object_thaw_notify (G_OBJECT (self));
}

static void
on_changed (ShmobjDict *dict, GVariant *key, ShmobjDictAction *self)
{
  g_autoptr (ShmobjDictAction) kept = g_object_ref (self);

  look (kept);
}

/* What a transaction may yet roll back is no state. */
static void
finish (ShmobjDictAction *self, gboolean is_set, const GError *error)
{
  g_object_ref (self); /* who hears of it may drop it */
  if (!is_set)
    shmobj_dict_tell_failure (self->dict, get_name (G_ACTION (self)), error);
  else if (!store_thread_has_transaction (SHMOBJ_CONTAINER (self->dict)->store))
    {
      shmobj_dict_doubt (self->dict, self->key);
      look (self);
    }
  g_object_unref (self);
}

static void
change_state (GAction *action, GVariant *value)
{
  ShmobjDictAction *self = SHMOBJ_DICT_ACTION (action);
  g_autoptr (GError) error = NULL;
  gboolean is_set = shmobj_dict_set (self->dict, self->key, value, &error);

  finish (self, is_set, error);
}

typedef struct
{
  guint64 id;
  const Normal *key;
} Toggle;

static gboolean
do_toggle (StoreTxn *txn, gpointer data, GError **error)
{
  Toggle *toggle = data;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) other = NULL;
  ShmobjFrame frame = { 0 };
  StoreBytes stored;
  Dict dict;

  if (!dict_open (&dict, txn, toggle->id, error))
    return FALSE;
  if (dict_find (&dict, toggle->key, &stored))
    {
      if (!stored_load_frame (&stored, &frame, error))
        return FALSE;
      value = stored_take_value (&frame, error);
      if (value == NULL)
        return FALSE;
    }
  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    {
      g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                           "The key is no boolean any more, so it cannot be toggled");
      return FALSE;
    }
  other = g_variant_ref_sink (g_variant_new_boolean (!g_variant_get_boolean (value)));
  shmobj_frame_set_variant (&frame, other);
  dict_set (&dict, toggle->key, &frame);
  dict_save (&dict);
  return TRUE;
}

/* One step: of two who toggle at the same time neither is lost. */
static void
toggle (ShmobjDictAction *self)
{
  g_autoptr (GError) error = NULL;
  gboolean is_set = FALSE;
  ShmobjFrame frame;
  Normal normal;
  Toggle call = { .id = container_get_id (self->dict), .key = &normal };

  shmobj_frame_set_variant (&frame, self->key);
  if (normal_init_key (&normal, &frame, &error))
    {
      is_set = container_write (self->dict, do_toggle, &call, 2 * frame.size + 128, &error);
      normal_clear (&normal);
    }
  finish (self, is_set, error);
}

static void
activate (GAction *action, GVariant *parameter)
{
  ShmobjDictAction *self = SHMOBJ_DICT_ACTION (action);
  const GVariantType *type = get_parameter_type (action);

  g_return_if_fail (type == NULL ? parameter == NULL
                                 : parameter != NULL && g_variant_is_of_type (parameter, type));

  if (!self->enabled)
    return;
  if (type != NULL)
    change_state (action, parameter);
  else
    toggle (self);
}

static void
dict_action_iface_init (GActionInterface *iface)
{
  iface->get_name = get_name;
  iface->get_parameter_type = get_parameter_type;
  iface->get_state_type = get_state_type;
  iface->get_state_hint = get_state_hint;
  iface->get_enabled = get_enabled;
  iface->get_state = get_state;
  iface->change_state = change_state;
  iface->activate = activate;
}

static void
dict_action_finalize (GObject *object)
{
  ShmobjDictAction *self = SHMOBJ_DICT_ACTION (object);

  if (self->changed_id != 0)
    {
      g_signal_handler_disconnect (self->dict, self->changed_id);
      container_unfollow (self->dict);
    }
  g_clear_object (&self->dict);
  g_clear_pointer (&self->key, g_variant_unref);
  g_clear_pointer (&self->state, g_variant_unref);
  G_OBJECT_CLASS (dict_action_parent_class)->finalize (object);
}

static void
dict_action_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GAction *action = G_ACTION (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, get_name (action));
      break;
    case PROP_PARAMETER_TYPE:
      g_value_set_boxed (value, get_parameter_type (action));
      break;
    case PROP_ENABLED:
      g_value_set_boolean (value, get_enabled (action));
      break;
    case PROP_STATE_TYPE:
      g_value_set_boxed (value, get_state_type (action));
      break;
    case PROP_STATE:
      g_value_take_variant (value, get_state (action));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
dict_action_class_init (ShmobjDictActionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = dict_action_finalize;
  object_class->get_property = dict_action_get_property;
  g_object_class_override_property (object_class, PROP_NAME, "name");
  g_object_class_override_property (object_class, PROP_PARAMETER_TYPE, "parameter-type");
  g_object_class_override_property (object_class, PROP_ENABLED, "enabled");
  g_object_class_override_property (object_class, PROP_STATE_TYPE, "state-type");
  g_object_class_override_property (object_class, PROP_STATE, "state");
}

static void
dict_action_init (ShmobjDictAction *self)
{
}

/**
 * shmobj_dict_create_action:
 * @self: a dict
 * @key: a key that is there, and a name that an action can have: letters, digits, `-` and `.`
 * @error: return location for an error
 *
 * Makes an action of a key, as g_settings_create_action() does. The action has the key as its name
 * and the key's value as its state. One that is a boolean is toggled when it is activated, in one
 * step, whoever else toggles it; others take a parameter, which becomes the value. Add it to a
 * `GActionMap`, for a menu, a button or a shortcut.
 *
 * The state follows the key, in the thread-default main context of who called this: as long as the
 * action lives, the dict does and is watched ([method@Shmobj.Dict.bind] says more). It is always
 * of the type that the key has now; another integer that fits is taken as one of that type. While
 * the key is not there, or has a value of another type, and where the dict was opened for reading
 * only, the action is not enabled.
 *
 * What cannot be set is told by [signal@Shmobj.Dict::bind-failed].
 *
 * Returns: (transfer full): the action, or %NULL with `G_IO_ERROR_NOT_FOUND` (the key is not there;
 *   set it first, [method@Shmobj.Dict.set_default]), `G_IO_ERROR_INVALID_ARGUMENT` (no action can
 *   have that name), or an error as of [method@Shmobj.Container.watch] or
 *   [method@Shmobj.Dict.get]
 *
 * Since: 1.0
 */
GAction *
shmobj_dict_create_action (ShmobjDict *self, const char *key, GError **error)
{
  g_autoptr (ShmobjDictAction) action = NULL;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  if (!g_action_name_is_valid (key))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "No action can be named “%s”: only letters, digits, “-” and “.” can be in it",
                   key);
      return NULL;
    }
  action = g_object_new (SHMOBJ_TYPE_DICT_ACTION, NULL);
  action->dict = g_object_ref (self);
  action->key = g_variant_ref_sink (g_variant_new_string (key));
  if (!container_follow (self, error))
    return NULL;
  action->changed_id = g_signal_connect_closure_by_id (
      self, g_signal_lookup ("changed", SHMOBJ_TYPE_DICT), g_quark_from_string (key),
      g_cclosure_new (G_CALLBACK (on_changed), action, NULL), FALSE);
  shmobj_dict_doubt (self, action->key);
  action->state = shmobj_dict_get (self, action->key, error);
  if (action->state == NULL)
    return NULL;
  action->enabled = !shmobj_container_get_read_only (SHMOBJ_CONTAINER (self));
  return G_ACTION (g_steal_pointer (&action));
}
