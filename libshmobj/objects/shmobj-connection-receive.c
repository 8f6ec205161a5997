/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Receiving from an end of a pipe, and asking whether there is something. */

#include "objects/connection-call.h"

#include "objects/message-fds.h"
#include "objects/message-private.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-shareable.h"

/* With @parcel (nullable), also what has descriptors. */
static RingStatus
wait_for_frame (Call *call, guint accept, ShmobjFrame *frame, Parcel *parcel, Waited *waited)
{
  const RingPatience now = { 0, -1 };
  RingPatience patience = now;
  RingStatus status;

  *waited = WAITED_AGAIN;
  do
    {
      gboolean over =
          *waited == WAITED_OVER; /* what was sent before the other side went is still received */

      status = channel_get_frame (call->ring, call->me, accept, frame, NULL, parcel, &patience);
      patience = now;
      if (status == RING_EMPTY && !over)
        *waited = call_wait (call, 0, &patience);
      else if (status == RING_EMPTY)
        break;
    }
  while (status == RING_EMPTY && (*waited == WAITED_AGAIN || *waited == WAITED_OVER));
  return status;
}

static gboolean
receive_frame (ShmobjConnection *self,
               guint accept,
               ShmobjFrame *frame,
               GUnixFDList **fds,
               gint64 timeout_us,
               GCancellable *cancellable,
               gboolean *interrupted,
               GError **error)
{
  RingStatus status;
  gboolean received;
  Waited waited;
  Parcel parcel;
  Call call;

  *frame = (ShmobjFrame){ 0 };
  if (fds != NULL)
    *fds = NULL;
  if (!call_begin (&call, self, FALSE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  status = wait_for_frame (&call, accept, frame, fds != NULL ? &parcel : NULL, &waited);
  received = status == RING_OK || call_fail (&call, waited, status, frame, error);
  call_end (&call);
  if (received && fds != NULL && parcel.bad)
    {
      message_fds_set_bad_error (&parcel, error);
      shmobj_frame_clear (frame);
      return FALSE;
    }
  if (received && fds != NULL)
    *fds = message_fds_take (&parcel);
  return received;
}

gboolean
shmobj_connection_receive_frame (ShmobjConnection *self,
                                 guint accept,
                                 ShmobjFrame *frame,
                                 GUnixFDList **fds,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return receive_frame (self, accept, frame, fds, timeout_us, NULL, interrupted, error);
}

/**
 * shmobj_connection_receive:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Receives the next value that was sent at the other end.
 *
 * A call that is cancelled or runs out of time takes nothing. Any thread of any process that holds
 * this end may call it, also after fork().
 *
 * Returns: (transfer full): the value, or %NULL with nothing taken: `G_IO_ERROR_TIMED_OUT`,
 * `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_PEER_GONE` (nobody holds the other end, and all that was
 * sent has been received), `SHMOBJ_ERROR_INCOMPATIBLE` (next is a private pickle of Python, or a
 * message with descriptors, which [method@Shmobj.Connection.receive_with_fds] takes; it stays
 * there), `G_IO_ERROR_NOT_SUPPORTED` (this end only sends), `SHMOBJ_ERROR_BUSY`,
 * `SHMOBJ_ERROR_CLOSED`, `SHMOBJ_ERROR_CORRUPT`
 *
 * Since: 1.0
 */
GVariant *
shmobj_connection_receive (ShmobjConnection *self,
                           gint64 timeout_us,
                           GCancellable *cancellable,
                           GError **error)
{
  ShmobjFrame frame;
  GVariant *value;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), NULL);

  if (!receive_frame (self, CHANNEL_READABLE, &frame, NULL, timeout_us, cancellable, NULL, error))
    return NULL;
  value = shmobj_frame_steal_variant (&frame, error);
  shmobj_frame_clear (&frame);
  return value;
}

/**
 * shmobj_connection_receive_bytes:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Receives the next message if it is plain bytes ([method@Shmobj.Connection.send_bytes]).
 *
 * Returns: (transfer full): the bytes, or %NULL with an error as of
 * [method@Shmobj.Connection.receive]; a message that is a value is `SHMOBJ_ERROR_INCOMPATIBLE` here
 * and stays
 *
 * Since: 1.0
 */
GBytes *
shmobj_connection_receive_bytes (ShmobjConnection *self,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), NULL);

  if (!receive_frame (self, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &frame, NULL, timeout_us, cancellable,
                      NULL, error))
    return NULL;
  return g_bytes_new_take (frame.owned, frame.size);
}

