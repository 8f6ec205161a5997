/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an event promises within one process and its children. */

#include "lock-fixture.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-shareable.h"

static ShmobjEvent *
event_new (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjEvent *event = shmobj_event_new (&error);

  g_assert_no_error (error);
  return event;
}

static void
test_states (void)
{
  g_autoptr (ShmobjEvent) event = g_object_new (SHMOBJ_TYPE_EVENT, "own-segment", TRUE, NULL);

  g_assert_false (shmobj_event_is_set (event));
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (shmobj_event_set (event, NULL));
      g_assert_true (shmobj_event_set (event, NULL));
      g_assert_true (shmobj_event_is_set (event));
      g_assert_true (shmobj_event_wait (event, 0, NULL, NULL));
      g_assert_true (shmobj_event_clear (event, NULL));
      g_assert_true (shmobj_event_clear (event, NULL));
      g_assert_false (shmobj_event_is_set (event));
    }
}

static void
test_time_out (void)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const gint64 timeouts[] = { 0, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (timeouts); i++)
    for (guint with = 0; with < 2; with++)
      {
        gint64 start_us = g_get_monotonic_time ();
        g_autoptr (GError) error = NULL;

        g_assert_false (shmobj_event_wait (event, timeouts[i], with ? cancellable : NULL, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        g_assert_cmpint (g_get_monotonic_time () - start_us, >=, timeouts[i]);
      }
}

/* Children that wait in each way, and one call that releases them all, also if it is taken back at
 * once. */
static void
test_releases_all (gconstpointer and_clear)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  pid_t pids[6];

  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    IN_CHILD (pids[i])
    {
      g_autoptr (GCancellable) cancellable = i % 2 ? g_cancellable_new () : NULL;

      _exit (shmobj_event_wait (event, i % 3 ? -1 : LONG_US, cancellable, NULL) ? 0 : 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    await_sleep (pids[i]);
  shmobj_event_set (event, NULL);
  if (and_clear != NULL)
    shmobj_event_clear (event, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 0);
}

/* Two processes hand a turn to each other by two events, a thousand times: no set is lost. */
static void
test_ping_pong (gconstpointer with_cancellable)
{
  enum
  {
    ROUNDS = 1000
  };
  g_autoptr (ShmobjEvent) ping = event_new (), pong = event_new ();
  g_autoptr (GCancellable) cancellable = with_cancellable != NULL ? g_cancellable_new () : NULL;
  pid_t pid;

  IN_CHILD (pid)
  {
    for (guint i = 0; i < ROUNDS; i++)
      {
        if (!shmobj_event_wait (ping, LONG_US, cancellable, NULL))
          _exit (1);
        shmobj_event_clear (ping, NULL);
        shmobj_event_set (pong, NULL);
      }
    _exit (0);
  }
  for (guint i = 0; i < ROUNDS; i++)
    {
      shmobj_event_set (ping, NULL);
      g_assert_true (shmobj_event_wait (pong, LONG_US, cancellable, NULL));
      shmobj_event_clear (pong, NULL);
    }
  assert_exit (pid, 0);
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
  g_autoptr (ShmobjEvent) event = event_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);

  g_assert_false (shmobj_event_wait (event, LONG_US, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
}

static void
on_signal (int number)
{
}

static gpointer
interrupt_later (gpointer data)
{
  await_sleep (getpid ());
  kill (getpid (), SIGUSR1);
  return NULL;
}

static void
test_interrupted (void)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  struct sigaction action = { .sa_handler = on_signal };
  g_autoptr (GError) error = NULL;
  gboolean interrupted = FALSE;
  GThread *thread;
  sigset_t mask;

  sigaction (SIGUSR1, &action, NULL);
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &mask, NULL); /* for the thread: the main one is to have it */
  thread = g_thread_new ("interrupt", interrupt_later, NULL);
  pthread_sigmask (SIG_UNBLOCK, &mask, NULL);
  g_assert_false (shmobj_event_wait_interruptible (event, LONG_US, &interrupted, &error));
  g_assert_true (interrupted);
  g_assert_no_error (error);
  g_thread_join (thread);

  shmobj_event_set (event, NULL);
  g_assert_true (shmobj_event_wait_interruptible (event, -1, &interrupted, &error));
  g_assert_false (interrupted);
}

static void
on_set (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success = shmobj_event_wait_finish (SHMOBJ_EVENT (object), result, &outcome->error);
  outcome->done = TRUE;
}

static void
test_async (void)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome set = { FALSE }, timed_out = { FALSE }, cancelled = { FALSE }, at_once = { FALSE };
  gint64 start_us;
  pid_t pid;

  shmobj_event_wait_async (event, -1, NULL, on_set, &set);
  shmobj_event_wait_async (event, 20000, NULL, on_set, &timed_out);
  shmobj_event_wait_async (event, -1, cancellable, on_set, &cancelled);
  iterate_until (&timed_out.done);
  g_assert_error (timed_out.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  iterate_until (&cancelled.done);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (set.done);

  start_us = g_get_monotonic_time ();
  IN_CHILD (pid)
  {
    shmobj_event_set (event, NULL);
    shmobj_event_clear (event, NULL);
    _exit (0);
  }
  iterate_until (&set.done);
  g_assert_true (set.success);
  g_test_message ("heard after %" G_GINT64_FORMAT " µs", g_get_monotonic_time () - start_us);
  assert_exit (pid, 0);

  shmobj_event_set (event, NULL);
  shmobj_event_wait_async (event, 0, NULL, on_set, &at_once);
  iterate_until (&at_once.done);
  g_assert_true (at_once.success);
  g_clear_error (&timed_out.error);
  g_clear_error (&cancelled.error);
}

/* Asynchronous waits in other main contexts than the default one, each in its own thread. */
static gpointer
wait_in_thread (gpointer event)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  Outcome outcome = { FALSE };

  g_main_context_push_thread_default (context);
  shmobj_event_wait_async (event, -1, NULL, on_set, &outcome);
  while (!outcome.done)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return GINT_TO_POINTER (outcome.success);
}

