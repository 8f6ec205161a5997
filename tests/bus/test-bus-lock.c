/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock and Event over the bus: whoever leaves, gives up or dies holds nothing. */

#include "bus-fixture.h"

static GDBusConnection *bus;
static ShmobjManager *manager;

static ShmobjLock *
must_open_lock (const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjLock *lock = shmobj_manager_open_lock (manager, name, SHMOBJ_OPEN_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  return lock;
}

/* The lease, or -1 and why. */
static int
acquire (GDBusConnection *connection,
         const char *path,
         gint64 timeout_us,
         gboolean *abandoned,
         char **failure)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync (
      connection, SERVICE, path, IFACE ("Lock"), "Acquire",
      g_variant_new ("(xa{sv})", timeout_us, NULL), G_VARIANT_TYPE ("(hb)"), G_DBUS_CALL_FLAGS_NONE,
      60000, NULL, &fds, NULL, &error);
  int index, lease;

  *failure = reply == NULL ? g_dbus_error_get_remote_error (error) : NULL;
  if (reply == NULL)
    return -1;
  g_variant_get (reply, "(hb)", &index, abandoned);
  lease = g_unix_fd_list_get (fds, index, &error);
  g_assert_no_error (error);
  return lease;
}

static int
must_acquire (GDBusConnection *connection, const char *path)
{
  g_autofree char *failure = NULL;
  gboolean abandoned;
  int lease = acquire (connection, path, -1, &abandoned, &failure);

  g_assert_cmpstr (failure, ==, NULL);
  g_assert_false (abandoned);
  return lease;
}

static void
must_time_out (GDBusConnection *connection, const char *path)
{
  g_autofree char *failure = NULL;
  gboolean abandoned;

  g_assert_cmpint (acquire (connection, path, 10000, &abandoned, &failure), ==, -1);
  g_assert_cmpstr (failure, ==, ERR ("TimedOut"));
}

static void
expect_owner (const char *path, const char *owner)
{
  g_autoptr (GVariant) value = bus_property (bus, path, IFACE ("Lock"), "Owner");
  g_autoptr (GVariant) locked = bus_property (bus, path, IFACE ("Lock"), "Locked");

  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, owner);
  g_assert_cmpint (g_variant_get_boolean (locked), ==, owner[0] != '\0');
}

static void
test_acquire_release (void)
{
  g_autofree char *path = bus_open (bus, "lock", "l", "{}");
  g_autoptr (GDBusConnection) other = bus_connect ();
  int lease = must_acquire (bus, path);

  expect_owner (path, g_dbus_connection_get_unique_name (bus));
  must_time_out (other, path);
  must_time_out (bus, path); /* not recursive */
  bus_refuse (other, path, IFACE ("Lock.Release"), "()", ERR ("PermissionDenied"));
  bus_expect (bus, path, IFACE ("Lock.Release"), "()", "()");
  expect_owner (path, "");
  bus_refuse (bus, path, IFACE ("Lock.Release"), "()", ERR ("PermissionDenied"));
  bus_refuse (bus, path, IFACE ("Lock.Acquire"), "(int64 0, {'recursive': <true>})",
              ERR ("InvalidArgument"));
  close (lease);

  /* the old lease, now closed, has nothing to do with the new one */
  close (must_acquire (other, path));
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
}

static void
test_lease (void)
{
  g_autofree char *path = bus_open (bus, "lock", "leased", "{}");
  g_autoptr (GDBusConnection) other = bus_connect ();
  int lease = must_acquire (bus, path);
  int copy = dup (lease);

  close (lease);
  must_time_out (other, path);
  close (copy);
  lease = must_acquire (other, path);
  expect_owner (path, g_dbus_connection_get_unique_name (other));

  /* and by leaving the bus, lease or not */
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  close (must_acquire (bus, path));
  close (lease);
}

static void
on_late (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  g_clear_pointer (&reply, g_variant_unref);
  *(gboolean *) user_data = TRUE;
}

