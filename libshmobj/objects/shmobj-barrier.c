/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjBarrier: base/barrier.c as an object, in a place of an arena (objects/placed.c).
 *
 * What matters when processes die is in base/barrier.c. Here are the time-outs and cancellables,
 * the errors, and the asynchronous form (objects/watch.c).
 */

#include "objects/shmobj-barrier.h"

#include "base/barrier.h"
#include "base/shmobj-error.h"
#include "objects/barrier-private.h"
#include "objects/placed.h"

#include <errno.h>

/**
 * ShmobjBarrier:
 *
 * A place where a fixed number of parties wait for each other, as `multiprocessing.Barrier` is.
 *
 * Each party calls [method@Shmobj.Barrier.wait]; when the last one does, all go on, and the barrier
 * is ready for the next time. A party is a call: several threads of a process are as many.
 *
 * A party that gives up, because its time is over or it is cancelled, breaks the barrier, and so
 * does a process that dies while it waits, at most a second after the kernel has let go of its
 * files: all who wait, and all who come, get %SHMOBJ_ERROR_BROKEN until
 * [method@Shmobj.Barrier.reset].
 *
 * Barriers are small: a process makes them all in the same shared memory, so a thousand need a
 * handful of descriptors. Whoever is given one can reach them all;
 * [property@Shmobj.Barrier:own-segment] is for one that less trusted processes get.
 *
 * Any thread of any process that holds it may use it, also after fork().
 *
 * Since: 1.0
 */
struct _ShmobjBarrier
{
  Placed placed;
  Barrier barrier; /* what base/barrier.c needs, pointing into the place */
  guint parties;
};

/* What an asynchronous wait remembers. */
typedef struct
{
  guint ticket;
  gint index;
  gint64 timeout_us;
} Waiting;

typedef enum
{
  PROP_PARTIES = PLACED_OWN_SEGMENT + 1,
} ShmobjBarrierProperty;

static GParamSpec *properties[PROP_PARTIES + 1];

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjBarrier, shmobj_barrier, G_TYPE_OBJECT, PLACED_INTERFACES)

gboolean
barrier_check_parties (guint parties, GError **error)
{
  if (parties >= 1 && parties <= BARRIER_PARTIES_MAX)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "A barrier is for 1 to %u parties, and %u were asked for", BARRIER_PARTIES_MAX,
               parties);
  return FALSE;
}

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjBarrier *self = data;
  BarrierShared *shared = arena_object_content (&self->placed.place.object);

  if (is_new && !barrier_check_parties (self->parties, error))
    return FALSE;
  if (is_new)
    barrier_fill (shared, self->parties);
  barrier_init (&self->barrier, shared, placed_arena (self));
  return TRUE;
}

PLACED_HANDLE_CLASS (barrier, "Barrier")

static const PlacedClass barrier_class = {
  .name = "Barrier", .thing = "barrier", .kind = CELL_BARRIER, .attach = attach
};

/* Our token, or 0 with an error. */
static inline guint32
begin (ShmobjBarrier *self, GError **error)
{
  return placed_ensure (self, error) ? participants_me (self->barrier.participants, error) : 0;
}

/**
 * shmobj_barrier_new:
 * @parties: how many wait for each other, 1 to 65535
 * @error: return location for an error
 *
 * Makes a barrier.
 *
 * Never blocks. Fails with `G_IO_ERROR_INVALID_ARGUMENT` for another number of parties, with
 * `G_IO_ERROR_NO_SPACE` when there is no memory left, and with what the kernel says when no
 * descriptors are.
 *
 * Returns: (transfer full): a new barrier
 *
 * Since: 1.0
 */
ShmobjBarrier *
shmobj_barrier_new (guint parties, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_BARRIER, NULL, error, "parties", parties, NULL);
}

static void
set_broken (GError **error)
{
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BROKEN,
                       "The barrier is broken: a party gave up or died, or it was aborted or "
                       "reset; reset() makes it usable again");
}

