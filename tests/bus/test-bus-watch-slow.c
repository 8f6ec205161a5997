/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client that watches and does not read: what the process that shows the manager keeps for it. */

#include "bus-fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

/* A client at the other end of a socket, without a bus, that reads only when we do. */
static void
send_call (int fd, const char *path, const char *interface, const char *method)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (NULL, path, interface, method);
  g_autofree guchar *blob = NULL;
  gsize size;

  g_dbus_message_set_serial (message, 1);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
  g_assert_cmpint (write (fd, blob, size), ==, (gssize) size);
}

/* Adds what there is to @received. */
static void
receive (int fd, GByteArray *received)
{
  guint8 piece[65536];
  gssize n;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  while ((n = read (fd, piece, sizeof piece)) > 0)
    g_byte_array_append (received, piece, n);
}

/* The last character of the value in the last whole message that is a Changed; *@n of them. */
static char
last_of (GByteArray *received, guint *n)
{
  gsize at = 0;
  char last = '\0';

  for (*n = 0; received->len - at >= 16;)
    {
      gssize size = g_dbus_message_bytes_needed (received->data + at, received->len - at, NULL);
      g_autoptr (GDBusMessage) message = NULL;
      g_autoptr (GVariant) value = NULL;
      const char *text;

      if (size < 0 || received->len - at < (gsize) size)
        break;
      message = g_dbus_message_new_from_blob (received->data + at, size,
                                              G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
      at += size;
      if (g_strcmp0 (g_dbus_message_get_member (message), "Changed") != 0)
        continue;
      g_variant_get (g_dbus_message_get_body (message), "(vb)", &value, NULL);
      text = g_variant_get_string (value, NULL);
      last = text[strlen (text) - 1];
      ++*n;
    }
  return last;
}

static GDBusConnection *
connect_server (int fd)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, NULL);
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  g_autoptr (GError) error = NULL;
  /* no handshake: none of the two flags of authentication */
  GDBusConnection *server = g_dbus_connection_new_sync (
      G_IO_STREAM (stream), NULL, G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);

  g_assert_no_error (error);
  return server;
}

static void
test_slow_client (void)
{
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, NULL);
  g_autoptr (ShmobjValue) value = shmobj_manager_open_value (manager, "v", 0, NULL, NULL, NULL);
  g_autoptr (GDBusConnection) server = NULL;
  g_autoptr (GByteArray) received = g_byte_array_new ();
  g_autofree char *text = g_strnfill (100000, '.');
  guint id, n = 0;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_cmpint (fcntl (fds[0], F_SETFL, O_NONBLOCK), ==, 0);
  server = connect_server (fds[1]);
  id = shmobj_manager_export (manager, server, NULL);
  g_assert_cmpuint (id, !=, 0);
  send_call (fds[0], ROOT "/v", IFACE ("Object"), "Watch");
  while (received->len == 0)
    receive (fds[0], received);

  for (guint i = 0; i < 500; i++)
    {
      text[99999] = i < 499 ? '0' + i % 10 : '!';
      g_assert_true (shmobj_value_set (value, g_variant_new_string (text), NULL));
      while (g_main_context_iteration (NULL, FALSE))
        ;
      if (i % 100 == 0)
        g_usleep (2000); /* lets the connection's thread write what it can */
    }
  while (last_of (received, &n) != '!')
    receive (fds[0], received);
  g_assert_cmpuint (n, <, 50); /* what the socket holds, and one behind it */

  g_assert_true (shmobj_manager_unexport (manager, id));
  g_assert_true (g_dbus_connection_close_sync (server, NULL, NULL));
  close (fds[0]);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/watch/slow-client", test_slow_client);
  return g_test_run ();
}
