/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjQueue:
 *
 * A first-in-first-out queue of messages between any number of writers and readers in any number of
 * processes.
 *
 * ```c
 * g_autoptr (ShmobjQueue) jobs = shmobj_queue_new (0, 0, &error);
 *
 * shmobj_queue_put (jobs, g_variant_new ("(is)", 1, "first"), -1, NULL, &error);
 * if (fork () == 0)
 *   {
 *     g_autoptr (GVariant) job = shmobj_queue_get (jobs, -1, NULL, &error);
 *     …
 *   }
 * ```
 *
 * Messages lie in shared memory: no daemon and no thread stands between a put and a get. A process
 * that is killed at any point leaves the queue whole: what it put is there or is not, what it was
 * getting is still there.
 *
 * The queue goes to other processes by fork(), as a handle ([iface@Shmobj.Shareable]), or by a name
 * in a [class@Shmobj.Manager]. All methods may be called from any thread and in a forked child at
 * once.
 *
 * [property@Shmobj.Queue:capacity] bounds the bytes, [property@Shmobj.Queue:maxsize] the messages.
 * Memory is reserved as the queue gets deeper, so a large capacity costs nothing until it is used.
 *
 * Since: 1.0
 */

/* close() only marks this handle; the mapping and the descriptors go with the object, because
 * another thread may be inside a call. What a queue is made of: objects/queue-segment.c; put and
 * get: objects/shmobj-queue-messages.c; closing: objects/shmobj-queue-in-use.c. Death and forks:
 * base/ring.c, base/participants.c.
 */

#include "objects/queue-private.h"

#include "base/lookout.h"
#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/channel-source.h"
#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

typedef enum
{
  PROP_MAXSIZE = 1,
  PROP_CAPACITY,
} ShmobjQueueProperty;

static GParamSpec *properties[PROP_CAPACITY + 1];

static void shmobj_queue_initable_init (GInitableIface *iface);
static void shmobj_queue_shareable_init (ShmobjShareableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjQueue,
                               shmobj_queue,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, shmobj_queue_initable_init)
                                   G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                          shmobj_queue_shareable_init))

static gboolean
shmobj_queue_init_sync (GInitable *initable, GCancellable *cancellable, GError **error)
{
  return queue_ensure (SHMOBJ_QUEUE (initable), error);
}

/* ---- GObject ---- */

static void
shmobj_queue_finalize (GObject *object)
{
  ShmobjQueue *self = SHMOBJ_QUEUE (object);

  if (self->ring.shared != NULL)
    {
      lookout_close (&self->ring);
      participants_clear (&self->participants);
    }
  segment_close (&self->segment);
  sys_close (self->in_bell);
  sys_close (self->out_bell);
  g_object_unref (self->closing);
  g_mutex_clear (&self->lazy.lock);

  G_OBJECT_CLASS (shmobj_queue_parent_class)->finalize (object);
}

