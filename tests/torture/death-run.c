/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "death-run.h"

#include "base/sys.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What helpers got, in whatever order. */
typedef struct
{
  _Atomic (guint32) count, number[64];
} Got;

static Got *got;
const RingPatience for_ever = { -1, -1, FALSE };
const RingPatience at_once = { 0, -1, FALSE };

void
runs_begin (void)
{
  got = mmap (NULL, sizeof *got, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (got != MAP_FAILED);
}

/* ---- messages ---- */

void
fill (guint8 *message, gsize size, guint32 number)
{
  memset (message, (int) (number * 13 + size), size);
  memcpy (message, &number, sizeof number);
}

RingStatus
put_as (Run *run, guint32 number, gsize size, const RingPatience *patience)
{
  static guint8 message[MEDIUM];
  ShmobjFrame frame;

  fill (message, size, number);
  shmobj_frame_set_bytes (&frame, message, size);
  return ring_put (&run->place->ring, ring_place_me (run->place), &frame, patience);
}

/* The number of what was got, or 0 when there is none or the ring is shut. With @ticket, it stays
 * on record. */
guint32
receive_with (Run *run, const RingPatience *patience, FlightTicket *ticket)
{
  static guint8 message[MEDIUM], whole[MEDIUM];
  RingGet get = {
    .accept = RING_ACCEPT_ALL, .buffer = message, .size = sizeof message, .ticket = ticket
  };
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

guint32
get_with (Run *run, const RingPatience *patience)
{
  return receive_with (run, patience, NULL);
}

/* Somebody got this one. */
void
take (Run *run, guint32 number)
{
  if (number == 0)
    return;
  if (number < CHILD)
    g_assert_true (g_queue_remove (&run->expected, GUINT_TO_POINTER (number)));
  run->taken++;
}

void
put (Run *run, gsize size)
{
  RingPatience patience = { wait_deadline (PATIENCE_US), -1, FALSE };

  g_assert_cmpint (put_as (run, ++run->last, size, &patience), ==, RING_OK);
  g_queue_push_tail (&run->expected, GUINT_TO_POINTER (run->last));
}

gboolean
try_put (Run *run, gsize size)
{
  if (put_as (run, run->last + 1, size, &at_once) != RING_OK)
    return FALSE;
  g_queue_push_tail (&run->expected, GUINT_TO_POINTER (++run->last));
  return TRUE;
}

void
get (Run *run)
{
  RingPatience patience = { wait_deadline (PATIENCE_US), -1, FALSE };
  guint32 number = get_with (run, &patience);

  g_assert_cmpuint (number, !=, 0);
  take (run, number);
}

/* ---- helpers: processes that sleep beside the one who dies ---- */

void
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

void
read_one (Run *run)
{
  note (get_with (run, &for_ever));
}

void
read_one_by_bell (Run *run)
{
  note (get_with (run, &(RingPatience){ -1, run->never, FALSE }));
}

void
read_one_napping (Run *run)
{
  RingPatience nap = { wait_deadline (1000), -1, FALSE, TRUE };
  guint32 number = get_with (run, &nap);

  note (number != 0 ? number : get_with (run, &(RingPatience){ -1, run->never, FALSE }));
}

void
write_one (Run *run)
{
  put_as (run, HELPER, 40, &for_ever);
}

void
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

gboolean
work_waits_for (Run *run, gboolean writers)
{
  Ring *ring = &run->place->ring;

  return writers ? ring_worth_putting (ring, 108) : ring_worth_getting (ring);
}

/* Sleepers for whom there is something must find it without more coming; only then comes more. */
void
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
void
judge (Run *run)
{
  guint32 number, last = 0;

  while ((number = get_with (run, &at_once)) != 0)
    {
      take (run, number);
      if (number < CHILD && !run->unordered)
        g_assert_cmpuint (number, >, last);
      if (number < CHILD)
        last = number;
    }
  g_assert_cmpuint (g_queue_get_length (&run->expected), <=, run->in_hands);
  g_assert_cmpuint (ring_read (&run->place->ring), ==, ring_written (&run->place->ring));
  run->taken += g_queue_get_length (&run->expected);
  g_queue_clear (&run->expected);
}

void
drain (Run *run)
{
  judge (run);
  run->in_hands = 0;
}

/* As good as new: any size, round and round; who sleeps at either end is woken. */
void
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
