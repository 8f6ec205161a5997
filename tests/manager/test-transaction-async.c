/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions of a main loop: when they run, in which order and context, and what ends the wait.
 */

#include <shmobj.h>

#include "manager/manager-private.h"
#include "manager/store-private.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_US (60 * G_USEC_PER_SEC)

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
} Fixture;

/* One call, and what became of it. */
typedef struct
{
  Fixture *fixture;
  int item;
  gboolean fails;
  GThread *ran_in;
  guint runs, frees, ends;
  GError *error;
} Call;

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  self->list = shmobj_manager_open_list (self->manager, "l", 0, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_clear_object (&self->list);
  g_clear_object (&self->manager);
}

static gboolean
append (ShmobjManager *manager, gpointer data, GError **error)
{
  Call *call = data;

  call->runs++;
  call->ran_in = g_thread_self ();
  g_assert_cmpuint (call->frees, ==, 0);
  g_assert_cmpuint (call->ends, ==, 0);
  if (!shmobj_list_append (call->fixture->list, g_variant_new_int32 (call->item), error))
    return FALSE;
  if (call->fails)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "changed my mind");
  return !call->fails;
}

static void
on_free (gpointer data)
{
  ((Call *) data)->frees++;
}

static void
on_end (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;
  gboolean done = shmobj_manager_transact_finish (SHMOBJ_MANAGER (source), result, &call->error);

  g_assert_cmpint (done, ==, call->error == NULL);
  g_assert_cmpuint (call->frees, ==, 1);
  call->ends++;
}

static void
start (Call *call, gint64 timeout_us, GCancellable *cancellable)
{
  shmobj_manager_transact_async (call->fixture->manager, timeout_us, append, call, on_free,
                                 cancellable, on_end, call);
  g_assert_cmpuint (call->runs, ==, 0);
}

static void
await (Call *call)
{
  GMainContext *context = g_main_context_get_thread_default ();

  while (call->ends == 0)
    g_main_context_iteration (context, TRUE);
}

static void
assert_items (Fixture *self, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint64 n = shmobj_list_get_length (self->list, NULL);

  for (guint64 i = 0; i < n; i++)
    {
      g_autoptr (GVariant) item = shmobj_list_get (self->list, i, NULL);

      g_string_append_printf (text, "%d ", g_variant_get_int32 (item));
    }
  g_assert_cmpstr (text->str, ==, expected);
}

/* Keeps the gate until the pipe is closed; then it dies. */
static pid_t
hold_elsewhere (Fixture *self)
{
  int says[2];
  char byte;
  pid_t pid;

  g_assert_cmpint (pipe (says), ==, 0);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (shmobj_manager_begin (self->manager, WAIT_US, NULL, NULL) == NULL ||
          write (says[1], "x", 1) != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (says[0], &byte, 1), ==, 1);
  close (says[0]);
  close (says[1]);
  return pid;
}

