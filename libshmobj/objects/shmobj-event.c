/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjEvent: base/event.c as an object, in a place of an arena (objects/placed.c).
 *
 * What matters when processes die is in base/event.c. Here are the time-outs and cancellables, the
 * errors, and the asynchronous form (objects/watch.c). Whoever waits needs to be no participant:
 * nobody asks whether a waiter lives.
 */

#include "objects/shmobj-event.h"

#include "base/event.h"
#include "objects/lock-private.h"
#include "objects/placed.h"
#include "objects/shmobj-bindings.h"

#include <errno.h>

/**
 * ShmobjEvent:
 *
 * A flag that processes set, clear and wait for, as `multiprocessing.Event` is.
 *
 * Whoever waits when it is set goes on, even if it is cleared at once.
 *
 * Events are small: a process makes them all in the same shared memory, so a thousand need a
 * handful of descriptors. Whoever is given one can reach them all;
 * [property@Shmobj.Event:own-segment] is for an event that less trusted processes get.
 *
 * Any thread of any process that holds it may use it, also after fork().
 *
 * Since: 1.0
 */
struct _ShmobjEvent
{
  Placed placed;
  Event event; /* what base/event.c needs, pointing into the place */
};

/* What an asynchronous wait remembers. */
typedef struct
{
  guint32 begun;
  gint64 timeout_us;
} Waiting;

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjEvent, shmobj_event, G_TYPE_OBJECT, PLACED_INTERFACES)

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjEvent *self = data;

  self->event.shared = arena_object_content (&self->placed.place.object);
  self->event.bell = arena_bell (placed_arena (self));
  return TRUE;
}

PLACED_HANDLE_CLASS (event, "Event")

static const PlacedClass event_class = {
  .name = "Event", .thing = "event", .kind = CELL_EVENT, .attach = attach
};

/**
 * shmobj_event_new:
 * @error: return location for an error
 *
 * Makes an event that is not set.
 *
 * Never blocks. Fails with `G_IO_ERROR_NO_SPACE` when there is no memory left, and with what the
 * kernel says when no descriptors are.
 *
 * Returns: (transfer full): a new event
 *
 * Since: 1.0
 */
ShmobjEvent *
shmobj_event_new (GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_EVENT, NULL, error, NULL);
}

/**
 * shmobj_event_set:
 * @self: an event
 * @error: return location for an error
 *
 * Sets the event, and wakes all who wait for it. Does nothing if it is set already.
 *
 * Never blocks. Fails only when the object was not made yet (by [ctor@Shmobj.Event.new] or an
 * earlier call) and cannot be made now, with the errors of [ctor@Shmobj.Event.new].
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_event_set (ShmobjEvent *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  event_set (&self->event);
  return TRUE;
}

/**
 * shmobj_event_clear:
 * @self: an event
 * @error: return location for an error
 *
 * Clears the event. Does nothing if it is clear already.
 *
 * Never blocks. Fails only as [method@Shmobj.Event.set] does.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_event_clear (ShmobjEvent *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  event_clear (&self->event);
  return TRUE;
}

/**
 * shmobj_event_is_set:
 * @self: an event
 *
 * Whether the event is set. Never blocks.
 *
 * Returns: %TRUE if it is set
 *
 * Since: 1.0
 */
gboolean
shmobj_event_is_set (ShmobjEvent *self)
{
  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);

  return placed_ensure (self, NULL) && event_is_set (&self->event);
}

/* An error for each result but EVENT_SET; errno may belong to it. */
static gboolean
conclude (ShmobjEvent *self, EventResult result, gint64 timeout_us, GError **error)
{
  int code = errno;
  g_autofree char *time = NULL;

  if (result == EVENT_SET)
    return TRUE;
  if (result == EVENT_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == EVENT_FAILED)
    placed_set_no_descriptor (self, code, error);
  else
    {
      time = place_describe_time (MAX (timeout_us, 0));
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "The event was not set within %s",
                   time);
    }
  return FALSE;
}

/* Is it set? If not, and somebody polls, the bell will ring when it is. */
static EventResult
look_for_poller (ShmobjEvent *self)
{
  gboolean is_set = event_is_set (&self->event);

  if (!is_set && placed_quiet (self))
    is_set = event_look (&self->event, event_begin (&self->event));
  return is_set ? EVENT_SET : EVENT_TIMED_OUT;
}

static int
wait_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  return event_wait_or_fd (&((ShmobjEvent *) data)->event, deadline_us, other_fd);
}

