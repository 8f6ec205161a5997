/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stored value is as a property, and the other way round.
 *
 *     boolean                    b
 *     integers of every width    any integer that fits; written in the property's own width
 *     float, double              d, or an integer: JavaScript writes 1.0 as one
 *     string                     s (o, g); NULL is nothing (mv)
 *     GStrv                      as, or an array of values that are strings; NULL is nothing
 *     GBytes                     ay; NULL is nothing
 *     enumeration                the value's nick, or its number; written as a nick
 *     flags                      their nicks (as), or a number; written as nicks
 *     GVariant                   the value itself
 *
 * As GSettings has it, but for the integers, whose width says nothing here, and for what has none
 * of it: NULL.
 */

#include "manager/property-value.h"

#include "base/shmobj-error.h"
#include "manager/number.h"

gboolean
property_value_is_known (GType type)
{
  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_BOOLEAN:
    case G_TYPE_CHAR:
    case G_TYPE_UCHAR:
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_LONG:
    case G_TYPE_ULONG:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
    case G_TYPE_STRING:
    case G_TYPE_ENUM:
    case G_TYPE_FLAGS:
    case G_TYPE_VARIANT:
      return TRUE;
    default:
      return type == G_TYPE_STRV || type == G_TYPE_BYTES;
    }
}

static gboolean
is_nothing (GVariant *variant)
{
  return g_variant_is_of_type (variant, G_VARIANT_TYPE_MAYBE) &&
         g_variant_n_children (variant) == 0;
}

static GVariant *
new_nothing (void)
{
  return g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL);
}

static gboolean
is_text (GVariant *variant)
{
  return g_variant_is_of_type (variant, G_VARIANT_TYPE_STRING) ||
         g_variant_is_of_type (variant, G_VARIANT_TYPE_OBJECT_PATH) ||
         g_variant_is_of_type (variant, G_VARIANT_TYPE_SIGNATURE);
}

/* NULL when it is no array of strings. */
static GStrv
read_strings (GVariant *variant)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  gsize n = g_variant_is_container (variant) ? g_variant_n_children (variant) : 0;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE_ARRAY))
    return NULL;
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (variant, i);
      g_autoptr (GVariant) text = g_variant_is_of_type (child, G_VARIANT_TYPE_VARIANT)
                                      ? g_variant_get_variant (child)
                                      : g_variant_ref (child);

      if (!is_text (text))
        return NULL;
      g_strv_builder_add (builder, g_variant_get_string (text, NULL));
    }
  return g_strv_builder_end (builder);
}

static gboolean
read_signed (GVariant *variant, GValue *value)
{
  gint64 i;

  if (!number_get_int64 (variant, &i))
    return FALSE;
  switch (G_VALUE_TYPE (value))
    {
    case G_TYPE_CHAR:
      g_value_set_schar (value, (gint8) i);
      return i >= G_MININT8 && i <= G_MAXINT8;
    case G_TYPE_INT:
      g_value_set_int (value, (int) i);
      return i >= G_MININT && i <= G_MAXINT;
    case G_TYPE_LONG:
      g_value_set_long (value, (long) i);
      return i >= G_MINLONG && i <= G_MAXLONG;
    default:
      g_value_set_int64 (value, i);
      return TRUE;
    }
}

static gboolean
read_unsigned (GVariant *variant, GValue *value)
{
  guint64 u;

  if (!number_get_uint64 (variant, &u))
    return FALSE;
  switch (G_VALUE_TYPE (value))
    {
    case G_TYPE_UCHAR:
      g_value_set_uchar (value, (guchar) u);
      return u <= G_MAXUINT8;
    case G_TYPE_UINT:
      g_value_set_uint (value, (guint) u);
      return u <= G_MAXUINT;
    case G_TYPE_ULONG:
      g_value_set_ulong (value, (gulong) u);
      return u <= G_MAXULONG;
    default:
      g_value_set_uint64 (value, u);
      return TRUE;
    }
}

