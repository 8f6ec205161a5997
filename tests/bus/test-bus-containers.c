/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager1, List, Dict and Value over the bus: every method, and every way to use it wrongly. */

#include "bus-fixture.h"

static GDBusConnection *bus;

static void
test_open (void)
{
  g_autofree char *path = bus_open (bus, "list", "a list of mine", "{}");
  g_autofree char *again = bus_open (bus, "list", "a list of mine", "{'existing': <true>}");

  g_assert_cmpstr (path, ==, ROOT "/a_20list_20of_20mine");
  g_assert_cmpstr (again, ==, path);
  bus_refuse (bus, ROOT, SERVICE ".Open", "('dict', 'a list of mine', @a{sv} {})",
              ERR ("WrongKind"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'a list of mine', {'exclusive': <true>})",
              ERR ("Exists"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'none such', {'existing': <true>})",
              ERR ("NotFound"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('queue', '', @a{sv} {})", ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', '', {'existing': <true>})", ERR ("NotFound"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('sock', 'x', @a{sv} {})", ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'x', {'exsisting': <true>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'x', {'existing': <1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'x', {'maxsize': <1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, ROOT, SERVICE ".Open",
              "('list', 'x', {'existing': <true>, 'exclusive': <true>})", ERR ("InvalidArgument"));
}

static void
test_wrong_types (void)
{
  g_autofree char *path = bus_open (bus, "list", "types", "{}");

  bus_refuse (bus, path, IFACE ("List.Append"), "('not boxed',)",
              "org.freedesktop.DBus.Error.InvalidArgs");
  bus_refuse (bus, path, IFACE ("List.Append"), "()", "org.freedesktop.DBus.Error.InvalidArgs");
  bus_refuse (bus, path, IFACE ("List.GetItem"), "('0',)",
              "org.freedesktop.DBus.Error.InvalidArgs");
  bus_refuse (bus, path, IFACE ("List.GetItem"), "(0,)", "org.freedesktop.DBus.Error.InvalidArgs");
  bus_refuse (bus, path, IFACE ("List.Frobnicate"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, path, IFACE ("Dict.Clear"), "()", "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, ROOT "/nobody", IFACE ("List.Clear"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, ROOT "/_", IFACE ("List.Clear"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");
  bus_refuse (bus, path, "org.freedesktop.DBus.Properties.Get", "('" IFACE ("List") "', 'Nope')",
              "org.freedesktop.DBus.Error.InvalidArgs");
  bus_refuse (bus, path, "org.freedesktop.DBus.Properties.Set",
              "('" IFACE ("List") "', 'Length', <int64 5>)",
              "org.freedesktop.DBus.Error.InvalidArgs");
}

static void
test_list (void)
{
  g_autofree char *path = bus_open (bus, "list", "all", "{}");
  g_autoptr (GVariant) length = NULL, revision = NULL, later = NULL;

  bus_expect (bus, path, IFACE ("List.Append"), "(<'a'>,)", "()");
  bus_expect (bus, path, IFACE ("List.Extend"), "([<'c'>, <'d'>],)", "()");
  bus_expect (bus, path, IFACE ("List.Insert"), "(int64 1, <'b'>)", "()");
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 0, int64 9)",
              "([<'a'>, <'b'>, <'c'>, <'d'>],)");
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 -2, int64 9)", "([<'c'>, <'d'>],)");
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 3, int64 1)", "(@av [],)");
  bus_expect (bus, path, IFACE ("List.GetItem"), "(int64 -1,)", "(<'d'>,)");
  bus_expect (bus, path, IFACE ("List.SetItem"), "(int64 0, <int64 7>)", "()");
  bus_expect (bus, path, IFACE ("List.Pop"), "(int64 -1,)", "(<'d'>,)");
  bus_expect (bus, path, IFACE ("List.RemoveValue"), "(<byte 0x07>,)", "()");
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 0, int64 9)", "([<'b'>, <'c'>],)");

  length = bus_property (bus, path, IFACE ("List"), "Length");
  g_assert_cmpint (g_variant_get_int64 (length), ==, 2);
  revision = bus_property (bus, path, IFACE ("List"), "Revision");
  bus_expect (bus, path, IFACE ("List.DeleteRange"), "(int64 0, int64 1)", "()");
  later = bus_property (bus, path, IFACE ("List"), "Revision");
  g_assert_cmpuint (g_variant_get_uint64 (later), !=, g_variant_get_uint64 (revision));
  bus_expect (bus, path, IFACE ("List.GetItem"), "(int64 0,)", "(<'c'>,)");
  bus_expect (bus, path, IFACE ("List.Clear"), "()", "()");

  bus_refuse (bus, path, IFACE ("List.GetItem"), "(int64 0,)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("List.SetItem"), "(int64 0, <1>)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("List.Pop"), "(int64 -1,)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("List.RemoveValue"), "(<1>,)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("List.GetItem"), "(int64 -9223372036854775808,)", ERR ("NotFound"));
}

