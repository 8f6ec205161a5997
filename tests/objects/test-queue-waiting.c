/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Queue beside a main loop: cancellables, asynchronous operations, descriptors to poll, sources. */

#include "queue-fixture.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (2000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (1, 0);

  for (int i = 0; i < 20; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);

      if (i % 2 == 0)
        g_assert_null (shmobj_queue_get (queue, -1, cancellable, &error));
      else
        {
          put_int (queue, i);
          g_assert_false (
              shmobj_queue_put (queue, g_variant_new_int32 (1), -1, cancellable, &error));
        }
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
      g_thread_join (thread);
      if (i % 2 != 0)
        g_assert_cmpint (get_int (queue), ==, i);
      g_assert_null (shmobj_queue_get (queue, 0, cancellable, &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

typedef struct
{
  GMainLoop *loop;
  GVariant *value;
  GError *error;
  gboolean put;
} Result;

static void
on_got (GObject *source, GAsyncResult *result, gpointer data)
{
  Result *r = data;

  r->value = shmobj_queue_get_finish (SHMOBJ_QUEUE (source), result, &r->error);
  g_main_loop_quit (r->loop);
}

static void
on_put (GObject *source, GAsyncResult *result, gpointer data)
{
  Result *r = data;

  r->put = shmobj_queue_put_finish (SHMOBJ_QUEUE (source), result, &r->error);
  g_main_loop_quit (r->loop);
}

static void
result_clear (Result *r)
{
  g_clear_pointer (&r->value, g_variant_unref);
  g_clear_error (&r->error);
}

static void
test_async (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (1, 0);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Result r = { loop, NULL, NULL, FALSE };
  pid_t child;

  put_int (queue, 1); /* at once */
  shmobj_queue_get_async (queue, -1, NULL, on_got, &r);
  g_main_loop_run (loop);
  g_assert_cmpint (g_variant_get_int32 (r.value), ==, 1);
  result_clear (&r);

  shmobj_queue_get_async (queue, -1, NULL, on_got, &r); /* later, from another process */
  child = fork ();
  if (child == 0)
    {
      g_usleep (5000);
      put_int (queue, 2);
      _exit (0);
    }
  g_main_loop_run (loop);
  g_assert_cmpint (g_variant_get_int32 (r.value), ==, 2);
  waitpid (child, NULL, 0);
  result_clear (&r);

  shmobj_queue_get_async (queue, 2000, NULL, on_got, &r); /* time out */
  g_main_loop_run (loop);
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
  result_clear (&r);

  shmobj_queue_get_async (queue, -1, cancellable, on_got, &r); /* cancelled */
  g_cancellable_cancel (cancellable);
  put_int (queue, 3);
  g_main_loop_run (loop);
  g_assert_error (r.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  result_clear (&r);

  shmobj_queue_put_async (queue, g_variant_new_int32 (4), -1, NULL, on_put,
                          &r); /* full until somebody gets */
  g_assert_cmpint (get_int (queue), ==, 3);
  g_main_loop_run (loop);
  g_assert_no_error (r.error);
  g_assert_true (r.put);
  g_assert_cmpint (get_int (queue), ==, 4);
}

/* Each message is got by exactly one of the waiting operations. */
static void
on_got_counting (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_queue_get_finish (SHMOBJ_QUEUE (source), result, &error);
  guint *seen = data;

  g_assert_no_error (error);
  seen[g_variant_get_int32 (value)]++;
  seen[100]++;
}

static void
test_async_many (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  guint seen[101] = { 0 };

  for (int i = 0; i < 100; i++)
    shmobj_queue_get_async (queue, -1, NULL, on_got_counting, seen);
  for (int i = 0; i < 100; i++)
    put_int (queue, i);
  while (seen[100] < 100)
    g_main_context_iteration (NULL, TRUE);
  for (int i = 0; i < 100; i++)
    g_assert_cmpuint (seen[i], ==, 1);
}

/* a call that is under way takes nothing any more when its queue is closed */
static void
test_async_closed (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (queue), fds, NULL);
  g_autoptr (ShmobjShareable) other =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, fds, NULL);
  Result r = { loop, NULL, NULL, FALSE };

  shmobj_queue_get_async (queue, -1, NULL, on_got, &r);
  shmobj_queue_close (queue, NULL);
  put_int (SHMOBJ_QUEUE (other), 1);
  g_main_loop_run (loop);
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  result_clear (&r);
  g_assert_cmpuint (shmobj_queue_get_size (SHMOBJ_QUEUE (other)), ==, 1);
}

static gboolean
is_readable (int fd)
{
  GPollFD poll = { fd, G_IO_IN, 0 };

  return g_poll (&poll, 1, 0) == 1;
}

static void
test_fd (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (2, 0);
  g_autoptr (GError) error = NULL;
  int in = shmobj_queue_get_fd (queue, G_IO_IN, &error),
      out = shmobj_queue_get_fd (queue, G_IO_OUT, &error);

  g_assert_no_error (error);
  g_assert_cmpint (shmobj_queue_get_fd (queue, G_IO_HUP, &error), ==, -1);
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  for (int i = 0; i < 100; i++)
    {
      g_assert_false (is_readable (in));
      g_assert_true (is_readable (out));
      put_int (queue, 1);
      g_assert_true (is_readable (in));
      put_int (queue, 2);
      g_assert_false (shmobj_queue_put (queue, g_variant_new_int32 (3), 0, NULL, NULL));
      g_assert_false (is_readable (out));
      g_assert_cmpint (get_int (queue), ==, 1);
      g_assert_true (is_readable (in));
      g_assert_true (is_readable (out));
      g_assert_cmpint (get_int (queue), ==, 2);
      g_assert_null (shmobj_queue_get (queue, 0, NULL, NULL));
    }
}

/* Two processes poll one descriptor and take one message per wake-up: nothing is left behind. */
static void
test_fd_two_processes (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0), done = new_queue (0, 0);
  int in = shmobj_queue_get_fd (queue, G_IO_IN, NULL);
  pid_t children[2];

  for (int i = 0; i < 2; i++)
    if ((children[i] = fork ()) == 0)
      for (;;)
        {
          GPollFD poll = { in, G_IO_IN, 0 };
          g_autoptr (GVariant) value = NULL;

          g_poll (&poll, 1, -1);
          value = shmobj_queue_get (queue, 0, NULL, NULL);
          if (value != NULL)
            shmobj_queue_put (done, value, -1, NULL, NULL);
        }
  for (int i = 0; i < 2000; i++)
    {
      put_int (queue, i);
      if (i % 10 == 0)
        g_usleep (200);
    }
  for (int i = 0; i < 2000; i++)
    get_int (done);
  for (int i = 0; i < 2; i++)
    {
      kill (children[i], SIGKILL);
      waitpid (children[i], NULL, 0);
    }
}

