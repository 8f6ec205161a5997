/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of one who sends, receives or tidies up messages with descriptors: killed after each
 * change of the shared memory and each system call. The others find each message whole, with its
 * descriptors, or not at all; nothing that the dead had on its way stays open; and all goes on. */

#include "../count-fds.h"
#include "ring-place.h"
#include "stepper.h"

#include "base/parcel.h"
#include "base/sys.h"
#include "base/wait.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define SMALL RING_SIZE_MIN
#define CHILD 1000

typedef struct
{
  RingPlace *place;
  int sockets[2];   /* writer's, reader's */
  int child_end[2]; /* a pipe; the child sends its write end */
} Run;

typedef struct
{
  const char *path;
  void (*prepare) (Run *run);
  void (*act) (gpointer run);
  guint before; /* messages that are there, numbered from 1 on */
} Scene;

static guint deaths;

static guint32
as (Run *run, guint side)
{
  run->place->ring.parcels = run->sockets[side];
  return ring_place_me (run->place);
}

static RingStatus
send_numbered (Run *run, guint32 number, const int *fds, guint n_fds)
{
  ShmobjFrame frame, wrapped;
  RingStatus status;
  Parcel parcel;

  parcel.n_fds = n_fds;
  memcpy (parcel.fds, fds, n_fds * sizeof (int));
  shmobj_frame_set_bytes (&frame, &number, sizeof number);
  g_assert_true (parcel_wrap (&frame, n_fds, &wrapped));
  status = ring_try_put_parcel (&run->place->ring, as (run, 0), &wrapped, &parcel, TRUE, -1);
  shmobj_frame_clear (&wrapped);
  return status;
}

/* A file with its number in it, twice. */
static void
send_file (Run *run, guint32 number)
{
  int fd = sys_memfd ("parcel");

  g_assert_cmpint (write (fd, &number, sizeof number), ==, sizeof number);
  g_assert_cmpint (send_numbered (run, number, (int[]){ fd, fd }, 2), ==, RING_OK);
  close (fd);
}

/* The number of the message that came; 0: none did. */
static guint32
receive (Run *run)
{
  guint32 number = 0, inside = 0;
  Parcel parcel;
  RingGet get = { RING_ACCEPT_ALL, &number, sizeof number, { 0 }, NULL, 0, &parcel };
  RingStatus status;

  parcel_clear (&parcel);
  status = ring_try_get (&run->place->ring, as (run, 1), &get, -1);
  if (status == RING_EMPTY)
    return 0;
  g_assert_cmpint (status, ==, RING_OK);
  g_assert_false (parcel.bad);
  g_assert_cmpuint (parcel.n_fds, ==, number == CHILD ? 1 : 2);
  for (guint i = 0; i < parcel.n_fds; i++)
    {
      if (number != CHILD)
        {
          g_assert_cmpint (pread (parcel.fds[i], &inside, sizeof inside, 0), ==, sizeof inside);
          g_assert_cmpuint (inside, ==, number);
        }
      close (parcel.fds[i]);
    }
  return number;
}

static void
arm (Run *run)
{
  g_assert_cmpint (ring_arm_in (&run->place->ring, as (run, 1), DOORBELL_ARMED, -1), ==, RING_OK);
}

/* ---- what the child does ---- */

static void
join (gpointer run)
{
  ring_place_me (((Run *) run)->place);
}

static void
child_sends (gpointer data)
{
  Run *run = data;

  send_numbered (run, CHILD, &run->child_end[1], 1);
}

static void
child_receives (gpointer run)
{
  receive (run);
}

static void
child_arms (gpointer run)
{
  arm (run);
}

static void
child_receives_and_arms (gpointer run)
{
  receive (run);
  arm (run);
}

/* ---- what was before ---- */

static void
nothing (Run *run)
{
}

static void
one_asleep (Run *run)
{
  arm (run);
}

/* A packet that no message leads to. */
static void
left_by_the_dead (Run *run)
{
  guint64 id = ++run->place->ring.shared->parcels_sent;

  g_assert_cmpint (write (run->sockets[0], &id, sizeof id), ==, sizeof id);
}

