/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The short lock: exclusion, heirs, and owners that are stopped. */

#include "../objects/lock-fixture.h"

#include "base/guard.h"
#include "base/sys.h"
#include "base/wait.h"

typedef struct
{
  Guard guard;
  _Atomic (guint32) inside, stage, stop;
  guint64 counter;
  _Atomic (guint64) turns[4];
  GuardStatistics statistics;
} Shared;

typedef struct
{
  Segment segment;
  Participants participants;
  Shared *shared;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const guint64 parameter[4] = { 0 };

  g_assert_true (segment_new (&fixture->segment, SEGMENT_QUEUE, "test", OBJECT_OFFSET,
                              OBJECT_OFFSET, parameter, NULL));
  participants_init (&fixture->participants, &fixture->segment);
  fixture->shared = shared_memory (sizeof (Shared));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  participants_clear (&fixture->participants);
  segment_close (&fixture->segment);
  munmap (fixture->shared, sizeof (Shared));
}

static gboolean
take (Fixture *fixture, gint64 deadline_us)
{
  return guard_take (&fixture->shared->guard, &fixture->participants,
                     participants_me (&fixture->participants, NULL), deadline_us,
                     &fixture->shared->statistics);
}

/* The guard's clock: ours goes on by this at each look. */
static gint64 leap_us;

gint64 __real_sys_now_us (void);

gint64 __wrap_sys_now_us (void);

gint64
__wrap_sys_now_us (void)
{
  static gint64 leapt_us;

  return __real_sys_now_us () + (leapt_us += leap_us);
}

static void
test_exclusion (Fixture *fixture, gconstpointer data)
{
  enum
  {
    PROCESSES = 4,
    ROUNDS = 40000
  };
  pid_t pids[PROCESSES];

  for (guint i = 0; i < PROCESSES; i++)
    IN_CHILD (pids[i])
    {
      for (guint k = 0; k < ROUNDS; k++)
        {
          if (!take (fixture, -1))
            _exit (1);
          fixture->shared->counter++;
          guard_release (&fixture->shared->guard);
        }
      _exit (0);
    }
  for (guint i = 0; i < PROCESSES; i++)
    assert_exit (pids[i], 0);
  g_assert_cmpuint (fixture->shared->counter, ==, PROCESSES * ROUNDS);
}

static pid_t
start_owner (Fixture *fixture)
{
  pid_t pid;

  fixture->shared->stage = 0;
  IN_CHILD (pid)
  {
    fixture->shared->stage = take (fixture, -1) ? 1 : 2;
    for (;;)
      pause ();
  }
  await (&fixture->shared->stage, 1);
  return pid;
}

static void
test_dead_owner (Fixture *fixture, gconstpointer data)
{
  for (guint i = 1; i <= rounds (200); i++)
    {
      pid_t pid = start_owner (fixture);

      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      g_assert_true (take (fixture, -1));
      g_assert_cmpuint (fixture->shared->statistics.taken_over, ==, i);
      guard_release (&fixture->shared->guard);
    }
}

static void
test_stopped_owner (Fixture *fixture, gconstpointer data)
{
  pid_t pid = start_owner (fixture);
  gint64 start_us;

  kill (pid, SIGSTOP);
  waitpid (pid, NULL, WUNTRACED);
  start_us = sys_now_us ();
  g_assert_false (take (fixture, start_us + 50000));
  g_assert_cmpint (sys_now_us () - start_us, >=, 50000);
  start_us = sys_now_us ();
  g_assert_false (take (fixture, 0)); /* with some patience for who only lost its CPU */
  g_assert_cmpint (sys_now_us () - start_us, >=, 20000);
  g_assert_cmpuint (fixture->shared->statistics.taken_over, ==, 0);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  g_assert_true (take (fixture, 0));
}

/* Who did not run himself for hours still gives the owner a while, and does not call him stopped at
 * his second look. */
static void
test_time_leaps (Fixture *fixture, gconstpointer data)
{
  pid_t pid = start_owner (fixture);

  leap_us = G_TIME_SPAN_HOUR;
  g_assert_false (take (fixture, 0));
  leap_us = 0;
  g_assert_cmpuint (fixture->shared->statistics.naps, >=, 100);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  g_assert_true (take (fixture, 0));
}

/* Owners are killed inside, at random; the others go on, one at a time. */
static void
test_random_kills (Fixture *fixture, gconstpointer data)
{
  enum
  {
    PROCESSES = 3,
    KILLS = 200
  };
  Shared *shared = fixture->shared;
  pid_t pids[PROCESSES];

  for (gint round = -PROCESSES; round < KILLS; round++)
    {
      guint number = round < 0 ? round + PROCESSES : g_test_rand_int_range (0, PROCESSES);
      guint64 before;

      if (round >= 0)
        {
          g_usleep (g_test_rand_int_range (0, 1000));
          kill (pids[number], SIGKILL);
          waitpid (pids[number], NULL, 0);
        }
      IN_CHILD (pids[number])
      {
        guint32 mine = participants_me (&fixture->participants, NULL);

        while (!shared->stop)
          {
            if (!take (fixture, -1))
              _exit (1);
            shared->inside = mine;
            wait_pause (3);
            if (shared->inside != mine)
              _exit (2);
            shared->turns[number]++;
            guard_release (&shared->guard);
            wait_pause (3); /* a guard is not fair: somebody must leave a gap */
          }
        _exit (0);
      }
      before = shared->turns[number];
      for (gint64 until_us = sys_now_us () + LONG_US; shared->turns[number] == before;)
        g_assert_cmpint (sys_now_us (), <, until_us);
    }
  shared->stop = 1;
  for (guint i = 0; i < PROCESSES; i++)
    assert_exit (pids[i], 0);
  g_test_message ("%u killed, %u of them inside", KILLS, (guint) shared->statistics.taken_over);
  g_assert_cmpuint (shared->statistics.taken_over, >, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/guard/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("one-at-a-time", test_exclusion);
  ADD ("dead-owner-is-replaced", test_dead_owner);
  ADD ("stopped-owner-keeps-it-past-the-deadline", test_stopped_owner);
  ADD ("who-did-not-run-himself-is-patient", test_time_leaps);
  ADD ("random-kills-never-stall-the-others", test_random_kills);

  return g_test_run ();
}
