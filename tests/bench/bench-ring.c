/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring alone, without GObject: throughput by numbers of writers and readers, maxsize and
 * message size, and the round trip awake. For work on base/; the table for users is printed by
 * tools/bench.
 *
 *     build/tests/bench/bench-ring [MESSAGES]
 */

#include "base/ring.h"
#include "base/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  Segment segment;
  Participants participants;
  Ring ring;
} Bench;

static guint8 buffer[1 << 17];

static Bench *
bench_new (guint64 capacity, guint32 maxsize)
{
  Bench *b = g_new0 (Bench, 1);
  guint64 data = OBJECT_OFFSET + LAYOUT_PAGE;

  if (!segment_new (&b->segment, SEGMENT_QUEUE, "bench", data + ring_data_size (capacity),
                    data + ring_first_reserve (capacity), (guint64[4]){ capacity, maxsize }, NULL))
    abort ();
  participants_init (&b->participants, &b->segment);
  ring_create (segment_at (&b->segment, OBJECT_OFFSET, sizeof (RingShared)), capacity);
  ring_attach (&b->ring, segment_at (&b->segment, OBJECT_OFFSET, sizeof (RingShared)), data,
               capacity, maxsize, &b->segment, &b->participants);
  return b;
}

static void
bench_free (Bench *b)
{
  participants_clear (&b->participants);
  segment_close (&b->segment);
  g_free (b);
}

static const RingPatience for_ever = { -1, -1, FALSE };

static void
put_one (Bench *b, gsize size)
{
  ShmobjFrame frame;

  shmobj_frame_set_bytes (&frame, buffer, size);
  if (ring_put (&b->ring, participants_me (&b->participants, NULL), &frame, &for_ever) != RING_OK)
    abort ();
}

static void
get_one (Bench *b)
{
  RingGet get = { RING_ACCEPT_ALL, buffer, sizeof buffer, { 0 } };

  if (ring_get (&b->ring, participants_me (&b->participants, NULL), &get, &for_ever) != RING_OK)
    abort ();
}

static void
throughput (int writers, int readers, long total, gsize size, guint32 maxsize)
{
  Bench *b = bench_new (256 << 20, maxsize);
  gint64 start = sys_now_us ();
  double seconds;

  for (int i = 0; i < writers + readers; i++)
    if (fork () == 0)
      {
        for (long k = 0; k < total / (i < writers ? writers : readers); k++)
          if (i < writers)
            put_one (b, size);
          else
            get_one (b);
        _exit (0);
      }
  while (wait (NULL) > 0)
    ;
  seconds = (sys_now_us () - start) / 1e6;
  printf ("%2d:%-2d %6zu B  maxsize %3u  %7.2f M/s %6.2f GB/s   sleeps %lu wakes %lu naps %lu "
          "seats %lu depth %lu KiB\n",
          writers, readers, size, maxsize, total / seconds / 1e6,
          total * (double) size / seconds / 1e9, (long) b->ring.shared->sleeps,
          (long) b->ring.shared->wakes, (long) b->ring.shared->guards.naps,
          (long) b->ring.shared->seats_taken_over, (long) b->ring.shared->reserved >> 10);
  fflush (stdout);
  bench_free (b);
}

static void
round_trip (int n)
{
  Bench *there = bench_new (1 << 20, 0), *back = bench_new (1 << 20, 0);
  gint64 start = sys_now_us ();

  if (fork () == 0)
    {
      for (int i = 0; i < n; i++)
        {
          get_one (there);
          put_one (back, 64);
        }
      _exit (0);
    }
  for (int i = 0; i < n; i++)
    {
      put_one (there, 64);
      get_one (back);
    }
  wait (NULL);
  printf ("round trip %.3f us\n", (sys_now_us () - start) / (double) n);
  bench_free (there);
  bench_free (back);
}

int
main (int argc, char **argv)
{
  static const int pairs[][2] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 8, 1 }, { 1, 8 } };
  long total = argc > 1 ? atol (argv[1]) : 3200000;

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    throughput (pairs[i][0], pairs[i][1], total, 64, 0);
  for (guint32 maxsize = 1; maxsize <= 100; maxsize *= 10)
    throughput (2, 2, total / 16, 64, maxsize);
  for (gsize size = 8; size <= 65536; size *= 8)
    throughput (1, 1, size > 4096 ? total / 80 : total / 3, size, 0);
  for (int i = 0; i < 3; i++)
    round_trip (300000);
  return 0;
}
