/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many values at a time, as GVariants.
 *
 * A GVariant of its own is three pieces of memory. So values of one basic type that lie side by
 * side become an array, and what is given out are its children, which are one piece each and share
 * the array's bytes. An array is short, so that one child that somebody keeps does not keep much.
 *
 * Numbers and text of another size than their type says stay by themselves, and are what GLib makes
 * of them. Text is as untrusted inside of an array as it was outside.
 *
 * A copy of 10 000 integers took 2.1 times the instructions with a GVariant for each.
 */

#include "manager/stored.h"

#define ARRAY_ITEMS 512
#define ARRAY_MIN 4 /* fewer are not worth an array */
#define ARRAY_BYTES 16384

/* Values that become one array. */
typedef struct
{
  char type[3]; /* of the array */
  gsize n;
  gsize size; /* of their data */
  gsize end;  /* in the run, behind them */
} Alike;

/* How many bytes each has; 0: it depends, G_MAXSIZE: never in an array. */
static gsize
size_of (char type)
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
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    case 's':
      return 0;
    default:
      return G_MAXSIZE;
    }
}

static gboolean
is_alike (const ShmobjFrame *frame, char type, gsize size)
{
  return frame->type_length == 1 && *frame->type == type && (size == 0 || frame->size == size);
}

/* The values from @offset on that are like the first one, as far as they fit. */
static Alike
look_ahead (const ShmobjFrameRun *run, gsize offset, gsize most, gsize most_bytes)
{
  Alike alike = { .type = "a", .end = offset };
  ShmobjFrame frame;
  gsize size;

  if (!frame_run_look (run, &offset, &frame) || frame.type_length != 1)
    return alike;
  alike.type[1] = *frame.type;
  size = size_of (alike.type[1]);
  while (size != G_MAXSIZE && is_alike (&frame, alike.type[1], size) && alike.n < most &&
         alike.size + frame.size <= most_bytes)
    {
      alike.n++;
      alike.size += frame.size;
      alike.end = offset;
      if (!frame_run_look (run, &offset, &frame))
        break;
    }
  return alike;
}

/* Their data one behind the other, then, of text, where each ends (stored-pairs.c). */
static GVariant *
make_array (const ShmobjFrameRun *run, gsize offset, const Alike *alike)
{
  guint width = alike->type[1] == 's' ? stored_end_width (alike->size, alike->n) : 0;
  gsize size = alike->size + width * alike->n, at = 0;
  guint8 *bytes = g_try_malloc (MAX (size, 1));
  ShmobjFrame frame;

  if (bytes == NULL)
    return NULL;
  for (gsize i = 0; i < alike->n && frame_run_look (run, &offset, &frame); i++)
    {
      memcpy (bytes + at, frame.data, frame.size);
      at += frame.size;
      if (width > 0)
        stored_write_end (bytes + alike->size + i * width, at, width);
    }
  return g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE (alike->type), bytes, size, FALSE, g_free, bytes));
}

/* FALSE: they are to be made one by one. */
static gboolean
take_alike (const ShmobjFrameRun *run, gsize *offset, GVariant **values, gsize *n)
{
  Alike alike = look_ahead (run, *offset, ARRAY_ITEMS, ARRAY_BYTES);
  g_autoptr (GVariant) array = alike.n >= ARRAY_MIN ? make_array (run, *offset, &alike) : NULL;

  if (array == NULL)
    return FALSE;
  for (gsize i = 0; i < alike.n; i++)
    values[(*n)++] = g_variant_get_child_value (array, i);
  *offset = alike.end;
  return TRUE;
}

static gboolean
take_one (ShmobjFrameRun *run, gsize *offset, GVariant **values, gsize *n, GError **error)
{
  ShmobjFrame frame;

  if (!shmobj_frame_run_next (run, offset, &frame) ||
      (values[*n] = stored_take_value (&frame, error)) == NULL)
    return FALSE;
  ++*n;
  return TRUE;
}

GVariant **
stored_take_values (ShmobjFrameRun *run, gsize *n, GError **error)
{
  GVariant **values = g_new0 (GVariant *, run->n_frames + 1);
  gsize offset = 0;

  for (*n = 0; *n < run->n_frames;)
    if (!take_alike (run, &offset, values, n) && !take_one (run, &offset, values, n, error))
      break;
  if (*n == run->n_frames)
    {
      shmobj_frame_run_clear (run);
      return values;
    }

  while (*n > 0)
    g_variant_unref (values[--*n]);
  g_free (values);
  shmobj_frame_run_clear (run);
  return NULL;
}

static GVariant *
pack_variants (ShmobjFrameRun *run, GError **error)
{
  GVariantBuilder builder;
  GVariant **values;
  gsize n;

  values = stored_take_values (run, &n, error);
  if (values == NULL)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; i < n; i++)
    {
      g_variant_builder_add_value (&builder, g_variant_new_variant (values[i]));
      g_variant_unref (values[i]);
    }
  g_free (values);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* Bytes would become an `ay`, which is read as one value. */
GVariant *
stored_take_packed (ShmobjFrameRun *run, GError **error)
{
  Alike alike = look_ahead (run, 0, G_MAXSIZE, G_MAXSIZE);
  GVariant *array = NULL;

  if (alike.n == 0 || alike.n != run->n_frames || alike.type[1] == 'y')
    return pack_variants (run, error);
  array = make_array (run, 0, &alike);
  shmobj_frame_run_clear (run);
  if (array == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                 "There is no memory for an array of %" G_GSIZE_FORMAT " values", alike.n);
  return array;
}
