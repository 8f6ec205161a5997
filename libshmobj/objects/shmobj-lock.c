/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjLock: base/lock.c as an object, in a place of an arena (objects/placed.c).
 *
 * Everything that matters when processes die is in base/lock.c. Here are the time-outs and
 * cancellables, the errors, and the asynchronous form (objects/watch.c).
 *
 * A wait without a cancellable sleeps on the lock's word. One with a cancellable waits for the
 * arena's bell and the cancellable's descriptor together, which costs a descriptor for that time.
 *
 * Giving up an object that is held does not release it: the lock belongs to the process, which may
 * have other objects of it. Only with its last object in that memory does the process leave, and
 * what it still holds there counts as abandoned.
 */

#include "objects/shmobj-lock.h"

#include "base/lock.h"
#include "objects/lock-private.h"
#include "objects/placed.h"
#include "objects/shmobj-bindings.h"

#include <errno.h>

/**
 * ShmobjLock:
 *
 * A lock that processes hold one at a time, and that survives its holder's death.
 *
 * It belongs to a process, not to a thread: it can be taken by one thread, or asynchronously, and
 * be released by another. Threads of one process exclude each other too. It is not recursive.
 *
 * When its holder dies, one of those who wait takes it over, at most a second after the kernel has
 * let go of the dead one's files. [method@Shmobj.Lock.get_abandoned] then says that what the lock
 * protects may be half done.
 *
 * Locks are small: a process makes them all in the same shared memory, so a thousand need a handful
 * of descriptors. Whoever is given one can reach them all; [property@Shmobj.Lock:own-segment] is
 * for a lock that less trusted processes get.
 *
 * A forked child can use the lock at once. What the parent holds at the fork stays the parent's.
 *
 * Since: 1.0
 */
struct _ShmobjLock
{
  Placed placed;
  Lock lock; /* what base/lock.c needs, pointing into the place */
};

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjLock, shmobj_lock, G_TYPE_OBJECT, PLACED_INTERFACES)

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjLock *self = data;

  self->lock.shared = arena_object_content (&self->placed.place.object);
  self->lock.participants = arena_participants (placed_arena (self));
  self->lock.bell = arena_bell (placed_arena (self));
  return TRUE;
}

PLACED_HANDLE_CLASS (lock, "Lock")

static const PlacedClass lock_class = {
  .name = "Lock", .thing = "lock", .kind = CELL_LOCK, .attach = attach
};

/* Our token, or 0 with an error. */
static inline guint32
begin (ShmobjLock *self, GError **error)
{
  return placed_ensure (self, error) ? participants_me (self->lock.participants, error) : 0;
}

/**
 * shmobj_lock_new:
 * @error: return location for an error
 *
 * Makes a lock that nobody holds.
 *
 * Never blocks. Fails with `G_IO_ERROR_NO_SPACE` when there is no memory left, and with what the
 * kernel says when no descriptors are.
 *
 * Returns: (transfer full): a new lock
 *
 * Since: 1.0
 */
ShmobjLock *
shmobj_lock_new (GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_LOCK, NULL, error, NULL);
}

static void
set_timed_out (ShmobjLock *self, gint64 timeout_us, GError **error)
{
  g_autofree char *who = lock_describe_owner (&self->lock);
  g_autofree char *time = place_describe_time (MAX (timeout_us, 0));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
               "The lock was not to be had within %s: %s holds it", time, who);
}

/* An error for each result that is not the lock; errno may belong to it. */
static gboolean
conclude (ShmobjLock *self, LockResult result, gint64 timeout_us, GError **error)
{
  int code = errno;

  if (LOCK_IS_TAKEN (result))
    return TRUE;
  if (result == LOCK_CANCELLED)
    placed_set_cancelled (self, error);
  else if (result == LOCK_FAILED)
    placed_set_no_descriptor (self, code, error);
  else
    set_timed_out (self, timeout_us, error);
  return FALSE;
}

static int
take_or_fd (gpointer data, gint64 deadline_us, int other_fd)
{
  ShmobjLock *self = data;
  guint32 me = participants_token (self->lock.participants);

  return lock_take_or_fd (&self->lock, me, deadline_us, other_fd);
}

