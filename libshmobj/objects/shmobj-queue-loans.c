/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls of a queue that have to do with blocks: borrow one, put it, take a message where it is.
 * See objects/shmobj-loan.c. */

#include "objects/loan-private.h"

#include "base/loan.h"
#include "base/shmobj-error.h"

typedef RingStatus (*Wait) (ShmobjQueue *self,
                            guint32 me,
                            gpointer data,
                            const RingPatience *patience);

/* First without a wait, so that a call that need not wait pays nothing for its cancellable. */
static RingStatus
with_patience (ShmobjQueue *self,
               guint32 me,
               Wait wait,
               gpointer data,
               gint64 timeout_us,
               GCancellable *cancellable)
{
  RingPatience patience = { 0, -1, FALSE };
  RingStatus status;

  if (g_cancellable_is_cancelled (cancellable))
    return RING_CANCELLED;
  status = wait (self, me, data, &patience);
  if (timeout_us == 0 || (status != RING_FULL && status != RING_SHALLOW && status != RING_STUCK))
    return status;

  patience.deadline_us = wait_deadline (timeout_us);
  if (cancellable != NULL)
    patience.cancel_fd = g_cancellable_get_fd (cancellable);
  status = wait (self, me, data, &patience);
  if (patience.cancel_fd >= 0)
    g_cancellable_release_fd (cancellable);
  return status;
}

/* ---- borrowing ---- */

typedef struct
{
  guint64 size;
  guint block;
} Wish;

static RingStatus
wait_to_borrow (ShmobjQueue *self, guint32 me, gpointer data, const RingPatience *patience)
{
  Wish *wish = data;

  return loan_lend (&self->ring, me, wish->size, patience, &wish->block);
}

void
loan_set_error (ShmobjQueue *self, RingStatus status, guint64 size, GError **error)
{
  if (status == RING_FULL)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL,
                 "No block of %" G_GUINT64_FORMAT
                 " bytes is free in the queue's pool: %u blocks are lent or wait to be read",
                 size, pool_count (&self->pool));
  else
    channel_set_error (&self->ring, "queue", status,
                       &(ShmobjFrame){ .kind = SHMOBJ_FRAME_BYTES, .size = size }, error);
}

static ShmobjLoan *
new_loan (ShmobjQueue *self, guint32 me)
{
  ShmobjLoan *loan = g_object_new (SHMOBJ_TYPE_LOAN, NULL);

  loan->queue = g_object_ref (self);
  loan->holder = me;
  queue_count_loan (self, me, 1);
  return loan;
}

/* @extent: how many bytes there are at its data. Takes @loan over when they are too few. */
static ShmobjLoan *
check_loan (ShmobjLoan *loan, guint64 extent, GError **error)
{
  if (loan->data != NULL && loan->size <= extent)
    return loan;
  channel_set_error (&loan->queue->ring, "queue", RING_CORRUPT, NULL, error);
  g_object_unref (loan);
  return NULL;
}

ShmobjLoan *
loan_new_lent (ShmobjQueue *self, guint32 me, guint block, guint64 size, GError **error)
{
  ShmobjLoan *loan = new_loan (self, me);
  guint64 extent = 0;

  loan->block = block;
  loan->size = size;
  loan->data = pool_block (&self->pool, block, &extent);
  return check_loan (loan, extent, error);
}

ShmobjLoan *
loan_new_taken (ShmobjQueue *self,
                const FlightTicket *ticket,
                const ShmobjFrame *frame,
                GError **error)
{
  ShmobjLoan *loan = new_loan (self, participants_me (&self->participants, NULL));
  guint64 extent = frame->size;

  loan->taken = TRUE;
  loan->ticket = *ticket;
  loan->frame = *frame;
  loan->size = frame->size;
  loan->data =
      ticket->block == 0 ? frame->owned : pool_block (&self->pool, ticket->block - 1, &extent);
  return check_loan (loan, extent, error);
}

