/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one does with a queue: put and get, at once or waiting (by a main loop:
 * objects/shmobj-queue-async.c). All of it is a frame around objects/channel.c, which says how a
 * call waits and what a cancelled one leaves. */

#include "objects/queue-private.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-bindings.h"

GType queue_type;

/* Our token, when nothing is to be done first; else 0. */
static inline guint32
queue_ready_token (ShmobjQueue *self)
{
  return G_LIKELY (lazy_init_is_ready (&self->lazy)) ? participants_token (&self->participants) : 0;
}

/* ---- putting ---- */

/* What is not usual is kept apart, so that the usual way needs few registers. */
static G_NO_INLINE gboolean
put_after (ShmobjQueue *self,
           guint32 me,
           const ShmobjFrame *frame,
           gint64 timeout_us,
           RingStatus status,
           GError **error)
{
  status = ring_put_after (&self->ring, me, frame, timeout_us, FALSE, status);
  if (status == RING_OK)
    return TRUE;
  channel_set_error (&self->ring, "queue", status, frame, error);
  return FALSE;
}

static G_NO_INLINE gboolean
put_otherwise (ShmobjQueue *self,
               const ShmobjFrame *frame,
               gint64 timeout_us,
               GCancellable *cancellable,
               gboolean *interrupted,
               GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, interrupted };

  return channel_put (&self->ring, frame, &call, error);
}

static inline gboolean
put_frame (ShmobjQueue *self,
           const ShmobjFrame *frame,
           gint64 timeout_us,
           GCancellable *cancellable,
           gboolean *interrupted,
           GError **error)
{
  RingStatus status;
  guint32 me;

  if (!queue_ensure (self, error) || (me = participants_me (&self->participants, error)) == 0)
    return FALSE;
  if (G_UNLIKELY (cancellable != NULL || interrupted != NULL))
    return put_otherwise (self, frame, timeout_us, cancellable, interrupted, error);

  status = ring_try_put (&self->ring, me, frame, timeout_us == 0, ring_first_deadline (timeout_us));
  return G_LIKELY (status == RING_OK) || put_after (self, me, frame, timeout_us, status, error);
}

gboolean
shmobj_queue_put_frame (ShmobjQueue *self,
                        const ShmobjFrame *frame,
                        gint64 timeout_us,
                        gboolean *interrupted,
                        GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return put_frame (self, frame, timeout_us, NULL, interrupted, error);
}

/**
 * shmobj_queue_put:
 * @self: a queue
 * @value: the message; if floating, it is consumed
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Puts a value at the end of the queue. When it returns %TRUE, the message is in shared memory and
 * outlives this process.
 *
 * Waits while the queue is full. Any thread of any process that holds the queue may call it, also
 * after fork().
 *
 * Returns: %TRUE, or %FALSE with nothing put: `SHMOBJ_ERROR_FULL` (the time ran out),
 * `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_MESSAGE_TOO_LARGE` (more than the capacity),
 * `G_IO_ERROR_NO_SPACE` (no memory left), `SHMOBJ_ERROR_BUSY` (a process was stopped while it was
 * inside), `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put (ShmobjQueue *self,
                  GVariant *value,
                  gint64 timeout_us,
                  GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (GVariant) kept = NULL;
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  kept = g_variant_ref_sink (value);
  shmobj_frame_set_variant (&frame, kept);
  return put_frame (self, &frame, timeout_us, cancellable, NULL, error);
}

/**
 * shmobj_queue_put_bytes:
 * @self: a queue
 * @bytes: the message
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Like [method@Shmobj.Queue.put] for plain bytes. Read as a value they are an array of bytes
 * (`ay`).
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Queue.put]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_bytes (
    ShmobjQueue *self, GBytes *bytes, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  shmobj_frame_set_bytes (&frame, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return put_frame (self, &frame, timeout_us, cancellable, NULL, error);
}

static G_NO_INLINE gboolean
put_data_otherwise (ShmobjQueue *self,
                    const guint8 *data,
                    gsize size,
                    gint64 timeout_us,
                    GCancellable *cancellable,
                    GError **error)
{
  ShmobjFrame frame = { .kind = SHMOBJ_FRAME_BYTES, .data = data, .size = size };

  return put_frame (self, &frame, timeout_us, cancellable, NULL, error);
}

/**
 * shmobj_queue_put_data:
 * @self: a queue
 * @data: (array length=size): the message
 * @size: its number of bytes
 * @timeout_us: how long to wait for room, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * [method@Shmobj.Queue.put_bytes] for who has no [struct@GLib.Bytes].
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.Queue.put]
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_put_data (ShmobjQueue *self,
                       const guint8 *data,
                       gsize size,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GError **error)
{
  guint32 me;

  g_return_val_if_fail (QUEUE_CHECK (self), FALSE);
  g_return_val_if_fail (data != NULL || size == 0, FALSE);

  if (G_LIKELY (cancellable == NULL && (me = queue_ready_token (self)) != 0 &&
                ring_put_bytes (&self->ring, me, data, size) == RING_OK))
    return TRUE;
  return put_data_otherwise (self, data, size, timeout_us, cancellable, error);
}

/**
 * shmobj_queue_put_many:
 * @self: a queue
 * @values: (array length=n_values): the messages; floating ones are consumed
 * @n_values: their number
 * @timeout_us: how long to wait for room, in microseconds, in all; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Puts several values, in order. Much faster than one by one; messages of other writers may come
 * between them.
 *
 * Returns: how many were put: all of them, or fewer if the time ran out or the wait was cancelled;
 * 0 with an error as of [method@Shmobj.Queue.put] if that happened before the first
 *
 * Since: 1.0
 */
