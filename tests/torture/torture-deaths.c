/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death there is: a child puts, gets, waits or joins under a stepper and is killed after its
 * first change of the shared memory, in the next run after its second, and so on to the end. Each
 * time the survivors must find each message whole or not at all, those who sleep must wake for what
 * there is, and everything must go on as if nothing had been.
 *
 *     build/tests/torture/torture-deaths [-p PATH]
 */

#include "stepper.h"
#include "ring-place.h"

#include "base/sys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL RING_SIZE_MIN
#define MEDIUM (256 * 1024)
#define CHILD 1000  /* the number of the message that the child puts */
#define HELPER 2000 /* and of those that helpers put */
#define HELPERS 3
#define LAST_ROUND (~((G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS) - 1))
#define PATIENCE_US (20 * G_USEC_PER_SEC)

/* What helpers got, in whatever order. */
typedef struct
{
  _Atomic (guint32) count, number[64];
} Got;

typedef struct _Scene Scene;

/* One run, killed at one point. */
typedef struct
{
  const Scene *scene;
  RingPlace *place;
  GQueue expected; /* numbers of messages that may still come, oldest first */
  pid_t helper[HELPERS];
  guint helpers;
  guint32 last;   /* number of the last message that we put */
  guint64 taken;  /* messages that somebody has for certain */
  int never;      /* nothing ever cancels */
  guint in_hands; /* messages that the child may have taken with it */
} Run;

struct _Scene
{
  const char *path;
  guint64 capacity;
  guint32 maxsize;
  void (*prepare) (Run *run);
  void (*act) (gpointer run);
  void (*asleep) (Run *run); /* what wakes the child; NULL: it is killed in its sleep */
  gsize size;                /* of the message that the child puts; 0: it gets */
  gboolean helpers_write;
};

static Got *got;
static guint deaths, steps;
static const RingPatience for_ever = { -1, -1, FALSE };
static const RingPatience at_once = { 0, -1, FALSE };

/* ---- messages ---- */

static void
fill (guint8 *message, gsize size, guint32 number)
{
  memset (message, (int) (number * 13 + size), size);
  memcpy (message, &number, sizeof number);
}

static RingStatus
put_as (Run *run, guint32 number, gsize size, const RingPatience *patience)
{
  static guint8 message[MEDIUM];
  ShmobjFrame frame;

  fill (message, size, number);
  shmobj_frame_set_bytes (&frame, message, size);
  return ring_put (&run->place->ring, ring_place_me (run->place), &frame, patience);
}

/* The number of what was got, or 0 when there is none or the ring is shut. */
static guint32
get_with (Run *run, const RingPatience *patience)
{
  static guint8 message[MEDIUM], whole[MEDIUM];
  RingGet get = { RING_ACCEPT_ALL, message, sizeof message, { 0 } };
  RingStatus status = ring_get (&run->place->ring, ring_place_me (run->place), &get, patience);
  guint32 number;

  if (status == RING_EMPTY || status == RING_CLOSED)
    return 0;
  g_assert_cmpint (status, ==, RING_OK);
  memcpy (&number, message, sizeof number);
  fill (whole, get.header.size, number);
  g_assert_cmpmem (message, get.header.size, whole, get.header.size);
  return number;
}

/* Somebody got this one. */
static void
take (Run *run, guint32 number)
{
  if (number == 0)
    return;
  if (number < CHILD)
    g_assert_true (g_queue_remove (&run->expected, GUINT_TO_POINTER (number)));
  run->taken++;
}

static void
put (Run *run, gsize size)
{
  RingPatience patience = { wait_deadline (PATIENCE_US), -1, FALSE };

  g_assert_cmpint (put_as (run, ++run->last, size, &patience), ==, RING_OK);
  g_queue_push_tail (&run->expected, GUINT_TO_POINTER (run->last));
}

static gboolean
try_put (Run *run, gsize size)
{
  if (put_as (run, run->last + 1, size, &at_once) != RING_OK)
    return FALSE;
  g_queue_push_tail (&run->expected, GUINT_TO_POINTER (++run->last));
  return TRUE;
}

static void
get (Run *run)
{
  RingPatience patience = { wait_deadline (PATIENCE_US), -1, FALSE };
  guint32 number = get_with (run, &patience);

  g_assert_cmpuint (number, !=, 0);
  take (run, number);
}

/* ---- helpers: processes that sleep beside the one who dies ---- */