static gboolean
on_source (gpointer data)
{
  ShmobjQueue *queue = data;
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, NULL);
  gint *got = g_object_get_data (G_OBJECT (queue), "got");

  if (value == NULL) /* it may be ready for nothing */
    return G_SOURCE_CONTINUE;
  g_assert_cmpint (g_variant_get_int32 (value), ==, *got);
  ++*got;
  return G_SOURCE_CONTINUE;
}

static void
test_source (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = shmobj_queue_create_source (queue, G_IO_IN, NULL, &error);
  gint got = 0;
  pid_t child;

  g_assert_no_error (error);
  g_object_set_data (G_OBJECT (queue), "got", &got);
  g_source_set_callback (source, on_source, queue, NULL);
  g_source_attach (source, NULL);
  child = fork ();
  if (child == 0)
    {
      for (int i = 0; i < 1000; i++)
        {
          put_int (queue, i);
          if (i % 50 == 0)
            g_usleep (300);
        }
      _exit (0);
    }
  while (got < 1000)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (source);
  waitpid (child, NULL, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue/cancelled-takes-nothing", test_cancel);
  g_test_add_func ("/queue/async", test_async);
  g_test_add_func ("/queue/async-each-message-once", test_async_many);
  g_test_add_func ("/queue/async-ends-when-closed", test_async_closed);
  g_test_add_func ("/queue/descriptor", test_fd);
  g_test_add_func ("/queue/descriptor-of-two-processes", test_fd_two_processes);
  g_test_add_func ("/queue/source", test_source);
  return g_test_run ();
}
