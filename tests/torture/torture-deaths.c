/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death there is: a child puts, gets, waits or joins under a stepper and is killed after its
 * first change of the shared memory, in the next run after its second, and so on to the end. Each
 * time the survivors must find each message whole or not at all, those who sleep must wake for what
 * there is, and everything must go on as if nothing had been.
 *
 *     build/tests/torture/torture-deaths [-p PATH] [PART PARTS]
 *
 * PART of PARTS takes every PARTS-th scene, from the PART-th on: so several processes share the
 * work, and none is left out.
 */

#include "death-run.h"
#include "loan-acts.h"

#include "base/sys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static guint deaths, steps;

/* ---- what the child does ---- */

static void
join (gpointer data)
{
  ring_place_me (((Run *) data)->place);
}

static void
not_yet (gpointer data)
{
}

static void
child_puts (gpointer data)
{
  Run *run = data;

  put_as (run, CHILD, run->scene->size, &for_ever);
}

static void
child_puts_by_bell (gpointer data)
{
  Run *run = data;

  put_as (run, CHILD, run->scene->size, &(RingPatience){ -1, run->never, FALSE });
}

static void
child_gets (gpointer data)
{
  get_with (data, &for_ever);
}

static void
child_gets_by_bell (gpointer data)
{
  Run *run = data;

  get_with (run, &(RingPatience){ -1, run->never, FALSE });
}

static void
child_puts_twice_by_bell (gpointer data)
{
  child_puts_by_bell (data);
  child_puts_by_bell (data);
}

static void
child_gets_twice_by_bell (gpointer data)
{
  child_gets_by_bell (data);
  child_gets_by_bell (data);
}

static void
child_puts_many (gpointer data)
{
  static guint8 message[3][500];
  Run *run = data;
  ShmobjFrame frames[3];
  guint put = 0;

  for (guint i = 0; i < 3; i++)
    {
      fill (message[i], run->scene->size, CHILD + i);
      shmobj_frame_set_bytes (&frames[i], message[i], run->scene->size);
    }
  ring_try_put_many (&run->place->ring, ring_place_me (run->place), frames, 3, &put, TRUE, -1);
}

static void
child_gets_many (gpointer data)
{
  static guint8 buffer[SMALL];
  Run *run = data;
  FrameHeader headers[3];
  RingGetMany many = { .accept = RING_ACCEPT_ALL,
                       .buffer = buffer,
                       .size = sizeof buffer,
                       .headers = headers,
                       .most = 3 };

  ring_try_get_many (&run->place->ring, ring_place_me (run->place), &many, -1);
}

static void
child_receives (gpointer data)
{
  FlightTicket ticket = { 0 };

  receive_with (data, &for_ever, &ticket);
}

static void
child_receives_and_is_done (gpointer data)
{
  Run *run = data;
  FlightTicket ticket = { 0 };

  receive_with (run, &for_ever, &ticket);
  g_assert_true (flight_done (&run->place->ring, ring_place_me (run->place), &ticket));
}

static void
child_receives_and_returns (gpointer data)
{
  Run *run = data;
  FlightTicket ticket = { 0 };

  receive_with (run, &for_ever, &ticket);
  g_assert_true (flight_give_back (&run->place->ring, ring_place_me (run->place), &ticket));
}

/* Comes back as long as it was received only. */
static gboolean
keeps (const Scene *scene)
{
  return scene->act == child_receives || scene->act == child_receives_and_returns ||
         scene->act == child_takes || scene->act == child_sweeps || scene->act == child_trims;
}

static void
child_shuts (gpointer data)
{
  Run *run = data;

  ring_shut (&run->place->ring, ring_place_me (run->place), FALSE, -1);
}

static void
child_looks (gpointer data)
{
  Run *run = data;
  guint8 buffer[4];
  RingGet small = { RING_ACCEPT_ALL, buffer, sizeof buffer, { 0 } };

  g_assert_cmpint (ring_try_get (&run->place->ring, ring_place_me (run->place), &small, -1), ==,
                   RING_TOO_SMALL);
}

/* ---- what was before ---- */

