/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one client can make the service keep, and what happens to it when the client leaves. */

#include "bus-fixture.h"

#define LIMITS_EXCEEDED ERR ("LimitsExceeded")

static GDBusConnection *bus;
static guint waiting;

static GSubprocess *
start_service (void)
{
  g_autofree char *program =
      g_build_filename (g_getenv ("SHMOBJ_BUILD"), "tools", "shmobj-manager", NULL);
  g_autoptr (GError) error = NULL;
  GSubprocess *service =
      g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program, "--replace", "--limit=objects=20",
                        "--limit=calls=5", "--limit=locks=4", "--limit=messages=3",
                        "--limit=bytes=10000", "--limit=watches=2", NULL);
  guint32 pid;

  g_assert_no_error (error);
  pid = (guint32) g_ascii_strtoull (g_subprocess_get_identifier (service), NULL, 10);
  while (bus_service_pid (bus) != pid)
    g_usleep (1000);
  return service;
}

static void
leave (GDBusConnection *client)
{
  g_assert_true (g_dbus_connection_close_sync (client, NULL, NULL));
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  g_clear_pointer (&reply, g_variant_unref);
  waiting--;
}

/* A call whose answer nobody looks at. */
static void
call_later (GDBusConnection *client,
            const char *path,
            const char *interface,
            const char *method,
            GVariant *arguments)
{
  waiting++;
  g_dbus_connection_call (client, SERVICE, path, interface, method, arguments, NULL,
                          G_DBUS_CALL_FLAGS_NONE, 60000, NULL, on_answer, NULL);
}

/* Not before the bus has told the service; what it is asked afterwards comes behind that. */
static void
check_alive (void)
{
  bus_expect (bus, ROOT, "org.freedesktop.DBus.Peer.Ping", "()", "()");
}

static void
test_objects (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autoptr (GVariant) objects = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("o%u", i);

      g_free (bus_open (client, "list", name, "{}"));
    }
  bus_refuse (client, ROOT, SERVICE ".Open", "('list', 'o20', @a{sv} {})", LIMITS_EXCEEDED);
  objects = bus_call (client, ROOT, SERVICE ".ListObjects", "(@a{sv} {},)");
  text = g_variant_print (objects, FALSE);
  g_assert_null (strstr (text, "o20")); /* nothing was created */

  /* what it has goes on, and what it closes makes room */
  bus_expect (client, ROOT "/o3", IFACE ("List.Append"), "(<1>,)", "()");
  bus_expect (client, ROOT "/o3", IFACE ("Object.Close"), "()", "()");
  g_free (bus_open (client, "list", "o20", "{}"));
  bus_refuse (client, ROOT "/o3", IFACE ("List.Pop"), "(int64 0,)", LIMITS_EXCEEDED);
  bus_expect (client, ROOT, SERVICE ".RemoveObject", "('o20',)", "()");
  bus_expect (client, ROOT "/o3", IFACE ("List.Pop"), "(int64 0,)", "(<1>,)");

  /* others have accounts of their own, and the next ones of the same program too */
  bus_expect (bus, ROOT "/o7", IFACE ("List.GetRange"), "(int64 0, int64 9)", "(@av [],)");
  leave (client);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("('o%u',)", i);

      bus_expect (bus, ROOT, SERVICE ".RemoveObject", name, "()");
    }
}

