/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a ring: the loops of put and get. First they spin for a while that is learnt from
 * success (base/wait.c), then they sleep on the ring's word, from the seat (base/ring-seat.c).
 *
 * With something to cancel, the wait is a poll of the ring's doorbell and the cancelling descriptor
 * instead.
 */

#include "base/ring-seat.h"

#include "base/lookout.h"
#include "base/sys.h"

#include <sched.h>
#include <time.h>

#define FINISH_LOOKS 8

#define KEEP_UP_PAUSES 64 /* some 2 µs */
#define KEEP_UP_COUNT 8
#define KEEP_UP_YIELDS 8
#define KEEP_UP_NAPS 16
#define KEEP_UP_NAP_US 50
#define DEEP (1024 * 1024)

void
ring_let_ringer_finish (Ring *ring, gboolean writer)
{
  Guard *guard = writer ? &ring->shared->read.guard : &ring->shared->write.guard;

  for (int i = 0; i < FINISH_LOOKS && atomic_load_explicit (guard, memory_order_relaxed) != 0; i++)
    if (i < FINISH_LOOKS / 2)
      wait_pause (2);
    else
      sched_yield ();
}

/* With a descriptor that cancels: poll it and the bell. */
static RingStatus
sleep_by_bell (const RingWant *want, RingAsk *ask, const RingPatience *patience)
{
  Ring *ring = want->ring;
  gint64 left_us = wait_left (patience->deadline_us);
  DoorbellResult result;
  RingStatus status;

  if (left_us == 0)
    return RING_EMPTY;
  status = want->writer ? ring_arm_out_for (ring, want->me, DOORBELL_ARMED, want->stored, *ask,
                                            patience->deadline_us)
                        : ring_arm_in (ring, want->me, DOORBELL_ARMED, patience->deadline_us);
  if (status != RING_OK)
    return status;
  result = doorbell_wait (
      want->writer ? &ring->out : &ring->in, patience->cancel_fd,
      ring_seat_sleep_time (want, *ask, lookout_by_bell_us (ring, want->me), left_us));
  *ask = result == DOORBELL_TIMED_OUT ? RING_EXACT : RING_BATCH;
  switch (result)
    {
    case DOORBELL_OTHER:
      return RING_CANCELLED;
    case DOORBELL_INTERRUPTED:
      return patience->interruptible ? RING_INTERRUPTED : RING_AGAIN;
    default:
      ring_let_ringer_finish (ring, want->writer);
      return RING_AGAIN;
    }
}

static gboolean
may_spin (guint tries, const RingPatience *patience)
{
  return tries % 64 != 0 && !(tries == 1 && patience->spun);
}

/* ---- get ---- */

static RingStatus
get_in_seat (const RingWant *want, RingGet *get, const RingPatience *patience)
{
  Ring *ring = want->ring;
  RingStatus status = ring_seat_take (want, patience), slept = RING_AGAIN;
  RingAsk ask = RING_BATCH;

  if (status != RING_OK)
    return status;
  for (;;)
    {
      status = ring_try_get (ring, want->me, get, patience->deadline_us);
      if (status != RING_EMPTY)
        break;
      if (slept != RING_AGAIN)
        {
          status = slept;
          break;
        }
      if (!ring_seat_is_ours (want))
        return RING_AGAIN;
      slept = ring_seat_sleep (want, &ask, patience);
    }
  ring_seat_leave (want);
  return status;
}

static RingStatus
get_asleep (const RingWant *want, RingGet *get, const RingPatience *patience)
{
  RingStatus status = ring_seat_go_first (want, patience);

  if (status != RING_OK)
    return status;
  status = get_in_seat (want, get, patience);
  ring_seat_let_next_go (want);
  return status;
}

RingStatus
ring_get_patiently (
    Ring *ring, guint32 me, RingGet *get, const RingPatience *patience, RingStatus status)
{
  RingWant want = ring_want_message (ring, me);
  RingAsk ask = RING_BATCH;

  if (status == RING_STUCK)
    status = ring_try_get (ring, me, get, patience->deadline_us);
  for (guint tries = 1; status == RING_EMPTY; tries++)
    {
      guint32 count = WAIT_COUNT (atomic_load_explicit (&ring->shared->con, memory_order_acquire));

      if (may_spin (tries, patience) &&
          wait_linger (&ring->reading, &ring->shared->pub, count,
                       ring->maxsize != 0 ? ring->maxsize : WAIT_COUNT_MASK))
        {
          status = ring_try_get (ring, me, get, patience->deadline_us);
          continue;
        }
      status = patience->cancel_fd >= 0 ? sleep_by_bell (&want, &ask, patience)
                                        : get_asleep (&want, get, patience);
      if (status != RING_AGAIN)
        return status;
      status = ring_try_get (ring, me, get, patience->deadline_us);
    }
  return status;
}

/* ---- put ---- */

static RingStatus
try_put (Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us)
{
  return frame->kind == FRAME_LOAN ? ring_try_put_loan (ring, me, frame, may_grow, deadline_us)
                                   : ring_try_put (ring, me, frame, may_grow, deadline_us);
}