static void
nothing (Run *run)
{
}

static void
some_messages (Run *run)
{
  for (guint i = 0; i < 3; i++)
    put (run, 100);
}

/* The writer is near the end of what there is, and only some of it was read. */
static void
near_the_end (Run *run)
{
  for (guint i = MIN (run->scene->capacity, RING_FIRST_STEP) / 512 - 1; i > 0; i--)
    put (run, 500);
  for (guint i = 0; i < 3; i++)
    get (run);
}

static void
unread_near_the_end (Run *run)
{
  for (guint i = RING_FIRST_STEP / 512 - 1; i > 0; i--)
    put (run, 500);
}

/* The writer is in the next round, with little room before the readers. */
static void
wrapped (Run *run)
{
  near_the_end (run);
  put (run, 600);
}

static void
mark_ahead (Run *run)
{
  wrapped (run);
  while (g_queue_get_length (&run->expected) > 1)
    get (run);
}

static void
empty_in_the_middle (Run *run)
{
  put (run, 3000);
  get (run);
}

static void
restarted (Run *run)
{
  empty_in_the_middle (run);
  put (run, 3500);
}

static void
restarted_and_more (Run *run)
{
  restarted (run);
  put (run, 100);
}

/* After a burst. */
static void
emptied (Run *run)
{
  for (guint i = 0; i < 300; i++)
    put (run, 500);
  for (guint i = 0; i < 300; i++)
    get (run);
  some_loans (run);
  for (guint i = 0; i < 3; i++)
    get (run);
}

static void
emptied_and_trimmed (Run *run)
{
  emptied (run);
  child_trims (run);
}

static void
readers_asleep (Run *run)
{
  help (run, read_one);
  help (run, read_one);
}

static void
reader_asleep (Run *run)
{
  help (run, read_one);
}

static void
readers_at_the_bell (Run *run)
{
  help (run, read_one_by_bell);
  help (run, read_one_by_bell);
}

static void
readers_in_both_ways (Run *run)
{
  help (run, read_one_by_bell);
  help (run, read_one);
}

/* Both napped in vain, and went on to the bell. */
static void
readers_after_a_nap (Run *run)
{
  RingShared *shared = run->place->ring.shared;

  for (int i = 0; i < 2; i++)
    {
      help (run, read_one_napping);
      while (!(atomic_load (&shared->in_bell) & DOORBELL_ARMED) ||
             atomic_load (&shared->read_seat) != 0)
        g_usleep (100);
    }
}

static void
reader_napping_and_one_at_the_bell (Run *run)
{
  readers_after_a_nap (run);
  help (run, read_one);
}

static void
full (Run *run)
{
  while (try_put (run, 40))
    ;
}

static void
writers_asleep (Run *run)
{
  full (run);
  help (run, write_one);
  help (run, write_one);
}

static void
writers_at_the_bell (Run *run)
{
  full (run);
  help (run, write_one_by_bell);
  help (run, write_one_by_bell);
}

static void
writers_in_both_ways (Run *run)
{
  full (run);
  help (run, write_one_by_bell);
  help (run, write_one);
}

/* Was woken, and does not run before the child has died. */
static void
late_reader_at_the_bell (Run *run)
{
  help (run, read_one_by_bell);
  kill (run->helper[0], SIGSTOP);
  g_assert_true (wait_for_state (run->helper[0], 'T'));
  put (run, 100);
}

static void
late_writer_at_the_bell (Run *run)
{
  full (run);
  help (run, write_one_by_bell);
  kill (run->helper[0], SIGSTOP);
  g_assert_true (wait_for_state (run->helper[0], 'T'));
  get (run);
}

static void
die_in_both_guards (Run *run)
{
  ring_lock_both (&run->place->ring, ring_place_me (run->place), -1);
  raise (SIGKILL);
}

static void
kill_helper (Run *run)
{
  end_child (run->helper[--run->helpers]);
}

static void
guards_of_the_dead (Run *run)
{
  pid_t pid;

  some_messages (run);
  pid = fork_child ();
  if (pid == 0)
    die_in_both_guards (run);
  waitpid (pid, NULL, 0);
}

