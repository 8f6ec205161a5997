/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Dict on a ShmobjDict. */

#include "base/shmobj-error.h"
#include "bus/arguments.h"
#include "bus/by-reference.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/values.h"
#include "manager/dict-private.h"

static GObject *
open_dict (ShmobjManager *manager,
           const char *name,
           ShmobjOpenFlags flags,
           GVariantDict *options,
           GError **error)
{
  return (GObject *) shmobj_manager_open_dict (manager, name, flags, NULL, error);
}

static ShmobjDict *
dict_of (BusObject *object)
{
  return SHMOBJ_DICT (object->object);
}

static GVariant *
run_get_item (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) key = bus_argument_value (parameters, 0, error);

  return key != NULL ? bus_body_value (shmobj_dict_get (dict_of (object), key, error), error)
                     : NULL;
}

static GVariant *
run_set_item (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) key = bus_argument_value (parameters, 0, error);
  g_autoptr (GVariant) value = key != NULL ? bus_argument_value (parameters, 1, error) : NULL;

  return bus_body_done (value != NULL && shmobj_dict_set (dict_of (object), key, value, error));
}

/* Sets all of @pairs, the a(vv) that @builder has. */
static GVariant *
update (BusObject *object, GVariantBuilder *builder, GError **error)
{
  g_autoptr (GVariant) pairs = g_variant_ref_sink (g_variant_builder_end (builder));

  return bus_body_done (shmobj_dict_update (dict_of (object), pairs, error));
}

static GVariant *
run_update (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) items = g_variant_get_child_value (parameters, 0);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(vv)"));
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (items, i);
      g_autoptr (GVariant) key = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) value = bus_argument_value (entry, 1, error);

      if (value == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "(vv)", key, value);
    }
  return update (object, &builder, error);
}

static GVariant *
run_update_items (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) items = g_variant_get_child_value (parameters, 0);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(vv)"));
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) pair = g_variant_get_child_value (items, i);
      g_autoptr (GVariant) key = bus_argument_value (pair, 0, error);
      g_autoptr (GVariant) value = key != NULL ? bus_argument_value (pair, 1, error) : NULL;

      if (value == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "(vv)", key, value);
    }
  return update (object, &builder, error);
}

static GVariant *
run_pop (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) key = bus_argument_value (parameters, 0, error);
  ShmobjFrame frame, popped;
  GVariant *value;

  if (key == NULL)
    return NULL;
  shmobj_frame_set_variant (&frame, key);
  if (!shmobj_dict_pop_frame_for (dict_of (object), &frame, bus_check_frame, &popped, error))
    return NULL;
  value = stored_take_value (&popped, error);
  bus_reference_keep (object->service, value);
  return bus_body_value (value, error);
}

static GVariant *
run_contains (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) key = bus_argument_value (parameters, 0, error);
  g_autoptr (GError) local = NULL;
  gboolean contained;

  if (key == NULL)
    return NULL;
  contained = shmobj_dict_contains (dict_of (object), key, &local);
  if (local == NULL)
    return g_variant_new ("(b)", contained);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

static GVariant *
run_keys (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize n = 0;
  GVariant **keys = shmobj_dict_keys (dict_of (object), &n, &local);

  if (local == NULL)
    return bus_body_values (keys, n, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/* Adds one key and its value to the reply. */
typedef gboolean (*AddItem) (GVariantBuilder *builder,
                             GVariant *key,
                             GVariant *value,
                             GError **error);

static gboolean
add_pair (GVariantBuilder *builder, GVariant *key, GVariant *value, GError **error)
{
  g_variant_builder_add (builder, "(vv)", key, value);
  return TRUE;
}

static gboolean
add_entry (GVariantBuilder *builder, GVariant *key, GVariant *value, GError **error)
{
  if (g_variant_is_of_type (key, G_VARIANT_TYPE_STRING))
    {
      g_variant_builder_add (builder, "{sv}", g_variant_get_string (key, NULL), value);
      return TRUE;
    }
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
               "A key of type “%.40s” is no text: Items() has keys of any type",
               g_variant_get_type_string (key));
  return FALSE;
}

static GVariant *
all_items (BusObject *object, const char *type, AddItem add, GError **error)
{
  g_autoptr (GVariant) items = shmobj_dict_items (dict_of (object), error);
  GVariantBuilder builder;

  if (items == NULL)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE (type));
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) key = NULL, value = NULL, seen_key = NULL, seen = NULL;

      g_variant_get_child (items, i, "(vv)", &key, &value);
      seen_key = bus_value_out (key, error);
      seen = seen_key != NULL ? bus_value_out (value, error) : NULL;
      if (seen == NULL || !add (&builder, seen_key, seen, error))
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
run_items (BusObject *object, GVariant *parameters, GError **error)
{
  GVariant *items = all_items (object, "a(vv)", add_pair, error);

  return items != NULL ? g_variant_new ("(@a(vv))", items) : NULL;
}

static GVariant *
run_to_map (BusObject *object, GVariant *parameters, GError **error)
{
  GVariant *items = all_items (object, "a{sv}", add_entry, error);

  return items != NULL ? g_variant_new ("(@a{sv})", items) : NULL;
}

static GVariant *
run_clear (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_dict_clear (dict_of (object), error));
}

static const BusMethod methods[] = {
  { "GetItem", run_get_item, NULL, .reads = TRUE },
  { "SetItem", run_set_item, NULL },
  { "Update", run_update, NULL },
  { "UpdateItems", run_update_items, NULL },
  { "Pop", run_pop, NULL },
  { "Contains", run_contains, NULL, .reads = TRUE },
  { "Keys", run_keys, NULL, .reads = TRUE },
  { "Items", run_items, NULL, .reads = TRUE },
  { "ToMap", run_to_map, NULL, .reads = TRUE },
  { "Clear", run_clear, NULL },
  { NULL, NULL, NULL },
};

const BusInterface bus_dict_interface = {
  .info = &org_shmobj_manager1_dict_interface,
  .kind = "dict",
  .methods = methods,
  .properties = bus_container_properties,
  .open = open_dict,
};
