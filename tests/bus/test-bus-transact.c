/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager1.Transact: several calls, all of them or none. */

#include "bus-fixture.h"

#define TRANSACT SERVICE ".Transact"
#define LIST IFACE ("List")
#define VALUE IFACE ("Value")

static GDBusConnection *bus;

static void
set_up (void)
{
  g_free (bus_open (bus, "list", "todo", "{}"));
  g_free (bus_open (bus, "list", "done", "{}"));
  g_free (bus_open (bus, "value", "count", "{'initial': <0>}"));
  bus_expect (bus, ROOT "/todo", LIST ".Clear", "()", "()");
  bus_expect (bus, ROOT "/done", LIST ".Clear", "()", "()");
  bus_expect (bus, ROOT "/count", VALUE ".Write", "(<0>,)", "()");
  bus_expect (bus, ROOT "/todo", LIST ".Extend", "([<'a'>, <'b'>],)", "()");
}

static void
expect_state (const char *todo, const char *done, const char *count)
{
  bus_expect (bus, ROOT "/todo", LIST ".GetRange", "(int64 0, int64 100)", todo);
  bus_expect (bus, ROOT "/done", LIST ".GetRange", "(int64 0, int64 100)", done);
  bus_expect (bus, ROOT "/count", VALUE ".Read", "()", count);
}

static void
test_all (void)
{
  set_up ();
  bus_expect (bus, ROOT, TRANSACT,
              "([(objectpath '" ROOT "/todo', '" LIST ".Pop', <(int64 0,)>),"
              "  ('" ROOT "/done', '" LIST ".Append', <(<'a'>,)>),"
              "  ('" ROOT "/count', '" VALUE ".Add', <(<1>,)>),"
              "  ('" ROOT "/count', '" VALUE ".CompareAndSet', <(<1>, <'one'>)>),"
              "  ('" ROOT "/done', '" LIST ".GetRange', <(int64 0, int64 9)>),"
              "  ('" ROOT "/todo', '" LIST ".Clear', <signature ''>)], @a{sv} {})",
              "([<'a'>, <signature ''>, <1>, <true>, <[<'a'>]>, <signature ''>],)");
  expect_state ("(@av [],)", "([<'a'>],)", "(<'one'>,)");
  bus_expect (bus, ROOT, TRANSACT, "(@a(osv) [], @a{sv} {})", "(@av [],)");
}

static void
test_or_nothing (void)
{
  static const char *const wrong[][2] = {
    { "('" ROOT "/todo', '" LIST ".Pop', <(int64 7,)>)", ERR ("NotFound") },
    { "('" ROOT "/todo', '" LIST ".Pop', <('x',)>)", ERR ("InvalidArgument") },
    { "('" ROOT "/todo', '" LIST ".Pop', <int64 0>)", ERR ("InvalidArgument") },
    { "('" ROOT "/todo', '" LIST ".Pop', <signature ''>)", ERR ("InvalidArgument") },
    { "('" ROOT "/todo', 'Pop', <(int64 0,)>)", ERR ("InvalidArgument") },
    { "('" ROOT "/todo', '" VALUE ".Read', <signature ''>)", ERR ("InvalidArgument") },
    { "('" ROOT "/todo', '" IFACE ("Object.Close") "', <signature ''>)", ERR ("InvalidArgument") },
    { "('" ROOT "/count', '" VALUE ".Add', <(<'no number'>,)>)", ERR ("InvalidArgument") },
    { "('" ROOT "', '" SERVICE ".RemoveObject', <('nobody',)>)", ERR ("NotFound") },
    { "('" ROOT "', '" SERVICE ".Open', <('list', 'count', @a{sv} {})>)", ERR ("WrongKind") },
    { "('" ROOT "', '" SERVICE ".Open', <('list', 'new', {'size': <1>})>)",
      ERR ("InvalidArgument") },
    { "('" ROOT "', '" SERVICE ".Open', <('todo',)>)", ERR ("InvalidArgument") },
    { "('" ROOT "', '" TRANSACT "', <(@a(osv) [], @a{sv} {})>)", ERR ("InvalidArgument") },
    { "('" ROOT "', '" LIST ".Clear', <signature ''>)", ERR ("InvalidArgument") },
    { "('" ROOT "/queue', '" IFACE ("Queue.Put") "', <(<1>, int64 0)>)", ERR ("InvalidArgument") },
    { "('" ROOT "/nobody', '" LIST ".Clear', <signature ''>)", ERR ("NotFound") },
    { "('/elsewhere/at/all', '" LIST ".Clear', <signature ''>)", ERR ("NotFound") },
    { "('/', '" LIST ".Clear', <signature ''>)", ERR ("NotFound") },
  };

  set_up ();
  g_free (bus_open (bus, "queue", "queue", "{}"));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *arguments =
          g_strdup_printf ("([(objectpath '" ROOT "/done', '" LIST ".Append', <(<1>,)>), %s,"
                           " ('" ROOT "/count', '" VALUE ".Add', <(<1>,)>)], @a{sv} {})",
                           wrong[i][0]);

      bus_refuse (bus, ROOT, TRANSACT, arguments, wrong[i][1]);
      expect_state ("([<'a'>, <'b'>],)", "(@av [],)", "(<0>,)");
    }
  bus_refuse (bus, ROOT, TRANSACT, "(@a(osv) [], {'revision': <1>})", ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, TRANSACT, "(@a(osv) [], {'revisions': <1>})", ERR ("InvalidArgument"));
}

