/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/shmobj-frame.h"

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

/* Bytes that @frame needs with its header; 0 when it is too large for any ring or store (>
 * FRAME_SIZE_MAX, type > 65535). */
gsize frame_stored_size (const ShmobjFrame *frame);
/* Writes header, data and type: exactly frame_stored_size() bytes. */
void frame_store (const ShmobjFrame *frame, void *at);
/* Reads @header of a frame that occupies @available bytes. The bytes may be another's: the header
 * is copied once and checked. FALSE when it is none (kind unknown, longer than @available). */
gboolean frame_check_header (const void *at, gsize available, FrameHeader *header);
/* Copies out the frame at @at (checked as above): @frame then owns a buffer. FALSE when it is none,
 * or memory ran out. */
gboolean frame_load (const void *at, gsize available, ShmobjFrame *frame);
/* Makes @frame a view of @buffer (owned, allocated with g_malloc), which holds data and type behind
 * one another as @header says. */
void frame_adopt (ShmobjFrame *frame, const FrameHeader *header, gpointer buffer);
