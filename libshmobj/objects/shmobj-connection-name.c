/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calling a listener by name: connect, then wait for the handle of an end (objects/meeting.c). */

#include "objects/shmobj-connection.h"

#include "base/sys.h"
#include "objects/meeting.h"
#include "objects/steps.h"

typedef struct
{
  char *name; /* (owned) */
  int socket; /* (owned): -1 until connected */
} Call;

static StepResult
call_step (Steps *steps, GObject **result, GError **error)
{
  Call *call = steps->data;
  GError *local_error = NULL;

  if (call->socket < 0)
    call->socket = meeting_call (call->name, &local_error);
  if (call->socket >= 0)
    *result = meeting_take (call->socket, SHMOBJ_TYPE_CONNECTION, &local_error);
  steps->fd = call->socket;
  if (local_error != NULL)
    g_propagate_error (error, local_error);
  else
    return *result != NULL ? STEP_DONE : STEP_WAIT;
  return STEP_FAILED;
}

static void
call_done (Steps *steps)
{
  Call *call = steps->data;

  sys_close (call->socket);
  g_free (call->name);
  g_free (call);
}

static Steps
call_new (const char *name)
{
  Call *call = g_new (Call, 1);

  *call = (Call){ g_strdup (name), -1 };
  return (Steps){
    .step = call_step,
    .done = call_done,
    .data = call,
    .fd = -1,
    .late = "Who listens there did not answer in time",
  };
}

/**
 * shmobj_connection_new_for_name:
 * @name: what a [class@Shmobj.Listener] listens as
 * @timeout_us: how long to wait until it accepts, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Calls a listener, and waits until it accepts. Does not wait for one to appear.
 *
 * Returns: (transfer full): one end of a new two-way pipe, or %NULL with `G_IO_ERROR_NOT_FOUND`
 * (nobody listens under that name), `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED`,
 * `SHMOBJ_ERROR_PEER_GONE` (the listener ended first), `G_IO_ERROR_INVALID_ARGUMENT` (no name),
 * `G_IO_ERROR_PERMISSION_DENIED` (another user listens, or the user's runtime directory is not one)
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_connection_new_for_name (const char *name,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error)
{
  Steps steps;

  g_return_val_if_fail (name != NULL, NULL);

  steps = call_new (name);
  return (ShmobjConnection *) steps_run (&steps, timeout_us, cancellable, error);
}

/**
 * shmobj_connection_new_for_name_async:
 * @name: what a [class@Shmobj.Listener] listens as
 * @timeout_us: how long to wait until it accepts, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Calls a listener without blocking and without a thread;
 * [ctor@Shmobj.Connection.new_for_name_finish] gives the connection.
 *
 * Since: 1.0
 */
void
shmobj_connection_new_for_name_async (const char *name,
                                      gint64 timeout_us,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  GTask *task;
  Steps steps;

  g_return_if_fail (name != NULL);

  task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_connection_new_for_name_async);
  steps = call_new (name);
  steps_run_async (&steps, timeout_us, task);
}

/**
 * shmobj_connection_new_for_name_finish:
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [func@Shmobj.Connection.new_for_name_async].
 *
 * Returns: (transfer full): one end of a new two-way pipe, or %NULL with an error as of
 * [ctor@Shmobj.Connection.new_for_name]
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_connection_new_for_name_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
