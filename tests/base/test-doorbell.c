/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Doorbells of all three kinds: they ring until drained, never block, and a wait for one ends for
 * every reason that it should. */

#include "base/doorbell.h"
#include "base/sys.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum
{
  EVENTFD,
  FIFO,
  SOCKET,
} Kind;

typedef struct
{
  Doorbell bell;
  int other; /* the second descriptor of a socket pair, or -1 */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  int fds[2] = { -1, -1 };

  switch (GPOINTER_TO_INT (data))
    {
    case EVENTFD:
      fds[0] = sys.eventfd ();
      break;
    case FIFO:
      {
        g_autofree char *dir = g_dir_make_tmp (NULL, NULL),
                        *path = g_build_filename (dir, "bell", NULL);

        g_assert_cmpint (mkfifo (path, 0600), ==, 0);
        fds[0] = open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        g_unlink (path);
        g_rmdir (dir);
        break;
      }
    default:
      g_assert_cmpint (sys.socketpair (fds), ==, 0);
    }
  g_assert_cmpint (fds[0], >=, 0);
  f->bell = (Doorbell){ fds[0], fds[1] >= 0 ? fds[1] : fds[0] };
  f->other = fds[1];
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->bell.ring_fd >= 0)
    close (f->bell.ring_fd);
  if (f->other >= 0)
    close (f->other);
}

static gboolean
rings (const Fixture *f)
{
  struct pollfd poll_fd = { .fd = f->bell.poll_fd, .events = POLLIN };

  return poll (&poll_fd, 1, 0) == 1;
}

static void
test_rings_until_drained (Fixture *f, gconstpointer data)
{
  for (guint i = 1; i < 5; i++)
    {
      g_assert_false (rings (f));
      for (guint k = 0; k < i; k++)
        doorbell_ring (&f->bell);
      g_assert_true (rings (f));
      g_assert_true (rings (f));
      doorbell_drain (&f->bell);
    }
  g_assert_false (rings (f));
  doorbell_drain (&f->bell);
  g_assert_false (rings (f));
}

/* However often it rang: that neither blocks nor silences it. */
static void
test_never_blocks (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 100000; i++)
    doorbell_ring (&f->bell);
  g_assert_true (rings (f));
  if (GPOINTER_TO_INT (data) == EVENTFD)
    {
      guint64 most = G_MAXUINT64 - 1 - 100000; /* nothing can be added any more */

      g_assert_cmpint (write (f->bell.ring_fd, &most, sizeof most), ==, sizeof most);
      doorbell_ring (&f->bell);
      g_assert_true (rings (f));
    }
  doorbell_drain (&f->bell);
  g_assert_false (rings (f));
  doorbell_ring (&f->bell);
  g_assert_true (rings (f));
}

static void
test_nobody_listens (Fixture *f, gconstpointer data)
{
  if (f->other >= 0)
    close (f->other);
  f->other = -1;
  doorbell_ring (&f->bell); /* no SIGPIPE */
  doorbell_ring (&DOORBELL_NONE);
  doorbell_drain (&DOORBELL_NONE);
}

static void
test_wait (Fixture *f, gconstpointer data)
{
  int other = sys.eventfd ();
  Doorbell bell_of_other = { other, other };
  gint64 start_us = sys_now_us ();

  g_assert_cmpint (doorbell_wait (&f->bell, other, 0), ==, DOORBELL_TIMED_OUT);
  g_assert_cmpint (doorbell_wait (&f->bell, -1, 20000), ==, DOORBELL_TIMED_OUT);
  g_assert_cmpint (sys_now_us () - start_us, >=, 20000);
  doorbell_ring (&f->bell);
  g_assert_cmpint (doorbell_wait (&f->bell, other, -1), ==, DOORBELL_RANG);
  g_assert_cmpint (doorbell_wait (&f->bell, -1, -1), ==, DOORBELL_RANG);
  doorbell_ring (&bell_of_other);
  g_assert_cmpint (doorbell_wait (&f->bell, other, -1), ==, DOORBELL_OTHER); /* cancelling wins */
  doorbell_drain (&f->bell);
  g_assert_cmpint (doorbell_wait (&f->bell, other, -1), ==, DOORBELL_OTHER);
  close (other);
}

static gpointer
ring_later (gpointer data)
{
  g_usleep (20000);
  doorbell_ring (data);
  return NULL;
}

static void
test_wakes (Fixture *f, gconstpointer data)
{
  GThread *thread = g_thread_new ("ringer", ring_later, &f->bell);

  g_assert_cmpint (doorbell_wait (&f->bell, -1, -1), ==, DOORBELL_RANG);
  g_thread_join (thread);
}

static void
on_alarm (int number)
{
}

static void
test_interrupted (Fixture *f, gconstpointer data)
{
  struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, before;

  sigaction (SIGALRM, &action, &before);
  ualarm (20000, 0);
  g_assert_cmpint (doorbell_wait (&f->bell, -1, -1), ==, DOORBELL_INTERRUPTED);
  sigaction (SIGALRM, &before, NULL);
}

int
main (int argc, char *argv[])
{
  static const char *const kinds[] = { "eventfd", "fifo", "socket" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
#define ADD(name, function)                                                                        \
  do                                                                                               \
    {                                                                                              \
      g_autofree char *path = g_strconcat ("/doorbell/", kinds[i], "/" name, NULL);                \
      g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up, function, tear_down);               \
    }                                                                                              \
  while (FALSE)
      ADD ("rings-until-drained", test_rings_until_drained);
      ADD ("never-blocks", test_never_blocks);
      ADD ("nobody-listens", test_nobody_listens);
      ADD ("wait-ends-for-each-reason", test_wait);
      ADD ("wakes-who-waits", test_wakes);
      ADD ("signal-interrupts-the-wait", test_interrupted);
    }
  return g_test_run ();
}
