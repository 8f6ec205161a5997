/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjEvent: base/event.c as an object, in a place of an arena (objects/place.c).
 *
 * What matters when processes die is in base/event.c. Here are the time-outs and cancellables, the
 * errors, and the asynchronous form (objects/watch.c). Whoever waits needs to be no participant:
 * nobody asks whether a waiter lives.
 */

#include "objects/shmobj-event.h"

#include "base/event.h"
#include "base/shmobj-error.h"
#include "objects/bell-fd.h"
#include "objects/handle.h"
#include "objects/lazy-init.h"
#include "objects/lock-private.h"
#include "objects/place.h"
#include "objects/shmobj-bindings.h"
#include "objects/shmobj-shareable.h"
#include "objects/watch.h"

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
  GObject parent_instance;

  LazyInit lazy;
  Place place;
  Event event; /* what base/event.c needs, pointing into the place */
  BellFd polled;
};

/* What an asynchronous wait remembers. */
typedef struct
{
  guint32 begun;
  gint64 timeout_us;
} Waiting;

typedef enum
{
  PROP_OWN_SEGMENT = 1,
} ShmobjEventProperty;

static GParamSpec *properties[PROP_OWN_SEGMENT + 1];

static void shmobj_event_initable (GInitableIface *iface);
static void shmobj_event_shareable (ShmobjShareableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjEvent,
                               shmobj_event,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, shmobj_event_initable)
                                   G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                          shmobj_event_shareable))

static gboolean
create (gpointer data, GError **error)
{
  ShmobjEvent *self = data;

  if (!place_make (&self->place, error))
    return FALSE;
  self->event.shared = arena_object_content (&self->place.object);
  self->event.bell = arena_bell (self->place.object.arena);
  return TRUE;
}

static gboolean
shmobj_event_ensure_init (ShmobjEvent *self, GError **error)
{
  return lazy_init_ensure (&self->lazy, create, self, error);
}

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

ShmobjEvent *
shmobj_event_new_in_arena (Arena *arena, guint64 offset, GError **error)
{
  g_autoptr (ShmobjEvent) self = g_object_new (SHMOBJ_TYPE_EVENT, NULL);

  return place_open (&self->place, arena, offset, error) ? g_steal_pointer (&self) : NULL;
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

  if (!shmobj_event_ensure_init (self, error))
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

  if (!shmobj_event_ensure_init (self, error))
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

  return shmobj_event_ensure_init (self, NULL) && event_is_set (&self->event);
}

/* An error for each result but EVENT_SET; errno may belong to it. */
static gboolean
conclude (EventResult result, gint64 timeout_us, GError **error)
{
  int code = errno;
  g_autofree char *time = NULL;

  if (result == EVENT_SET)
    return TRUE;
  if (result == EVENT_CANCELLED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                         "Waiting for the event was cancelled");
  else if (result == EVENT_FAILED)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                 "Cannot wait for the event with a cancellable, which needs a descriptor: %s",
                 g_strerror (code));
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

  if (!is_set && bell_fd_quiet (&self->polled))
    is_set = event_look (&self->event, event_begin (&self->event));
  return is_set ? EVENT_SET : EVENT_TIMED_OUT;
}

