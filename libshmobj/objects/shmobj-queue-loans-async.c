/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Borrowing a block, putting it, and taking a message where it is, by a main loop.
 *
 * A block that is being put is BUSY meanwhile (objects/shmobj-loan.c): its bytes can still be seen,
 * but it cannot be ended in another way. When the put comes to nothing it is HELD again before the
 * task is told.
 */

#include "objects/loan-private.h"
#include "objects/queue-async.h"

#include "base/loan.h"
#include "objects/task.h"

#define AT_ONCE (&(RingPatience){ 0, -1, FALSE })

/* ---- borrowing ---- */

static RingStatus
look_for_block (ShmobjQueue *self, guint32 me, guint64 size, GObject **result, GError **error)
{
  guint block = POOL_NONE;
  RingStatus status = loan_lend (&self->ring, me, size, AT_ONCE, &block);

  if (status == RING_OK)
    *result = (GObject *) loan_new_lent (self, me, block, size, error);
  return status;
}

/**
 * shmobj_queue_loan_async:
 * @self: a queue
 * @size: how many bytes, at most the queue's capacity
 * @timeout_us: how long to wait for a block, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.loan] without blocking and without a thread. While no block is free it looks
 * for one 50 times a second, and more often at first. A call that is cancelled or runs out of time
 * borrows nothing.
 *
 * Since: 1.0
 */
void
shmobj_queue_loan_async (ShmobjQueue *self,
                         guint64 size,
                         gint64 timeout_us,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  static const QueueLook look = { look_for_block, loan_set_error };
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_loan_async);
  if (task != NULL)
    queue_look_async (self, &look, size, timeout_us, task);
}

/**
 * shmobj_queue_loan_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.loan_async].
 *
 * Returns: (transfer full): the block, or %NULL with an error as of [method@Shmobj.Queue.loan]
 *
 * Since: 1.0
 */
ShmobjLoan *
shmobj_queue_loan_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* ---- putting ---- */

typedef struct
{
  ChannelWork work;
  ShmobjLoan *loan; /* (owned): BUSY */
} PutLoan;

static RingStatus
put_loan_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  ShmobjLoan *loan = ((PutLoan *) work)->loan;

  return loan_put (ring, loan->holder, loan->block, work->frame.size, AT_ONCE);
}

static void
put_loan_succeed (ChannelWork *work, GTask *task)
{
  loan_end_with (((PutLoan *) work)->loan, LOAN_OVER);
  g_task_return_boolean (task, TRUE);
}

static gboolean
put_loan_give_up (ChannelWork *work, GTask *task)
{
  loan_end_with (((PutLoan *) work)->loan, LOAN_HELD);
  return FALSE;
}

static void
put_loan_clear (ChannelWork *work)
{
  g_object_unref (((PutLoan *) work)->loan);
}

static const ChannelWorkKind put_loan_kind = {
  .size = sizeof (PutLoan),
  .writes = TRUE,
  .attempt = put_loan_attempt,
  .succeed = put_loan_succeed,
  .give_up = put_loan_give_up,
  .clear = put_loan_clear,
};

/**
 * shmobj_queue_put_loan_async:
 * @self: a queue
 * @loan: a block that this queue has lent
 * @used: how many of its bytes are the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.put_loan] without blocking and without a thread. Until it ends the block can
 * be neither released nor put by another call.
 *
 * Since: 1.0
 */
void
shmobj_queue_put_loan_async (ShmobjQueue *self,
                             ShmobjLoan *loan,
                             guint64 used,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  GError *error = NULL;
  PutLoan *put;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));
  g_return_if_fail (SHMOBJ_IS_LOAN (loan));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_put_loan_async);
  if (task == NULL)
    return;
  if (!loan_check_put (loan, self, used, &error) || !loan_begin_end (loan, &error))
    {
      task_fail (task, error);
      return;
    }
  put = channel_work_new (&put_loan_kind);
  put->loan = g_object_ref (loan);
  put->work.frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_BYTES, .size = used };
  put->work.room = sizeof (FrameHeader) + sizeof (LoanRecord);
  channel_run_async (QUEUE_CHANNEL (self, timeout_us), task, put);
}

/**
 * shmobj_queue_put_loan_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.put_loan_async].
 *
 * Returns: %TRUE, or %FALSE with nothing put and the block still in our hands, with an error as of
 * [method@Shmobj.Queue.put_loan]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_loan_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* ---- taking ---- */

typedef struct
{
  ChannelWork work;
  ShmobjQueue *queue; /* (unowned): the task's source object */
  FlightTicket ticket;
} Take;

static RingStatus
take_attempt (ChannelWork *work, Ring *ring, guint32 me)
{
  Take *take = (Take *) work;

  take->ticket = (FlightTicket){ .in_place = TRUE };
  return channel_get_frame (ring, me, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &work->frame, &take->ticket,
                            NULL, AT_ONCE);
}

static void
take_succeed (ChannelWork *work, GTask *task)
{
  Take *take = (Take *) work;
  GError *error = NULL;
  ShmobjLoan *loan = loan_new_taken (take->queue, &take->ticket, &work->frame, &error);

  work->frame = (ShmobjFrame){ 0 };
  if (loan != NULL)
    g_task_return_pointer (task, loan, g_object_unref);
  else
    g_task_return_error (task, error);
}

static const ChannelWorkKind take_kind = {
  .size = sizeof (Take),
  .attempt = take_attempt,
  .succeed = take_succeed,
};

/**
 * shmobj_queue_take_async:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.take] without blocking and without a thread, as
 * [method@Shmobj.Queue.get_async].
 *
 * Since: 1.0
 */
void
shmobj_queue_take_async (ShmobjQueue *self,
                         gint64 timeout_us,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  Take *take;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_take_async);
  if (task == NULL)
    return;
  take = channel_work_new (&take_kind);
  take->queue = self;
  channel_run_async (QUEUE_CHANNEL (self, timeout_us), task, take);
}

/**
 * shmobj_queue_take_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.take_async].
 *
 * Returns: (transfer full): the message, or %NULL with an error as of [method@Shmobj.Queue.take]
 *
 * Since: 1.0
 */
ShmobjLoan *
shmobj_queue_take_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
