/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a ShmobjCondition: in one call, asynchronously, or in parts.
 *
 * The order of a wait: sit down, give the lock back, sleep, take the lock, stand up. Who was not
 * woken stands up before he takes the lock; if he then finds that he was woken, he was.
 *
 * The asynchronous form is two tasks: an inner one that waits by the bell (objects/watch.c), and
 * after it, however it ended, the lock's own asynchronous call.
 */

#include "objects/condition-private.h"
#include "objects/shmobj-bindings.h"

#include <errno.h>

/* ---- a wait in parts ---- */

/* The one that we take with us goes to another one. */
static void
leave (ShmobjCondition *self, guint32 me, ConditionWait wait)
{
  if (condition_end (&self->condition, me, wait))
    condition_notify (&self->condition, 1);
}

/**
 * shmobj_condition_begin_wait:
 * @self: a condition whose lock this process holds
 * @error: return location for an error
 *
 * Begins a wait and gives the lock back: for event loops of other kinds. Most programs want
 * [method@Shmobj.Condition.wait] or [method@Shmobj.Condition.wait_async].
 *
 * Then [method@Shmobj.Condition.check_wait] tells whether the wait is over. When it is, take the
 * lock, and then call [method@Shmobj.Condition.end_wait]; who gives up calls that first. It must be
 * called once: until then the wait counts.
 *
 * Never blocks. Fails with the errors of [method@Shmobj.Lock.release] if the lock is not held by
 * this process, and with `G_IO_ERROR_NO_SPACE` when too many wait.
 *
 * Returns: the wait, or 0 with @error set; then the lock was not given back
 *
 * Since: 1.0
 */
guint64
shmobj_condition_begin_wait (ShmobjCondition *self, GError **error)
{
  guint64 wait = 0;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), 0);

  me = condition_enter (self, error);
  if (me == 0)
    return 0;
  if (shmobj_lock_is_owned (self->lock))
    wait = condition_begin (&self->condition, me, error);
  if (wait == 0 && error != NULL && *error != NULL)
    return 0;
  if (shmobj_lock_release (self->lock, error))
    return wait;
  g_prefix_error (error, "Only who holds a condition's lock can wait for it: ");
  if (wait != 0)
    leave (self, me, wait);
  return 0;
}

/**
 * shmobj_condition_check_wait:
 * @self: a condition
 * @wait: a wait that has begun
 *
 * Whether a wait that [method@Shmobj.Condition.begin_wait] began is over. If not, the descriptor of
 * [method@Shmobj.Condition.get_fd] becomes readable when it is time to ask again.
 *
 * Never blocks. For a @wait that does not exist it is %TRUE.
 *
 * Returns: %TRUE if it was notified
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_check_wait (ShmobjCondition *self, guint64 wait)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), TRUE);

  me = condition_enter (self, NULL);
  placed_quiet (self);
  return me == 0 || condition_look (&self->condition, me, wait);
}

/**
 * shmobj_condition_end_wait:
 * @self: a condition
 * @wait: a wait that has begun
 *
 * Ends a wait that [method@Shmobj.Condition.begin_wait] began. If it was notified, the
 * notification is used up hereby.
 *
 * Never blocks. Does nothing for a @wait that does not exist.
 *
 * Returns: %TRUE if it was notified, perhaps just now
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_end_wait (ShmobjCondition *self, guint64 wait)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);

  me = condition_enter (self, NULL);
  return me != 0 && condition_end (&self->condition, me, wait);
}

gboolean
shmobj_condition_sleep_interruptible (
    ShmobjCondition *self, guint64 wait, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  ConditionResult result;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);

  *interrupted = FALSE;
  me = condition_enter (self, error);
  if (me == 0)
    return FALSE;
  result = condition_sleep (&self->condition, me, wait, wait_deadline (timeout_us), TRUE);
  *interrupted = result == CONDITION_INTERRUPTED;
  if (result == CONDITION_TIMED_OUT)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "Nobody notified the condition in time");
  return result == CONDITION_WOKEN;
}

/* ---- a wait in one ---- */

/* An error for each result but CONDITION_WOKEN; errno may belong to it. */
static void
set_result (ShmobjCondition *self, ConditionResult result, gint64 timeout_us, GError **error)
{
  g_autofree char *time = NULL;

  if (result == CONDITION_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == CONDITION_FAILED)
    placed_set_no_descriptor (self, errno, error);
  else if (result != CONDITION_WOKEN)
    {
      time = place_describe_time (MAX (timeout_us, 0));
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "Nobody notified the condition within %s", time);
    }
}

typedef struct
{
  Condition *condition;
  guint32 me;
  ConditionWait wait;
} Sleep;

static int
sleep_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  Sleep *sleep = data;

  return condition_sleep_or_fd (sleep->condition, sleep->me, sleep->wait, deadline_us, other_fd);
}

