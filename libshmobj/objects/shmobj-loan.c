/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjLoan:
 *
 * A block of a [class@Shmobj.Queue]'s shared memory in this process's hands, so that a large
 * message needs no copy: a writer fills the block where it is and puts it, a reader reads it there.
 * The cost does not depend on the size.
 *
 * ```c
 * g_autoptr (ShmobjLoan) block = shmobj_queue_loan (frames, 1920 * 1080 * 4, -1, NULL, &error);
 *
 * render_into (shmobj_loan_get_data (block, NULL));
 * shmobj_queue_put_loan (frames, block, 1920 * 1080 * 4, -1, NULL, &error);
 * ```
 *
 * ```c
 * g_autoptr (ShmobjLoan) block = shmobj_queue_take (frames, -1, NULL, &error);
 *
 * show (shmobj_loan_get_data (block, NULL), shmobj_loan_get_size (block));
 * shmobj_loan_release (block, &error);
 * ```
 *
 * A block that was lent returns to the queue's pool when it is released, freed without having been
 * put, or when the process that holds it dies. A message that was taken is on record, as with
 * [method@Shmobj.Queue.receive]: it is done when it is released or freed, and returns to the front
 * of the queue when it is given back or its holder dies.
 *
 * The memory may be looked at and, until it is put, written until then; not afterwards, when it is
 * somebody else's. Other processes that hold the queue could write there at any time, so what comes
 * from one that is not trusted is to be copied before it is checked.
 *
 * Since: 1.0
 */

/* The object around a block. Borrowing, putting and taking are in objects/shmobj-queue-loans.c;
 * what lies in shared memory, and what a death leaves, in base/pool.c and base/loan.c.
 *
 * States. HELD becomes BUSY while a thread tries to end it, then OVER, or HELD again if that was in
 * vain. Of two threads that end it at once, one is told CLOSED.
 *
 * The mapping is the queue's, and the loan holds a reference to the queue: so a pointer or a view
 * that somebody keeps too long never points at nothing, only at what is another one's by now.
 *
 * Forks. A block is the process's that got it. A child's copy of the object is CLOSED, and freeing
 * it there changes nothing.
 */

#include "objects/loan-private.h"

#include "base/loan.h"
#include "base/shmobj-error.h"

G_DEFINE_FINAL_TYPE (ShmobjLoan, shmobj_loan, G_TYPE_OBJECT)

static gboolean
fail_over (GError **error)
{
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                       "The block is not in this process's hands: it was put, went back, or is the "
                       "parent's");
  return FALSE;
}

static gboolean
is_ours (ShmobjLoan *self)
{
  return self->queue != NULL && participants_me (&self->queue->participants, NULL) == self->holder;
}

gboolean
loan_begin_end (ShmobjLoan *self, GError **error)
{
  guint32 held = LOAN_HELD;

  return (is_ours (self) && atomic_compare_exchange_strong (&self->state, &held, LOAN_BUSY)) ||
         fail_over (error);
}

void
loan_end_with (ShmobjLoan *self, LoanState state)
{
  atomic_store (&self->state, state);
  if (state == LOAN_OVER)
    queue_count_loan (self->queue, self->holder, -1);
}

/* Its bytes; NULL when it is over. */
static guint8 *
bytes_of (ShmobjLoan *self)
{
  return atomic_load (&self->state) != LOAN_OVER && is_ours (self) ? self->data : NULL;
}

/* ---- GObject ---- */

static void
shmobj_loan_finalize (GObject *object)
{
  ShmobjLoan *self = SHMOBJ_LOAN (object);

  if (self->queue != NULL && atomic_load (&self->state) == LOAN_HELD)
    shmobj_loan_release (self, NULL);
  shmobj_frame_clear (&self->frame);
  g_clear_object (&self->queue);
  G_OBJECT_CLASS (shmobj_loan_parent_class)->finalize (object);
}

static void
shmobj_loan_class_init (ShmobjLoanClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = shmobj_loan_finalize;
}

static void
shmobj_loan_init (ShmobjLoan *self)
{
}

/* ---- its bytes ---- */

/**
 * shmobj_loan_get_data: (skip)
 * @self: a loan
 * @size: (out) (optional): where to store the size in bytes
 *
 * The memory itself: to write, if it was lent, and to read. What a block that was lent holds before
 * it is written is not defined. A block begins at a multiple of 64.
 *
 * Never blocks, any thread.
 *
 * Returns: (nullable) (transfer none): its first byte; %NULL if it is not in our hands any more
 *
 * Since: 1.0
 */
gpointer
shmobj_loan_get_data (ShmobjLoan *self, gsize *size)
{
  guint8 *data;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), NULL);

  data = bytes_of (self);
  if (size != NULL)
    *size = data != NULL ? self->size : 0;
  return data;
}

/**
 * shmobj_loan_get_address:
 * @self: a loan
 *
 * Where the memory is in this process, for language bindings that make views of it. A view must
 * hold a reference to @self for as long as it exists.
 *
 * Never blocks, any thread.
 *
 * Returns: the address of its first byte; 0 if it is not in our hands any more
 *
 * Since: 1.0
 */
