/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watch of queues, locks and events: who is told what, and when no more. */

#include "bus-fixture.h"

#include <gio/gunixfdlist.h>

#define PROPERTIES "org.freedesktop.DBus.Properties"

static GDBusConnection *bus;

/* What a client knows by PropertiesChanged alone. */
typedef struct
{
  GDBusConnection *client;
  guint subscription, signals;
  GHashTable *known; /* name -> value, printed */
  guint n_invalid;
  char *path;
  const char *interface;
} Ear;

static void
on_signal (GDBusConnection *client,
           const char *sender,
           const char *path,
           const char *interface,
           const char *signal,
           GVariant *body,
           gpointer user_data)
{
  g_autoptr (GVariant) changed = NULL, invalid = NULL;
  Ear *ear = user_data;
  GVariantIter iter;
  GVariant *value;
  const char *of;
  char *name;

  g_variant_get (body, "(&s@a{sv}@as)", &of, &changed, &invalid);
  g_assert_cmpstr (of, ==, ear->interface);
  ear->signals++;
  ear->n_invalid += g_variant_n_children (invalid);
  g_variant_iter_init (&iter, changed);
  while (g_variant_iter_next (&iter, "{sv}", &name, &value))
    {
      g_hash_table_replace (ear->known, name, g_variant_print (value, FALSE));
      g_variant_unref (value);
    }
}

static void
listen (
    Ear *ear, GDBusConnection *client, const char *kind, const char *interface, const char *name)
{
  *ear = (Ear){ .client = client,
                .path = bus_open (client, kind, name, "{}"),
                .known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
                .interface = interface };
  ear->subscription =
      g_dbus_connection_signal_subscribe (client, SERVICE, PROPERTIES, NULL, ear->path, NULL,
                                          G_DBUS_SIGNAL_FLAGS_NONE, on_signal, ear, NULL);
}

static void
end (Ear *ear)
{
  g_dbus_connection_signal_unsubscribe (ear->client, ear->subscription);
  g_hash_table_unref (ear->known);
  g_free (ear->path);
}

static gboolean
says (Ear *ear, const char *name, const char *text)
{
  return g_strcmp0 (g_hash_table_lookup (ear->known, name), text) == 0;
}

#define WATCH(ear)                                                                                 \
  bus_expect ((ear).client, (ear).path, IFACE ("Object.Watch"), "()", "(uint64 0,)")
#define REMOVED(name) bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('" name "',)", "()")

static void
test_queue (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autoptr (ShmobjQueue) queue = NULL;
  g_autoptr (GVariant) got = NULL, size = NULL;
  Ear ear, deaf;

  listen (&ear, bus, "queue", IFACE ("Queue"), "watched queue");
  listen (&deaf, other, "queue", IFACE ("Queue"), "watched queue");
  queue = shmobj_manager_open_queue (manager, "watched queue", 0, 0, 0, NULL, NULL);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, NULL));
  WATCH (ear);
  WATCH (ear); /* is watching once */

  /* by another process, then over the bus */
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (2), 0, NULL, NULL));
  bus_until (says (&ear, "Size", "2"));
  g_assert_cmpuint (ear.signals, ==, 1); /* what there was is no news */
  g_assert_cmpuint (g_hash_table_size (ear.known), ==, 1);
  g_assert_cmpuint (ear.n_invalid, ==, 0);
  bus_expect (other, ear.path, IFACE ("Queue.Get"), "(int64 0,)", "(<1>,)");
  bus_until (says (&ear, "Size", "1"));
  got = shmobj_queue_get (queue, 0, NULL, NULL);
  bus_until (says (&ear, "Size", "0"));

  /* it ends; who reads behind that has been told nothing behind it */
  bus_expect (bus, ear.path, IFACE ("Object.Unwatch"), "()", "()");
  ear.signals = 0;
  WATCH (deaf);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (3), 0, NULL, NULL));
  bus_until (says (&deaf, "Size", "1"));
  size = bus_property (bus, ear.path, IFACE ("Queue"), "Size");
  g_assert_cmpuint (g_variant_get_uint64 (size), ==, 1);
  g_assert_cmpuint (ear.signals, ==, 0);
  end (&ear);
  end (&deaf);
  REMOVED ("watched queue");
}