/* After a try in vain: once more, where somebody polls. */
static LockResult
look_for_poller (ShmobjLock *self, guint32 me)
{
  return placed_quiet (self) ? lock_look (&self->lock, me)
                             : lock_take_slowly (&self->lock, me, 0, FALSE);
}

static gboolean
acquire_slowly (
    ShmobjLock *self, guint32 me, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  gint64 deadline_us = wait_deadline (timeout_us);
  LockResult result =
      timeout_us == 0 ? look_for_poller (self, me)
      : cancellable == NULL
          ? lock_take_slowly (&self->lock, me, deadline_us, FALSE)
          : (LockResult) placed_wait_with (self, cancellable, deadline_us, take_or_fd, LOCK_FAILED);

  return conclude (self, result, timeout_us, error);
}

/**
 * shmobj_lock_acquire:
 * @self: a lock
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Takes the lock, waiting until it is free. If its holder died it is taken over from him:
 * [method@Shmobj.Lock.get_abandoned].
 *
 * Blocks as long as another one holds it. Any thread may call it; a thread that has taken it
 * already waits for itself. Fails with `G_IO_ERROR_TIMED_OUT` when @timeout_us passed (the message
 * names the holder), `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_NO_SPACE` when 1024 processes use it
 * already, and with what the kernel says when no descriptors are left. A call that failed took
 * nothing.
 *
 * Returns: %TRUE when this process now holds the lock
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_acquire (ShmobjLock *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);

  me = begin (self, error);
  if (me == 0 || (cancellable != NULL && g_cancellable_set_error_if_cancelled (cancellable, error)))
    return FALSE;
  if (LOCK_IS_TAKEN (lock_take (&self->lock, me, 0, FALSE)))
    return TRUE;
  return acquire_slowly (self, me, timeout_us, cancellable, error);
}

gboolean
shmobj_lock_acquire_interruptible (ShmobjLock *self,
                                   gint64 timeout_us,
                                   gboolean *interrupted,
                                   GError **error)
{
  LockResult result;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);

  *interrupted = FALSE;
  me = begin (self, error);
  if (me == 0)
    return FALSE;
  result = lock_take (&self->lock, me, wait_deadline (timeout_us), TRUE);
  if (timeout_us == 0 && !LOCK_IS_TAKEN (result))
    result = look_for_poller (self, me);
  *interrupted = result == LOCK_INTERRUPTED;
  return !*interrupted && conclude (self, result, timeout_us, error);
}

/* TRUE: the wait is over, and the task has its result. */
static gboolean
look (GTask *task, WatchReason reason)
{
  ShmobjLock *self = g_task_get_source_object (task);
  GError *error = NULL;
  guint32 me = begin (self, &error);

  if (reason == WATCH_CANCELLED)
    {
      g_clear_error (&error);
      placed_set_cancelled (self, &error);
    }
  else if (me != 0 && reason == WATCH_TIMED_OUT)
    set_timed_out (self, *(gint64 *) g_task_get_task_data (task), &error);
  else if (me != 0 && !LOCK_IS_TAKEN (lock_look (&self->lock, me)))
    return FALSE;

  if (me != 0)
    lock_stop_looking (&self->lock, me);
  placed_task_return (task, error);
  return TRUE;
}

/**
 * shmobj_lock_acquire_async:
 * @self: a lock
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Takes the lock as [method@Shmobj.Lock.acquire] does, without blocking and without a thread.
 *
 * @callback is called in the thread-default main context of the caller. When the wait succeeded the
 * process holds the lock, whatever @callback does; when it was cancelled, it does not.
 *
 * Since: 1.0
 */
void
shmobj_lock_acquire_async (ShmobjLock *self,
                           gint64 timeout_us,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GError *error = NULL;
  gboolean taken;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_LOCK (self));

  task = placed_task (self, cancellable, callback, user_data, shmobj_lock_acquire_async);
  g_task_set_task_data (task, g_memdup2 (&timeout_us, sizeof timeout_us), g_free);
  taken = shmobj_lock_acquire (self, 0, cancellable, &error);
  placed_task_go_on (task, taken, error, timeout_us, look);
}

