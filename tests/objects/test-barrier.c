/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a barrier promises, also when parties die. */

#include "lock-fixture.h"

#include "../fork-child.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-barrier.h"
#include "objects/shmobj-shareable.h"

#include <stdatomic.h>

static ShmobjBarrier *
barrier_new (guint parties)
{
  g_autoptr (GError) error = NULL;
  ShmobjBarrier *barrier = shmobj_barrier_new (parties, &error);

  g_assert_no_error (error);
  return barrier;
}

static void
await_parties (ShmobjBarrier *barrier, guint n)
{
  gint64 until_us = g_get_monotonic_time () + LONG_US;

  while (shmobj_barrier_get_n_waiting (barrier) != n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (200);
    }
}

/* A child that waits, by word or by bell; it ends with 0 when it passed and 3 when it is broken. */
static pid_t
start_party (ShmobjBarrier *barrier, gboolean by_bell)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      g_autoptr (GCancellable) cancellable = by_bell ? g_cancellable_new () : NULL;
      g_autoptr (GError) error = NULL;

      if (shmobj_barrier_wait (barrier, -1, cancellable, &error) >= 0)
        _exit (0);
      _exit (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN) ? 3 : 1);
    }
  return pid;
}

static void
expect_broken (ShmobjBarrier *barrier)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_barrier_is_broken (barrier));
  g_assert_cmpint (shmobj_barrier_wait (barrier, -1, NULL, &error), ==, -1);
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN);
  g_assert_cmpuint (shmobj_barrier_get_n_waiting (barrier), ==, 0);
}

/* Nobody is ever a round ahead: each adds to the round's sum before, and finds it whole behind. */
static void
test_rounds (void)
{
  enum
  {
    PARTIES = 5
  };
  g_autoptr (ShmobjBarrier) barrier = barrier_new (PARTIES);
  guint n = rounds (500);
  _Atomic (guint32) *sums = shared_memory (n * sizeof *sums);
  _Atomic (guint32) *indexes = shared_memory (n * sizeof *indexes);
  pid_t pids[PARTIES];

  for (guint i = 0; i < PARTIES; i++)
    {
      pids[i] = fork_child ();
      if (pids[i] == 0)
        {
          g_autoptr (GCancellable) cancellable = i % 2 ? g_cancellable_new () : NULL;

          for (guint k = 0; k < n; k++)
            {
              gint index;

              atomic_fetch_add (&sums[k], 1);
              index = shmobj_barrier_wait (barrier, -1, cancellable, NULL);
              if (index < 0 || sums[k] != PARTIES)
                _exit (1);
              atomic_fetch_or (&indexes[k], 1u << index);
            }
          _exit (0);
        }
    }
  for (guint i = 0; i < PARTIES; i++)
    assert_exit (pids[i], 0);
  for (guint k = 0; k < n; k++)
    g_assert_cmpuint (indexes[k], ==, (1u << PARTIES) - 1);
  munmap (sums, n * sizeof *sums);
  munmap (indexes, n * sizeof *indexes);
}