/* ---- with descriptors ---- */

/**
 * shmobj_connection_receive_with_fds:
 * @self: a connection
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Receives the next message and the descriptors that came with it
 * ([method@Shmobj.Message.get_fd_list]), if any did. They are new ones of this process,
 * close-on-exec, and are closed with the message.
 *
 * An object in a message is a handle: [func@Shmobj.Shareable.new_from_handle], with the message's
 * list, gives it.
 *
 * The message is taken for good; [method@Shmobj.Message.done] need not be called.
 *
 * Returns: (transfer full): the message, or %NULL with nothing taken and an error as of
 * [method@Shmobj.Connection.receive], or `G_IO_ERROR_TOO_MANY_OPEN_FILES` (this process may not
 * have as many descriptors; close some and receive again); and with `SHMOBJ_ERROR_CORRUPT` if the
 * descriptors did not come with it, as they do unless another process that holds an end meddles:
 * then this one message is lost
 *
 * Since: 1.0
 */
ShmobjMessage *
shmobj_connection_receive_with_fds (ShmobjConnection *self,
                                    gint64 timeout_us,
                                    GCancellable *cancellable,
                                    GError **error)
{
  GUnixFDList *fds;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), NULL);

  if (!receive_frame (self, CHANNEL_READABLE, &frame, &fds, timeout_us, cancellable, NULL, error))
    return NULL;
  return message_new_taken (&frame, fds);
}

ShmobjShareable *
call_object_of (ShmobjMessage *message, GType expected, GError **error)
{
  g_autoptr (GVariant) handle = shmobj_message_get_value (message, error);

  if (handle == NULL)
    return NULL;
  return shmobj_shareable_new_from_handle (expected, handle, shmobj_message_get_fd_list (message),
                                           error);
}

/**
 * shmobj_connection_receive_object:
 * @self: a connection
 * @expected: the type that the object must have; `SHMOBJ_TYPE_SHAREABLE` for any
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Receives the next message as an object that was sent
 * ([method@Shmobj.Connection.send_object]). It is the same object as at the other end: what one
 * does to it, all see.
 *
 * A message that is something else has been taken when the error is told.
 *
 * Returns: (transfer full): the object, or %NULL with an error as of
 * [method@Shmobj.Connection.receive_with_fds] or [func@Shmobj.Shareable.new_from_handle]
 *
 * Since: 1.0
 */
ShmobjShareable *
shmobj_connection_receive_object (ShmobjConnection *self,
                                  GType expected,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GError **error)
{
  g_autoptr (ShmobjMessage) message = NULL;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), NULL);

  message = shmobj_connection_receive_with_fds (self, timeout_us, cancellable, error);
  return message != NULL ? call_object_of (message, expected, error) : NULL;
}

/* ---- polling ---- */

static gboolean
poll_call (ShmobjConnection *self,
           gint64 timeout_us,
           GCancellable *cancellable,
           gboolean *interrupted,
           GError **error)
{
  Waited waited = WAITED_AGAIN;
  RingPatience unused;
  gboolean ready;
  Call call;

  if (!call_begin (&call, self, FALSE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  call.may_nap = FALSE; /* that would take a message */
  while (!(ready = ring_has_message (&self->read)) && waited == WAITED_AGAIN)
    waited = call_wait (&call, 0, &unused);
  if (waited == WAITED_OVER)
    ready = TRUE; /* a receive would not wait: it would say so */
  else if (!ready && waited == WAITED_CANCELLED)
    channel_set_error (&self->read, "pipe", RING_CANCELLED, NULL, error);
  else if (!ready && waited == WAITED_INTERRUPTED)
    *interrupted = TRUE;
  call_end (&call);
  return ready;
}

gboolean
shmobj_connection_poll_interruptible (ShmobjConnection *self,
                                      gint64 timeout_us,
                                      gboolean *interrupted,
                                      GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return poll_call (self, timeout_us, NULL, interrupted, error);
}

/**
 * shmobj_connection_poll:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until a receive would not wait: there is a message, or nobody holds the other end any more.
 *
 * Returns: %TRUE if so; %FALSE without an error if the time ran out, or with
 * `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_NOT_SUPPORTED` (this end only sends) or `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_poll (ShmobjConnection *self,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return poll_call (self, timeout_us, cancellable, NULL, error);
}