static void
test_lock (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *owner = g_strdup_printf ("'%s'", g_dbus_connection_get_unique_name (other));
  g_autoptr (GUnixFDList) lease = NULL;
  g_autoptr (ShmobjLock) lock = NULL;
  Ear ear;

  listen (&ear, bus, "lock", IFACE ("Lock"), "watched lock");
  lock = shmobj_manager_open_lock (manager, "watched lock", 0, NULL, NULL);
  WATCH (ear);
  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
  bus_until (says (&ear, "Locked", "true"));
  g_assert_true (shmobj_lock_release (lock, NULL));
  bus_until (says (&ear, "Locked", "false"));

  reply = g_dbus_connection_call_with_unix_fd_list_sync (
      other, SERVICE, ear.path, IFACE ("Lock"), "Acquire",
      g_variant_new_parsed ("(int64 -1, @a{sv} {})"), NULL, G_DBUS_CALL_FLAGS_NONE, 60000, NULL,
      &lease, NULL, NULL);
  g_assert_nonnull (reply);
  bus_until (says (&ear, "Owner", owner) && says (&ear, "Locked", "true"));
  /* the owner leaves */
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  bus_until (says (&ear, "Owner", "''") && says (&ear, "Locked", "false"));
  end (&ear);
  REMOVED ("watched lock");
}

static void
test_event_and_end (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjEvent) event = NULL;
  g_autofree char *memory = NULL;
  Ear ear;

  listen (&ear, bus, "event", IFACE ("Event"), "watched event");
  event = shmobj_manager_open_event (manager, "watched event", 0, NULL, NULL);
  WATCH (ear);
  g_assert_true (shmobj_event_set (event, NULL));
  bus_until (says (&ear, "IsSet", "true"));
  g_assert_true (shmobj_event_clear (event, NULL));
  bus_until (says (&ear, "IsSet", "false"));
  bus_expect (bus, ear.path, IFACE ("Event.Set"), "()", "()");
  bus_until (says (&ear, "IsSet", "true"));

  g_assert_true (shmobj_manager_remove (manager, "watched event", NULL));
  bus_until (ear.n_invalid == 1);
  bus_refuse (bus, ear.path, IFACE ("Event.Set"), "()", "org.freedesktop.DBus.Error.UnknownMethod");
  end (&ear);

  memory = bus_open (bus, "shared-memory", "memory", "{'size': <100>}");
  bus_refuse (bus, memory, IFACE ("Object.Watch"), "()", ERR ("NotSupported"));
  bus_expect (bus, memory, IFACE ("Object.Unwatch"), "()", "()");
  REMOVED ("memory");
}

/* A program's own service in this process: when it is idle nobody watches. */
static void
test_who_leaves (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (GDBusConnection) service = bus_connect (), client = bus_connect ();
  g_autoptr (ShmobjEvent) event = NULL;
  const char *name = g_dbus_connection_get_unique_name (service);
  guint export_id = shmobj_manager_export (manager, service, &error);

  g_assert_no_error (error);
  event = shmobj_manager_open_event (manager, "e", 0, NULL, &error);
  g_assert_true (shmobj_manager_export_is_idle (manager, export_id, 0));
  g_dbus_connection_call (client, name, ROOT "/e", IFACE ("Object"), "Watch", NULL, NULL,
                          G_DBUS_CALL_FLAGS_NONE, 60000, NULL, NULL, NULL);
  bus_until (!shmobj_manager_export_is_idle (manager, export_id, 0));
  g_assert_true (g_dbus_connection_close_sync (client, NULL, NULL));
  bus_until (shmobj_manager_export_is_idle (manager, export_id, 0));
  g_assert_true (shmobj_manager_unexport (manager, export_id));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  g_test_add_func ("/bus/gauges/queue", test_queue);
  g_test_add_func ("/bus/gauges/lock", test_lock);
  g_test_add_func ("/bus/gauges/event-and-end", test_event_and_end);
  g_test_add_func ("/bus/gauges/who-leaves", test_who_leaves);
  status = g_test_run ();
  g_object_unref (bus);
  return status;
}
