/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring below Queue: 64-byte messages one to one, 64 of them per call, without values around
 * them. Prints nanoseconds per message.
 *
 *     bench-batches [MESSAGES]
 */

#include "run.h"

#include "base/ring.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE 64
#define BATCH 64
#define CAPACITY (1024 * 1024)

static Segment segment;
static Participants participants;
static Ring ring;

static void
put_all (void *data, long n)
{
  static guint8 message[MESSAGE];
  guint32 me = participants_me (&participants, NULL);
  ShmobjFrame frames[BATCH];
  guint put;

  for (guint i = 0; i < BATCH; i++)
    shmobj_frame_set_bytes (&frames[i], message, MESSAGE);
  for (; n > 0; n -= put)
    {
      put = 0;
      switch (ring_try_put_many (&ring, me, frames, MIN (n, BATCH), &put, TRUE, -1))
        {
        case RING_OK:
          break;
        case RING_FULL:
          sched_yield ();
          break;
        default:
          abort ();
        }
    }
}

static void
get_all (void *data, long n)
{
  static guint8 buffer[BATCH * MESSAGE];
  guint32 me = participants_me (&participants, NULL);
  FrameHeader headers[BATCH];

  while (n > 0)
    {
      RingGetMany get = { .accept = RING_ACCEPT_ALL,
                          .buffer = buffer,
                          .size = sizeof buffer,
                          .headers = headers,
                          .most = BATCH };

      switch (ring_try_get_many (&ring, me, &get, -1))
        {
        case RING_OK:
          n -= get.got;
          break;
        case RING_EMPTY:
          sched_yield ();
          break;
        default:
          abort ();
        }
    }
}

int
main (int argc, char **argv)
{
  guint64 data = OBJECT_OFFSET + LAYOUT_PAGE;
  RingShared *shared;

  if (!segment_new (&segment, SEGMENT_QUEUE, "bench", data + ring_data_size (CAPACITY),
                    data + ring_first_reserve (CAPACITY), (guint64[4]){ CAPACITY }, NULL))
    abort ();
  shared = segment_at (&segment, OBJECT_OFFSET, sizeof (RingShared));
  participants_init (&participants, &segment);
  ring_create (shared, CAPACITY);
  ring_attach (&ring, shared, data, CAPACITY, 0, &segment, &participants);
  run_print (run_workers (put_all, 1, get_all, 1, NULL, run_number (argc, argv, 1, 4000000)));
  participants_clear (&participants);
  segment_close (&segment);
  return 0;
}
