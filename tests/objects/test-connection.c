/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pipe and Connection: both directions, the death of the other side, errors, handles, async. */

#include "connection-fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_both_ways (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new ("raw", 3), got = NULL;

  send_int (f->start, 1);
  send_int (f->start, 2);
  send_int (f->end, 3);
  g_assert_cmpint (receive_int (f->end), ==, 1);
  g_assert_cmpint (receive_int (f->start), ==, 3);
  g_assert_cmpint (receive_int (f->end), ==, 2);
  g_assert_true (shmobj_connection_send_bytes (f->end, bytes, 0, NULL, &error));
  got = shmobj_connection_receive_bytes (f->start, 0, NULL, &error);
  g_assert_true (g_bytes_equal (bytes, got));
  g_assert_null (shmobj_connection_receive (f->start, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_null (shmobj_connection_receive (f->start, 3000, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
test_one_way (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_connection_is_readable (f->start) &&
                 !shmobj_connection_is_writable (f->start));
  g_assert_true (!shmobj_connection_is_readable (f->end) && shmobj_connection_is_writable (f->end));
  send_int (f->end, 5);
  g_assert_cmpint (receive_int (f->start), ==, 5);
  g_assert_false (shmobj_connection_send (f->start, g_variant_new_int32 (1), 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_null (shmobj_connection_receive (f->end, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

/* What was sent before is received, then the end is said. */
static void
test_end_of_file (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  send_int (f->end, 1);
  send_int (f->end, 2);
  shmobj_connection_close (f->end);
  g_assert_true (shmobj_connection_poll (f->start, 0, NULL, &error));
  g_assert_cmpint (receive_int (f->start), ==, 1);
  g_assert_cmpint (receive_int (f->start), ==, 2);
  g_assert_true (shmobj_connection_poll (f->start, -1, NULL, &error));
  g_assert_null (shmobj_connection_receive (f->start, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  g_assert_false (shmobj_connection_send (f->start, g_variant_new_int32 (1), -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

static void
test_closed (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  shmobj_connection_close (f->start);
  shmobj_connection_close (f->start);
  g_assert_true (shmobj_connection_is_closed (f->start));
  g_assert_false (shmobj_connection_send (f->start, g_variant_new_int32 (1), 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_connection_receive (f->start, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_false (shmobj_connection_poll (f->start, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

static void
test_killed_sender (Fixture *f, gconstpointer data)
{
  for (int i = 0; i < 30; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;
      Fixture other;
      int last = -1;
      pid_t child;

      set_up (&other, data);
      child = fork ();
      if (child == 0)
        {
          g_clear_object (&other.start);
          for (int k = 0;; k++)
            send_int (other.end, k);
        }
      g_clear_object (&other.end);
      g_assert_cmpint (receive_int (other.start), ==, 0);
      last = 0;
      kill (child, SIGKILL);
      while ((value = shmobj_connection_receive (other.start, -1, NULL, &error)) != NULL)
        {
          g_assert_cmpint (g_variant_get_int32 (value), ==, last + 1);
          last++;
          g_clear_pointer (&value, g_variant_unref);
        }
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
      waitpid (child, NULL, 0);
      tear_down (&other, NULL);
    }
}

static void
test_killed_receiver (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  pid_t child = fork ();
  int sent = 0;

  if (child == 0)
    {
      g_clear_object (&f->start);
      receive_int (f->end);
      _exit (0);
    }
  g_clear_object (&f->end);
  send_int (f->start, 1);
  waitpid (child, NULL, 0);
  while (shmobj_connection_send (f->start, g_variant_new_int32 (1), -1, NULL, &error))
    sent++;
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  g_assert_cmpint (sent, <=, 1);
}

/* A full pipe: the sender sleeps, and wakes by room or by the death of the reader. */
static void
test_full (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (FALSE, 8192, &error);
  g_autoptr (ShmobjConnection) reader = shmobj_pipe_steal_start (pipe, &error),
                               writer = shmobj_pipe_steal_end (pipe, &error);
  g_autofree char *text = g_strnfill (1000, 'x');
  pid_t child;
  int n = 0;

  g_assert_null (shmobj_pipe_steal_end (pipe, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  while (shmobj_connection_send (writer, g_variant_new_string (text), 0, NULL, &error))
    n++;
  g_assert_cmpint (n, ==, 8);
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  child = fork ();
  if (child == 0)
    {
      g_clear_object (&writer);
      for (int i = 0; i < 100; i++)
        {
          g_autoptr (GVariant) value = NULL;

          if (i % 10 == 0)
            g_usleep (1000);
          value = shmobj_connection_receive (reader, -1, NULL, NULL);
          g_assert_nonnull (value);
        }
      _exit (0);
    }
  g_clear_object (&reader);
  while (shmobj_connection_send (writer, g_variant_new_string (text), -1, NULL, &error))
    n++;
  g_assert_cmpint (n, >=, 100);
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  waitpid (child, NULL, 0);
}

static void
test_ping_pong (Fixture *f, gconstpointer data)
{
  pid_t child = fork ();

  if (child == 0)
    {
      g_clear_object (&f->start);
      for (;;)
        {
          g_autoptr (GVariant) value = shmobj_connection_receive (f->end, -1, NULL, NULL);

          if (value == NULL)
            _exit (0);
          send_int (f->end, g_variant_get_int32 (value) + 1);
        }
    }
  g_clear_object (&f->end);
  for (int i = 0; i < 20000; i++)
    {
      if (i % 2000 == 0)
        g_usleep (3000); /* both asleep */
      send_int (f->start, i);
      g_assert_cmpint (receive_int (f->start), ==, i + 1);
    }
  g_clear_object (&f->start);
  waitpid (child, NULL, 0);
}

static void
test_handle (Fixture *f, gconstpointer data)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (ShmobjConnection) same = NULL;
  g_autoptr (GVariant) handle = NULL;
  g_autoptr (GError) error = NULL;

  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (f->end), list, &error);
  g_assert_no_error (error);
  same = SHMOBJ_CONNECTION (
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_CONNECTION, handle, list, &error));
  g_assert_no_error (error);
  g_clear_object (&list);
  g_clear_object (&f->end);
  send_int (f->start, 1);
  g_assert_cmpint (receive_int (same), ==, 1);
  send_int (same, 2);
  g_assert_cmpint (receive_int (f->start), ==, 2);
  g_clear_object (&same);
  g_assert_null (shmobj_connection_receive (f->start, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (2000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  for (int i = 0; i < 10; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);

      g_assert_null (shmobj_connection_receive (f->start, -1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
      send_int (f->end, i);
      g_assert_cmpint (receive_int (f->start), ==, i);
    }
}

typedef struct
{
  GMainLoop *loop;
  GVariant *value;
  GError *error;
} Result;

static void
on_received (GObject *source, GAsyncResult *result, gpointer data)
{
  Result *r = data;

  r->value = shmobj_connection_receive_finish (SHMOBJ_CONNECTION (source), result, &r->error);
  g_main_loop_quit (r->loop);
}

static void
test_async (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Result r = { loop, NULL, NULL };
  pid_t child;

  shmobj_connection_receive_async (f->start, -1, NULL, on_received, &r);
  child = fork ();
  if (child == 0)
    {
      g_usleep (3000);
      send_int (f->end, 9);
      _exit (0);
    }
  g_main_loop_run (loop);
  g_assert_no_error (r.error);
  g_assert_cmpint (g_variant_get_int32 (r.value), ==, 9);
  g_clear_pointer (&r.value, g_variant_unref);
  waitpid (child, NULL, 0);

  shmobj_connection_receive_async (f->start, -1, NULL, on_received, &r);
  shmobj_connection_close (f->start);
  g_main_loop_run (loop);
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_clear_error (&r.error);

  /* and the other side learns of it, though a call was under way */
  g_assert_null (shmobj_connection_receive (f->end, -1, NULL, &r.error));
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  g_clear_error (&r.error);
}

static void
on_sent_in_vain (GObject *source, GAsyncResult *result, gpointer data)
{
  Result *r = data;

  g_assert_false (shmobj_connection_send_finish (SHMOBJ_CONNECTION (source), result, &r->error));
  g_main_loop_quit (r->loop);
}

/* As the calls that block: out of time, or cancelled; nothing is taken or sent. */
static void
test_async_gives_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (FALSE, 4096, &error);
  g_autoptr (ShmobjConnection) reader = shmobj_pipe_steal_start (pipe, &error),
                               writer = shmobj_pipe_steal_end (pipe, &error);
  Result r = { loop, NULL, NULL };
  int n = 0;

  shmobj_connection_receive_async (reader, 2000, NULL, on_received, &r);
  g_main_loop_run (loop);
  assert_error (r.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  shmobj_connection_receive_async (reader, -1, cancellable, on_received, &r);
  g_cancellable_cancel (cancellable);
  send_int (writer, n++);
  g_main_loop_run (loop);
  assert_error (r.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  while (shmobj_connection_send (writer, g_variant_new_int32 (n), 0, NULL, NULL))
    n++;
  shmobj_connection_send_async (writer, g_variant_new_int32 (n), 2000, NULL, on_sent_in_vain, &r);
  g_main_loop_run (loop);
  assert_error (r.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  for (int i = 0; i < n; i++)
    g_assert_cmpint (receive_int (reader), ==, i);
  g_assert_false (shmobj_connection_poll (reader, 0, NULL, &error));
}

static void
test_async_end (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Result r = { loop, NULL, NULL };

  shmobj_connection_receive_async (f->start, -1, NULL, on_received, &r);
  g_clear_object (&f->end);
  g_main_loop_run (loop);
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  g_clear_error (&r.error);

  shmobj_connection_close (f->start);
  shmobj_connection_receive_async (f->start, -1, NULL, on_received, &r);
  g_main_loop_run (loop);
  g_assert_error (r.error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_clear_error (&r.error);
}

/* as languages do that collect garbage now and then */
static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
test_kept_result (Fixture *f, gconstpointer data)
{
  g_autoptr (GAsyncResult) kept = NULL;
  g_autoptr (GError) error = NULL;

  shmobj_connection_send_async (f->end, g_variant_new_int32 (9), -1, NULL, keep_result, &kept);
  while (kept == NULL)
    g_main_context_iteration (NULL, TRUE);
  shmobj_connection_close (f->end);

  g_assert_cmpint (receive_int (f->start), ==, 9);
  g_assert_null (shmobj_connection_receive (f->start, 0, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

static gboolean
is_readable (int fd)
{
  GPollFD poll = { fd, G_IO_IN, 0 };

  return g_poll (&poll, 1, 0) == 1;
}

static void
test_fd (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int in = shmobj_connection_get_fd (f->start, G_IO_IN, &error);

  g_assert_no_error (error);
  for (int i = 0; i < 50; i++)
    {
      g_assert_false (is_readable (in));
      send_int (f->end, i);
      send_int (f->end, i);
      g_assert_true (is_readable (in));
      receive_int (f->start);
      g_assert_true (is_readable (in));
      receive_int (f->start);
      g_assert_null (shmobj_connection_receive (f->start, 0, NULL, NULL));
    }
  g_clear_object (&f->end);
  g_assert_true (is_readable (in));
}

static gboolean
on_source (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value =
      shmobj_connection_receive (g_object_get_data (data, "connection"), 0, NULL, &error);
  int *got = g_object_get_data (data, "got");

  if (value == NULL)
    {
      if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE))
        *got = -*got;
      return *got >= 0;
    }
  ++*got;
  return G_SOURCE_CONTINUE;
}

static void
test_source (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = shmobj_connection_create_source (f->start, G_IO_IN, NULL, &error);
  g_autoptr (GObject) box = g_object_new (G_TYPE_OBJECT, NULL);
  int got = 0;
  pid_t child;

  g_assert_no_error (error);
  g_object_set_data (box, "connection", f->start);
  g_object_set_data (box, "got", &got);
  g_source_set_callback (source, on_source, box, NULL);
  g_source_attach (source, NULL);
  child = fork ();
  if (child == 0)
    {
      for (int i = 0; i < 500; i++)
        {
          send_int (f->end, i);
          if (i % 50 == 0)
            g_usleep (300);
        }
      _exit (0);
    }
  g_clear_object (&f->end);
  while (got >= 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (got, ==, -500);
  waitpid (child, NULL, 0);
}

static void
test_wait (Fixture *f, gconstpointer data)
{
  Fixture others[3];
  ShmobjConnection *all[4] = { f->start }, **ready;
  g_autoptr (GError) error = NULL;
  gsize n;

  for (int i = 0; i < 3; i++)
    {
      set_up (&others[i], NULL);
      all[i + 1] = others[i].start;
    }
  g_assert_null (shmobj_connection_wait (all, 4, 2000, NULL, &n, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  send_int (others[1].end, 1);
  g_clear_object (&others[2].end);
  ready = shmobj_connection_wait (all, 4, -1, NULL, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 2);
  g_assert_true (ready[0] == others[1].start && ready[1] == others[2].start);
  g_free (ready);
  shmobj_connection_close (others[0].start);
  g_assert_null (shmobj_connection_wait (all, 4, 0, NULL, &n, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  for (int i = 0; i < 3; i++)
    tear_down (&others[i], NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, one_way, function)                                                               \
  g_test_add (path, Fixture, one_way, set_up, function, tear_down)
  ADD ("/connection/both-ways", NULL, test_both_ways);
  ADD ("/connection/one-way", "one way", test_one_way);
  ADD ("/connection/remaining-messages-then-the-end", NULL, test_end_of_file);
  ADD ("/connection/closed-says-so", NULL, test_closed);
  ADD ("/connection/killed-sender", NULL, test_killed_sender);
  ADD ("/connection/killed-receiver", NULL, test_killed_receiver);
  ADD ("/connection/full", NULL, test_full);
  ADD ("/connection/ping-pong", NULL, test_ping_pong);
  ADD ("/connection/handle-is-the-same-end", NULL, test_handle);
  ADD ("/connection/cancelled-takes-nothing", NULL, test_cancel);
  ADD ("/connection/async", NULL, test_async);
  ADD ("/connection/async-gives-up", NULL, test_async_gives_up);
  ADD ("/connection/async-end-of-file", NULL, test_async_end);
  ADD ("/connection/closes-though-a-result-is-kept", NULL, test_kept_result);
  ADD ("/connection/descriptor", NULL, test_fd);
  ADD ("/connection/source", NULL, test_source);
  ADD ("/connection/wait-for-many", NULL, test_wait);
  return g_test_run ();
}
