/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several messages per call: one guard and one store for up to a thousand of them, which is what
 * makes small messages cheap.
 *
 * A put goes on until all are put; where there is no room it puts the next one as a single put
 * does, waiting as that waits, and then goes on in bulk. A get waits for its first message only,
 * and takes with it those that are there. A death in the middle of a batch leaves all of the batch
 * or nothing of it.
 */

#include "objects/channel.h"

#include <string.h>

#define GET_BYTES (64 * 1024) /* what one look into the ring copies at the most */

static gint64
time_left (const ChannelCall *call, gint64 deadline_us)
{
  return call->timeout_us <= 0 ? call->timeout_us : wait_left (deadline_us);
}

gsize
channel_put_many (
    Ring *ring, const ShmobjFrame *frames, gsize n, const ChannelCall *call, GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  gint64 deadline_us = wait_deadline (call->timeout_us);
  gsize done = 0;

  if (me == 0 || g_cancellable_set_error_if_cancelled (call->cancellable, error))
    return 0;
  while (done < n)
    {
      ChannelCall one = *call;
      guint put = 0;

      if (ring_try_put_many (ring, me, frames + done, MIN (n - done, RING_BATCH_MAX), &put, FALSE,
                             deadline_us) == RING_OK)
        {
          done += put;
          continue;
        }
      one.timeout_us = time_left (call, deadline_us);
      if (!channel_put (ring, &frames[done], &one, done == 0 ? error : NULL))
        return done;
      done++;
    }
  return done;
}

/* Out of the common buffer, each message becomes a frame that owns its bytes. */
static void
split (RingGetMany *many, ShmobjFrame *frames)
{
  gsize at = 0;

  for (guint i = 0; i < many->got; i++)
    {
      gsize size = (gsize) many->headers[i].size + many->headers[i].type_length;

      frame_adopt (&frames[i], &many->headers[i], g_memdup2 (many->buffer + at, MAX (size, 1)));
      at += ring_record_size (size);
    }
}

gsize
channel_get_many (Ring *ring,
                  guint accept,
                  ShmobjFrame *frames,
                  gsize most,
                  const ChannelCall *call,
                  GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  g_autofree guint8 *buffer = g_malloc (GET_BYTES);
  FrameHeader headers[64];
  gsize got = 0;

  if (me == 0 || g_cancellable_set_error_if_cancelled (call->cancellable, error))
    return 0;
  while (got < most)
    {
      RingGetMany many = { accept, buffer,  GET_BYTES,
                           0,      headers, MIN (most - got, G_N_ELEMENTS (headers)),
                           0 };

      if (ring_try_get_many (ring, me, &many, 0) == RING_OK)
        {
          split (&many, frames + got);
          got += many.got;
        }
      else if (got > 0 || !channel_get (ring, accept, &frames[0], call, error))
        break;
      else
        got = 1;
    }
  return got;
}
