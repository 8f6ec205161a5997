/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of one who takes, gives or returns units: killed after each change of the semaphore,
 * and after each system call. And kills at random. No unit is lost, none is made, and who slept
 * gets the one that is there.
 *
 *     build/tests/torture/torture-semaphore [-p PATH]
 *
 * At each point the process ends in one of three ways: killed there; killed after others have taken
 * and given units beside it, and so went on from what it left; or let go on after that, to its
 * end. What it holds then must be what went back.
 */

#include "ring-place.h"
#include "stepper.h"

#include "base/semaphore.h"
#include "base/shmobj-error.h"
#include "base/sys.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNITS 3
#define PATIENCE_US (20 * G_USEC_PER_SEC)
#define MANY 9 /* processes with records: more than the first cell and another one have */

typedef struct _Scene Scene;

typedef struct
{
  const Scene *scene;
  ArenaObject object;
  Semaphore semaphore;
  pid_t waiters[2], holders[MANY];
} Run;

struct _Scene
{
  const char *path;
  guint32 value;
  void (*prepare) (Run *run); /* in the test, before there is the one who dies */
  void (*ready) (gpointer run);
  void (*act) (gpointer run);
  gboolean asleep;  /* it sleeps in the act, until a unit is given */
  gboolean waiters; /* others sleep for units meanwhile */
  guint32 more;     /* units that the act adds */
};

typedef enum
{
  KILLED,
  KILLED_AMONG_OTHERS,
  LET_GO,
  ENDS,
} End;

static guint32
me_of (Run *run)
{
  guint32 me = participants_me (run->semaphore.participants, NULL);

  g_assert_cmpuint (me, !=, 0);
  return me;
}

static void
take (Run *run, gint64 deadline_us)
{
  guint32 me = me_of (run);

  g_assert_true (semaphore_prepare (&run->semaphore, me, NULL));
  g_assert_cmpint (semaphore_take (&run->semaphore, me, deadline_us, FALSE), ==, SEMAPHORE_TAKEN);
}

static void
give (Run *run, guint32 n)
{
  g_assert_true (semaphore_give (&run->semaphore, me_of (run), n));
}

/* ---- what the one who dies does ---- */

static void
join (gpointer run)
{
  me_of (run);
}

static void
join_and_prepare (gpointer run)
{
  g_assert_true (semaphore_prepare (&((Run *) run)->semaphore, me_of (run), NULL));
}

static void
take_one (gpointer run)
{
  take (run, 0);
}

static void
take_all (gpointer run)
{
  for (guint32 i = 0; i < UNITS; i++)
    take (run, 0);
}

static void
take_for_ever (gpointer run)
{
  take (run, -1);
}

static void
give_one (gpointer run)
{
  give (run, 1);
}

static void
give_two (gpointer run)
{
  give (run, 2);
}

static void
give_five (gpointer run)
{
  give (run, 5);
}

static void
look_after_the_dead (gpointer run)
{
  semaphore_value (&((Run *) run)->semaphore, me_of (run));
}

/* ---- what was before ---- */