static void
test_revisions (void)
{
  g_autoptr (GVariant) revision = NULL;
  g_autofree char *arguments = NULL;

  set_up ();
  revision = bus_property (bus, ROOT "/todo", LIST, "Revision");
  arguments = g_strdup_printf ("([(objectpath '" ROOT "/todo', '" LIST ".Append', <(<'c'>,)>),"
                               "  ('" ROOT "/done', '" LIST ".Append', <(<1>,)>)],"
                               " {'revisions': <[(objectpath '" ROOT
                               "/todo', uint64 %" G_GUINT64_FORMAT ")]>})",
                               g_variant_get_uint64 (revision));
  bus_expect (bus, ROOT, TRANSACT, arguments, "([<signature ''>, <signature ''>],)");
  bus_refuse (bus, ROOT, TRANSACT, arguments, ERR ("Conflict"));
  expect_state ("([<'a'>, <'b'>, <'c'>],)", "([<1>],)", "(<0>,)");

  bus_refuse (bus, ROOT, TRANSACT,
              "(@a(osv) [], {'revisions': <[(objectpath '" ROOT "/nobody', uint64 1)]>})",
              ERR ("NotFound"));
  bus_refuse (bus, ROOT, TRANSACT,
              "(@a(osv) [], {'revisions': <[(objectpath '" ROOT "', uint64 1)]>})",
              ERR ("InvalidArgument"));
}

/* Signals of the ObjectManager about names that begin with an “n”, as text. */
static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *name,
           GVariant *body,
           gpointer user_data)
{
  const char *object;

  g_variant_get_child (body, 0, "&o", &object);
  if (g_str_has_prefix (object, ROOT "/n"))
    g_string_append_printf (user_data, "%s %s;", name, object + strlen (ROOT "/"));
}

static void
expect_signals (GDBusConnection *other, GString *heard, const char *expected)
{
  /* whatever was sent before this answer has come before it, and is dispatched in order */
  bus_expect (other, ROOT, "org.freedesktop.DBus.Peer.Ping", "()", "()");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  while (strlen (heard->str) < strlen (expected))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (heard->str, ==, expected);
  g_string_truncate (heard, 0);
}

#define OPEN(kind, name)                                                                           \
  "(objectpath '" ROOT "', '" SERVICE ".Open', <('" kind "', '" name "', @a{sv} {})>)"
#define REMOVE(name) "(objectpath '" ROOT "', '" SERVICE ".RemoveObject', <('" name "',)>)"
#define APPEND(name) "(objectpath '" ROOT "/" name "', '" LIST ".Append', <(<1>,)>)"