/* An error for each result but BARRIER_PASSED; errno may belong to it. */
static gboolean
conclude (ShmobjBarrier *self, BarrierResult result, gint64 timeout_us, GError **error)
{
  int code = errno;
  g_autofree char *time = NULL;

  if (result == BARRIER_PASSED)
    return TRUE;
  if (result == BARRIER_BROKEN)
    set_broken (error);
  else if (result == BARRIER_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == BARRIER_FAILED)
    placed_set_no_descriptor (self, code, error);
  else
    {
      time = place_describe_time (MAX (timeout_us, 0));
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "Not all parties came to the barrier within %s", time);
    }
  return FALSE;
}

/* For placed_wait_with(). */
typedef struct
{
  Barrier *barrier;
  guint32 me, ticket;
} Call;

static int
wait_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  Call *call = data;

  return barrier_wait_or_fd (call->barrier, call->me, call->ticket, deadline_us, other_fd);
}

static BarrierResult
wait_for (
    ShmobjBarrier *self, guint32 me, guint32 ticket, gint64 timeout_us, GCancellable *cancellable)
{
  gint64 deadline_us = wait_deadline (timeout_us);
  Call call = { &self->barrier, me, ticket };
  BarrierResult result;

  if (timeout_us != 0 && cancellable != NULL)
    return (BarrierResult) placed_wait_with (&call, cancellable, deadline_us, wait_or_fd,
                                             BARRIER_FAILED);
  result = barrier_wait (&self->barrier, me, ticket, deadline_us, FALSE);
  if (result == BARRIER_TIMED_OUT && timeout_us == 0 && placed_quiet (self))
    result = barrier_look (&self->barrier, me, ticket);
  return result == BARRIER_WAITING ? BARRIER_TIMED_OUT : result;
}

