/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors through a connection when somebody dies between packet and message, or lies: others'
 * messages come whole, nothing stays open, and a message that cannot be is an error for itself
 * alone. */

#include "connection-fds-fixture.h"

#include "base/parcel.h"

#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- deaths ---- */

static int dies_at, calls;

static void
die_after (void)
{
  if (++calls == dies_at)
    kill (getpid (), SIGKILL);
}

static ssize_t
send_and_die (int fd, const struct msghdr *message, int flags)
{
  ssize_t sent_bytes = real.sendmsg (fd, message, flags);

  die_after ();
  return sent_bytes;
}

static ssize_t
receive_and_die (int fd, struct msghdr *message, int flags)
{
  ssize_t size = real.recvmsg (fd, message, flags);

  die_after ();
  return size;
}

static void
end_of (pid_t child)
{
  int status;

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

/* The packet went, the message never comes: @ends' other end is nobody's. */
static void
die_sending (Fixture *f, int ends[2])
{
  pid_t child = fork ();

  if (child == 0)
    {
      g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();

      g_unix_fd_list_append (list, ends[1], NULL);
      sys.sendmsg = send_and_die;
      calls = 0;
      dies_at = 1;
      shmobj_connection_send_with_fds (f->start, g_variant_new_int32 (99), list, -1, NULL, NULL);
      _exit (0);
    }
  close (ends[1]);
  end_of (child);
}

static gboolean
is_let_go (int fd, int timeout_ms)
{
  struct pollfd poll_fd = { .fd = fd };

  return poll (&poll_fd, 1, timeout_ms) > 0 && (poll_fd.revents & POLLHUP) != 0;
}

static void
test_sender_dies_after_the_packet (Fixture *f, gconstpointer data)
{
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  expect_sent (f->start, 1, 1);
  die_sending (f, ends);
  g_assert_false (is_let_go (ends[0], 0));
  expect_sent (f->start, 2, 2);
  send_int (f->start, 3);
  expect_received (f->end, 1, 1);
  expect_received (f->end, 2, 2);
  g_assert_true (is_let_go (ends[0], 0));
  g_assert_cmpint (receive_int (f->end), ==, 3);
  expect_nothing (f->end);
  close (ends[0]);
}

static gpointer
wait_by_bell (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GCancellable) never = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjMessage) message =
      shmobj_connection_receive_with_fds (f->end, -1, never, &error);

  g_assert_no_error (error);
  expect_message (message, 4, 1);
  return NULL;
}

/* The receiver sleeps, and nothing more is sent: what the dead one had on its way is let go. */
static void
test_sleeper_lets_go (Fixture *f, gconstpointer data)
{
  GThread *thread = g_thread_new ("sleeper", wait_by_bell, f);
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  while ((f->end->read.shared->in_bell & DOORBELL_ARMED) == 0 ||
         poll (&(struct pollfd){ f->end->socket, POLLIN, 0 }, 1, 0) != 0)
    g_usleep (200);
  g_usleep (20000); /* by now it sleeps, most likely; the test holds if not */
  die_sending (f, ends);
  g_assert_true (is_let_go (ends[0], 20000));
  close (ends[0]);
  expect_sent (f->start, 4, 1);
  g_thread_join (thread);
}

/* Of two at one end, one dies in the middle of receiving: looks at the id, copies the descriptors,
 * takes the message, drops the packet. */
static void
test_receiver_dies (Fixture *f, gconstpointer data)
{
  for (int point = 1; point <= 3; point++)
    {
      pid_t child;

      expect_sent (f->start, 10 * point, 2);
      expect_sent (f->start, 10 * point + 5, 1);
      child = fork ();
      if (child == 0)
        {
          sys.recvmsg = receive_and_die;
          calls = 0;
          dies_at = point;
          expect_received (f->end, 10 * point, 2);
          _exit (0);
        }
      end_of (child);
      if (point < 3)
        expect_received (f->end, 10 * point, 2);
      expect_received (f->end, 10 * point + 5, 1);
      expect_nothing (f->end);
    }
}

/* ---- who lies ---- */

static int
packets_of (ShmobjConnection *connection)
{
  return connection->parcels;
}

static void
send_packet (ShmobjConnection *connection, gconstpointer data, gsize size, int fd)
{
  char bytes[CMSG_SPACE (sizeof (int))] = { 0 };
  struct iovec part = { (gpointer) data, size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (fd >= 0)
    {
      struct cmsghdr *header;

      message.msg_control = bytes;
      message.msg_controllen = sizeof bytes;
      header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (header), &fd, sizeof fd);
    }
  g_assert_cmpint (sendmsg (packets_of (connection), &message, MSG_DONTWAIT), >=, 0);
}

static void
expect_bad (ShmobjConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_connection_receive_with_fds (connection, LONG_US, NULL, &error));
  g_assert_nonnull (strstr (error->message, "number"));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
}