static gboolean
read_real (GVariant *variant, GValue *value)
{
  double number;

  if (!number_get_double (variant, &number))
    return FALSE;
  if (G_VALUE_HOLDS_DOUBLE (value))
    {
      g_value_set_double (value, number);
      return TRUE;
    }
  /* infinities and NaN are floats too */
  if (number - number == 0 && (number > G_MAXFLOAT || number < -G_MAXFLOAT))
    return FALSE;
  g_value_set_float (value, (float) number);
  return TRUE;
}

static gboolean
read_enum (GVariant *variant, GValue *value)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  const GEnumValue *found = NULL;
  gint64 number;

  if (is_text (variant))
    found = g_enum_get_value_by_nick (klass, g_variant_get_string (variant, NULL));
  else if (number_get_int64 (variant, &number) && number >= G_MININT && number <= G_MAXINT)
    found = g_enum_get_value (klass, (int) number);
  if (found != NULL)
    g_value_set_enum (value, found->value);
  return found != NULL;
}

static gboolean
read_flags (GVariant *variant, GValue *value)
{
  g_autoptr (GFlagsClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  g_auto (GStrv) nicks = read_strings (variant);
  guint64 number = 0;

  if (nicks == NULL && !number_get_uint64 (variant, &number))
    return FALSE;
  for (gsize i = 0; nicks != NULL && nicks[i] != NULL; i++)
    {
      const GFlagsValue *flag = g_flags_get_value_by_nick (klass, nicks[i]);

      if (flag == NULL)
        return FALSE;
      number |= flag->value;
    }
  g_value_set_flags (value, (guint) number);
  return (number & ~(guint64) klass->mask) == 0;
}

static gboolean
read_object (GVariant *variant, GValue *value)
{
  gboolean nothing = is_nothing (variant);
  g_auto (GStrv) strings = NULL;

  if (G_VALUE_HOLDS_STRING (value))
    {
      g_value_set_string (value, is_text (variant) ? g_variant_get_string (variant, NULL) : NULL);
      return nothing || is_text (variant);
    }
  if (G_VALUE_HOLDS (value, G_TYPE_BYTES))
    {
      if (g_variant_is_of_type (variant, G_VARIANT_TYPE_BYTESTRING))
        g_value_take_boxed (value, g_variant_get_data_as_bytes (variant));
      return nothing || g_value_get_boxed (value) != NULL;
    }
  strings = read_strings (variant);
  g_value_set_boxed (value, strings);
  return nothing || strings != NULL;
}

static gboolean
read_any (GVariant *variant, GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_BOOLEAN:
      if (!g_variant_is_of_type (variant, G_VARIANT_TYPE_BOOLEAN))
        return FALSE;
      g_value_set_boolean (value, g_variant_get_boolean (variant));
      return TRUE;
    case G_TYPE_CHAR:
    case G_TYPE_INT:
    case G_TYPE_LONG:
    case G_TYPE_INT64:
      return read_signed (variant, value);
    case G_TYPE_UCHAR:
    case G_TYPE_UINT:
    case G_TYPE_ULONG:
    case G_TYPE_UINT64:
      return read_unsigned (variant, value);
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
      return read_real (variant, value);
    case G_TYPE_ENUM:
      return read_enum (variant, value);
    case G_TYPE_FLAGS:
      return read_flags (variant, value);
    case G_TYPE_VARIANT:
      g_value_set_variant (value, variant);
      return TRUE;
    default:
      return read_object (variant, value);
    }
}

gboolean
property_value_read (GVariant *variant, GValue *value, GError **error)
{
  g_autofree char *text = NULL;

  if (read_any (variant, value))
    return TRUE;
  if (g_variant_get_size (variant) <= 64)
    text = g_variant_print (variant, FALSE);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
               "The value%s%s of type “%.40s” is none of %s", text != NULL ? " " : "",
               text != NULL ? text : "", g_variant_get_type_string (variant),
               G_VALUE_TYPE_NAME (value));
  return FALSE;
}

