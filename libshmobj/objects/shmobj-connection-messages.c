/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one does with an end of a pipe: send, receive, poll.
 *
 * A wait has three parts, because the answer is often on its way:
 *   - a moment of spinning;
 *   - a nap of at most NAP_US on the ring's own word (base/ring-wait.c). Its waker needs one system
 *     call and no bell: a round trip between two who sleep costs less than through a bare
 *     socketpair (half of what it costs by the bell, where three calls and a yield are needed);
 *   - a poll without a timer: of the socket (for room: of the ring's doorbell), of the socket's
 *     hang-up, and of the cancellable.
 *
 * Nothing but the socket tells that the other side has died, and who naps does not hear it. So the
 * socket is looked at before the nap, and the nap is short: an end that comes during it is noticed
 * NAP_US late. One who waits long wakes once for that, and never again without a reason.
 *
 * A death in either part is the ring's own matter: the seat and its flag, or the armed bell, as for
 * a queue. Who naps and who polls at the same end do not know of each other; a message wakes one of
 * the former and rings for the latter. With something to cancel, or for poll(), there is no nap. */

#include "objects/connection-private.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/channel-async.h"
#include "objects/shmobj-bindings.h"

#include <errno.h>
#include <poll.h>

#define LOOK_SLICE_US 50000
#define NAP_US 4000
#define LATE_TO_RECEIVE "Nothing came through the pipe in time"
#define LATE_TO_SEND "The pipe had no room in time"
#define READABLE (RING_ACCEPT (SHMOBJ_FRAME_BYTES) | RING_ACCEPT (SHMOBJ_FRAME_VARIANT))

/* One call that may wait. */
typedef struct
{
  ShmobjConnection *self;
  guint32 me;
  gint64 deadline_us;
  GCancellable *cancellable; /* (nullable) */
  gboolean *interrupted;     /* (nullable) */
  gboolean may_nap;          /* once */
} Call;

typedef enum
{
  WAITED_AGAIN, /* look again */
  WAITED_OVER,  /* nobody holds the other end; look once more */
  WAITED_TIMED_OUT,
  WAITED_CANCELLED,
  WAITED_INTERRUPTED,
} Waited;

/* Sleeps until @bell rings, the other side hangs up, or the call ends otherwise. */
static Waited
sleep_for (Call *call, int bell)
{
  struct pollfd fds[3] = { { bell, POLLIN, 0 }, { call->self->socket, 0, 0 }, { -1, POLLIN, 0 } };
  gint64 left_us = wait_left (call->deadline_us);
  struct timespec most;
  int ready;

  if (call->cancellable != NULL)
    {
      fds[2].fd = g_cancellable_get_fd (call->cancellable);
      if (fds[2].fd < 0 && (left_us < 0 || left_us > LOOK_SLICE_US))
        left_us = LOOK_SLICE_US; /* no descriptor to be had: look now and then */
    }
  most = (struct timespec){ left_us / G_USEC_PER_SEC, left_us % G_USEC_PER_SEC * 1000 };
  ready = ppoll (fds, 3, left_us < 0 ? NULL : &most, NULL);
  if (fds[2].fd >= 0)
    g_cancellable_release_fd (call->cancellable);

  if (ready < 0)
    return errno == EINTR && call->interrupted != NULL ? WAITED_INTERRUPTED : WAITED_AGAIN;
  if (g_cancellable_is_cancelled (call->cancellable))
    return WAITED_CANCELLED;
  if (ready == 0)
    return wait_left (call->deadline_us) == 0 ? WAITED_TIMED_OUT : WAITED_AGAIN;
  return (fds[1].revents & (POLLHUP | POLLERR)) != 0 ? WAITED_OVER : WAITED_AGAIN;
}

/* How the next try may wait: as long as a nap. */
static RingPatience
nap (Call *call)
{
  gint64 end_us = wait_deadline (NAP_US);

  call->may_nap = FALSE;
  return (RingPatience){ call->deadline_us < 0 ? end_us : MIN (call->deadline_us, end_us), -1,
                         call->interrupted != NULL, TRUE };
}

/* After a try in vain: spins, then says in @patience that the next try naps, or arms the bell and
 * sleeps. */
static Waited
wait_for_change (Call *call, gboolean sending, gsize stored, RingPatience *patience)
{
  ShmobjConnection *self = call->self;
  Ring *ring = sending ? &self->write : &self->read;
  RingShared *shared = ring->shared;
  guint32 con = atomic_load_explicit (&shared->con, memory_order_acquire);
  RingStatus status;
  Waited waited;

  if (call->deadline_us == 0)
    return connection_is_over (self) ? WAITED_OVER : WAITED_TIMED_OUT;
  if (wait_linger (sending ? &ring->writing : &ring->reading, sending ? &shared->con : &shared->pub,
                   WAIT_COUNT (con), WAIT_COUNT_MASK))
    return WAITED_AGAIN;
  if (call->may_nap)
    {
      if (connection_is_over (self))
        return WAITED_OVER;
      *patience = nap (call);
      return WAITED_AGAIN;
    }

  status = sending ? ring_arm_out (ring, call->me, DOORBELL_ARMED, stored, call->deadline_us)
                   : ring_arm_in (ring, call->me, DOORBELL_ARMED, call->deadline_us);
  if (status == RING_STUCK)
    return wait_left (call->deadline_us) == 0 ? WAITED_TIMED_OUT : WAITED_AGAIN;
  if (status == RING_AGAIN)
    return WAITED_AGAIN;
  waited = sleep_for (call, sending ? ring->out.poll_fd : ring->in.poll_fd);
  if (waited == WAITED_AGAIN)
    ring_let_ringer_finish (ring, sending);
  return waited;
}

static gboolean
fail_over (GError **error)
{
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE,
                       "Nobody holds the other end of the pipe any more");
  return FALSE;
}