static void
end (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
test_commits (Fixture *self, gconstpointer data)
{
  Call call = { .fixture = self, .item = 1 };

  start (&call, 0, NULL);
  assert_items (self, "");
  await (&call);
  g_assert_no_error (call.error);
  g_assert_cmpuint (call.runs, ==, 1);
  assert_items (self, "1 ");
}

static void
test_failing_rolls_back (Fixture *self, gconstpointer data)
{
  Call bad = { .fixture = self, .item = 1, .fails = TRUE }, good = { .fixture = self, .item = 2 };

  start (&bad, -1, NULL);
  start (&good, -1, NULL);
  await (&good);
  g_assert_cmpuint (bad.ends, ==, 1);
  g_assert_error (bad.error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_no_error (good.error);
  assert_items (self, "2 ");
  g_clear_error (&bad.error);
}

static gboolean
count_tick (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_CONTINUE;
}

/* The main loop has its other work meanwhile. */
static void
test_waits_for_another_process (Fixture *self, gconstpointer data)
{
  Call call = { .fixture = self, .item = 1 };
  pid_t pid = hold_elsewhere (self);
  guint ticks = 0, ticker = g_timeout_add (1, count_tick, &ticks);

  start (&call, -1, NULL);
  while (ticks < 50)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (call.runs, ==, 0);
  end (pid);
  await (&call);
  g_assert_no_error (call.error);
  assert_items (self, "1 ");
  g_source_remove (ticker);
}

static void
test_time_is_over (Fixture *self, gconstpointer data)
{
  Call now = { .fixture = self, .item = 1 }, soon = now;
  g_autofree char *who = NULL;
  pid_t pid = hold_elsewhere (self);

  who = g_strdup_printf ("process %d (", (int) pid);
  start (&soon, 30000, NULL);
  start (&now, 0, NULL);
  await (&soon);
  await (&now);
  g_assert_error (now.error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_error (soon.error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_nonnull (strstr (soon.error->message, who));
  end (pid);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (now.runs + soon.runs, ==, 0);
  assert_items (self, "");
  g_clear_error (&now.error);
  g_clear_error (&soon.error);
}

static void
test_cancelled (Fixture *self, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Call before = { .fixture = self, .item = 1 }, first = before, second = before, other = before;
  pid_t pid;

  start (&before, -1, cancellable);
  g_cancellable_cancel (cancellable);
  await (&before);
  g_assert_error (before.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  pid = hold_elsewhere (self);
  g_cancellable_reset (cancellable);
  start (&first, -1, cancellable);
  start (&other, -1, NULL);
  start (&second, -1, cancellable);
  g_main_context_iteration (NULL, TRUE);
  g_cancellable_cancel (cancellable);
  await (&first);
  await (&second);
  g_assert_error (first.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (second.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (other.ends, ==, 0);
  end (pid);
  await (&other);
  g_assert_no_error (other.error);
  g_assert_cmpuint (before.runs + first.runs + second.runs, ==, 0);
  assert_items (self, "1 ");
  g_clear_error (&before.error);
  g_clear_error (&first.error);
  g_clear_error (&second.error);
}

static void
test_order (Fixture *self, gconstpointer data)
{
  Call calls[5];
  pid_t pid = hold_elsewhere (self);

  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      calls[i] = (Call){ .fixture = self, .item = i };
      start (&calls[i], -1, NULL);
      g_main_context_iteration (NULL, i % 2);
    }
  end (pid);
  await (&calls[4]);
  assert_items (self, "0 1 2 3 4 ");
}

/* The caller keeps nothing; the call keeps the manager. */
static void
test_objects_are_let_go (Fixture *self, gconstpointer data)
{
  Call call = { .fixture = self, .item = 1 };
  gpointer manager = self->manager;

  g_object_add_weak_pointer (manager, &manager);
  start (&call, -1, NULL);
  g_clear_object (&self->manager);
  await (&call);
  g_assert_no_error (call.error);
  assert_items (self, "1 ");
  g_clear_object (&self->list);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (manager);
}

static gpointer
run_in_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  Call *call = data;

  g_main_context_push_thread_default (context);
  start (call, -1, NULL);
  await (call);
  g_main_context_pop_thread_default (context);
  return g_thread_self ();
}

static void
test_context_of_the_caller (Fixture *self, gconstpointer data)
{
  Call inside = { .fixture = self, .item = 1 }, outside = { .fixture = self, .item = 2 };
  gpointer thread = g_thread_new ("caller", run_in_thread, &inside);

  start (&outside, -1, NULL);
  await (&outside);
  g_thread_join (thread);
  g_assert_true (inside.ran_in != g_thread_self ());
  g_assert_true (outside.ran_in == g_thread_self ());
  g_assert_no_error (inside.error);
  g_assert_no_error (outside.error);
  g_assert_cmpuint (shmobj_list_get_length (self->list, NULL), ==, 2);
}

static gboolean
iterate_and_fail (ShmobjManager *manager, gpointer data, GError **error)
{
  Call *other = data;

  start (other, -1, NULL);
  for (int i = 0; i < 5; i++)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (other->runs, ==, 0);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "changed my mind");
  return FALSE;
}

/* One that is run by a main loop inside of another is no part of it. */
static void
test_inside_of_another (Fixture *self, gconstpointer data)
{
  Call first = { .fixture = self }, other = { .fixture = self, .item = 2 };

  shmobj_manager_transact_async (self->manager, -1, iterate_and_fail, &other, NULL, NULL, on_end,
                                 &first);
  first.frees = 1; /* nothing to free */
  await (&other);
  g_assert_cmpuint (first.ends, ==, 1);
  g_assert_error (first.error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_no_error (other.error);
  assert_items (self, "2 ");
  g_clear_error (&first.error);
}

static void
on_end_do_another (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *other = data;

  g_assert_true (shmobj_manager_transact_finish (SHMOBJ_MANAGER (source), result, NULL));
  start (other, -1, NULL);
  await (other);
}

/* A callback may wait for the next one. */
static void
test_callback_waits (Fixture *self, gconstpointer data)
{
  Call first = { .fixture = self, .item = 1 }, other = { .fixture = self, .item = 2 };

  shmobj_manager_transact_async (self->manager, -1, append, &first, NULL, NULL, on_end_do_another,
                                 &other);
  await (&other);
  assert_items (self, "1 2 ");
}

/* A call of the same thread that sleeps does not wait for one that can only go on after it. */
static void
test_sleeper_of_the_same_thread (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Call call = { .fixture = self, .item = 2 };
  pid_t pid = hold_elsewhere (self);
  Gate *gate = &manager_get_store (self->manager, NULL)->gate;

  start (&call, -1, NULL);
  while (lock_owner (&gate->next.lock) == 0)
    g_main_context_iteration (NULL, TRUE);
  kill (pid, SIGKILL);
  shmobj_manager_set_write_timeout_us (self->manager, WAIT_US);
  g_assert_true (shmobj_list_append (self->list, g_variant_new_int32 (1), &error));
  g_assert_cmpuint (lock_owner (&gate->next.lock), !=, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  await (&call);
  assert_items (self, "1 2 ");
  g_assert_cmpuint (lock_owner (&gate->next.lock), ==, 0);
}

/* A turn that a main loop does not use is not kept from others. */
static void
test_turn_is_not_used (Fixture *self, gconstpointer data)
{
  Call call = { .fixture = self, .item = 1 };
  pid_t pid = hold_elsewhere (self), late;
  Gate *gate = &manager_get_store (self->manager, NULL)->gate;
  int status;

  start (&call, -1, NULL);
  while (lock_owner (&gate->next.lock) == 0)
    g_main_context_iteration (NULL, TRUE);
  end (pid);
  late = fork ();
  if (late == 0)
    {
      ShmobjTransaction *transaction;

      gate->patience_us = 10 * WAIT_US; /* that is with one who has it, not with one who is next */
      transaction = shmobj_manager_begin (self->manager, WAIT_US, NULL, NULL);

      _exit (transaction == NULL || !shmobj_transaction_commit (transaction, NULL));
    }
  g_assert_cmpint (waitpid (late, &status, 0), ==, late);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpuint (lock_owner (&gate->next.lock), ==, 0); /* seized, and given back */
  await (&call);
  assert_items (self, "1 ");
}

/* Others, asleep, begin the next as soon as the last has ended. */
static void
test_fair (Fixture *self, gconstpointer data)
{
  pid_t pids[3];

  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    if ((pids[i] = fork ()) == 0)
      {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
          {
            ShmobjTransaction *transaction = shmobj_manager_begin (self->manager, -1, NULL, NULL);

            g_usleep (5000);
            g_clear_object (&transaction);
          }
      }
  for (int i = 0; i < 10; i++)
    {
      Call call = { .fixture = self, .item = i };

      start (&call, -1, NULL);
      await (&call);
      g_assert_no_error (call.error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    end (pids[i]);
  assert_items (self, "0 1 2 3 4 5 6 7 8 9 ");
}

/* For other main loops. */
static void
test_try_begin (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = shmobj_manager_try_begin (self->manager, &error);
  pid_t pid;

  g_assert_no_error (error);
  g_assert_true (shmobj_list_append (self->list, g_variant_new_int32 (1), &error));
  g_assert_null (shmobj_manager_try_begin (self->manager, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  g_object_unref (transaction);

  pid = hold_elsewhere (self);
  g_assert_null (shmobj_manager_try_begin (self->manager, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  end (pid);
  transaction = shmobj_manager_try_begin (self->manager, NULL);
  g_assert_nonnull (transaction);
  g_object_unref (transaction);
  assert_items (self, "1 ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/transaction-async/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("commits", test_commits);
  ADD ("failing-rolls-back", test_failing_rolls_back);
  ADD ("waits-for-another-process", test_waits_for_another_process);
  ADD ("time-is-over", test_time_is_over);
  ADD ("cancelled", test_cancelled);
  ADD ("order", test_order);
  ADD ("objects-are-let-go", test_objects_are_let_go);
  ADD ("context-of-the-caller", test_context_of_the_caller);
  ADD ("inside-of-another", test_inside_of_another);
  ADD ("callback-waits", test_callback_waits);
  ADD ("sleeper-of-the-same-thread", test_sleeper_of_the_same_thread);
  ADD ("turn-is-not-used", test_turn_is_not_used);
  ADD ("fair", test_fair);
  ADD ("try-begin", test_try_begin);
  return g_test_run ();
}
