/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a ring: the loops of put and get, and the seats.
 *
 * Seats. At most one participant sleeps on a word: the one in the seat. The others queue for the
 * seat, and look again after a slice (8 ms, doubling, 1 s at most). A lone sleeper has no timer.
 *
 *     seat     [ somebody queues? ][ token of the one in the seat, or 0 ]
 *
 * Who got something leaves the seat before it returns, so sleepers wake in a chain. Two ways to
 * take a seat over:
 *   - Work waits although the word's flag is clear: the one in the seat was woken and did not act,
 * because it is dead or stopped. Judged under both guards.
 *   - The one in the seat is dead by the kernel's word, and asleep for ever.
 * Who lost its seat while it was stopped sees that when it looks, and queues again.
 *
 * A seat is only the permission to raise the flag and to sleep. Two who both believe to have it
 * (one stopped, one that took over) do no harm: the flag is raised under both guards by who has the
 * seat then, and a sleeper wakes by the word having changed.
 *
 * Tried: a count of sleepers that a dead one left too high (36.9 -> 2.2 M/s for ever); a hint
 * beside the word that somebody waits (loses wake-ups when the one in the seat leaves and returns
 * in between).
 *
 * Threads. A seat knows a process, not its threads: with two of one process at a seat each believed
 * to be in it, and in time all of a pool slept on the word, of which a publisher wakes one. So only
 * one thread of a process (and handle) goes to the seat; the others wait for it here, in a word
 * that is not shared, and look themselves after a slice.
 *
 *     sleeping_reader     [ fork generation ][ somebody waits? ], or 0
 *
 * Room. A sleeping writer first asks to be woken for a batch (a quarter of the room), because a
 * wake per record is what makes many writers slow. That alone would let it sleep on beside room
 * enough for its message when the readers stop early: so after BATCH_US it asks for just what it
 * needs, and then sleeps without a timer.
 *
 * Flight. While messages are in others' hands, a sleeping reader looks every 100 ms whether these
 * live (base/flight.c). What is received later was put later, which wakes the one in the seat. One
 * of those who queue for it does the same (base/lookout.c).
 *
 * With something to cancel, the wait is a poll of the ring's doorbell and the cancelling descriptor
 * instead.
 */

#include "base/flight.h"
#include "base/lookout.h"

#include "base/sys.h"

#include <sched.h>
#include <time.h>

#define QUEUED 0x80000000u
#define SLICE_MIN_US 8000
#define SLICE_MAX_US 1000000
#define BATCH_US 2000

#define FINISH_LOOKS 8

#define KEEP_UP_PAUSES 64 /* some 2 µs */
#define KEEP_UP_COUNT 8
#define KEEP_UP_YIELDS 8
#define KEEP_UP_NAPS 16
#define KEEP_UP_NAP_US 50
#define DEEP (1024 * 1024)

/* What one waits for: of the reading side a message, of the writing side room for @stored bytes. */
typedef struct
{
  Ring *ring;
  guint32 me;
  gboolean writer;
  gsize stored;
  _Atomic (guint32) *word, *seat, *thread;
} Want;

static Want
want_message (Ring *ring, guint32 me)
{
  return (Want){
    ring, me, FALSE, 0, &ring->shared->pub, &ring->shared->read_seat, &ring->sleeping_reader
  };
}

static Want
want_room (Ring *ring, guint32 me, gsize stored)
{
  return (Want){
    ring, me, TRUE, stored, &ring->shared->con, &ring->shared->write_seat, &ring->sleeping_writer
  };
}

static gboolean
work_waits (const Want *want)
{
  return want->writer ? ring_worth_putting (want->ring, want->stored)
                      : ring_worth_getting (want->ring);
}

static gboolean
flag_is_up (const Want *want)
{
  return (atomic_load (want->word) & WAIT_SLEEPER) != 0;
}

static gboolean
have_seat (const Want *want)
{
  return (atomic_load (want->seat) & ~QUEUED) == want->me;
}

/* The one in the seat, *@seen, was woken and did not act: is it so still, under both guards? */
static RingStatus
take_over_from_sleepy (const Want *want, guint32 *seen, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (want->ring, want->me, deadline_us);
  gboolean over;

  if (status != RING_OK)
    return status;
  over = !flag_is_up (want) && atomic_compare_exchange_strong (want->seat, seen, want->me | QUEUED);
  ring_unlock_both (want->ring);
  return over ? RING_OK : RING_AGAIN;
}

