/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loans: messages whose bytes lie in a block of the pool (base/pool.c). In the ring, and in the
 * table of what is in flight, there is only a frame of 16 bytes that names the block.
 *
 *     ring      [ header: FRAME_LOAN ][ block's number ]
 *                                          |
 *     pool                                 +-> [ QUEUED, message's number, bytes used ] -> bytes
 *
 * Put. Under the write guard the block gets the number of the message that it is about to be, then
 * the state QUEUED; then its frame is written and published as any other. Without room, the state
 * goes back to the writer's token.
 *
 * Got by a copy, as every reader can: copied out under the read guard, con is published, then the
 * block is freed. Received (or taken in place): the flight's entry holds the 16 bytes; when it is
 * done, first the entry and then the block becomes free. If the receiver dies, the entry returns to
 * the front of the queue and the block with it.
 *
 * Death. Whether a QUEUED block is a message is not its own word's to say, but the ring's: it is
 * one if its number is between what was read and what was written, or if a message in flight leads
 * to it. All else is garbage: of a writer that died before it published, of a reader that died
 * after con or after its entry. loan_sweep() frees it, under both guards. So there is no order of
 * stores to get right between the block and the ring, except that a block is QUEUED before it is
 * published and freed after the message is gone. A dead writer's number may be given to somebody's
 * else message before the next sweep; then the block is kept until that message is read.
 *
 * The other side may lie. A frame that leads outside of the pool, to a block that is not queued, or
 * not as this message, or with more bytes than it has, is CORRUPT.
 *
 * Forks. A loan is the process's that took it; a child's copy of it says so
 * (objects/shmobj-loan.c).
 */

#include "base/loan.h"

#include "base/flight.h"
#include "base/ring-private.h"

#define LOOK_US 100000
#define CANCEL_LOOK_US 20000

/* ---- borrowing ---- */

static RingStatus
status_of (PoolStatus status)
{
  switch (status)
    {
    case POOL_OK:
      return RING_OK;
    case POOL_CROWDED:
    case POOL_SHALLOW:
      return RING_FULL;
    case POOL_NO_SPACE:
      return RING_NO_SPACE;
    default:
      return RING_STUCK;
    }
}

/* Those who died are looked for before more memory is used. */
static RingStatus
try_lend (Ring *ring, guint32 me, guint64 size, gint64 deadline_us, guint *block)
{
  PoolStatus status = pool_lend (ring->pool, me, size, FALSE, deadline_us, block);

  if (status == POOL_SHALLOW || status == POOL_CROWDED)
    {
      loan_sweep (ring, me);
      status = pool_lend (ring->pool, me, size, TRUE, deadline_us, block);
    }
  return status_of (status);
}

/* Owners die without a word, so nobody sleeps here for longer than a moment. */
static RingStatus
wait_for_block (_Atomic (guint32) *word, guint32 value, const RingPatience *patience)
{
  Doorbell nothing = DOORBELL_NONE;
  gint64 left_us = wait_left (patience->deadline_us),
         look_us = patience->cancel_fd >= 0 ? CANCEL_LOOK_US : LOOK_US;

  if (left_us == 0)
    return RING_FULL;
  if (left_us > 0)
    look_us = MIN (left_us, look_us);
  if (patience->cancel_fd < 0)
    return wait_sleep (word, value, look_us) == WAIT_INTERRUPTED && patience->interruptible
               ? RING_INTERRUPTED
               : RING_OK;
  switch (doorbell_wait (&nothing, patience->cancel_fd, look_us))
    {
    case DOORBELL_OTHER:
      return RING_CANCELLED;
    case DOORBELL_INTERRUPTED:
      return patience->interruptible ? RING_INTERRUPTED : RING_OK;
    default:
      return RING_OK;
    }
}

RingStatus
loan_lend (Ring *ring, guint32 me, guint64 size, const RingPatience *patience, guint *block)
{
  RingStatus status;

  if (size > MIN (ring->pool->size, FRAME_SIZE_MAX))
    return RING_TOO_LARGE;
  for (;;)
    {
      _Atomic (guint32) *word;
      guint32 value;

      if (ring_is_shut (ring))
        return RING_CLOSED;
      status = try_lend (ring, me, size, patience->deadline_us, block);
      if (status != RING_FULL || patience->deadline_us == 0)
        return status;
      value = pool_watch (ring->pool, &word);
      status = try_lend (ring, me, size, patience->deadline_us, block);
      if (status != RING_FULL)
        return status;
      status = wait_for_block (word, value, patience);
      if (status != RING_OK)
        return status;
    }
}

/* ---- putting ---- */

gboolean
loan_enqueue (Ring *ring, guint32 me, const LoanRecord *record, guint64 number)
{
  PoolBlock *block = pool_entry (ring->pool, record->block);

  if (block == NULL || bits (&block->state) != me)
    return FALSE;
  store (&block->number, number);
  atomic_store_explicit (&block->state, POOL_QUEUED, memory_order_release);
  return TRUE;
}

void
loan_keep (Ring *ring, guint32 me, const LoanRecord *record)
{
  PoolBlock *block = pool_entry (ring->pool, record->block);

  atomic_store_explicit (&block->state, me, memory_order_release);
}

RingStatus
loan_put (Ring *ring, guint32 me, guint block, guint64 used, const RingPatience *patience)
{
  LoanRecord record = { .block = block };
  ShmobjFrame frame = { .kind = FRAME_LOAN, .data = (guint8 *) &record, .size = sizeof record };
  gboolean at_once = patience->deadline_us == 0;
  PoolBlock *entry = pool_entry (ring->pool, block);
  RingStatus status;

  if (entry == NULL)
    return RING_CORRUPT;
  store (&entry->used, used);
  status = ring_try_put_loan (ring, me, &frame, at_once, patience->deadline_us);
  if ((status == RING_FULL || status == RING_SHALLOW) && !at_once)
    status = ring_put_patiently (ring, me, &frame, patience, status);
  if (status == RING_OK)
    atomic_fetch_add_explicit (&ring->shared->lent_bytes, used, memory_order_relaxed);
  return status;
}

/* ---- reading ---- */

/* The bytes of the block that is message @number, and how many; NULL: it is not. */
static const guint8 *
find_message (Ring *ring, guint index, guint64 number, guint32 *used)
{
  PoolBlock *block = pool_entry (ring->pool, index);
  guint64 size = 0, length = block != NULL ? load (&block->used) : 0;
  const guint8 *data = pool_block (ring->pool, index, &size);

  if (data == NULL || length > MIN (size, FRAME_SIZE_MAX) || load (&block->number) != number ||
      atomic_load_explicit (&block->state, memory_order_acquire) != POOL_QUEUED)
    return NULL;
  *used = length;
  return data;
}

RingStatus
loan_read (
    Ring *ring, RingGet *get, guint64 word, const void *record, gsize available, guint64 number)
{
  const guint8 *data;
  LoanRecord loan;
  guint32 used;

  if (ring->pool == NULL || word != loan_header () || available < sizeof loan)
    return RING_CORRUPT;
  memcpy (&loan, record, sizeof loan);
  __asm__ volatile("" : "+r"(loan.block)); /* what is checked is this copy */
  data = find_message (ring, loan.block, number, &used);
  if (data == NULL)
    return RING_CORRUPT;

  get->header = (FrameHeader){ .size = used, .kind = SHMOBJ_FRAME_BYTES };
  if (!(get->accept & RING_ACCEPT (SHMOBJ_FRAME_BYTES)))
    return RING_REFUSED;
  if (get->ticket != NULL && get->ticket->in_place)
    get->ticket->block = loan.block + 1;
  else if (used > get->size)
    return RING_TOO_SMALL;
  else
    memcpy (get->buffer, data, used);
  get->loan = loan.block + 1;
  return RING_OK;
}

void
loan_end (Ring *ring, guint noted)
{
  if (ring->pool != NULL && noted != 0)
    pool_free (ring->pool, noted - 1, POOL_QUEUED);
}

/* ---- the garbage ---- */

/* Under both guards. */
static guint
free_unreachable (Ring *ring)
{
  guint64 read = ring_read (ring), written = ring_written (ring);
  gboolean flying[POOL_BLOCKS] = { FALSE };
  guint used = pool_used (ring->pool), n = 0;

  flight_mark_loans (ring, FALSE, flying);
  for (guint i = 0; i < used; i++)
    {
      PoolBlock *block = &ring->pool->shared->blocks[i];
      guint64 number = load (&block->number);

      if (bits (&block->state) == POOL_QUEUED && (number < read || number >= written) && !flying[i])
        n += pool_free (ring->pool, i, POOL_QUEUED);
    }
  return n;
}

static gboolean
any_queued (Pool *pool)
{
  guint used = pool_used (pool);

  for (guint i = 0; i < used; i++)
    if (bits (&pool->shared->blocks[i].state) == POOL_QUEUED)
      return TRUE;
  return FALSE;
}

guint
loan_sweep (Ring *ring, guint32 me)
{
  guint n = pool_recover (ring->pool, me);

  if (!any_queued (ring->pool) || ring_lock_both (ring, me, 0) != RING_OK)
    return n;
  n += free_unreachable (ring);
  ring_unlock_both (ring);
  return n;
}

guint
loan_in_use (Ring *ring, guint32 me)
{
  gboolean held[POOL_BLOCKS] = { FALSE };
  guint used = pool_used (ring->pool), n = 0;

  flight_recover (ring, me);
  loan_sweep (ring, me);
  flight_mark_loans (ring, TRUE, held);
  for (guint i = 0; i < used; i++)
    {
      guint32 state = bits (&ring->pool->shared->blocks[i].state);

      n += state == POOL_QUEUED ? held[i] : state != 0;
    }
  return n;
}
