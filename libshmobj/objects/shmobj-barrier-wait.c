/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a ShmobjBarrier: with a time-out, with a cancellable, and in a main loop
 * (objects/watch.c). */

#include "objects/barrier-private.h"

#include "base/shmobj-error.h"

#include <errno.h>

/* What an asynchronous wait remembers. */
typedef struct
{
  guint ticket;
  gint index;
  gint64 timeout_us;
} Waiting;

static void
set_broken (GError **error)
{
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN,
                       "The barrier is broken: a party gave up or died, or it was aborted or "
                       "reset; reset() makes it usable again");
}

/* An error for each result but BARRIER_PASSED; errno may belong to it. */
static gboolean
conclude (ShmobjBarrier *self, BarrierResult result, gint64 timeout_us, GError **error)
{
  int code = errno;
  g_autofree char *time = NULL;

  if (result == BARRIER_PASSED)
    return TRUE;
  if (result == BARRIER_BROKEN)
    set_broken (error);
  else if (result == BARRIER_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == BARRIER_FAILED)
    placed_set_no_descriptor (self, code, error);
  else
    {
      time = place_describe_time (MAX (timeout_us, 0));
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "Not all parties came to the barrier within %s", time);
    }
  return FALSE;
}

/* For placed_wait_with(). */
typedef struct
{
  Barrier *barrier;
  guint32 me, ticket;
} Call;

static int
wait_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  Call *call = data;

  return barrier_wait_or_fd (call->barrier, call->me, call->ticket, deadline_us, other_fd);
}

static BarrierResult
wait_for (
    ShmobjBarrier *self, guint32 me, guint32 ticket, gint64 timeout_us, GCancellable *cancellable)
{
  gint64 deadline_us = wait_deadline (timeout_us);
  Call call = { &self->barrier, me, ticket };
  BarrierResult result;

  if (timeout_us != 0 && cancellable != NULL)
    return (BarrierResult) placed_wait_with (&call, cancellable, deadline_us, wait_or_fd,
                                             BARRIER_FAILED);
  result = barrier_wait (&self->barrier, me, ticket, deadline_us, FALSE);
  if (result == BARRIER_TIMED_OUT && timeout_us == 0 && placed_quiet (self))
    result = barrier_look (&self->barrier, me, ticket);
  return result == BARRIER_WAITING ? BARRIER_TIMED_OUT : result;
}

