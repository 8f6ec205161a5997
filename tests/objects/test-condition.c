/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a condition promises within one process and its children. */

#include "lock-fixture.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-condition.h"
#include "objects/shmobj-shareable.h"

#include <poll.h>

typedef struct
{
  ShmobjLock *lock; /* (unowned) */
  ShmobjCondition *condition;
  _Atomic (guint32) *things; /* shared: what is waited for */
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->condition = shmobj_condition_new (NULL, &error);
  g_assert_no_error (error);
  self->lock = shmobj_condition_get_lock (self->condition);
  g_assert_nonnull (self->lock);
  self->things = shared_memory (sizeof *self->things);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_assert_finalize_object (self->condition);
  munmap ((void *) self->things, sizeof *self->things);
}

static void
acquire (Fixture *self)
{
  g_assert_true (shmobj_lock_acquire (self->lock, LONG_US, NULL, NULL));
}

static void
release (Fixture *self)
{
  g_assert_true (shmobj_lock_release (self->lock, NULL));
}

static void
await_waiters (Fixture *self, guint n)
{
  gint64 until_us = g_get_monotonic_time () + LONG_US;

  while (shmobj_condition_get_waiters (self->condition) != n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (100);
    }
}

/* Waits for a thing and takes it. For children: 0 when all went well. */
static int
take_thing (Fixture *self, GCancellable *cancellable)
{
  if (!shmobj_lock_acquire (self->lock, -1, NULL, NULL))
    return 1;
  while (*self->things == 0)
    if (!shmobj_condition_wait (self->condition, -1, cancellable, NULL) ||
        !shmobj_lock_is_owned (self->lock))
      return 2;
  (*self->things)--;
  return shmobj_lock_release (self->lock, NULL) ? 0 : 3;
}