/* Of three messages the first two were received by somebody who died. */
static void
received_by_the_dead (Run *run)
{
  pid_t pid;
  FlightTicket ticket[2] = { 0 };

  some_messages (run);
  pid = fork_child ();
  if (pid == 0)
    {
      receive_with (run, &for_ever, &ticket[0]);
      receive_with (run, &for_ever, &ticket[1]);
      raise (SIGKILL);
    }
  waitpid (pid, NULL, 0);
}

/* Nothing else is there. */
static void
all_received_by_the_dead (Run *run)
{
  received_by_the_dead (run);
  get (run);
}

static void
dead_reader_in_the_seat (Run *run)
{
  help (run, read_one);
  kill_helper (run);
}

static void
dead_writer_in_the_seat (Run *run)
{
  full (run);
  help (run, write_one);
  kill_helper (run);
}

/* ---- and what wakes the child ---- */

static void
put_one (Run *run)
{
  put (run, 100);
}

static void
get_one (Run *run)
{
  get (run);
}

static void
get_some (Run *run)
{
  for (guint i = 0; i < 3; i++)
    get (run);
}

static const Scene scenes[] = {
  { "join", SMALL, 0, some_messages, join, NULL, 0 },
  { "put", SMALL, 0, some_messages, child_puts, NULL, 200 },
  { "put/with-a-mark", SMALL, 0, near_the_end, child_puts, NULL, 600 },
  { "put/growing", MEDIUM, 0, unread_near_the_end, child_puts, NULL, 600 },
  { "put/growing-behind-the-readers", MEDIUM, 0, wrapped, child_puts, NULL, 1200 },
  { "put/at-a-restart", SMALL, 0, empty_in_the_middle, child_puts, NULL, 3500 },
  { "put/reader-asleep", SMALL, 0, reader_asleep, child_puts, NULL, 100 },
  { "put/readers-asleep", SMALL, 0, readers_asleep, child_puts, NULL, 100 },
  { "put/readers-at-the-bell", SMALL, 0, readers_at_the_bell, child_puts, NULL, 100 },
  { "put/readers-asleep-in-both-ways", SMALL, 0, readers_in_both_ways, child_puts, NULL, 100 },
  { "put/readers-after-a-nap", SMALL, 0, readers_after_a_nap, child_puts, NULL, 100 },
  { "put/readers-after-a-nap-and-asleep", SMALL, 0, reader_napping_and_one_at_the_bell, child_puts,
    NULL, 100 },
  { "put/guards-of-the-dead", SMALL, 0, guards_of_the_dead, child_puts, NULL, 100 },
  { "put/waiting", SMALL, 4, full, child_puts, get_one, 100 },
  { "put/waiting-for-bytes", SMALL, 0, full, child_puts, get_some, 100 },
  { "put/waiting-at-the-bell", SMALL, 4, full, child_puts_by_bell, get_one, 100 },
  { "put/waiting-behind-others", SMALL, 4, writers_asleep, child_puts, get_one, 100, TRUE },
  { "put/waiting-at-the-bell-with-others", SMALL, 4, writers_at_the_bell, child_puts_by_bell,
    get_one, 100, TRUE },
  { "put/at-the-bell-with-one-who-is-late", SMALL, 4, late_writer_at_the_bell,
    child_puts_twice_by_bell, NULL, 100, TRUE },
  { "put/many", SMALL, 0, near_the_end, child_puts_many, NULL, 250 },
  { "put/many-reader-asleep", SMALL, 0, reader_asleep, child_puts_many, NULL, 250 },
  { "put/after-a-dead-one-in-the-seat", SMALL, 4, dead_writer_in_the_seat, child_puts, get_one,
    100 },
  { "get", SMALL, 0, some_messages, child_gets, NULL, 0 },
  { "get/after-a-mark", SMALL, 0, mark_ahead, child_gets, NULL, 0 },
  { "get/at-a-restart", SMALL, 0, restarted, child_gets, NULL, 0 },
  { "get/at-a-restart-with-more", SMALL, 0, restarted_and_more, child_gets, NULL, 0 },
  { "get/looking-at-a-restart", SMALL, 0, restarted_and_more, child_looks, NULL, 0 },
  { "get/writers-asleep", SMALL, 4, writers_asleep, child_gets, NULL, 0, TRUE },
  { "get/writers-at-the-bell", SMALL, 4, writers_at_the_bell, child_gets, NULL, 0, TRUE },
  { "get/writers-asleep-in-both-ways", SMALL, 4, writers_in_both_ways, child_gets, NULL, 0, TRUE },
  { "get/guards-of-the-dead", SMALL, 0, guards_of_the_dead, child_gets, NULL, 0 },
  { "get/waiting", SMALL, 0, nothing, child_gets, put_one, 0 },
  { "get/waiting-at-the-bell", SMALL, 0, nothing, child_gets_by_bell, put_one, 0 },
  { "get/waiting-behind-others", SMALL, 0, readers_asleep, child_gets, put_one, 0 },
  { "get/waiting-at-the-bell-with-others", SMALL, 0, readers_at_the_bell, child_gets_by_bell,
    put_one, 0 },
  { "get/waiting-in-both-ways", SMALL, 0, readers_in_both_ways, child_gets, put_one, 0 },
  { "get/at-the-bell-with-one-who-is-late", SMALL, 0, late_reader_at_the_bell,
    child_gets_twice_by_bell, NULL, 0 },
  { "get/many", SMALL, 0, wrapped, child_gets_many, NULL, 0 },
  { "get/many-writers-asleep", SMALL, 4, writers_asleep, child_gets_many, NULL, 0, TRUE },
  { "shut/readers-asleep", SMALL, 0, readers_in_both_ways, child_shuts, NULL, 1 },
  { "shut/writers-asleep", SMALL, 4, writers_in_both_ways, child_shuts, NULL, 1, TRUE },
  { "receive", SMALL, 0, some_messages, child_receives, NULL, 0 },
  { "receive/done", SMALL, 0, some_messages, child_receives_and_is_done, NULL, 0 },
  { "receive/given-back", SMALL, 0, some_messages, child_receives_and_returns, NULL, 0 },
  { "receive/given-back-with-readers", SMALL, 0, readers_in_both_ways, child_receives_and_returns,
    put_one, 0 },
  { "receive/with-readers", SMALL, 0, readers_in_both_ways, child_receives, put_one, 0 },
  { "receive/what-the-dead-received", SMALL, 0, received_by_the_dead, child_receives, NULL, 0 },
  { "receive/all-that-is-left-by-the-dead", SMALL, 0, all_received_by_the_dead, child_receives,
    NULL, 0 },
  { "get/what-the-dead-received", SMALL, 0, all_received_by_the_dead, child_gets, NULL, 0 },
  { "get/a-loan", SMALL, 0, some_loans, child_gets, NULL, 0 },
  { "get/many-loans", SMALL, 0, some_loans, child_gets_many, NULL, 0 },
  { "receive/a-loan", SMALL, 0, some_loans, child_receives, NULL, 0 },
  { "receive/in-place", SMALL, 0, some_loans, child_takes, NULL, 0 },
  { "receive/in-place-and-done", SMALL, 0, some_loans, child_takes_and_is_done, NULL, 0 },
  { "lend/put", SMALL, 0, some_loans, child_lends_and_puts, NULL, 100 },
  { "lend/put-reader-asleep", SMALL, 0, reader_asleep, child_lends_and_puts, NULL, 100 },
  { "lend/put-waiting", SMALL, 4, full, child_lends_and_puts, get_one, 100 },
  { "lend/after-the-dead", SMALL, 0, lent_to_the_dead, child_lends_and_puts, NULL, 1000 },
  { "lend/given-back", SMALL, 0, some_loans, child_lends_and_returns, NULL, 100 },
  { "lend/sweeping", SMALL, 0, lent_to_the_dead, child_sweeps, NULL, 0 },
  { "trim/of-what-is-empty", MEDIUM, 0, emptied, child_trims, NULL, 0 },
  { "trim/of-what-is-not", MEDIUM, 0, wrapped, child_trims, NULL, 0 },
  { "trim/put-afterwards", MEDIUM, 0, emptied_and_trimmed, child_puts, NULL, 600 },
  { "get/after-a-dead-one-in-the-seat", SMALL, 0, dead_reader_in_the_seat, child_gets, put_one, 0 },
};

