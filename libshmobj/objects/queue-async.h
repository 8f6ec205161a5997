/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel-async.h"
#include "objects/queue-private.h"

/* What the asynchronous calls of a queue are made of (objects/queue-async.c). */

/* NULL: the queue is closed or could not be made, and the task has said so. */
GTask *queue_new_task (ShmobjQueue *self,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data,
                       gpointer tag);

/* For what a doorbell tells. */
#define QUEUE_CHANNEL(self, timeout_us)                                                            \
  (&(ChannelAsync){ &(self)->ring, "queue", (timeout_us), (self)->closing, -1, NULL, NULL, NULL })

/* For what none tells, and one looks for now and then. */
typedef struct
{
  /* Never waits. RING_OK with an object, or with @error; RING_EMPTY, RING_FULL: not yet. */
  RingStatus (*look) (
      ShmobjQueue *self, guint32 me, guint64 size, GObject **result, GError **error);
  /* For other statuses, and for these when the time is over. */
  void (*set_error) (ShmobjQueue *self, RingStatus status, guint64 size, GError **error);
} QueueLook;

/* Takes @task over, and completes it with the object. */
void queue_look_async (
    ShmobjQueue *self, const QueueLook *look, guint64 size, gint64 timeout_us, GTask *task);
