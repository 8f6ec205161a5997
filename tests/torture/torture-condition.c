/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of one who waits for a condition or notifies it, and kills at random.
 *
 *     build/tests/torture/torture-condition [ROUNDS [SEED]]
 *
 * One by one: a process is killed after each change of the condition's and the lock's memory and
 * after each system call. What it was woken for must reach another one, and what it notified must
 * arrive, without anything else coming; only a lock that it left abandoned is a matter for the
 * program, which then notifies.
 *
 * At random: consumers wait in all ways, a producer brings one thing after the other, each when the
 * last one is taken, so that a single wake-up that is lost stops everything.
 */

#include "../objects/lock-fixture.h"

#include "ring-place.h"
#include "stepper.h"

#include "objects/condition-private.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CONSUMERS 4
#define PRODUCERS 2
#define PLAYERS (CONSUMERS + PRODUCERS)
#define ROUNDS 200

typedef struct
{
  _Atomic (guint32) things;
  _Atomic (guint32) taken; /* by the one who is stepped through */
  _Atomic (guint64) given_up, taken_over;
  _Atomic (guint64) done[PLAYERS];
} Ledger;

static Ledger *ledger;
static ShmobjCondition *condition;
static ShmobjLock *lock;
static pid_t pids[PLAYERS];
static gint64 longest_us;
static gboolean is_stepped; /* this process is */

/* What a dead one may have left undone is told to all. */
static void
look_after_dead (void)
{
  if (!shmobj_lock_get_abandoned (lock))
    return;
  atomic_fetch_add (&ledger->taken_over, 1);
  if (!shmobj_condition_notify_all (condition, NULL))
    _exit (2);
}

static void
acquire (void)
{
  if (!shmobj_lock_acquire (lock, -1, NULL, NULL))
    _exit (3);
  look_after_dead ();
}

static void
release (void)
{
  if (!shmobj_lock_release (lock, NULL))
    _exit (4);
}

/* ---- one by one ---- */

static void
nothing (gpointer data)
{
  is_stepped = TRUE;
  acquire ();
  shmobj_condition_notify_one (condition, NULL);
  release ();
}

static void
notify_one (gpointer data)
{
  shmobj_condition_notify_one (condition, NULL);
}

static void
notify_all (gpointer data)
{
  shmobj_condition_notify_all (condition, NULL);
}

static void
take_one (gpointer by_bell)
{
  g_autoptr (GCancellable) never = by_bell ? g_cancellable_new () : NULL;

  acquire ();
  while (ledger->things == 0)
    if (!shmobj_condition_wait (condition, -1, never, NULL))
      _exit (5);
  ledger->things--;
  if (is_stepped) /* it is never killed between these two */
    ledger->taken++;
  release ();
}

static pid_t
start_waiter (gboolean by_bell)
{
  guint waiters = shmobj_condition_get_waiters (condition);
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      take_one (GINT_TO_POINTER (by_bell));
      _exit (0);
    }
  while (shmobj_condition_get_waiters (condition) <= waiters)
    g_usleep (50);
  g_assert_true (wait_for_state (pid, 'S'));
  return pid;
}

static void
expect_end (pid_t pid)
{
  gint64 start_us = g_get_monotonic_time ();
  int status;

  while (waitpid (pid, &status, WNOHANG) != pid)
    {
      g_assert_cmpint (g_get_monotonic_time () - start_us, <, LONG_US);
      g_usleep (50);
    }
  g_assert_cmpint (status, ==, 0);
  longest_us = MAX (longest_us, g_get_monotonic_time () - start_us);
}

static void
watch_memory (Stepper *stepper)
{
  stepper_watch (stepper, condition->condition.shared, sizeof (ConditionShared));
  stepper_watch (stepper, arena_object_content (&PLACED (lock)->place.object), sizeof (LockShared));
}

