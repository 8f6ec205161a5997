/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The length of a D-Bus message, by the rules of the specification (Marshaling).
 *
 * GDBus knows it only when it has built the message, and needs a second for 2 MiB of booleans;
 * arrays of fixed size are a multiplication here.
 */

#include "bus/message-size.h"

#include <string.h>

static gsize
align (gsize offset, gsize to)
{
  return (offset + to - 1) & ~(to - 1);
}

/* Of a basic type that is always as long; 0 for all others. */
static gsize
fixed_size (char type)
{
  switch (type)
    {
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'i':
    case 'u':
    case 'h':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    default:
      return 0;
    }
}

static gsize
alignment (char type)
{
  gsize size = fixed_size (type);

  if (size > 0)
    return size;
  if (type == '(' || type == '{')
    return 8;
  return type == 'g' || type == 'v' ? 1 : 4;
}

static gsize end_of (GVariant *value, gsize offset);

static gsize
end_of_children (GVariant *value, gsize offset)
{
  gsize n = g_variant_n_children (value);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      offset = end_of (child, offset);
    }
  return offset;
}

static gsize
end_of_array (GVariant *value, gsize offset)
{
  char element = g_variant_get_type_string (value)[1];

  offset = align (offset + 4, alignment (element));
  if (fixed_size (element) > 0)
    return offset + fixed_size (element) * g_variant_n_children (value);
  return end_of_children (value, offset);
}

static gsize
end_of_variant (GVariant *value, gsize offset)
{
  g_autoptr (GVariant) content = g_variant_get_variant (value);

  return end_of (content, offset + 2 + strlen (g_variant_get_type_string (content)));
}

/* Where @value ends when it begins at @offset, or behind. */
static gsize
end_of (GVariant *value, gsize offset)
{
  char type = g_variant_get_type_string (value)[0];
  gsize length;

  offset = align (offset, alignment (type));
  switch (type)
    {
    case 's':
    case 'o':
      (void) g_variant_get_string (value, &length);
      return offset + 4 + length + 1;
    case 'g':
      (void) g_variant_get_string (value, &length);
      return offset + 1 + length + 1;
    case 'v':
      return end_of_variant (value, offset);
    case 'a':
      return end_of_array (value, offset);
    case '(':
    case '{':
      return end_of_children (value, offset);
    default:
      return offset + fixed_size (type);
    }
}

gsize
bus_message_size (GVariant *body)
{
  return end_of_children (body, 0);
}
