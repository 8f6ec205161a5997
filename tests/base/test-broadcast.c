/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every listener hears every ring: by eventfd and by FIFO, in one process and in several, and
 * whatever happens to other listeners. */

#include "base/broadcast.h"
#include "base/shmobj-error.h"
#include "base/sys.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENERS 8
#define RINGS 2000

static int
make_bell (gboolean fifo)
{
  g_autofree char *dir = NULL, *path = NULL;
  int fd;

  if (!fifo)
    return sys.eventfd ();
  dir = g_dir_make_tmp (NULL, NULL);
  path = g_build_filename (dir, "bell", NULL);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  fd = open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_unlink (path);
  g_rmdir (dir);
  return fd;
}

static void
assert_silent (int listener)
{
  g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_TIMED_OUT);
}

static void
test_all_hear (gconstpointer fifo)
{
  int fd = make_bell (GPOINTER_TO_INT (fifo)), listener[LISTENERS];
  Broadcast bell;

  g_assert_true (broadcast_init (&bell, fd, NULL));
  broadcast_ring (&bell); /* before anybody listens: may be heard once, for nothing */
  for (guint i = 0; i < LISTENERS; i++)
    {
      listener[i] = broadcast_listen (&bell, -1);
      broadcast_wait (listener[i], 0);
      assert_silent (listener[i]);
    }

  for (guint ring = 0; ring < RINGS; ring++) /* more than a FIFO holds, were it never emptied */
    {
      broadcast_ring (&bell);
      for (guint i = 0; i < LISTENERS; i++)
        {
          g_assert_cmpint (broadcast_wait (listener[i], 0), ==, DOORBELL_RANG);
          assert_silent (listener[i]);
        }
    }

  for (guint i = 0; i < LISTENERS; i++)
    close (listener[i]);
  close (fd);
}

/* Each of several processes hears every ring that comes after it has answered the one before. The
 * answers are counters in shared memory; one listener is killed in the middle. */
static void
test_processes_hear (gconstpointer fifo)
{
  enum
  {
    PROCESSES = 3,
    ROUNDS = 500
  };
  int fd = make_bell (GPOINTER_TO_INT (fifo));
  _Atomic (guint32) *published = mmap (NULL, 4096, PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                    *seen = published + 1;
  pid_t pids[PROCESSES + 1];
  Broadcast bell;

  g_assert_true (broadcast_init (&bell, fd, NULL));
  for (guint i = 0; i <= PROCESSES; i++)
    if ((pids[i] = fork ()) == 0)
      {
        int listener = broadcast_listen (&bell, -1);

        for (guint32 last = 0; last < ROUNDS; last = published[0])
          {
            seen[i] = last + 1;
            while (published[0] == last)
              if (broadcast_wait (listener, 30 * G_USEC_PER_SEC) == DOORBELL_TIMED_OUT)
                _exit (1);
          }
        _exit (0);
      }

  for (guint32 round = 0; round < ROUNDS; round++)
    {
      for (guint i = 0; i <= PROCESSES; i++)
        while (seen[i] != round + 1 && (i < PROCESSES || round < ROUNDS / 2))
          g_usleep (10);
      if (round == ROUNDS / 2)
        kill (pids[PROCESSES], SIGKILL);
      published[0] = round + 1;
      broadcast_ring (&bell);
    }
  for (guint i = 0; i <= PROCESSES; i++)
    {
      int status;

      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_cmpint (status, ==, i < PROCESSES ? 0 : SIGKILL);
    }
  munmap ((void *) published, 4096);
  close (fd);
}

static void
test_other_fd (void)
{
  int fd = make_bell (FALSE), other = sys.eventfd (), listener;
  guint64 one = 1;
  Broadcast bell;

  g_assert_true (broadcast_init (&bell, fd, NULL));
  listener = broadcast_listen (&bell, other);
  assert_silent (listener);
  g_assert_cmpint (write (other, &one, sizeof one), ==, sizeof one);
  broadcast_ring (&bell);
  g_assert_cmpint (broadcast_wait (listener, -1), ==, DOORBELL_OTHER);
  g_assert_cmpint (broadcast_wait (listener, -1), ==, DOORBELL_OTHER); /* for as long as it is */
  close (listener);
  close (other);
  close (fd);
}

static void
test_full_counter (void)
{
  int fd = make_bell (FALSE), listener;
  guint64 most = G_MAXUINT64 - 1;
  Broadcast bell;

  g_assert_true (broadcast_init (&bell, fd, NULL));
  listener = broadcast_listen (&bell, -1);
  g_assert_cmpint (write (fd, &most, sizeof most), ==, sizeof most);
  g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_RANG);
  assert_silent (listener);
  broadcast_ring (&bell);
  g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_RANG);
  close (listener);
  close (fd);
}

static void
test_refused (void)
{
  int fds[3] = { open ("/dev/null", O_RDWR | O_NONBLOCK), sys_memfd ("no-bell"), -1 };
  Broadcast bell;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (broadcast_init (&bell, fds[i], &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
      sys_close (fds[i]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/broadcast/eventfd/all-hear-each-ring", NULL, test_all_hear);
  g_test_add_data_func ("/broadcast/fifo/all-hear-each-ring", GINT_TO_POINTER (1), test_all_hear);
  g_test_add_data_func ("/broadcast/eventfd/processes-hear-each-ring", NULL, test_processes_hear);
  g_test_add_data_func ("/broadcast/fifo/processes-hear-each-ring", GINT_TO_POINTER (1),
                        test_processes_hear);
  g_test_add_func ("/broadcast/the-other-descriptor-comes-first", test_other_fd);
  g_test_add_func ("/broadcast/a-full-counter-still-rings", test_full_counter);
  g_test_add_func ("/broadcast/anything-else-is-refused", test_refused);

  return g_test_run ();
}
