/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for a container to change: in a call, in a main loop, or by a descriptor.
 *
 * All three arm the object's slot in the manager's table (watchers.c), look, and sleep only if the
 * look found nothing. A call without a cancellable sleeps on the slot's word; with one it needs a
 * descriptor, and listens to the bell.
 *
 * The descriptor of get_fd() is an epoll descriptor of this process that listens to the bell. It
 * stays readable until a wait on the same container takes note of it: each wait begins with making
 * it silent and arming the slot, and only then looks. So it is silent only when what the last wait
 * returned is still the newest, or when that wait found nothing.
 *
 * Forks. A child makes its own descriptor; the one that it inherits is closed with the container.
 */

#include "manager/container.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/watching.h"
#include "objects/place.h"

#include <errno.h>

static Watchers *
watchers_of (ShmobjContainer *self)
{
  return store_get_watchers (self->store);
}

static int
get_listener (ShmobjContainer *self)
{
  return atomic_load (&self->listener_generation) == fork_generation ()
             ? atomic_load (&self->listener) - 1
             : -1;
}

void
container_stop_listening (ShmobjContainer *self)
{
  sys_close (atomic_exchange (&self->listener, 0) - 1);
}

/* Makes the descriptor silent, if there is one, so that what comes from now on is heard. */
static void
hush (ShmobjContainer *self)
{
  int listener = get_listener (self);
  const Broadcast *bell;
  guint32 seen;

  if (G_LIKELY (listener < 0))
    return;
  broadcast_wait (listener, 0);
  if (watchers_arm (watchers_of (self), self->id, WATCHERS_BY_BELL, &seen))
    return;
  bell = watchers_bell (watchers_of (self), self->id, NULL);
  if (bell != NULL) /* somebody is in the middle of a commit: it is worth another look */
    broadcast_ring (bell);
}

static gboolean
set_timed_out (const ContainerWait *wait, GError **error)
{
  g_autofree char *time = place_describe_time (MAX (wait->timeout_us, 0));

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s within %s", wait->late, time);
  return FALSE;
}

/* 1: found, 0: the time is over, -1: an error, or interrupted. */
static int
wait_by_word (ShmobjContainer *self, ContainerWait *wait, gint64 deadline_us, GError **error)
{
  Watchers *watchers = watchers_of (self);
  WatchersHow how = WATCHERS_AWAKE;
  gint64 nap_us = 0;

  for (;;)
    {
      guint32 seen;
      int found;

      if (!watchers_arm (watchers, self->id, how, &seen))
        {
          if (!watchers_nap (&nap_us, deadline_us))
            return wait->look (self, wait->data, error);
          continue;
        }
      nap_us = 0;
      found = wait->look (self, wait->data, error);
      if (found != 0 || wait_left (deadline_us) == 0)
        return found;

      if (how == WATCHERS_AWAKE)
        how = watchers_spin (watchers, self->id, &self->habit, seen) ? WATCHERS_AWAKE
                                                                     : WATCHERS_ASLEEP;
      else
        {
          WaitResult result = watchers_sleep (watchers, self->id, seen, wait_left (deadline_us));

          wait->interrupted = result == WAIT_INTERRUPTED && wait->interruptible;
          if (wait->interrupted)
            return -1;
          how = WATCHERS_AWAKE;
        }
    }
}

static int
look_and_listen (
    ShmobjContainer *self, ContainerWait *wait, gint64 deadline_us, int listener, GError **error)
{
  Watchers *watchers = watchers_of (self);
  gint64 nap_us = 0;

  for (;;)
    {
      guint32 seen;
      int found;

      while (!watchers_arm (watchers, self->id, WATCHERS_BY_BELL, &seen))
        if (!watchers_nap (&nap_us, deadline_us))
          return wait->look (self, wait->data, error);
      nap_us = 0;
      found = wait->look (self, wait->data, error);
      while (found == 0 && !watchers_is_stirred (watchers, self->id, seen))
        {
          if (wait_left (deadline_us) == 0)
            return 0;
          if (broadcast_wait (listener, wait_left (deadline_us)) == DOORBELL_OTHER)
            {
              g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                   "Waiting for a change was cancelled");
              return -1;
            }
        }
      if (found != 0)
        return found;
    }
}

