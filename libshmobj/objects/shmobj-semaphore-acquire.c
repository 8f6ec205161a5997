/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Acquiring a ShmobjSemaphore: with a time-out, with a cancellable, and in a main loop
 * (objects/watch.c). */

#include "objects/semaphore-private.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"
#include "objects/watch.h"

#include <errno.h>

/* The same for who is to take a unit. */
static inline guint32
begin_to_take (ShmobjSemaphore *self, GError **error)
{
  guint32 me = semaphore_enter (self, error);

  return me != 0 && semaphore_prepare (&self->semaphore, me, error) ? me : 0;
}

static void
set_timed_out (gint64 timeout_us, GError **error)
{
  g_autofree char *time = place_describe_time (MAX (timeout_us, 0));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
               "No unit of the semaphore was to be had within %s", time);
}

/* An error for each result that is not a unit; errno may belong to it. */
static gboolean
conclude (ShmobjSemaphore *self, SemaphoreResult result, gint64 timeout_us, GError **error)
{
  int code = errno;

  if (result == SEMAPHORE_TAKEN)
    return TRUE;
  if (result == SEMAPHORE_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == SEMAPHORE_FAILED)
    placed_set_no_descriptor (self, code, error);
  else
    set_timed_out (timeout_us, error);
  return FALSE;
}

static int
take_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  ShmobjSemaphore *self = data;
  guint32 me = participants_token (self->semaphore.participants);

  return semaphore_take_or_fd (&self->semaphore, me, deadline_us, other_fd);
}

/* One try; once more, where somebody polls. */
static SemaphoreResult
try_to_take (ShmobjSemaphore *self, guint32 me)
{
  SemaphoreResult result = semaphore_take (&self->semaphore, me, 0, FALSE);

  if (result != SEMAPHORE_TAKEN && placed_quiet (self))
    result = semaphore_look (&self->semaphore, me);
  return result;
}

/**
 * shmobj_semaphore_acquire:
 * @self: a semaphore
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes a unit, waiting until there is one.
 *
 * Blocks as long as there is none. Any thread may call it. Fails with `G_IO_ERROR_TIMED_OUT` when
 * @timeout_us passed, `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_NO_SPACE` when 1024 processes use it
 * already, and with what the kernel says when no descriptors are left. A call that failed took
 * nothing.
 *
 * Returns: %TRUE when this process now holds one unit more
 *
 * Since: 1.0
 */
gboolean
shmobj_semaphore_acquire (ShmobjSemaphore *self,
                          gint64 timeout_us,
                          GCancellable *cancellable,
                          GError **error)
{
  SemaphoreResult result;
  gint64 deadline_us;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), FALSE);

  me = begin_to_take (self, error);
  if (me == 0 || (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  deadline_us = wait_deadline (timeout_us);
  if (timeout_us == 0)
    result = try_to_take (self, me);
  else if (cancellable == NULL)
    result = semaphore_take (&self->semaphore, me, deadline_us, FALSE);
  else
    result = placed_wait_with (self, cancellable, deadline_us, take_or_fd, SEMAPHORE_FAILED);
  return conclude (self, result, timeout_us, error);
}

gboolean
shmobj_semaphore_acquire_interruptible (ShmobjSemaphore *self,
                                        gint64 timeout_us,
                                        gboolean *interrupted,
                                        GError **error)
{
  SemaphoreResult result;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), FALSE);

  *interrupted = FALSE;
  me = begin_to_take (self, error);
  if (me == 0)
    return FALSE;
  result = timeout_us == 0
               ? try_to_take (self, me)
               : semaphore_take (&self->semaphore, me, wait_deadline (timeout_us), TRUE);
  *interrupted = result == SEMAPHORE_INTERRUPTED;
  return !*interrupted && conclude (self, result, timeout_us, error);
}

/* TRUE: the wait is over, and the task has its result. */
static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjSemaphore *self = g_task_get_source_object (task);
  GError *error = NULL;
  guint32 me = begin_to_take (self, &error);

  if (reason == WATCH_CANCELLED)
    {
      g_clear_error (&error);
      placed_set_cancelled (self, &error);
    }
  else if (me != 0 && reason == WATCH_TIMED_OUT)
    set_timed_out (*(gint64 *) g_task_get_task_data (task), &error);
  else if (me != 0 && semaphore_look (&self->semaphore, me) != SEMAPHORE_TAKEN)
    return FALSE;

  if (me != 0)
    semaphore_stop_looking (&self->semaphore, me);
  placed_task_return (task, error);
  return TRUE;
}

/**
 * shmobj_semaphore_acquire_async:
 * @self: a semaphore
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Takes a unit as [method@Shmobj.Semaphore.acquire] does, without blocking and without a thread.
 *
 * @callback is called in the thread-default main context of the caller. When the wait succeeded the
 * process holds the unit, whatever @callback does; when it was cancelled, it does not.
 *
 * Since: 1.0
 */
void
shmobj_semaphore_acquire_async (ShmobjSemaphore *self,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  GError *error = NULL;
  gboolean taken;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_SEMAPHORE (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_semaphore_acquire_async);
  g_task_set_task_data (task, g_memdup2 (&timeout_us, sizeof timeout_us), g_free);
  taken = shmobj_semaphore_acquire (self, 0, cancellable, &error);
  placed_task_go_on (task, taken, error, timeout_us, look);
}

/**
 * shmobj_semaphore_acquire_finish:
 * @self: a semaphore
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Semaphore.acquire_async], with the errors of
 * [method@Shmobj.Semaphore.acquire].
 *
 * Returns: %TRUE when this process now holds one unit more
 *
 * Since: 1.0
 */
gboolean
shmobj_semaphore_acquire_finish (ShmobjSemaphore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