static void
test_dict (void)
{
  g_autofree char *path = bus_open (bus, "dict", "d", "{}");
  g_autoptr (GVariant) length = NULL;

  bus_expect (bus, path, IFACE ("Dict.SetItem"), "(<'a'>, <1>)", "()");
  bus_expect (bus, path, IFACE ("Dict.Update"), "({'b': <signature ''>},)", "()");
  bus_expect (bus, path, IFACE ("Dict.ToMap"), "()", "({'a': <1>, 'b': <signature ''>},)");
  bus_expect (bus, path, IFACE ("Dict.UpdateItems"), "([(<byte 0x05>, <'five'>), (<'a'>, <2>)],)",
              "()");
  bus_expect (bus, path, IFACE ("Dict.Items"), "()",
              "([(<'a'>, <2>), (<'b'>, <signature ''>), (<int64 5>, <'five'>)],)");
  bus_expect (bus, path, IFACE ("Dict.Keys"), "()", "([<'a'>, <'b'>, <int64 5>],)");
  bus_expect (bus, path, IFACE ("Dict.GetItem"), "(<uint16 5>,)", "(<'five'>,)");
  bus_expect (bus, path, IFACE ("Dict.Contains"), "(<5>,)", "(true,)");
  bus_expect (bus, path, IFACE ("Dict.Contains"), "(<5.0>,)", "(false,)");
  bus_expect (bus, path, IFACE ("Dict.Pop"), "(<5>,)", "(<'five'>,)");
  length = bus_property (bus, path, IFACE ("Dict"), "Length");
  g_assert_cmpint (g_variant_get_int64 (length), ==, 2);

  bus_refuse (bus, path, IFACE ("Dict.GetItem"), "(<5>,)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("Dict.Pop"), "(<5>,)", ERR ("NotFound"));
  bus_expect (bus, path, IFACE ("Dict.SetItem"), "(<(1, 'x')>, <1>)", "()");
  bus_refuse (bus, path, IFACE ("Dict.ToMap"), "()", ERR ("NotRepresentable"));
  bus_expect (bus, path, IFACE ("Dict.Clear"), "()", "()");
  bus_expect (bus, path, IFACE ("Dict.ToMap"), "()", "(@a{sv} {},)");
}

static void
test_value (void)
{
  g_autofree char *path = bus_open (bus, "value", "v", "{'initial': <byte 0xfe>}");
  g_autofree char *again = bus_open (bus, "value", "v", "{'initial': <'ignored'>}");
  g_autofree char *none = bus_open (bus, "value", "none", "{}");
  g_autoptr (GVariant) revision = NULL;

  bus_expect (bus, none, IFACE ("Value.Read"), "()", "(<signature ''>,)");
  bus_refuse (bus, none, IFACE ("Value.Add"), "(<1>,)", ERR ("InvalidArgument"));
  bus_expect (bus, path, IFACE ("Value.Read"), "()", "(<byte 0xfe>,)");
  bus_expect (bus, path, IFACE ("Value.Add"), "(<1>,)", "(<byte 0xff>,)");
  bus_expect (bus, path, IFACE ("Value.Add"), "(<1>,)", "(<int64 256>,)");
  bus_expect (bus, path, IFACE ("Value.Add"), "(<0.5>,)", "(<256.5>,)");
  bus_expect (bus, path, IFACE ("Value.Write"), "(<uint64 18446744073709551615>,)", "()");
  bus_refuse (bus, path, IFACE ("Value.Add"), "(<1>,)", ERR ("NotRepresentable"));
  bus_expect (bus, path, IFACE ("Value.Write"), "(<5>,)", "()");
  bus_expect (bus, path, IFACE ("Value.CompareAndSet"), "(<6>, <'no'>)", "(false,)");
  bus_expect (bus, path, IFACE ("Value.CompareAndSet"), "(<int64 5>, <signature ''>)", "(true,)");
  bus_expect (bus, path, IFACE ("Value.CompareAndSet"), "(<signature ''>, <['a']>)", "(true,)");
  bus_expect (bus, again, IFACE ("Value.Read"), "()", "(<['a']>,)");
  revision = bus_property (bus, path, IFACE ("Value"), "Revision");
  g_assert_cmpuint (g_variant_get_uint64 (revision), ==, 8);

  bus_refuse (bus, ROOT, SERVICE ".Open", "('list', 'x', {'initial': <1>})",
              ERR ("InvalidArgument"));
  bus_refuse (bus, path, IFACE ("Value.Write"), "(5,)", "org.freedesktop.DBus.Error.InvalidArgs");
}

/* What other programs put there, and D-Bus has no way to say. */
static void
test_not_representable (void)
{
  static const char *const values[] = { "()", "[<(1, ())>]", "@a() []" };
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "odd", 0, NULL, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "odd dict", 0, NULL, NULL);
  g_autoptr (GVariant) key = g_variant_ref_sink (g_variant_new_string ("k"));
  GVariant *deep = g_variant_new_int32 (1);

  for (guint level = 0; level < 50; level++)
    deep = g_variant_new_array (NULL, (GVariant *[]){ g_variant_new_variant (deep) }, 1);
  g_assert_true (shmobj_list_append (list, deep, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (values[i]));

      g_assert_true (shmobj_list_append (list, value, NULL));
      g_assert_true (shmobj_dict_set (dict, key, value, NULL));
    }

  for (int i = 0; i < 4; i++)
    {
      g_autofree char *arguments = g_strdup_printf ("(int64 %d,)", i);

      bus_refuse (bus, ROOT "/odd", IFACE ("List.GetItem"), arguments, ERR ("NotRepresentable"));
      bus_refuse (bus, ROOT "/odd", IFACE ("List.Pop"), arguments, ERR ("NotRepresentable"));
    }
  bus_refuse (bus, ROOT "/odd", IFACE ("List.GetRange"), "(int64 0, int64 9)",
              ERR ("NotRepresentable"));
  bus_refuse (bus, ROOT "/odd_20dict", IFACE ("Dict.GetItem"), "(<'k'>,)",
              ERR ("NotRepresentable"));
  bus_refuse (bus, ROOT "/odd_20dict", IFACE ("Dict.Pop"), "(<'k'>,)", ERR ("NotRepresentable"));
  bus_refuse (bus, ROOT "/odd_20dict", IFACE ("Dict.ToMap"), "()", ERR ("NotRepresentable"));

  /* refused is not removed, and nobody was disconnected */
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 4);
  g_assert_cmpint (shmobj_dict_get_length (dict, NULL), ==, 1);
  bus_expect (bus, ROOT "/odd", IFACE ("List.Clear"), "()", "()");
}

