/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a semaphore promises within one process and its children. */

#include "lock-fixture.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-semaphore.h"
#include "objects/shmobj-shareable.h"

#include <poll.h>
#include <stdatomic.h>

static ShmobjSemaphore *
semaphore_new (guint value, guint maximum)
{
  g_autoptr (GError) error = NULL;
  ShmobjSemaphore *semaphore = shmobj_semaphore_new (value, maximum, &error);

  g_assert_no_error (error);
  return semaphore;
}

static gboolean
try_acquire (ShmobjSemaphore *semaphore)
{
  g_autoptr (GError) error = NULL;
  gboolean taken = shmobj_semaphore_acquire (semaphore, 0, NULL, &error);

  if (!taken)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  return taken;
}

static void
test_counts (void)
{
  g_autoptr (ShmobjSemaphore) semaphore =
      g_object_new (SHMOBJ_TYPE_SEMAPHORE, "own-segment", TRUE, "value", 3, NULL);
  guint value, maximum;
  gboolean recovers;

  for (guint left = 3; left > 0; left--)
    {
      g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, left);
      g_assert_true (try_acquire (semaphore));
    }
  g_assert_false (try_acquire (semaphore));
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 3);
  g_assert_true (shmobj_semaphore_release (semaphore, 2, NULL));
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 1);
  g_assert_true (shmobj_semaphore_release (semaphore, 10, NULL)); /* more than was taken */
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 0);
  g_object_get (semaphore, "value", &value, "maximum", &maximum, "recovers", &recovers, NULL);
  g_assert_cmpuint (value, ==, 12);
  g_assert_cmpuint (maximum, ==, 0);
  g_assert_true (recovers);
}

static void
expect_too_many (ShmobjSemaphore *semaphore, guint n)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_semaphore_release (semaphore, n, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_maximum (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (2, 2), huge = semaphore_new (1, 0);

  expect_too_many (semaphore, 1);
  g_assert_true (try_acquire (semaphore));
  expect_too_many (semaphore, 2);
  expect_too_many (semaphore, 0);
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 1);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 1);
  g_assert_true (shmobj_semaphore_release (semaphore, 1, NULL));
  g_assert_cmpuint (shmobj_semaphore_get_maximum (semaphore), ==, 2);

  expect_too_many (huge, G_MAXINT);
  expect_too_many (huge, G_MAXUINT);
  g_assert_true (shmobj_semaphore_release (huge, G_MAXINT - 1, NULL));
  g_assert_cmpuint (shmobj_semaphore_get_value (huge), ==, G_MAXINT);
}