static void
test_async_in_threads (void)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  GThread *threads[4];
  guint before = count_fds ();

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("wait", wait_in_thread, event);
  g_usleep (2000);
  shmobj_event_set (event, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (threads[i])), ==, TRUE);
  g_assert_cmpuint (count_fds (), ==, before);
}

static void
test_handle (void)
{
  g_autoptr (ShmobjEvent) event = event_new ();
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (event), fds, NULL);
  g_autoptr (GVariant) of_lock = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (lock), fds, NULL);
  g_autoptr (GVariant) properties = g_variant_get_child_value (of_lock, 1);
  g_autoptr (GVariant) indexes = g_variant_get_child_value (of_lock, 2);
  g_autoptr (GVariant) lie =
      g_variant_ref_sink (g_variant_new ("(s@a{sv}@ah)", "Event", properties, indexes));
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) again =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_EVENT, handle, fds, &error);

  g_assert_no_error (error);
  shmobj_event_set (event, NULL);
  g_assert_true (shmobj_event_is_set (SHMOBJ_EVENT (again)));

  g_assert_null (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_EVENT, of_lock, fds, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  g_clear_error (&error);
  g_assert_null (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_EVENT, lie, fds, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND); /* the cell is a lock's */
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/event/is-set-until-it-is-cleared", test_states);
  g_test_add_func ("/event/wait-times-out", test_time_out);
  g_test_add_data_func ("/event/set-releases-all", NULL, test_releases_all);
  g_test_add_data_func ("/event/set-and-clear-releases-all", GINT_TO_POINTER (1),
                        test_releases_all);
  g_test_add_data_func ("/event/no-set-is-lost", NULL, test_ping_pong);
  g_test_add_data_func ("/event/no-set-is-lost-with-cancellable", GINT_TO_POINTER (1),
                        test_ping_pong);
  g_test_add_func ("/event/cancel-ends-the-wait", test_cancel);
  g_test_add_func ("/event/signal-ends-the-interruptible-wait", test_interrupted);
  g_test_add_func ("/event/async-is-set-timed-out-or-cancelled", test_async);
  g_test_add_func ("/event/async-works-in-every-main-context", test_async_in_threads);
  g_test_add_func ("/event/handle-is-the-same-event", test_handle);

  return g_test_run ();
}
