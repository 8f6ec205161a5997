/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Semaphores of processes that are killed: what they held goes to those who wait, in each way.
 * (Each single death is in tests/torture/torture-semaphore.c.) */

#include "../fork-child.h"
#include "../objects/lock-fixture.h"

#include "objects/shmobj-semaphore.h"

#include <stdatomic.h>

/* More than the records that the semaphore's own cell has, and one more cell. */
#define HOLDERS 11

/* Each takes @n units, says so, and waits for its end. */
static void
start_holders (ShmobjSemaphore *semaphore, pid_t pids[HOLDERS], guint n)
{
  _Atomic (guint32) *ready = shared_memory (sizeof *ready);

  for (guint i = 0; i < HOLDERS; i++)
    {
      pids[i] = fork_child ();
      if (pids[i] == 0)
        {
          for (guint k = 0; k < n; k++)
            if (!shmobj_semaphore_acquire (semaphore, 0, NULL, NULL))
              _exit (1);
          atomic_fetch_add (ready, 1);
          for (;;)
            pause ();
        }
    }
  await (ready, HOLDERS);
  munmap (ready, sizeof *ready);
}

static void
kill_all (const pid_t pids[HOLDERS])
{
  for (guint i = 0; i < HOLDERS; i++)
    {
      kill (pids[i], SIGKILL);
      g_assert_cmpint (waitpid (pids[i], NULL, 0), ==, pids[i]);
    }
}

static void
test_all_comes_back (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = shmobj_semaphore_new (2 * HOLDERS, 2 * HOLDERS, NULL);
  pid_t pids[HOLDERS];

  for (guint round = 0; round < 5; round++)
    {
      start_holders (semaphore, pids, 2);
      g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 0);
      kill_all (pids);
      g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 2 * HOLDERS);
    }
}

static void
test_nothing_comes_back (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = g_initable_new (
      SHMOBJ_TYPE_SEMAPHORE, NULL, NULL, "value", 2 * HOLDERS, "recovers", FALSE, NULL);
  pid_t pids[HOLDERS];

  start_holders (semaphore, pids, 2);
  kill_all (pids);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 0);
}

static void
on_acquired (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success =
      shmobj_semaphore_acquire_finish (SHMOBJ_SEMAPHORE (object), result, &outcome->error);
  outcome->done = TRUE;
}

/* Who waits in each way gets a dead one's unit, with nobody else to give one. */
static void
test_waiters_inherit (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = shmobj_semaphore_new (HOLDERS, 0, NULL);
  Outcome outcome = { FALSE };
  pid_t pids[HOLDERS], waiters[2];

  start_holders (semaphore, pids, 1);
  for (guint i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      waiters[i] = fork_child ();
      if (waiters[i] == 0)
        {
          g_autoptr (GCancellable) cancellable = i ? g_cancellable_new () : NULL;

          _exit (shmobj_semaphore_acquire (semaphore, -1, cancellable, NULL) ? 0 : 1);
        }
      await_sleep (waiters[i]);
    }
  shmobj_semaphore_acquire_async (semaphore, -1, NULL, on_acquired, &outcome);
  kill_all (pids);
  iterate_until (&outcome.done);
  g_assert_true (outcome.success);
  for (guint i = 0; i < G_N_ELEMENTS (waiters); i++)
    assert_exit (waiters[i], 0);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, HOLDERS - 1);
}

/* One that is stopped lives: it keeps what it has. */
static void
test_stopped (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = shmobj_semaphore_new (HOLDERS, 0, NULL);
  g_autoptr (GError) error = NULL;
  pid_t pids[HOLDERS];

  start_holders (semaphore, pids, 1);
  kill (pids[0], SIGSTOP);
  g_assert_cmpint (waitpid (pids[0], NULL, WUNTRACED), ==, pids[0]);
  g_assert_false (shmobj_semaphore_acquire (semaphore, 50000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  kill_all (pids);
  g_assert_true (shmobj_semaphore_acquire (semaphore, -1, NULL, NULL));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/semaphore-deaths/all-comes-back", test_all_comes_back);
  g_test_add_func ("/semaphore-deaths/signals-do-not-come-back", test_nothing_comes_back);
  g_test_add_func ("/semaphore-deaths/who-waits-inherits", test_waiters_inherit);
  g_test_add_func ("/semaphore-deaths/who-is-stopped-keeps-it", test_stopped);

  return g_test_run ();
}
