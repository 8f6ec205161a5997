/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a lock promises within one process and its children; what happens when processes are killed
 * is in tests/process/test-lock-deaths.c. */

#include "lock-fixture.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-shareable.h"

#include <string.h>

static ShmobjLock *
lock_new (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjLock *lock = shmobj_lock_new (&error);

  g_assert_no_error (error);
  return lock;
}

static void
acquire (ShmobjLock *lock)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_lock_acquire (lock, LONG_US, NULL, &error));
  g_assert_no_error (error);
}

static void
release (ShmobjLock *lock)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_lock_release (lock, &error));
  g_assert_no_error (error);
}

static void
test_states (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();

  g_assert_false (shmobj_lock_is_locked (lock));
  g_assert_false (shmobj_lock_is_owned (lock));
  acquire (lock);
  g_assert_true (shmobj_lock_is_locked (lock));
  g_assert_true (shmobj_lock_is_owned (lock));
  g_assert_false (shmobj_lock_get_abandoned (lock));
  release (lock);
  g_assert_false (shmobj_lock_is_locked (lock));
  g_assert_false (shmobj_lock_is_owned (lock));
}

static void
test_without_init (void)
{
  g_autoptr (ShmobjLock) lock = g_object_new (SHMOBJ_TYPE_LOCK, NULL);
  g_autoptr (ShmobjLock) own = g_object_new (SHMOBJ_TYPE_LOCK, "own-segment", TRUE, NULL);
  gboolean own_segment;

  acquire (lock);
  acquire (own);
  g_object_get (own, "own-segment", &own_segment, NULL);
  g_assert_true (own_segment);
  release (own);
  release (lock);
}

