/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names on the bus: paths there and back, errors, and that each described method exists. */

#include "base/shmobj-error.h"
#include "bus/interface.h"
#include "bus/names.h"

#include <string.h>

static void
test_paths (void)
{
  static const char *const names[] = { "todo", "a b", "größe",         "_", "a_b",
                                       "x/y",  ".",   "Übung 7 (neu)", "0" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = bus_path_of (names[i]);
      g_autofree char *back = bus_name_of_node (path + strlen (BUS_PATH "/"));

      g_assert_true (g_variant_is_object_path (path));
      g_assert_cmpstr (back, ==, names[i]);
    }
}

static void
test_bad_nodes (void)
{
  static const char *const nodes[] = {
    "", "_", "_1", "_zz", "a_", "_41", "_5F", "_00", "_ff", "a-b"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (nodes); i++)
    g_assert_null (bus_name_of_node (nodes[i]));
}

static void
test_error_names (void)
{
  static const struct
  {
    GQuark (*domain) (void);
    int code;
    const char *name;
  } rows[] = {
    { shmobj_error_quark, SHMOBJ_ERROR_EMPTY, "org.shmobj.Error.Empty" },
    { shmobj_error_quark, SHMOBJ_ERROR_NOT_REPRESENTABLE, "org.shmobj.Error.NotRepresentable" },
    { g_io_error_quark, G_IO_ERROR_TIMED_OUT, "org.shmobj.Error.TimedOut" },
    { g_io_error_quark, G_IO_ERROR_NO_SPACE, "org.shmobj.Error.NoSpace" },
    { g_io_error_quark, G_IO_ERROR_FAILED, "org.shmobj.Error.Failed" },
    { g_dbus_error_quark, G_DBUS_ERROR_UNKNOWN_PROPERTY,
      "org.freedesktop.DBus.Error.UnknownProperty" },
    { g_variant_parse_error_quark, 1, "org.shmobj.Error.Failed" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = g_error_new (rows[i].domain (), rows[i].code, "x");
      g_autofree char *name = bus_error_name (error);

      g_assert_cmpstr (name, ==, rows[i].name);
    }
}

/* Registered when the library was loaded: a client of ours sees the same GError. */
static void
test_errors_come_back (void)
{
  for (int code = SHMOBJ_ERROR_EMPTY; code <= SHMOBJ_ERROR_CONFLICT; code++)
    {
      g_autoptr (GError) error = g_error_new (SHMOBJ_ERROR, code, "x");
      g_autofree char *name = bus_error_name (error);
      g_autoptr (GError) back = g_dbus_error_new_for_dbus_error (name, "x");

      g_assert_true (g_str_has_prefix (name, "org.shmobj.Error."));
      g_assert_cmpstr (name, !=, "org.shmobj.Error.Failed");
      g_assert_error (back, SHMOBJ_ERROR, code);
    }
}

static gboolean
has_method (const BusInterface *interface, const char *name)
{
  for (const BusMethod *method = interface->methods; method != NULL && method->name != NULL;
       method++)
    if (g_str_equal (method->name, name))
      return (method->run != NULL) != (method->start != NULL);
  return FALSE;
}

static gboolean
has_property (const BusInterface *interface, const char *name)
{
  for (const BusProperty *property = interface->properties;
       property != NULL && property->name != NULL; property++)
    if (g_str_equal (property->name, name))
      return TRUE;
  return FALSE;
}

static void
test_complete (void)
{
  static const char *const kinds[] = { NULL,    "list",      "dict",    "queue",         "lock",
                                       "event", "semaphore", "barrier", "shared-memory", "value" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (const BusInterface *const *interface = bus_interfaces_of (kinds[i]); *interface != NULL;
         interface++)
      {
        const GDBusInterfaceInfo *info = (*interface)->info;

        for (gsize m = 0; info->methods != NULL && info->methods[m] != NULL; m++)
          if (!has_method (*interface, info->methods[m]->name))
            g_error ("%s.%s is described, and not there", info->name, info->methods[m]->name);
        for (gsize p = 0; info->properties != NULL && info->properties[p] != NULL; p++)
          if (!has_property (*interface, info->properties[p]->name))
            g_error ("%s.%s is described, and not there", info->name, info->properties[p]->name);
      }
  g_assert_null (bus_interfaces_of ("socks"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus-names/paths-there-and-back", test_paths);
  g_test_add_func ("/bus-names/other-paths-are-nobodys", test_bad_nodes);
  g_test_add_func ("/bus-names/errors-have-names", test_error_names);
  g_test_add_func ("/bus-names/errors-come-back-as-they-were", test_errors_come_back);
  g_test_add_func ("/bus-names/all-that-is-described-exists", test_complete);
  return g_test_run ();
}
