/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting: spinning that learns whether it pays, and the futex calls.
 *
 * Spinning. A wait may spin for SPIN_US at the most, counted in pauses whose length is measured
 * once. Each handle keeps a budget: a spin that saw its word change raises it, one in vain lowers
 * it by a quarter; once it is down to 1/64 the wait sleeps at once and tries to spin every
 * sixteenth time. On one CPU nothing is ever spun for.
 *
 * Lingering. Looking at the other side's line as soon as it changes keeps both sides in lock step:
 * each message moves the line over and back. So before looking again a side pauses, twice as long
 * each time for as long as that yields batches of 8 or more, and less when the batch is small or
 * bounded (then the pause itself would be the limit: 0.5 instead of 14 M/s).
 *
 * Wake-ups. Publishing and waking are one FUTEX_WAKE_OP: a process killed between a store and a
 * wake left a sleeper beside its message in 16 to 49 of 4000 kills. The operation's argument has 12
 * bits with a sign, hence small values only. A sandbox or an emulator that refuses the operation
 * gets two steps: better a wake-up that a kill may lose than a change that was not made.
 */

#include "base/wait.h"

#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#define SPIN_US 40
#define SPIN_US_MAX 100000
#define PAUSE_MAX 1024
#define PAUSE_SAMPLE 2000

/* How many pauses one wait may spin for: 0 on one CPU. SHMOBJ_SPIN_US changes it, for tests and for
 * measuring. */
static guint32
spin_limit (void)
{
  static _Atomic (guint32) limit = G_MAXUINT32;
  guint32 known = atomic_load_explicit (&limit, memory_order_relaxed);

  if (known == G_MAXUINT32)
    {
      const char *asked = g_getenv ("SHMOBJ_SPIN_US");
      guint64 spin_us =
          asked != NULL ? MIN (g_ascii_strtoull (asked, NULL, 10), SPIN_US_MAX) : SPIN_US;
      gint64 start_us = sys_now_us (), took_us;

      wait_pause (PAUSE_SAMPLE);
      took_us = sys_now_us () - start_us;
      took_us = MAX (took_us, 1);
      known = sys_cpus () > 1 ? spin_us * PAUSE_SAMPLE / took_us : 0;
      atomic_store_explicit (&limit, known, memory_order_relaxed);
    }
  return known;
}

gboolean
wait_may_spin (void)
{
  return spin_limit () != 0;
}

static inline guint32
get (_Atomic (guint32) *guess)
{
  return atomic_load_explicit (guess, memory_order_relaxed);
}

static inline void
set (_Atomic (guint32) *guess, guint32 value)
{
  atomic_store_explicit (guess, value, memory_order_relaxed);
}

gboolean
wait_spin_masked (WaitHabit *habit, _Atomic (guint32) *word, guint32 mask, guint32 value)
{
  guint32 most = spin_limit (), waits = get (&habit->waits),
          budget = waits == 0 ? most : get (&habit->budget), limit = budget;

  set (&habit->waits, waits + 1);
  if (most == 0)
    return FALSE;
  if (limit <= most / 64)
    {
      if ((waits + 1) % 16 != 0)
        return FALSE;
      limit = most;
    }

  for (guint32 spun = 0, step = 2; spun < limit; spun += step, step += step < 64 ? step / 2 : 0)
    {
      wait_pause (step);
      if ((atomic_load_explicit (word, memory_order_acquire) & mask) != value)
        {
          set (&habit->budget, MIN (budget + most / 8, most));
          return TRUE;
        }
    }
  set (&habit->budget, budget - budget / 4);
  return FALSE;
}

gboolean
wait_linger (WaitHabit *habit, _Atomic (guint32) *word, guint32 count, guint32 most)
{
  guint32 pause = get (&habit->pause), batch;

  if (spin_limit () == 0)
    return FALSE;
  if (get (&habit->waits) % 64 == 0 && pause < 32)
    pause = 32;
  wait_pause (pause);
  if (!wait_spin (habit, word, count))
    return FALSE;

  batch =
      (WAIT_COUNT (atomic_load_explicit (word, memory_order_acquire)) - count) & WAIT_COUNT_MASK;
  if (pause > 0 && (batch <= 2 || batch > most / 4))
    set (&habit->pause, pause / 4);
  else if (pause > 0 && batch >= 8)
    set (&habit->pause, MIN (pause * 2, PAUSE_MAX));
  return TRUE;
}

gint64
wait_deadline (gint64 timeout_us)
{
  gint64 now_us;

  if (timeout_us <= 0)
    return timeout_us < 0 ? -1 : 0;
  now_us = sys_now_us ();
  return timeout_us > G_MAXINT64 - now_us ? -1 : now_us + timeout_us;
}

gint64
wait_left (gint64 deadline_us)
{
  gint64 left_us;

  if (deadline_us <= 0)
    return deadline_us < 0 ? -1 : 0;
  left_us = deadline_us - sys_now_us (); /* once: between two looks at the clock it may turn
                                            negative, which is "for ever" */
  return MAX (left_us, 0);
}

WaitResult
wait_sleep (_Atomic (guint32) *word, guint32 value, gint64 most_us)
{
  struct timespec most = { most_us / G_USEC_PER_SEC, most_us % G_USEC_PER_SEC * 1000 };

  if (sys.futex (word, FUTEX_WAIT, value, most_us < 0 ? NULL : &most, NULL, 0) == 0)
    return WAIT_WOKEN;
  return errno == ETIMEDOUT ? WAIT_TIMED_OUT : errno == EINTR ? WAIT_INTERRUPTED : WAIT_WOKEN;
}

int
wait_wake (_Atomic (guint32) *word, int n)
{
  return sys.futex (word, FUTEX_WAKE, n, NULL, NULL, 0);
}

/* FUTEX_WAKE_OP also wakes sleepers of its second word if a comparison holds; ours (equal to -1)
 * does not. The fourth argument of the call is a count here, not a time. */
static int
operate_and_wake (
    _Atomic (guint32) *word, int operation, guint32 argument, _Atomic (guint32) *sleepers, int n)
{
  return sys.futex (sleepers, FUTEX_WAKE_OP, n, NULL, word,
                    FUTEX_OP (operation, argument, FUTEX_OP_CMP_EQ, 0xfff));
}

int
wait_add_and_wake (_Atomic (guint32) *word, guint32 add, int n)
{
  int woken = operate_and_wake (word, FUTEX_OP_ADD, add, word, n);

  if (G_LIKELY (woken >= 0))
    return woken;
  atomic_fetch_add (word, add);
  return wait_wake (word, n);
}

int
wait_or_and_wake_all_at (_Atomic (guint32) *word, guint32 bits, _Atomic (guint32) *sleepers)
{
  int woken = operate_and_wake (word, FUTEX_OP_OR, bits, sleepers, G_MAXINT);

  if (G_LIKELY (woken >= 0))
    return woken;
  atomic_fetch_or (word, bits);
  return wait_wake (sleepers, G_MAXINT);
}

int
wait_set_and_wake (_Atomic (guint32) *word, guint32 value, int n)
{
  int woken = operate_and_wake (word, FUTEX_OP_SET, value, word, n);

  if (G_LIKELY (woken >= 0))
    return woken;
  atomic_store (word, value);
  return wait_wake (word, n);
}
