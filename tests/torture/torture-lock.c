/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills and stops those who use a lock at random, and starts new ones; the survivors must go on.
 *
 *     build/tests/torture/torture-lock [ROUNDS [SEED]]
 *
 * Five processes take turns. They wait in all ways: for ever, with short time-outs, with a
 * cancellable (so by the bell), asynchronously, some of them cancelled. The lock is by turns one
 * with an eventfd and one in a directory, with a FIFO. A round is one kill, or one stop and
 * continue. Judged: nobody is ever inside together with another, who follows a dead one is told,
 * who was cancelled or timed out holds nothing, the others go on beside a stopped one, and after
 * each round every player gets a turn.
 */

#include "../objects/lock-fixture.h"

#include "objects/placed.h"
#include "objects/shmobj-lock.h"

#include <glib/gstdio.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define PLAYERS 5
#define ROUNDS 1500
#define STUCK_US (20 * SECOND)

typedef enum
{
  WAIT_FOR_EVER,
  WAIT_SHORTLY,
  WAIT_BY_BELL,
  WAIT_ASYNC,
  WAYS,
} Way;

typedef struct
{
  _Atomic (guint32) inside; /* who, plus 1 */
  _Atomic (guint64) turns, taken_over, given_up;
  _Atomic (guint64) done[PLAYERS];
} Ledger;

static Ledger *ledger;
static ShmobjLock *lock;
static pid_t pids[PLAYERS];
static gint64 longest_us;
static guint stopped_inside;

static void
on_acquired (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success = shmobj_lock_acquire_finish (SHMOBJ_LOCK (object), result, &outcome->error);
  outcome->done = TRUE;
}

static gboolean
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static gboolean
acquire_async (GMainContext *context, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) timer = NULL;
  Outcome outcome = { FALSE };

  if (g_random_boolean ())
    {
      timer = g_timeout_source_new (g_random_int_range (0, 4));
      g_source_set_callback (timer, cancel, g_object_ref (cancellable), g_object_unref);
      g_source_attach (timer, context);
    }
  shmobj_lock_acquire_async (lock, -1, cancellable, on_acquired, &outcome);
  while (!outcome.done)
    g_main_context_iteration (context, TRUE);
  if (timer != NULL)
    g_source_destroy (timer);
  *error = outcome.error;
  return outcome.success;
}

static gboolean
acquire (Way way, GMainContext *context, GError **error)
{
  g_autoptr (GCancellable) cancellable = NULL;

  switch (way)
    {
    case WAIT_FOR_EVER:
      return shmobj_lock_acquire (lock, -1, NULL, error);
    case WAIT_SHORTLY:
      return shmobj_lock_acquire (lock, g_random_int_range (0, 2000), NULL, error);
    case WAIT_BY_BELL:
      cancellable = g_cancellable_new ();
      return shmobj_lock_acquire (lock, g_random_boolean () ? -1 : 1000, cancellable, error);
    default:
      return acquire_async (context, error);
    }
}

static void
take_turn (guint number)
{
  guint32 nobody = 0;

  if (shmobj_lock_get_abandoned (lock))
    {
      atomic_fetch_add (&ledger->taken_over, 1);
      ledger->inside = 0; /* the dead one did not get to it */
    }
  if (!atomic_compare_exchange_strong (&ledger->inside, &nobody, number + 1))
    {
      g_printerr ("players %u and %u are inside together\n", number + 1, nobody);
      _exit (1);
    }
  if (g_random_int_range (0, 8) == 0)
    g_usleep (g_random_int_range (0, 300));
  ledger->turns++;
  ledger->inside = 0;
  if (!shmobj_lock_release (lock, NULL))
    _exit (2);
  ledger->done[number]++;
}

static void
play (guint number, Way way)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  g_random_set_seed (getpid () + g_get_monotonic_time ());
  for (;;)
    {
      g_autoptr (GError) error = NULL;

      if (acquire (way, context, &error))
        take_turn (number);
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
               g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        {
          atomic_fetch_add (&ledger->given_up, 1);
          if (shmobj_lock_is_owned (lock))
            _exit (3);
        }
      else
        _exit (4);
      if (g_random_int_range (0, 4) == 0)
        g_usleep (g_random_int_range (0, 400));
    }
}

static void
start (guint number)
{
  Way way = (number + g_random_int_range (0, 2)) % WAYS;

  ledger->done[number] = 0;
  IN_CHILD (pids[number])
  {
    prctl (PR_SET_PDEATHSIG, SIGKILL); /* of a test that failed */
    play (number, way);
  }
}

