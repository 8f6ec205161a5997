/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Barrier over the bus: clients and programs wait for each other, and who leaves breaks it. */

#include "bus-fixture.h"

static GDBusConnection *bus;
static ShmobjManager *manager;

typedef struct
{
  gboolean done;
  GVariant *reply;
  char *failure;
} Answer;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  Answer *answer = user_data;

  answer->reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  answer->failure = error != NULL ? g_dbus_error_get_remote_error (error) : NULL;
  answer->done = TRUE;
}

static void
start_wait (GDBusConnection *connection, const char *path, Answer *answer)
{
  g_dbus_connection_call (connection, SERVICE, path, IFACE ("Barrier"), "Wait",
                          g_variant_new ("(x)", (gint64) -1), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_answer, answer);
}

static void
await_parties (ShmobjBarrier *barrier, guint n)
{
  while (shmobj_barrier_get_n_waiting (barrier) != n)
    g_usleep (1000);
}

static ShmobjBarrier *
must_open (const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjBarrier *barrier =
      shmobj_manager_open_barrier (manager, name, SHMOBJ_OPEN_EXISTING, 0, NULL, &error);

  g_assert_no_error (error);
  return barrier;
}

static void
test_with_the_library (void)
{
  g_autofree char *path = bus_open (bus, "barrier", "b", "{'parties': <3>}");
  g_autoptr (GVariant) parties = bus_property (bus, path, IFACE ("Barrier"), "Parties");
  g_autoptr (ShmobjBarrier) barrier = must_open ("b");
  Answer one = { FALSE }, two = { FALSE };

  g_assert_cmpuint (g_variant_get_uint32 (parties), ==, 3);
  start_wait (bus, path, &one);
  await_parties (barrier, 1);
  start_wait (bus, path, &two);
  await_parties (barrier, 2);
  g_assert_cmpint (shmobj_barrier_wait (barrier, -1, NULL, NULL), ==, 2);
  bus_until (one.done && two.done);
  g_assert_nonnull (one.reply);
  g_assert_nonnull (two.reply);
  g_variant_unref (one.reply);
  g_variant_unref (two.reply);
}

static void
test_leaving (void)
{
  g_autofree char *path = bus_open (bus, "barrier", "left", "{'parties': <3>}");
  g_autoptr (GDBusConnection) leaver = bus_connect ();
  g_autoptr (ShmobjBarrier) barrier = must_open ("left");
  g_autoptr (GVariant) broken = NULL;
  Answer stays = { FALSE }, leaves = { FALSE };

  start_wait (bus, path, &stays);
  start_wait (leaver, path, &leaves);
  await_parties (barrier, 2);
  g_assert_true (g_dbus_connection_close_sync (leaver, NULL, NULL));
  bus_until (stays.done && leaves.done);
  g_assert_cmpstr (stays.failure, ==, ERR ("Broken"));
  broken = bus_property (bus, path, IFACE ("Barrier"), "Broken");
  g_assert_true (g_variant_get_boolean (broken));
  bus_refuse (bus, path, IFACE ("Barrier.Wait"), "(int64 0,)", ERR ("Broken"));
  bus_expect (bus, path, IFACE ("Barrier.Reset"), "()", "()");
  bus_refuse (bus, path, IFACE ("Barrier.Wait"), "(int64 10000,)", ERR ("TimedOut"));
  bus_expect (bus, path, IFACE ("Barrier.Reset"), "()", "()");
  bus_expect (bus, path, IFACE ("Barrier.Abort"), "()", "()");
  g_assert_true (shmobj_barrier_is_broken (barrier));
  g_free (stays.failure);
  g_free (leaves.failure);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  manager = bus_manager ();
  g_test_add_func ("/bus-barrier/waits-with-the-librarys-users", test_with_the_library);
  g_test_add_func ("/bus-barrier/who-leaves-breaks-it", test_leaving);
  result = g_test_run ();
  g_object_unref (manager);
  g_object_unref (bus);
  return result;
}
