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

/* Those that are there, behind what @frames has; up to @most in all. */
static void
take_there (Ring *ring, guint32 me, guint accept, guint most, GArray *frames)
{
  g_autofree guint8 *buffer = g_malloc (GET_BYTES);
  FrameHeader headers[64];

  while (frames->len < most)
    {
      guint had = frames->len;
      RingGetMany many = { accept, buffer,  GET_BYTES,
                           0,      headers, MIN (most - had, G_N_ELEMENTS (headers)),
                           0 };

      if (ring_try_get_many (ring, me, &many, 0) != RING_OK)
        break;
      g_array_set_size (frames, had + many.got);
      split (&many, &g_array_index (frames, ShmobjFrame, had));
    }
}

static void
clear_frame (gpointer frame)
{
  shmobj_frame_clear (frame);
}

GArray *
channel_new_frames (void)
{
  GArray *frames = g_array_new (FALSE, FALSE, sizeof (ShmobjFrame));

  g_array_set_clear_func (frames, clear_frame);
  return frames;
}

RingStatus
channel_try_get_many (
    Ring *ring, guint32 me, guint accept, guint most, GArray *frames, ShmobjFrame *refused)
{
  RingPatience now = { 0, -1, FALSE };
  RingStatus status = RING_OK;
  ShmobjFrame first;

  take_there (ring, me, accept, most, frames);
  if (frames->len > 0)
    return RING_OK;
  /* what is too large for the common buffer */
  status = channel_get_frame (ring, me, accept, &first, NULL, NULL, &now);
  if (status != RING_OK)
    {
      *refused = first;
      return status;
    }
  g_array_append_val (frames, first);
  take_there (ring, me, accept, most, frames);
  return RING_OK;
}

gboolean
channel_get_many (
    Ring *ring, guint accept, guint most, GArray *frames, const ChannelCall *call, GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  ShmobjFrame first;

  if (me == 0 || g_cancellable_set_error_if_cancelled (call->cancellable, error))
    return FALSE;
  take_there (ring, me, accept, most, frames);
  if (frames->len > 0)
    return TRUE;
  if (!channel_get (ring, accept, &first, call, error))
    return FALSE;
  g_array_append_val (frames, first);
  take_there (ring, me, accept, most, frames);
  return TRUE;
}

GPtrArray *
channel_values_of (GArray *frames, GError **error)
{
  g_autoptr (GPtrArray) values =
      g_ptr_array_new_full (frames->len + 1, (GDestroyNotify) g_variant_unref);

  for (guint i = 0; i < frames->len; i++)
    {
      gboolean last_hope = values->len == 0 && i == frames->len - 1;
      GVariant *value = shmobj_frame_steal_variant (&g_array_index (frames, ShmobjFrame, i),
                                                    last_hope ? error : NULL);

      if (value != NULL) /* one with an impossible type, from a peer that lies, is dropped */
        g_ptr_array_add (values, value);
    }
  return values->len > 0 ? g_steal_pointer (&values) : NULL;
}

GVariant **
channel_values_end (GPtrArray *values, gsize *n_values)
{
  GVariant **array;

  *n_values = values->len;
  g_ptr_array_add (values, NULL);
  array = (GVariant **) g_ptr_array_free (values, FALSE);
  return array;
}
