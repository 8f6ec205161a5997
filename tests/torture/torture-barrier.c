/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of a party of a barrier, and kills at random.
 *
 *     build/tests/torture/torture-barrier [-p PATH]
 *
 * One by one: a process is killed after each change of the barrier's memory and after each system
 * call, while others wait. They must come to an end, all of them the same one, or be passed by as
 * many as are still missing, without anything else coming.
 *
 * At random: parties go round and round, and one of them is killed. The others break off, none more
 * than one round ahead of another.
 */

#include "../objects/lock-fixture.h"

#include "ring-place.h"
#include "stepper.h"

#include "base/arena.h"
#include "base/shmobj-error.h"
#include "objects/placed.h"
#include "objects/shmobj-barrier.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PARTIES_MAX 4
#define BROKEN_OFF 3

typedef struct
{
  const char *path;
  void (*act) (gpointer data);
  guint parties, waiting;
  guint points; /* that there are at least */
} Scene;

static ShmobjBarrier *barrier;
static gint64 longest_us;

/* ---- what the one who dies does ---- */

static void
come (gpointer data)
{
  shmobj_barrier_is_broken (barrier);
}

static int
wait_in_some_way (GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  if (shmobj_barrier_wait (barrier, -1, cancellable, &error) >= 0)
    return 0;
  return g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN) ? BROKEN_OFF : 1;
}

static void
wait_by_word (gpointer data)
{
  wait_in_some_way (NULL);
}

static void
wait_by_bell (gpointer data)
{
  g_autoptr (GCancellable) never = g_cancellable_new ();

  wait_in_some_way (never);
}

static void
hold_and_open (gpointer data)
{
  guint ticket;

  if (shmobj_barrier_arrive (barrier, TRUE, &ticket, NULL) >= 0)
    shmobj_barrier_open (barrier, ticket, NULL);
}

static void
give_up (gpointer data)
{
  shmobj_barrier_wait (barrier, 0, NULL, NULL);
}

static void
abort_it (gpointer data)
{
  shmobj_barrier_abort (barrier, NULL);
}

static void
reset_it (gpointer data)
{
  shmobj_barrier_reset (barrier, NULL);
}

/* ---- those beside it ---- */

static pid_t
start_party (gboolean by_bell)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      g_autoptr (GCancellable) never = by_bell ? g_cancellable_new () : NULL;

      _exit (wait_in_some_way (never));
    }
  return pid;
}

static void
await_parties (guint n)
{
  while (shmobj_barrier_get_n_waiting (barrier) != n)
    g_usleep (50);
}

/* How it ended: 0 or BROKEN_OFF. */
static int
expect_end (pid_t pid)
{
  gint64 start_us = g_get_monotonic_time ();
  int status;

  while (waitpid (pid, &status, WNOHANG) != pid)
    {
      g_assert_cmpint (g_get_monotonic_time () - start_us, <, LONG_US);
      g_usleep (50);
    }
  longest_us = MAX (longest_us, g_get_monotonic_time () - start_us);
  g_assert_true (WIFEXITED (status));
  g_assert_true (WEXITSTATUS (status) == 0 || WEXITSTATUS (status) == BROKEN_OFF);
  return WEXITSTATUS (status);
}

static void
expect_round (guint parties)
{
  pid_t pids[PARTIES_MAX];

  for (guint i = 0; i < parties; i++)
    pids[i] = start_party (i % 2);
  for (guint i = 0; i < parties; i++)
    g_assert_cmpint (expect_end (pids[i]), ==, 0);
}

/* The @n who waited when somebody died: either they wait on, and pass when the rest comes, or it is
 * over for all of them. */
static void
judge (const pid_t *waiting, guint n, guint parties)
{
  gboolean broken = shmobj_barrier_is_broken (barrier);
  guint there = shmobj_barrier_get_n_waiting (barrier);
  int ended = broken ? BROKEN_OFF : 0;

  if (!broken && there > 0)
    {
      g_assert_cmpuint (there, ==, n);
      expect_round (parties - n);
    }
  for (guint i = 0; i < n; i++)
    {
      int how = expect_end (waiting[i]);

      if (i == 0 && !broken && there == 0) /* it passed, or was reset */
        ended = how;
      g_assert_cmpint (how, ==, ended);
    }
  g_assert_true (shmobj_barrier_reset (barrier, NULL));
  expect_round (parties);
}

/* ---- one by one ---- */

static void
watch_memory (Stepper *stepper)
{
  guint8 *content = arena_object_content (&PLACED (barrier)->place.object);

  stepper_watch (stepper, content - G_STRUCT_OFFSET (ArenaCell, content), 3 * sizeof (ArenaCell));
}