static void
test_calls (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autofree char *path = bus_open (client, "queue", "nothing", "{}");
  guint before = waiting;

  for (guint i = 0; i < 5; i++)
    call_later (client, path, IFACE ("Queue"), i % 2 == 0 ? "Get" : "Receive",
                g_variant_new ("(x)", (gint64) -1));
  bus_refuse (client, path, IFACE ("Queue.Get"), "(int64 -1,)", LIMITS_EXCEEDED);
  bus_refuse (client, path, IFACE ("Queue.Put"), "(<1>, int64 0)", LIMITS_EXCEEDED);
  /* what does not wait is not refused, and others wait as they like */
  bus_refuse (client, path, IFACE ("Queue.Confirm"), "([uint64 1],)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 1,)", ERR ("Empty"));

  for (guint i = 0; i < 5; i++)
    bus_expect (bus, path, IFACE ("Queue.Put"), "(<1>, int64 0)", "()");
  bus_until (waiting == before);
  bus_expect (client, path, IFACE ("Queue.Put"), "(<2>, int64 0)", "()");
  leave (client);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('nothing',)", "()");
}

static gboolean
watch_succeeds (GDBusConnection *client, const char *path)
{
  g_autofree char *failure = NULL;
  g_autoptr (GVariant) reply =
      bus_try (client, path, IFACE ("Object.Watch"), g_variant_new ("()"), &failure);

  return reply != NULL;
}

static void
test_watches (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("w%u", i);

      g_free (bus_open (client, "value", name, "{}"));
    }
  for (guint i = 0; i < 3; i++) /* the same again is no other watch */
    g_assert_true (watch_succeeds (client, ROOT "/w0"));
  g_assert_true (watch_succeeds (client, ROOT "/w1"));
  bus_refuse (client, ROOT "/w2", IFACE ("Object.Watch"), "()", LIMITS_EXCEEDED);
  g_assert_true (watch_succeeds (bus, ROOT "/w2"));

  bus_expect (client, ROOT "/w1", IFACE ("Object.Unwatch"), "()", "()");
  g_assert_true (watch_succeeds (client, ROOT "/w2"));
  bus_refuse (client, ROOT "/w1", IFACE ("Object.Watch"), "()", LIMITS_EXCEEDED);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('w2',)", "()"); /* that ends it, too */
  while (!watch_succeeds (client, ROOT "/w1"))
    g_usleep (1000);
  leave (client);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('w0',)", "()");
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('w1',)", "()");
}

/* The lease; closed, the lock is free. */
static GUnixFDList *
acquire (GDBusConnection *client, const char *path)
{
  g_autoptr (GError) error = NULL;
  GUnixFDList *lease = NULL;
  GVariant *reply = g_dbus_connection_call_with_unix_fd_list_sync (
      client, SERVICE, path, IFACE ("Lock"), "Acquire",
      g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &lease,
      NULL, &error);

  g_assert_no_error (error);
  g_variant_unref (reply);
  return lease;
}

static void
test_locks (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autoptr (GPtrArray) leases = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("lock%u", i);
      g_autofree char *path = bus_open (client, "lock", name, "{}");

      g_ptr_array_add (leases, acquire (client, path));
    }
  g_free (bus_open (client, "lock", "lock4", "{}"));
  bus_refuse (client, ROOT "/lock4", IFACE ("Lock.Acquire"), "(int64 0, @a{sv} {})",
              LIMITS_EXCEEDED);
  bus_expect (client, ROOT "/lock0", IFACE ("Lock.Release"), "()", "()");
  g_ptr_array_add (leases, acquire (client, ROOT "/lock4"));

  /* who leaves gives all of them back, though the leases are still open */
  leave (client);
  for (guint i = 1; i < 5; i++)
    {
      g_autofree char *path = g_strdup_printf (ROOT "/lock%u", i);

      g_ptr_array_add (leases, acquire (bus, path));
      bus_expect (bus, path, IFACE ("Lock.Release"), "()", "()");
    }
}

