/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring seen from outside: whether trying is worth it, how much was ever written and read,
 * arming the doorbells for those who are about to sleep, and the end for everybody. See
 * base/ring.c. */

#include "base/flight.h"
#include "base/parcel.h"
#include "base/ring-private.h"

guint32
ring_is_shut (Ring *ring)
{
  return atomic_load_explicit (&ring->shared->shut, memory_order_acquire);
}

/* Readers sleep beside an empty ring, writers beside a full one: never both, so the call that
 * stores the word also wakes those who would otherwise sleep for ever if we died right after it. */
RingStatus
ring_shut (Ring *ring, guint32 me, gboolean now, gint64 deadline_us)
{
  RingShared *shared = ring->shared;
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  doorbell_ring (&ring->in);
  doorbell_ring (&ring->out);
  wait_or_and_wake_all_at (&shared->shut, RING_SHUT | (now ? RING_SHUT_NOW : 0),
                           ring_has_message (ring) ? &shared->con : &shared->pub);
  wait_wake (&shared->pub, G_MAXINT);
  wait_wake (&shared->con, G_MAXINT);
  wait_wake (&shared->read_seat, G_MAXINT);
  wait_wake (&shared->write_seat, G_MAXINT);
  ring_unlock_both (ring);
  return RING_OK;
}

gboolean
ring_worth_getting (Ring *ring)
{
  guint32 shut = ring_is_shut (ring);

  return ring_has_message (ring) || (shut & RING_SHUT_NOW) ||
         (shut != 0 && flight_count (ring) == 0);
}

gboolean
ring_worth_putting (Ring *ring, gsize stored)
{
  return ring_has_room (ring, stored) || ring_is_shut (ring);
}

gboolean
ring_has_message (Ring *ring)
{
  guint32 read = WAIT_COUNT (atomic_load_explicit (&ring->shared->con, memory_order_acquire));

  return WAIT_COUNT (atomic_load_explicit (&ring->shared->pub, memory_order_acquire)) != read ||
         bits (&ring->shared->read.returned) != 0;
}

gboolean
ring_has_room (Ring *ring, gsize stored)
{
  guint64 pos, other;
  guint32 written, read;
  RingStatus status;
  Place place;

  if (!ring_look_at (&ring->shared->con, &ring->shared->read, &other, &read) ||
      !ring_look_at (&ring->shared->pub, &ring->shared->write, &pos, &written))
    return TRUE; /* trying tells what is wrong */
  if (too_many (ring, written, read))
    return FALSE;
  status = find_place (ring->capacity, load (&ring->shared->reserved), pos, other, written == read,
                       ring_record_size (stored), &place);
  return status != RING_FULL;
}

guint32
ring_count (Ring *ring)
{
  guint32 read = WAIT_COUNT (atomic_load_explicit (&ring->shared->con, memory_order_acquire));
  guint32 written = WAIT_COUNT (atomic_load_explicit (&ring->shared->pub, memory_order_acquire));

  return ((written - read) & WAIT_COUNT_MASK) + bits (&ring->shared->read.returned);
}

static guint64
full_count (_Atomic (guint32) *word, RingEnd *end)
{
  for (int i = 0; i < LOOKS_MAX; i++)
    {
      guint32 now = WAIT_COUNT (atomic_load_explicit (word, memory_order_acquire));
      guint64 count0 = load (&end->slot[0].count), count1 = load (&end->slot[1].count);

      if ((count0 & WAIT_COUNT_MASK) == now)
        return count0;
      if ((count1 & WAIT_COUNT_MASK) == now)
        return count1;
    }
  return 0;
}

guint64
ring_written (Ring *ring)
{
  return full_count (&ring->shared->pub, &ring->shared->write);
}

guint64
ring_read (Ring *ring)
{
  return full_count (&ring->shared->con, &ring->shared->read);
}

RingStatus
ring_lock_both (Ring *ring, guint32 me, gint64 deadline_us)
{
  RingShared *shared = ring->shared;

  if (!guard_take (&shared->read.guard, ring->participants, me, deadline_us, &shared->guards))
    return RING_STUCK;
  if (guard_take (&shared->write.guard, ring->participants, me, deadline_us, &shared->guards))
    return RING_OK;
  guard_release (&shared->read.guard);
  return RING_STUCK;
}

void
ring_unlock_both (Ring *ring)
{
  guard_release (&ring->shared->write.guard);
  guard_release (&ring->shared->read.guard);
}

void
ring_set_need (const Ring *ring, RingNeed *need, gsize stored, RingAsk ask, gboolean at_most)
{
  guint64 size = ring_record_size (stored);
  guint32 left = ring->maxsize - (ask == RING_BATCH ? (ring->maxsize + 3) / 4 : 1);

  if (ask == RING_BATCH)
    size = MIN (MAX (size * 2, ring->capacity / 4), ring->capacity);
  store (&need->size, at_most ? MIN (size, load (&need->size)) : size);
  atomic_store_explicit (&need->left, at_most ? MAX (left, bits (&need->left)) : left,
                         memory_order_relaxed);
}

/* Under both guards. Arming comes before draining: killed in between, the bell rings for nothing.
 * The other way round it would be silent, and others who poll it asleep beside a message. */
static RingStatus
arm (_Atomic (guint32) *word, const Doorbell *bell, guint32 wanted, gboolean ready)
{
  atomic_store_explicit (word, bits (word) | (ready ? wanted & DOORBELL_WANTED : wanted),
                         memory_order_relaxed);
  if (!ready)
    doorbell_drain (bell);
  else if (wanted & DOORBELL_WANTED)
    doorbell_ring (bell);
  return ready ? RING_AGAIN : RING_OK;
}

RingStatus
ring_arm_in (Ring *ring, guint32 me, guint32 wanted, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  status = arm (&ring->shared->in_bell, &ring->in, wanted, ring_worth_getting (ring));
  if (status == RING_OK)
    parcel_settle (ring);
  ring_unlock_both (ring);
  return status;
}

RingStatus
ring_arm_out_for (
    Ring *ring, guint32 me, guint32 wanted, gsize stored, RingAsk ask, gint64 deadline_us)
{
  RingShared *shared = ring->shared;
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  ring_set_need (ring, &shared->bell_need, stored, ask,
                 (bits (&shared->out_bell) & DOORBELL_ARMED) != 0); /* others may ask for less */
  status = arm (&shared->out_bell, &ring->out, wanted, ring_worth_putting (ring, stored));
  ring_unlock_both (ring);
  return status;
}

RingStatus
ring_arm_out (Ring *ring, guint32 me, guint32 wanted, gsize stored, gint64 deadline_us)
{
  return ring_arm_out_for (ring, me, wanted, stored, RING_EXACT, deadline_us);
}