/**
 * shmobj_barrier_arrive:
 * @self: a barrier
 * @hold: whether the last party opens the barrier itself
 * @ticket: (out): what to wait with
 * @error: return location for an error
 *
 * Comes to the barrier without waiting: one party more is there. It passes with
 * [method@Shmobj.Barrier.wait_ticket], or gives up with [method@Shmobj.Barrier.give_up].
 *
 * With @hold, which must be the same for all parties, nobody passes before the last one, whose
 * number is [method@Shmobj.Barrier.get_parties] − 1, has called [method@Shmobj.Barrier.open]: it
 * can do something while all others wait. If it dies in that, the barrier is broken.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN, with `G_IO_ERROR_NO_SPACE` when 1024 processes use
 * it already, and with what the kernel says when no descriptors are left.
 *
 * Returns: the number of this party, from 0 on in the order in which they came; -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_arrive (ShmobjBarrier *self, gboolean hold, guint *ticket, GError **error)
{
  guint32 me, index, drawn;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  *ticket = 0;
  me = barrier_enter (self, error);
  if (me == 0 || !barrier_prepare (&self->barrier, me, error))
    return -1;
  if (barrier_arrive (&self->barrier, me, hold, &drawn, &index) == BARRIER_BROKEN)
    {
      set_broken (error);
      return -1;
    }
  *ticket = drawn;
  return (gint) index;
}

/**
 * shmobj_barrier_wait_ticket:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive]
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until all parties are there. After a failure other than %SHMOBJ_ERROR_BROKEN the party
 * still counts as there: call again, or [method@Shmobj.Barrier.give_up].
 *
 * Blocks until then. Fails as [method@Shmobj.Barrier.wait] does.
 *
 * Returns: %TRUE when all were there
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_wait_ticket (
    ShmobjBarrier *self, guint ticket, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = barrier_enter (self, error);
  if (me == 0 || (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  return conclude (self, wait_for (self, me, ticket, timeout_us, cancellable), timeout_us, error);
}

/**
 * shmobj_barrier_give_up:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive]
 * @error: return location for an error
 *
 * Waits no longer, which breaks the barrier for all others; unless all were there by now.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN, which is what it is for.
 *
 * Returns: %TRUE when all were there
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_give_up (ShmobjBarrier *self, guint ticket, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = barrier_enter (self, error);
  return me != 0 &&
         conclude (self, barrier_give_up (&self->barrier, me, ticket, BARRIER_BROKEN), 0, error);
}

/**
 * shmobj_barrier_open:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive], which was the last one to hold the barrier
 * @error: return location for an error
 *
 * Lets all parties pass, this one, too.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN when the barrier was broken meanwhile.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_open (ShmobjBarrier *self, guint ticket, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = barrier_enter (self, error);
  if (me == 0)
    return FALSE;
  if (barrier_open (&self->barrier, me, ticket))
    return TRUE;
  set_broken (error);
  return FALSE;
}

/**
 * shmobj_barrier_wait:
 * @self: a barrier
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Comes to the barrier, and waits until all parties are there.
 *
 * Blocks until then. Any thread may call it. Fails with %SHMOBJ_ERROR_BROKEN when a party gave up
 * or died. Fails with `G_IO_ERROR_TIMED_OUT` when @timeout_us passed, `G_IO_ERROR_CANCELLED`, and
 * with what the kernel says when no descriptors are left; each of these breaks the barrier, for
 * this party will not come. One that was cancelled before the call has not come.
 *
 * Returns: the number of this party, from 0 on in the order in which they came; -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_wait (ShmobjBarrier *self,
                     gint64 timeout_us,
                     GCancellable *cancellable,
                     GError **error)
{
  BarrierResult result;
  guint ticket;
  guint32 me;
  gint index;
  int code;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  if (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  index = shmobj_barrier_arrive (self, FALSE, &ticket, error);
  if (index < 0)
    return -1;
  me = participants_token (self->barrier.participants);
  result = wait_for (self, me, ticket, timeout_us, cancellable);
  code = errno;
  if (result != BARRIER_PASSED && result != BARRIER_BROKEN)
    result = barrier_give_up (&self->barrier, me, ticket, result);
  errno = code;
  return conclude (self, result, timeout_us, error) ? index : -1;
}

static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjBarrier *self = g_task_get_source_object (task);
  const Waiting *waiting = g_task_get_task_data (task);
  GError *error = NULL;
  guint32 me = barrier_enter (self, &error);
  BarrierResult result;

  if (me == 0)
    {
      g_task_return_error (task, error);
      return TRUE;
    }
  result = reason == WATCH_LOOK ? barrier_look (&self->barrier, me, waiting->ticket)
                                : barrier_give_up (&self->barrier, me, waiting->ticket,
                                                   reason == WATCH_CANCELLED ? BARRIER_CANCELLED
                                                                             : BARRIER_TIMED_OUT);
  if (result == BARRIER_WAITING)
    return FALSE;
  if (conclude (self, result, waiting->timeout_us, &error))
    g_task_return_int (task, waiting->index);
  else
    g_task_return_error (task, error);
  return TRUE;
}

/**
 * shmobj_barrier_wait_async:
 * @self: a barrier
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Comes to the barrier and waits as [method@Shmobj.Barrier.wait] does, without blocking and without
 * a thread.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_barrier_wait_async (ShmobjBarrier *self,
                           gint64 timeout_us,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GError *error = NULL;
  Waiting *waiting;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_BARRIER (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_barrier_wait_async);
  waiting = g_new0 (Waiting, 1);
  g_task_set_task_data (task, waiting, g_free);
  waiting->timeout_us = timeout_us;
  if ((cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, &error)) ||
      (waiting->index = shmobj_barrier_arrive (self, FALSE, &waiting->ticket, &error)) < 0)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
    }
  else
    watch_start (task, placed_arena (self), wait_deadline (timeout_us), look);
}

/**
 * shmobj_barrier_wait_finish:
 * @self: a barrier
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Barrier.wait_async], with the errors of
 * [method@Shmobj.Barrier.wait].
 *
 * Returns: the number of this party, or -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_wait_finish (ShmobjBarrier *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);
  g_return_val_if_fail (g_task_is_valid (result, self), -1);

  return (gint) g_task_propagate_int (G_TASK (result), error);
}
