/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks: held by a process for as long as it likes, taken over from the dead, waited for asleep.
 *
 *     word     bit 31       30 ........ 0
 *              [ waiters? ] [ token      ]      0: free
 *
 * The owner is a process. Two threads of one exclude each other too, because the lock is not
 * recursive, and any thread may release what another one took.
 *
 * Taking is one compare-and-swap, and so is giving back while nobody waits. Who finds it taken
 * spins for as long as that has paid lately, then sets the bit and sleeps on the word. Giving back
 * with the bit set is one FUTEX_WAKE_OP that stores 0 and wakes one sleeper: no death comes between
 * the two. The store also takes the bit away, so whoever slept puts it back when he takes the lock
 * (others may sleep still); a wake that reached nobody thus corrects it.
 *
 * Death of the owner. Sleepers sleep in slices (8 ms doubling to 1 s), and before each slice ask
 * the kernel whether the owner lives. If not, a compare-and-swap owner -> me makes one of them the
 * heir, who notes so in `heir`. Killed before the note: the next one takes over from a dead one
 * again, so nothing is lost.
 *
 * Death or stop of a waiter. It leaves the bit set: one needless system call. If it had just been
 * woken, the others look after their slice at the latest. One that gives up after having been woken
 * sets the bit before it goes, for the wake may have been meant for another.
 *
 * Waiting by descriptor (with a cancellable, or asynchronously). Such a waiter stores `listening`,
 * then sets the bit by a compare-and-swap that must succeed even if the bit is set already: it
 * proves that the release which will see `listening` is still to come. The releaser rings
 * after its FUTEX_WAKE_OP. Killed in between, the ring is lost, and listeners look once a second.
 *
 * Two threads that both release what one of them holds are a bug of the program; the second one
 * usually gets FALSE.
 *
 * Order. Taking acquires, giving back releases. Taking over acquires too: the kernel unlocked the
 * dead one's slot after its last store.
 *
 * For people to read, and for nobody to decide by, who waits says so in his slot; a dead one's slot
 * is not read.
 *
 * Forks. A child has a token of its own. What its parent holds stays the parent's.
 */

#include "base/lock.h"

#include "base/sys.h"

#include <errno.h>

#define SPIN_ROUNDS 4
#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

/* Takes the lock when it is free or its owner dead. @bit: LOCK_WAITERS if others may sleep. */
static LockResult
try_take (Lock *lock, guint32 me, guint32 bit, guint32 *seen)
{
  *seen = atomic_load_explicit (&lock->shared->word, memory_order_acquire);
  for (;;)
    {
      guint32 owner = *seen & TOKEN_MASK;

      if (owner != 0 && !participants_is_dead (lock->participants, owner))
        return LOCK_HELD;
      if (atomic_compare_exchange_strong (&lock->shared->word, seen,
                                          me | bit | (*seen & LOCK_WAITERS)))
        {
          if (owner == 0)
            return LOCK_TAKEN;
          atomic_store_explicit (&lock->shared->heir, me, memory_order_relaxed);
          return LOCK_TAKEN_ABANDONED;
        }
    }
}

/* Spins while that pays. FALSE: it did not get the lock. */
static gboolean
spin (Lock *lock, guint32 me)
{
  for (int i = 0; i < SPIN_ROUNDS; i++)
    {
      guint32 seen = atomic_load_explicit (&lock->shared->word, memory_order_relaxed);
      guint32 owner = seen & TOKEN_MASK;

      if (owner == 0 &&
          atomic_compare_exchange_strong (&lock->shared->word, &seen, me | (seen & LOCK_WAITERS)))
        return TRUE;
      if (owner != 0 && !wait_spin_masked (&lock->habit, &lock->shared->word, TOKEN_MASK, owner))
        return FALSE;
    }
  return FALSE;
}

static gboolean
set_bit (Lock *lock, guint32 *seen)
{
  guint32 wanted = *seen | LOCK_WAITERS;

  if (!atomic_compare_exchange_strong (&lock->shared->word, seen, wanted))
    return FALSE;
  *seen = wanted;
  return TRUE;
}

static gint64
sleep_time (gint64 left_us, gint64 slice_us)
{
  return left_us < 0 ? slice_us : MIN (left_us, slice_us);
}

