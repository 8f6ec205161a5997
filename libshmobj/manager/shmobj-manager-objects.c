/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls that open queues, memory, locks and their like by name; making.c does it. */

#include "manager/making.h"

/**
 * shmobj_manager_open_queue:
 * @self: a manager
 * @name: (nullable): the queue's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @maxsize: how many messages a new one holds at most; 0 for no limit but @capacity
 * @capacity: how many bytes a new one holds; 0 for the default
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a queue. One that exists has the limits with which it was made, whatever is asked for now.
 *
 * Returns: (transfer full): the queue, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], or `G_IO_ERROR_NOT_SUPPORTED` for
 *   %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjQueue *
shmobj_manager_open_queue (ShmobjManager *self,
                           const char *name,
                           ShmobjOpenFlags flags,
                           guint maxsize,
                           guint64 capacity,
                           GCancellable *cancellable,
                           GError **error)
{
  Making making = { .manager = self,
                    .name = name,
                    .kind = KIND_QUEUE,
                    .flags = flags,
                    .maxsize = maxsize,
                    .size = capacity };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  if (name == NULL)
    return shmobj_queue_new (maxsize, capacity, error);
  return making_open (&making, cancellable, error);
}

/**
 * shmobj_manager_open_lock:
 * @self: a manager
 * @name: (nullable): the lock's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a lock. It is not acquired thereby.
 *
 * Returns: (transfer full): the lock, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], or `G_IO_ERROR_NOT_SUPPORTED` for
 *   %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjLock *
shmobj_manager_open_lock (ShmobjManager *self,
                          const char *name,
                          ShmobjOpenFlags flags,
                          GCancellable *cancellable,
                          GError **error)
{
  Making making = { .manager = self, .name = name, .kind = KIND_LOCK, .flags = flags };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return name == NULL ? shmobj_lock_new (error) : making_open (&making, cancellable, error);
}

/**
 * shmobj_manager_open_event:
 * @self: a manager
 * @name: (nullable): the event's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens an event. A new one is not set.
 *
 * Returns: (transfer full): the event, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], or `G_IO_ERROR_NOT_SUPPORTED` for
 *   %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjEvent *
shmobj_manager_open_event (ShmobjManager *self,
                           const char *name,
                           ShmobjOpenFlags flags,
                           GCancellable *cancellable,
                           GError **error)
{
  Making making = { .manager = self, .name = name, .kind = KIND_EVENT, .flags = flags };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return name == NULL ? shmobj_event_new (error) : making_open (&making, cancellable, error);
}

/**
 * shmobj_manager_open_semaphore:
 * @self: a manager
 * @name: (nullable): the semaphore's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @value: how many units a new one has
 * @maximum: how many a new one can have at most; 0 for no such limit
 * @recovers: whether units of a new one go back when a process dies that holds them
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a semaphore. One that exists is as it was made, whatever is asked for now.
 *
 * Returns: (transfer full): the semaphore, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], `G_IO_ERROR_INVALID_ARGUMENT` as of
 *   [ctor@Shmobj.Semaphore.new], or `G_IO_ERROR_NOT_SUPPORTED` for %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjSemaphore *
shmobj_manager_open_semaphore (ShmobjManager *self,
                               const char *name,
                               ShmobjOpenFlags flags,
                               guint value,
                               guint maximum,
                               gboolean recovers,
                               GCancellable *cancellable,
                               GError **error)
{
  const SemaphoreLimits limits = { .value = value, .maximum = maximum, .recovers = recovers };
  Making making = {
    .manager = self, .name = name, .kind = KIND_SEMAPHORE, .flags = flags, .semaphore = &limits
  };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  if (name == NULL)
    return shmobj_semaphore_new_with (&limits, error);
  return semaphore_limits_check (&limits, error) ? making_open (&making, cancellable, error) : NULL;
}

/**
 * shmobj_manager_open_condition:
 * @self: a manager
 * @name: (nullable): the condition's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a condition. It has a lock of its own ([method@Shmobj.Condition.get_lock]), which is the
 * same for all who open it; it is not acquired thereby.
 *
 * Returns: (transfer full): the condition, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], or `G_IO_ERROR_NOT_SUPPORTED` for
 *   %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjCondition *
shmobj_manager_open_condition (ShmobjManager *self,
                               const char *name,
                               ShmobjOpenFlags flags,
                               GCancellable *cancellable,
                               GError **error)
{
  Making making = { .manager = self, .name = name, .kind = KIND_CONDITION, .flags = flags };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return name == NULL ? shmobj_condition_new (NULL, error)
                      : making_open (&making, cancellable, error);
}

/**
 * shmobj_manager_open_barrier:
 * @self: a manager
 * @name: (nullable): the barrier's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @parties: how many parties a new one is for; may be 0 where there is one
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a barrier. One that exists is for as many parties as it was made for.
 *
 * Returns: (transfer full): the barrier, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list], `G_IO_ERROR_INVALID_ARGUMENT` as of
 *   [ctor@Shmobj.Barrier.new], or `G_IO_ERROR_NOT_SUPPORTED` for %SHMOBJ_OPEN_READ_ONLY
 *
 * Since: 1.0
 */
ShmobjBarrier *
shmobj_manager_open_barrier (ShmobjManager *self,
                             const char *name,
                             ShmobjOpenFlags flags,
                             guint parties,
                             GCancellable *cancellable,
                             GError **error)
{
  Making making = {
    .manager = self, .name = name, .kind = KIND_BARRIER, .flags = flags, .parties = parties
  };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return name == NULL ? shmobj_barrier_new (parties, error)
                      : making_open (&making, cancellable, error);
}

/**
 * shmobj_manager_open_memory:
 * @self: a manager
 * @name: (nullable): the memory's name; %NULL for a new one without a name
 * @flags: what to do if there is one, or none
 * @size: how many bytes a new one has
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens shared memory. One that exists has the size with which it was made.
 *
 * Returns: (transfer full): the memory, or %NULL with an error as of
 *   [method@Shmobj.Manager.open_list]
 *
 * Since: 1.0
 */
ShmobjSharedMemory *
shmobj_manager_open_memory (ShmobjManager *self,
                            const char *name,
                            ShmobjOpenFlags flags,
                            guint64 size,
                            GCancellable *cancellable,
                            GError **error)
{
  Making making = {
    .manager = self, .name = name, .kind = KIND_MEMORY, .flags = flags, .size = size
  };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  return name == NULL ? shmobj_shared_memory_new (size, error)
                      : making_open (&making, cancellable, error);
}