static void
test_needs_lock (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  pid_t pid;

  g_assert_false (shmobj_condition_wait (self->condition, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_cmpuint (shmobj_condition_begin_wait (self->condition, NULL), ==, 0);

  acquire (self);
  IN_CHILD (pid)
  {
    _exit (!shmobj_condition_wait (self->condition, 0, NULL, &error) &&
                   g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) &&
                   shmobj_condition_get_waiters (self->condition) == 0
               ? 0
               : 1);
  }
  assert_exit (pid, 0);
  g_assert_true (shmobj_lock_is_owned (self->lock));
  release (self);
}

static void
test_time_out (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const gint64 timeouts[] = { 0, 30000 };

  acquire (self);
  for (guint i = 0; i < G_N_ELEMENTS (timeouts); i++)
    for (guint with = 0; with < 2; with++)
      {
        gint64 start_us = g_get_monotonic_time ();
        g_autoptr (GError) error = NULL;

        g_assert_false (shmobj_condition_wait (self->condition, timeouts[i],
                                               with ? cancellable : NULL, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        g_assert_cmpint (g_get_monotonic_time () - start_us, >=, timeouts[i]);
        g_assert_true (shmobj_lock_is_owned (self->lock));
        g_assert_cmpuint (shmobj_condition_get_waiters (self->condition), ==, 0);
      }
  release (self);
}

static gpointer
cancel_later (gpointer data)
{
  g_usleep (20000);
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);

  acquire (self);
  for (guint i = 0; i < 2; i++) /* later, and before */
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (shmobj_condition_wait (self->condition, LONG_US, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_true (shmobj_lock_is_owned (self->lock));
    }
  release (self);
  g_thread_join (thread);
}

/* As many as there are things, one after the other; then the rest at once. */
static void
test_wakes (Fixture *self, gconstpointer data)
{
  pid_t pids[9];

  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    IN_CHILD (pids[i])
    {
      g_autoptr (GCancellable) cancellable = i % 2 ? g_cancellable_new () : NULL;

      _exit (take_thing (self, cancellable));
    }
  await_waiters (self, G_N_ELEMENTS (pids));
  for (guint i = 1; i <= 3; i++)
    {
      acquire (self);
      (*self->things)++;
      g_assert_true (shmobj_condition_notify_one (self->condition, NULL));
      release (self);
      await (self->things, 0);
      await_waiters (self, G_N_ELEMENTS (pids) - i);
    }
  acquire (self);
  *self->things = 2;
  g_assert_true (shmobj_condition_notify_many (self->condition, 2, NULL));
  g_assert_cmpuint (shmobj_condition_get_waiters (self->condition), ==, 4);
  release (self);
  await (self->things, 0);

  acquire (self);
  *self->things = 4;
  g_assert_true (shmobj_condition_notify_all (self->condition, NULL));
  release (self);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 0);
  g_assert_cmpuint (*self->things, ==, 0);
}

/* To and fro, as fast as it goes. */
static void
test_turns (Fixture *self, gconstpointer data)
{
  guint n = rounds (20000);
  pid_t pid;

  IN_CHILD (pid)
  {
    for (guint i = 0; i < n; i++)
      {
        if (!shmobj_lock_acquire (self->lock, -1, NULL, NULL))
          _exit (1);
        while (*self->things % 2 == 0)
          if (!shmobj_condition_wait (self->condition, -1, NULL, NULL))
            _exit (2);
        (*self->things)++;
        shmobj_condition_notify_one (self->condition, NULL);
        shmobj_lock_release (self->lock, NULL);
      }
    _exit (0);
  }
  for (guint i = 0; i < n; i++)
    {
      acquire (self);
      while (*self->things % 2 == 1)
        g_assert_true (shmobj_condition_wait (self->condition, LONG_US, NULL, NULL));
      (*self->things)++;
      g_assert_true (shmobj_condition_notify_one (self->condition, NULL));
      release (self);
    }
  assert_exit (pid, 0);
  g_assert_cmpuint (*self->things, ==, 2 * n);
}

static void
on_waited (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success =
      shmobj_condition_wait_finish (SHMOBJ_CONDITION (object), result, &outcome->error);
  outcome->done = TRUE;
}

static Outcome
wait_async (Fixture *self, gint64 timeout_us, GCancellable *cancellable, void (*then) (Fixture *))
{
  Outcome outcome = { FALSE };

  shmobj_condition_wait_async (self->condition, timeout_us, cancellable, on_waited, &outcome);
  if (then != NULL)
    {
      g_assert_false (shmobj_lock_is_owned (self->lock));
      then (self);
    }
  iterate_until (&outcome.done);
  return outcome;
}

static void
notify (Fixture *self)
{
  g_assert_true (shmobj_condition_notify_one (self->condition, NULL));
}

/* The callback comes when the lock can be had. */
static void
notify_with_lock (Fixture *self)
{
  pid_t pid;

  IN_CHILD (pid)
  {
    shmobj_lock_acquire (self->lock, -1, NULL, NULL);
    shmobj_condition_notify_all (self->condition, NULL);
    g_usleep (30000); /* he is called back after that */
    *self->things = 1;
    _exit (shmobj_lock_release (self->lock, NULL) ? 0 : 1);
  }
  g_assert_cmpint (pid, >, 0);
}

static void
test_async (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome outcome;
  int status;

  outcome = wait_async (self, -1, NULL, NULL);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&outcome.error);

  acquire (self);
  outcome = wait_async (self, -1, NULL, notify);
  g_assert_no_error (outcome.error);
  g_assert_true (outcome.success && shmobj_lock_is_owned (self->lock));

  for (gint64 timeout_us = 0; timeout_us <= 20000; timeout_us += 20000)
    {
      outcome = wait_async (self, timeout_us, NULL, NULL);
      g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_clear_error (&outcome.error);
      g_assert_true (shmobj_lock_is_owned (self->lock));
    }

  outcome = wait_async (self, -1, NULL, notify_with_lock);
  g_assert_true (outcome.success && shmobj_lock_is_owned (self->lock));
  g_assert_cmpuint (*self->things, ==, 1);
  g_assert_cmpint (wait (&status), >, 0);
  g_assert_cmpint (status, ==, 0);

  g_cancellable_cancel (cancellable);
  outcome = wait_async (self, -1, cancellable, NULL);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&outcome.error);
  g_assert_true (shmobj_lock_is_owned (self->lock));
  g_assert_cmpuint (shmobj_condition_get_waiters (self->condition), ==, 0);
  release (self);
}

static gboolean
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
test_async_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome outcome;

  acquire (self);
  g_timeout_add (10, cancel, cancellable);
  outcome = wait_async (self, -1, cancellable, NULL);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&outcome.error);
  g_assert_true (shmobj_lock_is_owned (self->lock));
  release (self);
}

static gboolean
is_readable (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  return poll (&poll_fd, 1, 0) == 1;
}

static void
test_in_parts (Fixture *self, gconstpointer data)
{
  gboolean interrupted;
  guint64 wait;
  int fd = shmobj_condition_get_fd (self->condition, NULL);

  g_assert_cmpint (fd, >=, 0);
  acquire (self);
  wait = shmobj_condition_begin_wait (self->condition, NULL);
  g_assert_cmpuint (wait, !=, 0);
  g_assert_false (shmobj_lock_is_locked (self->lock));
  g_assert_false (shmobj_condition_check_wait (self->condition, wait));
  g_assert_false (is_readable (fd));
  g_assert_false (
      shmobj_condition_sleep_interruptible (self->condition, wait, 0, &interrupted, NULL));
  g_assert_false (interrupted);

  notify (self);
  g_assert_true (is_readable (fd));
  g_assert_true (shmobj_condition_check_wait (self->condition, wait));
  g_assert_true (
      shmobj_condition_sleep_interruptible (self->condition, wait, 0, &interrupted, NULL));
  acquire (self);
  g_assert_true (shmobj_condition_end_wait (self->condition, wait));

  wait = shmobj_condition_begin_wait (self->condition, NULL);
  g_assert_false (shmobj_condition_end_wait (self->condition, wait));
  g_assert_false (shmobj_lock_is_owned (self->lock));
}

