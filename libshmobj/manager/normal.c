/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Normal form: what makes 1 from Python, 1 from busctl and 1 from C the same key.
 *
 *     y n q i u x t    x; t only for what is above x. Inside arrays all or none stay t
 *     b                b: true is not 1 here (Python's own dict says otherwise; its layer converts)
 *     d                d; every NaN the same, -0.0 is 0.0
 *     s o g            s
 *     ay               a frame of bytes, which are not an array of numbers
 *     v at the outside what is in it; in a key also inside tuples
 *     ( ) m a { }      the same of what is in normal form inside; a dict's entries by their keys
 *
 * Keys are all of these but arrays other than ay, dicts, and descriptors (h). A pickle is no key,
 * because equal objects have different pickles; as a value it equals the same bytes.
 *
 * The type's normal form is made character by character; this is also a cheap way to see that two
 * values cannot be equal. Frames of the commonest types are taken as they are, without a GVariant.
 */

#include "manager/normal.h"

#include "base/shmobj-error.h"
#include "manager/references.h"

#include <math.h>
#include <string.h>

typedef struct
{
  gboolean key;  /* variants inside tuples are opened, too */
  gboolean wide; /* some t is above x */
} Rules;

static GVariant *normal_variant (GVariant *value, Rules rules, gboolean in_array);

static gboolean
is_integer (char type)
{
  return type != '\0' && strchr ("ynqiuxt", type) != NULL;
}

/* @to has room for as many bytes as @from. */
static void
normal_type (const char *from, gsize length, gboolean wide, char *to)
{
  for (gsize i = 0; i < length; i++)
    {
      gboolean byte_string = from[i] == 'y' && i > 0 && from[i - 1] == 'a';

      if (is_integer (from[i]) && !byte_string)
        to[i] = from[i] == 't' && wide ? 't' : 'x';
      else
        to[i] = from[i] == 'o' || from[i] == 'g' ? 's' : from[i];
    }
}

/* The integer in @data, sign and all; FALSE when it is above what x can say. */
static gboolean
read_integer (char type, const guint8 *data, gint64 *value)
{
  union
  {
    guint8 y;
    gint16 n;
    guint16 q;
    gint32 i;
    guint32 u;
    gint64 x;
    guint64 t;
  } number = { .t = 0 };
  static const guint8 sizes[] = {
    ['y'] = 1, ['n'] = 2, ['q'] = 2, ['i'] = 4, ['u'] = 4, ['x'] = 8, ['t'] = 8
  };

  memcpy (&number, data, sizes[(guchar) type]);
  *value = type == 'y'   ? number.y
           : type == 'n' ? number.n
           : type == 'q' ? number.q
           : type == 'i' ? number.i
           : type == 'u' ? (gint64) number.u
                         : number.x;
  return type != 't' || number.t <= G_MAXINT64;
}

static gboolean
has_wide (GVariant *value)
{
  const char *type = g_variant_get_type_string (value);
  gsize n;

  if (*type == 't')
    return g_variant_get_uint64 (value) > G_MAXINT64;
  if (!g_variant_is_container (value) || (strchr (type, 't') == NULL && strchr (type, 'v') == NULL))
    return FALSE;

  n = g_variant_n_children (value);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (has_wide (child))
        return TRUE;
    }
  return FALSE;
}

static double
normal_double (double value)
{
  if (isnan (value))
    return NAN;
  return value == 0 ? 0 : value;
}

static GVariant *
normal_basic (GVariant *value, Rules rules, gboolean in_array)
{
  char type = *g_variant_get_type_string (value);
  gint64 integer;

  switch (type)
    {
    case 'o':
    case 'g':
      return g_variant_new_string (g_variant_get_string (value, NULL));
    case 'd':
      return g_variant_new_double (normal_double (g_variant_get_double (value)));
    default:
      if (!is_integer (type))
        return g_variant_ref (value);
      if (!read_integer (type, g_variant_get_data (value), &integer) ||
          (type == 't' && in_array && rules.wide))
        return g_variant_ref (value);
      return g_variant_new_int64 (integer);
    }
}

static int
by_key (gconstpointer a, gconstpointer b)
{
  g_autoptr (GVariant) key_a = g_variant_get_child_value (*(GVariant *const *) a, 0);
  g_autoptr (GVariant) key_b = g_variant_get_child_value (*(GVariant *const *) b, 0);

  return g_variant_compare (key_a, key_b);
}

