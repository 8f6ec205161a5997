/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An export ends with its connection, whoever closes it, and leaves nothing. */

#include "bus-fixture.h"

/* A manager of our own, on a connection of its own. */
typedef struct
{
  ShmobjManager *manager;
  GDBusConnection *connection;
  guint id;
} Export;

static void
export_on (Export *self, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  self->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  self->connection = connection;
  self->id = shmobj_manager_export (self->manager, connection, &error);
  g_assert_no_error (error);
}

static void
close_now (GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_close_sync (connection, NULL, &error);
  g_assert_no_error (error);
}

/* Gives up what we have of it; nobody else has anything, as soon as all is dispatched. */
static void
expect_end (Export *self)
{
  g_object_add_weak_pointer (G_OBJECT (self->manager), (gpointer *) &self->manager);
  g_object_add_weak_pointer (G_OBJECT (self->connection), (gpointer *) &self->connection);
  g_object_unref (self->manager);
  g_object_unref (self->connection);
  /* the last one of the connection may be its own thread, which does not wake us */
  while (g_atomic_pointer_get (&self->manager) != NULL ||
         g_atomic_pointer_get (&self->connection) != NULL)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (200);
}

static void
test_unexport_after_close (void)
{
  Export export;

  for (guint i = 0; i < 20; i++)
    {
      export_on (&export, bus_connect ());
      close_now (export.connection);
      /* nothing was dispatched since */
      g_assert_false (shmobj_manager_unexport (export.manager, export.id));
      g_assert_false (shmobj_manager_unexport (export.manager, export.id));
      expect_end (&export);
    }
}

static void
test_by_itself (void)
{
  Export export;

  export_on (&export, bus_connect ());
  close_now (export.connection);
  expect_end (&export);
}

static void
test_while_it_is_open (void)
{
  g_autoptr (GError) error = NULL;
  Export export;
  guint again;

  export_on (&export, bus_connect ());
  g_assert_true (shmobj_manager_unexport (export.manager, export.id));
  g_assert_false (shmobj_manager_unexport (export.manager, export.id));
  again = shmobj_manager_export (export.manager, export.connection, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (again, !=, export.id);
  close_now (export.connection);
  g_assert_false (shmobj_manager_unexport (export.manager, again));

  g_assert_cmpuint (shmobj_manager_export (export.manager, export.connection, &error), ==, 0);
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  expect_end (&export);
}

/* Clients that wait, watch and have locks there. */
static void
test_in_use (void)
{
  g_autoptr (GDBusConnection) client = bus_connect ();
  static const char *const calls[][3] = {
    { IFACE ("Queue"), "Get", "(int64 -1,)" },
    { IFACE ("Object"), "Watch", "()" },
    { IFACE ("Lock"), "Acquire", "(int64 -1, @a{sv} {})" },
  };
  static const char *const paths[] = { ROOT "/queue", ROOT "/queue", ROOT "/lock" };
  g_autoptr (ShmobjLock) lock = NULL;
  Export export;

  export_on (&export, bus_connect ());
  g_object_unref (shmobj_manager_open_queue (export.manager, "queue", 0, 0, 0, NULL, NULL));
  lock = shmobj_manager_open_lock (export.manager, "lock", 0, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    g_dbus_connection_call (client, g_dbus_connection_get_unique_name (export.connection), paths[i],
                            calls[i][0], calls[i][1], g_variant_new_parsed (calls[i][2]), NULL,
                            G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, NULL, NULL);
  bus_until (shmobj_lock_is_locked (lock));
  close_now (export.connection);
  expect_end (&export);
  g_assert_false (shmobj_lock_is_locked (lock));
}

static gboolean
on_new_connection (GDBusServer *server, GDBusConnection *connection, gpointer user_data)
{
  *(GDBusConnection **) user_data = g_object_ref (connection);
  return TRUE;
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GDBusConnection **) user_data = g_dbus_connection_new_for_address_finish (result, NULL);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* The other process of two without a bus closes it, or ends. */
static void
test_by_the_other_side (void)
{
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autofree char *address = g_strdup_printf ("unix:dir=%s", g_get_user_runtime_dir ());
  g_autoptr (GDBusServer) server =
      g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, NULL);
  g_autoptr (GDBusConnection) client = NULL;
  GDBusConnection *peer = NULL;
  gboolean closed = FALSE;
  Export export;

  g_signal_connect (server, "new-connection", G_CALLBACK (on_new_connection), &peer);
  g_dbus_server_start (server);
  g_dbus_connection_new_for_address (g_dbus_server_get_client_address (server),
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_connected, &client);
  bus_until (peer != NULL && client != NULL);
  export_on (&export, peer);
  g_signal_connect (peer, "closed", G_CALLBACK (on_closed), &closed);
  close_now (client);
  bus_until (closed);
  g_assert_false (shmobj_manager_unexport (export.manager, export.id));
  g_dbus_server_stop (server);
  expect_end (&export);
}

typedef struct
{
  GMainContext *context;
  Export export;
  GMutex mutex;
  GCond changed;
  gboolean ready, gone, ended;
} Elsewhere;

static void
note_gone (gpointer data, GObject *manager)
{
  Elsewhere *self = data;

  g_atomic_int_set (&self->gone, TRUE);
  g_main_context_wakeup (self->context);
}

/* Exports in a main context of its own, on a connection that was made in ours. */
static gpointer
run_elsewhere (gpointer data)
{
  Elsewhere *self = data;

  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  export_on (&self->export, self->export.connection);
  g_object_weak_ref (G_OBJECT (self->export.manager), note_gone, self);
  g_object_unref (self->export.manager); /* the export has it */
  g_mutex_lock (&self->mutex);
  self->ready = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->mutex);
  while (!g_atomic_int_get (&self->gone))
    g_main_context_iteration (self->context, TRUE);
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  g_atomic_int_set (&self->ended, TRUE);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
test_in_another_context (void)
{
  Elsewhere self = { .export.connection = bus_connect () };
  GThread *thread = g_thread_new ("elsewhere", run_elsewhere, &self);

  g_mutex_lock (&self.mutex);
  while (!self.ready)
    g_cond_wait (&self.changed, &self.mutex);
  g_mutex_unlock (&self.mutex);
  close_now (self.export.connection);
  bus_until (g_atomic_int_get (&self.ended));
  g_thread_join (thread);
  g_object_unref (self.export.connection);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus/export/unexport-after-close", test_unexport_after_close);
  g_test_add_func ("/bus/export/by-itself", test_by_itself);
  g_test_add_func ("/bus/export/while-it-is-open", test_while_it_is_open);
  g_test_add_func ("/bus/export/in-use", test_in_use);
  g_test_add_func ("/bus/export/by-the-other-side", test_by_the_other_side);
  g_test_add_func ("/bus/export/in-another-context", test_in_another_context);
  return g_test_run ();
}
