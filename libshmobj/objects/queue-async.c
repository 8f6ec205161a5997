/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a queue's calls wait in a main loop.
 *
 * For a message, and for room to put one, there are doorbells: objects/channel-async.c. For a block
 * to write to, and for the moment when all is dealt with, there are none: both come about by a word
 * that somebody stores, often without any guard, and by deaths, which make no noise at all. So one
 * looks for them, as the calls that block do (base/loan.c, base/flight.c): soon at first, then
 * after a quarter of the time that it has lasted, and 50 times a second in the end.
 *
 * The bell for room is no help: whoever waits for a block cannot silence it while there is room, so
 * its loop would spin.
 */

#include "objects/queue-async.h"

#include "objects/steps.h"
#include "objects/task.h"

typedef struct
{
  ShmobjQueue *self; /* (unowned): the task's source object */
  const QueueLook *look;
  guint64 size;
  gint64 begun_us;
  RingStatus status; /* of the last look */
} Looking;

GTask *
queue_new_task (ShmobjQueue *self,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer user_data,
                gpointer tag)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;

  g_task_set_source_tag (task, tag);
  if (queue_ensure (self, &error))
    return task;
  task_fail (task, error);
  return NULL;
}

static StepResult
step (Steps *steps, GObject **result, GError **error)
{
  Looking *looking = steps->data;
  ShmobjQueue *self = looking->self;
  guint32 me = participants_me (&self->participants, error);

  if (me == 0)
    return STEP_FAILED;
  looking->status = looking->look->look (self, me, looking->size, result, error);
  if (looking->status == RING_OK)
    return *result != NULL ? STEP_DONE : STEP_FAILED;
  if (looking->status == RING_EMPTY || looking->status == RING_FULL)
    {
      steps->look_us = steps_next_look_us (looking->begun_us);
      return STEP_WAIT;
    }
  looking->look->set_error (self, looking->status, looking->size, error);
  return STEP_FAILED;
}

static void
set_late (Steps *steps, GError **error)
{
  Looking *looking = steps->data;

  looking->look->set_error (looking->self, looking->status, looking->size, error);
}

static void
free_looking (Steps *steps)
{
  g_clear_pointer (&steps->data, g_free);
}

void
queue_look_async (
    ShmobjQueue *self, const QueueLook *look, guint64 size, gint64 timeout_us, GTask *task)
{
  Looking *looking = g_new (Looking, 1);

  *looking = (Looking){ self, look, size, g_get_monotonic_time (), RING_EMPTY };
  steps_run_async (&(Steps){ .step = step,
                             .done = free_looking,
                             .data = looking,
                             .fd = -1,
                             .closing = self->closing,
                             .closed = "This queue was closed while the call waited",
                             .set_late = set_late },
                   timeout_us, task);
}
