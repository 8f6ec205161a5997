/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes and objects along a connection by a main loop: what holds for each such call. */

#include "connection-fixture.h"

#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  const char *name;
  gboolean sends;
  void (*start) (ShmobjConnection *end,
                 gint64 timeout_us,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer data);
  gboolean (*finish) (ShmobjConnection *end, GAsyncResult *result, GError **error);
  void (*other) (ShmobjConnection *end); /* what the other end does for it; waits itself */
} Kind;

static void
start_send_bytes (ShmobjConnection *end,
                  gint64 timeout_us,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer data)
{
  g_autoptr (GBytes) bytes = g_bytes_new ("hello", 5);

  shmobj_connection_send_bytes_async (end, bytes, timeout_us, cancellable, callback, data);
}

static void
start_send_object (ShmobjConnection *end,
                   gint64 timeout_us,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer data)
{
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);

  g_assert_true (shmobj_event_set (event, NULL));
  shmobj_connection_send_object_async (end, SHMOBJ_SHAREABLE (event), timeout_us, cancellable,
                                       callback, data);
}

static void
start_receive_object (ShmobjConnection *end,
                      gint64 timeout_us,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer data)
{
  shmobj_connection_receive_object_async (end, SHMOBJ_TYPE_EVENT, timeout_us, cancellable, callback,
                                          data);
}

static gboolean
is_hello (GBytes *bytes)
{
  g_autoptr (GBytes) hello = g_bytes_new ("hello", 5);
  g_autoptr (GBytes) owned = bytes;

  return owned != NULL && g_bytes_equal (owned, hello);
}

static gboolean
is_set (ShmobjShareable *object)
{
  g_autoptr (ShmobjShareable) owned = object;

  return owned != NULL && shmobj_event_is_set (SHMOBJ_EVENT (owned));
}

static gboolean
finish_receive_bytes (ShmobjConnection *end, GAsyncResult *result, GError **error)
{
  return is_hello (shmobj_connection_receive_bytes_finish (end, result, error));
}

static gboolean
finish_receive_object (ShmobjConnection *end, GAsyncResult *result, GError **error)
{
  return is_set (shmobj_connection_receive_object_finish (end, result, error));
}

static void
send_hello (ShmobjConnection *end)
{
  g_autoptr (GBytes) hello = g_bytes_new ("hello", 5);

  g_assert_true (shmobj_connection_send_bytes (end, hello, -1, NULL, NULL));
}

static void
send_event (ShmobjConnection *end)
{
  g_autoptr (ShmobjEvent) event = shmobj_event_new (NULL);

  g_assert_true (shmobj_event_set (event, NULL));
  g_assert_true (shmobj_connection_send_object (end, SHMOBJ_SHAREABLE (event), -1, NULL, NULL));
}

/* Behind what filled the pipe. */
static void
receive_hello (ShmobjConnection *end)
{
  g_autoptr (GBytes) large = NULL;

  do
    {
      g_clear_pointer (&large, g_bytes_unref);
      large = shmobj_connection_receive_bytes (end, -1, NULL, NULL);
      g_assert_nonnull (large);
    }
  while (g_bytes_get_size (large) != 5);
}

static void
receive_event (ShmobjConnection *end)
{
  g_autoptr (ShmobjMessage) message = NULL;

  do
    {
      g_clear_pointer (&message, shmobj_message_unref);
      message = shmobj_connection_receive_with_fds (end, -1, NULL, NULL);
      g_assert_nonnull (message);
    }
  while (shmobj_message_get_fd_list (message) == NULL);
}

static const Kind kinds[] = {
  { "send_bytes", TRUE, start_send_bytes, shmobj_connection_send_bytes_finish, receive_hello },
  { "send_object", TRUE, start_send_object, shmobj_connection_send_object_finish, receive_event },
  { "receive_bytes", FALSE, shmobj_connection_receive_bytes_async, finish_receive_bytes,
    send_hello },
  { "receive_object", FALSE, start_receive_object, finish_receive_object, send_event },
};

