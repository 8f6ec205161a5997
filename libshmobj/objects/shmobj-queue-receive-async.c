/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Receiving, and waiting until all is dealt with, by a main loop. A message that was received is on
 * record from that moment: nobody who fetches it means that it goes back with the task. */

#include "objects/queue-async.h"
#include "objects/shmobj-message.h"

#include "base/flight.h"
#include "objects/message-private.h"

typedef struct
{
  ChannelWork work;
  ShmobjQueue *queue; /* (unowned): the task's source object */
  FlightTicket ticket;
} Receive;

static RingStatus
receive_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  Receive *receive = (Receive *) work;

  receive->ticket = (FlightTicket){ 0 };
  return channel_get_frame (ring, me, RING_ACCEPT_ALL, &work->frame, &receive->ticket, NULL,
                            &(RingPatience){ 0, -1, FALSE });
}

static void
receive_succeed (ChannelWork *work, GTask *task)
{
  Receive *receive = (Receive *) work;

  g_task_return_pointer (task,
                         message_new_received (receive->queue, &receive->ticket, &work->frame),
                         (GDestroyNotify) shmobj_message_unref);
}

static const ChannelWorkKind receive_kind = {
  .size = sizeof (Receive),
  .attempt = receive_attempt,
  .succeed = receive_succeed,
};

/**
 * shmobj_queue_receive_async:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.receive] without blocking and without a thread, as
 * [method@Shmobj.Queue.get_async].
 *
 * Since: 1.0
 */
void
shmobj_queue_receive_async (ShmobjQueue *self,
                            gint64 timeout_us,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  Receive *receive;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_receive_async);
  if (task == NULL)
    return;
  receive = channel_work_new (&receive_kind);
  receive->queue = self;
  channel_run_async (QUEUE_CHANNEL (self, timeout_us), task, receive);
}

/**
 * shmobj_queue_receive_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.receive_async].
 *
 * Returns: (transfer full): the message, or %NULL with an error as of [method@Shmobj.Queue.receive]
 *
 * Since: 1.0
 */
ShmobjMessage *
shmobj_queue_receive_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static RingStatus
look_whether_done (ShmobjQueue *self, guint32 me, guint64 size, GObject **result, GError **error)
{
  RingStatus status = flight_join (&self->ring, me, &(RingPatience){ 0, -1, FALSE });

  if (status == RING_OK)
    *result = g_object_ref (G_OBJECT (self));
  return status;
}

static void
set_join_error (ShmobjQueue *self, RingStatus status, guint64 size, GError **error)
{
  queue_set_join_error (self, status, error);
}

/**
 * shmobj_queue_join_async:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.join] without blocking and without a thread. Looks 50 times a second, and
 * more often at first.
 *
 * Since: 1.0
 */
void
shmobj_queue_join_async (ShmobjQueue *self,
                         gint64 timeout_us,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  static const QueueLook look = { look_whether_done, set_join_error };
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_join_async);
  if (task != NULL)
    queue_look_async (self, &look, 0, timeout_us, task);
}

/**
 * shmobj_queue_join_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.join_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Queue.join]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_join_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GObject) done = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  done = g_task_propagate_pointer (G_TASK (result), error);
  return done != NULL;
}
