/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls of a channel without a thread: try; if in vain, arm the ring's doorbell and let a GSource
 * on it in the caller's main context try again. What a try is, and what comes of it, is the work's
 * own matter (objects/channel-work.c).
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

#include <errno.h>
#include <glib-unix.h>

typedef struct
{
  ChannelAsync channel;
  ChannelWork *work;     /* (owned) */
  gboolean unsent;       /* the last try found no room for the descriptors alone */
  gboolean waits_unsent; /* that is what the source waits for */
  gpointer self;         /* (owned): the task's source object; a task lets it go before its data */
  gint64 deadline_us;
  GSource *source; /* (unowned) (nullable): what waits */
} Operation;

gpointer
channel_work_new (const ChannelWorkKind *kind)
{
  ChannelWork *work = g_malloc0 (kind->size);

  work->kind = kind;
  return work;
}

static void
work_free (ChannelWork *work)
{
  if (work->kind->clear != NULL)
    work->kind->clear (work);
  shmobj_frame_clear (&work->frame);
  g_free (work->parcel);
  g_free (work);
}

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
  work_free (operation->work);
  g_object_unref (operation->self);
  g_free (operation);
}

static gboolean
is_put (Operation *operation)
{
  return operation->work->kind->writes;
}

/* ---- how it ends ---- */

/* Takes @error over. */
static void
fail (Operation *operation, GTask *task, GError *error)
{
  ChannelWork *work = operation->work;

  if (work->kind->give_up != NULL && work->kind->give_up (work, task))
    g_error_free (error);
  else
    g_task_return_error (task, error);
}

static void
conclude (Operation *operation, GTask *task, RingStatus status)
{
  ChannelWork *work = operation->work;
  GError *error = NULL;

  if (status == RING_OK)
    {
      work->kind->succeed (work, task);
      return;
    }
  if (status == RING_UNSENT)
    message_fds_set_unsent_error (work->parcel->code, &error);
  else if ((status == RING_EMPTY || status == RING_FULL) && operation->channel.late != NULL)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, operation->channel.late);
  else
    channel_set_error (operation->channel.ring, operation->channel.noun, status, &work->frame,
                       &error);
  fail (operation, task, error);
}

static void
conclude_over (Operation *operation, GTask *task)
{
  GError *error = NULL;

  channel_set_over_error (operation->channel.noun, &error);
  fail (operation, task, error);
}

static void
conclude_closed (Operation *operation, GTask *task)
{
  fail (operation, task,
        g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED, "This %s was closed while the call waited",
                     operation->channel.noun));
}

/* ---- trying ---- */

static gboolean
other_side_gone (Operation *operation)
{
  return operation->channel.is_over != NULL && operation->channel.is_over (operation->self);
}

static RingStatus
arm (Operation *operation, guint32 me)
{
  Ring *ring = operation->channel.ring;

  if (!is_put (operation))
    return ring_arm_in (ring, me, DOORBELL_ARMED, -1);
  return ring_arm_out (ring, me, DOORBELL_ARMED, operation->work->room, -1);
}

static RingStatus
try_once (Operation *operation, GTask *task, guint32 me, gboolean over)
{
  ChannelWork *work = operation->work;
  RingStatus status;

  operation->unsent = FALSE;
  if (g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    return RING_CANCELLED;
  status = over && is_put (operation) ? RING_FULL
                                      : work->kind->attempt (work, operation->channel.ring, me);
  operation->unsent = status == RING_UNSENT && message_fds_may_go_later (work->parcel->code);
  return status;
}

/* Tries, and arms the bell if that was in vain. TRUE: the task is completed. */
static gboolean
try_and_arm (Operation *operation, GTask *task)
{
  GError *error = NULL;
  guint32 me = participants_me (operation->channel.ring->participants, &error);
  RingStatus status;

  if (me == 0)
    {
      fail (operation, task, error);
      return TRUE;
    }
  if (g_cancellable_is_cancelled (operation->channel.closing))
    {
      conclude_closed (operation, task);
      return TRUE;
    }

  do
    {
      gboolean over = other_side_gone (
          operation); /* before the try, so that what was sent first is still found */

      status = try_once (operation, task, me, over);
      if (status != RING_EMPTY && status != RING_FULL && !operation->unsent)
        break;
      if (over)
        {
          conclude_over (operation, task);
          return TRUE;
        }
      if (wait_left (operation->deadline_us) == 0)
        break;
      if (operation->unsent)
        return FALSE;
      status = arm (operation, me);
      if (status == RING_OK)
        return FALSE;
    }
  while (status == RING_AGAIN);

  conclude (operation, task, status);
  return TRUE;
}

/* ---- waiting ---- */

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
  gint64 look_us = !is_put (operation) && me != 0 ? lookout_by_bell_us (ring, me) : -1, left_us;

  if (operation->unsent && operation->work->parcel->code != EAGAIN)
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
                                 operation->work->parcel->code == EAGAIN ? G_IO_OUT : G_IO_HUP);
  return g_unix_fd_source_new (is_put (operation) ? ring->out.poll_fd : ring->in.poll_fd, G_IO_IN);
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

void
channel_run_async (const ChannelAsync *channel, GTask *task, gpointer work)
{
  Operation *operation = g_new (Operation, 1);

  *operation = (Operation){
    .channel = *channel,
    .work = work,
    .self = g_object_ref (g_task_get_source_object (task)),
    .deadline_us = wait_deadline (channel->timeout_us),
  };
  g_task_set_task_data (task, operation, operation_free);
  g_task_set_check_cancellable (task, FALSE);
  if (!advance (operation, task))
    wait_for_change (operation, task);
  g_object_unref (task);
}

void
channel_refuse_async (const ChannelAsync *channel, GTask *task, gpointer work, GError *error)
{
  g_task_return_error (task, error);
  if (channel->done != NULL)
    channel->done (g_task_get_source_object (task));
  work_free (work);
  g_object_unref (task);
}