static void
test_descriptors_are_no_values (void)
{
  g_autofree char *path = bus_open (bus, "list", "fds", "{}");

  bus_refuse (bus, path, IFACE ("List.Append"), "(<handle 0>,)", ERR ("NotRepresentable"));
  bus_refuse (bus, path, IFACE ("List.Extend"), "([<1>, <[handle 0]>],)", ERR ("NotRepresentable"));
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 0, int64 9)", "(@av [],)");
}

static void
test_too_large (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "large", 0, NULL, NULL);
  gsize size = 8 * 1024 * 1024;
  g_autofree guint8 *zeros = g_malloc0 (size);
  g_autoptr (GVariant) value =
      g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, zeros, size, 1));
  g_autoptr (GVariant) part = NULL;

  for (guint i = 0; i < 9; i++)
    g_assert_true (shmobj_list_append (list, value, NULL));
  bus_refuse (bus, ROOT "/large", IFACE ("List.GetRange"), "(int64 0, int64 9)",
              ERR ("NotRepresentable"));
  part = bus_call (bus, ROOT "/large", IFACE ("List.GetRange"), "(int64 0, int64 2)");
  g_assert_cmpuint (g_variant_get_size (part), >, 2 * size);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('large',)", "()");
}

/* What is popped and cannot be sent stays where it is: it is looked at before it leaves. */
static void
test_pop_leaves_what_cannot_be_sent (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "too heavy", 0, NULL, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "heavy dict", 0, NULL, NULL);
  g_autoptr (GVariant) key = g_variant_ref_sink (g_variant_new_string ("key"));
  gsize size = 65 * 1024 * 1024;
  g_autoptr (GBytes) zeros = g_bytes_new_take (g_malloc0 (size), size);
  g_autoptr (GVariant) heavy =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, zeros, TRUE));
  g_autoptr (GVariant) tuple = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));
  g_autoptr (GVariant) still = NULL;
  g_autofree char *path = bus_open (bus, "list", "too heavy", "{}");
  g_autofree char *dict_path = bus_open (bus, "dict", "heavy dict", "{}");

  g_assert_true (shmobj_list_append (list, heavy, NULL));
  g_assert_true (shmobj_list_append (list, tuple, NULL));
  bus_expect (bus, path, IFACE ("List.Append"), "(<1>,)", "()");
  bus_expect (bus, path, IFACE ("List.Pop"), "(int64 -1,)", "(<1>,)");
  bus_refuse (bus, path, IFACE ("List.Pop"), "(int64 -1,)", ERR ("NotRepresentable"));
  bus_refuse (bus, path, IFACE ("List.Pop"), "(int64 0,)", ERR ("NotRepresentable"));
  bus_refuse (bus, path, IFACE ("List.Pop"), "(int64 2,)", ERR ("NotFound"));
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 2);

  g_assert_true (shmobj_dict_set (dict, key, heavy, NULL));
  bus_refuse (bus, dict_path, IFACE ("Dict.Pop"), "(<'key'>,)", ERR ("NotRepresentable"));
  still = shmobj_dict_get (dict, key, NULL);
  g_assert_cmpmem (g_variant_get_data (still), g_variant_get_size (still),
                   g_variant_get_data (heavy), size);
  bus_expect (bus, dict_path, IFACE ("Dict.SetItem"), "(<'key'>, <2>)", "()");
  bus_expect (bus, dict_path, IFACE ("Dict.Pop"), "(<'key'>,)", "(<2>,)");
  bus_refuse (bus, dict_path, IFACE ("Dict.Pop"), "(<'key'>,)", ERR ("NotFound"));
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('too heavy',)", "()");
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('heavy dict',)", "()");
}