static void
test_bad_limits (void)
{
  const guint bad[][2] = { { 3, 2 }, { G_MAXUINT, 0 }, { 0, G_MAXUINT } };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (shmobj_semaphore_new (bad[i][0], bad[i][1], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

/* Signals: nothing is written down, and all works the same. */
static void
test_does_not_recover (void)
{
  g_autoptr (ShmobjSemaphore) semaphore =
      g_initable_new (SHMOBJ_TYPE_SEMAPHORE, NULL, NULL, "value", 0, "recovers", FALSE, NULL);
  pid_t pid;

  IN_CHILD (pid)
  {
    for (guint i = 0; i < 1000; i++)
      if (!shmobj_semaphore_acquire (semaphore, LONG_US, NULL, NULL))
        _exit (1);
    _exit (shmobj_semaphore_get_held (semaphore));
  }
  for (guint i = 0; i < 500; i++)
    g_assert_true (shmobj_semaphore_release (semaphore, 2, NULL));
  assert_exit (pid, 0);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 0);
  g_assert_false (shmobj_semaphore_get_recovers (semaphore));
}

static void
test_time_out (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const gint64 timeouts[] = { 0, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (timeouts); i++)
    for (guint with = 0; with < 2; with++)
      {
        gint64 start_us = g_get_monotonic_time ();
        g_autoptr (GError) error = NULL;

        g_assert_false (
            shmobj_semaphore_acquire (semaphore, timeouts[i], with ? cancellable : NULL, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        g_assert_cmpint (g_get_monotonic_time () - start_us, >=, timeouts[i]);
      }
}

/* Children that wait in each way, and one call that gives to them all. */
static void
test_release_wakes_as_many (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  int ends[2];
  pid_t pids[6];

  g_assert_cmpint (pipe (ends), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    IN_CHILD (pids[i])
    {
      g_autoptr (GCancellable) cancellable = i % 2 ? g_cancellable_new () : NULL;
      char byte;

      if (!shmobj_semaphore_acquire (semaphore, i % 3 ? -1 : LONG_US, cancellable, NULL))
        _exit (1);
      close (ends[1]);
      _exit (read (ends[0], &byte, 1) == 0 ? 0 : 2); /* none comes back before all have one */
    }
  close (ends[0]);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    await_sleep (pids[i]);
  g_assert_true (shmobj_semaphore_release (semaphore, G_N_ELEMENTS (pids), NULL));
  while (shmobj_semaphore_get_value (semaphore) > 0)
    g_usleep (200);
  close (ends[1]);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 0);
  /* they ended with their units */
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, G_N_ELEMENTS (pids));
}

typedef struct
{
  ShmobjSemaphore *semaphore;
  _Atomic (guint32) inside, most;
  guint n;
} Crowd;

static void
visit (Crowd *crowd, GCancellable *cancellable)
{
  for (guint i = 0; i < crowd->n; i++)
    {
      guint32 now, most;

      g_assert_true (shmobj_semaphore_acquire (crowd->semaphore, LONG_US, cancellable, NULL));
      now = atomic_fetch_add (&crowd->inside, 1) + 1;
      most = crowd->most;
      while (most < now && !atomic_compare_exchange_weak (&crowd->most, &most, now))
        ;
      atomic_fetch_sub (&crowd->inside, 1);
      g_assert_true (shmobj_semaphore_release (crowd->semaphore, 1, NULL));
    }
}

static gpointer
visit_in_thread (gpointer crowd)
{
  visit (crowd, NULL);
  return NULL;
}

/* Never more inside than there are units, whoever comes: processes, their threads, by word and by
 * bell. */
static void
test_crowd (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (3, 3);
  Crowd *crowd = shared_memory (sizeof *crowd);
  pid_t pids[4];

  crowd->semaphore = semaphore;
  crowd->n = rounds (10000);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    IN_CHILD (pids[i])
    {
      g_autoptr (GCancellable) cancellable = i % 2 ? g_cancellable_new () : NULL;
      GThread *thread = g_thread_new ("visit", visit_in_thread, crowd);

      visit (crowd, cancellable);
      g_thread_join (thread);
      _exit (shmobj_semaphore_get_held (semaphore));
    }
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 0);
  g_assert_cmpuint (crowd->most, <=, 3);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 3);
  g_test_message ("at most %u inside", crowd->most);
  munmap (crowd, sizeof *crowd);
}

static gpointer
cancel_later (gpointer cancellable)
{
  await_sleep (getpid ());
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);

  g_assert_false (shmobj_semaphore_acquire (semaphore, LONG_US, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
}

static void
on_signal (int number)
{
}

/* Again and again: one that comes between two slices of the sleep ends nothing. */
static gpointer
interrupt (gpointer data)
{
  _Atomic (guint32) *over = data;

  while (!*over)
    {
      kill (getpid (), SIGUSR1);
      g_usleep (2000);
    }
  return NULL;
}

static void
test_interrupted (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  struct sigaction action = { .sa_handler = on_signal };
  g_autoptr (GError) error = NULL;
  _Atomic (guint32) over = 0;
  gboolean interrupted = FALSE;
  GThread *thread;
  sigset_t mask;

  sigaction (SIGUSR1, &action, NULL);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &mask, NULL); /* for the thread: the main one is to have it */
  thread = g_thread_new ("interrupt", interrupt, &over);
  pthread_sigmask (SIG_UNBLOCK, &mask, NULL);
  g_assert_false (
      shmobj_semaphore_acquire_interruptible (semaphore, LONG_US, &interrupted, &error));
  g_assert_true (interrupted);
  g_assert_no_error (error);
  over = 1;
  g_thread_join (thread);

  g_assert_true (shmobj_semaphore_release (semaphore, 1, NULL));
  g_assert_true (shmobj_semaphore_acquire_interruptible (semaphore, -1, &interrupted, &error));
  g_assert_false (interrupted);
}

static void
on_acquired (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success =
      shmobj_semaphore_acquire_finish (SHMOBJ_SEMAPHORE (object), result, &outcome->error);
  outcome->done = TRUE;
}

static void
test_async (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome first = { FALSE }, second = { FALSE }, timed_out = { FALSE }, cancelled = { FALSE };
  pid_t pid;

  shmobj_semaphore_acquire_async (semaphore, -1, NULL, on_acquired, &first);
  shmobj_semaphore_acquire_async (semaphore, 20000, NULL, on_acquired, &timed_out);
  shmobj_semaphore_acquire_async (semaphore, -1, cancellable, on_acquired, &cancelled);
  iterate_until (&timed_out.done);
  g_assert_error (timed_out.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  iterate_until (&cancelled.done);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (first.done);

  IN_CHILD (pid) { _exit (shmobj_semaphore_release (semaphore, 2, NULL) ? 0 : 1); }
  iterate_until (&first.done);
  g_assert_true (first.success);
  shmobj_semaphore_acquire_async (semaphore, 0, NULL, on_acquired, &second);
  iterate_until (&second.done);
  g_assert_true (second.success);
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 2);
  assert_exit (pid, 0);
  g_clear_error (&timed_out.error);
  g_clear_error (&cancelled.error);
}

static gboolean
is_readable (int fd, int most_ms)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  return poll (&poll_fd, 1, most_ms) == 1;
}