/* One look of somebody in the queue for the seat. RING_OK: the seat is ours. */
static RingStatus
claim_seat (const Want *want, guint32 *seen, gboolean waited, gint64 deadline_us)
{
  Ring *ring = want->ring;
  RingStatus status = RING_AGAIN;

  if (*seen == 0)
    return atomic_compare_exchange_strong (want->seat, seen, want->me | QUEUED) ? RING_OK
                                                                                : RING_AGAIN;
  if (!waited)
    return RING_EMPTY;
  if (!flag_is_up (want) && work_waits (want))
    status = take_over_from_sleepy (want, seen, deadline_us);
  else if (!participants_is_dead (ring->participants, *seen & ~QUEUED))
    return RING_EMPTY;
  else if (atomic_compare_exchange_strong (want->seat, seen, want->me | QUEUED))
    status = RING_OK;
  if (status == RING_OK)
    atomic_fetch_add_explicit (&ring->shared->seats_taken_over, 1, memory_order_relaxed);
  return status;
}

/* One more slice of somebody who waits for another one to leave *@word, which was @seen. RING_OK:
 * look again; RING_AGAIN: try, there is something. */
static RingStatus
wait_behind (const Want *want,
             _Atomic (guint32) *word,
             guint32 seen,
             gint64 *slice_us,
             const RingPatience *patience)
{
  gint64 left_us = wait_left (patience->deadline_us), sleep_us = *slice_us;
  gboolean waited = *slice_us > SLICE_MIN_US;

  if (waited && !want->writer)
    flight_recover (want->ring, want->me);
  if ((waited || left_us == 0) && work_waits (want))
    return RING_AGAIN;
  if (left_us == 0)
    return RING_EMPTY;
  if (word == &want->ring->shared->read_seat)
    sleep_us = lookout_sooner (sleep_us, lookout_behind_us (want->ring, want->me));
  if (wait_sleep (word, seen, lookout_sooner (sleep_us, left_us)) == WAIT_INTERRUPTED &&
      patience->interruptible)
    return RING_INTERRUPTED;
  *slice_us = MIN (*slice_us * 2, SLICE_MAX_US);
  return RING_OK;
}

static RingStatus
queue_for_seat (const Want *want, guint32 seen, const RingPatience *patience)
{
  gint64 slice_us = SLICE_MIN_US;

  for (;;)
    {
      gboolean waited = slice_us > SLICE_MIN_US;
      RingStatus status = claim_seat (want, &seen, waited, patience->deadline_us);

      if (status == RING_OK || status == RING_STUCK)
        return status;
      if (status == RING_AGAIN && wait_left (patience->deadline_us) != 0)
        continue;
      if (seen == 0 ||
          (!(seen & QUEUED) && !atomic_compare_exchange_strong (want->seat, &seen, seen | QUEUED)))
        continue;

      status = wait_behind (want, want->seat, seen | QUEUED, &slice_us, patience);
      if (status != RING_OK)
        return status;
      seen = atomic_load (want->seat);
    }
}

static RingStatus
sit_down (const Want *want, const RingPatience *patience)
{
  guint32 seen = 0;
  RingStatus status;

  if (atomic_compare_exchange_strong (want->seat, &seen, want->me))
    return RING_OK;
  status = queue_for_seat (want, seen, patience);
  if (!want->writer)
    lookout_leave (want->ring, want->me);
  return status;
}

/* The first of this process to sleep? */
static RingStatus
go_first (const Want *want, const RingPatience *patience)
{
  guint32 first = fork_generation () * 2, seen = atomic_load (want->thread), waiting = 0;
  gint64 slice_us = SLICE_MIN_US;

  for (;;)
    {
      RingStatus status;

      if (seen / 2 != first / 2) /* nobody, or a thread of the process that forked us */
        {
          if (atomic_compare_exchange_strong (want->thread, &seen, first | waiting))
            return RING_OK;
          continue;
        }
      if (!(seen & 1) && !atomic_compare_exchange_strong (want->thread, &seen, seen | 1))
        continue;

      status = wait_behind (want, want->thread, seen | 1, &slice_us, patience);
      if (status != RING_OK)
        return status;
      waiting = 1; /* there may be more */
      seen = atomic_load (want->thread);
    }
}

static void
let_next_go (const Want *want)
{
  if (atomic_exchange (want->thread, 0) & 1)
    wait_wake (want->thread, 1);
}

static void
stand_up (const Want *want)
{
  guint32 seen = atomic_load (want->seat);

  while ((seen & ~QUEUED) == want->me) /* it may have been taken over while we were stopped */
    if (atomic_compare_exchange_strong (want->seat, &seen, 0))
      {
        if (seen & QUEUED)
          wait_wake (want->seat, 1);
        return;
      }
}

