/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GVariant type strings, read in place. A type in a message comes from another process, so it is
 * checked once, whole; from then on the other functions may walk it without looking for its end. */

#include "types.h"

#define LETTER(letter) (1u << ((letter) - 'a'))

/* Called for every value that is read: cheaper than strchr(). */
static gboolean
is_basic (char type)
{
  const guint32 letters = LETTER ('b') | LETTER ('y') | LETTER ('n') | LETTER ('q') | LETTER ('i') |
                          LETTER ('u') | LETTER ('x') | LETTER ('t') | LETTER ('d') | LETTER ('h') |
                          LETTER ('s') | LETTER ('o') | LETTER ('g');

  return type >= 'a' && type <= 'z' && (letters & LETTER (type)) != 0;
}

/* Behind the type at @type, or NULL when there is none before @end. */
static const char *
check_one (const char *type, const char *end, int depth)
{
  if (type == end || depth < 0)
    return NULL;

  if (is_basic (*type) || *type == 'v')
    return type + 1;

  switch (*type++)
    {
    case 'a':
    case 'm':
      return check_one (type, end, depth - 1);

    case '(':
      while (type != NULL && type != end && *type != ')')
        type = check_one (type, end, depth - 1);
      return type == NULL || type == end ? NULL : type + 1;

    case '{':
      if (type == end || !is_basic (*type))
        return NULL;
      type = check_one (type + 1, end, depth - 1);
      return type == NULL || type == end || *type != '}' ? NULL : type + 1;

    default:
      return NULL;
    }
}

gboolean
type_check (const char *type, const char *end, int depth)
{
  return type != end && check_one (type, end, depth) == end;
}

const char *
type_skip (const char *type)
{
  int open = 0;

  for (;; type++)
    {
      switch (*type)
        {
        case '(':
        case '{':
          open++;
          break;
        case ')':
        case '}':
          open--;
          break;
        case 'a':
        case 'm':
          continue;
        default:
          break;
        }
      if (open == 0)
        return type + 1;
    }
}

static gsize
basic_size (char type)
{
  switch (type)
    {
    case 'b':
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
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

gsize
type_alignment (const char *type, const char *end)
{
  gsize alignment = 1;

  for (; type != end; type++)
    alignment = MAX (alignment, *type == 'v' ? 8 : basic_size (*type));
  return alignment;
}

/* The size of a tuple or dict entry whose members all have one. */
static gsize
tuple_fixed_size (const char *type, const char *end)
{
  gsize alignment = type_alignment (type, end);
  gsize size = 0;

  if (*type == ')')
    return 1;

  while (*type != ')' && *type != '}')
    {
      const char *next = type_skip (type);
      gsize own = type_fixed_size (type, next);
      gsize own_alignment = type_alignment (type, next);

      if (own == 0)
        return 0;
      size = ((size + own_alignment - 1) & ~(own_alignment - 1)) + own;
      type = next;
    }
  return (size + alignment - 1) & ~(alignment - 1);
}

gsize
type_fixed_size (const char *type, const char *end)
{
  if (*type == '(' || *type == '{')
    return tuple_fixed_size (type + 1, end);
  return basic_size (*type);
}