gsize
shmobj_queue_put_many (ShmobjQueue *self,
                       GVariant **values,
                       gsize n_values,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, NULL };
  g_autofree ShmobjFrame *frames = g_new (ShmobjFrame, n_values);
  gsize put = 0;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  for (gsize i = 0; i < n_values; i++)
    shmobj_frame_set_variant (&frames[i], g_variant_ref_sink (values[i]));
  if (queue_ensure (self, error))
    put = channel_put_many (&self->ring, frames, n_values, &call, error);
  for (gsize i = 0; i < n_values; i++)
    g_variant_unref (values[i]);
  return put;
}

/* ---- getting ---- */

static gboolean
get_frame (ShmobjQueue *self,
           guint accept,
           ShmobjFrame *frame,
           gint64 timeout_us,
           GCancellable *cancellable,
           gboolean *interrupted,
           GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, interrupted };

  return queue_ensure (self, error) && channel_get (&self->ring, accept, frame, &call, error);
}

gboolean
shmobj_queue_get_frame (ShmobjQueue *self,
                        guint accept,
                        ShmobjFrame *frame,
                        gint64 timeout_us,
                        gboolean *interrupted,
                        GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return get_frame (self, accept, frame, timeout_us, NULL, interrupted, error);
}

/**
 * shmobj_queue_get:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes the value at the front of the queue.
 *
 * Waits while the queue is empty. A call that is cancelled or runs out of time takes nothing. Any
 * thread of any process that holds the queue may call it, also after fork(). The value may come
 * from a process that means ill: it is in normal form only if it claims to be what its type says,
 * as with every untrusted [struct@GLib.Variant].
 *
 * Returns: (transfer full): the value, or %NULL with nothing taken: `SHMOBJ_ERROR_EMPTY` (the time
 * ran out), `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_INCOMPATIBLE` (a private pickle of Python is at
 * the front; it stays there), `SHMOBJ_ERROR_BUSY` (a process was stopped while it was inside),
 * `SHMOBJ_ERROR_CLOSED`, `SHMOBJ_ERROR_CORRUPT`
 *
 * Since: 1.0
 */
GVariant *
shmobj_queue_get (ShmobjQueue *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  ShmobjFrame frame;
  GVariant *value;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  if (!get_frame (self, CHANNEL_READABLE, &frame, timeout_us, cancellable, NULL, error))
    return NULL;
  value = shmobj_frame_steal_variant (&frame, error);
  shmobj_frame_clear (&frame);
  return value;
}