static ShmobjCondition *
copy (ShmobjCondition *condition)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) handle =
      shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (condition), fds, &error);
  ShmobjShareable *copy;

  g_assert_no_error (error);
  copy = shmobj_shareable_new_from_handle (SHMOBJ_TYPE_CONDITION, handle, fds, &error);
  g_assert_no_error (error);
  return SHMOBJ_CONDITION (copy);
}

/* The copy has the same lock and wakes those who wait for the first one. */
static void
assert_same (ShmobjCondition *one, ShmobjCondition *other)
{
  ShmobjLock *lock = shmobj_condition_get_lock (one), *same = shmobj_condition_get_lock (other);
  guint64 wait;

  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
  g_assert_true (shmobj_lock_is_owned (same));
  wait = shmobj_condition_begin_wait (one, NULL);
  g_assert_cmpuint (wait, !=, 0);
  g_assert_cmpuint (shmobj_condition_get_waiters (other), ==, 1);
  g_assert_true (shmobj_condition_notify_one (other, NULL));
  g_assert_true (shmobj_condition_end_wait (one, wait));
  g_assert_false (shmobj_lock_is_locked (same));
}

static void
test_handles (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    {
      gboolean own = i % 2, locks_own = i / 2 == 1;
      g_autoptr (ShmobjLock) lock =
          i / 2 == 0 ? NULL : g_object_new (SHMOBJ_TYPE_LOCK, "own-segment", locks_own, NULL);
      g_autoptr (ShmobjCondition) condition =
          g_object_new (SHMOBJ_TYPE_CONDITION, "own-segment", own, "lock", lock, NULL);
      g_autoptr (ShmobjCondition) second = copy (condition);
      g_autoptr (ShmobjCondition) third = copy (second);
      g_autoptr (ShmobjLock) kept = NULL;

      assert_same (condition, second);
      g_clear_object (&condition);
      assert_same (second, third);
      g_object_get (third, "lock", &kept, NULL);
      g_assert_true (kept == shmobj_condition_get_lock (third));
      if (lock != NULL)
        {
          g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
          g_assert_true (shmobj_lock_is_owned (kept));
          g_assert_true (shmobj_lock_release (lock, NULL));
        }
    }
}

static void
test_foreign_handles (Fixture *self, gconstpointer data)
{
  g_autoptr (ShmobjLock) lock = g_object_new (SHMOBJ_TYPE_LOCK, "own-segment", TRUE, NULL);
  g_autoptr (ShmobjCondition) condition = shmobj_condition_new (lock, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle =
      shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (condition), fds, NULL);
  const char *const wrong[] = {
    "('Condition', @a{sv} {}, [handle 0, handle 1, handle 2, handle 3])",
    "('Condition', {'offset': <uint64 73728>, 'lock-offset': <uint64 73728>}, [handle 0, handle 1, "
    "handle 2])",
    "('Condition', {'offset': <uint64 73728>}, [handle 0, handle 1, handle 2, handle 3])",
    "('Condition', {'offset': <uint64 73728>, 'lock-offset': <uint64 1>}, [handle 0, handle 1, "
    "handle 2, handle 3])",
    "('Condition', {'offset': <uint64 73728>, 'lock-offset': <uint64 73728>}, [handle 2, handle 3, "
    "handle 0, handle 1])",
    "('Condition', {'offset': <uint64 73728>, 'lock-offset': <uint64 73728>}, [handle 0])",
  };

  g_assert_nonnull (handle);
  g_assert_cmpint (g_unix_fd_list_get_length (fds), ==, 4);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GVariant) forged = g_variant_ref_sink (g_variant_new_parsed (wrong[i]));
      g_autoptr (GError) error = NULL;

      g_assert_null (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_CONDITION, forged, fds, &error));
      g_assert_true (error->domain == SHMOBJ_ERROR);
    }
}

static gpointer
wait_in_thread (gpointer data)
{
  return GINT_TO_POINTER (take_thing (data, NULL));
}

/* Threads have seats of their own, whose process lives anyway. */
static void
test_threads (Fixture *self, gconstpointer data)
{
  GThread *threads[12];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("waiter", wait_in_thread, self);
  await_waiters (self, G_N_ELEMENTS (threads));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      acquire (self);
      (*self->things)++;
      notify (self);
      release (self);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (threads[i])), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function)                                                                        \
  g_test_add ("/condition/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("needs-the-lock", test_needs_lock);
  ADD ("time-out", test_time_out);
  ADD ("cancelled", test_cancelled);
  ADD ("wakes-as-many-as-told", test_wakes);
  ADD ("turns", test_turns);
  ADD ("async", test_async);
  ADD ("async-cancelled", test_async_cancelled);
  ADD ("in-parts", test_in_parts);
  ADD ("handles", test_handles);
  ADD ("foreign-handles", test_foreign_handles);
  ADD ("threads", test_threads);

  return g_test_run ();
}
