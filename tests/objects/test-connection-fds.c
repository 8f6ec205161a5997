/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors and objects through a connection: what is sent arrives with its message, once, in
 * order; limits have errors that name them. No test leaves a descriptor. */

#include "connection-fds-fixture.h"

#include "base/parcel.h"

#include <errno.h>

/* ---- sent and received ---- */

static void
test_both_ways (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjMessage) message = NULL;

  expect_sent (f->start, 10, 1);
  expect_sent (f->end, 20, 3);
  expect_received (f->end, 10, 1);
  expect_received (f->start, 20, 3);
  expect_sent (f->start, 30, PARCEL_FDS_MAX);
  send_int (f->start, 5);
  expect_received (f->end, 30, PARCEL_FDS_MAX);
  message = shmobj_connection_receive_with_fds (f->end, 0, NULL, &error);
  g_assert_no_error (error);
  expect_message (message, 5, 0);
  g_assert_null (shmobj_message_get_fd_list (message));
  g_assert_true (shmobj_message_done (message, &error));
  g_assert_false (shmobj_message_give_back (message, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

static void
test_one_way (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  expect_sent (f->end, 1, 2);
  expect_received (f->start, 1, 2);
  g_assert_false (send_files (f->start, 1, 1, 0, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_null (shmobj_connection_receive_with_fds (f->end, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

static void
test_no_descriptors_are_a_plain_message (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) empty = g_unix_fd_list_new ();

  g_assert_true (
      shmobj_connection_send_with_fds (f->start, g_variant_new_int32 (1), NULL, 0, NULL, &error));
  g_assert_true (
      shmobj_connection_send_with_fds (f->start, g_variant_new_int32 (2), empty, 0, NULL, &error));
  g_assert_cmpint (receive_int (f->end), ==, 1);
  g_assert_cmpint (receive_int (f->end), ==, 2);
}

static void
test_too_many (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (send_files (f->start, 0, PARCEL_FDS_MAX + 1, 0, &error));
  g_assert_nonnull (strstr (error->message, "253"));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  expect_nothing (f->end);
}

static void
test_too_large (Fixture *f, gconstpointer data)
{
  g_autoptr (GUnixFDList) list = numbered_files (0, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 4096, &error);
  g_autoptr (ShmobjConnection) start = shmobj_pipe_steal_start (pipe, &error);
  g_autoptr (ShmobjConnection) end = shmobj_pipe_steal_end (pipe, &error);
  g_autofree char *text = g_strnfill (5000, 'x');

  g_assert_nonnull (end);
  g_assert_false (
      shmobj_connection_send_with_fds (start, g_variant_new_string (text), list, -1, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  text[4000] = '\0';
  g_assert_true (
      shmobj_connection_send_with_fds (start, g_variant_new_string (text), list, -1, NULL, &error));
  g_assert_false (
      shmobj_connection_send_with_fds (start, g_variant_new_string (text), list, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (shmobj_connection_send_with_fds (start, g_variant_new_string (text), list, 5000,
                                                   NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* Who does not ask for descriptors leaves them where they are. */
static void
test_stays_for_those_who_want_it (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  expect_sent (f->start, 1, 1);
  g_assert_true (shmobj_connection_poll (f->end, 0, NULL, &error));
  g_assert_null (shmobj_connection_receive (f->end, 0, NULL, &error));
  g_assert_nonnull (strstr (error->message, "descriptors"));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_null (shmobj_connection_receive_bytes (f->end, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  expect_received (f->end, 1, 1);
}

static void
test_bytes_and_large_values (Fixture *f, gconstpointer data)
{
  g_autoptr (GUnixFDList) list = numbered_files (7, 1);
  g_autofree guint8 *bytes = g_malloc (100000);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GBytes) received = NULL;

  memset (bytes, 'b', 100000);
  g_assert_true (shmobj_connection_send_with_fds (
      f->start, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, 100000, 1), list, 0, NULL,
      &error));
  message = shmobj_connection_receive_with_fds (f->end, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shmobj_message_get_kind (message), ==, SHMOBJ_MESSAGE_KIND_BYTES);
  received = shmobj_message_get_bytes (message);
  g_assert_cmpmem (g_bytes_get_data (received, NULL), g_bytes_get_size (received), bytes, 100000);
  g_assert_cmpint (g_unix_fd_list_get_length (shmobj_message_get_fd_list (message)), ==, 1);
}

static void
test_peer_gone (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  expect_sent (f->start, 1, 1);
  shmobj_connection_close (f->end);
  g_assert_false (send_files (f->start, 1, 1, -1, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

static void
test_left_behind (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  expect_sent (f->start, 1, 1);
  expect_sent (f->start, 2, 2);
  shmobj_connection_close (f->start);
  expect_received (f->end, 1, 1);
  expect_received (f->end, 2, 2);
  g_assert_null (shmobj_connection_receive_with_fds (f->end, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

/* ---- limits ---- */

/* As a kernel gives that allows little. */
static void
give_little_room (ShmobjConnection *connection)
{
  const int room = 65536;

  g_assert_cmpint (setsockopt (connection->parcels, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), ==,
                   0);
}

static gpointer
receive_all (gpointer data)
{
  Fixture *f = data;

  for (int i = 0; i < 3000; i++)
    if (i % 3 == 0)
      g_assert_cmpint (receive_int (f->end), ==, i);
    else
      expect_received (f->end, i, 1 + i % 3);
  return NULL;
}

/* Many are under way before somebody receives the first; then the sender waits. */
static void
test_many_before_the_first_receive (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GThread *thread;
  int sent = 0;

  give_little_room (f->start);
  while (sent % 3 == 0 ? (send_int (f->start, sent), TRUE)
                       : send_files (f->start, sent, 1 + sent % 3, 0, &error))
    sent++;
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_test_message ("%d messages before the socket is full", sent);
  g_assert_cmpint (sent, >, 50);
  g_assert_cmpint (sent, <, 3000);
  g_assert_false (send_files (f->start, sent, 1, 3000, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  thread = g_thread_new ("reader", receive_all, f);
  for (; sent < 3000; sent++)
    if (sent % 3 == 0)
      send_int (f->start, sent);
    else
      expect_sent (f->start, sent, 1 + sent % 3);
  g_thread_join (thread);
  expect_nothing (f->end);
}

static void
test_cancelled_while_the_socket_is_full (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GUnixFDList) list = numbered_files (1, 1);
  g_autoptr (GError) error = NULL;
  GThread *thread;

  give_little_room (f->start);
  while (send_files (f->start, 1, 1, 0, NULL))
    ;
  thread = g_thread_new ("canceller", (GThreadFunc) (void *) g_cancellable_cancel, cancellable);
  g_assert_false (shmobj_connection_send_with_fds (f->start, g_variant_new_int32 (1), list, -1,
                                                   cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
}

static int refusals, refusal;

static ssize_t
refuse_to_send (int fd, const struct msghdr *message, int flags)
{
  if (refusals == 0)
    return real.sendmsg (fd, message, flags);
  refusals--;
  errno = refusal;
  return -1;
}

/* What the kernel allows all processes of the user together: one waits for others to receive. */
static void
test_too_many_under_way (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  sys.sendmsg = refuse_to_send;
  refusal = ETOOMANYREFS;
  refusals = 4;
  expect_sent (f->start, 1, 1);
  g_assert_cmpint (refusals, ==, 0);
  refusals = 1;
  g_assert_false (send_files (f->start, 2, 1, 0, &error));
  g_assert_nonnull (strstr (error->message, "under way"));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  refusals = 1000;
  g_assert_false (send_files (f->start, 2, 1, 12000, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  refusal = EPERM;
  refusals = 1;
  g_assert_false (send_files (f->start, 2, 1, -1, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  expect_received (f->end, 1, 1);
  expect_nothing (f->end);
}

/* ---- objects ---- */

static void
test_objects (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, &error);
  g_autoptr (ShmobjEvent) event = shmobj_event_new (&error);
  g_autoptr (ShmobjShareable) other = NULL, third = NULL;
  g_autoptr (GVariant) value = NULL;

  g_assert_true (
      shmobj_connection_send_object (f->start, SHMOBJ_SHAREABLE (queue), -1, NULL, &error));
  g_assert_true (
      shmobj_connection_send_object (f->start, SHMOBJ_SHAREABLE (event), -1, NULL, &error));
  other = shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_QUEUE, -1, NULL, &error);
  g_assert_no_error (error);
  third = shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_SHAREABLE, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (SHMOBJ_IS_EVENT (third));
  shmobj_queue_put (queue, g_variant_new_int32 (7), -1, NULL, &error);
  value = shmobj_queue_get (SHMOBJ_QUEUE (other), 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
}

static void
test_what_is_no_such_object (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, &error);

  g_assert_true (
      shmobj_connection_send_object (f->start, SHMOBJ_SHAREABLE (queue), -1, NULL, &error));
  g_assert_null (shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_LOCK, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  send_int (f->start, 1);
  g_assert_null (
      shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_SHAREABLE, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
}

/* A pipe's end through another pipe, and a pipe's end through itself. */
static void
test_ends (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) end = NULL, own = NULL;
  Fixture inner;

  set_up (&inner, NULL);
  g_assert_true (
      shmobj_connection_send_object (f->start, SHMOBJ_SHAREABLE (inner.end), -1, NULL, &error));
  g_clear_object (&inner.end);
  g_assert_false (shmobj_connection_poll (inner.start, 0, NULL, &error)); /* held on its way */
  end = shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_CONNECTION, -1, NULL, &error);
  g_assert_no_error (error);
  expect_sent (SHMOBJ_CONNECTION (end), 3, 1);
  expect_received (inner.start, 3, 1);
  g_clear_object (&end);
  g_assert_true (shmobj_connection_poll (inner.start, LONG_US, NULL, &error));
  tear_down (&inner, NULL);

  g_assert_true (
      shmobj_connection_send_object (f->start, SHMOBJ_SHAREABLE (f->start), -1, NULL, &error));
  own = shmobj_connection_receive_object (f->end, SHMOBJ_TYPE_CONNECTION, -1, NULL, &error);
  g_assert_no_error (error);
  expect_sent (SHMOBJ_CONNECTION (own), 5, 2);
  expect_received (f->end, 5, 2);
}

/* ---- in a main loop ---- */

typedef struct
{
  GMainLoop *loop;
  GAsyncResult *result;
} Outcome;

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Outcome *outcome = data;

  outcome->result = g_object_ref (result);
  g_main_loop_quit (outcome->loop);
}

static void
send_async (Fixture *f, int from, gint64 timeout_us, Outcome *outcome)
{
  g_autoptr (GUnixFDList) list = numbered_files (from, 2);

  shmobj_connection_send_with_fds_async (f->start, g_variant_new_int32 (from), list, timeout_us,
                                         NULL, on_done, outcome);
}

static gboolean
sent (Fixture *f, Outcome *outcome, GError **error)
{
  gboolean done;

  g_main_loop_run (outcome->loop);
  done = shmobj_connection_send_with_fds_finish (f->start, outcome->result, error);
  g_clear_object (&outcome->result);
  return done;
}

static void
test_async (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  Outcome sending = { loop, NULL }, receiving = { loop, NULL };

  shmobj_connection_receive_with_fds_async (f->end, -1, NULL, on_done, &receiving);
  send_async (f, 9, -1, &sending);
  g_assert_true (sent (f, &sending, &error));
  while (receiving.result == NULL)
    g_main_context_iteration (NULL, TRUE);
  message = shmobj_connection_receive_with_fds_finish (f->end, receiving.result, &error);
  g_assert_no_error (error);
  expect_message (message, 9, 2);
  g_clear_object (&receiving.result);
}

/* First the socket is full, then what the user may have under way. */
static void
test_async_waits_for_room (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  Outcome outcome = { loop, NULL };
  int n = 0;

  give_little_room (f->start);
  while (send_files (f->start, n, 1, 0, NULL))
    n++;
  send_async (f, n, 2000, &outcome);
  g_assert_false (sent (f, &outcome, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  send_async (f, n, -1, &outcome);
  g_main_context_iteration (NULL, FALSE);
  g_assert_null (outcome.result);
  for (int i = 0; i < n; i++)
    expect_received (f->end, i, 1);
  g_assert_true (sent (f, &outcome, &error));
  expect_received (f->end, n, 2);

  sys.sendmsg = refuse_to_send;
  refusal = ETOOMANYREFS;
  refusals = 3;
  send_async (f, 77, -1, &outcome);
  g_assert_true (sent (f, &outcome, &error));
  g_assert_cmpint (refusals, ==, 0);
  expect_received (f->end, 77, 2);
}

static void
test_async_errors (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GUnixFDList) many = numbered_files (0, PARCEL_FDS_MAX + 1);
  g_autoptr (GError) error = NULL;
  Outcome outcome = { loop, NULL };
  char byte;

  shmobj_connection_send_with_fds_async (f->start, g_variant_new_int32 (1), many, -1, NULL, on_done,
                                         &outcome);
  g_assert_false (sent (f, &outcome, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  expect_sent (f->start, 1, 1);
  g_assert_cmpint (recv (f->end->parcels, &byte, 1, MSG_DONTWAIT), ==, 1);
  shmobj_connection_receive_with_fds_async (f->end, -1, NULL, on_done, &outcome);
  g_main_loop_run (loop);
  g_assert_null (shmobj_connection_receive_with_fds_finish (f->end, outcome.result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  g_clear_object (&outcome.result);
  shmobj_connection_close (f->end);
  send_async (f, 78, -1, &outcome);
  g_assert_false (sent (f, &outcome, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
}

/* GLib opens some for itself at the first use of a main loop, and keeps them. */
static void
keep_what_glib_opens (void)
{
  Fixture f;

  set_up (&f, NULL);
  test_async (&f, NULL);
  tear_down (&f, NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (ShmobjEvent) kept = shmobj_event_new (NULL); /* events share a segment that stays */

  g_assert_nonnull (kept);
  g_test_init (&argc, &argv, NULL);
  keep_what_glib_opens ();
#define ADD_ONE(path, data, function)                                                              \
  g_test_add ("/connection-fds/" path, Fixture, data, set_up_counting, function, tear_down_counting)
#define ADD(path, function) ADD_ONE (path, NULL, function)
  ADD ("both-ways", test_both_ways);
  ADD_ONE ("one-way", "one way", test_one_way);
  ADD ("none-are-a-plain-message", test_no_descriptors_are_a_plain_message);
  ADD ("too-many", test_too_many);
  ADD ("too-large", test_too_large);
  ADD ("stays-for-those-who-want-it", test_stays_for_those_who_want_it);
  ADD ("bytes-and-large-values", test_bytes_and_large_values);
  ADD ("peer-gone", test_peer_gone);
  ADD ("left-behind-by-a-sender", test_left_behind);
  ADD ("many-before-the-first-receive", test_many_before_the_first_receive);
  ADD ("cancelled-while-the-socket-is-full", test_cancelled_while_the_socket_is_full);
  ADD ("too-many-under-way", test_too_many_under_way);
  ADD ("objects", test_objects);
  ADD ("what-is-no-such-object", test_what_is_no_such_object);
  ADD ("ends", test_ends);
  ADD ("async", test_async);
  ADD ("async-waits-for-room", test_async_waits_for_room);
  ADD ("async-errors", test_async_errors);
  return g_test_run ();
}
