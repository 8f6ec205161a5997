/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames: what one value looks like in a ring and in a store, and the only code that reads and
 * writes that form.
 *
 * The header is the only part that steers us, so it is copied once and checked before use; data and
 * type string are copied out whole and looked at afterwards. A GVariant made from them is
 * untrusted: GLib checks each access.
 *
 * Alignment. In a ring the data begins at a multiple of 8, so it is as aligned as GVariant wants
 * it. In a store it begins anywhere; frame_load() copies it into fresh, aligned memory.
 */

#include "base/frame.h"

#include "base/shmobj-error.h"
#include "base/text.h"

#include <string.h>

void
shmobj_frame_set_bytes (ShmobjFrame *frame, const void *data, gsize size)
{
  *frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_BYTES, .data = data, .size = size };
}

void
shmobj_frame_set_pickle (ShmobjFrame *frame, const void *data, gsize size)
{
  *frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_PICKLE, .data = data, .size = size };
}

/* The size of a number or a boolean; 0 for all else. GVariant would take its lock to tell it. */
static gsize
size_of_number (const char *type)
{
  if (type[0] == '\0' || type[1] != '\0')
    return 0;
  switch (type[0])
    {
    case 'x':
    case 't':
    case 'd':
      return 8;
    case 'i':
    case 'u':
      return 4;
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'y':
      return 1;
    default:
      return 0;
    }
}

void
shmobj_frame_set_variant (ShmobjFrame *frame, GVariant *value)
{
  static const guint8 zero[8];
  const char *type = g_variant_get_type_string (value);
  gsize size = size_of_number (type);

  if (G_LIKELY (size > 0))
    {
      *frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_VARIANT,
                              .data = g_variant_get_data (value),
                              .size = size,
                              .type = type,
                              .type_length = 1 };
      if (G_UNLIKELY (frame->data == NULL)) /* made of bytes that were none: it reads as 0 */
        frame->data = zero;
      return;
    }

  /* bytes in either dress: an `ay` is read as one whatever it was sent as */
  if (type[0] == 'a' && type[1] == 'y' && type[2] == '\0')
    {
      shmobj_frame_set_bytes (frame, g_variant_get_data (value), g_variant_get_size (value));
      return;
    }

  *frame = (ShmobjFrame){
    .kind = SHMOBJ_FRAME_VARIANT,
    .data = g_variant_get_data (value),
    .size = g_variant_get_size (value),
    .type = type,
    .type_length = strlen (type),
  };
}

void
shmobj_frame_clear (ShmobjFrame *frame)
{
  if (frame->release != NULL)
    frame->release (frame->owned);
  else
    g_free (frame->owned);
  *frame = (ShmobjFrame){ 0 };
}

static GVariant *
variant_of (ShmobjFrame *frame, const GVariantType *type)
{
  GVariant *value;

  if (frame->owned == NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (frame->data, frame->size);

      value = g_variant_new_from_bytes (type, bytes, FALSE);
    }
  else
    value =
        g_variant_new_from_data (type, frame->data, frame->size, FALSE,
                                 frame->release != NULL ? frame->release : g_free, frame->owned);

  *frame = (ShmobjFrame){ 0 };
  return g_variant_ref_sink (value);
}

/* The type of most values, so that it is neither copied nor scanned; NULL for what is longer. */
static const GVariantType *
find_basic_type (const ShmobjFrame *frame)
{
  static const char types[] = "x\0s\0d\0b\0i\0u\0t\0v\0y\0n\0q\0o\0g\0h";

  for (gsize i = 0; frame->type_length == 1 && i < sizeof types; i += 2)
    if (types[i] == *frame->type)
      return (const GVariantType *) &types[i];
  return NULL;
}

/* The type of the frame's value; NULL with an error, as of shmobj_frame_steal_variant(). @copy:
 * what the caller frees. */
static const GVariantType *
type_of (const ShmobjFrame *frame, char **copy, GError **error)
{
  const GVariantType *basic = find_basic_type (frame);

  if (basic != NULL)
    return basic;
  if (frame->kind == SHMOBJ_FRAME_BYTES)
    return G_VARIANT_TYPE_BYTESTRING;

  if (frame->kind == SHMOBJ_FRAME_PICKLE)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The value is a Python pickle of %" G_GSIZE_FORMAT
                   " bytes, which only Python reads; "
                   "send what GVariant can say to be understood by others",
                   frame->size);
      return NULL;
    }

  *copy = g_strndup (frame->type, frame->type_length);
  if (!g_variant_type_string_is_valid (*copy) ||
      !g_variant_type_is_definite (G_VARIANT_TYPE (*copy)))
    {
      g_autofree char *shown = text_readable (*copy, 64);

      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "A value has the impossible type “%s”", shown);
      return NULL;
    }
  return G_VARIANT_TYPE (*copy);
}

GVariant *
shmobj_frame_steal_variant (ShmobjFrame *frame, GError **error)
{
  g_autofree char *copy = NULL;
  const GVariantType *type = type_of (frame, &copy, error);

  return type != NULL ? variant_of (frame, type) : NULL;
}

gboolean
frame_check_value (const ShmobjFrame *frame, GError **error)
{
  g_autofree char *copy = NULL;

  return type_of (frame, &copy, error) != NULL;
}

gboolean
frame_check_header (const void *at, gsize available, FrameHeader *header)
{
  guint64 word;

  if (available < sizeof word)
    return FALSE;
  memcpy (&word, at, sizeof word);
  __asm__ volatile(""
                   : "+r"(word)); /* what is checked is this copy, not the shared bytes once more */
  return frame_header_unpack (word, available, header);
}

void
frame_adopt (ShmobjFrame *frame, const FrameHeader *header, gpointer buffer)
{
  *frame = (ShmobjFrame){
    .kind = header->kind,
    .data = buffer,
    .size = header->size,
    .type = header->type_length > 0 ? (const char *) buffer + header->size : NULL,
    .type_length = header->type_length,
    .owned = buffer,
  };
}

gboolean
frame_load (const void *at, gsize available, ShmobjFrame *frame)
{
  FrameHeader header;
  gpointer buffer;
  gsize size;

  if (!frame_check_header (at, available, &header))
    return FALSE;

  size = (gsize) header.size + header.type_length;
  buffer = g_try_malloc (MAX (size, 1));
  if (buffer == NULL)
    return FALSE;

  memcpy (buffer, (const guint8 *) at + sizeof header, size);
  frame_adopt (frame, &header, buffer);
  return TRUE;
}
