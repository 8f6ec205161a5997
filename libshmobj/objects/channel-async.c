/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asynchronous puts and gets, without a thread: try; if in vain, arm the ring's doorbell and let a
 * GSource on it in the caller's main context try again.
 *
 * A cancelled or timed-out call takes nothing. A task looks at its cancellable when the result is
 * fetched, which would lose a message that was taken a moment earlier: so that is switched off, and
 * the cancellable is looked at before each try only.
 *
 * States of an operation: waiting (one source attached, one reference to the task in it) and done
 * (source destroyed). All of it runs in the one thread that owns the context. A put with
 * descriptors may wait for room in the ring or for room in their socket, and changes its source
 * with that.
 */

#include "objects/channel-async.h"

#include "base/lookout.h"
#include "base/shmobj-error.h"
#include "objects/message-fds.h"
#include "objects/message-private.h"

#include <errno.h>
#include <glib-unix.h>

typedef struct
{
  ChannelAsync channel;
  GVariant *value;   /* (owned) (nullable): what is put; NULL: this is a get */
  GUnixFDList *fds;  /* (owned) (nullable): what goes with it */
  Parcel *parcel;    /* (owned) (nullable): of a put, with those lent to it; of a get, wants them */
  ShmobjFrame frame; /* (owned) of a put */
  gboolean unsent;   /* the last try found no room for the descriptors alone */
  gboolean waits_unsent; /* that is what the source waits for */
  gpointer self;         /* (owned): the task's source object; a task lets it go before its data */
  gint64 deadline_us;
  GSource *source; /* (unowned) (nullable): what waits */
} Operation;

/* When the task is done, not when it is freed: a language that collects garbage may keep it for
 * long, and a closed end would not hang up meanwhile. */
static void
leave_channel (Operation *operation)
{
  if (operation->channel.done != NULL)
    operation->channel.done (operation->self);
  operation->channel.done = NULL;
}

static void
operation_free (gpointer data)
{
  Operation *operation = data;

  leave_channel (operation);
  g_clear_pointer (&operation->value, g_variant_unref);
  g_clear_object (&operation->fds);
  g_free (operation->parcel);
  shmobj_frame_clear (&operation->frame);
  g_object_unref (operation->self);
  g_free (operation);
}

static RingStatus
try_once (Operation *operation, guint32 me, ShmobjFrame *frame)
{
  Ring *ring = operation->channel.ring;
  RingPatience now = { 0, -1, FALSE };

  if (operation->value == NULL)
    return channel_get_frame (ring, me,
                              RING_ACCEPT (SHMOBJ_FRAME_BYTES) | RING_ACCEPT (SHMOBJ_FRAME_VARIANT),
                              frame, NULL, operation->parcel, &now);
  if (operation->parcel == NULL)
    return ring_put (ring, me, frame, &now);
  return ring_try_put_parcel (ring, me, frame, operation->parcel, TRUE, 0);
}

static void
finish_get (GTask *task, ShmobjFrame *frame)
{
  GError *error = NULL;
  GVariant *value = shmobj_frame_steal_variant (frame, &error);

  shmobj_frame_clear (frame);
  if (value != NULL)
    g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

static void
finish_message (Operation *operation, GTask *task, ShmobjFrame *frame)
{
  GUnixFDList *fds = message_fds_take (operation->parcel);
  GError *error = NULL;

  if (!operation->parcel->bad)
    {
      g_task_return_pointer (task, message_new_taken (frame, fds),
                             (GDestroyNotify) shmobj_message_unref);
      return;
    }
  message_fds_set_bad_error (operation->parcel, &error);
  shmobj_frame_clear (frame);
  g_task_return_error (task, error);
}

static void
finish_error (Operation *operation, GTask *task, RingStatus status, const ShmobjFrame *frame)
{
  GError *error = NULL;

  if (status == RING_UNSENT)
    message_fds_set_unsent_error (operation->parcel->code, &error);
  else if ((status == RING_EMPTY || status == RING_FULL) && operation->channel.late != NULL)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, operation->channel.late);
  else
    channel_set_error (operation->channel.ring, operation->channel.noun, status, frame, &error);
  g_task_return_error (task, error);
}

