/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a main loop can wait for in a channel (objects/channel-async.c): one message put, one got,
 * or several of them. What goes out is kept until the call ends; what comes in belongs to the task
 * from the moment that it was taken. */

#include "objects/channel-work.h"

#include "objects/message-fds.h"
#include "objects/message-private.h"

#define AT_ONCE (&(RingPatience){ 0, -1, FALSE })

/* ---- one out ---- */

typedef struct
{
  ChannelWork work;
  GVariant *value;  /* (owned) (nullable): whose bytes the frame borrows, */
  GBytes *bytes;    /* (owned) (nullable): or these */
  GUnixFDList *fds; /* (owned) (nullable): whose descriptors are lent to the parcel */
} Put;

static RingStatus
put_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  if (work->parcel == NULL)
    return ring_put (ring, me, &work->frame, AT_ONCE);
  return ring_try_put_parcel (ring, me, &work->frame, work->parcel, TRUE, 0);
}

static void
put_succeed (ChannelWork *work, GTask *task)
{
  g_task_return_boolean (task, TRUE);
}

static void
put_clear (ChannelWork *work)
{
  Put *put = (Put *) work;

  g_clear_pointer (&put->value, g_variant_unref);
  g_clear_pointer (&put->bytes, g_bytes_unref);
  g_clear_object (&put->fds);
}

static const ChannelWorkKind put_kind = {
  .size = sizeof (Put),
  .writes = TRUE,
  .attempt = put_attempt,
  .succeed = put_succeed,
  .clear = put_clear,
};

static void
run_put (const ChannelAsync *channel, GTask *task, Put *put)
{
  put->work.room = frame_stored_size (&put->work.frame);
  channel_run_async (channel, task, put);
}

/* FALSE: there are too many descriptors, or there is no memory for the message. */
static gboolean
add_fds (Put *put, const ChannelAsync *channel, GUnixFDList *fds, GError **error)
{
  ShmobjFrame frame = put->work.frame;

  put->fds = g_object_ref (fds);
  put->work.frame = (ShmobjFrame){ 0 };
  put->work.parcel = g_new0 (Parcel, 1);
  if (!message_fds_lend (fds, put->work.parcel, error))
    return FALSE;
  if (parcel_wrap (&frame, put->work.parcel->n_fds, &put->work.frame))
    return TRUE;
  channel_set_error (channel->ring, channel->noun, RING_NO_SPACE, &frame, error);
  return FALSE;
}

void
channel_put_async (const ChannelAsync *channel, GTask *task, GVariant *value, GUnixFDList *fds)
{
  Put *put = channel_work_new (&put_kind);
  GError *error = NULL;

  put->value = g_variant_ref (value);
  shmobj_frame_set_variant (&put->work.frame, value);
  if (fds == NULL || g_unix_fd_list_get_length (fds) == 0 || add_fds (put, channel, fds, &error))
    run_put (channel, task, put);
  else
    channel_refuse_async (channel, task, put, error);
}

void
channel_put_bytes_async (const ChannelAsync *channel, GTask *task, GBytes *bytes)
{
  Put *put = channel_work_new (&put_kind);

  put->bytes = g_bytes_ref (bytes);
  shmobj_frame_set_bytes (&put->work.frame, g_bytes_get_data (bytes, NULL),
                          g_bytes_get_size (bytes));
  run_put (channel, task, put);
}

/* ---- one in ---- */

static RingStatus
get_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  return channel_get_frame (ring, me, CHANNEL_READABLE, &work->frame, NULL, work->parcel, AT_ONCE);
}

static void
get_succeed (ChannelWork *work, GTask *task)
{
  GError *error = NULL;
  GVariant *value = shmobj_frame_steal_variant (&work->frame, &error);

  if (value != NULL)
    g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static const ChannelWorkKind get_kind = {
  .size = sizeof (ChannelWork),
  .attempt = get_attempt,
  .succeed = get_succeed,
};

void
channel_get_async (const ChannelAsync *channel, GTask *task)
{
  channel_run_async (channel, task, channel_work_new (&get_kind));
}

static RingStatus
bytes_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  return channel_get_frame (ring, me, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &work->frame, NULL, NULL,
                            AT_ONCE);
}

static void
bytes_succeed (ChannelWork *work, GTask *task)
{
  GBytes *bytes = g_bytes_new_take (work->frame.owned, work->frame.size);

  work->frame = (ShmobjFrame){ 0 };
  g_task_return_pointer (task, bytes, (GDestroyNotify) g_bytes_unref);
}

