/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks and events between processes of which some are killed or stopped. */

#include "../objects/lock-fixture.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-shareable.h"

#include <stdatomic.h>
#include <string.h>

typedef struct
{
  _Atomic (guint32) inside; /* how many hold the lock: never 2 */
  _Atomic (guint32) stage;  /* of whatever the test makes of it */
  _Atomic (guint32) stop;
  _Atomic (guint64) counter, abandoned;
  guint64 plain; /* guarded by the lock alone */
} Shared;

static void
kill_and_reap (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
test_exclusion (void)
{
  enum
  {
    PROCESSES = 4
  };
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  guint n = rounds (50000);
  pid_t pids[PROCESSES];

  for (guint i = 0; i < PROCESSES; i++)
    IN_CHILD (pids[i])
    {
      g_autoptr (GCancellable) cancellable = i == 0 ? g_cancellable_new () : NULL;

      for (guint k = 0; k < n; k++)
        {
          if (!shmobj_lock_acquire (lock, LONG_US, cancellable, NULL) ||
              atomic_fetch_add (&shared->inside, 1) != 0)
            _exit (1);
          shared->plain++;
          atomic_fetch_sub (&shared->inside, 1);
          if (!shmobj_lock_release (lock, NULL))
            _exit (2);
        }
      _exit (0);
    }
  for (guint i = 0; i < PROCESSES; i++)
    assert_exit (pids[i], 0);
  g_assert_cmpuint (shared->plain, ==, (guint64) n * PROCESSES);
  munmap (shared, sizeof *shared);
}

/* The holder is killed a thousand times; each time the next one gets the lock and is told. */
static void
test_killed_holder (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  gint64 longest_us = 0;
  guint n = rounds (1000);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 start_us;
      pid_t pid;

      shared->stage = 0;
      IN_CHILD (pid)
      {
        if (!shmobj_lock_acquire (lock, LONG_US, NULL, NULL))
          _exit (1);
        shared->stage = 1;
        for (;;)
          pause ();
      }
      await (&shared->stage, 1);
      g_assert_true (shmobj_lock_is_locked (lock));
      g_assert_false (shmobj_lock_acquire (lock, 0, NULL, NULL));

      kill (pid, SIGKILL);
      start_us = g_get_monotonic_time ();
      g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, &error));
      g_assert_no_error (error);
      longest_us = MAX (longest_us, g_get_monotonic_time () - start_us);
      g_assert_true (shmobj_lock_get_abandoned (lock));
      g_assert_true (shmobj_lock_release (lock, NULL));
      g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
      g_assert_false (shmobj_lock_get_abandoned (lock));
      g_assert_true (shmobj_lock_release (lock, NULL));
      g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
    }
  g_test_message ("%u holders killed, the longest take-over %.1f ms", n, longest_us / 1000.0);
  g_assert_cmpint (longest_us, <, 10 * SECOND);
  munmap (shared, sizeof *shared);
}

static void
on_acquired (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success = shmobj_lock_acquire_finish (SHMOBJ_LOCK (object), result, &outcome->error);
  outcome->done = TRUE;
}

/* The same for one who waits in a main loop, and one who waits with a cancellable. */
static void
test_killed_holder_async (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Outcome outcome = { FALSE };
      pid_t pid;

      shared->stage = 0;
      IN_CHILD (pid)
      {
        shmobj_lock_acquire (lock, LONG_US, NULL, NULL);
        shared->stage = 1;
        for (;;)
          pause ();
      }
      await (&shared->stage, 1);
      if (i % 2 == 0)
        {
          shmobj_lock_acquire_async (lock, LONG_US, NULL, on_acquired, &outcome);
          while (g_main_context_iteration (NULL, FALSE))
            ;
          kill_and_reap (pid);
          iterate_until (&outcome.done);
          g_assert_true (outcome.success);
        }
      else
        {
          kill (pid, SIGKILL);
          g_assert_true (shmobj_lock_acquire (lock, LONG_US, cancellable, NULL));
          waitpid (pid, NULL, 0);
        }
      g_assert_true (shmobj_lock_get_abandoned (lock));
      g_assert_true (shmobj_lock_release (lock, NULL));
    }
  munmap (shared, sizeof *shared);
}

/* Many wait when the holder dies: exactly one of them inherits, and all get their turn. */
static void
test_one_heir (void)
{
  enum
  {
    PROCESSES = 5
  };
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  pid_t holder, pids[PROCESSES];

  for (guint round = 0; round < 20; round++)
    {
      shared->stage = 0;
      shared->abandoned = 0;
      IN_CHILD (holder)
      {
        shmobj_lock_acquire (lock, LONG_US, NULL, NULL);
        shared->stage = 1;
        for (;;)
          pause ();
      }
      await (&shared->stage, 1);
      for (guint i = 0; i < PROCESSES; i++)
        IN_CHILD (pids[i])
        {
          if (!shmobj_lock_acquire (lock, LONG_US, NULL, NULL))
            _exit (1);
          atomic_fetch_add (&shared->abandoned, shmobj_lock_get_abandoned (lock));
          _exit (shmobj_lock_release (lock, NULL) ? 0 : 2);
        }
      for (guint i = 0; i < PROCESSES; i++)
        await_sleep (pids[i]);
      kill_and_reap (holder);
      for (guint i = 0; i < PROCESSES; i++)
        assert_exit (pids[i], 0);
      g_assert_cmpuint (shared->abandoned, ==, 1);
    }
  munmap (shared, sizeof *shared);
}

