/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages that were received, and the calls of a queue that have to do with them. What the queue
 * keeps of such a message, and what a death leaves, is in base/flight.c; here is the copy that its
 * holder reads.
 *
 * States: HELD, then OVER (done, or given back). A thread that is first to end it wins; the others
 * are told CLOSED.
 *
 * Forks. A child's copy of the object is not the child's message: ending or freeing it there
 * changes nothing.
 */

#include "objects/shmobj-message.h"

#include "base/flight.h"
#include "base/shmobj-error.h"
#include "objects/message-private.h"
#include "objects/queue-private.h"
#include "objects/shmobj-bindings.h"

struct _ShmobjMessage
{
  gatomicrefcount refs;
  ShmobjQueue *queue; /* (owned) (nullable): who keeps it; NULL: nobody does */
  FlightTicket ticket;
  guint32 holder; /* our token when we received it */
  _Atomic (gboolean) over;
  ShmobjFrame frame; /* (owned) */
  GUnixFDList *fds;  /* (owned) (nullable): what came with it */
};

G_STATIC_ASSERT (SHMOBJ_MESSAGE_KIND_BYTES == (int) SHMOBJ_FRAME_BYTES &&
                 SHMOBJ_MESSAGE_KIND_VALUE == (int) SHMOBJ_FRAME_VARIANT &&
                 SHMOBJ_MESSAGE_KIND_PICKLE == (int) SHMOBJ_FRAME_PICKLE);

GType
shmobj_message_kind_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { SHMOBJ_MESSAGE_KIND_BYTES, "SHMOBJ_MESSAGE_KIND_BYTES", "bytes" },
    { SHMOBJ_MESSAGE_KIND_VALUE, "SHMOBJ_MESSAGE_KIND_VALUE", "value" },
    { SHMOBJ_MESSAGE_KIND_PICKLE, "SHMOBJ_MESSAGE_KIND_PICKLE", "pickle" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("ShmobjMessageKind", values));
  return type;
}

G_DEFINE_BOXED_TYPE (ShmobjMessage, shmobj_message, shmobj_message_ref, shmobj_message_unref)

/**
 * shmobj_message_ref:
 * @self: a message
 *
 * Takes another reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
ShmobjMessage *
shmobj_message_ref (ShmobjMessage *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/* Are we the process that holds it, and the first to end it? */
static gboolean
end_it (ShmobjMessage *self)
{
  return self->queue != NULL &&
         participants_me (&self->queue->participants, NULL) == self->holder &&
         !atomic_exchange (&self->over, TRUE);
}

/**
 * shmobj_message_unref:
 * @self: (transfer full): a message
 *
 * Gives up a reference. With the last one a message that is not done returns to the queue.
 *
 * Since: 1.0
 */
void
shmobj_message_unref (ShmobjMessage *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  if (end_it (self))
    flight_give_back (&self->queue->ring, self->holder, &self->ticket);
  shmobj_frame_clear (&self->frame);
  g_clear_object (&self->fds);
  g_clear_object (&self->queue);
  g_free (self);
}

/**
 * shmobj_message_get_value:
 * @self: a message
 * @error: return location for an error
 *
 * The message as a value; plain bytes are an array of bytes (`ay`).
 *
 * Returns: (transfer full): the value, or %NULL with `SHMOBJ_ERROR_INCOMPATIBLE` (a private pickle
 * of Python) or `SHMOBJ_ERROR_CORRUPT` (an impossible type)
 *
 * Since: 1.0
 */
GVariant *
shmobj_message_get_value (ShmobjMessage *self, GError **error)
{
  ShmobjFrame view = self->frame;

  view.owned = NULL; /* the value copies: the message keeps its bytes */
  return shmobj_frame_steal_variant (&view, error);
}

/**
 * shmobj_message_get_bytes:
 * @self: a message
 *
 * The bytes of the message, of whichever kind it is: those that were put, a value in its serialised
 * form, or a pickle.
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 1.0
 */
GBytes *
shmobj_message_get_bytes (ShmobjMessage *self)
{
  return g_bytes_new (self->frame.data, self->frame.size);
}

/**
 * shmobj_message_get_fd_list:
 * @self: a message
 *
 * The descriptors that came with the message, through a [class@Shmobj.Connection]. The value's
 * handles (`h`) are indexes into this list. They are closed with the message, unless you take them
 * out ([method@Gio.UnixFDList.steal_fds]).
 *
 * Returns: (transfer none) (nullable): the list; %NULL: none came
 *
 * Since: 1.0
 */
GUnixFDList *
shmobj_message_get_fd_list (ShmobjMessage *self)
{
  return self->fds;
}

/**
 * shmobj_message_get_kind:
 * @self: a message
 *
 * What the message is.
 *
 * Returns: its kind
 *
 * Since: 1.0
 */
ShmobjMessageKind
shmobj_message_get_kind (ShmobjMessage *self)
{
  return (ShmobjMessageKind) self->frame.kind;
}

/**
 * shmobj_message_get_redelivered:
 * @self: a message
 *
 * How often the message was handed out before, to readers that died or gave it back.
 *
 * Returns: the number of times; 0: this is the first
 *
 * Since: 1.0
 */
guint
shmobj_message_get_redelivered (ShmobjMessage *self)
{
  return self->ticket.deliveries;
}

