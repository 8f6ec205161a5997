/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guards: the lock for sections that are shorter than any system call.
 *
 * Taken by one compare-and-swap (0 -> token), given back by one plain store. Nobody is ever woken
 * for a guard: who finds it taken spins a little, yields, then naps in growing slices, and from the
 * first nap on asks the kernel for the owner's life. A dead owner is replaced by a compare-and-swap
 * owner -> me, so of several heirs one wins.
 *
 * Death. Every section that a guard protects is written so that one final store publishes its work.
 * What a dead owner left unpublished is invisible, so taking over repairs nothing.
 *
 * Order. Taking acquires and giving back releases; taking over acquires too, and the dead one's
 * stores are visible because the kernel's unlocking of its slot came after them.
 *
 * On one CPU. Who wakes a sleeper does so inside its guard, and is often put aside for him at once;
 * he then comes to sleep again and finds the guard taken. Spinning would only keep the owner from
 * its CPU, so he yields at once.
 *
 * A stopped owner (SIGSTOP, debugger) cannot be told from a slow one. It blocks the others until
 * their deadline, and a moment longer: who was stopped together with him, or got no CPU either,
 * finds his deadline past before the owner could go on.
 *
 * Tried: robust pthread mutexes. Twice as slow, and they lose a wake-up when a woken waiter is
 * killed after a third one took the mutex (1 to 8 of 1500 rounds).
 */

#include "base/guard.h"

#include "base/sys.h"
#include "base/wait.h"

#include <sched.h>
#include <time.h>

#define SPINS 24
#define NAP_MIN_US 20
#define NAP_MAX_US 1000
#define GRACE_US 250000 /* for an owner who lost its CPU inside; 20 ms were too few under load */
#define GRACE_NAPS                                                                                 \
  200 /* and as many naps of ours: time also passes while we do not run ourselves */

static gboolean
try_take (Guard *guard, guint32 me, guint32 *seen)
{
  *seen = atomic_load_explicit (guard, memory_order_relaxed);
  return *seen == 0 && atomic_compare_exchange_strong (guard, seen, me);
}

gboolean
guard_take_slowly (Guard *guard,
                   Participants *participants,
                   guint32 me,
                   gint64 deadline_us,
                   GuardStatistics *statistics)
{
  gint64 start_us = 0;
  guint naps = 0;
  guint32 seen;

  for (int i = 0; wait_may_spin () && i < SPINS; i++)
    {
      wait_pause (4);
      if (try_take (guard, me, &seen))
        return TRUE;
    }

  sched_yield ();
  for (long nap_us = NAP_MIN_US; !try_take (guard, me, &seen);
       nap_us = MIN (nap_us * 2, NAP_MAX_US), naps++)
    {
      gint64 now_us = sys_now_us ();

      if (start_us == 0)
        start_us = now_us;
      if (deadline_us >= 0 && naps >= GRACE_NAPS &&
          now_us >= MAX (deadline_us, start_us + GRACE_US))
        return FALSE;

      atomic_fetch_add_explicit (&statistics->naps, 1, memory_order_relaxed);
      nanosleep (&(struct timespec){ .tv_nsec = nap_us * 1000 }, NULL);
      seen = atomic_load_explicit (guard, memory_order_relaxed);
      if (seen != 0 && participants_is_dead (participants, seen) &&
          atomic_compare_exchange_strong (guard, &seen, me))
        {
          atomic_fetch_add_explicit (&statistics->taken_over, 1, memory_order_relaxed);
          return TRUE;
        }
    }
  return TRUE;
}
