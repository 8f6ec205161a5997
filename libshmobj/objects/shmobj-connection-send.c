/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sending through an end of a pipe: values, bytes, and what goes with descriptors (base/parcel.c).
 */

#include "objects/connection-call.h"

#include "objects/message-fds.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-shareable.h"

/* Is there reason to ask the kernel whether anybody is there, and is nobody? See the essay in
 * shmobj-connection.c. */
static gboolean
sends_to_nobody (ShmobjConnection *self)
{
  guint32 read = WAIT_COUNT (atomic_load_explicit (&self->write.shared->con, memory_order_relaxed));
  guint32 closes = atomic_load_explicit (&self->write.shared->closes, memory_order_relaxed),
          unread = 0;

  if (read == atomic_load_explicit (&self->seen_read, memory_order_relaxed))
    unread = atomic_fetch_add_explicit (&self->unread, 1, memory_order_relaxed) + 1;
  else
    {
      atomic_store_explicit (&self->seen_read, read, memory_order_relaxed);
      atomic_store_explicit (&self->unread, 0, memory_order_relaxed);
    }
  if (closes == atomic_load_explicit (&self->seen_closes, memory_order_relaxed) &&
      (unread == 0 || (unread & (unread - 1)) != 0))
    return FALSE;
  if (connection_is_over (self))
    return TRUE;
  atomic_store_explicit (&self->seen_closes, closes, memory_order_relaxed);
  return FALSE;
}

static gboolean
send_plain (Call *call, const ShmobjFrame *frame, GError **error)
{
  Ring *ring = call->ring;
  RingPatience patience = { 0 };
  Waited waited = WAITED_AGAIN;
  RingStatus status;

  if (sends_to_nobody (call->self))
    return call_fail_over (error);
  do
    {
      status = patience.spun ? ring_put_patiently (ring, call->me, frame, &patience, RING_FULL)
                             : ring_try_put (ring, call->me, frame, TRUE, call->deadline_us);
      patience.spun = FALSE;
      if (status == RING_FULL)
        waited = call_wait (call, frame_stored_size (frame), &patience);
    }
  while (status == RING_FULL && waited == WAITED_AGAIN);
  return status == RING_OK || call_fail (call, waited, status, frame, error);
}

/* The kernel tells by itself when nobody is there to receive a packet. */
static gboolean
send_parcel (Call *call, const ShmobjFrame *frame, Parcel *parcel, GError **error)
{
  RingStatus status = RING_NO_SPACE;
  Waited waited = WAITED_AGAIN;
  RingPatience unused;
  ShmobjFrame wrapped;

  if (!parcel_wrap (frame, parcel->n_fds, &wrapped))
    return call_fail (call, waited, status, frame, error);
  call->may_nap = FALSE;
  do
    {
      status =
          ring_try_put_parcel (call->ring, call->me, &wrapped, parcel, TRUE, call->deadline_us);
      if (status == RING_FULL)
        waited = call_wait (call, frame_stored_size (&wrapped), &unused);
      else if (status == RING_UNSENT)
        waited = call_wait_to_send (call, parcel->code);
    }
  while ((status == RING_FULL || status == RING_UNSENT) && waited == WAITED_AGAIN);
  shmobj_frame_clear (&wrapped);
  if (status == RING_UNSENT && (waited == WAITED_TIMED_OUT || waited == WAITED_IN_VAIN))
    message_fds_set_unsent_error (parcel->code, error);
  else if (status != RING_OK)
    call_fail (call, waited, status, frame, error);
  return status == RING_OK;
}

