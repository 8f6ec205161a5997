/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/shmobj-frame.h"

#include <string.h>

/* How a frame lies in memory, 8-byte aligned in a ring, anywhere in a store:
 *
 *     0       4      6             8                     8 + size
 *     [ size ][ kind ][ type_length ][ data, size bytes ][ type string ]
 */
typedef struct
{
  guint32 size;
  guint16 kind;
  guint16 type_length;
} FrameHeader;

G_STATIC_ASSERT (sizeof (FrameHeader) == 8);

#define FRAME_SIZE_MAX G_GUINT64_CONSTANT (0xfffff000)

/* In a ring alone: behind the header is not a message but where it lies (base/loan.h). What asks
 * whether something is a frame says no. */
#define FRAME_LOAN 4
/* The same for a message with descriptors (base/parcel.h). */
#define FRAME_PARCEL 5

/* The header as one word: what is stored and loaded in one piece, and checked in a register. */
static inline guint64
frame_header_pack (const ShmobjFrame *frame)
{
  return (guint32) frame->size | (guint64) frame->kind << 32 | (guint64) frame->type_length << 48;
}

static inline guint64
frame_header_join (const FrameHeader *header)
{
  return header->size | (guint64) header->kind << 32 | (guint64) header->type_length << 48;
}

/* FALSE when @word is no header of a frame that occupies at most @available bytes. */
static inline gboolean
frame_header_unpack (guint64 word, gsize available, FrameHeader *header)
{
  *header = (FrameHeader){ .size = word, .kind = word >> 32, .type_length = word >> 48 };
  return sizeof *header + (guint64) header->size + header->type_length <= available &&
         header->kind - 1u < SHMOBJ_FRAME_PICKLE &&
         (header->type_length > 0) == (header->kind == SHMOBJ_FRAME_VARIANT);
}

/* Bytes that @frame needs with its header; 0 when it is too large for any ring or store. */
static inline gsize
frame_stored_size (const ShmobjFrame *frame)
{
  if (G_UNLIKELY (frame->size > FRAME_SIZE_MAX || frame->type_length > G_MAXUINT16))
    return 0;
  return sizeof (FrameHeader) + frame->size + frame->type_length;
}

/* Writes header, data and type: exactly frame_stored_size() bytes. */
static inline void
frame_store (const ShmobjFrame *frame, void *at)
{
  guint64 word = frame_header_pack (frame);

  memcpy (at, &word, sizeof word);
  at = (guint8 *) at + sizeof word;
  if (G_LIKELY (frame->size > 0))
    memcpy (at, frame->data, frame->size);
  if (frame->type_length > 0)
    memcpy ((guint8 *) at + frame->size, frame->type, frame->type_length);
}

/* Reads the header of a frame that occupies at most @available bytes. The bytes may be another's:
 * they are copied once and the copy is checked. FALSE when it is none. */
gboolean frame_check_header (const void *at, gsize available, FrameHeader *header);
/* Copies out the frame at @at (checked as above): @frame then owns a buffer. FALSE when it is none,
 * or memory ran out. */
gboolean frame_load (const void *at, gsize available, ShmobjFrame *frame);
/* Makes @frame a view of @buffer (owned, allocated with g_malloc), which holds data and type behind
 * one another as @header says. */
void frame_adopt (ShmobjFrame *frame, const FrameHeader *header, gpointer buffer);
/* Can shmobj_frame_steal_variant() read it? With its errors. */
gboolean frame_check_value (const ShmobjFrame *frame, GError **error);

/* frame-run.c: adds a frame, whose checked header this is; @data: data and type. FALSE when memory
 * ran out. */
gboolean frame_run_add (ShmobjFrameRun *run, const FrameHeader *header, const void *data);
/* Adds @n frames, one behind the other in @size bytes; all or none of them. */
gboolean frame_run_add_many (ShmobjFrameRun *run, const void *data, gsize size, gsize n);
/* shmobj_frame_run_next() that takes nothing along. */
static inline gboolean
frame_run_look (const ShmobjFrameRun *run, gsize *offset, ShmobjFrame *frame)
{
  const guint8 *data = run->bytes + *offset + sizeof (FrameHeader);
  FrameHeader header;

  if (*offset >= run->size)
    return FALSE;

  memcpy (&header, run->bytes + *offset, sizeof header);
  *frame = (ShmobjFrame){
    .kind = header.kind,
    .data = data,
    .size = header.size,
    .type = header.type_length > 0 ? (const char *) data + header.size : NULL,
    .type_length = header.type_length,
  };
  *offset += sizeof header + header.size + header.type_length;
  return TRUE;
}
/* The frame at @offset becomes @frame, of the same value, which owns something and ends here.
 * Called from the first frame on. */
void frame_run_give (ShmobjFrameRun *run, gsize offset, ShmobjFrame *frame);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ShmobjFrameRun, shmobj_frame_run_clear)