/* Nobody may have ended by himself. */
static void
assert_alive (void)
{
  int status;

  g_assert_cmpint (waitpid (-1, &status, WNOHANG), ==, 0);
}

static void
await_more (_Atomic (guint64) *counter, guint64 than)
{
  gint64 start_us = g_get_monotonic_time (), took_us = 0;

  while (*counter <= than)
    {
      g_usleep (100);
      took_us = g_get_monotonic_time () - start_us;
      assert_alive ();
      g_assert_cmpint (took_us, <, STUCK_US);
    }
  longest_us = MAX (longest_us, took_us);
}

/* Does player @number hold the lock? Asked while it is stopped. */
static gboolean
holds (guint number)
{
  g_autofree char *who = g_strdup_printf ("process %d (", (int) pids[number]);
  g_autoptr (GError) error = NULL;

  if (!shmobj_lock_acquire (lock, 0, NULL, &error))
    return strstr (error->message, who) != NULL;
  if (shmobj_lock_get_abandoned (lock))
    ledger->inside = 0;
  g_assert_true (shmobj_lock_release (lock, NULL));
  return FALSE;
}

static void
stop_one (guint number)
{
  guint64 turns;

  kill (pids[number], SIGSTOP);
  g_assert_cmpint (waitpid (pids[number], NULL, WUNTRACED), ==, pids[number]);
  turns = ledger->turns;
  if (holds (number)) /* it is alive, so all wait for it */
    stopped_inside++;
  else
    await_more (&ledger->turns, turns + 5);
  kill (pids[number], SIGCONT);
}

static void
kill_one (guint number)
{
  kill (pids[number], SIGKILL);
  g_assert_cmpint (waitpid (pids[number], NULL, 0), ==, pids[number]);
  start (number);
}

static void
torture (guint rounds)
{
  ledger = shared_memory (sizeof *ledger);
  longest_us = 0;
  for (guint i = 0; i < PLAYERS; i++)
    start (i);
  for (guint round = 0; round < rounds; round++)
    {
      guint64 before[PLAYERS];
      guint victim = g_random_int_range (0, PLAYERS);

      g_usleep (g_random_int_range (0, 3000));
      if (g_random_int_range (0, 3) == 0)
        stop_one (victim);
      else
        kill_one (victim);
      for (guint i = 0; i < PLAYERS; i++)
        before[i] = ledger->done[i];
      for (guint i = 0; i < PLAYERS; i++)
        await_more (&ledger->done[i], before[i]);
    }
  for (guint i = 0; i < PLAYERS; i++)
    {
      kill (pids[i], SIGKILL);
      waitpid (pids[i], NULL, 0);
    }
  g_test_message (
      "%u rounds, %u turns, %u taken over, %u given up, %u stopped inside; longest delay %.1f ms",
      rounds, (guint) ledger->turns, (guint) ledger->taken_over, (guint) ledger->given_up,
      stopped_inside, longest_us / 1000.0);
  munmap (ledger, sizeof *ledger);
}

static guint
rounds_wanted (void)
{
  const char *asked = g_getenv ("SHMOBJ_TORTURE_ROUNDS"), *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  if (asked != NULL)
    return atoi (asked);
  return slower != NULL ? MAX (ROUNDS / MAX (atoi (slower), 1), 20) : ROUNDS;
}

static void
test_eventfd (void)
{
  lock = shmobj_lock_new (NULL);
  torture (rounds_wanted ());
  g_clear_object (&lock);
}

static void
test_fifo (void)
{
  g_autofree char *dir = g_dir_make_tmp (NULL, NULL);
  int dirfd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Arena *arena = arena_open_in (dirfd, "locks", NULL);

  lock =
      placed_new_in_arena (SHMOBJ_TYPE_LOCK, arena, arena_take_cell (arena, CELL_LOCK, NULL), NULL);
  g_assert_nonnull (lock);
  torture (rounds_wanted ());
  g_clear_object (&lock);
  arena_unref (arena);
  unlinkat (dirfd, "locks", 0);
  unlinkat (dirfd, "locks.bell", 0);
  close (dirfd);
  g_rmdir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    g_setenv ("SHMOBJ_TORTURE_ROUNDS", argv[1], TRUE);
  g_random_set_seed (argc > 2 ? (guint32) atoi (argv[2]) : g_random_int ());

  g_test_add_func ("/torture-lock/eventfd", test_eventfd);
  g_test_add_func ("/torture-lock/fifo", test_fifo);

  return g_test_run ();
}