static GVariant *
normal_array (GVariant *value, Rules rules)
{
  const char *type = g_variant_get_type_string (value);
  g_autofree char *mapped = g_strdup (type);
  g_autoptr (GPtrArray) children =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  gsize n = g_variant_n_children (value);

  if (g_str_equal (type, "ay"))
    return g_variant_ref (value);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      g_ptr_array_add (children, normal_variant (child, rules, TRUE));
    }
  if (type[1] == '{' && n > 1)
    g_ptr_array_sort (children, by_key);

  normal_type (type, strlen (type), rules.wide, mapped);
  return g_variant_new_array (G_VARIANT_TYPE (mapped + 1), (GVariant **) children->pdata, n);
}

static GVariant *
normal_tuple (GVariant *value, Rules rules, gboolean in_array)
{
  gsize n = g_variant_n_children (value);
  g_autoptr (GPtrArray) children =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      while (rules.key && g_variant_is_of_type (child, G_VARIANT_TYPE_VARIANT))
        {
          GVariant *inner = g_variant_get_variant (child);

          g_variant_unref (child);
          child = inner;
        }
      g_ptr_array_add (children, normal_variant (child, rules, in_array));
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DICT_ENTRY))
    return g_variant_new_dict_entry (children->pdata[0], children->pdata[1]);
  return g_variant_new_tuple ((GVariant **) children->pdata, n);
}

static GVariant *
normal_maybe (GVariant *value, Rules rules, gboolean in_array)
{
  const char *type = g_variant_get_type_string (value);
  g_autofree char *mapped = g_strdup (type);
  g_autoptr (GVariant) child = g_variant_get_maybe (value);

  if (child != NULL)
    {
      g_autoptr (GVariant) normal = normal_variant (child, rules, in_array);

      return g_variant_new_maybe (NULL, normal);
    }
  normal_type (type, strlen (type), rules.wide, mapped);
  return g_variant_new_maybe (G_VARIANT_TYPE (mapped + 1), NULL);
}

static GVariant *
normal_box (GVariant *value, Rules rules)
{
  g_autoptr (GVariant) child = g_variant_get_variant (value);
  g_autoptr (GVariant) normal = normal_variant (child, rules, FALSE);

  return g_variant_new_variant (normal);
}

/* A full reference, though it may be floating as well. */
static GVariant *
normal_any (GVariant *value, Rules rules, gboolean in_array)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_ARRAY:
      return normal_array (value, rules);
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
      return normal_tuple (value, rules, in_array);
    case G_VARIANT_CLASS_MAYBE:
      return normal_maybe (value, rules, in_array);
    case G_VARIANT_CLASS_VARIANT:
      return normal_box (value, rules);
    default:
      return normal_basic (value, rules, in_array);
    }
}

static GVariant *
normal_variant (GVariant *value, Rules rules, gboolean in_array)
{
  return g_variant_take_ref (normal_any (value, rules, in_array));
}

static gboolean
refuse_key (const char *type, GError **error)
{
  g_set_error (
      error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
      "A value of type “%.64s” cannot be a key; keys are booleans, numbers, strings, bytes "
      "and tuples of these",
      type);
  return FALSE;
}

static gboolean
check_key_type (const char *type, GError **error)
{
  for (const char *c = type; *c != '\0'; c++)
    if (*c == '{' || *c == 'h' || (*c == 'a' && c[1] != 'y'))
      return refuse_key (type, error);
  return TRUE;
}

static void
show_variant (Normal *normal, GVariant *value)
{
  normal->variant = value;
  shmobj_frame_set_variant (&normal->frame, normal->variant);
}