/* Does what users of a lock do until told to stop; dies or stops wherever it happens to be. */
static void
work (ShmobjLock *lock, Shared *shared, _Atomic (guint64) *done)
{
  while (!shared->stop)
    {
      if (!shmobj_lock_acquire (lock, LONG_US, NULL, NULL))
        _exit (1);
      if (shmobj_lock_get_abandoned (lock))
        {
          shared->inside = 0; /* of the dead one, who did not get to taking it away */
          atomic_fetch_add (&shared->abandoned, 1);
        }
      if (atomic_fetch_add (&shared->inside, 1) != 0)
        _exit (2);
      shared->plain++;
      atomic_fetch_sub (&shared->inside, 1);
      if (!shmobj_lock_release (lock, NULL))
        _exit (3);
      atomic_fetch_add (done, 1);
    }
  _exit (0);
}

/* Three work; one of them is killed at random moments and replaced. The others never stall, and
 * nobody is ever inside together with another. */
static void
test_random_kills (void)
{
  enum
  {
    PROCESSES = 3
  };
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  _Atomic (guint64) *done = shared_memory (4096);
  guint n = rounds (300);
  pid_t pids[PROCESSES];

  for (guint i = 0; i < PROCESSES; i++)
    IN_CHILD (pids[i])
  work (lock, shared, &done[i]);
  for (guint round = 0; round < n; round++)
    {
      guint victim = g_test_rand_int_range (0, PROCESSES), witness = (victim + 1) % PROCESSES;
      gint64 until_us = g_get_monotonic_time () + 20 * SECOND;
      guint64 before;

      g_usleep (g_test_rand_int_range (0, 1500));
      kill_and_reap (pids[victim]);
      before = done[witness];
      IN_CHILD (pids[victim])
      work (lock, shared, &done[victim]);
      while (done[witness] == before)
        {
          g_assert_cmpint (g_get_monotonic_time (), <, until_us);
          g_usleep (50);
        }
    }
  shared->stop = 1;
  for (guint i = 0; i < PROCESSES; i++)
    assert_exit (pids[i], 0);
  g_test_message ("%u killed, %u of them inside, %u turns in all", n, (guint) shared->abandoned,
                  (guint) (done[0] + done[1] + done[2]));
  g_assert_cmpuint (shared->inside, ==, 0);
  munmap (shared, sizeof *shared);
}

/* Waiters that are stopped, and one that was woken and stopped before it could run, do not hold up
 * the others for longer than a slice. */
static void
test_stopped_waiters (void)
{
  enum
  {
    WAITERS = 3
  };
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  gint64 longest_us = 0;
  pid_t pids[WAITERS];

  for (guint round = 0; round < 15; round++)
    {
      gint64 start_us;

      shared->counter = 0;
      g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, NULL));
      for (guint i = 0; i < WAITERS; i++)
        IN_CHILD (pids[i])
        {
          if (!shmobj_lock_acquire (lock, LONG_US, NULL, NULL))
            _exit (1);
          atomic_fetch_add (&shared->counter, 1);
          _exit (shmobj_lock_release (lock, NULL) ? 0 : 2);
        }
      for (guint i = 0; i < WAITERS; i++)
        await_sleep (pids[i]);
      for (guint i = 0; i + 1 < WAITERS; i++) /* those that the kernel would wake first */
        kill (pids[i], SIGSTOP);
      g_assert_true (shmobj_lock_release (lock, NULL));
      start_us = g_get_monotonic_time ();
      assert_exit (pids[WAITERS - 1], 0);
      longest_us = MAX (longest_us, g_get_monotonic_time () - start_us);
      for (guint i = 0; i + 1 < WAITERS; i++)
        {
          kill (pids[i], round % 2 ? SIGKILL : SIGCONT);
          if (round % 2)
            waitpid (pids[i], NULL, 0);
          else
            assert_exit (pids[i], 0);
        }
    }
  g_test_message ("beside stopped waiters the longest delay was %.1f ms", longest_us / 1000.0);
  g_assert_cmpint (longest_us, <, 5 * SECOND);
  munmap (shared, sizeof *shared);
}

