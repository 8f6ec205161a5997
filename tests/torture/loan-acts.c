/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loan-acts.h"

#include "base/loan.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WATCHED 8 /* blocks */

static guint
lend (Run *run, guint64 size)
{
  guint block = POOL_NONE;

  g_assert_cmpint (
      loan_lend (&run->place->ring, ring_place_me (run->place), size, &for_ever, &block), ==,
      RING_OK);
  return block;
}

static guint
lend_filled (Run *run, guint32 number, gsize size)
{
  guint block = lend (run, size);
  guint64 extent;

  fill (pool_block (&run->place->pool, block, &extent), size, number);
  return block;
}

static void
put_lent (Run *run, guint32 number, gsize size)
{
  guint block = lend_filled (run, number, size);

  g_assert_cmpint (loan_put (&run->place->ring, ring_place_me (run->place), block, size, &for_ever),
                   ==, RING_OK);
}

void
some_loans (Run *run)
{
  for (guint i = 0; i < 3; i++)
    {
      put_lent (run, ++run->last, 100);
      g_queue_push_tail (&run->expected, GUINT_TO_POINTER (run->last));
    }
}

void
lent_to_the_dead (Run *run)
{
  pid_t pid = fork_child ();
  guint block;

  if (pid == 0)
    {
      while (loan_lend (&run->place->ring, ring_place_me (run->place), 1000, &at_once, &block) ==
             RING_OK)
        ;
      raise (SIGKILL);
    }
  waitpid (pid, NULL, 0);
  g_assert_cmpuint (pool_count (&run->place->pool), >=, run->scene->capacity / 1024 - 1);
}

void
child_lends_and_puts (gpointer data)
{
  Run *run = data;

  put_lent (run, CHILD, run->scene->size);
}

void
child_lends_and_returns (gpointer data)
{
  Run *run = data;
  guint block = lend (run, run->scene->size);

  g_assert_true (pool_free (&run->place->pool, block, ring_place_me (run->place)));
}

static void
take_in_place (Run *run, FlightTicket *ticket)
{
  RingGet get = { .accept = RING_ACCEPT_ALL, .ticket = ticket };

  ticket->in_place = TRUE;
  g_assert_cmpint (ring_get (&run->place->ring, ring_place_me (run->place), &get, &for_ever), ==,
                   RING_OK);
  g_assert_cmpuint (ticket->block, !=, 0);
}

void
child_takes (gpointer data)
{
  FlightTicket ticket = { 0 };

  take_in_place (data, &ticket);
}

void
child_takes_and_is_done (gpointer data)
{
  Run *run = data;
  FlightTicket ticket = { 0 };

  take_in_place (run, &ticket);
  g_assert_true (flight_done (&run->place->ring, ring_place_me (run->place), &ticket));
}

void
child_sweeps (gpointer data)
{
  Run *run = data;

  loan_sweep (&run->place->ring, ring_place_me (run->place));
}

void
child_trims (gpointer data)
{
  Run *run = data;

  g_assert_cmpint (ring_trim (&run->place->ring, ring_place_me (run->place), -1), ==, RING_OK);
  g_assert_cmpint (pool_trim (&run->place->pool, ring_place_me (run->place), -1), ==, POOL_OK);
}

void
watch_pool (Stepper *stepper, Run *run)
{
  stepper_watch (stepper, run->place->pool.shared,
                 G_STRUCT_OFFSET (PoolShared, blocks) + WATCHED * sizeof (PoolBlock));
}

void
expect_whole_pool (Run *run)
{
  Pool *pool = &run->place->pool;
  guint block;

  loan_sweep (&run->place->ring, ring_place_me (run->place));
  g_assert_cmpuint (pool_count (pool), ==, 0);
  if (ring_is_shut (&run->place->ring))
    return;
  block = lend (run, pool->size);
  g_assert_true (pool_free (pool, block, ring_place_me (run->place)));
}