/**
 * shmobj_barrier_arrive:
 * @self: a barrier
 * @hold: whether the last party opens the barrier itself
 * @ticket: (out): what to wait with
 * @error: return location for an error
 *
 * Comes to the barrier without waiting: one party more is there. It passes with
 * [method@Shmobj.Barrier.wait_ticket], or gives up with [method@Shmobj.Barrier.give_up].
 *
 * With @hold, which must be the same for all parties, nobody passes before the last one, whose
 * number is [method@Shmobj.Barrier.get_parties] − 1, has called [method@Shmobj.Barrier.open]: it
 * can do something while all others wait. If it dies in that, the barrier is broken.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN, with `G_IO_ERROR_NO_SPACE` when 1024 processes use
 * it already, and with what the kernel says when no descriptors are left.
 *
 * Returns: the number of this party, from 0 on in the order in which they came; -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_arrive (ShmobjBarrier *self, gboolean hold, guint *ticket, GError **error)
{
  guint32 me, index, drawn;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  *ticket = 0;
  me = begin (self, error);
  if (me == 0 || !barrier_prepare (&self->barrier, me, error))
    return -1;
  if (barrier_arrive (&self->barrier, me, hold, &drawn, &index) == BARRIER_BROKEN)
    {
      set_broken (error);
      return -1;
    }
  *ticket = drawn;
  return (gint) index;
}

/**
 * shmobj_barrier_wait_ticket:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive]
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until all parties are there. After a failure other than %SHMOBJ_ERROR_BROKEN the party
 * still counts as there: call again, or [method@Shmobj.Barrier.give_up].
 *
 * Blocks until then. Fails as [method@Shmobj.Barrier.wait] does.
 *
 * Returns: %TRUE when all were there
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_wait_ticket (
    ShmobjBarrier *self, guint ticket, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = begin (self, error);
  if (me == 0 || (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  return conclude (self, wait_for (self, me, ticket, timeout_us, cancellable), timeout_us, error);
}

/**
 * shmobj_barrier_give_up:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive]
 * @error: return location for an error
 *
 * Waits no longer, which breaks the barrier for all others; unless all were there by now.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN, which is what it is for.
 *
 * Returns: %TRUE when all were there
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_give_up (ShmobjBarrier *self, guint ticket, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = begin (self, error);
  return me != 0 &&
         conclude (self, barrier_give_up (&self->barrier, me, ticket, BARRIER_BROKEN), 0, error);
}

/**
 * shmobj_barrier_open:
 * @self: a barrier
 * @ticket: of [method@Shmobj.Barrier.arrive], which was the last one to hold the barrier
 * @error: return location for an error
 *
 * Lets all parties pass, this one, too.
 *
 * Never blocks. Fails with %SHMOBJ_ERROR_BROKEN when the barrier was broken meanwhile.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_open (ShmobjBarrier *self, guint ticket, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = begin (self, error);
  if (me == 0)
    return FALSE;
  if (barrier_open (&self->barrier, me, ticket))
    return TRUE;
  set_broken (error);
  return FALSE;
}

/**
 * shmobj_barrier_wait:
 * @self: a barrier
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Comes to the barrier, and waits until all parties are there.
 *
 * Blocks until then. Any thread may call it. Fails with %SHMOBJ_ERROR_BROKEN when a party gave up
 * or died. Fails with `G_IO_ERROR_TIMED_OUT` when @timeout_us passed, `G_IO_ERROR_CANCELLED`, and
 * with what the kernel says when no descriptors are left; each of these breaks the barrier, for
 * this party will not come. One that was cancelled before the call has not come.
 *
 * Returns: the number of this party, from 0 on in the order in which they came; -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_wait (ShmobjBarrier *self,
                     gint64 timeout_us,
                     GCancellable *cancellable,
                     GError **error)
{
  BarrierResult result;
  guint ticket;
  guint32 me;
  gint index;
  int code;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  if (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;
  index = shmobj_barrier_arrive (self, FALSE, &ticket, error);
  if (index < 0)
    return -1;
  me = participants_token (self->barrier.participants);
  result = wait_for (self, me, ticket, timeout_us, cancellable);
  code = errno;
  if (result != BARRIER_PASSED && result != BARRIER_BROKEN)
    result = barrier_give_up (&self->barrier, me, ticket, result);
  errno = code;
  return conclude (self, result, timeout_us, error) ? index : -1;
}

static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjBarrier *self = g_task_get_source_object (task);
  const Waiting *waiting = g_task_get_task_data (task);
  GError *error = NULL;
  guint32 me = begin (self, &error);
  BarrierResult result;

  if (me == 0)
    {
      g_task_return_error (task, error);
      return TRUE;
    }
  result = reason == WATCH_LOOK ? barrier_look (&self->barrier, me, waiting->ticket)
                                : barrier_give_up (&self->barrier, me, waiting->ticket,
                                                   reason == WATCH_CANCELLED ? BARRIER_CANCELLED
                                                                             : BARRIER_TIMED_OUT);
  if (result == BARRIER_WAITING)
    return FALSE;
  if (conclude (self, result, waiting->timeout_us, &error))
    g_task_return_int (task, waiting->index);
  else
    g_task_return_error (task, error);
  return TRUE;
}

/**
 * shmobj_barrier_wait_async:
 * @self: a barrier
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Comes to the barrier and waits as [method@Shmobj.Barrier.wait] does, without blocking and without
 * a thread.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_barrier_wait_async (ShmobjBarrier *self,
                           gint64 timeout_us,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GError *error = NULL;
  Waiting *waiting;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_BARRIER (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_barrier_wait_async);
  waiting = g_new0 (Waiting, 1);
  g_task_set_task_data (task, waiting, g_free);
  waiting->timeout_us = timeout_us;
  if ((cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, &error)) ||
      (waiting->index = shmobj_barrier_arrive (self, FALSE, &waiting->ticket, &error)) < 0)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
    }
  else
    watch_start (task, placed_arena (self), wait_deadline (timeout_us), look);
}

/**
 * shmobj_barrier_wait_finish:
 * @self: a barrier
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Barrier.wait_async], with the errors of
 * [method@Shmobj.Barrier.wait].
 *
 * Returns: the number of this party, or -1 with @error set
 *
 * Since: 1.0
 */
gint
shmobj_barrier_wait_finish (ShmobjBarrier *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);
  g_return_val_if_fail (g_task_is_valid (result, self), -1);

  return (gint) g_task_propagate_int (G_TASK (result), error);
}