static gboolean
send_frame (ShmobjConnection *self,
            const ShmobjFrame *frame,
            GUnixFDList *fds,
            gint64 timeout_us,
            GCancellable *cancellable,
            gboolean *interrupted,
            GError **error)
{
  gboolean sent;
  Parcel parcel;
  Call call;

  parcel.n_fds = 0;
  if ((fds != NULL && !message_fds_lend (fds, &parcel, error)) ||
      !call_begin (&call, self, TRUE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  sent = parcel.n_fds > 0 ? send_parcel (&call, frame, &parcel, error)
                          : send_plain (&call, frame, error);
  call_end (&call);
  return sent;
}

gboolean
shmobj_connection_send_frame (ShmobjConnection *self,
                              const ShmobjFrame *frame,
                              GUnixFDList *fds,
                              gint64 timeout_us,
                              gboolean *interrupted,
                              GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return send_frame (self, frame, fds, timeout_us, NULL, interrupted, error);
}

static gboolean
send_value (ShmobjConnection *self,
            GVariant *value,
            GUnixFDList *fds,
            gint64 timeout_us,
            GCancellable *cancellable,
            GError **error)
{
  g_autoptr (GVariant) kept = g_variant_ref_sink (value);
  ShmobjFrame frame;

  shmobj_frame_set_variant (&frame, kept);
  return send_frame (self, &frame, fds, timeout_us, cancellable, NULL, error);
}

/**
 * shmobj_connection_send:
 * @self: a connection
 * @value: the message; if floating, it is consumed
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Sends a value to the other end. When it returns %TRUE, the message is in shared memory and
 * outlives this process.
 *
 * Waits while the pipe is full. Any thread of any process that holds this end may call it, also
 * after fork(). That the other side was killed may be noticed one message late.
 *
 * Returns: %TRUE, or %FALSE with nothing sent: `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED`,
 *   `SHMOBJ_ERROR_PEER_GONE` (nobody holds the other end), `G_IO_ERROR_MESSAGE_TOO_LARGE` (more
 * than the capacity), `G_IO_ERROR_NOT_SUPPORTED` (this end only receives), `G_IO_ERROR_NO_SPACE`,
 * `SHMOBJ_ERROR_BUSY`, `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send (ShmobjConnection *self,
                        GVariant *value,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  return send_value (self, value, NULL, timeout_us, cancellable, error);
}

/**
 * shmobj_connection_send_bytes:
 * @self: a connection
 * @bytes: the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Like [method@Shmobj.Connection.send] for plain bytes. Read as a value they are an array of bytes
 * (`ay`).
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Connection.send]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_bytes (ShmobjConnection *self,
                              GBytes *bytes,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  shmobj_frame_set_bytes (&frame, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return send_frame (self, &frame, NULL, timeout_us, cancellable, NULL, error);
}

/* ---- with descriptors ---- */

/**
 * shmobj_connection_send_with_fds:
 * @self: a connection
 * @value: the message; if floating, it is consumed
 * @fds: (nullable): what goes with it, at most 253 descriptors; the list stays as it is
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Sends a value together with descriptors, which the receiver gets copies of
 * ([method@Shmobj.Connection.receive_with_fds]). The value may refer to them by their indexes, as
 * handles (`h`), and contain objects as [method@Shmobj.Shareable.to_handle] made them with the same
 * list.
 *
 * Waits while the pipe is full, which is after fewer messages than without descriptors (some
 * hundred), and while more descriptors are under way between all processes of the user than
 * `RLIMIT_NOFILE` allows. Until it is received the message keeps the descriptors open.
 *
 * Returns: %TRUE, or %FALSE with nothing sent: `G_IO_ERROR_MESSAGE_TOO_LARGE` (also for too many
 *   descriptors), or an error as of [method@Shmobj.Connection.send]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_with_fds (ShmobjConnection *self,
                                 GVariant *value,
                                 GUnixFDList *fds,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);
  g_return_val_if_fail (fds == NULL || G_IS_UNIX_FD_LIST (fds), FALSE);

  return send_value (self, value, fds, timeout_us, cancellable, error);
}

/**
 * shmobj_connection_send_object:
 * @self: a connection
 * @object: an object
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Sends an object to the other end, which then has it, too
 * ([method@Shmobj.Connection.receive_object]). The message is its handle, with its descriptors.
 *
 * A sent end of a pipe counts as held until it is received, or nobody is left who could.
 *
 * Returns: %TRUE, or %FALSE with nothing sent: an error as of
 * [method@Shmobj.Connection.send_with_fds] or [method@Shmobj.Shareable.to_handle]
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_send_object (ShmobjConnection *self,
                               ShmobjShareable *object,
                               gint64 timeout_us,
                               GCancellable *cancellable,
                               GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (SHMOBJ_IS_SHAREABLE (object), FALSE);

  handle = shmobj_shareable_to_handle (object, fds, error);
  return handle != NULL &&
         shmobj_connection_send_with_fds (self, handle, fds, timeout_us, cancellable, error);
}