/* A client that stops waiting, and lives on: what it is granted later it does not keep. */
static void
test_gave_up (void)
{
  g_autofree char *path = bus_open (bus, "lock", "given up", "{}");
  g_autoptr (GDBusConnection) impatient = bus_connect ();
  int lease = must_acquire (bus, path);
  gboolean done = FALSE;

  g_dbus_connection_call (impatient, SERVICE, path, IFACE ("Lock"), "Acquire",
                          g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, 50, NULL, on_late, &done);
  bus_until (done);
  close (lease); /* now it is its turn, and it does not want it any more */
  close (must_acquire (bus, path));
}

/* A client that leaves while it waits. */
static void
test_left (void)
{
  g_autofree char *path = bus_open (bus, "lock", "left", "{}");
  g_autoptr (ShmobjLock) lock = must_open_lock ("left");
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_lock_acquire (lock, -1, NULL, &error));
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GDBusConnection) leaver = bus_connect ();
      g_autoptr (GVariant) locked = NULL;
      gboolean done = FALSE;

      g_dbus_connection_call (leaver, SERVICE, path, IFACE ("Lock"), "Acquire",
                              g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                              G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_late, &done);
      locked = bus_property (leaver, path, IFACE ("Lock"), "Locked");
      g_assert_true (g_variant_get_boolean (locked));
      g_assert_true (g_dbus_connection_close_sync (leaver, NULL, NULL));
      bus_until (done);
    }
  g_assert_true (shmobj_lock_release (lock, &error));
  close (must_acquire (bus, path));
}