/**
 * shmobj_event_wait:
 * @self: an event
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until the event is set. Returns at once if it is.
 *
 * Blocks for as long as it is not set. Any thread may call it. Fails with `G_IO_ERROR_TIMED_OUT`
 * when
 * @timeout_us passed, `G_IO_ERROR_CANCELLED`, and with what the kernel says when a wait with a
 * cancellable gets no descriptor.
 *
 * Returns: %TRUE when the event is set, or was for a moment
 *
 * Since: 1.0
 */
gboolean
shmobj_event_wait (ShmobjEvent *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  gint64 deadline_us;
  EventResult result;

  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);

  if (!placed_ensure (self, error) ||
      (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  if (event_is_set (&self->event))
    return TRUE;

  deadline_us = wait_deadline (timeout_us);
  result = timeout_us == 0       ? look_for_poller (self)
           : cancellable == NULL ? event_wait (&self->event, deadline_us, FALSE)
                                 : (EventResult) placed_wait_with (self, cancellable, deadline_us,
                                                                   wait_or_fd, EVENT_FAILED);
  return conclude (self, result, timeout_us, error);
}

gboolean
shmobj_event_wait_interruptible (ShmobjEvent *self,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error)
{
  EventResult result;

  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);

  *interrupted = FALSE;
  if (!placed_ensure (self, error))
    return FALSE;
  result = timeout_us == 0 ? look_for_poller (self)
                           : event_wait (&self->event, wait_deadline (timeout_us), TRUE);
  *interrupted = result == EVENT_INTERRUPTED;
  return !*interrupted && conclude (self, result, timeout_us, error);
}

static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjEvent *self = g_task_get_source_object (task);
  const Waiting *waiting = g_task_get_task_data (task);
  EventResult result = reason == WATCH_CANCELLED   ? EVENT_CANCELLED
                       : reason == WATCH_TIMED_OUT ? EVENT_TIMED_OUT
                                                   : EVENT_SET;
  GError *error = NULL;

  if (reason == WATCH_LOOK && !event_look (&self->event, waiting->begun))
    return FALSE;
  conclude (self, result, waiting->timeout_us, &error);
  placed_task_return (task, error);
  return TRUE;
}

/**
 * shmobj_event_wait_async:
 * @self: an event
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Waits as [method@Shmobj.Event.wait] does, without blocking and without a thread.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_event_wait_async (ShmobjEvent *self,
                         gint64 timeout_us,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  GError *error = NULL;
  Waiting *waiting;
  gboolean is_set;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_EVENT (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_event_wait_async);
  waiting = g_new0 (Waiting, 1);
  g_task_set_task_data (task, waiting, g_free);
  waiting->timeout_us = timeout_us;
  if (placed_ensure (self, NULL))
    waiting->begun = event_begin (&self->event);
  is_set = shmobj_event_wait (self, 0, cancellable, &error);
  placed_task_go_on (task, is_set, error, timeout_us, look);
}

/**
 * shmobj_event_wait_finish:
 * @self: an event
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Event.wait_async], with the errors of [method@Shmobj.Event.wait].
 *
 * Returns: %TRUE when the event is set, or was for a moment
 *
 * Since: 1.0
 */
gboolean
shmobj_event_wait_finish (ShmobjEvent *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * shmobj_event_get_fd:
 * @self: an event
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it (select, epoll, asyncio's `add_reader`):
 * readable whenever [method@Shmobj.Event.wait] with a time-out of 0 could succeed. Only such a call
 * that failed makes it silent, until it is worth another one.
 *
 * Do not read from it. It may be readable for nothing: the bell is the process's that made the
 * object, for all that it made. It belongs to @self in this process; a forked child asks again.
 *
 * Returns: the descriptor, which stays the event's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it
 * takes two the first time) or an error of making the event
 *
 * Since: 1.0
 */
int
shmobj_event_get_fd (ShmobjEvent *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), -1);

  return placed_get_fd (self, error);
}

static void
shmobj_event_class_init (ShmobjEventClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  placed_class_init (object_class);

  /**
   * ShmobjEvent:own-segment:
   *
   * Whether the event lives in shared memory by itself, which costs three descriptors. Otherwise it
   * shares it with other small objects of the process, and whoever is given the event can reach
   * them.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PLACED_OWN_SEGMENT, placed_own_segment ());
}

static void
shmobj_event_init (ShmobjEvent *self)
{
  placed_init (self, &event_class);
}