static gboolean
fail_over (GError **error)
{
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                       "The message is not in this process's hands: it is done, went back, or was "
                       "received by the parent");
  return FALSE;
}

/**
 * shmobj_message_done:
 * @self: a message
 * @error: return location for an error
 *
 * Says that the message has been dealt with: it is gone for good. One from a connection is so from
 * the start, and this does nothing.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_CLOSED` (it is done, or went back, or the parent
 * process received it)
 *
 * Since: 1.0
 */
gboolean
shmobj_message_done (ShmobjMessage *self, GError **error)
{
  if (self->queue == NULL)
    return TRUE;
  return (end_it (self) && flight_done (&self->queue->ring, self->holder, &self->ticket)) ||
         fail_over (error);
}

/**
 * shmobj_message_give_back:
 * @self: a message
 * @error: return location for an error
 *
 * Returns the message to the front of the queue, for another reader.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_CLOSED` (it is done, or went back, or the parent
 * process received it, or it is from a connection)
 *
 * Since: 1.0
 */
gboolean
shmobj_message_give_back (ShmobjMessage *self, GError **error)
{
  return (end_it (self) && flight_give_back (&self->queue->ring, self->holder, &self->ticket)) ||
         fail_over (error);
}

ShmobjMessage *
message_new_taken (ShmobjFrame *frame, GUnixFDList *fds)
{
  ShmobjMessage *message = g_new0 (ShmobjMessage, 1);

  g_atomic_ref_count_init (&message->refs);
  message->over = TRUE;
  message->frame = *frame;
  message->fds = fds;
  *frame = (ShmobjFrame){ 0 };
  return message;
}

ShmobjMessage *
message_new_received (ShmobjQueue *queue, const FlightTicket *ticket, ShmobjFrame *frame)
{
  ShmobjMessage *message = message_new_taken (frame, NULL);

  message->over = FALSE;
  message->queue = g_object_ref (queue);
  message->ticket = *ticket;
  message->holder = participants_me (&queue->participants, NULL);
  return message;
}

static ShmobjMessage *
receive (ShmobjQueue *self,
         gint64 timeout_us,
         GCancellable *cancellable,
         gboolean *interrupted,
         GError **error)
{
  ChannelCall call = { "queue", timeout_us, cancellable, interrupted };
  FlightTicket ticket = { 0 };
  ShmobjFrame frame;

  if (!queue_ensure (self, error) ||
      !channel_receive (&self->ring, RING_ACCEPT_ALL, &frame, &ticket, &call, error))
    return NULL;
  return message_new_received (self, &ticket, &frame);
}

/**
 * shmobj_queue_receive:
 * @self: a queue
 * @timeout_us: how long to wait for a message, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes the message at the front of the queue, of whatever kind, into this process's hands. The
 * queue keeps it on record until [method@Shmobj.Message.done]: if this process dies before that,
 * another reader gets it, within 200 ms if one waits.
 *
 * Returns: (transfer full): the message, or %NULL with an error as of [method@Shmobj.Queue.get], or
 * `SHMOBJ_ERROR_BUSY` (1000 messages, or as many bytes as the queue's capacity, are in flight)
 *
 * Since: 1.0
 */
ShmobjMessage *
shmobj_queue_receive (ShmobjQueue *self,
                      gint64 timeout_us,
                      GCancellable *cancellable,
                      GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  return receive (self, timeout_us, cancellable, NULL, error);
}

ShmobjMessage *
shmobj_queue_receive_interruptible (ShmobjQueue *self,
                                    gint64 timeout_us,
                                    gboolean *interrupted,
                                    GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  return receive (self, timeout_us, NULL, interrupted, error);
}

void
queue_set_join_error (ShmobjQueue *self, RingStatus status, GError **error)
{
  if (status == RING_EMPTY)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "%u messages wait in the queue or are not done with",
                 ring_count (&self->ring) + flight_count (&self->ring));
  else if (status == RING_CANCELLED)
    channel_set_error (&self->ring, "queue", status, NULL, error);
}

static gboolean
join (ShmobjQueue *self,
      gint64 timeout_us,
      GCancellable *cancellable,
      gboolean *interrupted,
      GError **error)
{
  RingPatience patience = { wait_deadline (timeout_us), -1, interrupted != NULL };
  RingStatus status;
  guint32 me;

  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !queue_ensure (self, error) ||
      (me = participants_me (&self->participants, error)) == 0)
    return FALSE;
  if (cancellable != NULL)
    patience.cancel_fd = g_cancellable_get_fd (cancellable);
  status = flight_join (&self->ring, me, &patience);
  if (patience.cancel_fd >= 0)
    g_cancellable_release_fd (cancellable);

  if (interrupted != NULL)
    *interrupted = status == RING_INTERRUPTED;
  queue_set_join_error (self, status, error);
  return status == RING_OK;
}

/**
 * shmobj_queue_join:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until all that was put is dealt with: the queue is empty, and every message that was
 * received is done. A reader that dies does not make it hang: its messages return and are waited
 * for again. Looks 50 times a second.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED` or
 * `SHMOBJ_ERROR_CLOSED`
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_join (ShmobjQueue *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return join (self, timeout_us, cancellable, NULL, error);
}

gboolean
shmobj_queue_join_interruptible (ShmobjQueue *self,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return join (self, timeout_us, NULL, interrupted, error);
}
