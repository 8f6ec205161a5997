/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks for loans: where they go, and shared words that no process of ours wrote. */

#include "../torture/ring-place.h"

#include "base/flight.h"
#include "base/loan.h"
#include "base/sys.h"

#include <errno.h>

#define CAPACITY (1 << 20)

static const RingPatience at_once = { 0, -1, FALSE };

static guint
lend (RingPlace *place, guint64 size)
{
  guint block = POOL_NONE;
  guint64 extent;

  g_assert_cmpint (loan_lend (&place->ring, ring_place_me (place), size, &at_once, &block), ==,
                   RING_OK);
  g_assert_nonnull (pool_block (&place->pool, block, &extent));
  g_assert_cmpuint (extent, >=, size);
  return block;
}

static RingStatus
put (RingPlace *place, guint block, guint64 used)
{
  return loan_put (&place->ring, ring_place_me (place), block, used, &at_once);
}

static RingStatus
get (RingPlace *place, gsize *size)
{
  static guint8 buffer[CAPACITY];
  RingGet get = { RING_ACCEPT_ALL, buffer, sizeof buffer, { 0 } };
  RingStatus status = ring_try_get (&place->ring, ring_place_me (place), &get, 0);

  *size = get.header.size;
  return status;
}

static void
test_places (void)
{
  g_autoptr (RingPlace) place = ring_place_new (CAPACITY, 0);
  guint32 me = ring_place_me (place);
  guint one = lend (place, 1000), two = lend (place, 1000), three = lend (place, 1000), again;
  guint64 extent;
  guint8 *begin = pool_block (&place->pool, one, &extent), *middle;

  middle = pool_block (&place->pool, two, &extent);
  g_assert_true (middle >= begin + 1000);
  g_assert_cmpuint (place->pool.shared->reserved, <, CAPACITY / 4);
  g_assert_true (pool_free (&place->pool, two, me));
  g_assert_false (pool_free (&place->pool, two, me)); /* once */
  again = lend (place, 980);
  g_assert_cmpuint (again, ==, two); /* about that size: where it was */
  g_assert_true (pool_free (&place->pool, one, me));
  g_assert_true (pool_free (&place->pool, two, me));
  again = lend (place, CAPACITY - 8192); /* behind the third */
  g_assert_true (pool_free (&place->pool, again, me));
  g_assert_true (pool_free (&place->pool, three, me));
  lend (place, CAPACITY); /* of all three */
  g_assert_cmpuint (pool_count (&place->pool), ==, 1);
}

static int
no_space (int fd, off_t offset, off_t length)
{
  errno = ENOSPC;
  return -1;
}

static void
test_no_memory (void)
{
  g_autoptr (RingPlace) place = ring_place_new (CAPACITY, 0);
  SysCalls real = sys;
  guint block, has;

  sys.fallocate = no_space;
  g_assert_cmpint (loan_lend (&place->ring, ring_place_me (place), 64, &at_once, &block), ==,
                   RING_NO_SPACE);
  sys = real;
  has = lend (place, 64);
  sys.fallocate = no_space;
  g_assert_cmpint (loan_lend (&place->ring, ring_place_me (place), CAPACITY / 2, &at_once, &block),
                   ==, RING_NO_SPACE);
  g_assert_cmpuint (lend (place, 64), !=, has); /* of what is reserved */
  sys = real;
  lend (place, CAPACITY / 2);
}

