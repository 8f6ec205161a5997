/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The seam to the kernel: what every call there promises. */

#include "base/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static guint64
backed (int fd)
{
  struct stat st;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  return (guint64) st.st_blocks * 512;
}

static void
test_close_on_exec (void)
{
  int fds[5];

  fds[0] = sys_memfd ("test");
  fds[1] = sys_reopen (fds[0], O_RDWR);
  fds[2] = sys.eventfd ();
  g_assert_cmpint (sys.socketpair (fds + 3), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_cmpint (fds[i], >=, 0);
      g_assert_cmpint (fcntl (fds[i], F_GETFD), ==, FD_CLOEXEC);
      errno = ENOTTY;
      sys_close (fds[i]);
      g_assert_cmpint (errno, ==, ENOTTY);
    }
  sys_close (-1);
  g_assert_cmpint (errno, ==, ENOTTY);
}

/* Another description: a lock through one is not the other's. */
static void
test_reopen (void)
{
  int fd = sys_memfd ("test"), again = sys_reopen (fd, O_RDWR);
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

  g_assert_cmpint (sys.lock (fd, F_OFD_SETLK, &lock), ==, 0);
  g_assert_cmpint (sys.lock (again, F_OFD_SETLK, &lock), ==, -1);
  sys_close (fd);
  g_assert_cmpint (sys.lock (again, F_OFD_SETLK, &lock), ==, 0);
  sys_close (again);
  g_assert_cmpint (sys_reopen (fd, O_RDWR), ==, -1);
}

static void
test_reserve (void)
{
  int fd = sys_memfd ("test");

  g_assert_cmpint (ftruncate (fd, 8 * MIB), ==, 0);
  g_assert_cmpuint (backed (fd), ==, 0);
  g_assert_cmpint (sys_reserve (fd, 0, MIB), ==, 0);
  g_assert_cmpuint (backed (fd), ==, MIB);
  g_assert_cmpint (sys_reserve (fd, MIB, MIB), ==, 0); /* nothing to do */
  g_assert_cmpint (sys_reserve (fd, MIB - 4096, 2 * MIB), ==, 0);
  g_assert_cmpuint (backed (fd), ==, 2 * MIB);
  sys_close (fd);
}

static SysCalls real;
static guint interruptions, pieces;

/* A kernel that never gets far before the next signal. */
static int
short_breath (int fd, off_t offset, off_t length)
{
  pieces++;
  if (length <= 2 * MIB)
    return real.fallocate (fd, offset, length);
  interruptions++;
  errno = EINTR;
  return -1;
}

static int
no_space_behind (int fd, off_t offset, off_t length)
{
  if (offset + length <= 4 * MIB)
    return real.fallocate (fd, offset, length);
  errno = length > MIB ? EINTR : ENOSPC;
  return -1;
}

static void
test_reserve_under_signals (void)
{
  int fd = sys_memfd ("test");

  g_assert_cmpint (ftruncate (fd, 64 * MIB), ==, 0);
  real = sys;
  sys.fallocate = short_breath;
  g_assert_cmpint (sys_reserve (fd, 8192, 33 * MIB), ==, 0);
  g_assert_cmpuint (backed (fd), ==, 33 * MIB - 8192);
  g_assert_cmpuint (interruptions, >, 0);
  g_assert_cmpuint (pieces, <, 40);
  sys.fallocate = no_space_behind;
  g_assert_cmpint (sys_reserve (fd, 0, 64 * MIB), ==, -1);
  g_assert_cmpint (errno, ==, ENOSPC);
  sys = real;
  sys_close (fd);
}

static void
on_alarm (int number)
{
}

/* The same with a real timer: it ends, and in reasonable time. */
static void
test_reserve_beside_a_timer (void)
{
  struct sigaction action = { .sa_handler = on_alarm };
  struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
  int fd = sys_memfd ("test");

  g_assert_cmpint (ftruncate (fd, 64 * MIB), ==, 0);
  sigaction (SIGALRM, &action, NULL); /* for good: the last one may come late */
  setitimer (ITIMER_REAL, &often, NULL);
  g_assert_cmpint (sys_reserve (fd, 0, 64 * MIB), ==, 0);
  setitimer (ITIMER_REAL, &never, NULL);
  g_assert_cmpuint (backed (fd), ==, 64 * MIB);
  sys_close (fd);
}

static void
test_size_exceeds (void)
{
  guint64 limit = 0;

  g_assert_null (sys_size_exceeds (0, &limit));
  g_assert_null (sys_size_exceeds (MIB, &limit));
  g_assert_cmpstr (sys_size_exceeds (G_MAXUINT64, &limit), ==,
                   "the memory and swap of this machine");
  g_assert_cmpuint (limit, >, MIB);
  g_assert_nonnull (sys_size_exceeds (limit + 1, &limit));
}

static void
test_clock (void)
{
  gint64 before_us = sys_now_us ();

  g_usleep (2000);
  g_assert_cmpint (sys_now_us () - before_us, >=, 2000);
  g_assert_cmpint (sys_now_us () - g_get_monotonic_time (), <=, 0);
  g_assert_cmpint (sys_cpus (), >=, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sys/descriptors-do-not-survive-exec", test_close_on_exec);
  g_test_add_func ("/sys/reopened-is-another-description", test_reopen);
  g_test_add_func ("/sys/reserved-is-backed", test_reserve);
  g_test_add_func ("/sys/reserving-goes-on-after-signals", test_reserve_under_signals);
  g_test_add_func ("/sys/reserving-ends-beside-a-timer", test_reserve_beside_a_timer);
  g_test_add_func ("/sys/too-much-is-known-beforehand", test_size_exceeds);
  g_test_add_func ("/sys/clock-and-cpus", test_clock);
  return g_test_run ();
}
