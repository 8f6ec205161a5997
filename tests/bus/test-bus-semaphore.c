/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Semaphore over the bus: whoever leaves, gives up or dies holds nothing. */

#include "bus-fixture.h"

static GDBusConnection *bus;
static ShmobjManager *manager;

/* The lease, or -1 and why. */
static int
acquire (GDBusConnection *connection, const char *path, gint64 timeout_us, char **failure)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync (
      connection, SERVICE, path, IFACE ("Semaphore"), "Acquire",
      g_variant_new ("(xa{sv})", timeout_us, NULL), G_VARIANT_TYPE ("(h)"), G_DBUS_CALL_FLAGS_NONE,
      60000, NULL, &fds, NULL, &error);
  int index, lease;

  *failure = reply == NULL ? g_dbus_error_get_remote_error (error) : NULL;
  if (reply == NULL)
    return -1;
  g_variant_get (reply, "(h)", &index);
  lease = g_unix_fd_list_get (fds, index, &error);
  g_assert_no_error (error);
  return lease;
}

static int
must_acquire (GDBusConnection *connection, const char *path)
{
  g_autofree char *failure = NULL;
  int lease = acquire (connection, path, -1, &failure);

  g_assert_cmpstr (failure, ==, NULL);
  return lease;
}

static void
must_time_out (GDBusConnection *connection, const char *path)
{
  g_autofree char *failure = NULL;

  g_assert_cmpint (acquire (connection, path, 10000, &failure), ==, -1);
  g_assert_cmpstr (failure, ==, ERR ("TimedOut"));
}

static guint
value_of (const char *path)
{
  g_autoptr (GVariant) value = bus_property (bus, path, IFACE ("Semaphore"), "Value");

  return g_variant_get_uint32 (value);
}

/* What the service gives back for a client that left is not there before it has noticed. */
static void
await_value (const char *path, guint value)
{
  while (value_of (path) != value)
    g_usleep (1000);
}

static void
test_acquire_release (void)
{
  g_autofree char *path = bus_open (bus, "semaphore", "s", "{'value': <2>, 'maximum': <3>}");
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autoptr (GVariant) maximum = bus_property (bus, path, IFACE ("Semaphore"), "Maximum");
  g_autoptr (GVariant) recovers = bus_property (bus, path, IFACE ("Semaphore"), "Recovers");
  int one = must_acquire (bus, path), two = must_acquire (other, path);

  g_assert_cmpuint (g_variant_get_uint32 (maximum), ==, 3);
  g_assert_true (g_variant_get_boolean (recovers));
  must_time_out (other, path);
  bus_expect (bus, path, IFACE ("Semaphore.Release"), "(uint32 1,)", "()");
  g_assert_cmpuint (value_of (path), ==, 1);
  close (one);                                                              /* its lease was over */
  bus_expect (bus, path, IFACE ("Semaphore.Release"), "(uint32 1,)", "()"); /* just adds */
  g_assert_cmpuint (value_of (path), ==, 2);
  bus_refuse (bus, path, IFACE ("Semaphore.Release"), "(uint32 2,)", ERR ("InvalidArgument"));
  bus_refuse (bus, path, IFACE ("Semaphore.Release"), "(uint32 0,)", ERR ("InvalidArgument"));
  bus_refuse (bus, path, IFACE ("Semaphore.Acquire"), "(int64 0, {'n': <2>})",
              ERR ("InvalidArgument"));
  g_assert_cmpuint (value_of (path), ==, 2);
  close (two);
  await_value (path, 3);
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
}

static void
test_options (void)
{
  bus_refuse (bus, ROOT, SERVICE ".Open", "('semaphore', 'bad', {'value': <5>, 'maximum': <3>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('semaphore', 'bad', {'value': <-1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('semaphore', 'bad', {'recovers': <1>})",
              ERR ("InvalidArgument"));
}

static void
test_leaving (void)
{
  g_autofree char *path = bus_open (bus, "semaphore", "left", "{'value': <3>}");
  g_autoptr (GDBusConnection) other = bus_connect ();
  int leases[3], copy;

  for (guint i = 0; i < G_N_ELEMENTS (leases); i++)
    leases[i] = must_acquire (other, path);
  copy = dup (leases[0]);
  close (leases[0]);
  must_time_out (bus, path);
  close (copy);
  close (must_acquire (bus, path));
  await_value (path, 1);

  /* and by leaving the bus, leases or not */
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  await_value (path, 3);
  close (leases[1]);
  close (leases[2]);
}

