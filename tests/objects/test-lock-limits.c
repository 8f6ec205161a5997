/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks and events when the kernel says no: each system call fails once, descriptors run out.
 * Always a GError, nothing leaks, and afterwards everything works. */

#include "lock-fixture.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/resource.h>

static SysCalls real;
static guint failures;
static gint fail_at, calls; /* the call number fail_at of all fails; 0: none */

static gboolean
fails (int code)
{
  errno = code;
  return ++calls == fail_at;
}

static int
fail_memfd (const char *name, unsigned int flags)
{
  return fails (EMFILE) ? -1 : real.memfd_create (name, flags);
}

static int
fail_open (const char *path, int flags, mode_t mode)
{
  return fails (EMFILE) ? -1 : real.open (path, flags, mode);
}

static int
fail_ftruncate (int fd, off_t size)
{
  return fails (ENOSPC) ? -1 : real.ftruncate (fd, size);
}

static int
fail_fallocate (int fd, off_t offset, off_t length)
{
  return fails (ENOSPC) ? -1 : real.fallocate (fd, offset, length);
}

static void *
fail_mmap (size_t size, int fd, off_t offset)
{
  return fails (ENOMEM) ? (void *) -1 : real.mmap (size, fd, offset);
}

static int
fail_lock (int fd, int command, struct flock *lock)
{
  return fails (ENOLCK) ? -1 : real.lock (fd, command, lock);
}

static int
fail_eventfd (void)
{
  return fails (EMFILE) ? -1 : real.eventfd ();
}

static int
fail_epoll (void)
{
  return fails (EMFILE) ? -1 : real.epoll ();
}

static long
fail_futex (_Atomic (guint32) *word,
            int operation,
            guint32 value,
            const struct timespec *timeout,
            _Atomic (guint32) *word2,
            guint32 value3)
{
  return fails (ENOSYS) ? -1 : real.futex (word, operation, value, timeout, word2, value3);
}

static void
fail_call (gint number)
{
  calls = 0;
  fail_at = number;
  sys.memfd_create = fail_memfd;
  sys.open = fail_open;
  sys.ftruncate = fail_ftruncate;
  sys.fallocate = fail_fallocate;
  sys.mmap = fail_mmap;
  sys.lock = fail_lock;
  sys.eventfd = fail_eventfd;
  sys.epoll = fail_epoll;
  sys.futex = fail_futex;
}

static void
on_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success =
      SHMOBJ_IS_LOCK (object)
          ? shmobj_lock_acquire_finish (SHMOBJ_LOCK (object), result, &outcome->error)
          : shmobj_event_wait_finish (SHMOBJ_EVENT (object), result, &outcome->error);
  outcome->done = TRUE;
}

/* A part that failed must have said so; one that did not must not. Counts what is no time-out. */
static void
judge (gboolean success, GError **error)
{
  if (success)
    {
      g_assert_no_error (*error);
      return;
    }
  g_assert_nonnull (*error);
  g_assert_true ((*error)->domain == G_IO_ERROR || (*error)->domain == SHMOBJ_ERROR);
  g_assert_cmpstr ((*error)->message, !=, "");
  failures += !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (error);
}

/* Everything that a lock does, with one of its own. */
static void
use_lock (void)
{
  g_autoptr (ShmobjLock) lock = g_object_new (SHMOBJ_TYPE_LOCK, "own-segment", TRUE, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  g_autoptr (ShmobjShareable) again = NULL;
  GError *error = NULL;
  Outcome outcome = { FALSE };

  judge (shmobj_lock_acquire (lock, -1, NULL, &error), &error);
  while (!shmobj_lock_is_owned (lock)) /* the second attempt finds nothing broken */
    judge (shmobj_lock_acquire (lock, -1, NULL, &error), &error);
  g_assert_false (shmobj_lock_acquire (lock, 1000, cancellable, &error));
  judge (FALSE, &error); /* in time, or without a descriptor to wait by */
  g_assert_false (shmobj_lock_acquire (lock, 1000, NULL, &error));
  judge (FALSE, &error);

  shmobj_lock_acquire_async (lock, -1, NULL, on_done, &outcome);
  g_main_context_iteration (NULL, FALSE);
  judge (shmobj_lock_release (lock, &error), &error);
  iterate_until (&outcome.done);
  judge (outcome.success, &outcome.error);
  g_assert_true (outcome.success == shmobj_lock_is_owned (lock));
  if (outcome.success)
    judge (shmobj_lock_release (lock, &error), &error);
  g_assert_false (shmobj_lock_is_locked (lock));

  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (lock), fds, &error);
  g_assert_no_error (error);
  g_clear_object (&lock); /* so that the handle is mapped anew */
  again = shmobj_shareable_new_from_handle (SHMOBJ_TYPE_LOCK, handle, fds, &error);
  judge (again != NULL, &error);
  if (again != NULL)
    judge (shmobj_lock_acquire (SHMOBJ_LOCK (again), 0, NULL, &error), &error);
}