static void
test_remove_and_list (void)
{
  g_autofree char *path = bus_open (bus, "list", "short-lived", "{}");
  g_autofree char *again = NULL;

  bus_expect (bus, path, IFACE ("List.Append"), "(<1>,)", "()");
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('short-lived',)", "()");
  bus_refuse (bus, ROOT, SERVICE ".RemoveObject", "('short-lived',)", ERR ("NotFound"));
  bus_refuse (bus, path, IFACE ("List.Clear"), "()", "org.freedesktop.DBus.Error.UnknownMethod");

  /* the next one of that name is another one */
  again = bus_open (bus, "dict", "short-lived", "{'exclusive': <true>}");
  g_assert_cmpstr (again, ==, path);
  bus_expect (bus, path, IFACE ("Dict.Keys"), "()", "(@av [],)");
  bus_expect (bus, ROOT, SERVICE ".ListObjects", "({'kind': <'socks'>},)", "(@a(osst) [],)");
  bus_refuse (bus, ROOT, SERVICE ".ListObjects", "({'knid': <'list'>},)", ERR ("InvalidArgument"));
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('short-lived',)", "()");
}

/* A name that another process gave to something else, behind the service's back. */
static void
test_changed_behind_its_back (void)
{
  g_autofree char *path = bus_open (bus, "list", "fickle", "{}");
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_string ("new one"));

  bus_expect (bus, path, IFACE ("List.Append"), "(<'old one'>,)", "()");
  g_assert_true (shmobj_manager_remove (manager, "fickle", NULL));
  list = shmobj_manager_open_list (manager, "fickle", SHMOBJ_OPEN_EXCLUSIVE, NULL, NULL);
  g_assert_true (shmobj_list_append (list, value, NULL));
  bus_expect (bus, path, IFACE ("List.GetRange"), "(int64 0, int64 9)", "([<'new one'>],)");
}

static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *signal,
           GVariant *parameters,
           gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (signal));
}