static EventResult
wait_with_cancellable (ShmobjEvent *self, gint64 deadline_us, GCancellable *cancellable)
{
  GPollFD poll_fd;
  EventResult result;
  int code;

  if (!g_cancellable_make_pollfd (cancellable, &poll_fd))
    {
      errno = EMFILE;
      return EVENT_FAILED;
    }
  result = event_wait_or_fd (&self->event, deadline_us, poll_fd.fd);
  code = errno;
  g_cancellable_release_fd (cancellable);
  errno = code;
  return result;
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

  if (!shmobj_event_ensure_init (self, error) ||
      (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  if (event_is_set (&self->event))
    return TRUE;

  deadline_us = wait_deadline (timeout_us);
  result = timeout_us == 0       ? look_for_poller (self)
           : cancellable == NULL ? event_wait (&self->event, deadline_us, FALSE)
                                 : wait_with_cancellable (self, deadline_us, cancellable);
  return conclude (result, timeout_us, error);
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
  if (!shmobj_event_ensure_init (self, error))
    return FALSE;
  result = timeout_us == 0 ? look_for_poller (self)
                           : event_wait (&self->event, wait_deadline (timeout_us), TRUE);
  *interrupted = result == EVENT_INTERRUPTED;
  return !*interrupted && conclude (result, timeout_us, error);
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
  if (conclude (result, waiting->timeout_us, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
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
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;
  Waiting *waiting;

  g_return_if_fail (SHMOBJ_IS_EVENT (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_event_wait_async);
  g_task_set_check_cancellable (task, FALSE); /* what happened first counts */
  waiting = g_new0 (Waiting, 1);
  g_task_set_task_data (task, waiting, g_free);
  waiting->timeout_us = timeout_us;
  if (shmobj_event_ensure_init (self, NULL))
    waiting->begun = event_begin (&self->event);

  if (shmobj_event_wait (self, 0, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else if (timeout_us == 0 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    watch_start (g_steal_pointer (&task), self->place.object.arena, wait_deadline (timeout_us),
                 look);
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
  int fd;

  g_return_val_if_fail (SHMOBJ_IS_EVENT (self), -1);

  if (!shmobj_event_ensure_init (self, error))
    return -1;
  g_mutex_lock (&self->lazy.lock);
  fd = bell_fd_get (&self->polled, self->event.bell, error);
  g_mutex_unlock (&self->lazy.lock);
  return fd;
}

static GVariant *
shmobj_event_to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  ShmobjEvent *self = SHMOBJ_EVENT (shareable);

  if (!shmobj_event_ensure_init (self, error))
    return NULL;
  return place_to_handle (&self->place, "Event", fds, error);
}

static GObject *
event_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (ShmobjEvent) self = g_object_new (SHMOBJ_TYPE_EVENT, NULL);

  if (!place_from_handle (&self->place, handle_properties, fds, n_fds, error))
    return NULL;
  return G_OBJECT (g_steal_pointer (&self));
}

HANDLE_CLASS (event, "Event", shmobj_event_get_type, event_from_handle)

static gboolean
shmobj_event_initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  return shmobj_event_ensure_init (SHMOBJ_EVENT (initable), error);
}

static void
shmobj_event_initable (GInitableIface *iface)
{
  iface->init = shmobj_event_initable_init;
}

static void
shmobj_event_shareable (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_event_to_handle;
}

static void
shmobj_event_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, SHMOBJ_EVENT (object)->place.own_segment);
}

static void
shmobj_event_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SHMOBJ_EVENT (object)->place.own_segment = g_value_get_boolean (value);
}

static void
shmobj_event_finalize (GObject *object)
{
  ShmobjEvent *self = SHMOBJ_EVENT (object);

  bell_fd_clear (&self->polled);
  place_clear (&self->place);
  g_mutex_clear (&self->lazy.lock);
  G_OBJECT_CLASS (shmobj_event_parent_class)->finalize (object);
}

static void
shmobj_event_class_init (ShmobjEventClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = shmobj_event_get_property;
  object_class->set_property = shmobj_event_set_property;
  object_class->finalize = shmobj_event_finalize;

  /**
   * ShmobjEvent:own-segment:
   *
   * Whether the event lives in shared memory by itself, which costs three descriptors. Otherwise it
   * shares it with other small objects of the process, and whoever is given the event can reach
   * them.
   *
   * Since: 1.0
   */
  properties[PROP_OWN_SEGMENT] =
      g_param_spec_boolean ("own-segment", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_event_init (ShmobjEvent *self)
{
  g_mutex_init (&self->lazy.lock);
  place_init (&self->place, CELL_EVENT);
  self->polled = BELL_FD_INIT;
}