static void
test_descriptor (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (0, 0);
  int fd = shmobj_semaphore_get_fd (semaphore, NULL);
  pid_t pid;

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (is_readable (fd, -1)); /* before the first try */
  g_assert_false (try_acquire (semaphore));
  IN_CHILD (pid) { _exit (shmobj_semaphore_release (semaphore, 1, NULL) ? 0 : 1); }
  do
    g_assert_true (is_readable (fd, -1));
  while (!try_acquire (semaphore));
  assert_exit (pid, 0);
}

/* A child holds nothing of its parent's, and what it took goes back with it. */
static void
test_fork (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (3, 3);
  pid_t pid;

  g_assert_true (try_acquire (semaphore));
  IN_CHILD (pid)
  {
    if (shmobj_semaphore_get_held (semaphore) != 0 || !try_acquire (semaphore) ||
        shmobj_semaphore_get_held (semaphore) != 1)
      _exit (1);
    _exit (0);
  }
  assert_exit (pid, 0);
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 2);
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 1);
}

static void
test_handle (void)
{
  g_autoptr (ShmobjSemaphore) semaphore = semaphore_new (2, 5);
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle =
      shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (semaphore), fds, NULL);
  g_autoptr (GVariant) of_lock = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (lock), fds, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) again =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SEMAPHORE, handle, fds, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_semaphore_get_maximum (SHMOBJ_SEMAPHORE (again)), ==, 5);
  g_assert_true (try_acquire (SHMOBJ_SEMAPHORE (again)));
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 1);
  g_assert_cmpuint (shmobj_semaphore_get_held (semaphore), ==, 1); /* of the same process */
  g_assert_null (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SEMAPHORE, of_lock, fds, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/semaphore/counts", test_counts);
  g_test_add_func ("/semaphore/maximum-is-not-exceeded", test_maximum);
  g_test_add_func ("/semaphore/bad-limits-are-refused", test_bad_limits);
  g_test_add_func ("/semaphore/signals", test_does_not_recover);
  g_test_add_func ("/semaphore/acquire-times-out", test_time_out);
  g_test_add_func ("/semaphore/release-wakes-as-many", test_release_wakes_as_many);
  g_test_add_func ("/semaphore/crowd-is-limited", test_crowd);
  g_test_add_func ("/semaphore/cancel-ends-the-wait", test_cancel);
  g_test_add_func ("/semaphore/signal-ends-the-interruptible-wait", test_interrupted);
  g_test_add_func ("/semaphore/async-is-taken-timed-out-or-cancelled", test_async);
  g_test_add_func ("/semaphore/descriptor-tells-of-units", test_descriptor);
  g_test_add_func ("/semaphore/child-holds-nothing", test_fork);
  g_test_add_func ("/semaphore/handle-is-the-same-semaphore", test_handle);

  return g_test_run ();
}