static const Scene scenes[] = {
  { "send", nothing, child_sends, 0 },
  { "send/behind-others", nothing, child_sends, 3 },
  { "send/to-one-who-sleeps", one_asleep, child_sends, 0 },
  { "send/behind-the-dead", left_by_the_dead, child_sends, 2 },
  { "receive", nothing, child_receives, 1 },
  { "receive/first-of-some", nothing, child_receives, 3 },
  { "receive/behind-the-dead", left_by_the_dead, child_receives, 2 },
  { "receive/and-sleep", nothing, child_receives_and_arms, 1 },
  { "sleep/beside-the-dead", left_by_the_dead, child_arms, 0 },
};

static gboolean
step_to (Run *run, const Scene *scene, guint point)
{
  RingShared *shared = run->place->ring.shared;
  StepperState state = STEPPER_STOPPED;
  Stepper stepper;

  stepper_start (&stepper, join, scene->act, run);
  stepper_watch (&stepper, shared, sizeof *shared);
  while (state != STEPPER_ENDED && stepper.points < point)
    state = stepper_next (&stepper);
  deaths++;
  stepper_end (&stepper);
  return state == STEPPER_STOPPED;
}

/* All messages in order, but one that the child may have taken or sent. */
static void
judge (Run *run, const Scene *scene)
{
  gboolean sends = scene->act == child_sends;
  guint32 next = 1, number;

  while ((number = receive (run)) != 0)
    {
      if (!sends && next == 1 && number == 2)
        next = 2; /* the first one is the child's */
      g_assert_cmpuint (number, ==, sends && next == scene->before + 1 ? CHILD : next);
      next++;
    }
  g_assert_cmpuint (next, >=, scene->before + (sends || scene->before != 1));
  g_assert_cmpuint (next, <=, scene->before + 1 + sends);
}

static void
expect_let_go (Run *run)
{
  struct pollfd end = { .fd = run->child_end[0] };
  guint64 id;

  close (run->child_end[1]);
  arm (run);
  g_assert_cmpint (recv (run->sockets[1], &id, sizeof id, MSG_DONTWAIT), ==, -1);
  g_assert_cmpint (poll (&end, 1, 0), ==, 1);
  g_assert_cmpint (end.revents & POLLHUP, !=, 0);
  close (run->child_end[0]);
}

static gboolean
run_to (const Scene *scene, guint point)
{
  Run run = { .place = ring_place_new (SMALL, 0) };
  gboolean more;

  g_assert_cmpint (sys.packet_pair (run.sockets), ==, 0);
  g_assert_true (g_unix_open_pipe (run.child_end, FD_CLOEXEC, NULL));
  scene->prepare (&run);
  for (guint i = 1; i <= scene->before; i++)
    send_file (&run, i);
  more = step_to (&run, scene, point);
  judge (&run, scene);
  expect_let_go (&run);
  for (guint i = 1; i <= 3; i++)
    send_file (&run, i);
  for (guint i = 1; i <= 3; i++)
    g_assert_cmpuint (receive (&run), ==, i);
  g_assert_cmpuint (receive (&run), ==, 0);
  close (run.sockets[0]);
  close (run.sockets[1]);
  ring_place_free (run.place);
  return more;
}

static void
test_scene (gconstpointer scene)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint step = slower != NULL ? MAX (atoi (slower), 1) : 1, before = deaths;
  guint open_before = count_fds ();

  for (guint point = 1; run_to (scene, point); point += step)
    ;
  g_assert_cmpuint (count_fds (), ==, open_before);
  g_test_message ("%u deaths", deaths - before);
}

int
main (int argc, char **argv)
{
  _Atomic (guint32) still = 0;

  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  g_test_init (&argc, &argv, NULL);
  wait_spin (&(WaitHabit){ 0 }, &still, 0); /* measures, once for all children */
  for (guint i = 0; i < G_N_ELEMENTS (scenes); i++)
    {
      g_autofree char *path = g_strconcat ("/parcels/", scenes[i].path, NULL);

      g_test_add_data_func (path, &scenes[i], test_scene);
    }
  return g_test_run ();
}