/**
 * shmobj_queue_get_bytes:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes the message at the front of the queue if it is plain bytes
 * ([method@Shmobj.Queue.put_bytes]).
 *
 * Returns: (transfer full): the bytes, or %NULL with an error as of [method@Shmobj.Queue.get]; a
 * message that is a value is `SHMOBJ_ERROR_INCOMPATIBLE` here and stays in the queue
 *
 * Since: 1.0
 */
GBytes *
shmobj_queue_get_bytes (ShmobjQueue *self,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  if (!get_frame (self, RING_ACCEPT (SHMOBJ_FRAME_BYTES), &frame, timeout_us, cancellable, NULL,
                  error))
    return NULL;
  return g_bytes_new_take (frame.owned, frame.size);
}

/**
 * shmobj_queue_get_many:
 * @self: a queue
 * @most: how many at the most, at least 1
 * @timeout_us: how long to wait for the first message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @n_values: (out): how many there are
 * @error: return location for an error
 *
 * Takes several values: waits for the first one, and takes with it those that are there already.
 * Much faster than one by one.
 *
 * Returns: (array length=n_values) (transfer full): the values in order, at least one; %NULL with
 * an error as of [method@Shmobj.Queue.get]
 *
 * Since: 1.0
 */
GVariant **
shmobj_queue_get_many (ShmobjQueue *self,
                       guint most,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       gsize *n_values,
                       GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, NULL };
  g_autoptr (GArray) frames = NULL;
  GPtrArray *values;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  *n_values = 0;
  frames = channel_new_frames ();
  if (!queue_ensure (self, error) ||
      !channel_get_many (&self->ring, CHANNEL_READABLE, QUEUE_MOST (most), frames, &call, error) ||
      (values = channel_values_of (frames, error)) == NULL)
    return NULL;
  return channel_values_end (values, n_values);
}

static G_NO_INLINE gssize
get_into_otherwise (
    ShmobjQueue *self, guint8 *buffer, gsize size, gint64 timeout_us, GError **error)
{
  RingGet get = { RING_ACCEPT (SHMOBJ_FRAME_BYTES), buffer, size, { 0 } };
  RingStatus status;
  guint32 me;

  if (!queue_ensure (self, error) || (me = participants_me (&self->participants, error)) == 0)
    return -1;
  status = ring_try_get (&self->ring, me, &get, ring_first_deadline (timeout_us));
  if (status != RING_OK)
    status = ring_get_after (&self->ring, me, &get, timeout_us, FALSE, status);
  if (status == RING_OK)
    return get.header.size;

  if (status == RING_TOO_SMALL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                 "The next message has %u bytes and the buffer %" G_GSIZE_FORMAT
                 "; it stays in the queue",
                 get.header.size, size);
  else
    channel_set_error (&self->ring, "queue", status,
                       &(ShmobjFrame){ .kind = get.header.kind, .size = get.header.size }, error);
  return -1;
}

/**
 * shmobj_queue_get_into: (skip)
 * @self: a queue
 * @buffer: (array length=size): where the bytes go
 * @size: how many fit there
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @error: return location for an error
 *
 * Takes a message of plain bytes into memory of the caller: the fastest way to get, without any
 * allocation.
 *
 * Returns: its size, or -1 with nothing taken and an error as of [method@Shmobj.Queue.get_bytes];
 *   `G_IO_ERROR_MESSAGE_TOO_LARGE` names the size if the message does not fit
 *
 * Since: 1.0
 */
gssize
shmobj_queue_get_into (
    ShmobjQueue *self, guint8 *buffer, gsize size, gint64 timeout_us, GError **error)
{
  guint32 me;
  gsize got;

  g_return_val_if_fail (QUEUE_CHECK (self), -1);

  if (G_LIKELY ((me = queue_ready_token (self)) != 0 &&
                ring_get_bytes (&self->ring, me, buffer, size, &got) == RING_OK))
    return got;
  return get_into_otherwise (self, buffer, size, timeout_us, error);
}