static LockResult
take_asleep (Lock *lock, guint32 me, gint64 deadline_us, gboolean interruptible)
{
  gint64 slice_us = SLICE_MIN_US;
  guint32 bit = 0, seen;

  for (;;)
    {
      LockResult result = try_take (lock, me, bit, &seen);
      gint64 left_us;

      if (result != LOCK_HELD)
        return result;
      left_us = wait_left (deadline_us);
      if (left_us == 0 && bit == 0)
        return LOCK_TIMED_OUT;
      if (!set_bit (lock, &seen))
        continue;
      if (left_us == 0)
        return LOCK_TIMED_OUT;

      bit = LOCK_WAITERS;
      if (wait_sleep (&lock->shared->word, seen, sleep_time (left_us, slice_us)) ==
              WAIT_INTERRUPTED &&
          interruptible)
        return LOCK_INTERRUPTED;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
}

LockResult
lock_take_slowly (Lock *lock, guint32 me, gint64 deadline_us, gboolean interruptible)
{
  LockResult result;

  if (deadline_us == 0)
    return take_asleep (lock, me, 0, interruptible);
  if (spin (lock, me))
    return LOCK_TAKEN;
  participants_wait_for (lock->participants, me, lock->shared);
  result = take_asleep (lock, me, deadline_us, interruptible);
  participants_wait_for (lock->participants, me, NULL);
  return result;
}

LockResult
lock_look (Lock *lock, guint32 me)
{
  LockResult result;
  guint32 seen;

  while ((result = try_take (lock, me, 0, &seen)) == LOCK_HELD)
    {
      atomic_store (&lock->shared->listening, 1);
      if (set_bit (lock, &seen))
        {
          participants_wait_for (lock->participants, me, lock->shared);
          return LOCK_HELD;
        }
    }
  return result;
}

void
lock_stop_looking (Lock *lock, guint32 me)
{
  participants_wait_for (lock->participants, me, NULL);
}

LockResult
lock_take_or_fd (Lock *lock, guint32 me, gint64 deadline_us, int other_fd)
{
  gint64 slice_us = SLICE_MIN_US, left_us;
  LockResult result = lock_take (lock, me, 0, FALSE);
  int listener;

  if (LOCK_IS_TAKEN (result) || deadline_us == 0)
    return result;
  if (spin (lock, me))
    return LOCK_TAKEN;
  listener = broadcast_listen (lock->bell, other_fd);
  if (listener < 0)
    return LOCK_FAILED;

  while ((result = lock_look (lock, me)) == LOCK_HELD)
    {
      left_us = wait_left (deadline_us);
      result = LOCK_TIMED_OUT;
      if (left_us == 0)
        break;
      result = LOCK_CANCELLED;
      if (broadcast_wait (listener, sleep_time (left_us, slice_us)) == DOORBELL_OTHER)
        break;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
  lock_stop_looking (lock, me);
  sys_close (listener);
  return result;
}

/* The waiters' bit stays, so the release wakes whoever sleeps. */
gboolean
lock_seize (Lock *lock, guint32 me, guint32 owner)
{
  guint32 seen = atomic_load_explicit (&lock->shared->word, memory_order_relaxed);

  while ((seen & TOKEN_MASK) == owner)
    if (atomic_compare_exchange_strong (&lock->shared->word, &seen, me | (seen & LOCK_WAITERS)))
      return TRUE;
  return FALSE;
}

gboolean
lock_release_slowly (Lock *lock, guint32 me)
{
  guint32 seen = atomic_load_explicit (&lock->shared->word, memory_order_relaxed);

  if ((seen & TOKEN_MASK) != me)
    return FALSE;

  if (atomic_load_explicit (&lock->shared->heir, memory_order_relaxed) == me)
    atomic_store_explicit (&lock->shared->heir, 0, memory_order_relaxed);
  if (seen == me && atomic_compare_exchange_strong (&lock->shared->word, &seen, 0))
    return TRUE;

  wait_set_and_wake (&lock->shared->word, 0, 1);
  if (lock->bell != NULL && atomic_load (&lock->shared->listening) != 0 &&
      atomic_exchange (&lock->shared->listening, 0) != 0)
    broadcast_ring (lock->bell);
  return TRUE;
}

gboolean
lock_is_inherited (const Lock *lock)
{
  guint32 owner = lock_owner (lock);

  return owner != 0 && atomic_load_explicit (&lock->shared->heir, memory_order_relaxed) == owner;
}

gboolean
lock_is_held (const Lock *lock)
{
  guint32 owner = lock_owner (lock);

  return owner != 0 && !participants_is_dead (lock->participants, owner);
}

char *
lock_describe_owner (const Lock *lock)
{
  guint32 owner = lock_owner (lock);

  return owner != 0 ? participants_describe (lock->participants, owner) : g_strdup ("nobody");
}