static int
wait_by_bell (ShmobjContainer *self,
              ContainerWait *wait,
              gint64 deadline_us,
              GCancellable *cancellable,
              GError **error)
{
  const Broadcast *bell = watchers_bell (watchers_of (self), self->id, error);
  GPollFD cancel;
  int listener, found;

  if (bell == NULL)
    return -1;
  if (!g_cancellable_make_pollfd (cancellable, &cancel))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                           "Cannot wait with a cancellable, which needs a descriptor");
      return -1;
    }
  listener = broadcast_listen (bell, cancel.fd);
  if (listener < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot wait with a cancellable, which needs a descriptor: %s",
                 g_strerror (errno));
  found = listener < 0 ? -1 : look_and_listen (self, wait, deadline_us, listener, error);
  sys_close (listener);
  g_cancellable_release_fd (cancellable);
  return found;
}

gboolean
container_wait (gpointer container, ContainerWait *wait, GCancellable *cancellable, GError **error)
{
  ShmobjContainer *self = container;
  gint64 deadline_us;
  int found;

  wait->interrupted = FALSE;
  if (!container_enter (self, error) || g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  hush (self);
  found = wait->look (self, wait->data, error);
  if (found == 0 && wait->timeout_us != 0)
    {
      if (store_thread_has_transaction (self->store))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                               "Inside of a transaction nobody else's change can be seen, so there "
                               "is nothing to wait for; wait before it or after it");
          return FALSE;
        }
      deadline_us = wait_deadline (wait->timeout_us);
      found = cancellable == NULL ? wait_by_word (self, wait, deadline_us, error)
                                  : wait_by_bell (self, wait, deadline_us, cancellable, error);
    }
  return found > 0 || (found == 0 && set_timed_out (wait, error));
}

typedef struct
{
  ContainerWait wait;
  gint64 deadline_us;
} AsyncWait;

static void
async_wait_free (gpointer data)
{
  AsyncWait *async = data;

  if (async->wait.destroy != NULL)
    async->wait.destroy (async->wait.data);
  g_free (async);
}

static gboolean
look_again (gpointer data)
{
  GTask *task = data;
  AsyncWait *async = g_task_get_task_data (task);
  GError *error = NULL;
  int found;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;
  found = async->wait.look (g_task_get_source_object (task), async->wait.data, &error);
  if (found == 0 && wait_left (async->deadline_us) != 0)
    return G_SOURCE_CONTINUE;

  if (found == 0)
    set_timed_out (&async->wait, &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
  return G_SOURCE_REMOVE;
}

/* Watches until look_again() has returned the task. Its first look comes from the main loop. */
static gboolean
start_watching (ShmobjContainer *self, GTask *task, gint64 deadline_us, GError **error)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_autoptr (GSource) source = watching_new (self, g_task_get_context (task), deadline_us);

  if (source == NULL)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot wait asynchronously: no descriptor to listen with (%s)",
                   g_strerror (errno));
      return FALSE;
    }
  if (cancellable != NULL)
    {
      g_autoptr (GSource) child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
    }
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, look_again, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
  return TRUE;
}

void
container_wait_async (gpointer container, const ContainerWait *wait, GTask *task)
{
  AsyncWait *async = g_new0 (AsyncWait, 1);
  GError *error = NULL;

  async->wait = *wait;
  async->deadline_us = wait_deadline (wait->timeout_us);
  g_task_set_task_data (task, async, async_wait_free);
  g_task_set_check_cancellable (task, FALSE); /* what happened first counts */

  if (!container_enter (container, &error) ||
      !start_watching (container, task, async->deadline_us, &error))
    g_task_return_error (task, error);
  g_object_unref (task);
}

gpointer
container_wait_finish (GTask *task, GError **error)
{
  const AsyncWait *async = g_task_get_task_data (task);

  return g_task_propagate_boolean (task, error) ? async->wait.data : NULL;
}

typedef struct
{
  guint64 since, revision;
} Since;

static int
look_at_revision (ShmobjContainer *self, gpointer data, GError **error)
{
  Since *since = data;
  ObjectHeader header;

  if (!container_get_header (self, &header, error))
    return -1;
  since->revision = header.revision;
  return header.revision > since->since;
}

#define NOT_CHANGED "The container did not change"

