/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Adding numbers of any GVariant type.
 *
 * The sum has the type of the number that is added to, as long as it fits; then `x`, then `t`. So a
 * counter that a program of C keeps as a byte stays one until it overflows, and never wraps round.
 * With a double on either side the sum is a double.
 */

#include "manager/number.h"

#include "base/shmobj-error.h"

#include <string.h>

__extension__ typedef __int128 Wide; /* holds the sum of any two integers */

static gboolean
read_integer (GVariant *value, Wide *integer)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      *integer = g_variant_get_byte (value);
      return TRUE;
    case G_VARIANT_CLASS_INT16:
      *integer = g_variant_get_int16 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT16:
      *integer = g_variant_get_uint16 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT32:
      *integer = g_variant_get_int32 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      *integer = g_variant_get_uint32 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT64:
      *integer = g_variant_get_int64 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT64:
      *integer = g_variant_get_uint64 (value);
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
number_get_int64 (GVariant *value, gint64 *integer)
{
  Wide wide;

  if (!read_integer (value, &wide) || wide < (Wide) G_MININT64 || wide > (Wide) G_MAXINT64)
    return FALSE;
  *integer = (gint64) wide;
  return TRUE;
}

gboolean
number_get_uint64 (GVariant *value, guint64 *integer)
{
  Wide wide;

  if (!read_integer (value, &wide) || wide < 0)
    return FALSE;
  *integer = (guint64) wide;
  return TRUE;
}

/* NULL when it does not fit. */
static GVariant *
new_integer (GVariantClass type, Wide integer)
{
#define FITS(least, most) ((integer) >= (Wide) (least) && (integer) <= (Wide) (most))
  switch (type)
    {
    case G_VARIANT_CLASS_BYTE:
      return FITS (0, G_MAXUINT8) ? g_variant_new_byte ((guint8) integer) : NULL;
    case G_VARIANT_CLASS_INT16:
      return FITS (G_MININT16, G_MAXINT16) ? g_variant_new_int16 ((gint16) integer) : NULL;
    case G_VARIANT_CLASS_UINT16:
      return FITS (0, G_MAXUINT16) ? g_variant_new_uint16 ((guint16) integer) : NULL;
    case G_VARIANT_CLASS_INT32:
      return FITS (G_MININT32, G_MAXINT32) ? g_variant_new_int32 ((gint32) integer) : NULL;
    case G_VARIANT_CLASS_UINT32:
      return FITS (0, G_MAXUINT32) ? g_variant_new_uint32 ((guint32) integer) : NULL;
    case G_VARIANT_CLASS_UINT64:
      return FITS (0, G_MAXUINT64) ? g_variant_new_uint64 ((guint64) integer) : NULL;
    default:
      return FITS (G_MININT64, G_MAXINT64) ? g_variant_new_int64 ((gint64) integer) : NULL;
    }
#undef FITS
}

static GVariant *
add_integers (GVariantClass type, Wide sum, GError **error)
{
  const GVariantClass types[] = { type, G_VARIANT_CLASS_INT64, G_VARIANT_CLASS_UINT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      GVariant *value = new_integer (types[i], sum);

      if (value != NULL)
        return value;
    }
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
               "The sum, about %.17g, is no integer of 64 bits", (double) sum);
  return NULL;
}

gboolean
number_get_double (GVariant *value, double *number)
{
  Wide integer;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE))
    *number = g_variant_get_double (value);
  else if (read_integer (value, &integer))
    *number = (double) integer;
  else
    return FALSE;
  return TRUE;
}

GVariant *
number_add (GVariant *number, GVariant *amount, GError **error)
{
  Wide a, b;
  double x, y;

  if (read_integer (number, &a) && read_integer (amount, &b))
    return add_integers (g_variant_classify (number), a + b, error);
  if (number_get_double (number, &x) && number_get_double (amount, &y))
    return g_variant_new_double (x + y);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "Only numbers can be added: the value has type “%.40s”, what is added “%.40s”",
               g_variant_get_type_string (number), g_variant_get_type_string (amount));
  return NULL;
}

GVariant *
number_as (GVariant *value, const GVariantType *type)
{
  GVariant *as = NULL;
  double real;
  Wide integer;

  if (g_variant_is_of_type (value, type))
    return g_variant_ref (value);
  if (g_variant_type_equal (type, G_VARIANT_TYPE_DOUBLE))
    as = number_get_double (value, &real) ? g_variant_new_double (real) : NULL;
  else if (strchr ("ynqiuxt", *g_variant_type_peek_string (type)) != NULL &&
           read_integer (value, &integer))
    as = new_integer ((GVariantClass) *g_variant_type_peek_string (type), integer);
  return as != NULL ? g_variant_ref_sink (as) : NULL;
}