/* Two wait, and one who notifies is killed at the @point-th point. FALSE: it came to its end. */
static gboolean
notifier_dies_at (guint point, void (*act) (gpointer))
{
  const guint wanted = act == notify_all ? 2 : 1;
  pid_t waiters[2];
  Stepper stepper;
  guint woken;

  stepper_start (&stepper, nothing, act, NULL);
  for (guint i = 0; i < 2; i++)
    waiters[i] = start_waiter ((point + i) % 2);
  ledger->things = 2;
  watch_memory (&stepper);
  while (stepper.points < point && stepper_next (&stepper) != STEPPER_ENDED)
    ;
  stepper_end (&stepper);

  woken = 2 - shmobj_condition_get_waiters (condition);
  g_assert_true (woken == 0 || woken == wanted);
  for (guint i = 0; i < woken; i++)
    expect_end (waiters[i]);
  shmobj_condition_notify_many (condition, 2 - woken, NULL);
  for (guint i = woken; i < 2; i++)
    expect_end (waiters[i]);
  g_assert_cmpuint (ledger->things, ==, 0);
  return stepper.points >= point;
}

static void
test_deaths_of_a_notifier (gconstpointer act)
{
  guint point = 1;

  longest_us = 0;
  while (notifier_dies_at (point, act != NULL ? notify_all : notify_one))
    point++;
  g_test_message ("%u deaths, the longest delay %.1f ms", point - 1, longest_us / 1000.0);
  g_assert_cmpuint (point, >, 3);
}

/* One waits, is woken as soon as it sleeps, and is killed at the @point-th point. */
static gboolean
waiter_dies_at (guint point, gboolean by_bell)
{
  guint32 taken = ledger->taken;
  gboolean notified = FALSE;
  pid_t other = 0;
  Stepper stepper;

  stepper_start (&stepper, nothing, take_one, GINT_TO_POINTER (by_bell));
  watch_memory (&stepper);
  while (stepper.points < point)
    {
      StepperState state = stepper_next (&stepper);

      if (state == STEPPER_ENDED)
        break;
      if (state == STEPPER_ASLEEP && !notified)
        {
          other = start_waiter (!by_bell);
          ledger->things = 1;
          shmobj_condition_notify_one (condition, NULL);
          notified = TRUE;
        }
    }
  stepper_end (&stepper);

  acquire (); /* notifies if it was left abandoned */
  release ();
  if (other == 0)
    other = start_waiter (!by_bell);
  if (!notified || ledger->taken != taken) /* else the other one gets what it was woken for */
    {
      ledger->things = 1;
      shmobj_condition_notify_one (condition, NULL);
    }
  expect_end (other);
  return stepper.points >= point;
}

static void
test_deaths_of_a_waiter (gconstpointer by_bell)
{
  guint point = 1;

  longest_us = 0;
  while (waiter_dies_at (point, by_bell != NULL))
    point++;
  g_test_message ("%u deaths, the longest delay %.1f ms", point - 1, longest_us / 1000.0);
  g_assert_cmpuint (point, >, 10);
}

/* ---- at random ---- */

static void
on_waited (GObject *object, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->success =
      shmobj_condition_wait_finish (SHMOBJ_CONDITION (object), result, &outcome->error);
  outcome->done = TRUE;
}