static void
help (Run *run, void (*act) (Run *))
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      act (run);
      _exit (0);
    }
  run->helper[run->helpers++] = pid;
  g_usleep (4000); /* past what a writer waits for a batch */
  g_assert_true (wait_for_state (pid, 'S'));
}

static void
note (guint32 number)
{
  got->number[got->count++] = number;
}

static void
read_one (Run *run)
{
  note (get_with (run, &for_ever));
}

static void
read_one_by_bell (Run *run)
{
  note (get_with (run, &(RingPatience){ -1, run->never, FALSE }));
}

static void
write_one (Run *run)
{
  put_as (run, HELPER, 40, &for_ever);
}

static void
write_one_by_bell (Run *run)
{
  put_as (run, HELPER, 40, &(RingPatience){ -1, run->never, FALSE });
}

static guint
helpers_alive (Run *run)
{
  guint alive = 0;

  for (guint i = 0; i < run->helpers; i++)
    {
      siginfo_t info = { 0 };

      g_assert_cmpint (waitid (P_PID, run->helper[i], &info, WEXITED | WNOHANG | WNOWAIT), ==, 0);
      alive += info.si_pid == 0;
    }
  return alive;
}

static gboolean
work_waits_for (Run *run, gboolean writers)
{
  Ring *ring = &run->place->ring;

  return writers ? ring_worth_putting (ring, 108) : ring_worth_getting (ring);
}

/* Sleepers for whom there is something must find it without more coming; only then comes more. */
static void
expect_helpers (Run *run, gboolean writers)
{
  gint64 limit_us = sys_now_us () + PATIENCE_US;
  RingShared *shared = run->place->ring.shared;
  guint alive;

  while ((alive = helpers_alive (run)) > 0)
    {
      if (!work_waits_for (run, writers))
        {
          if (writers)
            get (run);
          else
            put (run, 60);
        }
      if (sys_now_us () > limit_us)
        g_error ("%u sleep beside work: pub %x con %x guards %x %x seats %x %x bells %x %x", alive,
                 shared->pub, shared->con, shared->read.guard, shared->write.guard,
                 shared->read_seat, shared->write_seat, shared->in_bell, shared->out_bell);
      g_usleep (20);
    }
  while (run->helpers > 0)
    end_child (run->helper[--run->helpers]);
  for (guint32 i = 0; i < got->count; i++)
    take (run, got->number[i]);
  got->count = 0;
}

/* ---- the survivors ---- */

/* All that is left comes in order, and nothing is missing but what the dead one took. */
static void
judge (Run *run)
{
  guint32 number, last = 0;

  while ((number = get_with (run, &at_once)) != 0)
    {
      take (run, number);
      if (number < CHILD)
        g_assert_cmpuint (number, >, last);
      if (number < CHILD)
        last = number;
    }
  g_assert_cmpuint (g_queue_get_length (&run->expected), <=, run->in_hands);
  g_assert_cmpuint (ring_read (&run->place->ring), ==, ring_written (&run->place->ring));
  run->taken += g_queue_get_length (&run->expected);
  g_queue_clear (&run->expected);
}

static void
drain (Run *run)
{
  judge (run);
  run->in_hands = 0;
}

/* As good as new: any size, round and round; who sleeps at either end is woken. */
static void
exercise (Run *run)
{
  Ring *ring = &run->place->ring;

  for (guint i = 0; i < 40; i++)
    {
      while (ring_count (ring) > i % 3)
        get (run);
      put (run, 8 + i * 97 % 1000);
    }
  drain (run);
  put (run, ring->capacity - sizeof (FrameHeader));
  drain (run);

  help (run, read_one);
  help (run, read_one_by_bell);
  put (run, 50);
  put (run, 50);
  expect_helpers (run, FALSE);

  while (try_put (run, 700))
    ;
  while (try_put (run, 40))
    ;
  help (run, write_one);
  help (run, write_one_by_bell);
  expect_helpers (run, TRUE);
  drain (run);
}

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
  run.in_hands = scene->size > 0 ? 0 : scene->act == child_gets_many ? 3 : 1;
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
  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  g_test_init (&argc, &argv, NULL);
  wait_spin (&(WaitHabit){ 0 }, &(_Atomic (guint32)){ 0 }, 0); /* measures, once for all children */
  got = mmap (NULL, sizeof *got, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (got != MAP_FAILED);
  for (guint i = 0; i < G_N_ELEMENTS (scenes); i++)
    {
      g_autofree char *path = g_strconcat ("/deaths/", scenes[i].path, NULL);

      g_test_add_data_func (path, &scenes[i], test_scene);
    }
  return g_test_run ();
}