/* Under both guards: still nothing to do, and still in the seat? Then the flag goes up; *@value is
 * what to sleep on. */
static RingStatus
raise_flag (const Want *want, RingAsk ask, guint32 *value, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (want->ring, want->me, deadline_us);

  if (status != RING_OK)
    return status;
  status = RING_AGAIN;
  if (!work_waits (want) && have_seat (want))
    {
      *value = atomic_load (want->word) | WAIT_SLEEPER;
      if (want->writer)
        ring_set_need (want->ring, &want->ring->shared->seat_need, want->stored, ask, FALSE);
      atomic_store (want->word, *value);
      status = RING_OK;
    }
  ring_unlock_both (want->ring);
  return status;
}

/* @look_us: what a reader has a reason to look up for, -1: none. */
static gint64
sleep_time (const Want *want, RingAsk ask, gint64 look_us, gint64 left_us)
{
  if (want->writer)
    look_us = ask == RING_EXACT ? -1 : BATCH_US;
  return lookout_sooner (left_us, look_us);
}

/* How long a reader in the seat has a reason to sleep, -1: as long as it likes. With something to
 * look after, one of those who queue is to know. */
static gint64
look_from_seat (const Want *want)
{
  gint64 look_us = want->writer ? -1 : lookout_told_us (want->ring, want->me);

  if (look_us >= 0 && (atomic_load (want->seat) & QUEUED) && lookout_wants_deputy (want->ring))
    wait_wake (want->seat, 1);
  return look_us;
}

/* In the seat, after a try in vain. RING_AGAIN: try once more; RING_EMPTY, RING_INTERRUPTED: the
 * wait is over. */
static RingStatus
sleep_in_seat (const Want *want, RingAsk *ask, const RingPatience *patience)
{
  guint32 value;
  gint64 left_us = wait_left (patience->deadline_us);
  RingStatus status =
      left_us == 0 ? RING_EMPTY : raise_flag (want, *ask, &value, patience->deadline_us);
  WaitResult result;

  if (status != RING_OK)
    return status;
  atomic_fetch_add_explicit (&want->ring->shared->sleeps, 1, memory_order_relaxed);
  result = wait_sleep (want->word, value, sleep_time (want, *ask, look_from_seat (want), left_us));
  *ask = result == WAIT_TIMED_OUT ? RING_EXACT : RING_BATCH;
  return result == WAIT_INTERRUPTED && patience->interruptible ? RING_INTERRUPTED : RING_AGAIN;
}

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
sleep_by_bell (const Want *want, RingAsk *ask, const RingPatience *patience)
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
  result = doorbell_wait (want->writer ? &ring->out : &ring->in, patience->cancel_fd,
                          sleep_time (want, *ask, lookout_by_bell_us (ring, want->me), left_us));
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
get_in_seat (const Want *want, RingGet *get, const RingPatience *patience)
{
  Ring *ring = want->ring;
  RingStatus status = sit_down (want, patience), slept = RING_AGAIN;
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
      if (!have_seat (want))
        return RING_AGAIN;
      slept = sleep_in_seat (want, &ask, patience);
    }
  stand_up (want);
  return status;
}

static RingStatus
get_asleep (const Want *want, RingGet *get, const RingPatience *patience)
{
  RingStatus status = go_first (want, patience);

  if (status != RING_OK)
    return status;
  status = get_in_seat (want, get, patience);
  let_next_go (want);
  return status;
}

RingStatus
ring_get_patiently (
    Ring *ring, guint32 me, RingGet *get, const RingPatience *patience, RingStatus status)
{
  Want want = want_message (ring, me);
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
put_in_seat (const Want *want, const ShmobjFrame *frame, const RingPatience *patience)
{
  Ring *ring = want->ring;
  RingStatus status = sit_down (want, patience), slept = RING_AGAIN;
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
      if (!have_seat (want))
        return RING_AGAIN;
      slept = sleep_in_seat (want, &ask, patience);
    }
  stand_up (want);
  return status;
}

static RingStatus
put_asleep (const Want *want, const ShmobjFrame *frame, const RingPatience *patience)
{
  RingStatus status = go_first (want, patience);

  if (status != RING_OK)
    return status;
  status = put_in_seat (want, frame, patience);
  let_next_go (want);
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
  Want want = want_room (ring, me, frame_stored_size (frame));
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
