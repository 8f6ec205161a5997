/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a pipe, heard by one who sleeps. */

#include "connection-fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The other side dies at some moment of our wait: before it, while we nap, and later. */
static void
test_death_while_asleep (Fixture *f, gconstpointer data)
{
  gint64 longest_us = 0;

  for (int i = 0; i < 40; i++)
    {
      g_autoptr (GError) error = NULL;
      Fixture other;
      gint64 took_us;
      pid_t child;

      set_up (&other, data);
      child = fork ();
      if (child == 0)
        {
          g_clear_object (&other.start);
          g_usleep (i % 20 * 500);
          send_int (other.end, g_get_monotonic_time () % 1000000000);
          kill (getpid (), SIGKILL);
        }
      g_clear_object (&other.end);
      took_us = receive_int (other.start);
      g_assert_null (shmobj_connection_receive (other.start, -1, NULL, &error));
      took_us = g_get_monotonic_time () % 1000000000 - took_us;
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
      longest_us = MAX (longest_us, took_us);
      waitpid (child, NULL, 0);
      tear_down (&other, NULL);
    }
  g_test_message ("the end was heard after %" G_GINT64_FORMAT " µs at the most", longest_us);
}

typedef struct
{
  ShmobjConnection *connection;
  _Atomic (gboolean) done;
  long wakes;
} Sleeper;

static gpointer
sleep_for_message (gpointer data)
{
  Sleeper *sleeper = data;
  struct rusage before, after;

  getrusage (RUSAGE_THREAD, &before);
  receive_int (sleeper->connection);
  getrusage (RUSAGE_THREAD, &after);
  sleeper->wakes = after.ru_nvcsw - before.ru_nvcsw;
  sleeper->done = TRUE;
  return NULL;
}

/* Who waits long has no timer: the hang-up itself wakes it. */
static void
test_no_timer (Fixture *f, gconstpointer data)
{
  Sleeper sleeper = { f->start, FALSE, 0 };
  GThread *thread = g_thread_new ("sleeper", sleep_for_message, &sleeper);

  g_usleep (200000);
  g_assert_false (sleeper.done);
  send_int (f->end, 1);
  g_thread_join (thread);
  g_assert_cmpint (sleeper.wakes, <, 10); /* the nap, the bell, some guards; a slice of 4 ms would
                                             be 50 */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/connection-end/death-while-asleep", test_death_while_asleep);
  ADD ("/connection-end/who-waits-long-has-no-timer", test_no_timer);
  return g_test_run ();
}