/* A stopped holder is alive: others wait until their time is over, and are told who it is. */
static void
test_stopped_holder (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *who = NULL;
  Shared *shared = shared_memory (sizeof *shared);
  pid_t pid;

  IN_CHILD (pid)
  {
    shmobj_lock_acquire (lock, LONG_US, NULL, NULL);
    shared->stage = 1;
    raise (SIGSTOP);
    _exit (shmobj_lock_release (lock, NULL) ? 0 : 1);
  }
  await (&shared->stage, 1);
  waitpid (pid, NULL, WUNTRACED);
  g_assert_false (shmobj_lock_acquire (lock, 100000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  who = g_strdup_printf ("process %d (", (int) pid);
  g_assert_nonnull (strstr (error->message, who));
  kill (pid, SIGCONT);
  g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, NULL));
  g_assert_false (shmobj_lock_get_abandoned (lock));
  assert_exit (pid, 0);
  munmap (shared, sizeof *shared);
}

/* One waits again and again, and the one who sets and clears again and again is killed at random
 * points of that. If it left the event set, the waiter goes on by itself: never a sleeper beside a
 * set event. */
static void
test_killed_setter (void)
{
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);
  Shared *shared = shared_memory (sizeof *shared);
  guint n = rounds (300), was_set = 0;
  pid_t waiter;

  IN_CHILD (waiter)
  {
    while (!shared->stop && shmobj_event_wait (event, -1, NULL, NULL))
      atomic_fetch_add (&shared->counter, 1);
    _exit (shared->stop ? 0 : 1);
  }
  for (guint i = 0; i < n; i++)
    {
      gint64 until_us = g_get_monotonic_time () + LONG_US;
      guint64 before;
      pid_t setter;

      IN_CHILD (setter)
      {
        for (;;)
          {
            shmobj_event_set (event, NULL);
            shmobj_event_clear (event, NULL);
          }
      }
      g_usleep (g_test_rand_int_range (200, 1000));
      kill_and_reap (setter);
      was_set += shmobj_event_is_set (event);
      if (!shmobj_event_is_set (event))
        {
          await_sleep (waiter);
          shmobj_event_set (event, NULL);
        }
      for (before = shared->counter; shared->counter == before;)
        g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      shmobj_event_clear (event, NULL);
    }
  shared->stop = 1;
  shmobj_event_set (event, NULL);
  assert_exit (waiter, 0);
  g_test_message ("%u setters killed, %u left the event set", n, was_set);
  munmap (shared, sizeof *shared);
}

/* What a program that was started with an exec does with the lock it was passed. */
static int
be_heir (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) lock =
      shmobj_shareable_take_inherited ("the lock", SHMOBJ_TYPE_LOCK, &error);
  g_autoptr (ShmobjShareable) event =
      shmobj_shareable_take_inherited ("the event", SHMOBJ_TYPE_EVENT, &error);

  if (lock == NULL || event == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  if (shmobj_lock_acquire (SHMOBJ_LOCK (lock), 0, NULL, NULL) || /* the parent holds it */
      !shmobj_event_set (SHMOBJ_EVENT (event), NULL) ||
      !shmobj_lock_acquire (SHMOBJ_LOCK (lock), LONG_US, NULL, NULL) ||
      shmobj_lock_get_abandoned (SHMOBJ_LOCK (lock)))
    return 2;
  raise (SIGKILL);
  return 3;
}

static void
test_inherited (void)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);
  g_autoptr (GSubprocess) child = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (lock), launcher, "the lock", &error));
  g_assert_true (
      shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (event), launcher, "the event", &error));
  g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, &error));
  child = g_subprocess_launcher_spawn (launcher, &error, "/proc/self/exe", "--heir", NULL);
  g_assert_no_error (error);
  g_assert_true (shmobj_event_wait (event, LONG_US, NULL, &error));
  g_assert_true (shmobj_lock_release (lock, &error));
  g_assert_true (g_subprocess_wait (child, NULL, &error));
  g_assert_true (g_subprocess_get_if_signaled (child));
  g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, &error));
  g_assert_true (shmobj_lock_get_abandoned (lock));
  g_assert_true (shmobj_lock_release (lock, &error));
}

int
main (int argc, char *argv[])
{
  if (argc > 1 && g_str_equal (argv[1], "--heir"))
    return be_heir ();

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/lock-deaths/one-at-a-time", test_exclusion);
  g_test_add_func ("/lock-deaths/killed-holder-is-replaced-and-told", test_killed_holder);
  g_test_add_func ("/lock-deaths/killed-holder-is-replaced-in-a-main-loop",
                   test_killed_holder_async);
  g_test_add_func ("/lock-deaths/one-heir-and-all-get-their-turn", test_one_heir);
  g_test_add_func ("/lock-deaths/random-kills-never-stall-the-others", test_random_kills);
  g_test_add_func ("/lock-deaths/stopped-waiters-hold-up-nobody", test_stopped_waiters);
  g_test_add_func ("/lock-deaths/stopped-holder-is-alive", test_stopped_holder);
  g_test_add_func ("/lock-deaths/killed-setter-leaves-no-sleeper", test_killed_setter);
  g_test_add_func ("/lock-deaths/inherited-through-exec", test_inherited);

  return g_test_run ();
}