static RingStatus
put_in_seat (const RingWant *want, const ShmobjFrame *frame, const RingPatience *patience)
{
  Ring *ring = want->ring;
  RingStatus status = ring_seat_take (want, patience), slept = RING_AGAIN;
  RingAsk ask = RING_BATCH;

  if (status != RING_OK)
    return status;
  for (;;)
    {
      status = try_put (ring, want->me, frame, TRUE, patience->deadline_us);
      if (status != RING_FULL)
        break;
      if (slept != RING_AGAIN)
        {
          status = slept;
          break;
        }
      if (!ring_seat_is_ours (want))
        return RING_AGAIN;
      slept = ring_seat_sleep (want, &ask, patience);
    }
  ring_seat_leave (want);
  return status;
}

static RingStatus
put_asleep (const RingWant *want, const ShmobjFrame *frame, const RingPatience *patience)
{
  RingStatus status = ring_seat_go_first (want, patience);

  if (status != RING_OK)
    return status;
  status = put_in_seat (want, frame, patience);
  ring_seat_let_next_go (want);
  return status;
}

static guint32
read_since (Ring *ring, guint32 count)
{
  return (WAIT_COUNT (atomic_load (&ring->shared->con)) - count) & WAIT_COUNT_MASK;
}

/* Gives the CPU away for a moment, then for longer, until the readers are at work again. */
static gboolean
readers_come_back (Ring *ring, guint32 count)
{
  for (int i = 0; i < KEEP_UP_YIELDS; i++)
    {
      sched_yield ();
      if (read_since (ring, count) >= KEEP_UP_COUNT)
        return TRUE;
    }
  for (int i = 0; i < KEEP_UP_NAPS; i++)
    {
      nanosleep (&(struct timespec){ .tv_nsec = KEEP_UP_NAP_US * 1000 }, NULL);
      if (read_since (ring, count) >= KEEP_UP_COUNT)
        return TRUE;
    }
  return FALSE;
}

/* There is no room in what the ring has touched so far. In a ring that is not deep the two ends
 * hunt each other over the same few lines (1:1, medians of 40 runs: 50 ns a message, and 37 with
 * room up to what a cache holds): it becomes deeper. In a deep one, readers that keep up make some
 * room sooner than new memory could be had, and the ring stays in the cache; for others it becomes
 * deeper rather than the writer slower. Readers that were at work since it last did, and now are
 * not, wait for a CPU, perhaps for ours: while a deep ring lies before them, lending it costs less
 * than memory that every process has to touch anew. */
static gboolean
readers_keep_up (Ring *ring, guint32 count)
{
  if (atomic_load_explicit (&ring->shared->reserved, memory_order_relaxed) < DEEP)
    return FALSE;
  if (wait_linger (&ring->writing, &ring->shared->con, count, WAIT_COUNT_MASK))
    {
      wait_pause (KEEP_UP_PAUSES);
      if (read_since (ring, count) >= KEEP_UP_COUNT)
        return TRUE;
    }
  if (atomic_load_explicit (&ring->read_when_grown, memory_order_relaxed) != count &&
      readers_come_back (ring, count))
    return TRUE;
  atomic_store_explicit (&ring->read_when_grown, count, memory_order_relaxed);
  return FALSE;
}

RingStatus
ring_put_patiently (Ring *ring,
                    guint32 me,
                    const ShmobjFrame *frame,
                    const RingPatience *patience,
                    RingStatus status)
{
  RingWant want = ring_want_room (ring, me, frame_stored_size (frame));
  RingAsk ask = RING_BATCH;
  gboolean deeper = FALSE;

  if (status == RING_STUCK)
    status = try_put (ring, me, frame, deeper, patience->deadline_us);
  for (guint tries = 1; status == RING_FULL || status == RING_SHALLOW; tries++)
    {
      guint32 count = atomic_load_explicit (&ring->shared->write.other_count,
                                            memory_order_relaxed); /* what the try in vain saw */

      if (status == RING_SHALLOW)
        deeper = !readers_keep_up (ring, count) || tries % 64 == 0;
      else if (!may_spin (tries, patience) ||
               !wait_linger (&ring->writing, &ring->shared->con, count,
                             ring->maxsize != 0 ? ring->maxsize : WAIT_COUNT_MASK))
        {
          status = patience->cancel_fd >= 0 ? sleep_by_bell (&want, &ask, patience)
                                            : put_asleep (&want, frame, patience);
          if (status != RING_AGAIN)
            return status == RING_EMPTY ? RING_FULL : status;
        }
      status = try_put (ring, me, frame, deeper, patience->deadline_us);
    }
  return status;
}

/* ---- by a span of time ---- */

RingStatus
ring_put_after (Ring *ring,
                guint32 me,
                const ShmobjFrame *frame,
                gint64 timeout_us,
                gboolean interruptible,
                RingStatus status)
{
  RingPatience patience = { 0, -1, interruptible };

  if (timeout_us == 0 || (status != RING_FULL && status != RING_SHALLOW && status != RING_STUCK))
    return status;
  patience.deadline_us = wait_deadline (timeout_us);
  return ring_put_patiently (ring, me, frame, &patience, status);
}

RingStatus
ring_get_after (Ring *ring,
                guint32 me,
                RingGet *get,
                gint64 timeout_us,
                gboolean interruptible,
                RingStatus status)
{
  RingPatience patience = { 0, -1, interruptible };

  if (timeout_us == 0 || (status != RING_EMPTY && status != RING_STUCK))
    return status;
  patience.deadline_us = wait_deadline (timeout_us);
  return ring_get_patiently (ring, me, get, &patience, status);
}