static void
test_names (void)
{
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autoptr (GString) heard = g_string_new (NULL);
  guint subscription = g_dbus_connection_signal_subscribe (
      other, SERVICE, "org.freedesktop.DBus.ObjectManager", NULL, ROOT, NULL,
      G_DBUS_SIGNAL_FLAGS_NONE, on_signal, heard, NULL);

  bus_expect (other, ROOT, "org.freedesktop.DBus.Peer.Ping", "()", "()");
  bus_refuse (bus, ROOT, TRANSACT,
              "([" OPEN ("list", "new") ", " APPEND ("new") ", " APPEND ("nowhere") "], @a{sv} {})",
              ERR ("NotFound"));
  bus_refuse (bus, ROOT "/new", LIST ".Clear", "()", "org.freedesktop.DBus.Error.UnknownMethod");
  expect_signals (other, heard, "");

  bus_expect (
      bus, ROOT, TRANSACT,
      "([" OPEN ("list", "new") ", " APPEND ("new") ", " OPEN ("queue", "newq") ", " REMOVE (
          "newq") ", " OPEN ("list", "new") ", " APPEND ("new") "], @a{sv} {})",
      "([<objectpath '" ROOT "/new'>, <signature ''>, <objectpath '" ROOT
      "/newq'>, <signature ''>, <objectpath '" ROOT "/new'>, <signature ''>],)");
  bus_expect (bus, ROOT "/new", LIST ".GetRange", "(int64 0, int64 9)", "([<1>, <1>],)");
  expect_signals (other, heard, "InterfacesAdded new;");

  /* undone: it stays what it is, for everybody */
  bus_refuse (bus, ROOT, TRANSACT,
              "([" REMOVE ("new") ", " OPEN ("queue", "new") ", " APPEND ("new") "], @a{sv} {})",
              ERR ("InvalidArgument"));
  bus_expect (bus, ROOT "/new", LIST ".Append", "(<2>,)", "()");
  expect_signals (other, heard, "");

  bus_expect (bus, ROOT, TRANSACT,
              "([" REMOVE ("new") ", " OPEN ("list", "new") ", " APPEND ("new") "], @a{sv} {})",
              "([<signature ''>, <objectpath '" ROOT "/new'>, <signature ''>],)");
  bus_expect (other, ROOT "/new", LIST ".GetRange", "(int64 0, int64 9)", "([<1>],)");
  expect_signals (other, heard, "InterfacesRemoved new;InterfacesAdded new;");

  bus_expect (bus, ROOT, TRANSACT, "([" REMOVE ("new") "], @a{sv} {})", "([<signature ''>],)");
  bus_refuse (bus, ROOT "/new", LIST ".Clear", "()", "org.freedesktop.DBus.Error.UnknownMethod");
  expect_signals (other, heard, "InterfacesRemoved new;");
  g_dbus_connection_signal_unsubscribe (other, subscription);
}

/* One without a name is kept by its caller from then on. */
static void
test_nameless (void)
{
  g_autoptr (GVariant) reply = NULL, results = NULL, made = NULL;
  g_autofree char *arguments = NULL;

  set_up ();
  reply = bus_call (bus, ROOT, TRANSACT, "([" OPEN ("list", "") "], @a{sv} {})");
  results = g_variant_get_child_value (reply, 0);
  g_variant_get_child (results, 0, "v", &made);
  bus_expect (bus, g_variant_get_string (made, NULL), LIST ".Append", "(<1>,)", "()");
  arguments = g_strdup_printf ("([(objectpath '" ROOT "/todo', '" LIST
                               ".Append', <(<objectpath '%s'>,)>)], @a{sv} {})",
                               g_variant_get_string (made, NULL));
  bus_expect (bus, ROOT, TRANSACT, arguments, "([<signature ''>],)");
}

static void
keep_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  *(GVariant **) data = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_assert_no_error (error);
}

/* A native transaction is in the way for as long as it lasts; the service answers others. */
static void
test_waits_in_line (void)
{
  const char *call = "([(objectpath '" ROOT "/count', '" VALUE ".Add', <(<1>,)>)], @a{sv} {})";
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjTransaction) transaction = NULL;
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *text = NULL;

  set_up ();
  transaction = shmobj_manager_begin (manager, -1, NULL, NULL);
  g_assert_nonnull (transaction);
  g_dbus_connection_call (bus, SERVICE, ROOT, SERVICE, "Transact", g_variant_new_parsed (call),
                          NULL, G_DBUS_CALL_FLAGS_NONE, 60000, NULL, keep_reply, &reply);
  g_assert_true (g_dbus_connection_flush_sync (bus, NULL, NULL));
  for (int i = 0; i < 20; i++)
    bus_expect (other, ROOT "/count", VALUE ".Read", "()", "(<0>,)");
  g_assert_null (reply);
  shmobj_transaction_rollback (transaction);
  while (reply == NULL)
    g_main_context_iteration (NULL, TRUE);
  text = g_variant_print (reply, FALSE);
  g_assert_cmpstr (text, ==, "([<1>],)");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  g_test_add_func ("/bus/transact/all", test_all);
  g_test_add_func ("/bus/transact/or-nothing", test_or_nothing);
  g_test_add_func ("/bus/transact/revisions", test_revisions);
  g_test_add_func ("/bus/transact/names", test_names);
  g_test_add_func ("/bus/transact/nameless", test_nameless);
  g_test_add_func ("/bus/transact/waits-in-line", test_waits_in_line);
  status = g_test_run ();
  g_object_unref (bus);
  return status;
}
