/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/pool.h"
#include "base/ring.h"

/* Messages that lie in a block of the pool: what leads there from the ring (base/loan.c). */

/* Behind a header of kind FRAME_LOAN. */
typedef struct
{
  guint32 block;
  guint32 spare;
} LoanRecord;

G_STATIC_ASSERT (sizeof (LoanRecord) == 8);

/* A block to write to. RING_FULL: none came free within the time; RING_TOO_LARGE, RING_NO_SPACE,
 * RING_STUCK, RING_CLOSED, RING_CANCELLED, RING_INTERRUPTED. */
RingStatus
loan_lend (Ring *ring, guint32 me, guint64 size, const RingPatience *patience, guint *block);
/* Makes the block's first @used bytes a message. When it is not RING_OK the block is still ours. */
RingStatus
loan_put (Ring *ring, guint32 me, guint block, guint64 used, const RingPatience *patience);
/* Frees blocks that nobody will: of writers that died, and of messages whose reader died after it
 * got them. How many. */
guint loan_sweep (Ring *ring, guint32 me);
/* How many blocks somebody has in his hands who is alive: lent, or with a message that he received.
 */
guint loan_in_use (Ring *ring, guint32 me);

/* For the ring, under the write guard: the block is message @number from the next publishing on.
 * FALSE: it is not ours. And not, after all. */
gboolean loan_enqueue (Ring *ring, guint32 me, const LoanRecord *record, guint64 number);
void loan_keep (Ring *ring, guint32 me, const LoanRecord *record);

/* For the ring and the flight, under the read guard. Reads message @number, whose header is @word,
 * as read_record() does, and notes the block in @get. RING_CORRUPT: it leads to no block. */
RingStatus loan_read (
    Ring *ring, RingGet *get, guint64 word, const void *record, gsize available, guint64 number);
/* After the message is final, for all: its block is free. @noted is what loan_read() noted. */
void loan_end (Ring *ring, guint noted);

static inline guint64
loan_header (void)
{
  return sizeof (LoanRecord) | (guint64) FRAME_LOAN << 32;
}
