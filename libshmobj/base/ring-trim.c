/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory given back after a burst, and how much went through.
 *
 * Trimming happens under both guards, so nobody reads or writes the data meanwhile. Of a ring that
 * is empty only its first step stays, and the page where its ends are: the next record goes to 0,
 * and the mark that leads there lies in that page. Of one that is not, what lies behind the last
 * record goes, unless the records wind round the end. What is in flight and what is lent keep
 * everything up to their last message or block.
 *
 * Order. First the note of how far a writer may go straight on, then `reserved`, and then the holes
 * are punched: so nothing that may be touched is ever without memory.
 *
 * Death between these leaves a ring that says less than it has; it grows over those pages again, or
 * the next trim punches them.
 *
 * Bytes. Counting each message would cost each put; so it is counted where a writer leaves its
 * straight way for the next round, which is rare: bytes_before[], by the round's parity, is what
 * has been written less the offset at which the round began. It is published with the position: a
 * death before leaves a number that nobody reads and the next writer stores again.
 */

#include "base/flight.h"
#include "base/pool.h"
#include "base/ring-private.h"

static guint64
page_of (guint64 offset)
{
  return offset & ~(guint64) (LAYOUT_PAGE - 1);
}

/* How much of the data shall stay; G_MAXUINT64: nothing can be said. */
static guint64
reserve_to_keep (Ring *ring, guint64 written, guint64 read, gboolean empty)
{
  if (empty)
    return RING_FIRST_STEP;
  if (rounds_between (written, read) != 0)
    return G_MAXUINT64;
  return MAX (page_of (offset_of (written)) + LAYOUT_PAGE, RING_FIRST_STEP);
}

/* Under both guards. */
static RingStatus
trim_data (Ring *ring)
{
  RingShared *shared = ring->shared;
  guint32 pub = WAIT_COUNT (bits (&shared->pub)), con = WAIT_COUNT (bits (&shared->con));
  RingPosition *write = slot_with (&shared->write, pub), *read = slot_with (&shared->read, con);
  guint64 reserved = load (&shared->reserved), keep, at, end = ring_data_size (ring->capacity);

  if (write == NULL || read == NULL || offset_of (load (&write->pos)) > ring->capacity)
    return RING_CORRUPT;
  keep = reserve_to_keep (ring, load (&write->pos), load (&read->pos), pub == con);
  if (keep == G_MAXUINT64)
    return RING_OK;

  keep = MIN (keep, MIN (reserved, ring->capacity));
  at = page_of (offset_of (load (&write->pos)));
  store (&shared->write.room, load (&write->pos));
  store (&shared->deepest, MAX (load (&shared->deepest), reserved));
  store (&shared->reserved, keep);
  keep = ring_data_size (keep);
  if ((at > keep &&
       segment_punch (ring->segment, ring->data_offset + keep, ring->data_offset + at) != 0) ||
      segment_punch (ring->segment, ring->data_offset + MAX (keep, at + LAYOUT_PAGE),
                     ring->data_offset + MAX (end, at + LAYOUT_PAGE)) != 0)
    return RING_NO_SPACE;
  return RING_OK;
}

RingStatus
ring_trim (Ring *ring, guint32 me, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  status = trim_data (ring);
  if (status == RING_OK && ring->flight != NULL && !flight_trim (ring))
    status = RING_NO_SPACE;
  ring_unlock_both (ring);
  return status;
}

guint64
ring_bytes (Ring *ring)
{
  RingShared *shared = ring->shared;
  guint64 pos;
  guint32 count;

  if (!ring_look_at (&shared->pub, &shared->write, &pos, &count))
    return 0;
  return load (&shared->bytes_before[round_parity (pos)]) + offset_of (pos) +
         load (&shared->lent_bytes);
}

guint64
ring_high_water (Ring *ring)
{
  return MAX (load (&ring->shared->deepest), load (&ring->shared->reserved));
}
