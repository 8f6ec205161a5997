/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The service as a process, and managers that other programs export. */

#include "bus-fixture.h"

#include <sys/wait.h>

static GDBusConnection *bus;

static char *
service_program (void)
{
  return g_build_filename (g_getenv ("SHMOBJ_BUILD"), "tools", "shmobj-manager", NULL);
}

static GSubprocess *
start_service (const char *option, const char *value)
{
  g_autofree char *program = service_program ();
  g_autoptr (GError) error = NULL;
  GSubprocess *service =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                        &error, program, option, value, NULL);

  g_assert_no_error (error);
  return service;
}

static gboolean
is_owned (const char *name)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
      g_variant_new ("(s)", name), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  gboolean has_owner;

  g_variant_get (reply, "(b)", &has_owner);
  return has_owner;
}

static char *
owner_of_service (void)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
      g_variant_new ("(s)", SERVICE), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  char *owner;

  g_variant_get (reply, "(s)", &owner);
  return owner;
}

static guint32
pid_of (GSubprocess *process)
{
  return (guint32) g_ascii_strtoull (g_subprocess_get_identifier (process), NULL, 10);
}

/* Killed at any time, again and again: the next one is started by the next call, and shows the
 * same. */
static void
test_killed (void)
{
  g_autofree char *list = bus_open (bus, "list", "survivor", "{}");
  g_autofree char *queue = bus_open (bus, "queue", "survivor queue", "{}");
  guint32 last = 0;

  for (gint32 i = 0; i < 10; i++)
    {
      g_autofree char *value = g_strdup_printf ("(<%d>,)", i);
      g_autofree char *message = g_strdup_printf ("(<%d>, int64 0)", i);
      g_autoptr (GVariant) length = NULL;
      guint32 pid;

      bus_expect (bus, list, IFACE ("List.Append"), value, "()");
      bus_expect (bus, queue, IFACE ("Queue.Put"), message, "()");
      pid = bus_service_pid (bus);
      g_assert_cmpuint (pid, !=, last);
      last = pid;
      kill (pid, SIGKILL);
      while (is_owned (SERVICE))
        g_usleep (500);
      length = bus_property (bus, list, IFACE ("List"), "Length");
      g_assert_cmpint (g_variant_get_int64 (length), ==, i + 1);
    }
  for (gint32 i = 0; i < 10; i++)
    {
      g_autofree char *expected = g_strdup_printf ("(<%d>,)", i);

      bus_expect (bus, queue, IFACE ("Queue.Get"), "(int64 0,)", expected);
    }
}

static void
test_replace (void)
{
  g_autofree char *path = bus_open (bus, "list", "replaced", "{}");
  guint32 first = bus_service_pid (bus);
  g_autofree char *owner = owner_of_service ();
  g_autoptr (GSubprocess) refused = start_service ("--timeout", "60");
  g_autoptr (GSubprocess) second = NULL;

  /* without --replace it does not start beside the first */
  g_assert_true (g_subprocess_wait (refused, NULL, NULL));
  g_assert_cmpint (g_subprocess_get_exit_status (refused), ==, 1);
  g_assert_cmpuint (bus_service_pid (bus), ==, first);

  second = start_service ("--replace", NULL);
  while (!is_owned (SERVICE) || bus_service_pid (bus) == first)
    g_usleep (1000);
  g_assert_cmpuint (bus_service_pid (bus), ==, pid_of (second));
  bus_expect (bus, path, IFACE ("List.Append"), "(<1>,)", "()");
  while (is_owned (owner)) /* the first one ends */
    g_usleep (1000);

  g_subprocess_send_signal (second, SIGTERM);
  g_assert_true (g_subprocess_wait (second, NULL, NULL));
  g_assert_true (g_subprocess_get_successful (second));
}