static gboolean
init_from_variant (Normal *normal, GVariant *given, gboolean key, GError **error)
{
  g_autoptr (GVariant) value = g_variant_get_normal_form (given);
  Rules rules = { .key = key };

  while (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      GVariant *inner = g_variant_get_variant (value);

      g_variant_unref (value);
      value = inner;
    }
  if (key && !check_key_type (g_variant_get_type_string (value), error))
    return FALSE;

  rules.wide = has_wide (value);
  show_variant (normal, normal_variant (value, rules, FALSE));
  if (key &&
      !check_key_type (normal->variant != NULL ? g_variant_get_type_string (normal->variant) : "",
                       error)) /* what was in variants inside a tuple */
    {
      normal_clear (normal);
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_string (const ShmobjFrame *frame)
{
  return frame->size > 0 && frame->data[frame->size - 1] == '\0' &&
         memchr (frame->data, 0, frame->size) == frame->data + frame->size - 1;
}

static gboolean
is_bytes (const ShmobjFrame *frame)
{
  return frame->kind == SHMOBJ_FRAME_BYTES ||
         (frame->kind == SHMOBJ_FRAME_VARIANT && frame->type_length == 2 &&
          memcmp (frame->type, "ay", 2) == 0);
}

/* Frames that need no GVariant. FALSE: it takes one. */
static gboolean
init_quickly (Normal *normal, const ShmobjFrame *frame)
{
  static const char *const letters = "bsx";
  char type;
  gint64 integer;

  if (is_bytes (frame))
    {
      shmobj_frame_set_bytes (&normal->frame, frame->data, frame->size);
      return TRUE;
    }
  if (frame->kind != SHMOBJ_FRAME_VARIANT || frame->type_length != 1)
    return FALSE;

  type = *frame->type;
  normal->frame = (ShmobjFrame){
    .kind = SHMOBJ_FRAME_VARIANT, .data = frame->data, .size = frame->size, .type_length = 1
  };
  if (type == 's' && is_string (frame))
    normal->frame.type = letters + 1;
  else if (type == 'b' && frame->size == 1 && frame->data[0] <= 1)
    normal->frame.type = letters;
  else if ((type == 'x' || type == 't') && frame->size == 8 &&
           read_integer (type, frame->data, &integer))
    normal->frame.type = letters + 2;
  else if ((type == 'i' || type == 'u') && frame->size == 4)
    {
      read_integer (type, frame->data, &integer);
      memcpy (normal->scratch, &integer, sizeof integer);
      normal->frame.data = normal->scratch;
      normal->frame.size = sizeof integer;
      normal->frame.type = letters + 2;
    }
  else
    return FALSE;
  return TRUE;
}

static gboolean
init (Normal *normal, const ShmobjFrame *frame, gboolean key, GError **error)
{
  g_autoptr (GVariant) value = NULL;
  ShmobjFrame copy = *frame;

  *normal = (Normal){ 0 };
  if (key && reference_is_frame (frame))
    return refuse_key ("reference", error);
  if (init_quickly (normal, frame))
    return TRUE;
  if (frame->kind == SHMOBJ_FRAME_PICKLE)
    {
      normal->frame = *frame;
      normal->frame.owned = NULL;
      return !key || refuse_key ("pickle", error);
    }

  copy.owned = NULL;
  value = shmobj_frame_steal_variant (&copy, error);
  return value != NULL && init_from_variant (normal, value, key, error);
}

gboolean
normal_init (Normal *normal, const ShmobjFrame *frame, GError **error)
{
  return init (normal, frame, FALSE, error);
}

gboolean
normal_init_key (Normal *normal, const ShmobjFrame *frame, GError **error)
{
  return init (normal, frame, TRUE, error);
}

void
normal_clear (Normal *normal)
{
  g_clear_pointer (&normal->variant, g_variant_unref);
  normal->frame = (ShmobjFrame){ 0 };
}

/* Could values of the stored type be equal to the normal one? */
static gboolean
types_agree (const Normal *normal, const char *type, gsize length)
{
  if (length > 0 && *type == 'v')
    return TRUE;
  if (length != normal->frame.type_length)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      char mine = normal->frame.type[i], other;

      normal_type (type + i, 1, mine == 't', &other);
      if (type[i] == 'y' && i > 0 && type[i - 1] == 'a')
        other = 'y';
      if (other != mine)
        return FALSE;
    }
  return TRUE;
}

static gboolean
may_be_bytes (const ShmobjFrame *stored)
{
  return is_bytes (stored) || (stored->type_length > 0 && *stored->type == 'v');
}

static gboolean
same_frame (const ShmobjFrame *a, const ShmobjFrame *b)
{
  return a->kind == b->kind && a->size == b->size && a->type_length == b->type_length &&
         (a->size == 0 || memcmp (a->data, b->data, a->size) == 0) &&
         (a->type_length == 0 || memcmp (a->type, b->type, a->type_length) == 0);
}

gboolean
normal_equals (const Normal *normal, gconstpointer data, gsize size)
{
  const guint8 *bytes = (const guint8 *) data + sizeof (FrameHeader);
  ShmobjFrame stored;
  FrameHeader header;
  gboolean equal;
  Normal other;

  if (!frame_check_header (data, size, &header))
    return FALSE;

  stored = (ShmobjFrame){ .kind = header.kind,
                          .data = bytes,
                          .size = header.size,
                          .type = (const char *) bytes + header.size,
                          .type_length = header.type_length };
  if (same_frame (&normal->frame, &stored))
    return TRUE;
  if (header.kind == SHMOBJ_FRAME_PICKLE || normal->frame.kind == SHMOBJ_FRAME_PICKLE)
    return FALSE;
  if (is_bytes (&normal->frame) ? !may_be_bytes (&stored)
                                : !types_agree (normal, stored.type, stored.type_length))
    return FALSE;

  if (!normal_init (&other, &stored, NULL))
    return FALSE;
  equal = same_frame (&normal->frame, &other.frame);
  normal_clear (&other);
  return equal;
}