static void
test_time_out (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const gint64 timeouts[] = { 0, 30000 };

  acquire (lock);
  for (guint i = 0; i < G_N_ELEMENTS (timeouts); i++)
    for (guint with = 0; with < 2; with++)
      {
        gint64 start_us = g_get_monotonic_time ();
        g_autofree char *us = g_strdup_printf ("process %d (", (int) getpid ());
        g_autoptr (GError) error = NULL;

        g_assert_false (shmobj_lock_acquire (lock, timeouts[i], with ? cancellable : NULL, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        g_assert_nonnull (strstr (error->message, us));
        g_assert_cmpint (g_get_monotonic_time () - start_us, >=, timeouts[i]);
      }
  release (lock);
}

static void
test_release_of_nothing (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_lock_release (lock, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_fork (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  pid_t pid;

  acquire (lock);
  IN_CHILD (pid)
  {
    g_autoptr (GError) error = NULL;
    gboolean good = shmobj_lock_is_locked (lock) && !shmobj_lock_is_owned (lock) &&
                    !shmobj_lock_release (lock, &error) &&
                    g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) &&
                    !shmobj_lock_acquire (lock, 0, NULL, NULL) &&
                    shmobj_lock_acquire (lock, LONG_US, NULL, NULL) &&
                    !shmobj_lock_get_abandoned (lock) && shmobj_lock_release (lock, NULL);
    _exit (good ? 0 : 1);
  }
  await_sleep (pid);
  release (lock);
  assert_exit (pid, 0);
  acquire (lock);
  release (lock);
}

/* A child that ends in good order while it holds the lock is dead for all that. */
static void
test_child_ends (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  pid_t pid;

  IN_CHILD (pid)
  _exit (shmobj_lock_acquire (lock, LONG_US, NULL, NULL) ? 0 : 1);
  assert_exit (pid, 0);

  g_assert_false (shmobj_lock_is_locked (lock));
  acquire (lock);
  g_assert_true (shmobj_lock_get_abandoned (lock));
  release (lock);
  g_assert_false (shmobj_lock_get_abandoned (lock));
  acquire (lock);
  g_assert_false (shmobj_lock_get_abandoned (lock));
  release (lock);
}

typedef struct
{
  ShmobjLock *lock;
  guint counter;
} Counting;

static gpointer
count_up (gpointer data)
{
  Counting *counting = data;

  for (guint i = 0; i < 20000; i++)
    {
      acquire (counting->lock);
      counting->counter++;
      release (counting->lock);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  Counting counting = { lock, 0 };
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("count", count_up, &counting);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (counting.counter, ==, 60000);
}

static gpointer
cancel_later (gpointer cancellable)
{
  await_sleep (getpid ()); /* the main thread */
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread;

  acquire (lock);
  thread = g_thread_new ("cancel", cancel_later, cancellable);
  g_assert_false (shmobj_lock_acquire (lock, LONG_US, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  release (lock);

  g_clear_error (&error);
  g_assert_false (shmobj_lock_acquire (lock, LONG_US, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (shmobj_lock_is_locked (lock));
}

/* A waiter with a cancellable is woken like any other. */
static void
test_cancellable_is_woken (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  pid_t pid;

  acquire (lock);
  IN_CHILD (pid)
  {
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();

    _exit (shmobj_lock_acquire (lock, LONG_US, cancellable, NULL) &&
                   shmobj_lock_release (lock, NULL)
               ? 0
               : 1);
  }
  await_sleep (pid);
  release (lock);
  assert_exit (pid, 0);
}

static void
on_signal (int number)
{
}

static gpointer
interrupt_later (gpointer main_thread)
{
  for (guint i = 0; i < 20; i++)
    {
      await_sleep (getpid ());
      kill (getpid (), SIGUSR1);
      g_usleep (1000);
    }
  return NULL;
}

static void
test_interrupted (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  struct sigaction action = { .sa_handler = on_signal };
  gboolean interrupted = FALSE;
  GError *error = NULL;
  sigset_t mask;
  GThread *thread;

  sigaction (SIGUSR1, &action, NULL);
  acquire (lock);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &mask, NULL); /* for the thread: the main one is to have it */
  thread = g_thread_new ("interrupt", interrupt_later, NULL);
  pthread_sigmask (SIG_UNBLOCK, &mask, NULL);

  g_assert_false (shmobj_lock_acquire_interruptible (lock, LONG_US, &interrupted, &error));
  g_assert_true (interrupted);
  g_assert_no_error (error);
  g_assert_false (shmobj_lock_acquire (lock, 100000, NULL, &error)); /* this one goes on waiting */
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_thread_join (thread);

  release (lock);
  g_assert_true (shmobj_lock_acquire_interruptible (lock, -1, &interrupted, &error));
  g_assert_false (interrupted);
  release (lock);
}

static void
on_acquired (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success = shmobj_lock_acquire_finish (SHMOBJ_LOCK (object), result, &outcome->error);
  outcome->done = TRUE;
}

static void
test_async_free (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  Outcome outcome = { FALSE };

  shmobj_lock_acquire_async (lock, 0, NULL, on_acquired, &outcome);
  g_assert_false (outcome.done); /* never from within the call */
  iterate_until (&outcome.done);
  g_assert_true (outcome.success);
  g_assert_true (shmobj_lock_is_owned (lock));
  release (lock);
}

static void
test_async_waits (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  Outcome outcomes[50] = { { FALSE } };
  guint before;

  acquire (lock);
  before = count_fds ();
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    shmobj_lock_acquire_async (lock, -1, NULL, on_acquired, &outcomes[i]);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (count_fds (), ==, before + 1); /* all of them share one descriptor */

  for (guint n = 0; n < G_N_ELEMENTS (outcomes); n++)
    {
      guint done = 0;

      release (lock);
      for (gint64 until_us = g_get_monotonic_time () + LONG_US; done <= n;)
        {
          g_assert_cmpint (g_get_monotonic_time (), <, until_us);
          g_main_context_iteration (NULL, TRUE);
          done = 0;
          for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
            done += outcomes[i].done && outcomes[i].success;
        }
      g_assert_cmpuint (done, ==, n + 1); /* one at a time */
    }
  release (lock);
  g_assert_cmpuint (count_fds (), ==, before);
}

static void
test_async_across_processes (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  _Atomic (guint32) *held = shared_memory (4096);
  Outcome outcome = { FALSE };
  pid_t pid;

  IN_CHILD (pid)
  {
    shmobj_lock_acquire (lock, LONG_US, NULL, NULL);
    *held = 1;
    await (held, 2);
    _exit (shmobj_lock_release (lock, NULL) ? 0 : 1);
  }
  await (held, 1);
  shmobj_lock_acquire_async (lock, LONG_US, NULL, on_acquired, &outcome);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_false (outcome.done);
  *held = 2;
  iterate_until (&outcome.done);
  g_assert_true (outcome.success);
  g_assert_false (shmobj_lock_get_abandoned (lock));
  release (lock);
  assert_exit (pid, 0);
}

static void
test_async_ends (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome cancelled = { FALSE }, timed_out = { FALSE }, at_once = { FALSE }, dead = { FALSE };

  acquire (lock);
  shmobj_lock_acquire_async (lock, -1, cancellable, on_acquired, &cancelled);
  shmobj_lock_acquire_async (lock, 20000, NULL, on_acquired, &timed_out);
  shmobj_lock_acquire_async (lock, 0, NULL, on_acquired, &at_once);
  iterate_until (&timed_out.done);
  iterate_until (&at_once.done);
  g_assert_error (timed_out.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_error (at_once.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  /* both at once: the lock is free and the wait cancelled */
  g_cancellable_cancel (cancellable);
  release (lock);
  shmobj_lock_acquire_async (lock, -1, cancellable, on_acquired, &dead);
  iterate_until (&cancelled.done);
  iterate_until (&dead.done);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (dead.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (shmobj_lock_is_locked (lock));

  g_clear_error (&timed_out.error);
  g_clear_error (&at_once.error);
  g_clear_error (&cancelled.error);
  g_clear_error (&dead.error);
}

/* Cancelled and released by other threads at random moments: whoever says CANCELLED holds nothing,
 * whoever says TRUE holds it. */
static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (g_random_int_range (0, 150));
  g_cancellable_cancel (cancellable);
  return NULL;
}

static gpointer
release_soon (gpointer lock)
{
  g_usleep (g_random_int_range (0, 150));
  release (lock);
  return NULL;
}

static gboolean
acquire_somehow (ShmobjLock *lock, gboolean async, GCancellable *cancellable, GError **error)
{
  Outcome outcome = { FALSE };

  if (!async)
    return shmobj_lock_acquire (lock, -1, cancellable, error);
  shmobj_lock_acquire_async (lock, -1, cancellable, on_acquired, &outcome);
  iterate_until (&outcome.done);
  *error = outcome.error;
  return outcome.success;
}

static void
test_cancelled_holds_nothing (gconstpointer async)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  guint rounds = 1000, won = 0;

  for (guint round = 0; round < rounds; round++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *threads[2];
      gboolean mine;

      acquire (lock);
      threads[0] = g_thread_new ("cancel", cancel_soon, cancellable);
      threads[1] = g_thread_new ("release", release_soon, lock);
      mine = acquire_somehow (lock, async != NULL, cancellable, &error);
      g_thread_join (threads[0]);
      g_thread_join (threads[1]);

      g_assert_true (mine == shmobj_lock_is_owned (lock));
      if (mine)
        release (lock);
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      won += mine;
    }
  g_test_message ("%u of %u were quicker than their cancellation", won, rounds);
  g_assert_cmpuint (won, >, 0);
  g_assert_cmpuint (won, <, rounds);
}

static void
test_handle (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (lock), fds, NULL);
  g_autoptr (GError) error = NULL;
  guint before = count_fds ();
  g_autoptr (ShmobjShareable) again =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_LOCK, handle, fds, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (count_fds (), ==, before); /* the arena is known already */
  acquire (lock);
  g_assert_true (shmobj_lock_is_owned (SHMOBJ_LOCK (again)));
  release (SHMOBJ_LOCK (again));
  g_assert_false (shmobj_lock_is_locked (lock));
}

/* Another process writes anything into the lock: we get it, or an error, and nothing worse. */
static void
test_scribbled (void)
{
  g_autoptr (ShmobjLock) lock = lock_new ();
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (lock), fds, NULL);
  g_autoptr (GVariant) properties = g_variant_get_child_value (handle, 1);
  guint64 offset, size = lseek (g_unix_fd_list_peek_fds (fds, NULL)[0], 0, SEEK_END);
  guint8 *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         g_unix_fd_list_peek_fds (fds, NULL)[0], 0);
  guint32 *words;

  g_assert_true (g_variant_lookup (properties, "offset", "t", &offset));
  words = (guint32 *) (memory + offset + 8);
  for (guint i = 0; i < 3000; i++)
    {
      g_autoptr (GError) error = NULL;
      guint32 anything[] = { 0, 1, G_MAXUINT32, 1u << 31, g_test_rand_int (), words[0] };
      gboolean mine;

      for (guint k = 0; k < 3; k++)
        words[k] = anything[g_test_rand_int_range (0, G_N_ELEMENTS (anything))];
      mine = shmobj_lock_acquire (lock, i % 2, NULL, &error);
      g_assert_true (mine == (error == NULL));
      shmobj_lock_is_locked (lock);
      shmobj_lock_get_abandoned (lock);
      shmobj_lock_release (lock, NULL);
    }
  memset (words, 0, 12);
  acquire (lock);
  release (lock);
  munmap (memory, size);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/lock/says-whether-it-is-held", test_states);
  g_test_add_func ("/lock/works-without-init", test_without_init);
  g_test_add_func ("/lock/time-out-names-the-holder", test_time_out);
  g_test_add_func ("/lock/release-of-a-free-lock-is-an-error", test_release_of_nothing);
  g_test_add_func ("/lock/parents-lock-stays-the-parents", test_fork);
  g_test_add_func ("/lock/child-that-ended-has-abandoned-it", test_child_ends);
  g_test_add_func ("/lock/threads-exclude-each-other", test_threads);
  g_test_add_func ("/lock/cancel-ends-the-wait", test_cancel);
  g_test_add_func ("/lock/waiter-with-cancellable-is-woken", test_cancellable_is_woken);
  g_test_add_func ("/lock/signal-ends-only-the-interruptible-wait", test_interrupted);
  g_test_add_func ("/lock/async-on-a-free-lock", test_async_free);
  g_test_add_func ("/lock/async-waiters-share-a-descriptor-and-take-turns", test_async_waits);
  g_test_add_func ("/lock/async-hears-another-process", test_async_across_processes);
  g_test_add_func ("/lock/async-ends-by-time-out-and-cancel", test_async_ends);
  g_test_add_data_func ("/lock/cancelled-acquire-holds-nothing/sync", NULL,
                        test_cancelled_holds_nothing);
  g_test_add_data_func ("/lock/cancelled-acquire-holds-nothing/async", GINT_TO_POINTER (1),
                        test_cancelled_holds_nothing);
  g_test_add_func ("/lock/handle-is-the-same-lock", test_handle);
  g_test_add_func ("/lock/scribbled-words-do-no-harm", test_scribbled);

  return g_test_run ();
}
