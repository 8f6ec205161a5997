/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting: deadlines, the futex calls, and what happens where one of them is refused. */

#include "../objects/lock-fixture.h"

#include "base/sys.h"
#include "base/wait.h"

#include <errno.h>
#include <linux/futex.h>

static void
test_deadlines (void)
{
  gint64 now_us = sys_now_us ();

  g_assert_cmpint (wait_deadline (-1), ==, -1);
  g_assert_cmpint (wait_deadline (G_MININT64), ==, -1);
  g_assert_cmpint (wait_deadline (0), ==, 0);
  g_assert_cmpint (wait_deadline (G_MAXINT64), ==, -1); /* no overflow: that is for ever */
  g_assert_cmpint (wait_deadline (SECOND), >=, now_us + SECOND);
  g_assert_cmpint (wait_left (-1), ==, -1);
  g_assert_cmpint (wait_left (0), ==, 0);
  g_assert_cmpint (wait_left (1), ==, 0);
  g_assert_cmpint (wait_left (now_us + 10 * SECOND), >, 0);
  g_assert_cmpint (wait_left (now_us + 10 * SECOND), <=, 10 * SECOND);
}

static void
test_sleep_ends (void)
{
  _Atomic (guint32) word = 5;
  gint64 start_us = sys_now_us ();

  g_assert_cmpint (wait_sleep (&word, 4, -1), ==, WAIT_WOKEN); /* it had changed */
  g_assert_cmpint (wait_sleep (&word, 5, 30000), ==, WAIT_TIMED_OUT);
  g_assert_cmpint (sys_now_us () - start_us, >=, 30000);
  g_assert_cmpint (wait_sleep (&word, 5, 0), ==, WAIT_TIMED_OUT);
  g_assert_cmpint (wait_wake (&word, 1), ==, 0);
}

typedef int (*WakeFunc) (_Atomic (guint32) *word);

static int
add_and_wake (_Atomic (guint32) *word)
{
  return wait_add_and_wake_one (word, 1);
}

static int
add_more_and_wake (_Atomic (guint32) *word)
{
  return wait_add_and_wake_one (word, 2047);
}

static int
set_and_wake (_Atomic (guint32) *word)
{
  return wait_set_and_wake (word, 2000, 1);
}

static int
set_and_wake_all (_Atomic (guint32) *word)
{
  return wait_set_and_wake_all (word, 7);
}

static int
or_and_wake_all (_Atomic (guint32) *word)
{
  return wait_or_and_wake_all (word, 1024 | 2);
}

typedef struct
{
  const char *name;
  WakeFunc wake;
  guint32 before, after;
  int woken; /* of three */
} Waking;

static const Waking wakings[] = {
  { "add", add_and_wake, 41, 42, 1 },
  { "add-wraps", add_more_and_wake, G_MAXUINT32 - 1, 2045, 1 },
  { "set", set_and_wake, G_MAXUINT32 - 1, 2000, 1 },
  { "set-all", set_and_wake_all, 1u << 31, 7, 3 },
  { "or-all", or_and_wake_all, 1u << 31 | 1, 1u << 31 | 1024 | 3, 3 },
};

/* What the operation makes of the word, and how many of three sleeping processes it wakes. */
static void
test_waking (gconstpointer data)
{
  const Waking *waking = data;
  _Atomic (guint32) *word = shared_memory (4096), *woken = word + 64;
  int result, status;
  pid_t pids[3];

  *word = waking->before;
  for (guint i = 0; i < 3; i++)
    IN_CHILD (pids[i])
    {
      while (wait_sleep (word, waking->before, 60 * SECOND) != WAIT_WOKEN)
        ;
      atomic_fetch_add (woken, 1);
      _exit (0);
    }
  for (guint i = 0; i < 3; i++)
    await_sleep (pids[i]);
  result = waking->wake (word);
  g_assert_cmpuint (*word, ==, waking->after);
  g_assert_cmpint (result, ==, waking->woken);
  await (woken, waking->woken);
  for (guint i = 0; i < 3; i++) /* the others sleep on although the word is another one */
    if (waitpid (pids[i], &status, WNOHANG) == 0 && *woken < 3)
      kill (pids[i], SIGKILL);
  for (guint i = 0; i < 3; i++)
    waitpid (pids[i], NULL, 0);
  g_assert_cmpuint (*woken, ==, waking->woken);
  munmap ((void *) word, 4096);
}

static SysCalls real;

/* A sandbox or an emulator that knows sleeping and waking, but not FUTEX_WAKE_OP. */
static long
plain_futex (_Atomic (guint32) *word,
             int operation,
             guint32 value,
             const struct timespec *timeout,
             _Atomic (guint32) *word2,
             guint32 value3)
{
  errno = ENOSYS;
  return operation == FUTEX_WAKE_OP ? -1
                                    : real.futex (word, operation, value, timeout, word2, value3);
}

static void
test_refused (gconstpointer data)
{
  real = sys;
  sys.futex = plain_futex;
  test_waking (data);
  sys = real;
}

static void
on_signal (int number)
{
}

static void
test_interrupted (void)
{
  struct sigaction action = { .sa_handler = on_signal };
  _Atomic (guint32) word = 0;
  pid_t pid, parent = getpid ();

  sigaction (SIGUSR1, &action, NULL);
  IN_CHILD (pid)
  {
    await_sleep (parent);
    kill (parent, SIGUSR1);
    _exit (0);
  }
  g_assert_cmpint (wait_sleep (&word, 0, LONG_US), ==, WAIT_INTERRUPTED);
  assert_exit (pid, 0);
}

/* Spinning sees a change only in the bits it is asked about, and stops when it does not pay. */
static void
test_spin (void)
{
  WaitHabit habit = { 0 };
  _Atomic (guint32) word = 8 | WAIT_SLEEPER;
  guint32 first;

  g_assert_false (wait_spin (&habit, &word, 4)); /* the sleepers' bit is not the count */
  first = habit.budget;
  g_assert_false (wait_spin_masked (&habit, &word, 0xf0, 0));
  for (guint i = 0; i < 200; i++)
    g_assert_false (wait_spin (&habit, &word, 4));
  if (sys_cpus () == 1)
    return; /* nothing is ever spun for */

  g_assert_cmpuint (first, >, 0);
  g_assert_cmpuint (habit.budget, <, first / 16);
  for (guint i = 0; i < 200; i++) /* now it pays again: each sixteenth wait finds that out */
    wait_spin_masked (&habit, &word, 0x0f, 0);
  g_assert_cmpuint (habit.budget, >, first);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("SHMOBJ_SPIN_US", "2000", TRUE); /* enough to tell spinning from not, on any machine */

  g_test_add_func ("/wait/deadlines-do-not-overflow", test_deadlines);
  g_test_add_func ("/wait/sleep-ends-by-change-or-time", test_sleep_ends);
  for (guint i = 0; i < G_N_ELEMENTS (wakings); i++)
    {
      g_autofree char *name =
          g_strconcat ("/wait/one-call-changes-and-wakes/", wakings[i].name, NULL);
      g_autofree char *refused =
          g_strconcat ("/wait/the-same-in-two-steps/", wakings[i].name, NULL);

      g_test_add_data_func (name, &wakings[i], test_waking);
      g_test_add_data_func (refused, &wakings[i], test_refused);
    }
  g_test_add_func ("/wait/signal-interrupts-sleep", test_interrupted);
  g_test_add_func ("/wait/spinning-learns", test_spin);

  return g_test_run ();
}