/**
 * shmobj_queue_loan:
 * @self: a queue
 * @size: how many bytes, at most the queue's capacity
 * @timeout_us: how long to wait for a block, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Borrows a block of the queue's shared memory to write a message to, for
 * [method@Shmobj.Queue.put_loan].
 *
 * All blocks that are lent or wait to be read have together at most the queue's capacity, and are
 * at most 1000. Memory is reserved when a block is lent, so writing to it never fails. Waits while
 * none is free. Any thread may call it; a forked child does not have its parent's blocks.
 *
 * Returns: (transfer full): the block, or %NULL with `SHMOBJ_ERROR_FULL` (the time ran out),
 * `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_MESSAGE_TOO_LARGE` (more than the capacity),
 * `G_IO_ERROR_NO_SPACE` (no memory left), `SHMOBJ_ERROR_BUSY` (a process was stopped while it was
 * inside), `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
ShmobjLoan *
shmobj_queue_loan (
    ShmobjQueue *self, guint64 size, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  Wish wish = { size, POOL_NONE };
  RingStatus status;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  if (!queue_ensure (self, error) || (me = participants_me (&self->participants, error)) == 0)
    return NULL;
  status = with_patience (self, me, wait_to_borrow, &wish, timeout_us, cancellable);
  if (status == RING_OK)
    return loan_new_lent (self, me, wish.block, size, error);
  loan_set_error (self, status, size, error);
  return NULL;
}

/* ---- putting ---- */

typedef struct
{
  ShmobjLoan *loan;
  guint64 used;
} Payment;

static RingStatus
wait_to_put (ShmobjQueue *self, guint32 me, gpointer data, const RingPatience *patience)
{
  Payment *payment = data;

  return loan_put (&self->ring, me, payment->loan->block, payment->used, patience);
}

gboolean
loan_check_put (ShmobjLoan *loan, ShmobjQueue *self, guint64 used, GError **error)
{
  if (loan->queue != self)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "The block belongs to another queue; only the one that lent it takes it");
  else if (loan->taken)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "The block is a message that was taken: release it, or give it back");
  else if (used > loan->size)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "A message of %" G_GUINT64_FORMAT
                 " bytes is more than the block has (%" G_GSIZE_FORMAT ")",
                 used, loan->size);
  else
    return TRUE;
  return FALSE;
}

/**
 * shmobj_queue_put_loan:
 * @self: a queue
 * @loan: a block that this queue has lent
 * @used: how many of its bytes are the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Puts a block at the end of the queue, as a message of plain bytes, without a copy. Whoever gets
 * it, by [method@Shmobj.Queue.take] in its place or by any other call as a copy, gives the block
 * back. It is not in our hands afterwards, and nothing is to be written there any more.
 *
 * Waits while the queue is full.
 *
 * Returns: %TRUE, or %FALSE with nothing put and the block still in our hands: an error as of
 * [method@Shmobj.Queue.put], `G_IO_ERROR_INVALID_ARGUMENT` (another queue's block, one that was
 * taken, or more bytes than it has) or `SHMOBJ_ERROR_CLOSED` (it was put or released before, or is
 * the parent process's)
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_loan (ShmobjQueue *self,
                       ShmobjLoan *loan,
                       guint64 used,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GError **error)
{
  Payment payment = { loan, used };
  RingStatus status;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (SHMOBJ_IS_LOAN (loan), FALSE);

  if (!queue_ensure (self, error) || !loan_check_put (loan, self, used, error) ||
      !loan_begin_end (loan, error))
    return FALSE;
  status = with_patience (self, loan->holder, wait_to_put, &payment, timeout_us, cancellable);
  loan_end_with (loan, status == RING_OK ? LOAN_OVER : LOAN_HELD);
  if (status != RING_OK)
    channel_set_error (&self->ring, "queue", status,
                       &(ShmobjFrame){ .kind = SHMOBJ_FRAME_BYTES, .size = used }, error);
  return status == RING_OK;
}

/* ---- taking ---- */

/**
 * shmobj_queue_take:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes the message at the front of the queue into this process's hands, if it is plain bytes. One
 * that was lent ([method@Shmobj.Queue.put_loan]) is read where it is; of another one this is a
 * private copy, so a reader need not know how a message was sent.
 *
 * It is on record until [method@Shmobj.Loan.release], or until the loan is freed: if this process
 * dies before that, another reader gets it.
 *
 * Returns: (transfer full): the message, or %NULL with an error as of
 * [method@Shmobj.Queue.receive]; a message that is a value is `SHMOBJ_ERROR_INCOMPATIBLE` here and
 * stays in the queue
 *
 * Since: 1.0
 */
ShmobjLoan *
shmobj_queue_take (ShmobjQueue *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, NULL };
  FlightTicket ticket = { .in_place = TRUE };
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  if (!queue_ensure (self, error) ||
      !channel_receive (&self->ring, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &frame, &ticket, &call,
                        error))
    return NULL;
  return loan_new_taken (self, &ticket, &frame, error);
}