static gboolean
other_side_gone (Operation *operation)
{
  return operation->channel.is_over != NULL && operation->channel.is_over (operation->self);
}

static void
complete (Operation *operation, GTask *task, RingStatus status, ShmobjFrame *frame)
{
  if (status != RING_OK)
    finish_error (operation, task, status, frame);
  else if (operation->value != NULL)
    g_task_return_boolean (task, TRUE);
  else if (operation->parcel != NULL)
    finish_message (operation, task, frame);
  else
    finish_get (task, frame);
}

static void
fail_over (Operation *operation, GTask *task)
{
  GError *error = NULL;

  channel_set_over_error (operation->channel.noun, &error);
  g_task_return_error (task, error);
}

static void
fail_closed (Operation *operation, GTask *task)
{
  g_task_return_new_error (task, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                           "This %s was closed while the call waited", operation->channel.noun);
}

static RingStatus
arm (Operation *operation, guint32 me, const ShmobjFrame *frame)
{
  Ring *ring = operation->channel.ring;

  if (operation->value == NULL)
    return ring_arm_in (ring, me, DOORBELL_ARMED, -1);
  return ring_arm_out (ring, me, DOORBELL_ARMED, frame_stored_size (frame), -1);
}

/* Tries, and arms the bell if that was in vain. TRUE: the task is completed. */
static gboolean
try_and_arm (Operation *operation, GTask *task)
{
  GError *error = NULL;
  guint32 me = participants_me (operation->channel.ring->participants, &error);
  ShmobjFrame got = { 0 }, *frame = operation->value != NULL ? &operation->frame : &got;
  RingStatus status;

  if (me == 0)
    {
      g_task_return_error (task, error);
      return TRUE;
    }
  if (g_cancellable_is_cancelled (operation->channel.closing))
    {
      fail_closed (operation, task);
      return TRUE;
    }

  do
    {
      gboolean over = other_side_gone (
          operation); /* before the try, so that what was sent first is still found */

      status = g_cancellable_is_cancelled (g_task_get_cancellable (task)) ? RING_CANCELLED
               : over && operation->value != NULL                         ? RING_FULL
                                                  : try_once (operation, me, frame);
      operation->unsent =
          status == RING_UNSENT && message_fds_may_go_later (operation->parcel->code);
      if (status != RING_EMPTY && status != RING_FULL && !operation->unsent)
        break;
      if (over)
        {
          fail_over (operation, task);
          return TRUE;
        }
      if (wait_left (operation->deadline_us) == 0)
        break;
      if (operation->unsent)
        return FALSE;
      status = arm (operation, me, frame);
      if (status == RING_OK)
        return FALSE;
    }
  while (status == RING_AGAIN);

  complete (operation, task, status, frame);
  return TRUE;
}

static gboolean
advance (Operation *operation, GTask *task)
{
  if (!try_and_arm (operation, task))
    return FALSE;
  leave_channel (operation);
  return TRUE;
}

/* When to try again though nothing rings: the time is over, somebody may have died with a message
 * in its hands, or other processes of the user may have received descriptors. */
static void
set_alarm (Operation *operation)
{
  Ring *ring = operation->channel.ring;
  guint32 me = participants_me (ring->participants, NULL);
  gint64 look_us = operation->value == NULL && me != 0 ? lookout_by_bell_us (ring, me) : -1,
         left_us;

  if (operation->unsent && operation->parcel->code != EAGAIN)
    look_us = MESSAGE_FDS_LIMIT_SLICE_US;
  left_us = lookout_sooner (wait_left (operation->deadline_us), look_us);
  g_source_set_ready_time (operation->source, left_us < 0 ? -1 : g_get_monotonic_time () + left_us);
}

static gboolean on_ready (int fd, GIOCondition condition, gpointer user_data);