guint64
shmobj_loan_get_address (ShmobjLoan *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), 0);

  return (guint64) (guintptr) bytes_of (self);
}

/**
 * shmobj_loan_get_size:
 * @self: a loan
 *
 * Never blocks, any thread.
 *
 * Returns: how many bytes were asked for, or were put
 *
 * Since: 1.0
 */
guint64
shmobj_loan_get_size (ShmobjLoan *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), 0);

  return self->size;
}

/**
 * shmobj_loan_get_bytes:
 * @self: a loan
 * @error: return location for an error
 *
 * The bytes where they are, without a copy. They keep @self, so the block stays in our hands with
 * them unless it is released or put.
 *
 * Never blocks, any thread.
 *
 * Returns: (transfer full): the bytes, or %NULL with `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
GBytes *
shmobj_loan_get_bytes (ShmobjLoan *self, GError **error)
{
  guint8 *data;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), NULL);

  data = bytes_of (self);
  if (data == NULL)
    {
      fail_over (error);
      return NULL;
    }
  return g_bytes_new_with_free_func (data, self->size, g_object_unref, g_object_ref (self));
}

/**
 * shmobj_loan_write_bytes:
 * @self: a loan
 * @offset: where the first byte goes
 * @bytes: what to write
 * @error: return location for an error
 *
 * Copies bytes in; all of them or none. Never blocks.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (they do not fit there),
 * `G_IO_ERROR_PERMISSION_DENIED` (it is a message that was taken) or `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
gboolean
shmobj_loan_write_bytes (ShmobjLoan *self, guint64 offset, GBytes *bytes, GError **error)
{
  gsize size;
  const guint8 *data;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  return shmobj_loan_write_data (self, offset, data, size, error);
}

/**
 * shmobj_loan_write_data:
 * @self: a loan
 * @offset: where the first byte goes
 * @data: (array length=n_data): what to write
 * @n_data: how many bytes
 * @error: return location for an error
 *
 * [method@Shmobj.Loan.write_bytes] from an array.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Loan.write_bytes]
 *
 * Since: 1.0
 */
gboolean
shmobj_loan_write_data (
    ShmobjLoan *self, guint64 offset, const guint8 *data, gsize n_data, GError **error)
{
  guint8 *there;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), FALSE);
  g_return_val_if_fail (data != NULL || n_data == 0, FALSE);

  there = bytes_of (self);
  if (there == NULL)
    return fail_over (error);
  if (self->taken)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                           "A message that was taken is not to be written to");
      return FALSE;
    }
  if (offset > self->size || n_data > self->size - offset)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%" G_GSIZE_FORMAT " bytes at %" G_GUINT64_FORMAT
                   " are outside of the block, which has %" G_GSIZE_FORMAT,
                   n_data, offset, self->size);
      return FALSE;
    }
  if (n_data > 0)
    memcpy (there + offset, data, n_data);
  return TRUE;
}

/* ---- what it is ---- */

/**
 * shmobj_loan_is_taken:
 * @self: a loan
 *
 * Whether it is a message that was taken, and not a block to write to.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_loan_is_taken (ShmobjLoan *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), FALSE);

  return self->taken;
}

/**
 * shmobj_loan_get_redelivered:
 * @self: a loan
 *
 * How often the message was handed out before, to readers that died or gave it back.
 *
 * Returns: the number of times; 0: this is the first
 *
 * Since: 1.0
 */
guint
shmobj_loan_get_redelivered (ShmobjLoan *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), 0);

  return self->ticket.deliveries;
}

/* ---- its end ---- */

/**
 * shmobj_loan_release:
 * @self: a loan
 * @error: return location for an error
 *
 * A message that was taken is done with: it is gone for good. A block that was lent returns to the
 * pool without having been put. The memory is not ours afterwards.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_CLOSED` (it was put, released or given back, or is
 * the parent process's)
 *
 * Since: 1.0
 */
gboolean
shmobj_loan_release (ShmobjLoan *self, GError **error)
{
  gboolean done;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), FALSE);

  if (!loan_begin_end (self, error))
    return FALSE;
  done = self->taken ? flight_done (&self->queue->ring, self->holder, &self->ticket)
                     : pool_free (&self->queue->pool, self->block, self->holder);
  loan_end_with (self, LOAN_OVER);
  return done || fail_over (error);
}

/**
 * shmobj_loan_give_back:
 * @self: a loan
 * @error: return location for an error
 *
 * Returns a message that was taken to the front of the queue, for another reader. A block that was
 * lent is released.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_CLOSED` (it was put, released or given back, or is
 * the parent process's)
 *
 * Since: 1.0
 */
gboolean
shmobj_loan_give_back (ShmobjLoan *self, GError **error)
{
  gboolean done;

  g_return_val_if_fail (SHMOBJ_IS_LOAN (self), FALSE);

  if (!self->taken)
    return shmobj_loan_release (self, error);
  if (!loan_begin_end (self, error))
    return FALSE;
  done = flight_give_back (&self->queue->ring, self->holder, &self->ticket);
  loan_end_with (self, LOAN_OVER);
  return done || fail_over (error);
}
