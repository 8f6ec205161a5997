/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each system call of the seam (base/sys.h) fails once, at the n-th call, for every n, in making a
 * queue and a pipe, using and closing them. What fails gives an error that says something, what
 * does not goes on, and no descriptor is left open. */

#include "../count-fds.h"
#include "../fuzz/fuzz.h"

#include "base/sys.h"

#include <shmobj.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALLS_MAX 500

static SysCalls real;
static guint calls, failing, failed;
static int code;

/* Is it this one's turn? */
static gboolean
fails (void)
{
  if (++calls != failing)
    return FALSE;
  failed++;
  errno = code;
  return TRUE;
}

static int
try_memfd_create (const char *name, unsigned int flags)
{
  return fails () ? -1 : real.memfd_create (name, flags);
}

static int
try_open (const char *path, int flags, mode_t mode)
{
  return fails () ? -1 : real.open (path, flags, mode);
}

static int
try_ftruncate (int fd, off_t size)
{
  return fails () ? -1 : real.ftruncate (fd, size);
}

static int
try_fallocate (int fd, off_t offset, off_t length)
{
  return fails () ? -1 : real.fallocate (fd, offset, length);
}

static void *
try_mmap (size_t size, int fd, off_t offset)
{
  return fails () ? MAP_FAILED : real.mmap (size, fd, offset);
}

static int
try_lock (int fd, int command, struct flock *lock)
{
  return fails () ? -1 : real.lock (fd, command, lock);
}

static int
try_eventfd (void)
{
  return fails () ? -1 : real.eventfd ();
}

static int
try_epoll (void)
{
  return fails () ? -1 : real.epoll ();
}

static int
try_timerfd (void)
{
  return fails () ? -1 : real.timerfd ();
}

static int
try_socketpair (int fds[2])
{
  return fails () ? -1 : real.socketpair (fds);
}

static int
try_packet_pair (int fds[2])
{
  return fails () ? -1 : real.packet_pair (fds);
}

static ssize_t
try_sendmsg (int fd, const struct msghdr *message, int flags)
{
  return fails () ? -1 : real.sendmsg (fd, message, flags);
}

static ssize_t
try_recvmsg (int fd, struct msghdr *message, int flags)
{
  return fails () ? -1 : real.recvmsg (fd, message, flags);
}

static long
try_futex (_Atomic (guint32) *word,
           int operation,
           guint32 value,
           const struct timespec *timeout,
           _Atomic (guint32) *word2,
           guint32 value3)
{
  return fails () ? -1 : real.futex (word, operation, value, timeout, word2, value3);
}

/* TRUE: done; else @error says why not. */
static gboolean
succeeded (gboolean success, GError **error)
{
  expect_either (success, error);
  return success;
}

static void
use_queue (void)
{
  g_autoptr (ShmobjQueue) queue = NULL;
  GError *error = NULL;
  g_autofree guint8 *large = g_malloc0 (300 * 1024); /* makes the ring grow */
  gboolean put;
  GVariant *value;
  ShmobjMessage *message;

  queue = shmobj_queue_new (0, 1024 * 1024, &error);
  if (!succeeded (queue != NULL, &error))
    return;
  put = shmobj_queue_put_data (queue, large, 300 * 1024, 1000, NULL, &error);
  succeeded (put, &error);
  put = shmobj_queue_put (queue, g_variant_new_int32 (1), 1000, NULL, &error);
  succeeded (put, &error);
  message = shmobj_queue_receive (queue, 1000, NULL, &error);
  if (succeeded (message != NULL, &error))
    shmobj_message_unref (message);
  for (int i = 0; i < 3; i++) /* the last one waits in vain */
    {
      value = shmobj_queue_get (queue, 1000, NULL, &error);
      if (succeeded (value != NULL, &error))
        g_variant_unref (value);
    }
  succeeded (shmobj_queue_get_fd (queue, G_IO_IN, &error) >= 0, &error);
  shmobj_queue_close (queue, NULL);
}

/* A message with descriptors, or what is left of it. */
static void
use_descriptors (ShmobjConnection *start, ShmobjConnection *end)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  GError *error = NULL;
  ShmobjMessage *message;

  g_assert_cmpint (g_unix_fd_list_append (list, STDERR_FILENO, NULL), ==, 0);
  succeeded (
      shmobj_connection_send_with_fds (start, g_variant_new_int32 (1), list, 1000, NULL, &error),
      &error);
  message = shmobj_connection_receive_with_fds (end, 1000, NULL, &error);
  if (succeeded (message != NULL, &error))
    shmobj_message_unref (message);
}

static void
use_pipe (void)
{
  g_autoptr (ShmobjPipe) pipe = NULL;
  g_autoptr (ShmobjConnection) start = NULL, end = NULL;
  GError *error = NULL;
  GVariant *value;

  pipe = shmobj_pipe_new (TRUE, 64 * 1024, &error);
  if (!succeeded (pipe != NULL, &error))
    return;
  start = shmobj_pipe_steal_start (pipe, &error);
  succeeded (start != NULL, &error);
  end = shmobj_pipe_steal_end (pipe, &error);
  succeeded (end != NULL, &error);
  succeeded (shmobj_connection_send (start, g_variant_new_int32 (1), 1000, NULL, &error), &error);
  for (int i = 0; i < 2; i++) /* the second one waits in vain */
    {
      value = shmobj_connection_receive (end, 1000, NULL, &error);
      if (succeeded (value != NULL, &error))
        g_variant_unref (value);
    }
  use_descriptors (start, end);
  shmobj_connection_close (start);
}

/* With the @n-th call failing; FALSE: there are not so many. */
static gboolean
fail_one (void (*use) (void), guint n)
{
  guint before = count_fds ();

  calls = failed = 0;
  failing = n;
  use ();
  failing = 0;
  g_assert_cmpuint (count_fds (), ==, before);
  return failed > 0;
}

static void
fail_each (void (*use) (void))
{
  static const int codes[] = { ENOSPC, EMFILE, ENOMEM };

  use (); /* what is made once and kept is made here */
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      guint n = 1;

      code = codes[i];
      while (fail_one (use, n))
        g_assert_cmpuint (++n, <, CALLS_MAX);
      g_test_message ("%u calls, each of them failed once with “%s”", n - 1, g_strerror (code));
      g_assert_cmpuint (n, >, 10);
    }
}

static void
test_queue (void)
{
  fail_each (use_queue);
}

static void
test_pipe (void)
{
  fail_each (use_pipe);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  real = sys;
  sys.memfd_create = try_memfd_create;
  sys.open = try_open;
  sys.ftruncate = try_ftruncate;
  sys.fallocate = try_fallocate;
  sys.mmap = try_mmap;
  sys.lock = try_lock;
  sys.eventfd = try_eventfd;
  sys.epoll = try_epoll;
  sys.timerfd = try_timerfd;
  sys.socketpair = try_socketpair;
  sys.packet_pair = try_packet_pair;
  sys.sendmsg = try_sendmsg;
  sys.recvmsg = try_recvmsg;
  sys.futex = try_futex;
  g_test_add_func ("/nth-call-fails/queue", test_queue);
  g_test_add_func ("/nth-call-fails/pipe", test_pipe);
  return g_test_run ();
}
