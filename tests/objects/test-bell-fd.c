/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock and Event in somebody else's loop: a descriptor that is readable when another try is worth
 * it, and silent otherwise. */

#include "queue-fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS 60000

static gboolean
is_readable (int fd, int most_ms)
{
  struct pollfd polled = { .fd = fd, .events = POLLIN };

  g_assert_cmpint (fd, >=, 0);
  return poll (&polled, 1, most_ms) == 1;
}

static gboolean
take (ShmobjLock *lock)
{
  g_autoptr (GError) error = NULL;
  gboolean taken = shmobj_lock_acquire (lock, 0, NULL, &error);

  g_assert_true (taken || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  return taken;
}

static gboolean
look (ShmobjEvent *event)
{
  g_autoptr (GError) error = NULL;
  gboolean is_set = shmobj_event_wait (event, 0, NULL, &error);

  g_assert_true (is_set || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  return is_set;
}

#define TRIES 1000 /* for the timer of a second, on a machine that is slower than that */

static gboolean
lock_is_silent (ShmobjLock *lock, int fd)
{
  for (int i = 0; i < TRIES; i++)
    if (take (lock))
      return FALSE;
    else if (!is_readable (fd, 0))
      return TRUE;
  return FALSE;
}

static gboolean
event_is_silent (ShmobjEvent *event, int fd)
{
  for (int i = 0; i < TRIES; i++)
    if (look (event))
      return FALSE;
    else if (!is_readable (fd, 0))
      return TRUE;
  return FALSE;
}

static void
test_lock (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  int fd = shmobj_lock_get_fd (lock, NULL);

  g_assert_true (is_readable (fd, LONG_MS));
  for (int i = 0; i < 3; i++)
    {
      g_assert_true (take (lock));
      g_assert_true (lock_is_silent (lock, fd));
      g_assert_true (shmobj_lock_release (lock, NULL));
      g_assert_true (is_readable (fd, LONG_MS));
      g_assert_true (take (lock));
      g_assert_true (shmobj_lock_release (lock, NULL));
      g_assert_true (is_readable (fd, LONG_MS)); /* until a try was in vain */
    }
  g_assert_cmpint (shmobj_lock_get_fd (lock, NULL), ==, fd);
}

static void
test_event (void)
{
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);
  int fd = shmobj_event_get_fd (event, NULL);

  g_assert_true (is_readable (fd, LONG_MS));
  for (int i = 0; i < 3; i++)
    {
      g_assert_true (event_is_silent (event, fd));
      g_assert_true (shmobj_event_set (event, NULL));
      g_assert_true (is_readable (fd, LONG_MS));
      g_assert_true (look (event));
      g_assert_true (is_readable (fd, LONG_MS));
      g_assert_true (shmobj_event_clear (event, NULL));
    }
}

/* Nobody rings for the dead. */
static void
test_holder_dies (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (ShmobjQueue) ready = new_queue (0, 0);
  int fd = shmobj_lock_get_fd (lock, NULL);
  pid_t child = fork ();

  if (child == 0)
    {
      put_int (ready, shmobj_lock_acquire (lock, -1, NULL, NULL));
      for (;;)
        pause ();
    }
  g_assert_cmpint (get_int (ready), ==, TRUE);
  g_assert_false (take (lock));
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  g_assert_true (is_readable (fd, LONG_MS));
  g_assert_true (take (lock));
  g_assert_true (shmobj_lock_get_abandoned (lock));
  g_assert_true (shmobj_lock_release (lock, NULL));
}

/* What a child does with its own takes nothing from its parent's. */
static void
test_forked (void)
{
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (NULL);
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);
  int fd = shmobj_lock_get_fd (lock, NULL), event_fd = shmobj_event_get_fd (event, NULL), status;
  pid_t child;

  g_assert_true (take (lock));
  g_assert_false (take (lock) || look (event));
  child = fork ();
  if (child == 0)
    {
      int own;

      if (take (lock) || look (event))
        _exit (1);
      own = shmobj_lock_get_fd (lock, NULL);
      if (!is_readable (own, LONG_MS) || !lock_is_silent (lock, own))
        _exit (2);
      shmobj_event_set (event, NULL); /* rings for both */
      _exit (is_readable (own, LONG_MS) && lock_is_silent (lock, own) ? 0 : 3);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (is_readable (event_fd, LONG_MS));
  g_assert_true (look (event));
  g_assert_true (is_readable (fd, LONG_MS)); /* the same bell, for nothing */
  g_assert_false (take (lock));
  g_assert_true (shmobj_lock_release (lock, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bell-fd/of-a-lock", test_lock);
  g_test_add_func ("/bell-fd/of-an-event", test_event);
  g_test_add_func ("/bell-fd/the-holder-dies", test_holder_dies);
  g_test_add_func ("/bell-fd/forked", test_forked);
  return g_test_run ();
}