/**
 * shmobj_lock_acquire_finish:
 * @self: a lock
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Lock.acquire_async], with the errors of
 * [method@Shmobj.Lock.acquire].
 *
 * Returns: %TRUE when this process now holds the lock
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_acquire_finish (ShmobjLock *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * shmobj_lock_get_fd:
 * @self: a lock
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it (select, epoll, asyncio's `add_reader`):
 * readable whenever [method@Shmobj.Lock.acquire] with a time-out of 0 could succeed. Only such a
 * call that failed makes it silent, until it is worth another one; at most a second after the
 * holder died.
 *
 * Do not read from it. It may be readable for nothing. A forked child asks for its own.
 *
 * Returns: the descriptor, the lock's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it takes two) or
 * an error of making the lock
 *
 * Since: 1.0
 */
int
shmobj_lock_get_fd (ShmobjLock *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), -1);

  return placed_get_fd (self, error);
}

static void
set_not_ours (ShmobjLock *self, GError **error)
{
  guint32 owner = lock_owner (&self->lock);
  g_autofree char *who = lock_describe_owner (&self->lock);

  if (owner == 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "The lock is not held, so it cannot be released");
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                 "The lock is held by %s, which alone can release it", who);
}

/**
 * shmobj_lock_release:
 * @self: a lock that this process holds
 * @error: return location for an error
 *
 * Gives the lock back, and wakes one of those who wait.
 *
 * Never blocks. Any thread of the process may call it. Fails with `G_IO_ERROR_PERMISSION_DENIED`
 * when another process holds it (the message names it) and `G_IO_ERROR_INVALID_ARGUMENT` when
 * nobody does; then nothing happened.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_release (ShmobjLock *self, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);

  me = begin (self, error);
  if (me == 0)
    return FALSE;
  if (G_LIKELY (lock_release (&self->lock, me)))
    return TRUE;
  set_not_ours (self, error);
  return FALSE;
}

/**
 * shmobj_lock_get_abandoned:
 * @self: a lock
 *
 * Whether this process holds the lock and has it from a process that died while holding it: what
 * the lock protects may then be half done. %FALSE again once it is released.
 *
 * Never blocks.
 *
 * Returns: %TRUE if it was taken over from a dead process
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_get_abandoned (ShmobjLock *self)
{
  return shmobj_lock_is_owned (self) && lock_is_inherited (&self->lock);
}

/**
 * shmobj_lock_is_locked:
 * @self: a lock
 *
 * Whether a living process holds the lock. The answer may be out of date when it arrives.
 *
 * Never blocks.
 *
 * Returns: %TRUE if it is held
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_is_locked (ShmobjLock *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);

  return begin (self, NULL) != 0 && lock_is_held (&self->lock);
}

guint32
shmobj_lock_get_owner_token (ShmobjLock *self)
{
  return begin (self, NULL) != 0 ? lock_owner (&self->lock) : 0;
}

gboolean
shmobj_lock_is_waited_for (ShmobjLock *self, const ParticipantInfo *who)
{
  return who->waits_for == participants_offset_of (self->lock.participants, self->lock.shared);
}

/**
 * shmobj_lock_is_owned:
 * @self: a lock
 *
 * Whether this process holds the lock, by whichever of its threads.
 *
 * Never blocks.
 *
 * Returns: %TRUE if this process holds it
 *
 * Since: 1.0
 */
gboolean
shmobj_lock_is_owned (ShmobjLock *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_LOCK (self), FALSE);

  me = begin (self, NULL);
  return me != 0 && lock_owner (&self->lock) == me;
}

static void
shmobj_lock_class_init (ShmobjLockClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  placed_class_init (object_class);

  /**
   * ShmobjLock:own-segment:
   *
   * Whether the lock lives in shared memory by itself, which costs three descriptors. Otherwise it
   * shares it with other small objects of the process, and whoever is given the lock can reach
   * them.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PLACED_OWN_SEGMENT, placed_own_segment ());
}

static void
shmobj_lock_init (ShmobjLock *self)
{
  placed_init (self, &lock_class);
}