/* A pipe, whose start cannot send (receive) now. */
static void
set_up_blocked (Fixture *f, const Kind *kind)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 8192, &error);

  g_assert_no_error (error);
  f->start = shmobj_pipe_steal_start (pipe, &error);
  f->end = shmobj_pipe_steal_end (pipe, &error);
  g_assert_no_error (error);
  for (gsize size = kind->sends ? 1024 : 0; size > 0;)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);

      if (!shmobj_connection_send_bytes (f->start, bytes, 0, NULL, NULL))
        size = size > 1 ? size / 2 : 0;
    }
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer place)
{
  g_assert_null (*(GAsyncResult **) place);
  *(GAsyncResult **) place = g_object_ref (result);
}

static gboolean
wait_and_finish (const Kind *kind, ShmobjConnection *end, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) over = NULL;

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  over = g_steal_pointer (result);
  return kind->finish (end, over, error);
}

static void
test_waits (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Fixture f;
  pid_t child;

  set_up_blocked (&f, kind);
  kind->start (f.start, -1, NULL, keep_result, &result);
  for (int i = 0; i < 3; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_null (result);
  child = fork ();
  if (child == 0)
    {
      kind->other (f.end);
      if (!kind->sends) /* what was sent is kept until it is received */
        receive_int (f.end);
      _exit (0);
    }
  g_assert_true (wait_and_finish (kind, f.start, &result, &error));
  g_assert_no_error (error);
  if (!kind->sends)
    send_int (f.start, 0);
  waitpid (child, NULL, 0);
  tear_down (&f, NULL);
}

static void
test_gives_up (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Fixture f;

  set_up_blocked (&f, kind);
  for (gint64 timeout_us = 0; timeout_us <= 2000; timeout_us += 2000)
    {
      kind->start (f.start, timeout_us, NULL, keep_result, &result);
      g_assert_false (wait_and_finish (kind, f.start, &result, &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    }
  kind->start (f.start, -1, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  if (!kind->sends)
    kind->other (f.end); /* it stays there */
  g_assert_false (wait_and_finish (kind, f.start, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (!kind->sends)
    {
      kind->start (f.start, 0, NULL, keep_result, &result);
      g_assert_true (wait_and_finish (kind, f.start, &result, &error));
      g_assert_no_error (error);
    }
  tear_down (&f, NULL);
}

static void
test_ends (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  ShmobjConnection *wrong;
  Fixture f;

  set_up_blocked (&f, kind);
  kind->start (f.start, -1, NULL, keep_result, &result);
  shmobj_connection_close (f.end);
  g_assert_false (wait_and_finish (kind, f.start, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  tear_down (&f, NULL);

  set_up_blocked (&f, kind);
  kind->start (f.start, -1, NULL, keep_result, &result);
  shmobj_connection_close (f.start);
  g_assert_false (wait_and_finish (kind, f.start, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  tear_down (&f, NULL);

  set_up (&f, "one-way");
  wrong = kind->sends ? f.start : f.end;
  kind->start (wrong, -1, NULL, keep_result, &result);
  g_assert_false (wait_and_finish (kind, wrong, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  tear_down (&f, NULL);
}

static void
test_another_object (void)
{
  const Kind *kind = &kinds[3];
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Fixture f;

  set_up (&f, NULL);
  g_assert_true (shmobj_connection_send_object (f.end, SHMOBJ_SHAREABLE (queue), 0, NULL, &error));
  kind->start (f.start, 0, NULL, keep_result, &result);
  g_assert_false (wait_and_finish (kind, f.start, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);

  shmobj_queue_close (queue, NULL);
  shmobj_connection_send_object_async (f.end, SHMOBJ_SHAREABLE (queue), -1, NULL, keep_result,
                                       &result);
  g_assert_false (wait_and_finish (&kinds[1], f.end, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_false (shmobj_connection_is_readable (f.start) &&
                  shmobj_connection_poll (f.start, 0, NULL, NULL));
  tear_down (&f, NULL);
}

static void
add (const char *what, const Kind *kind, GTestDataFunc function)
{
  g_autofree char *path = g_strdup_printf ("/connection-async/%s/%s", kind->name, what);

  g_test_add_data_func (path, kind, function);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      add ("waits-for-another-process", &kinds[i], test_waits);
      add ("gives-up-and-has-done-nothing", &kinds[i], test_gives_up);
      add ("ends-with-either-end", &kinds[i], test_ends);
    }
  g_test_add_func ("/connection-async/another-object-is-refused", test_another_object);
  return g_test_run ();
}