static void
wait_in_some_way (gboolean patient)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint way = g_random_int_range (0, patient ? 3 : 4);
  Outcome outcome = { FALSE };

  if (way < 2)
    outcome.success =
        shmobj_condition_wait (condition, -1, way == 1 ? cancellable : NULL, &outcome.error);
  else if (way == 3)
    outcome.success =
        shmobj_condition_wait (condition, g_random_int_range (0, 2000), NULL, &outcome.error);
  else
    {
      shmobj_condition_wait_async (condition, -1, NULL, on_waited, &outcome);
      while (!outcome.done)
        g_main_context_iteration (NULL, TRUE);
    }
  if (!outcome.success && !g_error_matches (outcome.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    _exit (6);
  if (!outcome.success)
    atomic_fetch_add (&ledger->given_up, 1);
  g_clear_error (&outcome.error);
  if (!shmobj_lock_is_owned (lock))
    _exit (7);
  look_after_dead ();
}

static void
consume (guint number, gboolean patient)
{
  for (;;)
    {
      acquire ();
      while (ledger->things == 0)
        wait_in_some_way (patient);
      ledger->things--;
      release ();
      ledger->done[number]++;
    }
}

static void
produce (guint number)
{
  for (;;)
    {
      gboolean brought;

      acquire ();
      brought = ledger->things == 0;
      if (brought)
        {
          ledger->things = 1;
          shmobj_condition_notify_one (condition, NULL);
        }
      release ();
      ledger->done[number]++;
      if (!brought)
        g_usleep (50);
    }
}

static void
start (guint number, gboolean patient)
{
  ledger->done[number] = 0;
  pids[number] = fork_child ();
  if (pids[number] != 0)
    return;
  g_random_set_seed (getpid () + g_get_monotonic_time ());
  if (number < CONSUMERS)
    consume (number, patient);
  else
    produce (number);
}

static void
await_more (guint number, guint64 than)
{
  gint64 start_us = g_get_monotonic_time (), took_us = 0;
  int status;

  while (ledger->done[number] <= than)
    {
      g_usleep (100);
      took_us = g_get_monotonic_time () - start_us;
      g_assert_cmpint (waitpid (-1, &status, WNOHANG), ==, 0);
      g_assert_cmpint (took_us, <, LONG_US);
    }
  longest_us = MAX (longest_us, took_us);
}

static void
test_random (gconstpointer patient)
{
  const char *asked = g_getenv ("SHMOBJ_TORTURE_ROUNDS");
  guint n = asked != NULL ? (guint) atoi (asked) : rounds (ROUNDS);

  longest_us = 0;
  ledger->things = 0;
  for (guint i = 0; i < PLAYERS; i++)
    start (i, patient != NULL);
  for (guint round = 0; round < n; round++)
    {
      guint victim = g_random_int_range (0, PLAYERS);
      guint64 before[PLAYERS];

      g_usleep (g_random_int_range (0, 3000));
      end_child (pids[victim]);
      start (victim, patient != NULL);
      for (guint i = 0; i < PLAYERS; i++)
        before[i] = ledger->done[i];
      for (guint i = 0; i < PLAYERS; i++)
        await_more (i, before[i]);
    }
  for (guint i = 0; i < PLAYERS; i++)
    end_child (pids[i]);
  acquire ();
  release ();
  g_assert_cmpuint (shmobj_condition_get_waiters (condition), ==, 0);
  g_test_message ("%u kills, %u locks taken over, %u given up; longest delay %.1f ms", n,
                  (guint) ledger->taken_over, (guint) ledger->given_up, longest_us / 1000.0);
}

int
main (int argc, char *argv[])
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    g_setenv ("SHMOBJ_TORTURE_ROUNDS", argv[1], TRUE);
  g_random_set_seed (argc > 2 ? (guint32) atoi (argv[2]) : g_random_int ());
  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE); /* nobody steps through a spin */
  ledger = shared_memory (sizeof *ledger);
  condition = shmobj_condition_new (NULL, NULL);
  lock = shmobj_condition_get_lock (condition);
  g_assert_cmpuint (shmobj_condition_get_waiters (condition), ==, 0); /* and so we take part */

  g_test_add_data_func ("/condition/deaths-of-who-notifies-one", NULL, test_deaths_of_a_notifier);
  g_test_add_data_func ("/condition/deaths-of-who-notifies-all", "all", test_deaths_of_a_notifier);
  g_test_add_data_func ("/condition/deaths-of-who-waits-asleep", NULL, test_deaths_of_a_waiter);
  g_test_add_data_func ("/condition/deaths-of-who-waits-by-bell", "bell", test_deaths_of_a_waiter);
  g_test_add_data_func ("/condition/kills/for-ever", "patient", test_random);
  g_test_add_data_func ("/condition/kills/all-ways", NULL, test_random);
  status = g_test_run ();
  g_object_unref (condition);
  return status;
}
