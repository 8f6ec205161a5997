/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the bus can carry.
 *
 * GVariant has types that D-Bus has not, and GDBus finds out too late: for a maybe type it sends no
 * reply at all and the caller waits out its time-out, for a value nested too deep or a message too
 * large the bus disconnects the sender, and that is the service with all its clients (tried, each
 * of them). So every value is looked at before it is sent.
 *
 *     store                                 bus
 *     nothing (of any maybe type)           signature ''
 *     just x                                x
 *     array of something with maybes        av, because its elements may now differ in type
 *     dict with maybes in its values        the same keys with v
 *     descriptors, (), too deep, too large  cannot be carried
 *
 * And back: signature '' is nothing (a maybe of v, which is what all languages write). Everything
 * else is kept as the client sent it.
 *
 * Depth. libdbus and dbus-broker allow 64 containers in one another in a message, and 32 arrays and
 * 32 structures in one signature. A body of ours has at most four around a value, hence
 * VALUE_DEPTH.
 */

#include "bus/values.h"

#include "base/shmobj-error.h"
#include "bus/message-size.h"

#include <string.h>

#define VALUE_DEPTH 60
#define SIGNATURE_DEPTH 32
#define SIGNATURE_LENGTH 255
#define MESSAGE_SIZE                                                                               \
  (64 * 1024 * 1024 - 4096) /* an array can have 64 MiB; something for the header */
/* A D-Bus message is at most eight times as long as the GVariant: a{yb} has 2 bytes here, 8 there.
 */
#define SURELY_FITS (MESSAGE_SIZE / 8 - 4096)

typedef struct
{
  GVariant *(*nothing) (void); /* what takes the place of nothing */
  gboolean out;
} Direction;

static GVariant *convert (const Direction *direction, GVariant *value, guint depth, GError **error);

static GVariant *fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static GVariant *
fail (GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *what = NULL;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE, "%s", what);
  return NULL;
}

/* How many containers a value of this type has in one another, at least: variants hide more. */
static guint
depth_of_type (const GVariantType *type)
{
  guint deepest = 0;

  if (g_variant_type_is_basic (type))
    return 0;
  if (g_variant_type_is_variant (type))
    return 1;
  if (g_variant_type_is_array (type) || g_variant_type_is_maybe (type))
    return 1 + depth_of_type (g_variant_type_element (type));

  for (type = g_variant_type_first (type); type != NULL; type = g_variant_type_next (type))
    deepest = MAX (deepest, depth_of_type (type));
  return 1 + deepest;
}

/* Does the signature alone break a limit of D-Bus? */
static gboolean
check_signature (const char *signature, GError **error)
{
  if (strstr (signature, "()") != NULL)
    fail (error, "An empty tuple cannot be sent over D-Bus (the value has type “%.60s”)",
          signature);
  else if (strlen (signature) > SIGNATURE_LENGTH)
    fail (error, "The type of the value has %" G_GSIZE_FORMAT " characters, D-Bus allows %d",
          strlen (signature), SIGNATURE_LENGTH);
  else if (depth_of_type (G_VARIANT_TYPE (signature)) > SIGNATURE_DEPTH)
    fail (error, "The type “%.60s” is nested more than %d levels deep, which D-Bus does not allow",
          signature, SIGNATURE_DEPTH);
  else
    return TRUE;
  return FALSE;
}

/* Must something inside a value of this type be replaced? Only then is it taken apart. */
static gboolean
needs_conversion (const Direction *direction, const char *type)
{
  return strpbrk (type, direction->out ? "mvh" : "gvh") != NULL;
}

static GVariant *
convert_tuple (const Direction *direction, GVariant *value, guint depth, GError **error)
{
  gsize n = g_variant_n_children (value);
  g_autoptr (GPtrArray) children =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      GVariant *converted = convert (direction, child, depth + 1, error);

      if (converted == NULL)
        return NULL;
      g_ptr_array_add (children, converted);
    }
  return g_variant_ref_sink (g_variant_new_tuple ((GVariant **) children->pdata, n));
}

