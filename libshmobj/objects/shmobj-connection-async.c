/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sending and receiving by a main loop: objects/channel-async.c says how such a call waits. It has
 * entered its end until it is done, so an end that is closed meanwhile hangs up only then. */

#include "objects/connection-call.h"

#include "objects/channel-work.h"
#include "objects/shmobj-shareable.h"
#include "objects/task.h"

#define EXPECTED "shmobj-expected" /* a task for an object: its type */

/* FALSE: the end cannot be used so, and the task has said it. */
static gboolean
begin (GTask *task, gboolean sending, gint64 timeout_us, gpointer tag, ChannelAsync *channel)
{
  ShmobjConnection *self = g_task_get_source_object (task);
  GError *error = NULL;
  Call call;

  g_task_set_source_tag (task, tag);
  if (!call_begin (&call, self, sending, timeout_us, g_task_get_cancellable (task), NULL, &error))
    {
      task_fail (task, error);
      return FALSE;
    }
  *channel = (ChannelAsync){ call.ring,       "pipe",
                             timeout_us,      self->closing,
                             self->socket,    connection_is_over,
                             connection_done, sending ? CALL_LATE_TO_SEND : CALL_LATE_TO_RECEIVE };
  return TRUE;
}

static void
send_async (GTask *task, GVariant *value, GUnixFDList *fds, gint64 timeout_us, gpointer tag)
{
  g_autoptr (GVariant) kept = g_variant_ref_sink (value);
  ChannelAsync channel;

  if (begin (task, TRUE, timeout_us, tag, &channel))
    channel_put_async (&channel, task, kept, fds);
}

static void
receive_async (GTask *task,
               void (*get) (const ChannelAsync *channel, GTask *task),
               gint64 timeout_us,
               gpointer tag)
{
  ChannelAsync channel;

  if (begin (task, FALSE, timeout_us, tag, &channel))
    get (&channel, task);
}

/* ---- sending ---- */

/**
 * shmobj_connection_send_async:
 * @self: a connection
 * @value: the message; if floating, it is consumed
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Sends a value without blocking and without a thread; [method@Shmobj.Connection.send_finish] tells
 * how it went.
 *
 * Since: 1.0
 */
void
shmobj_connection_send_async (ShmobjConnection *self,
                              GVariant *value,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));
  g_return_if_fail (value != NULL);

  send_async (g_task_new (self, cancellable, callback, user_data), value, NULL, timeout_us,
              shmobj_connection_send_async);
}

/**
 * shmobj_connection_send_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.send_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Connection.send]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_finish (ShmobjConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * shmobj_connection_send_bytes_async:
 * @self: a connection
 * @bytes: the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Connection.send_bytes] without blocking and without a thread.
 *
 * Since: 1.0
 */
void
shmobj_connection_send_bytes_async (ShmobjConnection *self,
                                    GBytes *bytes,
                                    gint64 timeout_us,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  ChannelAsync channel;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));
  g_return_if_fail (bytes != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  if (begin (task, TRUE, timeout_us, shmobj_connection_send_bytes_async, &channel))
    channel_put_bytes_async (&channel, task, bytes);
}

/**
 * shmobj_connection_send_bytes_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.send_bytes_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Connection.send]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_bytes_finish (ShmobjConnection *self, GAsyncResult *result, GError **error)
{
  return shmobj_connection_send_finish (self, result, error);
}

/**
 * shmobj_connection_send_with_fds_async:
 * @self: a connection
 * @value: the message; if floating, it is consumed
 * @fds: (nullable): what goes with it, at most 253 descriptors; it must stay as it is until the
 *   callback
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Sends a value and descriptors without blocking and without a thread;
 * [method@Shmobj.Connection.send_with_fds_finish] tells how it went.
 *
 * Since: 1.0
 */
void
shmobj_connection_send_with_fds_async (ShmobjConnection *self,
                                       GVariant *value,
                                       GUnixFDList *fds,
                                       gint64 timeout_us,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));
  g_return_if_fail (value != NULL);
  g_return_if_fail (fds == NULL || G_IS_UNIX_FD_LIST (fds));

  send_async (g_task_new (self, cancellable, callback, user_data), value, fds, timeout_us,
              shmobj_connection_send_with_fds_async);
}

/**
 * shmobj_connection_send_with_fds_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.send_with_fds_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Connection.send_with_fds]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_with_fds_finish (ShmobjConnection *self,
                                        GAsyncResult *result,
                                        GError **error)
{
  return shmobj_connection_send_finish (self, result, error);
}

/**
 * shmobj_connection_send_object_async:
 * @self: a connection
 * @object: an object
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Connection.send_object] without blocking and without a thread.
 *
 * Since: 1.0
 */