/**
 * shmobj_barrier_abort:
 * @self: a barrier
 * @error: return location for an error
 *
 * Breaks the barrier: all who wait and all who come get %SHMOBJ_ERROR_BROKEN, until
 * [method@Shmobj.Barrier.reset].
 *
 * Never blocks. Fails only as [ctor@Shmobj.Barrier.new] does, when the object was not made yet.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_abort (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  barrier_abort (&self->barrier);
  return TRUE;
}

/**
 * shmobj_barrier_reset:
 * @self: a barrier
 * @error: return location for an error
 *
 * Makes the barrier as new. Those who wait get %SHMOBJ_ERROR_BROKEN.
 *
 * Never blocks. Fails only as [method@Shmobj.Barrier.abort] does.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_reset (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  barrier_reset (&self->barrier);
  return TRUE;
}

/**
 * shmobj_barrier_get_parties:
 * @self: a barrier
 *
 * How many parties wait for each other. Never blocks.
 *
 * Returns: [property@Shmobj.Barrier:parties]
 *
 * Since: 1.0
 */
guint
shmobj_barrier_get_parties (ShmobjBarrier *self)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), 0);

  return placed_ensure (self, NULL) ? self->barrier.shared->parties : self->parties;
}

/**
 * shmobj_barrier_get_n_waiting:
 * @self: a barrier
 *
 * How many parties are there now, waiting for the others. The answer may be out of date when it
 * arrives.
 *
 * Never blocks.
 *
 * Returns: the number of parties that wait
 *
 * Since: 1.0
 */
guint
shmobj_barrier_get_n_waiting (ShmobjBarrier *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), 0);

  me = begin (self, NULL);
  return me != 0 ? barrier_waiting (&self->barrier, me) : 0;
}

/**
 * shmobj_barrier_is_broken:
 * @self: a barrier
 *
 * Whether the barrier is broken. Never blocks.
 *
 * Returns: %TRUE if nobody can pass before [method@Shmobj.Barrier.reset]
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_is_broken (ShmobjBarrier *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = begin (self, NULL);
  return me != 0 && barrier_is_broken (&self->barrier, me);
}

/**
 * shmobj_barrier_get_fd:
 * @self: a barrier
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it: readable whenever
 * [method@Shmobj.Barrier.wait_ticket] with a time-out of 0 could tell of an end of the wait. Only
 * such a call that failed makes it silent, until it is worth another one.
 *
 * Do not read from it. It may be readable for nothing. A forked child asks for its own.
 *
 * Returns: the descriptor, the barrier's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it takes two)
 * or an error of making the barrier
 *
 * Since: 1.0
 */
int
shmobj_barrier_get_fd (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  return placed_get_fd (self, error);
}

static void
shmobj_barrier_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_PARTIES)
    g_value_set_uint (value, shmobj_barrier_get_parties (SHMOBJ_BARRIER (object)));
  else
    placed_get_property (object, id, value, pspec);
}

static void
shmobj_barrier_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_PARTIES)
    SHMOBJ_BARRIER (object)->parties = g_value_get_uint (value);
  else
    placed_set_property (object, id, value, pspec);
}

static void
shmobj_barrier_finalize (GObject *object)
{
  barrier_clear (&SHMOBJ_BARRIER (object)->barrier);
  placed_finalize (object);
}

static void
shmobj_barrier_class_init (ShmobjBarrierClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = shmobj_barrier_get_property;
  object_class->set_property = shmobj_barrier_set_property;
  object_class->finalize = shmobj_barrier_finalize;

  /**
   * ShmobjBarrier:own-segment:
   *
   * Whether the barrier lives in shared memory by itself, which costs three descriptors. Otherwise
   * it shares it with other small objects of the process, and whoever is given the barrier can
   * reach them.
   *
   * Since: 1.0
   */
  properties[PLACED_OWN_SEGMENT] = placed_own_segment ();

  /**
   * ShmobjBarrier:parties: (getter get_parties)
   *
   * How many parties wait for each other, 1 to 65535.
   *
   * Since: 1.0
   */
  properties[PROP_PARTIES] =
      g_param_spec_uint ("parties", NULL, NULL, 0, G_MAXUINT, 0,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_barrier_init (ShmobjBarrier *self)
{
  placed_init (self, &barrier_class);
}