/* TRUE when the child was killed at point @point; FALSE when it ended, or fell asleep for good. */
static gboolean
step_to (Run *run, guint point)
{
  RingShared *shared = run->place->ring.shared;
  gboolean joins = run->scene->act == join;
  StepperState state = STEPPER_STOPPED;
  Stepper stepper;

  stepper_start (&stepper, joins ? not_yet : join, run->scene->act, run);
  stepper_watch (&stepper, shared, sizeof *shared);
  stepper_watch (&stepper, segment_at (&run->place->segment, SLOTS_OFFSET, 16 * sizeof (Slot)),
                 16 * sizeof (Slot));
  stepper_watch (&stepper, run->place->ring.flight, 8 * sizeof (FlightEntry));
  watch_pool (&stepper, run);
  while (state != STEPPER_ENDED && stepper.points < point)
    {
      state = stepper_next (&stepper);
      if (state != STEPPER_ASLEEP || work_waits_for (run, run->scene->size > 0))
        continue;
      if (run->scene->asleep == NULL)
        break;
      run->scene->asleep (run); /* again and again: others may have taken what it waits for */
    }
  deaths++;
  steps += stepper.steps;
  stepper_end (&stepper);
  return state == STEPPER_STOPPED;
}

static gboolean
run_to (const Scene *scene, guint point, guint64 count, guint64 pos)
{
  Run run = { .scene = scene, .expected = G_QUEUE_INIT, .never = sys.eventfd () };
  gboolean more;

  run.place = ring_place_new_at (scene->capacity, scene->maxsize, count, pos);
  run.taken = count;
  run.in_hands = scene->size > 0 || keeps (scene) ? 0 : scene->act == child_gets_many ? 3 : 1;
  run.unordered = g_str_has_prefix (scene->path, "receive");
  scene->prepare (&run);
  more = step_to (&run, point);
  for (guint i = 0; i < run.helpers; i++)
    kill (run.helper[i], SIGCONT);
  expect_helpers (&run, scene->helpers_write);
  judge (&run);
  g_assert_cmpuint (run.taken, ==, ring_read (&run.place->ring));
  run.in_hands = 0;
  if (ring_is_shut (&run.place->ring))
    g_assert_cmpint (put_as (&run, CHILD, 40, &for_ever), ==, RING_CLOSED);
  else
    exercise (&run);
  g_assert_cmpuint (run.taken, ==, ring_read (&run.place->ring));
  expect_whole_pool (&run);
  ring_place_free (run.place);
  close (run.never);
  return more;
}

static void
test_scene (gconstpointer data)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint step = slower != NULL ? MAX (atoi (slower), 1) : 1, before = deaths, point;

  steps = 0;
  for (point = 1; run_to (data, point, 0, 0); point += step)
    ;
  g_test_message ("%u deaths, %u instructions", deaths - before, steps);
  /* and where counts and rounds begin anew */
  for (guint k = 1; k <= point; k += 3 * step)
    run_to (data, k, WAIT_COUNT_MASK - g_test_rand_int_range (0, 4), LAST_ROUND);
}

int
main (int argc, char **argv)
{
  _Atomic (guint32) still = 0;
  guint part, parts;

  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  g_test_init (&argc, &argv, NULL);
  part = argc == 3 ? atoi (argv[1]) - 1 : 0;
  parts = argc == 3 ? MAX (atoi (argv[2]), 1) : 1;
  wait_spin (&(WaitHabit){ 0 }, &still, 0); /* measures, once for all children */
  runs_begin ();
  for (guint i = part; i < G_N_ELEMENTS (scenes); i += parts)
    {
      g_autofree char *path = g_strconcat ("/deaths/", scenes[i].path, NULL);

      g_test_add_data_func (path, &scenes[i], test_scene);
    }
  return g_test_run ();
}