static void
test_messages (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autofree char *path = bus_open (client, "queue", "tickets", "{}");
  guint64 tickets[4];

  for (guint i = 0; i < 4; i++)
    bus_expect (bus, path, IFACE ("Queue.Put"), "(<'message'>, int64 0)", "()");
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) reply = bus_call (client, path, IFACE ("Queue.Receive"), "(int64 0,)");

      g_variant_get_child (reply, 0, "t", &tickets[i]);
    }
  bus_refuse (client, path, IFACE ("Queue.Receive"), "(int64 0,)", LIMITS_EXCEEDED);
  call_later (client, path, IFACE ("Queue"), "Confirm",
              g_variant_new_parsed ("([%t],)", tickets[1]));
  g_variant_unref (bus_call (client, path, IFACE ("Queue.Receive"), "(int64 0,)"));
  leave (client);
  check_alive ();

  /* three of the four are back, of one it was said that it is done */
  for (guint i = 0; i < 3; i++)
    bus_expect (bus, path, IFACE ("Queue.Get"), "(int64 -1,)", "(<'message'>,)");
  bus_refuse (bus, path, IFACE ("Queue.Get"), "(int64 0,)", ERR ("Empty"));
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('tickets',)", "()");
}

static void
test_bytes (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autofree char *path = bus_open (client, "queue", "bytes", "{'maxsize': <2>}");
  g_autofree char *text = g_strnfill (6000, 'x');
  g_autofree char *put = g_strdup_printf ("(<'%s'>, int64 -1)", text);
  g_autofree char *huge = g_strdup_printf ("(<'%s%s'>, int64 -1)", text, text);

  bus_refuse (client, path, IFACE ("Queue.Put"), huge, LIMITS_EXCEEDED);
  bus_expect (client, path, IFACE ("Queue.Put"), put, "()");
  bus_expect (client, path, IFACE ("Queue.Put"), put, "()");

  /* the queue is full: the third one waits, and the fourth would not fit beside it */
  call_later (client, path, IFACE ("Queue"), "Put", g_variant_new_parsed (put));
  bus_refuse (client, path, IFACE ("Queue.Put"), put, LIMITS_EXCEEDED);

  /* a message that would be too much beside what waits stays in the queue */
  bus_refuse (client, path, IFACE ("Queue.Receive"), "(int64 0,)", LIMITS_EXCEEDED);
  g_variant_unref (bus_call (bus, path, IFACE ("Queue.Get"), "(int64 0,)"));
  bus_until (waiting == 0);
  g_variant_unref (bus_call (client, path, IFACE ("Queue.Receive"), "(int64 0,)"));
  bus_refuse (client, path, IFACE ("Queue.Receive"), "(int64 0,)", LIMITS_EXCEEDED);
  leave (client);
  for (guint i = 0; i < 2; i++)
    g_variant_unref (bus_call (bus, path, IFACE ("Queue.Get"), "(int64 -1,)"));
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('bytes',)", "()");
}

static void
test_setting (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (GDBusConnection) connection = bus_connect ();
  guint id = shmobj_manager_export (manager, connection, &error);

  g_assert_no_error (error);
  g_assert_true (shmobj_manager_set_export_limit (manager, id, "calls", 7, &error));
  g_assert_false (shmobj_manager_set_export_limit (manager, id, "socks", 7, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "objects, calls, locks, messages, bytes, watches"));
  g_clear_error (&error);
  g_assert_true (shmobj_manager_unexport (manager, id));
  g_assert_false (shmobj_manager_set_export_limit (manager, id, "calls", 7, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_autoptr (GSubprocess) service = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  check_alive ();
  service = start_service ();
  g_test_add_func ("/bus-limits/objects", test_objects);
  g_test_add_func ("/bus-limits/calls", test_calls);
  g_test_add_func ("/bus-limits/watches", test_watches);
  g_test_add_func ("/bus-limits/locks", test_locks);
  g_test_add_func ("/bus-limits/messages", test_messages);
  g_test_add_func ("/bus-limits/bytes", test_bytes);
  g_test_add_func ("/bus-limits/setting", test_setting);
  result = g_test_run ();
  g_subprocess_send_signal (service, SIGTERM);
  g_assert_true (g_subprocess_wait_check (service, NULL, NULL));
  g_object_unref (bus);
  return result;
}