static const ChannelWorkKind bytes_kind = {
  .size = sizeof (ChannelWork),
  .attempt = bytes_attempt,
  .succeed = bytes_succeed,
};

void
channel_get_bytes_async (const ChannelAsync *channel, GTask *task)
{
  channel_run_async (channel, task, channel_work_new (&bytes_kind));
}

static void
message_succeed (ChannelWork *work, GTask *task)
{
  GUnixFDList *fds = message_fds_take (work->parcel);
  GError *error = NULL;

  if (!work->parcel->bad)
    {
      g_task_return_pointer (task, message_new_taken (&work->frame, fds),
                             (GDestroyNotify) shmobj_message_unref);
      return;
    }
  message_fds_set_bad_error (work->parcel, &error);
  g_task_return_error (task, error);
}

static const ChannelWorkKind message_kind = {
  .size = sizeof (ChannelWork),
  .attempt = get_attempt,
  .succeed = message_succeed,
};

void
channel_get_with_fds_async (const ChannelAsync *channel, GTask *task)
{
  ChannelWork *work = channel_work_new (&message_kind);

  work->parcel = g_new0 (Parcel, 1);
  channel_run_async (channel, task, work);
}

/* ---- several out ---- */

typedef struct
{
  ChannelWork work;
  GPtrArray *values;   /* (owned): GVariants, whose bytes */
  ShmobjFrame *frames; /* (owned): these borrow */
  gsize done;          /* how many were put */
} PutMany;

static RingStatus
put_many_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  PutMany *many = (PutMany *) work;

  while (many->done < many->values->len)
    {
      const ShmobjFrame *next = &many->frames[many->done];
      guint put = 0;
      RingStatus status = ring_try_put_many (
          ring, me, next, MIN (many->values->len - many->done, RING_BATCH_MAX), &put, FALSE, 0);

      if (status != RING_OK)
        {
          put = 1;
          status = ring_put (ring, me, next, AT_ONCE);
        }
      if (status != RING_OK)
        {
          work->frame = *next;
          work->room = frame_stored_size (next);
          return status;
        }
      many->done += put;
    }
  return RING_OK;
}

static void
put_many_succeed (ChannelWork *work, GTask *task)
{
  g_task_return_int (task, ((PutMany *) work)->done);
}

static gboolean
put_many_give_up (ChannelWork *work, GTask *task)
{
  if (((PutMany *) work)->done == 0)
    return FALSE;
  put_many_succeed (work, task);
  return TRUE;
}

static void
put_many_clear (ChannelWork *work)
{
  PutMany *many = (PutMany *) work;

  g_ptr_array_unref (many->values);
  g_free (many->frames);
}

static const ChannelWorkKind put_many_kind = {
  .size = sizeof (PutMany),
  .writes = TRUE,
  .attempt = put_many_attempt,
  .succeed = put_many_succeed,
  .give_up = put_many_give_up,
  .clear = put_many_clear,
};

void
channel_put_many_async (const ChannelAsync *channel, GTask *task, GPtrArray *values)
{
  PutMany *many = channel_work_new (&put_many_kind);

  many->values = g_ptr_array_ref (values);
  many->frames = g_new (ShmobjFrame, values->len);
  for (guint i = 0; i < values->len; i++)
    shmobj_frame_set_variant (&many->frames[i], values->pdata[i]);
  channel_run_async (channel, task, many);
}

/* ---- several in ---- */

typedef struct
{
  ChannelWork work;
  GArray *frames; /* (owned) */
  guint most;
} GetMany;

static RingStatus
get_many_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  GetMany *many = (GetMany *) work;

  return channel_try_get_many (ring, me, CHANNEL_READABLE, many->most, many->frames, &work->frame);
}

static void
get_many_succeed (ChannelWork *work, GTask *task)
{
  GError *error = NULL;
  GPtrArray *values = channel_values_of (((GetMany *) work)->frames, &error);

  if (values != NULL)
    g_task_return_pointer (task, values, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
get_many_clear (ChannelWork *work)
{
  g_array_unref (((GetMany *) work)->frames);
}

static const ChannelWorkKind get_many_kind = {
  .size = sizeof (GetMany),
  .attempt = get_many_attempt,
  .succeed = get_many_succeed,
  .clear = get_many_clear,
};

void
channel_get_many_async (const ChannelAsync *channel, GTask *task, guint most)
{
  GetMany *many = channel_work_new (&get_many_kind);

  many->frames = channel_new_frames ();
  many->most = most;
  channel_run_async (channel, task, many);
}
