/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1, and org.freedesktop.DBus.ObjectManager beside it: what there is at the root.
 *
 * The ObjectManager shows the objects that were used over the bus since the service started, not
 * all that the manager holds: there may be tens of thousands, and telling of each would read them
 * all.
 */

#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/names.h"
#include "bus/service.h"
#include "bus/transact.h"

/* What nobody took is a typing error of somebody's. */
static gboolean
check_rest (GVariantDict *options, GError **error)
{
  g_autoptr (GVariant) rest = g_variant_ref_sink (g_variant_dict_end (options));
  g_autofree char *text = NULL;

  if (g_variant_n_children (rest) == 0)
    return TRUE;
  text = g_variant_print (rest, FALSE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Unknown options: %.200s", text);
  return FALSE;
}

/* Options that are for no kind, or another one, are refused before anything is created. */
static gboolean
check_options (const char *kind, GVariant *given, GError **error)
{
  static const struct
  {
    const char *kind, *option;
  } known[] = {
    { NULL, "existing" },     { NULL, "exclusive" },       { "queue", "maxsize" },
    { "queue", "capacity" },  { "shared-memory", "size" }, { "value", "initial" },
    { "semaphore", "value" }, { "semaphore", "maximum" },  { "semaphore", "recovers" },
    { "barrier", "parties" },
  };
  GVariantDict options;

  g_variant_dict_init (&options, given);
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].kind == NULL || g_str_equal (known[i].kind, kind))
      g_variant_dict_remove (&options, known[i].option);
  return check_rest (&options, error);
}

static GVariant *
run_open (BusObject *root, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) given = NULL;
  g_autoptr (BusObject) object = NULL;
  gboolean existing, exclusive;
  GVariantDict options;
  const char *kind, *name;

  g_variant_get (parameters, "(&s&s@a{sv})", &kind, &name, &given);
  if (!check_options (kind, given, error))
    return NULL;

  g_variant_dict_init (&options, given);
  if (bus_option_take_boolean (&options, "existing", FALSE, &existing, error) &&
      bus_option_take_boolean (&options, "exclusive", FALSE, &exclusive, error))
    object = bus_service_open (root->service, kind, name,
                               (existing ? SHMOBJ_OPEN_EXISTING : 0) |
                                   (exclusive ? SHMOBJ_OPEN_EXCLUSIVE : 0),
                               &options, error);
  g_variant_dict_clear (&options);
  return object != NULL ? g_variant_new ("(o)", object->path) : NULL;
}

static GVariant *
run_remove_object (BusObject *root, GVariant *parameters, GError **error)
{
  const char *name;

  g_variant_get (parameters, "(&s)", &name);
  if (!shmobj_manager_remove (root->service->manager, name, error))
    return NULL;
  bus_service_forget (root->service, name);
  return g_variant_new ("()");
}

static GVariant *
run_list_objects (BusObject *root, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) objects = NULL, filter = NULL;
  const char *name, *kind, *wanted = NULL;
  GVariantBuilder builder;
  GVariantDict rest;
  GVariantIter iter;
  guint64 size;

  g_variant_get (parameters, "(@a{sv})", &filter);
  (void) g_variant_lookup (filter, "kind", "&s", &wanted);
  g_variant_dict_init (&rest, filter);
  if (wanted != NULL)
    g_variant_dict_remove (&rest, "kind");
  if (!check_rest (&rest, error))
    return NULL;
  objects = shmobj_manager_list_objects (root->service->manager, error);
  if (objects == NULL)
    return NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(osst)"));
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "(&s&st)", &name, &kind, &size))
    if (wanted == NULL || g_str_equal (wanted, kind))
      {
        g_autofree char *path = bus_path_of (name);

        g_variant_builder_add (&builder, "(osst)", path, name, kind, size);
      }
  return g_variant_new ("(a(osst))", &builder);
}

static GVariant *
get_version (BusObject *root, GError **error)
{
  return g_variant_new_uint32 (BUS_INTERFACE_VERSION);
}

static const BusMethod methods[] = {
  { "Open", run_open, NULL },
  { "RemoveObject", run_remove_object, NULL },
  { "ListObjects", run_list_objects, NULL },
  { "Transact", bus_run_transact, NULL },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Version", get_version },
  { NULL, NULL },
};

const BusInterface bus_manager_interface = {
  .info = &org_shmobj_manager1_interface,
  .methods = methods,
  .properties = properties,
};