/* Ends when idle, but not before a lock that it holds for a client is given back. */
static void
test_timeout (void)
{
  g_autoptr (GSubprocess) service = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  gint64 until;

  service = start_service ("--replace", "--timeout=0.3");
  while (!is_owned (SERVICE) || bus_service_pid (bus) != pid_of (service))
    g_usleep (1000);
  path = bus_open (bus, "lock", "keeps it up", "{}");
  reply = g_dbus_connection_call_with_unix_fd_list_sync (
      bus, SERVICE, path, IFACE ("Lock"), "Acquire", g_variant_new ("(xa{sv})", (gint64) 0, NULL),
      NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &fds, NULL, &error);
  g_assert_no_error (error);

  until = g_get_monotonic_time () + G_USEC_PER_SEC;
  while (g_get_monotonic_time () < until)
    g_assert_cmpuint (bus_service_pid (bus), ==, pid_of (service));
  g_clear_object (&fds);
  g_assert_true (g_subprocess_wait (service, NULL, NULL));
  g_assert_true (g_subprocess_get_successful (service));

  /* and is back when needed */
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('keeps it up',)", "()");
}

static void
test_arguments (void)
{
  g_autoptr (GSubprocess) version = start_service ("--version", NULL);
  g_autoptr (GSubprocess) wrong = start_service ("--frobnicate", NULL);
  g_autoptr (GSubprocess) surplus = start_service ("surplus", NULL);
  g_autoptr (GSubprocess) no_limit = start_service ("--limit", "socks=5");
  g_autoptr (GSubprocess) no_number = start_service ("--limit", "calls=many");

  g_assert_true (g_subprocess_wait (version, NULL, NULL) && g_subprocess_wait (wrong, NULL, NULL) &&
                 g_subprocess_wait (surplus, NULL, NULL) &&
                 g_subprocess_wait (no_limit, NULL, NULL) &&
                 g_subprocess_wait (no_number, NULL, NULL));
  g_assert_cmpint (g_subprocess_get_exit_status (version), ==, 0);
  g_assert_cmpint (g_subprocess_get_exit_status (wrong), ==, 2);
  g_assert_cmpint (g_subprocess_get_exit_status (surplus), ==, 2);
  g_assert_cmpint (g_subprocess_get_exit_status (no_limit), ==, 1);
  g_assert_cmpint (g_subprocess_get_exit_status (no_number), ==, 1);
}

typedef struct
{
  GVariant *reply;
  GError *error;
  gboolean done;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &answer->error);
  answer->done = TRUE;
}