static void
use_event (void)
{
  g_autoptr (ShmobjEvent) event = g_object_new (SHMOBJ_TYPE_EVENT, "own-segment", TRUE, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome outcome = { FALSE };
  GError *error = NULL;

  g_assert_false (shmobj_event_wait (event, 1000, NULL, &error));
  judge (FALSE, &error);
  g_assert_false (shmobj_event_wait (event, 1000, cancellable, &error));
  judge (FALSE, &error);
  shmobj_event_wait_async (event, -1, NULL, on_done, &outcome);
  g_main_context_iteration (NULL, FALSE);
  while (!shmobj_event_is_set (event))
    judge (shmobj_event_set (event, &error), &error);
  iterate_until (&outcome.done);
  judge (outcome.success, &outcome.error);
}

static void
test_each_call_fails (gconstpointer use)
{
  void (*use_object) (void) = (void (*) (void)) use;
  gint number = 0;
  guint before;

  failures = 0;
  use_object ();
  before = count_fds ();
  do
    {
      fail_call (++number);
      use_object ();
      sys = real;
      g_assert_cmpuint (count_fds (), ==, before);
    }
  while (calls >= number);
  g_test_message ("%d calls failed, one after the other; %u were errors of ours", number - 1,
                  failures);
  g_assert_cmpint (number, >, 8);
  g_assert_cmpuint (failures, >, 4);
}

static void
limit_descriptors (guint limit)
{
  struct rlimit was;

  getrlimit (RLIMIT_NOFILE, &was);
  was.rlim_cur = limit;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &was), ==, 0);
}

static void
test_a_thousand_locks (void)
{
  enum
  {
    LOCKS = 1000,
    QUEUES = 200
  };
  pid_t pid;

  IN_CHILD (pid)
  {
    ShmobjLock *locks[LOCKS];
    ShmobjQueue *queues[QUEUES];

    limit_descriptors (1024);
    for (guint i = 0; i < LOCKS; i++)
      {
        locks[i] = shmobj_lock_new (NULL);
        if (locks[i] == NULL || !shmobj_lock_acquire (locks[i], 0, NULL, NULL))
          _exit (1);
      }
    for (guint i = 0; i < QUEUES; i++)
      {
        queues[i] = shmobj_queue_new (0, 65536, NULL);
        if (queues[i] == NULL ||
            !shmobj_queue_put_data (queues[i], (const guint8 *) "x", 1, 0, NULL, NULL))
          _exit (2);
      }
    _exit (0);
  }
  assert_exit (pid, 0);
}

/* With few descriptors: an error, not a crash; and once some are free again, it works. */
static void
test_out_of_descriptors (void)
{
  pid_t pid;

  IN_CHILD (pid)
  {
    g_autoptr (GPtrArray) locks = g_ptr_array_new_with_free_func (g_object_unref);
    GError *error = NULL;
    guint n;

    limit_descriptors (64);
    for (n = 0; n < 100; n++)
      {
        ShmobjLock *lock = g_object_new (SHMOBJ_TYPE_LOCK, "own-segment", TRUE, NULL);

        g_ptr_array_add (locks, lock);
        if (!shmobj_lock_acquire (lock, 0, NULL, &error))
          break;
      }
    if (n < 10 || n == 100 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES))
      _exit (1);
    g_clear_error (&error);
    g_ptr_array_remove_index (locks, 0);
    if (!shmobj_lock_acquire (g_ptr_array_index (locks, locks->len - 1), 0, NULL, &error))
      _exit (2);
    _exit (0);
  }
  assert_exit (pid, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  real = sys;

  g_test_add_data_func ("/lock-limits/each-call-of-a-lock-may-fail", (gpointer) use_lock,
                        test_each_call_fails);
  g_test_add_data_func ("/lock-limits/each-call-of-an-event-may-fail", (gpointer) use_event,
                        test_each_call_fails);
  g_test_add_func ("/lock-limits/a-thousand-locks-and-200-queues", test_a_thousand_locks);
  g_test_add_func ("/lock-limits/out-of-descriptors-is-an-error", test_out_of_descriptors);

  return g_test_run ();
}
