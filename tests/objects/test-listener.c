/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Listener, and calling one by name. */

#include "connection-fixture.h"

#include "base/sys.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (20 * G_USEC_PER_SEC)

static ShmobjListener *
listen_as (const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjListener *listener = shmobj_listener_new (name, &error);

  g_assert_no_error (error);
  return listener;
}

static ShmobjConnection *
call (const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjConnection *connection = shmobj_connection_new_for_name (name, PATIENCE_US, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static ShmobjConnection *
accept_one (ShmobjListener *listener)
{
  g_autoptr (GError) error = NULL;
  ShmobjConnection *connection = shmobj_listener_accept (listener, PATIENCE_US, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

/* Calls @n times, and says each time which number it is. */
static pid_t
caller (const char *name, int n)
{
  pid_t child = fork ();

  if (child != 0)
    return child;
  for (int i = 0; i < n; i++)
    {
      g_autoptr (ShmobjConnection) connection = call (name);

      send_int (connection, i);
      g_assert_cmpint (receive_int (connection), ==, i + 1);
    }
  _exit (0);
}

static void
expect_exit (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
}

static void
answer (ShmobjListener *listener, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_autoptr (ShmobjConnection) connection = accept_one (listener);

      send_int (connection, receive_int (connection) + 1);
    }
}

static void
test_meet (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("meet");
  pid_t children[4];

  g_assert_cmpstr (shmobj_listener_get_name (listener), ==, "meet");
  for (int i = 0; i < 4; i++)
    children[i] = caller ("meet", 25);
  answer (listener, 100);
  for (int i = 0; i < 4; i++)
    expect_exit (children[i]);
}

static void
test_names (void)
{
  const char *bad[] = { "", "a/b", ".hidden", "tab\t", "\xff" };
  g_autofree char *longest = g_strnfill (250, 'n'), *too_long = g_strnfill (251, 'n');
  g_autoptr (ShmobjListener) listener = listen_as (longest), first = listen_as (NULL),
                             second = g_object_new (SHMOBJ_TYPE_LISTENER, NULL);
  g_autoptr (GError) error = NULL;
  pid_t child = caller (longest, 1);

  answer (listener, 1);
  expect_exit (child);
  g_assert_cmpint (shmobj_listener_get_fd (second, &error), >=, 0);
  g_assert_cmpstr (shmobj_listener_get_name (first), !=, shmobj_listener_get_name (second));
  g_assert_null (shmobj_listener_new (too_long, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_null (shmobj_listener_new (bad[i], &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_null (shmobj_connection_new_for_name (bad[i], 0, NULL, &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_one_at_a_time (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("one");
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_listener_new ("one", &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_null (shmobj_connection_new_for_name ("two", -1, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  shmobj_listener_close (listener);
  shmobj_listener_close (listener);
  g_assert_true (shmobj_listener_is_closed (listener));
  g_assert_null (shmobj_listener_accept (listener, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_cmpint (shmobj_listener_get_fd (listener, &error), ==, -1);
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_connection_new_for_name ("one", -1, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_object_unref (g_steal_pointer (&listener));
  listener = listen_as ("one");
}

/* Opens and closes until it is killed: whatever lies there then is no obstacle, and nobody is taken
 * for alive. */
static void
test_killed_listener (void)
{
  for (int i = 0; i < 100; i++)
    {
      g_autoptr (ShmobjListener) listener = NULL;
      g_autoptr (GError) error = NULL;
      pid_t child = fork ();

      if (child == 0)
        for (;;)
          g_object_unref (listen_as ("killed"));
      g_usleep (1000 + g_test_rand_int_range (0, 3000));
      kill (child, SIGKILL);
      waitpid (child, NULL, 0);

      g_assert_null (shmobj_connection_new_for_name ("killed", -1, NULL, &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      listener = listen_as ("killed");
      if (i % 10 == 0)
        {
          child = caller ("killed", 1);
          answer (listener, 1);
          expect_exit (child);
        }
    }
}

static void
test_waiting_ends (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("ends");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ShmobjConnection) ours = NULL;
  g_autoptr (GError) error = NULL;
  pid_t child;

  g_assert_null (shmobj_listener_accept (listener, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_null (shmobj_listener_accept (listener, 2000, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_null (shmobj_connection_new_for_name ("ends", 2000, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  g_assert_null (shmobj_listener_accept (listener, -1, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (shmobj_connection_new_for_name ("ends", -1, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* whoever gave up meanwhile is passed over */
  child = caller ("ends", 1);
  answer (listener, 1);
  expect_exit (child);
  g_assert_null (shmobj_listener_accept (listener, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  child = fork ();
  if (child == 0)
    {
      ours = call ("ends");
      kill (getpid (), SIGKILL);
    }
  ours = accept_one (listener);
  waitpid (child, NULL, 0);
  g_assert_null (shmobj_connection_receive (ours, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

static gpointer
close_soon (gpointer listener)
{
  g_usleep (2000);
  shmobj_listener_close (listener);
  return NULL;
}

static void
test_close_ends_accept (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("close");
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("close", close_soon, listener);

  g_assert_null (shmobj_listener_accept (listener, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_thread_join (thread);
}

/* A child has the listener, too; the name is free when both are gone. */
static void
test_fork (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("fork"), other = NULL;
  g_autoptr (ShmobjConnection) stop = NULL;
  g_autoptr (GError) error = NULL;
  pid_t child = fork (), one;

  if (child == 0)
    {
      g_autoptr (ShmobjConnection) first = NULL;

      answer (listener, 1);
      first = accept_one (listener);
      g_assert_cmpint (receive_int (first), ==, 7);
      shmobj_listener_close (listener);
      _exit (0);
    }
  one = caller ("fork", 1);
  expect_exit (one);
  stop = call ("fork");
  send_int (stop, 7);
  expect_exit (child);
  g_assert_null (shmobj_listener_new ("fork", &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  one = caller ("fork", 1);
  answer (listener, 1);
  expect_exit (one);
  shmobj_listener_close (listener);
  other = listen_as ("fork");
}

/* ---- in a main loop ---- */

typedef struct
{
  ShmobjConnection *accepted, *called;
  GError *accept_error, *call_error;
  int left;
} Meeting;

static void
on_accepted (GObject *source, GAsyncResult *result, gpointer data)
{
  Meeting *m = data;

  m->accepted = shmobj_listener_accept_finish (SHMOBJ_LISTENER (source), result, &m->accept_error);
  m->left--;
}

static void
on_called (GObject *source, GAsyncResult *result, gpointer data)
{
  Meeting *m = data;

  m->called = shmobj_connection_new_for_name_finish (result, &m->call_error);
  m->left--;
}

static void
run (Meeting *m)
{
  while (m->left > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_async (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("async");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Meeting m = { .left = 2 };
  struct pollfd fd = { shmobj_listener_get_fd (listener, &error), POLLIN, 0 };

  shmobj_connection_new_for_name_async ("async", -1, NULL, on_called, &m);
  g_assert_cmpint (poll (&fd, 1, 0), ==, 1);
  shmobj_listener_accept_async (listener, -1, NULL, on_accepted, &m);
  run (&m);
  g_assert_no_error (m.accept_error);
  g_assert_no_error (m.call_error);
  g_assert_cmpint (poll (&fd, 1, 0), ==, 0);
  send_int (m.accepted, 5);
  g_assert_cmpint (receive_int (m.called), ==, 5);
  g_clear_object (&m.accepted);
  g_clear_object (&m.called);

  m.left = 3;
  shmobj_listener_accept_async (listener, -1, cancellable, on_accepted, &m);
  g_cancellable_cancel (cancellable);
  shmobj_connection_new_for_name_async ("nobody", -1, NULL, on_called, &m);
  while (m.left > 1)
    g_main_context_iteration (NULL, TRUE);
  assert_error (m.accept_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_error (m.call_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  shmobj_listener_accept_async (listener, 3000, NULL, on_accepted, &m);
  run (&m);
  assert_error (m.accept_error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  m.left = 1;
  shmobj_listener_accept_async (listener, -1, NULL, on_accepted, &m);
  shmobj_listener_close (listener);
  run (&m);
  assert_error (m.accept_error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

/* ---- those who are not ours ---- */

static int
stranger (int fd, uid_t *uid)
{
  *uid = geteuid () + 1;
  return 0;
}

static void
test_strangers (void)
{
  g_autoptr (ShmobjListener) listener = listen_as ("strangers");
  g_autoptr (GError) error = NULL;
  Meeting m = { .left = 1 };
  SysCalls real = sys;

  shmobj_connection_new_for_name_async ("strangers", -1, NULL, on_called, &m);
  sys.peer_uid = stranger;
  g_assert_null (shmobj_connection_new_for_name ("strangers", -1, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_null (shmobj_listener_accept (listener, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  sys = real;
  run (&m);
  assert_error (m.call_error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

/* Something of ours in a test's own words: says @text to who calls, with a descriptor. */
static void
lie (int listening, const void *text, gsize size)
{
  int fd = accept (listening, NULL, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (send (fd, text, size, 0), ==, size);
  close (fd);
}

static void
test_liars (void)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "shmobj", ".listeners", "liar", NULL);
  g_autoptr (GVariant) handle =
      g_variant_ref_sink (g_variant_new_parsed ("('Connection', {'start': <true>}, [@h 0, 1, 2])"));
  g_autoptr (GVariant) other =
      g_variant_ref_sink (g_variant_new_parsed ("('Queue', @a{sv} {}, @ah [])"));
  g_autoptr (GError) error = NULL;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_SEQPACKET, 0);
  const struct
  {
    const void *data;
    gsize size;
    int code;
  } lies[] = {
    { "what is this?", 13, SHMOBJ_ERROR_INCOMPATIBLE },
    { g_variant_get_data (handle), g_variant_get_size (handle), SHMOBJ_ERROR_CORRUPT },
    { g_variant_get_data (other), g_variant_get_size (other), SHMOBJ_ERROR_WRONG_KIND },
  };

  g_type_ensure (SHMOBJ_TYPE_QUEUE); /* links it */
  g_object_unref (listen_as ("makes the directory"));
  g_assert_cmpuint (g_strlcpy (address.sun_path, path, sizeof address.sun_path), <,
                    sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      Meeting m = { .left = 1 };

      shmobj_connection_new_for_name_async ("liar", -1, NULL, on_called, &m);
      lie (fd, lies[i].data, lies[i].size);
      run (&m);
      assert_error (m.call_error, SHMOBJ_ERROR, lies[i].code);
    }
  close (fd);
  unlink (path);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  g_assert_null (shmobj_connection_new_for_name ("liar", -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listener/callers-meet-it", test_meet);
  g_test_add_func ("/listener/names", test_names);
  g_test_add_func ("/listener/one-at-a-time", test_one_at_a_time);
  g_test_add_func ("/listener/killed-ones-leave-the-name-free", test_killed_listener);
  g_test_add_func ("/listener/waiting-ends", test_waiting_ends);
  g_test_add_func ("/listener/a-forked-child-listens-too", test_fork);
  g_test_add_func ("/listener/async", test_async);
  g_test_add_func ("/listener/strangers-are-hung-up-on", test_strangers);
  g_test_add_func ("/listener/liars", test_liars);
  g_test_add_func ("/listener/close-ends-accept", test_close_ends_accept);
  return g_test_run ();
}