/* FALSE: it came to its end, or sleeps for good, before that point. */
static gboolean
dies_at (const Scene *scene, guint point)
{
  pid_t waiting[PARTIES_MAX];
  StepperState state = STEPPER_STOPPED;
  Stepper stepper;

  for (guint i = 0; i < scene->waiting; i++)
    {
      waiting[i] = start_party ((point + i) % 2);
      await_parties (i + 1);
      g_assert_true (wait_for_state (waiting[i], 'S'));
    }
  stepper_start (&stepper, come, scene->act, NULL);
  watch_memory (&stepper);
  while (stepper.points < point && state == STEPPER_STOPPED)
    state = stepper_next (&stepper);
  stepper_end (&stepper);
  judge (waiting, scene->waiting, scene->parties);
  return stepper.points >= point;
}

static void
test_deaths (gconstpointer data)
{
  const Scene *scene = data;
  guint point = 1;

  barrier = shmobj_barrier_new (scene->parties, NULL);
  expect_round (scene->parties); /* their records are there */
  longest_us = 0;
  while (dies_at (scene, point))
    point++;
  g_test_message ("%u deaths, the longest delay %.1f ms", point - 1, longest_us / 1000.0);
  g_assert_cmpuint (point, >, scene->points);
  g_clear_object (&barrier);
}

/* ---- at random ---- */

static _Atomic (guint64) *passed;

static pid_t
start_runner (guint number, guint seed)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      g_autoptr (GCancellable) never = g_cancellable_new ();
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      int how;

      while ((how = wait_in_some_way (g_rand_boolean (random) ? never : NULL)) == 0)
        atomic_fetch_add (&passed[number], 1);
      _exit (how);
    }
  return pid;
}

/* By then all parties have passed so often. */
static void
await_rounds (guint64 n)
{
  for (guint i = 0; i < PARTIES_MAX; i++)
    while (passed[i] < n)
      g_usleep (20);
}

/* Who dies between two waits is no party of a round, so the others wait for one more, and the
 * program has to say that none will come. Answers whether it was so. */
static gboolean
break_off (void)
{
  while (!shmobj_barrier_is_broken (barrier))
    {
      if (shmobj_barrier_get_n_waiting (barrier) == PARTIES_MAX - 1)
        return shmobj_barrier_abort (barrier, NULL);
      g_usleep (20);
    }
  return FALSE;
}

static void
test_kills (void)
{
  guint n = rounds (200);
  guint64 before = 0;
  guint outside = 0;

  passed = shared_memory (PARTIES_MAX * sizeof *passed);
  barrier = shmobj_barrier_new (PARTIES_MAX, NULL);
  longest_us = 0;
  for (guint k = 0; k < n; k++)
    {
      guint victim = g_test_rand_int_range (0, PARTIES_MAX);
      pid_t pids[PARTIES_MAX];

      for (guint i = 0; i < PARTIES_MAX; i++)
        pids[i] = start_runner (i, g_test_rand_int ());
      await_rounds (before + 1 + g_test_rand_int_range (0, 20));
      end_child (pids[victim]);
      outside += break_off ();
      for (guint i = 0; i < PARTIES_MAX; i++)
        if (i != victim)
          g_assert_cmpint (expect_end (pids[i]), ==, BROKEN_OFF);
      for (guint i = 0; i < PARTIES_MAX; i++)
        before = MAX (before, passed[i]);
      for (guint i = 0; i < PARTIES_MAX; i++)
        {
          if (i != victim) /* who is killed may have passed without counting */
            g_assert_cmpuint (before - passed[i], <=, 1);
          passed[i] = before;
        }
      g_assert_true (shmobj_barrier_reset (barrier, NULL));
    }
  g_test_message ("%u kills in %" G_GUINT64_FORMAT " rounds, %u of them between two waits, the "
                  "longest delay %.1f ms",
                  n, before, outside, longest_us / 1000.0);
  g_assert_cmpuint (outside, <, n);
  g_clear_object (&barrier);
  munmap (passed, PARTIES_MAX * sizeof *passed);
}

int
main (int argc, char **argv)
{
  static const Scene scenes[] = {
    { "/torture-barrier/the-last-one", wait_by_word, 3, 2, 3 },
    { "/torture-barrier/one-who-waits-by-the-word", wait_by_word, 3, 1, 4 },
    { "/torture-barrier/one-who-waits-by-the-bell", wait_by_bell, 3, 1, 4 },
    { "/torture-barrier/alone", wait_by_word, 1, 0, 2 },
    { "/torture-barrier/who-holds-and-opens", hold_and_open, 2, 1, 4 },
    { "/torture-barrier/who-gives-up", give_up, 3, 2, 4 },
    { "/torture-barrier/abort", abort_it, 3, 2, 2 },
    { "/torture-barrier/reset", reset_it, 3, 2, 2 },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (scenes); i++)
    g_test_add_data_func (scenes[i].path, &scenes[i], test_deaths);
  g_test_add_func ("/torture-barrier/kills-at-random", test_kills);
  return g_test_run ();
}
