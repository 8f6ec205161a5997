/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The session's manager over D-Bus, and what a call costs there at least, for tools/bench: a client
 * that asks one thing at a time. Runs below tests/with-bus. Prints nanoseconds per call.
 *
 *     bench-bus CASE [ROUNDS]
 */

#include "run.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS 1000
#define MANAGER "org.shmobj.Manager1"
#define ECHO_PATH "/echo"
#define ECHO_INTERFACE "org.shmobj.Bench.Echo"

typedef struct
{
  GDBusConnection *bus;
  char *name, *path; /* (owned): of whom is asked */
} Bench;

static void
must (gconstpointer good, GError *error)
{
  if (good == NULL)
    run_fail (error != NULL ? error->message : "bench-bus");
}

static GDBusConnection *
connect_to_bus (void)
{
  GError *error = NULL;
  GDBusConnection *bus =
      g_dbus_connection_new_for_address_sync (g_getenv ("DBUS_SESSION_BUS_ADDRESS"),
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, &error);

  must (bus, error);
  return bus;
}

static GVariant *
ask (Bench *b, const char *interface, const char *method, GVariant *arguments)
{
  GError *error = NULL;
  GVariant *reply =
      g_dbus_connection_call_sync (b->bus, b->name, b->path, interface, method, arguments, NULL,
                                   G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

  must (reply, error);
  return reply;
}

/* ---- a service that gives back what it is given ---- */

static void
answer (GDBusConnection *bus,
        const char *sender,
        const char *path,
        const char *interface,
        const char *method,
        GVariant *arguments,
        GDBusMethodInvocation *invocation,
        gpointer data)
{
  g_dbus_method_invocation_return_value (invocation, arguments);
}

static void
serve_echo (int out)
{
  static const GDBusInterfaceVTable table = { .method_call = answer };
  GDBusNodeInfo *node = g_dbus_node_info_new_for_xml (
      "<node><interface name='" ECHO_INTERFACE "'><method name='Echo'>"
      "<arg type='v' direction='in'/><arg type='v' direction='out'/></method></interface></node>",
      NULL);
  GDBusConnection *bus = connect_to_bus ();
  const char *name = g_dbus_connection_get_unique_name (bus);

  g_dbus_connection_register_object (bus, ECHO_PATH, node->interfaces[0], &table, NULL, NULL, NULL);
  if (write (out, name, strlen (name) + 1) < 0)
    _exit (3);
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}

static void
open_echo (Bench *b)
{
  char name[256] = "";
  int ends[2];

  if (pipe (ends) != 0)
    run_fail ("pipe");
  if (run_fork () == 0)
    serve_echo (ends[1]);
  close (ends[1]);
  if (read (ends[0], name, sizeof name - 1) <= 0)
    run_fail ("echo");
  close (ends[0]);
  b->bus = connect_to_bus ();
  b->name = g_strdup (name);
  b->path = g_strdup (ECHO_PATH);
}

static void
echo (void *data, long n)
{
  for (long i = 0; i < n; i++)
    g_variant_unref (
        ask (data, ECHO_INTERFACE, "Echo", g_variant_new ("(v)", g_variant_new_int64 (i))));
}

/* ---- ours ---- */

static void
open_object (Bench *b, const char *kind)
{
  GVariant *reply;

  b->bus = connect_to_bus ();
  b->name = g_strdup (MANAGER);
  b->path = g_strdup ("/org/shmobj/Manager1");
  reply = ask (b, MANAGER, "Open", g_variant_new ("(ssa{sv})", kind, "bench", NULL));
  g_free (b->path);
  g_variant_get (reply, "(o)", &b->path);
  g_variant_unref (reply);
}

static void
list_append (void *data, long n)
{
  for (long i = 0; i < n; i++)
    g_variant_unref (
        ask (data, MANAGER ".List", "Append", g_variant_new ("(v)", g_variant_new_int64 (i))));
}

static void
list_read (void *data, long n)
{
  for (long i = 0; i < n; i++)
    g_variant_unref (
        ask (data, MANAGER ".List", "GetItem", g_variant_new ("(x)", (gint64) (i % KEYS))));
}

static GVariant *
key (long i)
{
  return g_variant_new_take_string (g_strdup_printf ("key %ld", i % KEYS));
}

static void
dict_set (void *data, long n)
{
  for (long i = 0; i < n; i++)
    g_variant_unref (ask (data, MANAGER ".Dict", "SetItem",
                          g_variant_new ("(vv)", key (i), g_variant_new_int64 (i))));
}

static void
dict_get (void *data, long n)
{
  for (long i = 0; i < n; i++)
    g_variant_unref (ask (data, MANAGER ".Dict", "GetItem", g_variant_new ("(v)", key (i))));
}

static const struct
{
  const char *name, *kind;
  RunWork work, prepare;
} cases[] = {
  { "echo", NULL, echo, echo },
  { "list-append", "list", list_append, list_append },
  { "list-read", "list", list_read, list_append },
  { "dict-set", "dict", dict_set, dict_set },
  { "dict-get", "dict", dict_get, dict_set },
};

int
main (int argc, char **argv)
{
  Bench b = { NULL };

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (cases); i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        if (cases[i].kind != NULL)
          open_object (&b, cases[i].kind);
        else
          open_echo (&b);
        cases[i].prepare (&b, KEYS);
        run_print (run_served (cases[i].work, &b, run_number (argc, argv, 2, 2000)));
        return 0;
      }
  return 2;
}