static void
test_packets_that_nobody_asked_for (Fixture *f, gconstpointer data)
{
  int fd = numbered_file (0);
  guint64 id = 0;

  send_packet (f->start, "abc", 3, fd);
  send_packet (f->start, "", 0, fd);
  send_packet (f->start, "", 0, -1);
  send_packet (f->start, &id, sizeof id, fd);
  send_packet (f->start, "0123456789abcdefgh", 18, -1);
  expect_sent (f->start, 1, 2);
  expect_received (f->end, 1, 2);
  close (fd);
  expect_nothing (f->end);
}

static void
drop_packet (ShmobjConnection *connection)
{
  char byte;

  g_assert_cmpint (recv (packets_of (connection), &byte, 1, MSG_DONTWAIT), ==, 1);
}

static void
test_packet_missing (Fixture *f, gconstpointer data)
{
  expect_sent (f->start, 1, 1);
  expect_sent (f->start, 2, 1);
  expect_sent (f->start, 3, 1);
  drop_packet (f->end);
  expect_bad (f->end);
  expect_received (f->end, 2, 1);
  drop_packet (f->end);
  expect_bad (f->end);
  send_int (f->start, 4);
  g_assert_cmpint (receive_int (f->end), ==, 4);
  expect_sent (f->start, 5, 2);
  expect_received (f->end, 5, 2);
}

/* One that claims an id from the future stands in the way until the ring is empty. */
static void
test_packet_from_the_future (Fixture *f, gconstpointer data)
{
  guint64 id = G_MAXUINT64;

  send_packet (f->start, &id, sizeof id, -1);
  expect_sent (f->start, 1, 1);
  expect_bad (f->end);
  g_assert_false (shmobj_connection_poll (f->end, 1000, NULL, NULL));
  expect_sent (f->start, 2, 1);
  expect_received (f->end, 2, 1);
}

static void
test_packet_with_another_count (Fixture *f, gconstpointer data)
{
  guint64 id;
  int fd = numbered_file (3);

  expect_sent (f->start, 1, 2);
  id = f->start->write.shared->parcels_sent;
  drop_packet (f->end);
  send_packet (f->start, &id, sizeof id, fd);
  expect_bad (f->end);
  expect_sent (f->start, 1, 2);
  id = f->start->write.shared->parcels_sent;
  drop_packet (f->end);
  send_packet (f->start, &id, sizeof id, -1);
  expect_bad (f->end);
  expect_sent (f->start, 7, 2);
  expect_received (f->end, 7, 2);
  close (fd);
}

/* The words of the message's record. */
static void
test_record_that_lies (Fixture *f, gconstpointer data)
{
  const guint32 counts[] = { 0, 254, 1000000 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (GError) error = NULL;
      ParcelRecord *record;
      Fixture g;

      set_up (&g, NULL);
      expect_sent (g.start, 1, 1);
      record = (ParcelRecord *) (g.end->read.data + sizeof (FrameHeader));
      g_assert_cmpuint (record->n_fds, ==, 1);
      record->n_fds = counts[i];
      g_assert_null (shmobj_connection_receive_with_fds (g.end, 0, NULL, &error));
      assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
      record->n_fds = 1;
      record->header += 8; /* a byte more than there is, or another kind */
      g_assert_null (shmobj_connection_receive_with_fds (g.end, 0, NULL, &error));
      assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
      tear_down (&g, NULL);
    }
}

/* ---- the descriptor to poll ---- */

/* Asked for when there is something already. */
static void
test_fd_of_what_is_there (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct pollfd poll_fd = { .events = POLLIN };

  send_int (f->start, 1);
  send_int (f->start, 2);
  poll_fd.fd = shmobj_connection_get_fd (f->end, G_IO_IN, &error);
  g_assert_no_error (error);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 1);
  g_assert_cmpint (receive_int (f->end), ==, 1);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 1);
  g_assert_cmpint (receive_int (f->end), ==, 2);
  expect_nothing (f->end);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 0);
  expect_sent (f->start, 3, 1);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 1);
  expect_received (f->end, 3, 1);
  expect_nothing (f->end);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
  g_test_add ("/connection-fds-lost/" path, Fixture, NULL, set_up_counting, function,              \
              tear_down_counting)
  ADD ("sender-dies-after-the-packet", test_sender_dies_after_the_packet);
  ADD ("sleeper-lets-go-of-what-the-dead-sent", test_sleeper_lets_go);
  ADD ("receiver-dies", test_receiver_dies);
  ADD ("packets-that-nobody-asked-for", test_packets_that_nobody_asked_for);
  ADD ("packet-missing", test_packet_missing);
  ADD ("packet-from-the-future", test_packet_from_the_future);
  ADD ("packet-with-another-count", test_packet_with_another_count);
  ADD ("record-that-lies", test_record_that_lies);
  ADD ("descriptor-to-poll-when-something-is-there", test_fd_of_what_is_there);
  return g_test_run ();
}