static void
test_object_manager (void)
{
  g_autoptr (GPtrArray) signals = g_ptr_array_new_with_free_func (g_free);
  guint id = g_dbus_connection_signal_subscribe (bus, SERVICE, "org.freedesktop.DBus.ObjectManager",
                                                 NULL, ROOT, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                 on_signal, signals, NULL);
  g_autofree char *path = bus_open (bus, "list", "managed", "{}");
  g_autoptr (GVariant) reply = NULL, objects = NULL, interfaces = NULL;

  bus_until (signals->len == 1);
  g_assert_cmpstr (signals->pdata[0], ==, "InterfacesAdded");
  reply = bus_call (bus, ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", "()");
  objects = g_variant_get_child_value (reply, 0);
  interfaces = g_variant_lookup_value (objects, path, NULL);
  g_assert_nonnull (interfaces);
  bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('managed',)", "()");
  bus_until (signals->len == 2);
  g_assert_cmpstr (signals->pdata[1], ==, "InterfacesRemoved");
  g_dbus_connection_signal_unsubscribe (bus, id);
}

static guint
count_managed (const char *but)
{
  g_autoptr (GVariant) reply =
      bus_call (bus, ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", "()");
  g_autoptr (GVariant) objects = g_variant_get_child_value (reply, 0);
  g_autoptr (GVariant) unwanted = g_variant_lookup_value (objects, but, NULL);

  if (unwanted != NULL)
    g_error ("%s is shown", but);
  return g_variant_n_children (objects);
}

/* What somebody has open, and of the rest the last hundred. */
static void
test_object_manager_forgets (void)
{
  g_autoptr (GPtrArray) signals = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDBusConnection) client = bus_connect ();
  g_autoptr (ShmobjManager) manager = bus_manager ();
  guint before = count_managed (ROOT "/nobody");
  guint id;

  for (guint i = 0; i < 150; i++)
    {
      g_autofree char *name = g_strdup_printf ("m%u", i);

      g_free (bus_open (client, "event", name, "{}"));
    }
  g_assert_cmpuint (count_managed (ROOT "/nobody"), ==, before + 150);
  bus_expect (client, ROOT "/m3", IFACE ("Object.Close"), "()", "()"); /* is the oldest now */
  bus_expect (bus, ROOT "/m9", IFACE ("Event.Clear"), "()", "()");
  g_assert_true (g_dbus_connection_close_sync (client, NULL, NULL));
  while (count_managed (ROOT "/nobody") > before + 101)
    g_usleep (1000);
  g_assert_cmpuint (count_managed (ROOT "/m3"), >=, 101);
  bus_expect (bus, ROOT "/m3", IFACE ("Event.Clear"), "()", "()"); /* a path stays good */

  /* removed behind the service's back: known when it looks */
  id = g_dbus_connection_signal_subscribe (bus, SERVICE, "org.freedesktop.DBus.ObjectManager",
                                           "InterfacesRemoved", ROOT, NULL,
                                           G_DBUS_SIGNAL_FLAGS_NONE, on_signal, signals, NULL);
  g_assert_true (shmobj_manager_remove (manager, "m9", NULL));
  (void) count_managed (ROOT "/m9");
  bus_until (signals->len > 0);
  g_dbus_connection_signal_unsubscribe (bus, id);
}

static void
test_object_properties (void)
{
  g_autofree char *path = bus_open (bus, "dict", "Ü", "{}");
  g_autoptr (ShmobjManager) other = bus_manager (); /* the one user besides the service */

  g_assert_nonnull (other);
  bus_expect (bus, path, IFACE ("Dict.SetItem"), "(<1>, <2>)", "()");
  bus_expect (bus, path, "org.freedesktop.DBus.Properties.GetAll", "('" IFACE ("Object") "',)",
              "({'Name': <'Ü'>, 'Kind': <'dict'>, 'Size': <uint64 1>, 'Users': <uint32 1>, "
              "'Version': <uint32 1>},)");
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  bus = bus_connect ();
  g_test_add_func ("/bus-containers/open", test_open);
  g_test_add_func ("/bus-containers/wrong-types-have-proper-errors", test_wrong_types);
  g_test_add_func ("/bus-containers/list", test_list);
  g_test_add_func ("/bus-containers/dict", test_dict);
  g_test_add_func ("/bus-containers/value", test_value);
  g_test_add_func ("/bus-containers/not-representable-stays-and-hurts-nobody",
                   test_not_representable);
  g_test_add_func ("/bus-containers/descriptors-are-no-values", test_descriptors_are_no_values);
  g_test_add_func ("/bus-containers/too-large-is-refused", test_too_large);
  g_test_add_func ("/bus-containers/pop-leaves-what-cannot-be-sent",
                   test_pop_leaves_what_cannot_be_sent);
  g_test_add_func ("/bus-containers/removed-is-gone", test_remove_and_list);
  g_test_add_func ("/bus-containers/changed-behind-its-back", test_changed_behind_its_back);
  g_test_add_func ("/bus-containers/object-manager-tells", test_object_manager);
  g_test_add_func ("/bus-containers/object-manager-forgets", test_object_manager_forgets);
  g_test_add_func ("/bus-containers/object-properties", test_object_properties);
  result = g_test_run ();
  g_object_unref (bus);
  return result;
}
