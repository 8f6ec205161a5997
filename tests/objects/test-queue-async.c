/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue's asynchronous calls: what holds for each of them. What is special to one is in
 * test-queue-async-special.c. */

#include "queue-async-fixture.h"

#include <sys/wait.h>
#include <unistd.h>

static void
test_at_once (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  for (int i = 0; i < 2; i++)
    {
      scene_init (&scene);
      kind->block (scene.queue);
      kind->free (scene.queue);
      kind->start (&scene, i == 0 ? 0 : FOREVER_US, NULL, keep_result, &result);
      g_assert_null (result); /* never from within the call */
      g_assert_true (wait_and_finish (kind, &result, &error));
      g_assert_no_error (error);
      scene_clear (&scene);
    }
}

static void
test_no_callback (gconstpointer data)
{
  const Kind *kind = data;
  Scene scene;
  GWeakRef queue;

  scene_init (&scene);
  g_weak_ref_init (&queue, scene.queue);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, NULL, NULL, NULL);
  kind->free (scene.other);
  g_clear_object (&scene.block);
  g_clear_object (&scene.queue);
  for (gpointer alive; (alive = g_weak_ref_get (&queue)) != NULL;)
    {
      g_object_unref (alive);
      g_main_context_iteration (NULL, TRUE);
    }
  scene_clear (&scene);
}

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* What is freed comes from another process, once we sleep without a thread. */
static void
test_other_process (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint threads = count_threads ();
  Scene scene;
  pid_t child;

  scene_init (&scene);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  g_assert_cmpuint (count_threads (), ==, threads);
  child = fork ();
  if (child == 0)
    {
      g_usleep (2000);
      kind->free (scene.queue);
      _exit (0);
    }
  g_assert_true (wait_and_finish (kind, &result, &error));
  g_assert_no_error (error);
  waitpid (child, NULL, 0);
  scene_clear (&scene);
}

static void
test_two_at_once (gconstpointer data)
{
  const Kind *kind = data;
  GAsyncResult *results[2] = { NULL, NULL };
  g_autoptr (GError) error = NULL;
  Scene scene;
  pid_t child;

  scene_init (&scene);
  kind->block (scene.queue);
  for (int i = 0; i < 2; i++)
    kind->start (&scene, FOREVER_US, NULL, keep_result, &results[i]);
  child = fork ();
  if (child == 0)
    {
      for (guint i = 0; i < kind->frees_for_two; i++)
        kind->free (scene.queue);
      _exit (0);
    }
  for (int i = 0, left = 2; left > 0; i = 1 - i)
    {
      if (results[i] != NULL)
        {
          g_assert_true (finish (kind, &results[i], &error));
          g_assert_no_error (error);
          left--;
        }
      else if (results[1 - i] == NULL)
        g_main_context_iteration (NULL, TRUE);
    }
  waitpid (child, NULL, 0);
  scene_clear (&scene);
}

static void
test_timed_out (gconstpointer data)
{
  const Kind *kind = data;
  static const gint64 timeouts_us[] = { 0, 1, 3000 };

  for (guint i = 0; i < G_N_ELEMENTS (timeouts_us); i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *before = NULL, *after = NULL;
      g_autoptr (ShmobjLoan) block = NULL;
      Scene scene;
      gint64 start_us;

      scene_init (&scene);
      block = g_object_ref (scene.block);
      kind->block (scene.queue);
      before = state_of (scene.queue);
      start_us = g_get_monotonic_time ();
      kind->start (&scene, timeouts_us[i], NULL, keep_result, &result);
      g_assert_false (wait_and_finish (kind, &result, &error));
      g_assert_cmpint (g_get_monotonic_time () - start_us, >=, timeouts_us[i]);
      assert_error (error, kind->domain (), kind->code);
      after = state_of (scene.queue);
      g_assert_cmpstr (after, ==, before);
      kind->free (scene.queue);
      scene_clear (&scene);
    }
}

static void
test_cancelled_before (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (ShmobjLoan) block = NULL;
  Scene scene;

  scene_init (&scene);
  block = g_object_ref (scene.block);
  kind->block (scene.queue);
  kind->free (scene.queue);
  before = state_of (scene.queue);
  g_cancellable_cancel (cancellable);
  kind->start (&scene, FOREVER_US, cancellable, keep_result, &result);
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  after = state_of (scene.queue);
  g_assert_cmpstr (after, ==, before);
  scene_clear (&scene);
}

/* although what it waits for comes before the loop has run */
static void
test_cancelled_waiting (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (ShmobjLoan) block = NULL;
  Scene scene;

  scene_init (&scene);
  block = g_object_ref (scene.block);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, cancellable, keep_result, &result);
  assert_waits (&result);
  g_cancellable_cancel (cancellable);
  kind->free (scene.other);
  before = state_of (scene.queue);
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  after = state_of (scene.queue);
  g_assert_cmpstr (after, ==, before);
  g_assert_nonnull (shmobj_loan_get_data (block, NULL)); /* ours as before */
  g_assert_true (shmobj_loan_release (block, &error));
  scene_clear (&scene);
}

/* What was taken is given, though it is cancelled before anybody heard of it. */
static void
test_cancelled_after (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  kind->block (scene.queue);
  kind->free (scene.queue);
  kind->start (&scene, FOREVER_US, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  g_assert_true (wait_and_finish (kind, &result, &error));
  g_assert_no_error (error);
  scene_clear (&scene);
}

static void
test_closed (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *after = NULL;
  g_autoptr (ShmobjLoan) block = NULL;
  Scene scene;

  scene_init (&scene);
  block = g_object_ref (scene.block);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  shmobj_queue_close (scene.queue, NULL);
  kind->free (scene.other);
  before = state_of (scene.other);
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  after = state_of (scene.other);
  g_assert_cmpstr (after, ==, before);

  if (scene.block == NULL)
    scene.block = g_object_ref (block);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result); /* and once more */
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  scene_clear (&scene);
}

/* Completes in the context that was the thread's own, and only there. */
static void
test_context (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  kind->block (scene.queue);
  g_main_context_push_thread_default (context);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  g_main_context_pop_thread_default (context);
  kind->free (scene.other);
  assert_waits (&result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_true (finish (kind, &result, &error));
  g_assert_no_error (error);
  scene_clear (&scene);
}

static void
add (const char *what, const Kind *kind, GTestDataFunc function)
{
  g_autofree char *path = g_strdup_printf ("/queue-async/%s/%s", kind->name, what);

  g_test_add_data_func (path, kind, function);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      add ("at-once-if-it-can", &kinds[i], test_at_once);
      add ("the-queue-lives-as-long-as-the-call", &kinds[i], test_no_callback);
      add ("ended-by-another-process", &kinds[i], test_other_process);
      add ("two-at-once", &kinds[i], test_two_at_once);
      add ("timed-out-takes-nothing", &kinds[i], test_timed_out);
      add ("cancelled-before-takes-nothing", &kinds[i], test_cancelled_before);
      add ("cancelled-while-waiting-takes-nothing", &kinds[i], test_cancelled_waiting);
      add ("cancelled-too-late-gives-what-it-took", &kinds[i], test_cancelled_after);
      add ("ends-when-closed", &kinds[i], test_closed);
      add ("in-the-caller's-context", &kinds[i], test_context);
    }
  return g_test_run ();
}