/* Ends a call whose wait came to nothing; @status is what the last try said. */
static gboolean
conclude (Call *call,
          Ring *ring,
          Waited waited,
          RingStatus status,
          const ShmobjFrame *frame,
          GError **error)
{
  if (waited == WAITED_INTERRUPTED || status == RING_INTERRUPTED)
    *call->interrupted = TRUE;
  else if (waited == WAITED_OVER)
    fail_over (error);
  else if (waited == WAITED_CANCELLED)
    channel_set_error (ring, "pipe", RING_CANCELLED, frame, error);
  else if (waited == WAITED_TIMED_OUT && status != RING_STUCK)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         ring == &call->self->read ? LATE_TO_RECEIVE : LATE_TO_SEND);
  else
    channel_set_error (ring, "pipe", status, frame, error);
  return FALSE;
}

static gboolean
begin (Call *call,
       ShmobjConnection *self,
       gboolean sending,
       gint64 timeout_us,
       GCancellable *cancellable,
       gboolean *interrupted,
       GError **error)
{
  *call =
      (Call){ self, 0, wait_deadline (timeout_us), cancellable, interrupted, cancellable == NULL };
  if (interrupted != NULL)
    *interrupted = FALSE;
  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !connection_enter (self, error))
    return FALSE;
  if ((sending ? self->write.shared : self->read.shared) == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "This is the end of a one-way pipe that only %s", sending ? "receives" : "sends");
  else
    call->me = participants_me (&self->participants, error);
  if (call->me == 0)
    connection_leave (self);
  return call->me != 0;
}

