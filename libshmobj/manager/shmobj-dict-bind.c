/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Binding: a key of a dict and a property of an object, kept the same, as g_settings_bind() does.
 *
 * A binding belongs to the object and ends with it; it is one piece of qdata, so a property has one
 * binding at most. It holds the dict and has it watched, and knows the object by a weak reference:
 * a change may be told while the object ends.
 *
 * A change of the key is told by a dispatch of the main context, later than it happened, also one
 * that came from here. Two things keep the two sides from answering each other. While the property
 * is being set its notifications are not heard. And a binding knows on which value both sides last
 * agreed: a notification that comes late (of an object that was frozen) or that says nothing new
 * is not written, for the key may be another process's by then. What came from a key is what the
 * property made of it, so a setter that rounds does not write what it rounded to.
 *
 * The dict is told what is known here of the key before it was told (shmobj_dict_doubt()): a value
 * that was set here and taken back by another one would else be no news.
 *
 * A write that fails changes nothing of that: the next notification with another value than the one
 * agreed on is written.
 */

#include "manager/shmobj-dict-bind.h"

#include "base/shmobj-error.h"
#include "manager/dict-private.h"
#include "manager/property-value.h"

typedef struct
{
  ShmobjDict *dict;  /* (owned) */
  GVariant *key;     /* (owned): a string */
  gpointer object;   /* whose qdata this is */
  GWeakRef alive;    /* @object, until it is disposed of */
  GParamSpec *pspec; /* (owned) */
  ShmobjBindFlags flags;
  gulong changed_id, notify_id; /* 0: that way it is not bound */
  GVariant *agreed;    /* (owned) (nullable): what the property last was when both were the same */
  gboolean is_setting; /* the property */
  GVariant *answer; /* (owned) (nullable): what the property was set to by who heard of a failure */
  gboolean is_heard;   /* a notification, since that is told */
  gboolean is_telling; /* of a failure */
} Binding;

/* By hand, as in shmobj-open-flags.c. */
GType
shmobj_bind_flags_get_type (void)
{
  static gsize type = 0;
  static const GFlagsValue values[] = {
    { SHMOBJ_BIND_DEFAULT, "SHMOBJ_BIND_DEFAULT", "default" },
    { SHMOBJ_BIND_GET, "SHMOBJ_BIND_GET", "get" },
    { SHMOBJ_BIND_SET, "SHMOBJ_BIND_SET", "set" },
    { SHMOBJ_BIND_GET_NO_CHANGES, "SHMOBJ_BIND_GET_NO_CHANGES", "get-no-changes" },
    { SHMOBJ_BIND_INVERT_BOOLEAN, "SHMOBJ_BIND_INVERT_BOOLEAN", "invert-boolean" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("ShmobjBindFlags", values));
  return type;
}

static void
binding_clear (gpointer data)
{
  Binding *self = data;

  g_clear_object (&self->dict);
  g_clear_pointer (&self->key, g_variant_unref);
  g_weak_ref_clear (&self->alive);
  g_clear_pointer (&self->pspec, g_param_spec_unref);
  g_clear_pointer (&self->agreed, g_variant_unref);
  g_clear_pointer (&self->answer, g_variant_unref);
}

static void
binding_unref (gpointer data)
{
  g_rc_box_release_full (data, binding_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Binding, binding_unref)

/* Also while it is in one of its own calls, which then has a reference. An object that is finalized
 * has no handlers any more. */
static void
binding_end (gpointer data)
{
  Binding *self = data;

  if (self->notify_id != 0 && g_signal_handler_is_connected (self->object, self->notify_id))
    g_signal_handler_disconnect (self->object, self->notify_id);
  if (self->changed_id != 0)
    {
      g_signal_handler_disconnect (self->dict, self->changed_id);
      container_unfollow (self->dict);
    }
  binding_unref (self);
}

/* Both ways it is the same. */
static void
invert (Binding *self, GValue *value)
{
  if ((self->flags & SHMOBJ_BIND_INVERT_BOOLEAN) != 0)
    g_value_set_boolean (value, !g_value_get_boolean (value));
}

/* What the property is, as it would be stored. */
static GVariant *
read_property (Binding *self, GObject *object, GError **error)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, self->pspec->value_type);
  g_object_get_property (object, self->pspec->name, &value);
  invert (self, &value);
  return property_value_write (&value, error);
}

/* Who hears of it may set the property. GObject then tells of that when this emission is over, not
 * inside of it, so what was set is remembered: when that fails as well it is not told, or the two
 * would never come to an end. */
