/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Putting and getting by a main loop: objects/channel-async.c says how such a call waits. */

#include "objects/queue-async.h"

#include "objects/channel-work.h"

/* ---- putting ---- */

/**
 * shmobj_queue_put_async:
 * @self: a queue
 * @value: the message; if floating, it is consumed
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Puts a value without blocking; [method@Shmobj.Queue.put_finish] tells how it went. No thread is
 * used: if there is no room now, the main loop waits for the queue's doorbell.
 *
 * Since: 1.0
 */
void
shmobj_queue_put_async (ShmobjQueue *self,
                        GVariant *value,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GVariant) kept = NULL;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));
  g_return_if_fail (value != NULL);

  kept = g_variant_ref_sink (value);
  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_put_async);
  if (task != NULL)
    channel_put_async (QUEUE_CHANNEL (self, timeout_us), task, kept, NULL);
}

/**
 * shmobj_queue_put_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.put_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Queue.put]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * shmobj_queue_put_bytes_async:
 * @self: a queue
 * @bytes: the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.put_bytes] without blocking and without a thread, as
 * [method@Shmobj.Queue.put_async].
 *
 * Since: 1.0
 */
void
shmobj_queue_put_bytes_async (ShmobjQueue *self,
                              GBytes *bytes,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));
  g_return_if_fail (bytes != NULL);

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_put_bytes_async);
  if (task != NULL)
    channel_put_bytes_async (QUEUE_CHANNEL (self, timeout_us), task, bytes);
}

/**
 * shmobj_queue_put_bytes_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.put_bytes_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Queue.put]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_bytes_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * shmobj_queue_put_many_async:
 * @self: a queue
 * @values: (array length=n_values): the messages; floating ones are consumed
 * @n_values: their number
 * @timeout_us: how long to wait for room, in microseconds, in all; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Puts several values, in order, without blocking and without a thread;
 * [method@Shmobj.Queue.put_many_finish] tells how many. Where there is no room for the next one, it
 * waits for that, and messages of other writers may come between.
 *
 * Since: 1.0
 */
void
shmobj_queue_put_many_async (ShmobjQueue *self,
                             GVariant **values,
                             gsize n_values,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GPtrArray) kept = NULL;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));
  g_return_if_fail (values != NULL || n_values == 0);

  kept = g_ptr_array_new_full (n_values, (GDestroyNotify) g_variant_unref);
  for (gsize i = 0; i < n_values; i++)
    g_ptr_array_add (kept, g_variant_ref_sink (values[i]));
  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_put_many_async);
  if (task != NULL)
    channel_put_many_async (QUEUE_CHANNEL (self, timeout_us), task, kept);
}

/**
 * shmobj_queue_put_many_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.put_many_async].
 *
 * Returns: how many were put, or 0 with an error, as of [method@Shmobj.Queue.put_many]
 *
 * Since: 1.0
 */
gsize
shmobj_queue_put_many_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  gssize put;

  g_return_val_if_fail (g_task_is_valid (result, self), 0);

  put = g_task_propagate_int (G_TASK (result), error);
  return MAX (put, 0);
}

/* ---- getting ---- */

/**
 * shmobj_queue_get_async:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Takes a value without blocking; [method@Shmobj.Queue.get_finish] gives it. No thread is used: if
 * there is none now, the main loop waits for the queue's doorbell. A call that is cancelled or runs
 * out of time takes nothing; one that took a message gives it, even if it is cancelled before the
 * callback runs.
 *
 * Since: 1.0
 */
void
shmobj_queue_get_async (ShmobjQueue *self,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_get_async);
  if (task != NULL)
    channel_get_async (QUEUE_CHANNEL (self, timeout_us), task);
}

/**
 * shmobj_queue_get_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.get_async].
 *
 * Returns: (transfer full): the value, or %NULL with an error as of [method@Shmobj.Queue.get]
 *
 * Since: 1.0
 */
GVariant *
shmobj_queue_get_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_queue_get_bytes_async:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Queue.get_bytes] without blocking and without a thread, as
 * [method@Shmobj.Queue.get_async].
 *
 * Since: 1.0
 */
void
shmobj_queue_get_bytes_async (ShmobjQueue *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_get_bytes_async);
  if (task != NULL)
    channel_get_bytes_async (QUEUE_CHANNEL (self, timeout_us), task);
}

/**
 * shmobj_queue_get_bytes_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.get_bytes_async].
 *
 * Returns: (transfer full): the bytes, or %NULL with an error as of [method@Shmobj.Queue.get_bytes]
 *
 * Since: 1.0
 */
GBytes *
shmobj_queue_get_bytes_finish (ShmobjQueue *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_queue_get_many_async:
 * @self: a queue
 * @most: how many at the most, at least 1
 * @timeout_us: how long to wait for the first message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Takes several values: waits for the first one as [method@Shmobj.Queue.get_async] does, and takes
 * with it those that are there by then; [method@Shmobj.Queue.get_many_finish] gives them.
 *
 * Since: 1.0
 */
void
shmobj_queue_get_many_async (ShmobjQueue *self,
                             guint most,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_QUEUE (self));

  task = queue_new_task (self, cancellable, callback, user_data, shmobj_queue_get_many_async);
  if (task != NULL)
    channel_get_many_async (QUEUE_CHANNEL (self, timeout_us), task, QUEUE_MOST (most));
}

/**
 * shmobj_queue_get_many_finish:
 * @self: a queue
 * @result: what the callback was given
 * @n_values: (out): how many there are
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Queue.get_many_async].
 *
 * Returns: (array length=n_values) (transfer full): the values in order, at least one; %NULL with
 * an error as of [method@Shmobj.Queue.get]
 *
 * Since: 1.0
 */
GVariant **
shmobj_queue_get_many_finish (ShmobjQueue *self,
                              GAsyncResult *result,
                              gsize *n_values,
                              GError **error)
{
  GPtrArray *values;

  *n_values = 0;
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  values = g_task_propagate_pointer (G_TASK (result), error);
  return values != NULL ? channel_values_end (values, n_values) : NULL;
}