/**
 * shmobj_condition_wait:
 * @self: a condition whose lock this process holds
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Gives the lock back, waits until it is notified, and takes the lock again. The two first are one
 * step for everybody who takes the lock before notifying.
 *
 * The lock is held again when this returns, also with `G_IO_ERROR_TIMED_OUT` when @timeout_us
 * passed, with `G_IO_ERROR_CANCELLED`, and with what the kernel says when a wait with a cancellable
 * gets no descriptor. Taking it may take longer than @timeout_us; if its holder died it is taken
 * over from him, which [method@Shmobj.Lock.get_abandoned] tells. If the lock is not held by this
 * process, fails at once with the errors of [method@Shmobj.Lock.release]; and with
 * `G_IO_ERROR_NO_SPACE` when too many wait, still holding the lock.
 *
 * Blocks for as long as nobody notifies. The lock is the process's: any thread may call it.
 *
 * Returns: %TRUE when it was notified
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_wait (ShmobjCondition *self,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GError **error)
{
  gint64 deadline_us = wait_deadline (timeout_us);
  Sleep sleep = { .condition = &self->condition };
  g_autoptr (GError) why = NULL;
  ConditionResult result;

  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);

  sleep.me = condition_enter (self, error);
  if (sleep.me == 0 ||
      (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  sleep.wait = shmobj_condition_begin_wait (self, &why);
  if (sleep.wait == 0)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }

  result = cancellable == NULL
               ? condition_sleep (sleep.condition, sleep.me, sleep.wait, deadline_us, FALSE)
               : (ConditionResult) placed_wait_with (&sleep, cancellable, deadline_us, sleep_or_fd,
                                                     CONDITION_FAILED);
  set_result (self, result, timeout_us, &why);
  if (result != CONDITION_WOKEN && condition_end (sleep.condition, sleep.me, sleep.wait))
    g_clear_error (&why);
  if (!shmobj_lock_acquire (self->lock, -1, NULL, error))
    return FALSE;
  if (result == CONDITION_WOKEN)
    condition_end (sleep.condition, sleep.me, sleep.wait);
  if (why != NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  return result == CONDITION_WOKEN || error == NULL || *error == NULL;
}

/* ---- asynchronously ---- */

typedef struct
{
  gint64 timeout_us;
  ConditionWait wait; /* until we stand up */
  GError *error;      /* (owned) (nullable): what the wait came to */
} Waiting;

static void
waiting_free (gpointer data)
{
  Waiting *waiting = data;

  g_clear_error (&waiting->error);
  g_free (waiting);
}

/* The lock is ours again, or will never be. */
static void
on_locked (GObject *lock, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  ShmobjCondition *self = g_task_get_source_object (task);
  Waiting *waiting = g_task_get_task_data (task);
  GError *error = NULL;

  if (!shmobj_lock_acquire_finish (SHMOBJ_LOCK (lock), result, &error))
    {
      if (shmobj_condition_end_wait (self, waiting->wait))
        condition_notify (&self->condition, 1);
      g_task_return_error (task, error);
      return;
    }
  shmobj_condition_end_wait (self, waiting->wait);
  placed_task_return (task, g_steal_pointer (&waiting->error));
}

/* The wait itself is over, in whatever way. */
static void
on_waited (GObject *object, GAsyncResult *result, gpointer data)
{
  ShmobjCondition *self = SHMOBJ_CONDITION (object);
  GTask *task = data;
  Waiting *waiting = g_task_get_task_data (task);

  if (!g_task_propagate_boolean (G_TASK (result), &waiting->error) &&
      shmobj_condition_end_wait (self, waiting->wait))
    g_clear_error (&waiting->error);
  shmobj_lock_acquire_async (self->lock, -1, NULL, on_locked, task);
}

static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjCondition *self = g_task_get_source_object (task);
  const Waiting *waiting = g_task_get_task_data (task);
  ConditionResult result = reason == WATCH_CANCELLED   ? CONDITION_CANCELLED
                           : reason == WATCH_TIMED_OUT ? CONDITION_TIMED_OUT
                                                       : CONDITION_WOKEN;
  GError *error = NULL;

  if (reason == WATCH_LOOK && !shmobj_condition_check_wait (self, waiting->wait))
    return FALSE;
  set_result (self, result, waiting->timeout_us, &error);
  placed_task_return (task, error);
  return TRUE;
}

/**
 * shmobj_condition_wait_async:
 * @self: a condition whose lock this process holds
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Waits as [method@Shmobj.Condition.wait] does, without blocking and without a thread. The lock is
 * given back before this returns, and is held again when @callback is called.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_condition_wait_async (ShmobjCondition *self,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  GTask *task, *inner;

  g_return_if_fail (SHMOBJ_IS_CONDITION (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_condition_wait_async);
  g_task_set_task_data (task, waiting, waiting_free);
  waiting->timeout_us = timeout_us;
  if (cancellable == NULL || !g_cancellable_set_error_if_cancelled (cancellable, &waiting->error))
    waiting->wait = shmobj_condition_begin_wait (self, &waiting->error);
  if (waiting->wait == 0)
    {
      g_task_return_error (task, g_steal_pointer (&waiting->error));
      g_object_unref (task);
      return;
    }
  inner = placed_task (self, cancellable, on_waited, task, look);
  g_task_set_task_data (inner, waiting, NULL); /* the task outlives it */
  watch_start (inner, placed_arena (self), wait_deadline (timeout_us), look);
}

/**
 * shmobj_condition_wait_finish:
 * @self: a condition
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Condition.wait_async], with the errors of
 * [method@Shmobj.Condition.wait]. After `G_IO_ERROR_TOO_MANY_OPEN_FILES` the lock may be another
 * one's: without a descriptor nothing can be waited for in a main loop.
 *
 * Returns: %TRUE when it was notified
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_wait_finish (ShmobjCondition *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