/* A call to a manager that this process exports itself, from another connection of it. */
static GVariant *
call_own (GDBusConnection *client,
          const char *name,
          const char *path,
          const char *interface,
          const char *method,
          const char *arguments)
{
  Answer answer = { 0 };

  g_dbus_connection_call (client, name, path, interface, method, g_variant_new_parsed (arguments),
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  bus_until (answer.done);
  g_assert_no_error (answer.error);
  return answer.reply;
}

static void
expect_own (GDBusConnection *client,
            const char *name,
            const char *path,
            const char *method,
            const char *arguments,
            const char *expected)
{
  g_autofree char *interface = g_strdup (method);
  char *dot = strrchr (interface, '.');
  g_autoptr (GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (expected));
  g_autoptr (GVariant) reply = NULL;

  *dot = '\0';
  reply = call_own (client, name, path, interface, dot + 1, arguments);
  g_assert_true (g_variant_equal (reply, wanted));
}

/* An application shows a private manager, and forks: the child uses what is in it, and leaves the
 * bus to its parent. */
static void
test_export_and_fork (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (GDBusConnection) connection = bus_connect ();
  const char *name = g_dbus_connection_get_unique_name (connection);
  g_autoptr (ShmobjList) list =
      shmobj_manager_open_list (manager, "shared", SHMOBJ_OPEN_DEFAULT, NULL, &error);
  guint id = shmobj_manager_export (manager, connection, &error);
  pid_t child;
  int status;

  g_assert_no_error (error);
  g_assert_cmpuint (id, !=, 0);
  g_assert_cmpuint (shmobj_manager_export (manager, connection, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  expect_own (bus, name, ROOT "/shared", IFACE ("List.Append"), "(<'over the bus'>,)", "()");

  child = fork ();
  if (child == 0)
    {
      gboolean appended = shmobj_list_append (
          list, g_variant_ref_sink (g_variant_new_string ("from the child")), NULL);
      gboolean unexported = shmobj_manager_unexport (manager, id);

      _exit (appended && unexported ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);

  expect_own (bus, name, ROOT "/shared", IFACE ("List.GetRange"), "(int64 0, int64 9)",
              "([<'over the bus'>, <'from the child'>],)");
  g_assert_true (shmobj_manager_unexport (manager, id));
  g_assert_false (shmobj_manager_unexport (manager, id));
}

/* Calls that wait are answered when the manager is shown no more. */
static void
test_unexport_ends_calls (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (GDBusConnection) connection = bus_connect ();
  const char *name = g_dbus_connection_get_unique_name (connection);
  guint id = shmobj_manager_export (manager, connection, &error);
  g_autoptr (GVariant) path = NULL;
  g_autofree char *failure = NULL;
  Answer get = { 0 };

  g_assert_no_error (error);
  path = call_own (bus, name, ROOT, SERVICE, "Open", "('queue', 'q', @a{sv} {})");
  g_dbus_connection_call (bus, name, ROOT "/q", IFACE ("Queue"), "Get",
                          g_variant_new ("(x)", (gint64) -1), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_answer, &get);
  expect_own (bus, name, ROOT "/q", "org.freedesktop.DBus.Properties.Get",
              "('" IFACE ("Queue") "', 'Size')", "(<uint64 0>,)");
  g_assert_false (shmobj_manager_export_is_idle (manager, id, 0));
  g_assert_true (shmobj_manager_unexport (manager, id));
  bus_until (get.done);
  failure = g_dbus_error_get_remote_error (get.error);
  g_assert_cmpstr (failure, ==, ERR ("Cancelled"));
  g_clear_error (&get.error);
}

static void
call_later (GDBusConnection *client,
            const char *path,
            const char *interface,
            const char *method,
            const char *arguments,
            Answer *answer)
{
  g_dbus_connection_call (client, SERVICE, path, interface, method,
                          g_variant_new_parsed (arguments), NULL, G_DBUS_CALL_FLAGS_NONE, 60000,
                          NULL, on_answer, answer);
}

/* While a program is in a transaction, changes wait and nothing else does; what one client sends
 * is done in its order; and who leaves meanwhile has changed nothing. */
static void
test_transaction (void)
{
  enum
  {
    CLIENTS = 5
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autofree char *path = bus_open (bus, "value", "balance", "{'initial': <0>}");
  g_autofree char *list = bus_open (bus, "list", "entries", "{}");
  g_autoptr (ShmobjValue) value =
      shmobj_manager_open_value (manager, "balance", SHMOBJ_OPEN_EXISTING, NULL, NULL, &error);
  g_autoptr (ShmobjTransaction) transaction = shmobj_manager_begin (manager, -1, NULL, &error);
  g_autoptr (GVariant) sum = NULL;
  GDBusConnection *clients[CLIENTS];
  Answer adds[CLIENTS] = { 0 }, reads[CLIENTS] = { 0 }, appended = { 0 };

  g_assert_no_error (error);
  g_assert_true (shmobj_value_set (value, g_variant_new_int32 (100), &error));
  for (guint i = 0; i < CLIENTS; i++)
    {
      clients[i] = bus_connect ();
      call_later (clients[i], path, IFACE ("Value"), "Add", "(<10>,)", &adds[i]);
      call_later (clients[i], path, IFACE ("Value"), "Read", "()", &reads[i]);
    }
  call_later (clients[0], list, IFACE ("List"), "Append", "(<'nobody waits for it'>,)", &appended);
  bus_expect (bus, path, IFACE ("Value.Read"), "()", "(<0>,)"); /* as it was before */
  for (guint i = 0; i < 20; i++)
    bus_expect (bus, list, IFACE ("List.GetRange"), "(int64 0, int64 9)", "(@av [],)");
  for (guint i = 0; i < CLIENTS; i++)
    g_assert_false (adds[i].done || reads[i].done);
  g_assert_true (g_dbus_connection_close_sync (clients[0], NULL, NULL));
  bus_until (adds[0].done && reads[0].done && appended.done);

  /* the service has heard of that before it hears of the next one */
  bus_expect (bus, path, IFACE ("Value.Read"), "()", "(<0>,)");
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  for (guint i = 1; i < CLIENTS; i++)
    {
      gint32 seen = 0, added = 0;

      bus_until (adds[i].done && reads[i].done);
      g_assert_no_error (adds[i].error);
      g_variant_get (adds[i].reply, "(v)", &sum);
      added = g_variant_get_int32 (sum);
      g_clear_pointer (&sum, g_variant_unref);
      g_variant_get (reads[i].reply, "(v)", &sum);
      seen = g_variant_get_int32 (sum);
      g_clear_pointer (&sum, g_variant_unref);
      g_assert_cmpint (added, >, 100);
      g_assert_cmpint (seen, >=, added); /* the read came behind the change */
      g_variant_unref (adds[i].reply);
      g_variant_unref (reads[i].reply);
      g_object_unref (clients[i]);
    }
  bus_expect (bus, path, IFACE ("Value.Read"), "()", "(<140>,)");
  bus_expect (bus, list, IFACE ("List.GetRange"), "(int64 0, int64 9)", "(@av [],)");
  g_clear_error (&adds[0].error);
  g_clear_error (&reads[0].error);
  g_clear_error (&appended.error);
  g_object_unref (clients[0]);
}

static gboolean
on_new_connection (GDBusServer *server, GDBusConnection *connection, gpointer user_data)
{
  GDBusConnection **kept = user_data;

  *kept = g_object_ref (connection);
  return TRUE;
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  *(GDBusConnection **) user_data = g_dbus_connection_new_for_address_finish (result, &error);
  g_assert_no_error (error);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* Two processes and no bus between them; here one process plays both. */
static void
test_without_a_bus (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autofree char *address = g_strdup_printf ("unix:dir=%s", g_get_user_runtime_dir ());
  g_autoptr (GDBusServer) server =
      g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, &error);
  g_autoptr (GDBusConnection) client = NULL, peer = NULL;
  g_autoptr (GVariant) reply = NULL, path = NULL;
  g_autoptr (ShmobjQueue) queue = NULL;
  gboolean closed = FALSE;
  Answer get = { 0 };
  guint id;

  g_assert_no_error (error);
  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), &peer);
  g_dbus_server_start (server);
  g_dbus_connection_new_for_address (g_dbus_server_get_client_address (server),
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_connected, &client);
  bus_until (peer != NULL && client != NULL);
  id = shmobj_manager_export (manager, peer, &error);
  g_assert_no_error (error);
  g_signal_connect (peer, "closed", G_CALLBACK (on_closed), &closed);

  path = call_own (client, NULL, ROOT, SERVICE, "Open", "('queue', 'q', @a{sv} {})");
  queue = shmobj_manager_open_queue (manager, "q", SHMOBJ_OPEN_EXISTING, 0, 0, NULL, &error);
  g_assert_no_error (error);
  reply = call_own (client, NULL, ROOT "/q", IFACE ("Queue"), "Put", "(<'p2p'>, int64 0)");
  g_clear_pointer (&reply, g_variant_unref);
  reply = call_own (client, NULL, ROOT "/q", IFACE ("Queue"), "Get", "(int64 -1,)");

  /* waits, and leaves */
  g_dbus_connection_call (client, NULL, ROOT "/q", IFACE ("Queue"), "Get",
                          g_variant_new ("(x)", (gint64) -1), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_answer, &get);
  expect_own (client, NULL, ROOT "/q", "org.freedesktop.DBus.Properties.Get",
              "('" IFACE ("Queue") "', 'Size')", "(<uint64 0>,)");
  g_dbus_connection_close (client, NULL, NULL, NULL);
  bus_until (get.done && closed && shmobj_manager_export_is_idle (manager, id, 0));
  g_clear_error (&get.error);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error));
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
  g_assert_false (shmobj_manager_unexport (manager, id)); /* it has ended with its connection */
  g_dbus_server_stop (server);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  g_test_add_func ("/bus-service/killed-and-nothing-is-lost", test_killed);
  g_test_add_func ("/bus-service/replaced", test_replace);
  g_test_add_func ("/bus-service/ends-when-idle", test_timeout);
  g_test_add_func ("/bus-service/arguments", test_arguments);
  g_test_add_func ("/bus-service/transaction-holds-up-changes-only", test_transaction);
  g_test_add_func ("/bus-service/export-and-fork", test_export_and_fork);
  g_test_add_func ("/bus-service/unexport-ends-calls", test_unexport_ends_calls);
  g_test_add_func ("/bus-service/without-a-bus", test_without_a_bus);
  result = g_test_run ();
  g_object_unref (bus);
  return result;
}