/**
 * shmobj_container_wait:
 * @self: a container
 * @since: the revision that the caller knows; 0 for none
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until the container has another revision than @since, that is until somebody changed it.
 * Returns at once if it has. Whoever gives what the last call returned misses no change, though
 * many changes may come as one.
 *
 * Any number of threads and processes may wait; none of them has a timer, and containers for which
 * nobody waits do not pay for it.
 *
 * Returns: the revision that it has then, or 0 with `G_IO_ERROR_TIMED_OUT`,
 *   `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_CLOSED` (also when it is closed meanwhile),
 *   `G_IO_ERROR_NOT_SUPPORTED` (inside of a transaction, which sees nothing of others), or an error
 *   of those that every call can have
 *
 * Since: 1.0
 */
guint64
shmobj_container_wait (ShmobjContainer *self,
                       guint64 since,
                       gint64 timeout_us,
                       GCancellable *cancellable,
                       GError **error)
{
  Since data = { since };
  ContainerWait wait = {
    .look = look_at_revision, .data = &data, .late = NOT_CHANGED, .timeout_us = timeout_us
  };

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), 0);

  return container_wait (self, &wait, cancellable, error) ? data.revision : 0;
}

guint64
shmobj_container_wait_interruptible (
    ShmobjContainer *self, guint64 since, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Since data = { since };
  ContainerWait wait = { .look = look_at_revision,
                         .data = &data,
                         .late = NOT_CHANGED,
                         .timeout_us = timeout_us,
                         .interruptible = TRUE };
  gboolean found;

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), 0);

  found = container_wait (self, &wait, NULL, error);
  *interrupted = wait.interrupted;
  return found ? data.revision : 0;
}

/**
 * shmobj_container_wait_async:
 * @self: a container
 * @since: the revision that the caller knows; 0 for none
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Waits as [method@Shmobj.Container.wait] does, without blocking and without a thread.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_container_wait_async (ShmobjContainer *self,
                             guint64 since,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  Since *data;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_CONTAINER (self));

  data = g_new0 (Since, 1);
  data->since = since;
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_container_wait_async);
  container_wait_async (self,
                        &(ContainerWait){ .look = look_at_revision,
                                          .data = data,
                                          .destroy = g_free,
                                          .late = NOT_CHANGED,
                                          .timeout_us = timeout_us },
                        task);
}

/**
 * shmobj_container_wait_finish:
 * @self: a container
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Container.wait_async], with the errors of
 * [method@Shmobj.Container.wait].
 *
 * Returns: the revision that it has then, or 0 with an error
 *
 * Since: 1.0
 */
guint64
shmobj_container_wait_finish (ShmobjContainer *self, GAsyncResult *result, GError **error)
{
  const Since *since;

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), 0);
  g_return_val_if_fail (g_task_is_valid (result, self), 0);

  since = container_wait_finish (G_TASK (result), error);
  return since != NULL ? since->revision : 0;
}

/**
 * shmobj_container_get_fd:
 * @self: a container
 * @error: return location for an error
 *
 * A descriptor for poll(), epoll or an event loop of another library: readable when the container
 * may have changed since the last [method@Shmobj.Container.wait] on @self, or since this call.
 *
 * Poll it, and when it is readable call [method@Shmobj.Container.wait] with a time-out of 0, which
 * makes it silent: it returns the new revision, or fails with `G_IO_ERROR_TIMED_OUT` when it was
 * for nothing. Never read from it. It belongs to @self in this process and is closed with it; two
 * threads that poll have one container each, and a forked child asks again.
 *
 * Returns: the descriptor, or -1 with an error
 *
 * Since: 1.0
 */
int
shmobj_container_get_fd (ShmobjContainer *self, GError **error)
{
  const Broadcast *bell;
  int listener;

  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), -1);

  if (!container_enter (self, error))
    return -1;
  listener = get_listener (self);
  if (listener >= 0)
    return listener;

  bell = watchers_bell (watchers_of (self), self->id, error);
  if (bell == NULL)
    return -1;
  listener = broadcast_listen (bell, -1);
  if (listener < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot get a descriptor to listen with: %s", g_strerror (errno));
      return -1;
    }
  sys_close (atomic_exchange (&self->listener, listener + 1) - 1);
  atomic_store (&self->listener_generation, fork_generation ());
  hush (self);
  return listener;
}