/* A process that has done @act and then waits for its end. */
static pid_t
start_holder (Run *run, void (*act) (gpointer run))
{
  int ends[2];
  char byte;
  pid_t pid;

  g_assert_cmpint (pipe (ends), ==, 0);
  pid = fork_child ();
  if (pid == 0)
    {
      act (run);
      g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  close (ends[0]);
  close (ends[1]);
  return pid;
}

static void
leave_dead_holder (Run *run)
{
  end_child (start_holder (run, take_one));
}

/* One that died while it took: its note says so, and the word. */
static void
leave_dead_in_the_act (Run *run)
{
  Stepper stepper;

  stepper_start (&stepper, join_and_prepare, take_one, run);
  stepper_watch (&stepper, &run->semaphore.shared->word, sizeof (guint64));
  g_assert_cmpint (stepper_next (&stepper), ==, STEPPER_STOPPED);
  stepper_end (&stepper);
}

static void
leave_two_dead (Run *run)
{
  pid_t pid = start_holder (run, take_one);

  leave_dead_in_the_act (run);
  end_child (pid);
}

/* So that the next one needs a cell for its record. */
static void
have_two_holders (Run *run)
{
  for (guint i = 0; i < RECORDS_FIRST; i++)
    run->holders[i] = start_holder (run, join_and_prepare);
}

static const Scene scenes[] = {
  { "takes", 3, NULL, join_and_prepare, take_one },
  { "takes-the-last", 1, NULL, join_and_prepare, take_one },
  { "takes-for-the-first-time", 3, NULL, join, take_one },
  { "takes-and-appends-a-cell", 3, have_two_holders, join, take_one },
  { "sleeps-and-takes", 0, NULL, join_and_prepare, take_for_ever, .asleep = TRUE },
  { "gives-to-sleepers", UNITS, NULL, take_all, give_one, .waiters = TRUE },
  { "gives-two-to-sleepers", UNITS, NULL, take_all, give_two, .waiters = TRUE },
  { "gives-more-than-it-holds", UNITS, NULL, take_all, give_five, .waiters = TRUE, .more = 2 },
  { "signals", 0, NULL, join, give_five, .waiters = TRUE, .more = 5 },
  { "returns-for-the-dead", UNITS, leave_dead_holder, join, look_after_the_dead },
  { "returns-for-one-who-died-in-the-act", UNITS, leave_dead_in_the_act, join,
    look_after_the_dead },
  { "returns-for-two", UNITS, leave_two_dead, join, look_after_the_dead },
  { "returns-and-takes-the-record", UNITS, leave_two_dead, join, take_one },
};

/* ---- one run ---- */

static gboolean
awake_or_taken (Run *run, guint way)
{
  SemaphoreShared *shared = run->semaphore.shared;

  return !(way == 0 ? (shared->word & 1) : shared->listening) ||
         state_of (run->waiters[way]) != 'S';
}

static void
start_waiters (Run *run)
{
  for (guint way = 0; way < G_N_ELEMENTS (run->waiters); way++)
    {
      run->waiters[way] = fork_child ();
      if (run->waiters[way] == 0)
        {
          guint32 me = me_of (run);
          int never = sys.eventfd ();

          g_assert_true (semaphore_prepare (&run->semaphore, me, NULL));
          _exit (way == 0 ? semaphore_take (&run->semaphore, me, -1, FALSE)
                          : semaphore_take_or_fd (&run->semaphore, me, -1, never));
        }
      while (awake_or_taken (run, way))
        g_usleep (50);
    }
}

static void
expect_waiters (Run *run)
{
  gint64 late_us = sys_now_us () + PATIENCE_US;

  for (guint way = 0; way < G_N_ELEMENTS (run->waiters); way++)
    for (int status = -1; status != SEMAPHORE_TAKEN; g_usleep (50))
      {
        pid_t pid = waitpid (run->waiters[way], &status, WNOHANG);

        g_assert_true (pid == 0 || (pid == run->waiters[way] && status == SEMAPHORE_TAKEN));
        g_assert_cmpint (sys_now_us (), <, late_us);
        status = pid == 0 ? -1 : status;
      }
}

/* The semaphore's cell, which is the first one of its arena, the two behind it, and how many there
 * are. */
static void
watch_all (Run *run, Stepper *stepper)
{
  guint8 *cell = (guint8 *) run->semaphore.shared - G_STRUCT_OFFSET (ArenaCell, content);

  stepper_watch (stepper, cell, 3 * sizeof (ArenaCell));
  stepper_watch (stepper, cell - LAYOUT_PAGE, sizeof (ArenaShared));
}

/* Others go on from what the one who stopped has left, if there is a unit for them. */
static void
go_on_beside (Run *run)
{
  pid_t pid = fork_child ();
  int status;

  if (pid == 0)
    {
      guint32 me = me_of (run);
      GError *error = NULL;

      if (!semaphore_prepare (&run->semaphore, me,
                              &error)) /* whoever appends a cell has the guard */
        _exit (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY) ? 0 : 1);
      if (semaphore_take (&run->semaphore, me, 0, FALSE) == SEMAPHORE_TAKEN)
        give (run, 1);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
begin_run (Run *run, const Scene *scene)
{
  GError *error = NULL;

  *run = (Run){ .scene = scene };
  g_assert_true (arena_object_new (&run->object, CELL_SEMAPHORE, TRUE, &error));
  semaphore_fill (arena_object_content (&run->object), scene->value, 0, TRUE);
  semaphore_init (&run->semaphore, arena_object_content (&run->object), run->object.arena);
  me_of (run);
  if (scene->prepare != NULL)
    scene->prepare (run);
}

static void
end_run (Run *run, gboolean whole)
{
  guint32 value;

  for (guint i = 0; i < MANY; i++)
    if (run->holders[i] != 0)
      end_child (run->holders[i]);
  value = semaphore_value (&run->semaphore, me_of (run));
  if (run->scene->asleep) /* the one that woke it */
    value -= 1;
  if (whole || value != run->scene->value)
    g_assert_cmpuint (value, ==, run->scene->value + run->scene->more);
  for (guint32 i = 0; i < value; i++) /* and all of them can be had */
    take (run, 0);
  g_assert_cmpint (semaphore_held (&run->semaphore, me_of (run)), ==, value);
  semaphore_clear (&run->semaphore);
  arena_object_clear (&run->object);
}

/* FALSE: it came to its end before the @point-th point. */
static gboolean
die_at (const Scene *scene, guint point, End end)
{
  StepperState state = STEPPER_STOPPED;
  gboolean reached, given = FALSE;
  Stepper stepper;
  Run run;

  begin_run (&run, scene);
  stepper_start (&stepper, scene->ready, scene->act, &run);
  if (scene->waiters)
    start_waiters (&run);
  watch_all (&run, &stepper);
  while (stepper.points < point && state != STEPPER_ENDED)
    {
      state = stepper_next (&stepper);
      if (state == STEPPER_ASLEEP && !given)
        give (&run, 1);
      given |= state == STEPPER_ASLEEP;
    }
  reached = state != STEPPER_ENDED;
  if (reached && end != KILLED)
    go_on_beside (&run);
  if (scene->asleep && !given)
    give (&run, 1);
  if (reached && end == LET_GO)
    stepper_release (&stepper);
  stepper_end (&stepper);
  if (scene->value == 0 && scene->more > 0 && semaphore_value (&run.semaphore, me_of (&run)) == 0)
    give (&run, scene->more); /* it died before it did */
  if (scene->waiters)
    expect_waiters (&run);
  end_run (&run, end == LET_GO || !reached);
  return reached;
}

static void
test_scene (gconstpointer data)
{
  const Scene *scene = data;
  guint point = 1, deaths = 0;

  for (End end = KILLED; end < ENDS; end++)
    for (point = 1; die_at (scene, point, end); point++)
      deaths++;
  g_assert_cmpuint (point, >, 3);
  g_test_message ("%u points, %u deaths", point - 1, deaths);
}

/* ---- at random ---- */

typedef struct
{
  _Atomic (guint64) turns[MANY];
  _Atomic (guint32) has[MANY]; /* a unit, as it says */
} Ledger;

static void
play (Run *run, Ledger *ledger, guint number)
{
  int never = sys.eventfd ();
  guint32 me = me_of (run);

  g_assert_true (semaphore_prepare (&run->semaphore, me, NULL));
  for (;;)
    {
      gint64 deadline_us = g_random_boolean () ? -1 : wait_deadline (g_random_int_range (1, 2000));
      SemaphoreResult result = g_random_boolean ()
                                   ? semaphore_take_or_fd (&run->semaphore, me, deadline_us, never)
                                   : semaphore_take (&run->semaphore, me, deadline_us, FALSE);

      if (result == SEMAPHORE_NONE)
        continue;
      g_assert_cmpint (result, ==, SEMAPHORE_TAKEN);
      ledger->has[number] = 1;
      if (g_random_int_range (0, 8) == 0)
        g_usleep (g_random_int_range (0, 200));
      ledger->has[number] = 0;
      give (run, 1);
      ledger->turns[number]++;
    }
}

static void
start_player (Run *run, Ledger *ledger, guint number)
{
  ledger->has[number] = 0;
  run->holders[number] = fork_child ();
  if (run->holders[number] == 0)
    {
      g_random_set_seed (getpid () + g_get_monotonic_time ());
      play (run, ledger, number);
    }
}

/* Each player gets a turn. */
static gint64
await_turns (Ledger *ledger)
{
  gint64 start_us = sys_now_us ();
  guint64 before[MANY];

  for (guint i = 0; i < MANY; i++)
    before[i] = ledger->turns[i];
  for (guint i = 0; i < MANY; i++)
    while (ledger->turns[i] == before[i])
      {
        g_usleep (100);
        g_assert_cmpint (sys_now_us () - start_us, <, PATIENCE_US);
      }
  return sys_now_us () - start_us;
}

/* All die at once: then all units are there. */
static void
count (Run *run, Ledger *ledger)
{
  for (guint i = 0; i < MANY; i++)
    kill (run->holders[i], SIGKILL);
  for (guint i = 0; i < MANY; i++)
    end_child (run->holders[i]);
  g_assert_cmpuint (semaphore_value (&run->semaphore, me_of (run)), ==, UNITS);
  for (guint i = 0; i < MANY; i++)
    start_player (run, ledger, i);
}

static guint
rounds_wanted (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  return slower != NULL ? MAX (300 / MAX (atoi (slower), 1), 20) : 300;
}

static void
test_random (void)
{
  static const Scene any = { .value = UNITS };
  Ledger *ledger =
      mmap (NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  guint rounds = rounds_wanted (), holding = 0;
  gint64 longest_us = 0;
  guint64 turns = 0;
  Run run;

  begin_run (&run, &any);
  for (guint i = 0; i < MANY; i++)
    start_player (&run, ledger, i);
  for (guint round = 1; round <= rounds; round++)
    {
      guint victim = g_random_int_range (0, MANY);
      gint64 took_us;

      g_usleep (g_random_int_range (0, 2000));
      end_child (run.holders[victim]);
      holding += ledger->has[victim];
      start_player (&run, ledger, victim);
      took_us = await_turns (ledger);
      longest_us = MAX (longest_us, took_us);
      if (round % 10 == 0)
        count (&run, ledger);
    }
  for (guint i = 0; i < MANY; i++)
    turns += ledger->turns[i];
  g_test_message ("%u rounds, %u turns, %u killed with a unit; longest delay %.1f ms", rounds,
                  (guint) turns, holding, longest_us / 1000.0);
  end_run (&run, TRUE);
  munmap (ledger, sizeof *ledger);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (scenes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/torture-semaphore/%s", scenes[i].path);

      g_test_add_data_func (path, &scenes[i], test_scene);
    }
  g_test_add_func ("/torture-semaphore/at-random", test_random);
  return g_test_run ();
}
