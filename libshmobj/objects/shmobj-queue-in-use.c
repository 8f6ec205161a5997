/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who has blocks of a queue: how many are in somebody's hands, how many loans are in ours, and what
 * is said of these when the handle is closed.
 *
 * Ours are counted here and not in shared memory, since a loan may also be a private copy of a
 * message (shmobj_queue_take()):
 *
 *     held      [ token of the process that counts ][ its loans ]
 *
 * A forked child has none of its parent's loans: it has another token, and begins at 0.
 */

#include "objects/loan-private.h"

#include "base/loan.h"
#include "base/shmobj-error.h"

#define HELD_BY(word) ((guint32) ((word) >> 32))
#define HELD_COUNT(word) ((guint32) (word))

void
queue_count_loan (ShmobjQueue *self, guint32 holder, int change)
{
  guint64 seen = atomic_load (&self->held), next;

  do
    {
      guint32 count = HELD_BY (seen) == holder ? HELD_COUNT (seen) : 0;

      next = (guint64) holder << 32 | (count + change);
    }
  while (!atomic_compare_exchange_weak (&self->held, &seen, next));
}

static guint
count_held (ShmobjQueue *self)
{
  guint64 held = atomic_load (&self->held);

  return held != 0 && HELD_BY (held) == participants_token (&self->participants) ? HELD_COUNT (held)
                                                                                 : 0;
}

/**
 * shmobj_queue_get_held:
 * @self: a queue
 *
 * How many loans of this queue are in this process's hands: blocks that were lent and not yet put
 * or released, and messages that were taken and not yet released or given back. Other objects for
 * the same queue count for themselves.
 *
 * Never blocks, any thread; also after [method@Shmobj.Queue.close].
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint
shmobj_queue_get_held (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  return count_held (self);
}

/**
 * shmobj_queue_get_in_use:
 * @self: a queue
 *
 * How many blocks of the queue's pool are in the hands of processes now: lent and not yet put, or
 * holding a message that was taken or received and is not yet done with. Blocks that wait in the
 * queue are in nobody's hands. First returns what processes held that have died, so it counts the
 * living only.
 *
 * Never blocks, any thread.
 *
 * Returns: their number; 0 of a queue that is not usable
 *
 * Since: 1.0
 */
guint
shmobj_queue_get_in_use (ShmobjQueue *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  if (!queue_ensure (self, NULL) || (me = participants_me (&self->participants, NULL)) == 0)
    return 0;
  return loan_in_use (&self->ring, me);
}

/**
 * shmobj_queue_close:
 * @self: a queue
 * @error: return location for an error
 *
 * Gives up this handle of the queue: every later call on it is `SHMOBJ_ERROR_CLOSED`, and so is the
 * outcome of what a main loop waits for on it. The queue itself goes on for all others, with what
 * is in it. Memory and descriptors go with the last reference to the object. Calling it again does
 * nothing.
 *
 * Loans that are still in this process's hands ([method@Shmobj.Queue.get_held]) are reported as
 * `SHMOBJ_ERROR_BUSY`. The handle is closed nevertheless, and nothing is lost: the loans can still
 * be released or given back, and are when they are freed or the process ends, but not put.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_BUSY`; closed in any case
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_close (ShmobjQueue *self, GError **error)
{
  guint held;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  held = lazy_init_close (&self->lazy) ? count_held (self) : 0;
  g_cancellable_cancel (self->closing);
  if (held == 0)
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "The queue is closed, but %u of its blocks %s still in use by this process: put, "
               "release or give back each loan before closing",
               held, held == 1 ? "is" : "are");
  return FALSE;
}