/* ---- sending ---- */

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
send_frame (ShmobjConnection *self,
            const ShmobjFrame *frame,
            gint64 timeout_us,
            GCancellable *cancellable,
            gboolean *interrupted,
            GError **error)
{
  RingPatience patience = { 0 };
  Waited waited = WAITED_AGAIN;
  RingStatus status;
  gboolean sent;
  Call call;

  if (!begin (&call, self, TRUE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  if (sends_to_nobody (self))
    {
      connection_leave (self);
      return fail_over (error);
    }
  do
    {
      status = patience.spun
                   ? ring_put_patiently (&self->write, call.me, frame, &patience, RING_FULL)
                   : ring_try_put (&self->write, call.me, frame, TRUE, call.deadline_us);
      patience.spun = FALSE;
      if (status == RING_FULL)
        waited = wait_for_change (&call, TRUE, frame_stored_size (frame), &patience);
    }
  while (status == RING_FULL && waited == WAITED_AGAIN);
  sent = status == RING_OK || conclude (&call, &self->write, waited, status, frame, error);
  connection_leave (self);
  return sent;
}

gboolean
shmobj_connection_send_frame (ShmobjConnection *self,
                              const ShmobjFrame *frame,
                              gint64 timeout_us,
                              gboolean *interrupted,
                              GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return send_frame (self, frame, timeout_us, NULL, interrupted, error);
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
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return send_frame (self, &frame, timeout_us, cancellable, NULL, error);
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
  return send_frame (self, &frame, timeout_us, cancellable, NULL, error);
}

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
  g_autoptr (GVariant) kept = NULL;
  GError *error = NULL;
  GTask *task;
  Call call;

  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));
  g_return_if_fail (value != NULL);

  kept = g_variant_ref_sink (value);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_connection_send_async);
  if (!begin (&call, self, TRUE, timeout_us, cancellable, NULL, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  channel_put_async (&(ChannelAsync){ &self->write, "pipe", timeout_us, self->closing, self->socket,
                                      connection_is_over, connection_done, LATE_TO_SEND },
                     task, kept);
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

/* ---- receiving ---- */

static gboolean
receive_frame (ShmobjConnection *self,
               guint accept,
               ShmobjFrame *frame,
               gint64 timeout_us,
               GCancellable *cancellable,
               gboolean *interrupted,
               GError **error)
{
  const RingPatience now = { 0, -1 };
  RingPatience patience = now;
  Waited waited = WAITED_AGAIN;
  RingStatus status;
  gboolean received;
  Call call;

  *frame = (ShmobjFrame){ 0 };
  if (!begin (&call, self, FALSE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  do
    {
      gboolean over =
          waited == WAITED_OVER; /* what was sent before the other side went is still received */

      status = channel_get_frame (&self->read, call.me, accept, frame, NULL, &patience);
      patience = now;
      if (status == RING_EMPTY && !over)
        waited = wait_for_change (&call, FALSE, 0, &patience);
      else if (status == RING_EMPTY)
        break;
    }
  while (status == RING_EMPTY && (waited == WAITED_AGAIN || waited == WAITED_OVER));
  received = status == RING_OK || conclude (&call, &self->read, waited, status, frame, error);
  connection_leave (self);
  return received;
}

gboolean
shmobj_connection_receive_frame (ShmobjConnection *self,
                                 guint accept,
                                 ShmobjFrame *frame,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return receive_frame (self, accept, frame, timeout_us, NULL, interrupted, error);
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
 * sent has been received), `SHMOBJ_ERROR_INCOMPATIBLE` (a private pickle of Python is next; it
 * stays there), `G_IO_ERROR_NOT_SUPPORTED` (this end only sends), `SHMOBJ_ERROR_BUSY`,
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

  if (!receive_frame (self, READABLE, &frame, timeout_us, cancellable, NULL, error))
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

  if (!receive_frame (self, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &frame, timeout_us, cancellable, NULL,
                      error))
    return NULL;
  return g_bytes_new_take (frame.owned, frame.size);
}

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
  GError *error = NULL;
  GTask *task;
  Call call;

  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_connection_receive_async);
  if (!begin (&call, self, FALSE, timeout_us, cancellable, NULL, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  channel_get_async (&(ChannelAsync){ &self->read, "pipe", timeout_us, self->closing, self->socket,
                                      connection_is_over, connection_done, LATE_TO_RECEIVE },
                     task);
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

  if (!begin (&call, self, FALSE, timeout_us, cancellable, interrupted, error))
    return FALSE;
  call.may_nap = FALSE; /* that would take a message */
  while (!(ready = ring_has_message (&self->read)) && waited == WAITED_AGAIN)
    waited = wait_for_change (&call, FALSE, 0, &unused);
  if (waited == WAITED_OVER)
    ready = TRUE; /* a receive would not wait: it would say so */
  else if (!ready && waited == WAITED_CANCELLED)
    channel_set_error (&self->read, "pipe", RING_CANCELLED, NULL, error);
  else if (!ready && waited == WAITED_INTERRUPTED)
    *interrupted = TRUE;
  connection_leave (self);
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
