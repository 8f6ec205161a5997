/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Containers that are items of others, seen from the bus: by their references. */

#include "bus-fixture.h"

#include "../manager/references-walk.h"

static GDBusConnection *bus;

static char *
item_path (const char *path, const char *method, const char *arguments)
{
  g_autoptr (GVariant) reply = bus_call (bus, path, method, arguments), item = NULL;

  g_variant_get (reply, "(v)", &item);
  g_assert_true (g_variant_is_of_type (item, G_VARIANT_TYPE_OBJECT_PATH));
  return g_variant_dup_string (item, NULL);
}

static void
append (const char *path, const char *item)
{
  g_autofree char *arguments = g_strdup_printf ("(<objectpath '%s'>,)", item);

  bus_expect (bus, path, IFACE ("List.Append"), arguments, "()");
}

/* Until those on the bus have let go of what they had. */
static void
assert_left (ShmobjManager *manager, guint n)
{
  while (walk_store (manager).containers != n)
    g_usleep (1000);
}

static void
test_native_items_can_be_called (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) outer = shmobj_manager_open_list (manager, "outer", 0, NULL, NULL);
  g_autoptr (ShmobjDict) inner = shmobj_manager_open_dict (manager, NULL, 0, NULL, NULL);
  g_autoptr (GVariant) reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (inner), NULL);
  g_autoptr (GVariant) name = NULL, kind = NULL, users = NULL, size = NULL;
  g_autofree char *path = NULL, *again = NULL;

  g_assert_true (shmobj_list_append (outer, reference, NULL));
  path = item_path (ROOT "/outer", IFACE ("List.GetItem"), "(int64 0,)");
  g_assert_cmpstr (path, ==, g_variant_get_string (reference, NULL));

  bus_expect (bus, path, IFACE ("Dict.SetItem"), "(<'k'>, <7>)", "()");
  g_assert_true (shmobj_dict_contains (inner, g_variant_new_string ("k"), NULL));
  name = bus_property (bus, path, IFACE ("Object"), "Name");
  g_assert_cmpstr (g_variant_get_string (name, NULL), ==, "");
  kind = bus_property (bus, path, IFACE ("Object"), "Kind");
  g_assert_cmpstr (g_variant_get_string (kind, NULL), ==, "dict");
  size = bus_property (bus, path, IFACE ("Object"), "Size");
  g_assert_cmpuint (g_variant_get_uint64 (size), ==, 1);
  users = bus_property (bus, path, IFACE ("Object"), "Users");
  g_assert_cmpuint (g_variant_get_uint32 (users), >=, 1);
  bus_refuse (bus, path, IFACE ("List.Clear"), "()", "org.freedesktop.DBus.Error.UnknownMethod");
  g_variant_unref (bus_call (bus, path, "org.freedesktop.DBus.Introspectable.Introspect", "()"));

  bus_expect (bus, path, IFACE ("Object.Close"), "()", "()");
  g_clear_pointer (&reference, g_variant_unref);
  g_clear_object (&inner);
  again = item_path (ROOT "/outer", IFACE ("List.GetItem"), "(int64 0,)");
  bus_expect (bus, again, IFACE ("Dict.GetItem"), "(<'k'>,)", "(<7>,)");
  bus_expect (bus, again, IFACE ("Object.Close"), "()", "()");
  bus_expect (bus, ROOT "/outer", IFACE ("List.Clear"), "()", "()");
  assert_left (manager, 1);
  bus_refuse (bus, again, IFACE ("Dict.Clear"), "()", "org.freedesktop.DBus.Error.UnknownMethod");
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('outer',)", "()");
}

static void
test_built_over_the_bus (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autofree char *outer = bus_open (bus, "list", "built", "{}");
  g_autofree char *list = bus_open (bus, "list", "", "{}");
  g_autofree char *value = bus_open (bus, "value", "", "{'initial': <5>}");
  g_autofree char *lone = bus_open (bus, "dict", "", "{}");
  g_autofree char *arguments = g_strdup_printf ("(<[<objectpath '%s'>]>,)", list);

  append (outer, list);
  append (list, value);
  bus_refuse (bus, outer, IFACE ("List.Append"), arguments, ERR ("NotRepresentable"));
  bus_expect (bus, list, IFACE ("Object.Close"), "()", "()");
  bus_expect (bus, value, IFACE ("Object.Close"), "()", "()");
  assert_left (manager, 4);
  bus_expect (bus, lone, IFACE ("Object.Close"), "()", "()");
  assert_left (manager, 3);
  bus_expect (bus, value, IFACE ("Value.Add"), "(<1>,)", "(<6>,)");
  bus_expect (bus, value, IFACE ("Object.Close"), "()", "()");
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('built',)", "()");
  assert_left (manager, 0);
}

/* Nothing else keeps it: so who popped it has it open. */
static void
test_popped_is_open (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autofree char *outer = bus_open (bus, "dict", "outer", "{}");
  g_autofree char *list = bus_open (bus, "list", "", "{}"), *popped = NULL;
  g_autofree char *arguments = g_strdup_printf ("(<'k'>, <objectpath '%s'>)", list);

  bus_expect (bus, outer, IFACE ("Dict.SetItem"), arguments, "()");
  bus_expect (bus, list, IFACE ("List.Append"), "(<1>,)", "()");
  bus_expect (bus, list, IFACE ("Object.Close"), "()", "()");
  popped = item_path (outer, IFACE ("Dict.Pop"), "(<'k'>,)");
  g_assert_cmpstr (popped, ==, list);
  bus_expect (bus, popped, IFACE ("List.GetItem"), "(int64 0,)", "(<1>,)");
  bus_expect (bus, popped, IFACE ("Object.Close"), "()", "()");
  assert_left (manager, 1);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('outer',)", "()");
}

static void
test_who_leaves_lets_go (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  GDBusConnection *other = bus_connect ();
  g_autofree char *path = bus_open (other, "list", "", "{}");

  bus_expect (other, path, IFACE ("List.Append"), "(<1>,)", "()");
  g_assert_cmpuint (walk_store (manager).containers, ==, 1);
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  g_object_unref (other);
  assert_left (manager, 0);
}

static void
test_impossible_paths (void)
{
  g_autofree char *list = bus_open (bus, "list", "real", "{}");

  bus_refuse (bus, ROOT "/_id_0000000000000001_1", IFACE ("List.Clear"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, ROOT "/_id_", IFACE ("List.Clear"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, list, IFACE ("List.Append"), "(<objectpath '" ROOT "/_id_0000000000000001_1'>,)",
              ERR ("NotRepresentable"));
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('real',)", "()");
}

int
main (int argc, char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  g_test_add_func ("/bus/references/items-can-be-called", test_native_items_can_be_called);
  g_test_add_func ("/bus/references/built-over-the-bus", test_built_over_the_bus);
  g_test_add_func ("/bus/references/popped-is-open", test_popped_is_open);
  g_test_add_func ("/bus/references/who-leaves-lets-go", test_who_leaves_lets_go);
  g_test_add_func ("/bus/references/impossible-paths", test_impossible_paths);
  result = g_test_run ();
  g_object_unref (bus);
  return result;
}
