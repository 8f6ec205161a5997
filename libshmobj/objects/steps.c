/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits that are no wait for shared memory: for a caller at a socket, or for an answer from it.
 *
 * A step looks, and either has the object or says which descriptor to wait for. Cancelling is
 * looked at before each step, so a cancelled call has taken nothing; and the time after it, so what
 * is there is taken though no time is left.
 *
 * The object may be closed by another thread meanwhile: that is a second cancellable, with another
 * error.
 */

#include "objects/steps.h"

#include "base/shmobj-error.h"
#include "base/wait.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>

#define MOMENT_US 5000
#define LOOK_SLICE_US 50000

/* TRUE: it is over, with *@result or with @error. */
static gboolean
advance (
    Steps *steps, gint64 deadline_us, GCancellable *cancellable, GObject **result, GError **error)
{
  StepResult step;

  *result = NULL;
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return TRUE;
  if (g_cancellable_is_cancelled (steps->closing))
    {
      g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED, steps->closed);
      return TRUE;
    }
  step = steps->step (steps, result, error);
  if (step == STEP_WAIT && wait_left (deadline_us) == 0)
    {
      if (steps->set_late != NULL)
        steps->set_late (steps, error);
      else
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, steps->late);
      return TRUE;
    }
  return step != STEP_WAIT;
}

/* Until the next step is due though no descriptor is ready; -1: it never is. */
static gint64
due_us (const Steps *steps, gint64 deadline_us)
{
  gint64 left_us = wait_left (deadline_us),
         look_us = steps->look_us > 0 ? steps->look_us : MOMENT_US;

  if (steps->fd >= 0 || (left_us >= 0 && left_us < look_us))
    return left_us;
  return look_us;
}

static int
fd_of (GCancellable *cancellable)
{
  return cancellable != NULL ? g_cancellable_get_fd (cancellable) : -1;
}

static void
release_fd (GCancellable *cancellable, int fd)
{
  if (fd >= 0)
    g_cancellable_release_fd (cancellable);
}

static void
wait_for_next (Steps *steps, gint64 deadline_us, GCancellable *cancellable)
{
  struct pollfd fds[3] = { { steps->fd, POLLIN, 0 },
                           { fd_of (cancellable), POLLIN, 0 },
                           { fd_of (steps->closing), POLLIN, 0 } };
  gint64 most_us = due_us (steps, deadline_us);
  struct timespec most;

  if ((cancellable != NULL && fds[1].fd < 0) || (steps->closing != NULL && fds[2].fd < 0))
    most_us = most_us < 0 ? LOOK_SLICE_US /* no descriptor to be had: look now and then */
                          : MIN (most_us, LOOK_SLICE_US);
  most = (struct timespec){ most_us / G_USEC_PER_SEC, most_us % G_USEC_PER_SEC * 1000 };
  ppoll (fds, 3, most_us < 0 ? NULL : &most, NULL);
  release_fd (cancellable, fds[1].fd);
  release_fd (steps->closing, fds[2].fd);
}

static void
finish (Steps *steps)
{
  if (steps->done != NULL)
    steps->done (steps);
  steps->done = NULL;
}

GObject *
steps_run (Steps *steps, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  gint64 deadline_us = wait_deadline (timeout_us);
  GObject *result;

  while (!advance (steps, deadline_us, cancellable, &result, error))
    wait_for_next (steps, deadline_us, cancellable);
  finish (steps);
  return result;
}

/* ---- in a main loop ---- */

typedef struct
{
  Steps steps;
  gint64 deadline_us;
} Operation;

static void
operation_free (gpointer data)
{
  Operation *operation = data;

  finish (&operation->steps);
  g_free (operation);
}

static void plan (GTask *task);

static void
go_on (GTask *task)
{
  Operation *operation = g_task_get_task_data (task);
  GError *error = NULL;
  GObject *result;

  if (!advance (&operation->steps, operation->deadline_us, g_task_get_cancellable (task), &result,
                &error))
    {
      plan (task);
      return;
    }
  finish (&operation->steps);
  if (result != NULL)
    g_task_return_pointer (task, result, g_object_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
on_moment (gpointer task)
{
  go_on (task);
  return G_SOURCE_REMOVE;
}

static gboolean
on_fd (int fd, GIOCondition condition, gpointer task)
{
  return on_moment (task);
}

GSource *
steps_add_cancellable (GSource *source, GCancellable *cancellable)
{
  g_autoptr (GSource) child = NULL;

  if (cancellable == NULL)
    return NULL;
  child = g_cancellable_source_new (cancellable);
  g_source_set_dummy_callback (child);
  g_source_add_child_source (source, child);
  return child;
}

static void
plan (GTask *task)
{
  Operation *operation = g_task_get_task_data (task);
  int fd = operation->steps.fd;
  gint64 most_us = due_us (&operation->steps, operation->deadline_us);
  g_autoptr (GSource) source =
      fd >= 0 ? g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP) : g_timeout_source_new (0);

  steps_add_cancellable (source, g_task_get_cancellable (task));
  steps_add_cancellable (source, operation->steps.closing);
  g_source_set_ready_time (source, most_us < 0 ? -1 : g_get_monotonic_time () + most_us);
  g_source_set_static_name (source, "[shmobj] steps");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, fd >= 0 ? (GSourceFunc) (void *) on_fd : on_moment,
                         g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

void
steps_run_async (const Steps *steps, gint64 timeout_us, GTask *task)
{
  Operation *operation = g_new (Operation, 1);

  *operation = (Operation){ *steps, wait_deadline (timeout_us) };
  g_task_set_task_data (task, operation, operation_free);
  g_task_set_check_cancellable (task, FALSE); /* a cancelled one has taken nothing */
  go_on (task);
  g_object_unref (task);
}