static void
add_child (GSource *source, GSource *child)
{
  g_source_set_dummy_callback (child);
  g_source_add_child_source (source, child);
  g_source_unref (child);
}

/* What becomes ready when the next try may do better. Where too much is under way between all
 * processes of the user, nothing does but the alarm. */
static GSource *
new_source (Operation *operation)
{
  Ring *ring = operation->channel.ring;

  if (operation->unsent)
    return g_unix_fd_source_new (ring->parcels,
                                 operation->parcel->code == EAGAIN ? G_IO_OUT : G_IO_HUP);
  return g_unix_fd_source_new (operation->value != NULL ? ring->out.poll_fd : ring->in.poll_fd,
                               G_IO_IN);
}

static void
wait_for_change (Operation *operation, GTask *task)
{
  g_autoptr (GSource) source = new_source (operation);

  operation->waits_unsent = operation->unsent;
  add_child (source, g_cancellable_source_new (operation->channel.closing));
  if (operation->channel.death_fd >= 0)
    add_child (source, g_unix_fd_source_new (operation->channel.death_fd, G_IO_HUP));
  if (g_task_get_cancellable (task) != NULL)
    add_child (source, g_cancellable_source_new (g_task_get_cancellable (task)));
  operation->source = source;
  set_alarm (operation);
  g_source_set_static_name (source, "shmobj channel");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, (GSourceFunc) (void *) on_ready, g_object_ref (task),
                         g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static gboolean
on_ready (int fd, GIOCondition condition, gpointer user_data)
{
  GTask *task = user_data;
  Operation *operation = g_task_get_task_data (task);

  if (advance (operation, task))
    return G_SOURCE_REMOVE;
  if (operation->unsent || operation->waits_unsent)
    {
      wait_for_change (operation, task);
      return G_SOURCE_REMOVE;
    }
  set_alarm (operation);
  return G_SOURCE_CONTINUE;
}

/* FALSE: there are too many descriptors, or there is no memory for the message. */
static gboolean
prepare (Operation *operation, gboolean with_fds, GError **error)
{
  ShmobjFrame frame;

  if (with_fds || operation->fds != NULL)
    operation->parcel = g_new0 (Parcel, 1);
  if (operation->value == NULL)
    return TRUE;
  shmobj_frame_set_variant (&operation->frame, operation->value);
  if (operation->fds == NULL)
    return TRUE;
  frame = operation->frame;
  operation->frame = (ShmobjFrame){ 0 };
  if (!message_fds_lend (operation->fds, operation->parcel, error))
    return FALSE;
  if (parcel_wrap (&frame, operation->parcel->n_fds, &operation->frame))
    return TRUE;
  channel_set_error (operation->channel.ring, operation->channel.noun, RING_NO_SPACE, &frame,
                     error);
  return FALSE;
}

static void
start (
    const ChannelAsync *channel, GTask *task, GVariant *value, GUnixFDList *fds, gboolean with_fds)
{
  Operation *operation = g_new (Operation, 1);
  GError *error = NULL;

  *operation = (Operation){
    .channel = *channel,
    .value = value != NULL ? g_variant_ref (value) : NULL,
    .fds = fds != NULL && g_unix_fd_list_get_length (fds) > 0 ? g_object_ref (fds) : NULL,
    .self = g_object_ref (g_task_get_source_object (task)),
    .deadline_us = wait_deadline (channel->timeout_us),
  };
  g_task_set_task_data (task, operation, operation_free);
  g_task_set_check_cancellable (task, FALSE);
  if (!prepare (operation, with_fds, &error))
    {
      g_task_return_error (task, error);
      leave_channel (operation);
    }
  else if (!advance (operation, task))
    wait_for_change (operation, task);
  g_object_unref (task);
}

void
channel_put_async (const ChannelAsync *channel, GTask *task, GVariant *value, GUnixFDList *fds)
{
  start (channel, task, value, fds, FALSE);
}

void
channel_get_async (const ChannelAsync *channel, GTask *task, gboolean with_fds)
{
  start (channel, task, NULL, NULL, with_fds);
}