static void
shmobj_queue_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjQueue *self = SHMOBJ_QUEUE (object);

  switch ((ShmobjQueueProperty) id)
    {
    case PROP_MAXSIZE:
      g_value_set_uint (value, self->maxsize);
      break;
    case PROP_CAPACITY:
      g_value_set_uint64 (value, self->capacity);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_queue_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ShmobjQueue *self = SHMOBJ_QUEUE (object);

  switch ((ShmobjQueueProperty) id)
    {
    case PROP_MAXSIZE:
      self->maxsize = g_value_get_uint (value);
      break;
    case PROP_CAPACITY:
      self->capacity = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_queue_class_init (ShmobjQueueClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  queue_type = G_TYPE_FROM_CLASS (klass);
  object_class->finalize = shmobj_queue_finalize;
  object_class->get_property = shmobj_queue_get_property;
  object_class->set_property = shmobj_queue_set_property;

  /**
   * ShmobjQueue:maxsize: (getter get_maxsize)
   *
   * The most messages that the queue holds at a time; 0: as many as fit in its capacity.
   *
   * Since: 1.0
   */
  properties[PROP_MAXSIZE] =
      g_param_spec_uint ("maxsize", NULL, NULL, 0, QUEUE_MAXSIZE_MAX, 0,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjQueue:capacity: (getter get_capacity)
   *
   * The most bytes that the queue holds at a time, and so the size of the largest message (less 8
   * bytes, and its type string). 0 at construction: 256 MiB. Memory is reserved as it is used.
   *
   * Since: 1.0
   */
  properties[PROP_CAPACITY] =
      g_param_spec_uint64 ("capacity", NULL, NULL, 0, G_MAXUINT64, 0,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_queue_init (ShmobjQueue *self)
{
  g_mutex_init (&self->lazy.lock);
  self->segment = SEGMENT_INIT;
  self->in_bell = self->out_bell = -1;
  self->closing = g_cancellable_new ();
}

static void
shmobj_queue_initable_init (GInitableIface *iface)
{
  iface->init = shmobj_queue_init_sync;
}

static void
shmobj_queue_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = queue_to_handle;
}

/**
 * shmobj_queue_new:
 * @maxsize: the most messages at a time, at most 2³⁰; 0: no such limit
 * @capacity: the most bytes at a time, from 4096 to 2³⁹; 0: 256 MiB
 * @error: return location for an error
 *
 * Makes an anonymous queue. It lives until the last process that holds it lets go.
 *
 * Takes four file descriptors, and at first 150 KiB of memory.
 *
 * Returns: (transfer full): a queue, or %NULL with `G_IO_ERROR_INVALID_ARGUMENT` (a number out of
 * range), `G_IO_ERROR_NO_SPACE` (more than this machine has, or no memory left) or
 * `G_IO_ERROR_TOO_MANY_OPEN_FILES`
 *
 * Since: 1.0
 */
ShmobjQueue *
shmobj_queue_new (guint maxsize, guint64 capacity, GError **error)
{
  g_autoptr (ShmobjQueue) self = g_object_new (
      SHMOBJ_TYPE_QUEUE, "maxsize", MIN (maxsize, QUEUE_MAXSIZE_MAX), "capacity", capacity, NULL);

  self->maxsize = maxsize; /* too large is an error for the caller, not a warning of GObject's */
  return queue_ensure (self, error) ? g_steal_pointer (&self) : NULL;
}

/* ---- looking ---- */

/**
 * shmobj_queue_wait:
 * @self: a queue
 * @condition: `G_IO_IN`: until there is something to get, `G_IO_OUT`: until there is room for a
 * small message
 * @timeout_us: how long, in microseconds; 0 not at all, -1 for ever
 *
 * Waits without taking or putting anything. A call right afterwards may still find that another
 * process was faster.
 *
 * Comes back early, with %FALSE, when a signal handler ran: a language whose handlers run later
 * (Python) can then run them and call again.
 *
 * Returns: %TRUE if so, %FALSE if the time ran out, a signal came, or the queue is not usable
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_wait (ShmobjQueue *self, GIOCondition condition, gint64 timeout_us)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return queue_ensure (self, NULL) && channel_wait (&self->ring, condition, timeout_us);
}

/**
 * shmobj_queue_create_source:
 * @self: a queue
 * @condition: `G_IO_IN` and/or `G_IO_OUT`
 * @cancellable: (nullable): makes the source ready when it is cancelled
 * @error: return location for an error
 *
 * A source for a main loop. Its callback, a [callback@GLib.SourceFunc], runs whenever there is
 * something to get, or room to put a small message; it should then try with a time-out of 0,
 * because another process may be faster. The source keeps the queue alive.
 *
 * Returns: (transfer full): a new source, or %NULL with `SHMOBJ_ERROR_CLOSED` or an error of making
 * the queue
 *
 * Since: 1.0
 */
GSource *
shmobj_queue_create_source (ShmobjQueue *self,
                            GIOCondition condition,
                            GCancellable *cancellable,
                            GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  return queue_ensure (self, error)
             ? channel_source_new (&(ChannelEnds){ &self->ring, &self->ring, -1, NULL }, self,
                                   condition, cancellable)
             : NULL;
}

/**
 * shmobj_queue_get_fd:
 * @self: a queue
 * @condition: `G_IO_IN` or `G_IO_OUT`
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it (select, epoll, asyncio's `add_reader`). It
 * is *readable* whenever a get with time-out 0 would succeed (`G_IO_IN`), or a put of a small
 * message (`G_IO_OUT`; also then: readable).
 *
 * Do not read from it. When it is readable, get (or put) with time-out 0 until that finds nothing;
 * the queue itself silences the descriptor then. It may be readable for nothing, as ten times a
 * second while others hold messages that they received: getting then finds out whether they live.
 * Several processes may poll it.
 *
 * Returns: the descriptor, which stays the queue's; -1 with `G_IO_ERROR_INVALID_ARGUMENT`,
 * `G_IO_ERROR_TOO_MANY_OPEN_FILES` (`G_IO_IN` takes two the first time), `SHMOBJ_ERROR_CLOSED`,
 * `SHMOBJ_ERROR_BUSY` or an error of making the queue
 *
 * Since: 1.0
 */
int
shmobj_queue_get_fd (ShmobjQueue *self, GIOCondition condition, GError **error)
{
  int fd;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), -1);

  if (!queue_ensure (self, error))
    return -1;
  g_mutex_lock (&self->lazy.lock);
  fd = channel_get_fd (&self->ring, "queue", condition, error);
  g_mutex_unlock (&self->lazy.lock);
  return fd;
}

/**
 * shmobj_queue_get_size:
 * @self: a queue
 *
 * How many messages are in the queue at this moment. Never blocks.
 *
 * Returns: their number; 0 of a queue that is not usable
 *
 * Since: 1.0
 */
guint
shmobj_queue_get_size (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  return queue_ensure (self, NULL) ? ring_count (&self->ring) : 0;
}

/**
 * shmobj_queue_is_empty:
 * @self: a queue
 *
 * Whether a get would find nothing at this moment. Never blocks.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_is_empty (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), TRUE);

  return !queue_ensure (self, NULL) || !ring_has_message (&self->ring);
}

/**
 * shmobj_queue_is_full:
 * @self: a queue
 *
 * Whether a put of a small message would find no room at this moment. Never blocks.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_is_full (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), TRUE);

  return !queue_ensure (self, NULL) || !ring_has_room (&self->ring, sizeof (FrameHeader));
}

/**
 * shmobj_queue_is_closed:
 * @self: a queue
 *
 * Whether [method@Shmobj.Queue.close] was called on this object.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_is_closed (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), TRUE);

  return atomic_load (&self->lazy.state) == LAZY_CLOSED;
}

/**
 * shmobj_queue_get_maxsize: (get-property maxsize)
 * @self: a queue
 *
 * The most messages that the queue holds at a time.
 *
 * Returns: their number, 0: as many as fit in its capacity
 *
 * Since: 1.0
 */
guint
shmobj_queue_get_maxsize (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  return self->maxsize;
}

/**
 * shmobj_queue_get_capacity: (get-property capacity)
 * @self: a queue
 *
 * The most bytes that the queue holds at a time.
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
guint64
shmobj_queue_get_capacity (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), 0);

  queue_ensure (self, NULL);
  return self->capacity;
}

/**
 * shmobj_queue_shutdown:
 * @self: a queue
 * @immediate: whether what is in the queue is given up, too
 * @error: return location for an error
 *
 * Ends the queue for everybody, for good. Puts fail with `SHMOBJ_ERROR_CLOSED` from now on, also
 * those that wait. Gets go on until the queue is empty and fail then; if @immediate, they fail at
 * once. All who sleep are woken.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_BUSY` (a process was stopped while it was inside),
 * `SHMOBJ_ERROR_CLOSED` (this handle was closed) or an error of making the queue
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_shutdown (ShmobjQueue *self, gboolean immediate, GError **error)
{
  RingStatus status;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  if (!queue_ensure (self, error) || (me = participants_me (&self->participants, error)) == 0)
    return FALSE;
  status = ring_shut (&self->ring, me, immediate, wait_deadline (G_USEC_PER_SEC));
  if (status != RING_OK)
    channel_set_error (&self->ring, "queue", status, NULL, error);
  return status == RING_OK;
}

/**
 * shmobj_queue_is_shut_down:
 * @self: a queue
 *
 * Whether somebody has called [method@Shmobj.Queue.shutdown].
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_is_shut_down (ShmobjQueue *self)
{
  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  return queue_ensure (self, NULL) && ring_is_shut (&self->ring) != 0;
}