/* The same value, as the content of a variant if it is not one already. */
static GVariant *
in_variant (GVariant *value)
{
  g_autoptr (GVariant) owned = value;

  if (value == NULL || g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    return g_steal_pointer (&owned);
  return g_variant_ref_sink (g_variant_new_variant (owned));
}

static GVariant *
convert_dict_entry (
    const Direction *direction, GVariant *value, guint depth, gboolean loosened, GError **error)
{
  g_autoptr (GVariant) key = g_variant_get_child_value (value, 0);
  g_autoptr (GVariant) content = g_variant_get_child_value (value, 1);
  g_autoptr (GVariant) new_key = convert (direction, key, depth + 1, error);
  g_autoptr (GVariant) new_content = NULL;

  if (new_key == NULL)
    return NULL;
  if (!g_variant_is_of_type (new_key, g_variant_get_type (key)))
    return fail (error, "A key cannot be nothing");

  new_content = convert (direction, content, depth + (loosened ? 2 : 1), error);
  if (loosened)
    new_content = in_variant (g_steal_pointer (&new_content));
  if (new_content == NULL)
    return NULL;
  return g_variant_ref_sink (g_variant_new_dict_entry (new_key, new_content));
}

/* In an array whose elements can change their type every element becomes a variant. */
static GVariant *
convert_loosened (const Direction *direction, GVariant *element, guint depth, GError **error)
{
  if (g_variant_is_of_type (element, G_VARIANT_TYPE_DICT_ENTRY))
    return convert_dict_entry (direction, element, depth, TRUE, error);
  return in_variant (convert (direction, element, depth + 1, error));
}

/* Can values of this type have another type after conversion? Only what is outside of variants can.
 */
static gboolean
changes_type (const Direction *direction, const GVariantType *type)
{
  g_autofree char *text = g_variant_type_dup_string (type);

  return strchr (text, direction->out ? 'm' : 'g') != NULL;
}

static GVariant *
convert_array (const Direction *direction, GVariant *value, guint depth, GError **error)
{
  const GVariantType *element = g_variant_type_element (g_variant_get_type (value));
  gboolean loosened = changes_type (direction, element);
  g_autofree char *key = NULL;
  GVariantBuilder builder;
  gsize n = g_variant_n_children (value);

  if (loosened && g_variant_type_is_dict_entry (element))
    {
      g_autofree char *type = NULL;

      key = g_variant_type_dup_string (g_variant_type_key (element));
      type = g_strdup_printf ("a{%sv}", key);
      g_variant_builder_init (&builder, G_VARIANT_TYPE (type));
    }
  else
    g_variant_builder_init (&builder,
                            loosened ? G_VARIANT_TYPE ("av") : g_variant_get_type (value));

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      g_autoptr (GVariant) converted = loosened
                                           ? convert_loosened (direction, child, depth + 1, error)
                                           : convert (direction, child, depth + 1, error);

      if (converted == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add_value (&builder, converted);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GVariant *
convert_maybe (const Direction *direction, GVariant *value, guint depth, GError **error)
{
  g_autoptr (GVariant) content = g_variant_get_maybe (value);

  return content != NULL ? convert (direction, content, depth, error) : direction->nothing ();
}

static GVariant *
convert_variant (const Direction *direction, GVariant *value, guint depth, GError **error)
{
  g_autoptr (GVariant) content = g_variant_get_variant (value);
  g_autoptr (GVariant) converted = convert (direction, content, depth + 1, error);

  return converted != NULL ? g_variant_ref_sink (g_variant_new_variant (converted)) : NULL;
}

static GVariant *
convert_signature (const Direction *direction, GVariant *value)
{
  if (!direction->out && g_variant_get_string (value, NULL)[0] == '\0')
    return direction->nothing ();
  return g_variant_ref (value);
}

static GVariant *
convert (const Direction *direction, GVariant *value, guint depth, GError **error)
{
  if (depth + depth_of_type (g_variant_get_type (value)) > VALUE_DEPTH)
    return fail (error, "The value is nested more than %d levels deep, too deep for D-Bus",
                 VALUE_DEPTH);
  if (!needs_conversion (direction, g_variant_get_type_string (value)))
    return g_variant_ref (value);

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_HANDLE:
      return fail (error, "A file descriptor is no value: it means nothing outside of its message");
    case G_VARIANT_CLASS_SIGNATURE:
      return convert_signature (direction, value);
    case G_VARIANT_CLASS_MAYBE:
      return convert_maybe (direction, value, depth, error);
    case G_VARIANT_CLASS_VARIANT:
      return convert_variant (direction, value, depth, error);
    case G_VARIANT_CLASS_ARRAY:
      return convert_array (direction, value, depth, error);
    case G_VARIANT_CLASS_TUPLE:
      return convert_tuple (direction, value, depth, error);
    case G_VARIANT_CLASS_DICT_ENTRY:
      return convert_dict_entry (direction, value, depth, FALSE, error);
    default:
      return g_variant_ref (value);
    }
}

/* Every signature in a message is limited: that of the value, and those of the variants inside. */
static gboolean
check_signatures (GVariant *value, GError **error)
{
  const char *type = g_variant_get_type_string (value);

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) content = g_variant_get_variant (value);

      return check_signatures (content, error);
    }
  if (!check_signature (type, error))
    return FALSE;
  if (strchr (type, 'v') == NULL)
    return TRUE;

  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (strchr (g_variant_get_type_string (child), 'v') != NULL &&
          !check_signatures (child, error))
        return FALSE;
    }
  return TRUE;
}

static GVariant *
signature_of_nothing (void)
{
  return g_variant_ref_sink (g_variant_new_signature (""));
}

static GVariant *
nothing_of_variant (void)
{
  return g_variant_ref_sink (g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
}

GVariant *
bus_value_out (GVariant *value, GError **error)
{
  static const Direction out = { signature_of_nothing, TRUE };
  /* the bytes may be another process's: what they do not say properly becomes a default value */
  g_autoptr (GVariant) normal = g_variant_get_normal_form (value);
  g_autoptr (GVariant) converted = convert (&out, normal, 0, error);

  if (converted == NULL || !check_signatures (converted, error))
    return NULL;
  return g_steal_pointer (&converted);
}

GVariant *
bus_value_in (GVariant *value, GError **error)
{
  static const Direction in = { nothing_of_variant, FALSE };

  return convert (&in, value, 0, error);
}

gboolean
bus_body_fits (GVariant *body, GError **error)
{
  gsize size = g_variant_get_size (body);

  if (size <= SURELY_FITS)
    return TRUE;
  if (size <= MESSAGE_SIZE)
    size = bus_message_size (body);
  if (size <= MESSAGE_SIZE)
    return TRUE;
  fail (error,
        "The reply would have %" G_GSIZE_FORMAT
        " bytes; over D-Bus we send %d at most: ask for less at once",
        size, MESSAGE_SIZE);
  return FALSE;
}
