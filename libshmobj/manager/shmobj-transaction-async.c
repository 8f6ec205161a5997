/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions of a program with a main loop.
 *
 * Calls of one manager that complete in one main context stand in a line, a source of that context,
 * which exists while somebody is in it. Only the first makes attempts, so they run in the order
 * they were made. Nothing rings when the gate becomes free; the attempts come in the growing steps
 * of objects/steps.h, and manager/gate.c says why they are not overtaken for ever.
 *
 * One function runs in each dispatch, and the main loop has its other work between two of them. It
 * begins, runs and commits within that dispatch. A main loop that it runs may dispatch the line
 * again, but its next one does not begin there: a thread that is inside a transaction is busy. As
 * the callback runs in the dispatch as well, the source may recurse, and a call is out of the line
 * before anything of the user's is called.
 *
 * Cancelling and the time are looked at in order: a cancelled call is not tried any more, and one
 * that is late is tried once before it is given up, if it is the first. One whose function has run
 * tells what came of it, whatever has been cancelled meanwhile.
 *
 * Calls may come from any thread, so the lines and who is in them are under one mutex, which is
 * held for no call of anybody else's.
 */

#include "manager/shmobj-transaction.h"

#include "base/shmobj-error.h"
#include "base/wait.h"
#include "manager/manager-private.h"
#include "objects/steps.h"

typedef struct
{
  GSource source;
  ShmobjManager *manager; /* (unowned): those in line keep it */
  GMainContext *context;  /* (unowned): likewise */
  GQueue waiting;         /* GTask (owned) */
  gint64 begun_us;        /* since when the first one tries */
  Store *store;           /* (owned) (nullable): the manager's, since the first attempt */
} Line;

/* Task data. */
typedef struct
{
  ShmobjTransactionFunc func;
  gpointer data;
  GDestroyNotify data_free;
  gint64 deadline_us;
  GSource *cancelled; /* (unowned) (nullable): a child of the line's source */
} Call;

static GMutex lines_mutex;
static GSList *lines; /* Line, with a reference */

static void
call_clear (Call *call)
{
  GDestroyNotify data_free = g_steal_pointer (&call->data_free);

  if (data_free != NULL)
    data_free (call->data);
}

static void
call_free (gpointer data)
{
  call_clear (data);
  g_free (data);
}

/* ---- the end of a call, out of the line ---- */

/* Takes both over. */
static void
fail (GTask *task, GError *error)
{
  call_clear (g_task_get_task_data (task));
  g_task_return_error (task, error);
  g_object_unref (task);
}

/* Takes both over. */
static void
run (GTask *task, StoreTransaction *transaction)
{
  ShmobjManager *manager = g_task_get_source_object (task);
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;

  if (!manager_run_in (manager, transaction, call->func, call->data, &error))
    {
      if (error == NULL)
        error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED,
                                     "The function of a transaction gave it up without an error");
      fail (task, error);
      return;
    }
  call_clear (call);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/* ---- the line ---- */

/* Under the mutex. */
static GTask *
step_out (Line *line, GList *link)
{
  GTask *task = link->data;
  Call *call = g_task_get_task_data (task);

  g_queue_delete_link (&line->waiting, link);
  if (call->cancelled != NULL)
    g_source_remove_child_source (&line->source, g_steal_pointer (&call->cancelled));
  return task;
}

static GTask *
step_out_first (Line *line)
{
  GTask *task;

  g_mutex_lock (&lines_mutex);
  task = step_out (line, line->waiting.head);
  line->begun_us = g_get_monotonic_time ();
  g_mutex_unlock (&lines_mutex);
  return task;
}

static gboolean
is_late (GTask *task)
{
  return wait_left (((Call *) g_task_get_task_data (task))->deadline_us) == 0;
}

static gboolean
is_cancelled (GTask *task)
{
  return g_cancellable_is_cancelled (g_task_get_cancellable (task));
}

/* All for whom @is_over; they fail with @why, which it takes over. */
static void
step_out_all (Line *line, gboolean (*is_over) (GTask *task), GError *why)
{
  GQueue out = G_QUEUE_INIT;
  GTask *task;

  g_mutex_lock (&lines_mutex);
  for (GList *link = line->waiting.head, *next; link != NULL; link = next)
    {
      next = link->next;
      if (is_over (link->data))
        g_queue_push_tail (&out, step_out (line, link));
    }
  g_mutex_unlock (&lines_mutex);
  while ((task = g_queue_pop_head (&out)) != NULL)
    fail (task, g_error_copy (why));
  g_error_free (why);
}

static gint64
sooner (gint64 due_us, GTask *task)
{
  gint64 deadline_us = ((Call *) g_task_get_task_data (task))->deadline_us;

  return deadline_us >= 0 ? MIN (due_us, deadline_us) : due_us;
}

/* Until the next look, or for ever if nobody is left. */
static gboolean
go_on (Line *line, gboolean at_once)
{
  gint64 due_us = at_once ? 0 : g_get_monotonic_time () + steps_next_look_us (line->begun_us);
  gboolean is_left;

  g_mutex_lock (&lines_mutex);
  is_left = !g_queue_is_empty (&line->waiting);
  for (GList *link = line->waiting.head; link != NULL; link = link->next)
    due_us = sooner (due_us, link->data);
  if (is_left)
    g_source_set_ready_time (&line->source, due_us);
  else if (!g_source_is_destroyed (&line->source))
    {
      lines = g_slist_remove (lines, line);
      g_source_destroy (&line->source);
      g_source_unref (&line->source); /* the dispatch has one, too */
    }
  g_mutex_unlock (&lines_mutex);
  if (!is_left && line->store != NULL)
    store_transaction_leave_line (line->store);
  return is_left;
}

