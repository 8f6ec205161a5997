/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who of those that wait for a ring sleeps on its word.
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
 */

#include "base/ring-seat.h"

#include "base/flight.h"
#include "base/lookout.h"

#define QUEUED 0x80000000u
#define SLICE_MIN_US 8000
#define SLICE_MAX_US 1000000
#define BATCH_US 2000

static gboolean
work_waits (const RingWant *want)
{
  return want->writer ? ring_worth_putting (want->ring, want->stored)
                      : ring_worth_getting (want->ring);
}

static gboolean
flag_is_up (const RingWant *want)
{
  return (atomic_load (want->word) & WAIT_SLEEPER) != 0;
}

gboolean
ring_seat_is_ours (const RingWant *want)
{
  return (atomic_load (want->seat) & ~QUEUED) == want->me;
}

/* The one in the seat, *@seen, was woken and did not act: is it so still, under both guards? */
static RingStatus
take_over_from_sleepy (const RingWant *want, guint32 *seen, gint64 deadline_us)
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
claim_seat (const RingWant *want, guint32 *seen, gboolean waited, gint64 deadline_us)
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
wait_behind (const RingWant *want,
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
queue_for_seat (const RingWant *want, guint32 seen, const RingPatience *patience)
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

RingStatus
ring_seat_take (const RingWant *want, const RingPatience *patience)
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

RingStatus
ring_seat_go_first (const RingWant *want, const RingPatience *patience)
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

void
ring_seat_let_next_go (const RingWant *want)
{
  if (atomic_exchange (want->thread, 0) & 1)
    wait_wake (want->thread, 1);
}

void
ring_seat_leave (const RingWant *want)
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
raise_flag (const RingWant *want, RingAsk ask, guint32 *value, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (want->ring, want->me, deadline_us);

  if (status != RING_OK)
    return status;
  status = RING_AGAIN;
  if (!work_waits (want) && ring_seat_is_ours (want))
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

gint64
ring_seat_sleep_time (const RingWant *want, RingAsk ask, gint64 look_us, gint64 left_us)
{
  if (want->writer)
    look_us = ask == RING_EXACT ? -1 : BATCH_US;
  return lookout_sooner (left_us, look_us);
}

/* How long a reader in the seat has a reason to sleep, -1: as long as it likes. With something to
 * look after, one of those who queue is to know. */
static gint64
look_from_seat (const RingWant *want)
{
  gint64 look_us = want->writer ? -1 : lookout_told_us (want->ring, want->me);

  if (look_us >= 0 && (atomic_load (want->seat) & QUEUED) && lookout_wants_deputy (want->ring))
    wait_wake (want->seat, 1);
  return look_us;
}

RingStatus
ring_seat_sleep (const RingWant *want, RingAsk *ask, const RingPatience *patience)
{
  guint32 value;
  gint64 left_us = wait_left (patience->deadline_us);
  RingStatus status =
      left_us == 0 ? RING_EMPTY : raise_flag (want, *ask, &value, patience->deadline_us);
  WaitResult result;

  if (status != RING_OK)
    return status;
  atomic_fetch_add_explicit (&want->ring->shared->sleeps, 1, memory_order_relaxed);
  result = wait_sleep (want->word, value,
                       ring_seat_sleep_time (want, *ask, look_from_seat (want), left_us));
  *ask = result == WAIT_TIMED_OUT ? RING_EXACT : RING_BATCH;
  return result == WAIT_INTERRUPTED && patience->interruptible ? RING_INTERRUPTED : RING_AGAIN;
}