/* What a peer wrote over a block that is queued, or over the frame that leads there. */
static void
test_nonsense (void)
{
  static const guint64 wrong[] = { CAPACITY + 64, G_MAXUINT64, G_MAXUINT64 - 63,
                                   G_GUINT64_CONSTANT (1) << 63, CAPACITY * 2 };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    for (guint field = 0; field < 5; field++)
      {
        g_autoptr (RingPlace) place = ring_place_new (CAPACITY, 0);
        guint block = lend (place, 500), other;
        RingStatus status;
        PoolBlock *entry = pool_entry (&place->pool, block);
        LoanRecord *record = (LoanRecord *) (place->ring.data + sizeof (FrameHeader));
        guint64 extent;
        gsize size;

        g_assert_cmpint (put (place, block, 500), ==, RING_OK);
        if (field == 0)
          entry->offset = wrong[i];
        else if (field == 1)
          entry->size = wrong[i];
        else if (field == 2)
          entry->used = wrong[i];
        else if (field == 3)
          entry->number = wrong[i];
        else
          record->block = (guint32) wrong[i] | 1000;
        g_assert_cmpint (get (place, &size), ==, RING_CORRUPT);
        if (field < 2)
          g_assert_null (pool_block (&place->pool, block, &extent));
        status = loan_lend (&place->ring, ring_place_me (place), 500, &at_once, &other);
        g_assert_true (status == RING_OK ? pool_block (&place->pool, other, &extent) != NULL
                                         : status == RING_FULL);
      }
}

static void
test_states (void)
{
  g_autoptr (RingPlace) place = ring_place_new (CAPACITY, 0);
  guint block = lend (place, 500);
  gsize size;

  g_assert_cmpint (put (place, block + 1, 10), ==, RING_CORRUPT);
  g_assert_cmpint (put (place, 5000, 10), ==, RING_CORRUPT);
  g_assert_cmpint (put (place, block, 10), ==, RING_OK);
  g_assert_cmpint (put (place, block, 10), ==, RING_CORRUPT); /* not ours any more */
  g_assert_cmpint (get (place, &size), ==, RING_OK);
  g_assert_cmpuint (size, ==, 10);
  g_assert_cmpint (put (place, block, 10), ==, RING_CORRUPT);
  g_assert_cmpuint (pool_count (&place->pool), ==, 0);
}

/* Blocks that say QUEUED and are no message: of a writer that died before it published, of a reader
 * that died between a message's end and its block's. */
static void
test_garbage (void)
{
  g_autoptr (RingPlace) place = ring_place_new (CAPACITY, 0);
  guint32 me = ring_place_me (place);
  guint early = lend (place, 100), late = lend (place, 100), queued = lend (place, 100),
        flying = lend (place, 100);
  FlightTicket ticket = { .in_place = TRUE };
  RingGet receive = { RING_ACCEPT_ALL, NULL, 0, { 0 }, &ticket };
  gsize size;

  g_assert_cmpint (put (place, late, 1), ==, RING_OK);
  g_assert_cmpint (get (place, &size), ==, RING_OK);
  pool_entry (&place->pool, late)->state = POOL_QUEUED;
  pool_entry (&place->pool, early)->state = POOL_QUEUED;
  pool_entry (&place->pool, early)->number = 3;
  g_assert_cmpint (put (place, flying, 2), ==, RING_OK);
  g_assert_cmpint (ring_try_get (&place->ring, me, &receive, 0), ==, RING_OK);
  g_assert_cmpuint (ticket.block, ==, flying + 1);
  g_assert_cmpint (put (place, queued, 3), ==, RING_OK);

  g_assert_cmpuint (loan_sweep (&place->ring, me), ==, 2);
  g_assert_cmpuint (pool_count (&place->pool), ==, 2);
  g_assert_true (flight_done (&place->ring, me, &ticket));
  g_assert_cmpint (get (place, &size), ==, RING_OK);
  g_assert_cmpuint (size, ==, 3);
  g_assert_cmpuint (pool_count (&place->pool), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/places", test_places);
  g_test_add_func ("/pool/no-memory-left", test_no_memory);
  g_test_add_func ("/pool/nonsense-is-corrupt", test_nonsense);
  g_test_add_func ("/pool/a-block-is-put-once", test_states);
  g_test_add_func ("/pool/garbage-is-freed", test_garbage);
  return g_test_run ();
}