static void
on_late (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  g_clear_pointer (&reply, g_variant_unref);
  *(gboolean *) user_data = TRUE;
}

/* A client that stops waiting, and lives on; and one that leaves while it waits. */
static void
test_gave_up (void)
{
  g_autofree char *path = bus_open (bus, "semaphore", "given up", "{'value': <0>}");
  g_autoptr (GDBusConnection) impatient = bus_connect (), leaver = bus_connect ();
  gboolean done = FALSE, left = FALSE;

  g_dbus_connection_call (impatient, SERVICE, path, IFACE ("Semaphore"), "Acquire",
                          g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, 50, NULL, on_late, &done);
  g_dbus_connection_call (leaver, SERVICE, path, IFACE ("Semaphore"), "Acquire",
                          g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_late, &left);
  bus_until (done);
  g_assert_true (g_dbus_connection_close_sync (leaver, NULL, NULL));
  bus_until (left);
  bus_expect (bus, path, IFACE ("Semaphore.Release"), "(uint32 2,)", "()");
  close (must_acquire (bus, path));
  await_value (path, 2);
}

/* Signals: taken for good. */
static void
test_signals (void)
{
  g_autofree char *path =
      bus_open (bus, "semaphore", "signals", "{'value': <2>, 'recovers': <false>}");
  g_autoptr (GDBusConnection) other = bus_connect ();

  close (must_acquire (bus, path));
  close (must_acquire (other, path));
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  must_time_out (bus, path);
  bus_expect (bus, path, IFACE ("Semaphore.Release"), "(uint32 5,)", "()");
  g_assert_cmpuint (value_of (path), ==, 5);
}

static gboolean
has_role (const char *name, guint32 pid, const char *role)
{
  g_autoptr (GVariant) found = shmobj_manager_list_participants (manager, name, NULL);
  const char *its_role;
  guint32 its_pid;
  GVariantIter iter;

  g_variant_iter_init (&iter, found);
  while (g_variant_iter_next (&iter, "(us&s)", &its_pid, NULL, &its_role))
    if (its_pid == pid && g_str_equal (its_role, role))
      return TRUE;
  return FALSE;
}

/* Programs on the bus and programs that link the library share the units; and when the service is
 * killed, what it held comes back. */
static void
test_killed_service (void)
{
  g_autofree char *path = bus_open (bus, "semaphore", "both", "{'value': <2>}");
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjSemaphore) semaphore = shmobj_manager_open_semaphore (
      manager, "both", SHMOBJ_OPEN_EXISTING, 0, 0, TRUE, NULL, &error);
  int leases[] = { must_acquire (bus, path), must_acquire (bus, path) };
  guint32 pid = bus_service_pid (bus);

  g_assert_no_error (error);
  g_assert_false (shmobj_semaphore_acquire (semaphore, 0, NULL, NULL));
  g_assert_true (has_role ("both", pid, "holds 2 of the semaphore"));
  kill (pid, SIGKILL);
  g_assert_true (shmobj_semaphore_acquire (semaphore, -1, NULL, &error));
  g_assert_true (shmobj_semaphore_acquire (semaphore, -1, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (shmobj_semaphore_release (semaphore, 2, &error));
  g_assert_cmpuint (value_of (path), ==, 2);
  close (leases[0]);
  close (leases[1]);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  manager = bus_manager ();
  g_test_add_func ("/bus-semaphore/acquire-and-release", test_acquire_release);
  g_test_add_func ("/bus-semaphore/bad-options-are-refused", test_options);
  g_test_add_func ("/bus-semaphore/who-left-holds-nothing", test_leaving);
  g_test_add_func ("/bus-semaphore/who-gave-up-holds-nothing", test_gave_up);
  g_test_add_func ("/bus-semaphore/signals-are-taken-for-good", test_signals);
  g_test_add_func ("/bus-semaphore/killed-service-gives-back", test_killed_service);
  result = g_test_run ();
  g_object_unref (manager);
  g_object_unref (bus);
  return result;
}
