/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* shmobj-manager: shows the manager "session" on the session bus.
 *
 * Started by the bus when somebody calls org.shmobj.Manager1. What it shows is in shared memory, so
 * it may end, be killed or be replaced at any time: the next one shows the same. Only what it did
 * for its clients ends with it, calls that wait and locks that they hold.
 *
 * Ending when idle takes care of the call that comes in between: first the name is given back, then
 * whatever has arrived is answered, then the process ends. Later calls start the next one.
 */

#include <shmobj.h>

#include <glib-unix.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NAME "org.shmobj.Manager1"
#define WRITE_TIMEOUT_US (20 * G_USEC_PER_SEC)

typedef struct
{
  GMainLoop *loop;
  GDBusConnection *connection;
  ShmobjManager *manager;
  guint export_id;
  gint64 timeout_us;
  gboolean acquired;
  int status;
} Service;

static void
end_with_failure (Service *service, const char *what)
{
  g_printerr ("shmobj-manager: %s\n", what);
  service->status = EXIT_FAILURE;
  g_main_loop_quit (service->loop);
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Service *service = user_data;

  service->acquired = TRUE;
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Service *service = user_data;

  if (service->acquired) /* another one was started with --replace, or the bus is gone */
    g_main_loop_quit (service->loop);
  else
    end_with_failure (service, NAME " is taken on this bus: --replace takes its place");
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  Service *service = user_data;

  g_main_loop_quit (service->loop);
}

static gboolean
on_signal (gpointer user_data)
{
  Service *service = user_data;

  g_main_loop_quit (service->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_check_idle (gpointer user_data)
{
  Service *service = user_data;

  if (shmobj_manager_export_is_idle (service->manager, service->export_id, service->timeout_us))
    g_main_loop_quit (service->loop);
  return G_SOURCE_CONTINUE;
}

/* Locks and queues need descriptors, and nothing here counts on their numbers being small. */
static void
allow_all_descriptors (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      (void) setrlimit (RLIMIT_NOFILE, &limit);
    }
}

/* @text: NAME=NUMBER */
static gboolean
set_limit (Service *service, const char *text, GError **error)
{
  const char *equals = strchr (text, '=');
  g_autofree char *name = equals != NULL ? g_strndup (text, equals - text) : NULL;
  guint64 most;

  if (equals == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "“--limit %s” is not of the form NAME=NUMBER", text);
      return FALSE;
    }
  return g_ascii_string_to_unsigned (equals + 1, 10, 0, G_MAXUINT64, &most, error) &&
         shmobj_manager_set_export_limit (service->manager, service->export_id, name, most, error);
}

static gboolean
set_up (Service *service, char **limits, GError **error)
{
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, error);

  if (address == NULL)
    return FALSE;
  service->manager = shmobj_manager_new ("session", NULL, error);
  if (service->manager == NULL)
    return FALSE;
  shmobj_manager_set_write_timeout_us (service->manager, WRITE_TIMEOUT_US);

  service->connection =
      g_dbus_connection_new_for_address_sync (address,
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, error);
  if (service->connection == NULL)
    return FALSE;
  g_signal_connect (service->connection, "closed", G_CALLBACK (on_closed), service);
  service->export_id = shmobj_manager_export (service->manager, service->connection, error);
  if (service->export_id == 0)
    return FALSE;
  for (; limits != NULL && *limits != NULL; limits++)
    if (!set_limit (service, *limits, error))
      return FALSE;
  return TRUE;
}

/* Gives the name back, and answers what came before the bus knew. */
static void
wind_up (Service *service, guint name_id)
{
  g_bus_unown_name (name_id); /* asks the bus and waits for its answer */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  shmobj_manager_unexport (service->manager, service->export_id);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  (void) g_dbus_connection_flush_sync (service->connection, NULL, NULL);
}

static void
run (Service *service, gboolean replace)
{
  GBusNameOwnerFlags flags =
      G_BUS_NAME_OWNER_FLAGS_ALLOW_REPLACEMENT |
      (replace ? G_BUS_NAME_OWNER_FLAGS_REPLACE : G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE);
  guint name_id = g_bus_own_name_on_connection (service->connection, NAME, flags, on_name_acquired,
                                                on_name_lost, service, NULL);

  g_unix_signal_add (SIGTERM, on_signal, service);
  g_unix_signal_add (SIGINT, on_signal, service);
  if (service->timeout_us > 0)
    g_timeout_add (CLAMP (service->timeout_us / 4000, 10, 30000), on_check_idle, service);

  g_main_loop_run (service->loop);
  wind_up (service, name_id);
}

int
main (int argc, char **argv)
{
  gboolean replace = FALSE, version = FALSE;
  g_auto (GStrv) limits = NULL;
  double timeout_s = 0;
  const GOptionEntry entries[] = {
    { "replace", 'r', 0, G_OPTION_ARG_NONE, &replace, "Take the place of one that runs", NULL },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &timeout_s,
      "End after so long without a call, a waiting client or a held lock (default: never)",
      "SECONDS" },
    { "limit", 0, 0, G_OPTION_ARG_STRING_ARRAY, &limits,
      "What one client may have at most: objects, calls, locks, messages, bytes, watches",
      "NAME=NUMBER" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("— shared objects on the session bus");
  g_autoptr (GError) error = NULL;
  Service service = { 0 };

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1)
    {
      g_printerr ("shmobj-manager: %s\n", error != NULL ? error->message : "takes no arguments");
      return 2;
    }
  if (version)
    {
      g_print ("shmobj-manager %s\n", PACKAGE_VERSION);
      return 0;
    }

  service.loop = g_main_loop_new (NULL, FALSE);
  service.timeout_us = timeout_s * G_USEC_PER_SEC;
  allow_all_descriptors ();
  if (set_up (&service, limits, &error))
    run (&service, replace);
  else
    end_with_failure (&service, error->message);

  g_clear_object (&service.connection);
  g_clear_object (&service.manager);
  g_main_loop_unref (service.loop);
  return service.status;
}