static void
fail (Binding *self, GError *error)
{
  g_autoptr (GObject) object = g_weak_ref_get (&self->alive);
  gboolean is_read = object != NULL && self->notify_id != 0;
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;

  if (self->is_telling)
    return;

  g_prefix_error (&error, "Property “%s” of %s: ", self->pspec->name,
                  g_type_name (self->pspec->owner_type));
  before = is_read ? read_property (self, object, NULL) : NULL;
  self->is_telling = TRUE;
  self->is_heard = FALSE;
  shmobj_dict_tell_failure (self->dict, g_variant_get_string (self->key, NULL), error);
  self->is_telling = FALSE;
  after = is_read && !self->is_heard ? read_property (self, object, NULL) : NULL;
  if (after != NULL && (before == NULL || !g_variant_equal (before, after)))
    {
      g_clear_pointer (&self->answer, g_variant_unref);
      self->answer = g_steal_pointer (&after);
    }
}

static gboolean
is_valid (Binding *self, const GValue *value, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GValue) best = G_VALUE_INIT;

  /* set_property() would take the next best one and say nothing */
  g_value_init (&best, self->pspec->value_type);
  g_value_copy (value, &best);
  if (!g_param_value_validate (self->pspec, &best) ||
      (self->pspec->flags & G_PARAM_LAX_VALIDATION) != 0)
    return TRUE;
  text = g_strdup_value_contents (value);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
               "%s is not among the values that it can have", text);
  return FALSE;
}

static void
set_property (Binding *self, GObject *object, const GValue *value)
{
  g_auto (GValue) now = G_VALUE_INIT;
  gboolean is_readable = (self->pspec->flags & G_PARAM_READABLE) != 0;

  if (is_readable)
    {
      g_value_init (&now, self->pspec->value_type);
      g_object_get_property (object, self->pspec->name, &now);
    }
  if (!is_readable || g_param_values_cmp (self->pspec, value, &now) != 0)
    {
      self->is_setting = TRUE;
      g_object_set_property (object, self->pspec->name, value);
      self->is_setting = FALSE;
    }
  if (is_readable && self->changed_id != 0)
    self->agreed = read_property (self, object, NULL);
}

/* The property becomes what the key is. A key that is not there leaves it as it is. */
static void
get (Binding *self)
{
  g_autoptr (GObject) object = g_weak_ref_get (&self->alive);
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  if (object == NULL)
    return;
  g_clear_pointer (&self->agreed, g_variant_unref);
  variant = shmobj_dict_lookup (self->dict, self->key, &error);
  if (variant != NULL)
    {
      g_value_init (&value, self->pspec->value_type);
      if (property_value_read (variant, &value, &error))
        invert (self, &value);
      if (error == NULL && is_valid (self, &value, &error))
        set_property (self, object, &value);
    }
  if (error != NULL)
    fail (self, error);
}

static void
on_changed (ShmobjDict *dict, GVariant *key, Binding *binding)
{
  g_autoptr (Binding) self = g_rc_box_acquire (binding);

  get (self);
}

/* The key becomes what the property is. */
static void
on_notify (GObject *object, GParamSpec *pspec, Binding *binding)
{
  g_autoptr (Binding) self = g_rc_box_acquire (binding);
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GError) error = NULL;

  if (self->is_setting)
    return;
  self->is_heard = TRUE;
  answer = g_steal_pointer (&self->answer);
  variant = read_property (self, object, &error);
  if (variant != NULL && self->agreed != NULL && g_variant_equal (variant, self->agreed))
    return;
  if (variant == NULL || !shmobj_dict_set (self->dict, self->key, variant, &error))
    {
      if (answer == NULL || variant == NULL || !g_variant_equal (variant, answer))
        fail (self, error);
      return;
    }
  g_clear_pointer (&self->agreed, g_variant_unref);
  /* in a transaction it may yet be rolled back, and nobody would tell */
  if (self->changed_id != 0 && !store_thread_has_transaction (SHMOBJ_CONTAINER (self->dict)->store))
    self->agreed = g_steal_pointer (&variant);
  if (self->changed_id != 0)
    shmobj_dict_doubt (self->dict, self->key);
}

static gboolean
check (
    GObject *object, GParamSpec *pspec, const char *property, ShmobjBindFlags flags, GError **error)
{
  const char *wrong = NULL;

  if (pspec == NULL)
    wrong = "there is no such property";
  else if ((flags & SHMOBJ_BIND_GET) != 0 &&
           ((pspec->flags & G_PARAM_WRITABLE) == 0 || (pspec->flags & G_PARAM_CONSTRUCT_ONLY) != 0))
    wrong = "it cannot be written, so bind it with SHMOBJ_BIND_SET alone";
  else if ((flags & SHMOBJ_BIND_SET) != 0 && (pspec->flags & G_PARAM_READABLE) == 0)
    wrong = "it cannot be read, so bind it with SHMOBJ_BIND_GET alone";
  else if ((flags & SHMOBJ_BIND_INVERT_BOOLEAN) != 0 && pspec->value_type != G_TYPE_BOOLEAN)
    wrong = "it is no boolean, so it cannot be inverted";
  if (wrong != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "Property “%s” of %s cannot be bound: %s", property, G_OBJECT_TYPE_NAME (object),
                 wrong);
  else if (!property_value_is_known (pspec->value_type))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "Property “%s” of %s cannot be bound: no stored value is a %s", property,
                 G_OBJECT_TYPE_NAME (object), g_type_name (pspec->value_type));
  else
    return TRUE;
  return FALSE;
}