void
shmobj_connection_send_object_async (ShmobjConnection *self,
                                     ShmobjShareable *object,
                                     gint64 timeout_us,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  GError *error = NULL;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));
  g_return_if_fail (SHMOBJ_IS_SHAREABLE (object));

  task = g_task_new (self, cancellable, callback, user_data);
  handle = shmobj_shareable_to_handle (object, fds, &error);
  if (handle != NULL)
    send_async (task, handle, fds, timeout_us, shmobj_connection_send_object_async);
  else
    task_fail (task, error);
}

/**
 * shmobj_connection_send_object_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.send_object_async].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Connection.send_object]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_object_finish (ShmobjConnection *self, GAsyncResult *result, GError **error)
{
  return shmobj_connection_send_finish (self, result, error);
}

/* ---- receiving ---- */

/**
 * shmobj_connection_receive_async:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Receives a value without blocking and without a thread; [method@Shmobj.Connection.receive_finish]
 * gives it. A call that is cancelled or runs out of time takes nothing.
 *
 * Since: 1.0
 */
void
shmobj_connection_receive_async (ShmobjConnection *self,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  receive_async (g_task_new (self, cancellable, callback, user_data), channel_get_async, timeout_us,
                 shmobj_connection_receive_async);
}

/**
 * shmobj_connection_receive_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.receive_async].
 *
 * Returns: (transfer full): the value, or %NULL with an error as of
 * [method@Shmobj.Connection.receive]
 *
 * Since: 1.0
 */
GVariant *
shmobj_connection_receive_finish (ShmobjConnection *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_connection_receive_bytes_async:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Connection.receive_bytes] without blocking and without a thread. A call that is
 * cancelled or runs out of time takes nothing.
 *
 * Since: 1.0
 */
void
shmobj_connection_receive_bytes_async (ShmobjConnection *self,
                                       gint64 timeout_us,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  receive_async (g_task_new (self, cancellable, callback, user_data), channel_get_bytes_async,
                 timeout_us, shmobj_connection_receive_bytes_async);
}

/**
 * shmobj_connection_receive_bytes_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.receive_bytes_async].
 *
 * Returns: (transfer full): the bytes, or %NULL with an error as of
 * [method@Shmobj.Connection.receive_bytes]
 *
 * Since: 1.0
 */
GBytes *
shmobj_connection_receive_bytes_finish (ShmobjConnection *self,
                                        GAsyncResult *result,
                                        GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_connection_receive_with_fds_async:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Receives a message with its descriptors without blocking and without a thread;
 * [method@Shmobj.Connection.receive_with_fds_finish] gives it. A call that is cancelled or runs out
 * of time takes nothing.
 *
 * Since: 1.0
 */
void
shmobj_connection_receive_with_fds_async (ShmobjConnection *self,
                                          gint64 timeout_us,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  receive_async (g_task_new (self, cancellable, callback, user_data), channel_get_with_fds_async,
                 timeout_us, shmobj_connection_receive_with_fds_async);
}

/**
 * shmobj_connection_receive_with_fds_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.receive_with_fds_async].
 *
 * Returns: (transfer full): the message, or %NULL with an error as of
 * [method@Shmobj.Connection.receive_with_fds]
 *
 * Since: 1.0
 */
ShmobjMessage *
shmobj_connection_receive_with_fds_finish (ShmobjConnection *self,
                                           GAsyncResult *result,
                                           GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_connection_receive_object_async:
 * @self: a connection
 * @expected: the type that the object must have; `SHMOBJ_TYPE_SHAREABLE` for any
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * [method@Shmobj.Connection.receive_object] without blocking and without a thread. A call that is
 * cancelled or runs out of time takes nothing.
 *
 * Since: 1.0
 */
void
shmobj_connection_receive_object_async (ShmobjConnection *self,
                                        GType expected,
                                        gint64 timeout_us,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data)
{
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_object_set_data (G_OBJECT (task), EXPECTED, GSIZE_TO_POINTER (expected));
  receive_async (task, channel_get_with_fds_async, timeout_us,
                 shmobj_connection_receive_object_async);
}

/**
 * shmobj_connection_receive_object_finish:
 * @self: a connection
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Connection.receive_object_async].
 *
 * Returns: (transfer full): the object, or %NULL with an error as of
 * [method@Shmobj.Connection.receive_object]
 *
 * Since: 1.0
 */
ShmobjShareable *
shmobj_connection_receive_object_finish (ShmobjConnection *self,
                                         GAsyncResult *result,
                                         GError **error)
{
  g_autoptr (ShmobjMessage) message = NULL;
  GType expected;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  message = g_task_propagate_pointer (G_TASK (result), error);
  expected = GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (result), EXPECTED));
  return message != NULL ? call_object_of (message, expected, error) : NULL;
}
