/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.List on a ShmobjList. */

#include "bus/arguments.h"
#include "bus/by-reference.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "manager/list-private.h"

static GObject *
open_list (ShmobjManager *manager,
           const char *name,
           ShmobjOpenFlags flags,
           GVariantDict *options,
           GError **error)
{
  return (GObject *) shmobj_manager_open_list (manager, name, flags, NULL, error);
}

static ShmobjList *
list_of (BusObject *object)
{
  return SHMOBJ_LIST (object->object);
}

static GVariant *
run_append (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) value = bus_argument_value (parameters, 0, error);

  return bus_body_done (value != NULL && shmobj_list_append (list_of (object), value, error));
}

static GVariant *
run_extend (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) given = g_variant_get_child_value (parameters, 0);
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (gsize i = 0; i < g_variant_n_children (given); i++)
    {
      GVariant *value = bus_argument_value (given, i, error);

      if (value == NULL)
        return NULL;
      g_ptr_array_add (values, value);
    }
  return bus_body_done (
      shmobj_list_extend (list_of (object), (GVariant **) values->pdata, values->len, error));
}

static GVariant *
run_insert (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) value = bus_argument_value (parameters, 1, error);

  return bus_body_done (
      value != NULL &&
      shmobj_list_insert (list_of (object), bus_argument_int64 (parameters, 0), value, error));
}

static GVariant *
run_get_item (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_value (
      shmobj_list_get (list_of (object), bus_argument_int64 (parameters, 0), error), error);
}

static GVariant *
run_get_range (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize n = 0;
  GVariant **values = shmobj_list_get_range (list_of (object), bus_argument_int64 (parameters, 0),
                                             bus_argument_int64 (parameters, 1), &n, &local);

  if (local == NULL)
    return bus_body_values (values, n, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

static GVariant *
run_set_item (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) value = bus_argument_value (parameters, 1, error);

  return bus_body_done (
      value != NULL &&
      shmobj_list_set (list_of (object), bus_argument_int64 (parameters, 0), value, error));
}

static GVariant *
run_pop (BusObject *object, GVariant *parameters, GError **error)
{
  ShmobjFrame popped;
  GVariant *value;

  if (!shmobj_list_pop_frame_for (list_of (object), bus_argument_int64 (parameters, 0),
                                  bus_check_frame, &popped, error))
    return NULL;
  value = stored_take_value (&popped, error);
  bus_reference_keep (object->service, value);
  return bus_body_value (value, error);
}

static GVariant *
run_remove_value (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) value = bus_argument_value (parameters, 0, error);

  return bus_body_done (value != NULL && shmobj_list_remove_value (list_of (object), value, error));
}

static GVariant *
run_delete_range (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_list_delete_range (list_of (object),
                                                  bus_argument_int64 (parameters, 0),
                                                  bus_argument_int64 (parameters, 1), error));
}

static GVariant *
run_clear (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_list_clear (list_of (object), error));
}

static const BusMethod methods[] = {
  { "Append", run_append, NULL },
  { "Extend", run_extend, NULL },
  { "Insert", run_insert, NULL },
  { "GetItem", run_get_item, NULL, .reads = TRUE },
  { "GetRange", run_get_range, NULL, .reads = TRUE },
  { "SetItem", run_set_item, NULL },
  { "Pop", run_pop, NULL },
  { "RemoveValue", run_remove_value, NULL },
  { "DeleteRange", run_delete_range, NULL },
  { "Clear", run_clear, NULL },
  { NULL, NULL, NULL },
};

const BusInterface bus_list_interface = {
  .info = &org_shmobj_manager1_list_interface,
  .kind = "list",
  .methods = methods,
  .properties = bus_container_properties,
  .open = open_list,
};