static void
test_one_party (void)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (1);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (shmobj_barrier_wait (barrier, 0, NULL, NULL), ==, 0);
  g_assert_cmpuint (shmobj_barrier_get_parties (barrier), ==, 1);
  g_assert_null (shmobj_barrier_new (0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

/* Whoever gives up breaks it for all. */
static void
test_time_out (void)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (4);
  g_autoptr (GError) error = NULL;
  pid_t pids[] = { start_party (barrier, FALSE), start_party (barrier, TRUE) };

  await_parties (barrier, 2);
  g_assert_cmpint (shmobj_barrier_wait (barrier, 20000, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 3 << 8);
  expect_broken (barrier);
  g_assert_true (shmobj_barrier_reset (barrier, NULL));
  g_assert_false (shmobj_barrier_is_broken (barrier));
}

static void
test_abort_and_reset (gconstpointer reset)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (3);
  pid_t pids[] = { start_party (barrier, FALSE), start_party (barrier, TRUE) }, pid;

  await_parties (barrier, 2);
  if (reset != NULL)
    g_assert_true (shmobj_barrier_reset (barrier, NULL));
  else
    g_assert_true (shmobj_barrier_abort (barrier, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_exit (pids[i], 3 << 8);
  if (reset == NULL)
    expect_broken (barrier);
  g_assert_true (shmobj_barrier_reset (barrier, NULL));

  pids[0] = start_party (barrier, FALSE);
  pid = start_party (barrier, TRUE);
  g_assert_cmpint (shmobj_barrier_wait (barrier, -1, NULL, NULL), >=, 0);
  assert_exit (pids[0], 0);
  assert_exit (pid, 0);
}

/* One that is killed while it waits will not do its part. */
static void
test_death (void)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (12);

  for (guint round = 0; round < 4; round++)
    {
      pid_t pids[10];

      for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
        pids[i] = start_party (barrier, i % 2);
      await_parties (barrier, G_N_ELEMENTS (pids));
      kill (pids[round], SIGKILL);
      for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
        assert_exit (pids[i], i == round ? SIGKILL : 3 << 8);
      expect_broken (barrier);
      g_assert_true (shmobj_barrier_reset (barrier, NULL));
    }
}

/* The last one holds the others until it has done what it has to; or has died in it. */
static void
test_hold (gconstpointer dies)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (2);
  g_autoptr (GError) error = NULL;
  guint ticket;
  gint index = shmobj_barrier_arrive (barrier, TRUE, &ticket, &error);
  pid_t pid;

  g_assert_cmpint (index, ==, 0);
  pid = fork_child ();
  if (pid == 0)
    {
      guint its;

      if (shmobj_barrier_arrive (barrier, TRUE, &its, NULL) != 1)
        _exit (1);
      if (dies != NULL)
        kill (getpid (), SIGKILL);
      _exit (shmobj_barrier_open (barrier, its, NULL) ? 0 : 2);
    }
  g_assert_cmpint (shmobj_barrier_wait_ticket (barrier, ticket, -1, NULL, &error), ==,
                   dies == NULL);
  if (dies != NULL)
    g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN);
  assert_exit (pid, dies != NULL ? SIGKILL : 0);
}

typedef struct
{
  gboolean done;
  gint index;
  GError *error;
} Passing;

static void
on_passed (GObject *object, GAsyncResult *result, gpointer data)
{
  Passing *passing = data;

  passing->index = shmobj_barrier_wait_finish (SHMOBJ_BARRIER (object), result, &passing->error);
  passing->done = TRUE;
}

static void
test_async (void)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (3);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Passing one = { FALSE }, two = { FALSE };
  pid_t pid;

  shmobj_barrier_wait_async (barrier, -1, NULL, on_passed, &one);
  shmobj_barrier_wait_async (barrier, -1, cancellable, on_passed, &two);
  pid = start_party (barrier, FALSE);
  iterate_until (&one.done);
  iterate_until (&two.done);
  g_assert_no_error (one.error);
  g_assert_no_error (two.error);
  g_assert_cmpint (one.index, ==, 0);
  g_assert_cmpint (two.index, ==, 1);
  assert_exit (pid, 0);

  one = two = (Passing){ FALSE };
  shmobj_barrier_wait_async (barrier, -1, NULL, on_passed, &one);
  shmobj_barrier_wait_async (barrier, -1, cancellable, on_passed, &two);
  g_cancellable_cancel (cancellable);
  iterate_until (&two.done);
  iterate_until (&one.done);
  g_assert_error (two.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (one.error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN);
  g_clear_error (&one.error);
  g_clear_error (&two.error);
}

static void
test_handle (void)
{
  g_autoptr (ShmobjBarrier) barrier = barrier_new (7);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (barrier), fds, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) again =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_BARRIER, handle, fds, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_barrier_get_parties (SHMOBJ_BARRIER (again)), ==, 7);
  g_assert_true (shmobj_barrier_abort (barrier, NULL));
  g_assert_true (shmobj_barrier_is_broken (SHMOBJ_BARRIER (again)));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/barrier/nobody-is-a-round-ahead", test_rounds);
  g_test_add_func ("/barrier/one-party-passes", test_one_party);
  g_test_add_func ("/barrier/who-gives-up-breaks-it", test_time_out);
  g_test_add_data_func ("/barrier/abort", NULL, test_abort_and_reset);
  g_test_add_data_func ("/barrier/reset", GINT_TO_POINTER (1), test_abort_and_reset);
  g_test_add_func ("/barrier/who-dies-breaks-it", test_death);
  g_test_add_data_func ("/barrier/last-one-holds-it", NULL, test_hold);
  g_test_add_data_func ("/barrier/last-one-dies-holding-it", GINT_TO_POINTER (1), test_hold);
  g_test_add_func ("/barrier/async-passes-or-is-cancelled", test_async);
  g_test_add_func ("/barrier/handle-is-the-same-barrier", test_handle);

  return g_test_run ();
}