static GQuark
quark_of (const GParamSpec *pspec)
{
  g_autofree char *name = g_strconcat ("shmobj-bind-", pspec->name, NULL);

  return g_quark_from_string (name);
}

static Binding *
binding_new (
    ShmobjDict *dict, const char *key, GObject *object, GParamSpec *pspec, ShmobjBindFlags flags)
{
  Binding *self = g_rc_box_new0 (Binding);

  self->dict = g_object_ref (dict);
  self->key = g_variant_ref_sink (g_variant_new_string (key));
  self->object = object;
  g_weak_ref_init (&self->alive, object);
  self->pspec = g_param_spec_ref (pspec);
  self->flags = flags;
  return self;
}

/**
 * shmobj_dict_bind:
 * @self: a dict
 * @key: a key of it, which need not be there yet
 * @object: (type GObject.Object): an object
 * @property: the name of a property of it
 * @flags: which way
 * @error: return location for an error
 *
 * Keeps a key and a property the same, as g_settings_bind() does: the property becomes what the
 * key is, and from then on each what the other is. While the key is not there, the property keeps
 * what it has.
 *
 * This lasts until the object ends, [func@Shmobj.Dict.unbind] is called, or the property is bound
 * again. The dict lives as long, and is watched as by [method@Shmobj.Container.watch]: changes of
 * the key come to the property in the thread-default main context of who called this (or, if the
 * dict was watched already, of who began that). The property is to be changed in that thread, too.
 * What comes from the key is not written back. A write waits for others as
 * [method@Shmobj.Dict.set] does, and takes part in the thread's transaction, if there is one; when
 * that is rolled back the property keeps what it has.
 *
 * Booleans, numbers, strings, `GStrv` and `GBytes` are the value of that type, integers of every
 * width. Enumerations and flags are their nicks, and are also read from numbers. %NULL is nothing,
 * Python's `None`. A property that is a GVariant is the value itself.
 *
 * A value that does not fit, and a write that fails, are told by
 * [signal@Shmobj.Dict::bind-failed], also before this returns.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (there is no such property, or it
 *   cannot be read, written or inverted as @flags want), `G_IO_ERROR_NOT_SUPPORTED` (a property of
 *   another type; inside of a transaction), or an error as of [method@Shmobj.Container.watch]
 *
 * Since: 1.0
 */
gboolean
shmobj_dict_bind (ShmobjDict *self,
                  const char *key,
                  gpointer object,
                  const char *property,
                  ShmobjBindFlags flags,
                  GError **error)
{
  GParamSpec *pspec;
  Binding *binding;
  gboolean follows;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL && g_utf8_validate (key, -1, NULL), FALSE);
  g_return_val_if_fail (G_IS_OBJECT (object), FALSE);
  g_return_val_if_fail (property != NULL, FALSE);

  if ((flags & (SHMOBJ_BIND_GET | SHMOBJ_BIND_SET)) == 0)
    flags |= SHMOBJ_BIND_GET | SHMOBJ_BIND_SET;
  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), property);
  follows = (flags & (SHMOBJ_BIND_GET | SHMOBJ_BIND_GET_NO_CHANGES)) == SHMOBJ_BIND_GET;
  if (!check (object, pspec, property, flags, error) || !container_enter (self, error) ||
      (follows && !container_follow (self, error)))
    return FALSE;

  binding = binding_new (self, key, object, pspec, flags);
  if (follows)
    binding->changed_id = g_signal_connect_closure_by_id (
        self, g_signal_lookup ("changed", SHMOBJ_TYPE_DICT), g_quark_from_string (key),
        g_cclosure_new (G_CALLBACK (on_changed), binding, NULL), FALSE);
  if ((flags & SHMOBJ_BIND_SET) != 0)
    {
      g_autofree char *detailed = g_strconcat ("notify::", pspec->name, NULL);

      binding->notify_id = g_signal_connect (object, detailed, G_CALLBACK (on_notify), binding);
    }
  g_object_set_qdata_full (object, quark_of (pspec), binding, binding_end);
  if (follows)
    shmobj_dict_doubt (self, binding->key);
  if ((flags & SHMOBJ_BIND_GET) != 0)
    on_changed (self, NULL, binding);
  return TRUE;
}

/**
 * shmobj_dict_unbind:
 * @object: (type GObject.Object): an object
 * @property: the name of a property of it
 *
 * Ends what [method@Shmobj.Dict.bind] began; both stay as they are. Does nothing if the property is
 * not bound.
 *
 * Since: 1.0
 */
void
shmobj_dict_unbind (gpointer object, const char *property)
{
  GParamSpec *pspec;

  g_return_if_fail (G_IS_OBJECT (object));
  g_return_if_fail (property != NULL);

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), property);
  if (pspec != NULL)
    g_object_set_qdata (object, quark_of (pspec), NULL);
}