/* Programs on the bus and programs that link the library exclude each other. */
static void
test_with_the_library (void)
{
  g_autofree char *path = bus_open (bus, "lock", "both", "{}");
  g_autoptr (ShmobjLock) lock = must_open_lock ("both");
  g_autoptr (GError) error = NULL;
  int lease;

  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, &error));
  must_time_out (bus, path);
  g_assert_true (shmobj_lock_release (lock, &error));
  lease = must_acquire (bus, path);
  g_assert_false (shmobj_lock_acquire (lock, 10000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  close (lease);
  g_assert_true (shmobj_lock_acquire (lock, -1, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (shmobj_lock_release (lock, &error));
}

/* A lock whose name is removed while it is held goes on until it is given back. */
static void
test_removed (void)
{
  g_autofree char *path = bus_open (bus, "lock", "removed", "{}");
  g_autofree char *again = NULL;
  int lease = must_acquire (bus, path), another;

  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('removed',)", "()");
  again = bus_open (bus, "lock", "removed", "{}");
  another = must_acquire (bus, again);
  close (lease);
  close (another);
}

static void
test_killed_service (void)
{
  g_autofree char *path = bus_open (bus, "lock", "orphan", "{}");
  g_autoptr (ShmobjLock) lock = must_open_lock ("orphan");
  g_autoptr (GError) error = NULL;
  int lease = must_acquire (bus, path);

  kill (bus_service_pid (bus), SIGKILL);
  g_assert_true (shmobj_lock_acquire (lock, -1, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (shmobj_lock_get_abandoned (lock));
  g_assert_true (shmobj_lock_release (lock, &error));
  close (lease);
  expect_owner (path, "");
}

static void
on_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GVariant **) user_data =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
}

static void
test_event (void)
{
  g_autofree char *path = bus_open (bus, "event", "e", "{}");
  g_autoptr (ShmobjEvent) event = NULL;
  g_autoptr (GVariant) answer = NULL, is_set = NULL;
  g_autoptr (GError) error = NULL;

  bus_expect (bus, path, IFACE ("Event.Wait"), "(int64 0,)", "(false,)");
  bus_expect (bus, path, IFACE ("Event.Wait"), "(int64 10000,)", "(false,)");
  g_dbus_connection_call (bus, SERVICE, path, IFACE ("Event"), "Wait",
                          g_variant_new ("(x)", (gint64) -1), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_waited, &answer);
  is_set = bus_property (bus, path, IFACE ("Event"), "IsSet");
  g_assert_false (g_variant_get_boolean (is_set));
  event = shmobj_manager_open_event (manager, "e", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_event_set (event, &error));
  bus_until (answer != NULL);
  bus_expect (bus, path, IFACE ("Event.Wait"), "(int64 0,)", "(true,)");
  bus_expect (bus, path, IFACE ("Event.Clear"), "()", "()");
  g_assert_false (shmobj_event_is_set (event));
  bus_expect (bus, path, IFACE ("Event.Set"), "()", "()");
  g_assert_true (shmobj_event_is_set (event));
}

static void
test_condition (void)
{
  g_autofree char *path = bus_open (bus, "condition", "c", "{}");
  g_autoptr (ShmobjCondition) condition = NULL;
  g_autoptr (GVariant) waiters = NULL, locked = NULL;
  g_autoptr (GError) error = NULL;
  ShmobjLock *lock;
  guint64 waits[4];

  condition = shmobj_manager_open_condition (manager, "c", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  lock = shmobj_condition_get_lock (condition);
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
      waits[i] = shmobj_condition_begin_wait (condition, &error);
      g_assert_no_error (error);
    }
  waiters = bus_property (bus, path, IFACE ("Condition"), "Waiters");
  g_assert_cmpuint (g_variant_get_uint32 (waiters), ==, G_N_ELEMENTS (waits));
  locked = bus_property (bus, path, IFACE ("Condition"), "Locked");
  g_assert_false (g_variant_get_boolean (locked));

  bus_expect (bus, path, IFACE ("Condition.Notify"), "(uint32 2,)", "()");
  g_assert_cmpuint (shmobj_condition_get_waiters (condition), ==, 2);
  bus_expect (bus, path, IFACE ("Condition.NotifyAll"), "()", "()");
  bus_expect (bus, path, IFACE ("Condition.Notify"), "(uint32 4000000000,)", "()");
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    g_assert_true (shmobj_condition_end_wait (condition, waits[i]));
}

/* Who holds it, when that is no client of the bus. */
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

static void
test_participants (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autofree char *path = bus_open (bus, "lock", "watched", "{}");
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjLock) lock =
      shmobj_manager_open_lock (manager, "watched", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) found = NULL;
  const char *role;
  guint32 pid;

  g_assert_no_error (error);
  bus_expect (bus, path, IFACE ("Object.Participants"), "()", "(@a(uss) [],)");
  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, &error));
  reply = bus_call (bus, path, IFACE ("Object.Participants"), "()");
  found = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (found), ==, 1);
  g_variant_get_child (found, 0, "(us&s)", &pid, NULL, &role);
  g_assert_cmpuint (pid, ==, getpid ());
  g_assert_cmpstr (role, ==, "holds the lock");

  /* the service waits, for a client; that is over when the client has left */
  g_dbus_connection_call (client, SERVICE, path, IFACE ("Lock"), "Acquire",
                          g_variant_new ("(xa{sv})", (gint64) -1, NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
  while (!has_role ("watched", bus_service_pid (bus), "waits for the lock"))
    g_usleep (1000);
  g_assert_true (g_dbus_connection_close_sync (client, NULL, NULL));
  while (has_role ("watched", bus_service_pid (bus), "waits for the lock"))
    g_usleep (1000);
  g_assert_true (shmobj_lock_release (lock, &error));
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  manager = bus_manager ();
  g_test_add_func ("/bus-lock/acquire-and-release", test_acquire_release);
  g_test_add_func ("/bus-lock/closing-the-lease-releases", test_lease);
  g_test_add_func ("/bus-lock/who-gave-up-holds-nothing", test_gave_up);
  g_test_add_func ("/bus-lock/who-left-holds-nothing", test_left);
  g_test_add_func ("/bus-lock/excludes-the-librarys-users", test_with_the_library);
  g_test_add_func ("/bus-lock/participants", test_participants);
  g_test_add_func ("/bus-lock/removed-while-held", test_removed);
  g_test_add_func ("/bus-lock/killed-service-abandons", test_killed_service);
  g_test_add_func ("/bus-lock/event", test_event);
  g_test_add_func ("/bus-lock/condition", test_condition);
  result = g_test_run ();
  g_object_unref (manager);
  g_object_unref (bus);
  return result;
}