static GVariant *
write_string (const char *text)
{
  if (text == NULL)
    return new_nothing ();
  return g_utf8_validate (text, -1, NULL) ? g_variant_new_string (text) : NULL;
}

static GVariant *
write_strings (const char *const *strings)
{
  if (strings == NULL)
    return new_nothing ();
  for (gsize i = 0; strings[i] != NULL; i++)
    {
      if (!g_utf8_validate (strings[i], -1, NULL))
        return NULL;
    }
  return g_variant_new_strv (strings, -1);
}

static GVariant *
write_enum (const GValue *value)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  const GEnumValue *found = g_enum_get_value (klass, g_value_get_enum (value));

  return found != NULL ? g_variant_new_string (found->value_nick) : NULL;
}

static GVariant *
write_flags (const GValue *value)
{
  g_autoptr (GFlagsClass) klass = g_type_class_ref (G_VALUE_TYPE (value));
  g_autoptr (GPtrArray) nicks = g_ptr_array_new ();
  guint left = g_value_get_flags (value);

  while (left != 0)
    {
      const GFlagsValue *flag = g_flags_get_first_value (klass, left);

      if (flag == NULL || flag->value == 0)
        return NULL;
      g_ptr_array_add (nicks, (gpointer) flag->value_nick);
      left &= ~flag->value;
    }
  return g_variant_new_strv ((const char *const *) nicks->pdata, nicks->len);
}

static GVariant *
write_boxed (const GValue *value)
{
  if (!G_VALUE_HOLDS (value, G_TYPE_BYTES))
    return write_strings (g_value_get_boxed (value));
  if (g_value_get_boxed (value) == NULL)
    return new_nothing ();
  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, g_value_get_boxed (value), TRUE);
}

static GVariant *
write_any (const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_BOOLEAN:
      return g_variant_new_boolean (g_value_get_boolean (value));
    case G_TYPE_CHAR:
      return g_variant_new_int16 (g_value_get_schar (value));
    case G_TYPE_UCHAR:
      return g_variant_new_byte (g_value_get_uchar (value));
    case G_TYPE_INT:
      return g_variant_new_int32 (g_value_get_int (value));
    case G_TYPE_UINT:
      return g_variant_new_uint32 (g_value_get_uint (value));
    case G_TYPE_LONG:
      return g_variant_new_int64 (g_value_get_long (value));
    case G_TYPE_ULONG:
      return g_variant_new_uint64 (g_value_get_ulong (value));
    case G_TYPE_INT64:
      return g_variant_new_int64 (g_value_get_int64 (value));
    case G_TYPE_UINT64:
      return g_variant_new_uint64 (g_value_get_uint64 (value));
    case G_TYPE_FLOAT:
      return g_variant_new_double (g_value_get_float (value));
    case G_TYPE_DOUBLE:
      return g_variant_new_double (g_value_get_double (value));
    case G_TYPE_STRING:
      return write_string (g_value_get_string (value));
    case G_TYPE_ENUM:
      return write_enum (value);
    case G_TYPE_FLAGS:
      return write_flags (value);
    case G_TYPE_VARIANT:
      return g_value_get_variant (value) != NULL ? g_value_get_variant (value) : new_nothing ();
    default:
      return write_boxed (value);
    }
}

GVariant *
property_value_write (const GValue *value, GError **error)
{
  GVariant *variant = write_any (value);

  if (variant != NULL)
    return g_variant_ref_sink (variant);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
               G_TYPE_IS_ENUM (G_VALUE_TYPE (value)) || G_TYPE_IS_FLAGS (G_VALUE_TYPE (value))
                   ? "A value of %s that has no nick cannot be stored"
                   : "A %s that is no UTF-8 cannot be stored",
               G_VALUE_TYPE_NAME (value));
  return NULL;
}