static gboolean
is_empty (Line *line)
{
  gboolean empty;

  g_mutex_lock (&lines_mutex);
  empty = g_queue_is_empty (&line->waiting);
  g_mutex_unlock (&lines_mutex);
  return empty;
}

static gboolean
ensure_store (Line *line, GError **error)
{
  if (line->store == NULL)
    {
      line->store = manager_get_store (line->manager, error);
      if (line->store != NULL)
        store_ref (line->store);
    }
  return line->store != NULL;
}

static gboolean
line_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Line *line = (Line *) source;
  StoreTransaction *transaction = NULL;
  GError *error = NULL;
  gboolean at_once = TRUE;

  step_out_all (line, is_cancelled,
                g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled"));
  if (is_empty (line))
    return go_on (line, FALSE);

  if (ensure_store (line, &error))
    transaction = store_transaction_begin_in_line (line->store, &error);
  if (transaction != NULL)
    run (step_out_first (line), transaction);
  else if (!g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY))
    fail (step_out_first (line), error);
  else
    {
      step_out_all (line, is_late, error);
      at_once = FALSE;
    }
  return go_on (line, at_once);
}

static void
line_finalize (GSource *source)
{
  g_clear_pointer (&((Line *) source)->store, store_unref);
}

static GSourceFuncs line_funcs = { .dispatch = line_dispatch, .finalize = line_finalize };

/* Under the mutex. */
static Line *
find_or_begin_line (ShmobjManager *manager, GMainContext *context)
{
  Line *line;

  for (GSList *link = lines; link != NULL; link = link->next)
    {
      line = link->data;
      if (line->manager == manager && line->context == context)
        return line;
    }
  line = (Line *) g_source_new (&line_funcs, sizeof *line);
  line->manager = manager;
  line->context = context;
  g_queue_init (&line->waiting);
  line->begun_us = g_get_monotonic_time ();
  g_source_set_static_name (&line->source, "[shmobj] transactions");
  g_source_set_can_recurse (&line->source, TRUE);
  lines = g_slist_prepend (lines, line);
  return line;
}

static void
stand_in_line (ShmobjManager *manager, GTask *task)
{
  Call *call = g_task_get_task_data (task);
  Line *line;

  g_mutex_lock (&lines_mutex);
  line = find_or_begin_line (manager, g_task_get_context (task));
  call->cancelled = steps_add_cancellable (&line->source, g_task_get_cancellable (task));
  g_queue_push_tail (&line->waiting, task);
  g_source_set_ready_time (&line->source, 0);
  if (g_source_get_context (&line->source) == NULL)
    g_source_attach (&line->source, g_task_get_context (task));
  g_mutex_unlock (&lines_mutex);
}

/**
 * shmobj_manager_transact_async:
 * @self: a manager
 * @timeout_us: how long to wait for others who change something, in microseconds; 0 not at all, -1
 *   for ever
 * @func: (scope notified) (closure func_data) (destroy func_data_free): what to do, once
 * @func_data: what to give it
 * @func_data_free: (nullable): frees @func_data, before @callback is called
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Runs a function in a transaction, as [method@Shmobj.Manager.transact] does, but waits for others
 * without blocking and without a thread; [method@Shmobj.Manager.transact_finish] tells how it went.
 * So a program with a main loop makes every change of a manager: a function may be one call.
 *
 * ```c
 * static gboolean
 * append (ShmobjManager *manager, gpointer list, GError **error)
 * {
 *   return shmobj_list_append (list, g_variant_new_string ("later"), error);
 * }
 *
 * shmobj_manager_transact_async (manager, -1, append, g_object_ref (list), g_object_unref, NULL,
 *                                on_appended, NULL);
 * ```
 *
 * @func runs in the thread-default main context of the caller, after this call has returned, and
 * blocks it for as long as it takes. Calls of one manager in one main context run in the order in
 * which they were made, each after the one before it has been committed or rolled back.
 * A function that did not run before the time was over, or before it was cancelled, never runs.
 *
 * It is never a part of a transaction that is open in the thread; it waits for its end. So a
 * function must not wait, in a main loop of its own, for another call of this.
 *
 * Others, who wait asleep, do not overtake it for ever: it has its turn, as long as its main loop
 * is not late by more than 0.1 seconds. Then it lines up again.
 *
 * Since: 1.0
 */
void
shmobj_manager_transact_async (ShmobjManager *self,
                               gint64 timeout_us,
                               ShmobjTransactionFunc func,
                               gpointer func_data,
                               GDestroyNotify func_data_free,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  GTask *task;
  Call *call;

  g_return_if_fail (SHMOBJ_IS_MANAGER (self));
  g_return_if_fail (timeout_us >= -1);
  g_return_if_fail (func != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_manager_transact_async);
  g_task_set_check_cancellable (task, FALSE); /* what was committed is told */
  call = g_new (Call, 1);
  *call = (Call){ func, func_data, func_data_free, wait_deadline (timeout_us), NULL };
  g_task_set_task_data (task, call, call_free);
  stand_in_line (self, task);
}

/**
 * shmobj_manager_transact_finish:
 * @self: a manager
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Manager.transact_async].
 *
 * Returns: %TRUE if it was committed, or %FALSE with an error as of
 *   [method@Shmobj.Manager.transact]
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_transact_finish (ShmobjManager *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
