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

void
shmobj_frame_set_variant (ShmobjFrame *frame, GVariant *value)
{
  const char *type = g_variant_get_type_string (value);

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
    value = g_variant_new_from_data (type, frame->data, frame->size, FALSE, g_free, frame->owned);

  *frame = (ShmobjFrame){ 0 };
  return g_variant_ref_sink (value);
}

GVariant *
shmobj_frame_steal_variant (ShmobjFrame *frame, GError **error)
{
  g_autofree char *type = NULL;

  if (frame->kind == SHMOBJ_FRAME_BYTES)
    return variant_of (frame, G_VARIANT_TYPE_BYTESTRING);

  if (frame->kind == SHMOBJ_FRAME_PICKLE)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The value is a Python pickle of %" G_GSIZE_FORMAT
                   " bytes, which only Python reads; "
                   "send what GVariant can say to be understood by others",
                   frame->size);
      return NULL;
    }

  type = g_strndup (frame->type, frame->type_length);
  if (!g_variant_type_string_is_valid (type) || !g_variant_type_is_definite (G_VARIANT_TYPE (type)))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "A value has the impossible type “%.64s”", type);
      return NULL;
    }

  return variant_of (frame, G_VARIANT_TYPE (type));
}

gsize
frame_stored_size (const ShmobjFrame *frame)
{
  if (frame->size > FRAME_SIZE_MAX || frame->type_length > G_MAXUINT16)
    return 0;
  return sizeof (FrameHeader) + frame->size + frame->type_length;
}

void
frame_store (const ShmobjFrame *frame, void *at)
{
  FrameHeader header = { frame->size, frame->kind, frame->type_length };

  memcpy (at, &header, sizeof header);
  at = (guint8 *) at + sizeof header;
  if (frame->size > 0)
    memcpy (at, frame->data, frame->size);
  if (frame->type_length > 0)
    memcpy ((guint8 *) at + frame->size, frame->type, frame->type_length);
}

gboolean
frame_check_header (const void *at, gsize available, FrameHeader *header)
{
  guint64 whole;

  if (available < sizeof *header)
    return FALSE;

  memcpy (header, at, sizeof *header);
  __asm__ volatile(
      "" ::
          : "memory"); /* what was checked is the copy, not the shared bytes once more */
  whole = sizeof *header + (guint64) header->size + header->type_length;

  return header->kind >= SHMOBJ_FRAME_BYTES && header->kind <= SHMOBJ_FRAME_PICKLE &&
         (header->type_length > 0) == (header->kind == SHMOBJ_FRAME_VARIANT) && whole <= available;
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
