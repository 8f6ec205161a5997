/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Value on a ShmobjValue. */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/values.h"

static GObject *
open_value (ShmobjManager *manager,
            const char *name,
            ShmobjOpenFlags flags,
            GVariantDict *options,
            GError **error)
{
  g_autoptr (GVariant) given = g_variant_dict_lookup_value (options, "initial", NULL);
  g_autoptr (GVariant) initial = given != NULL ? bus_value_in (given, error) : NULL;

  if (given != NULL && initial == NULL)
    return NULL;
  g_variant_dict_remove (options, "initial");
  return (GObject *) shmobj_manager_open_value (manager, name, flags, initial, NULL, error);
}

static ShmobjValue *
value_of (BusObject *object)
{
  return SHMOBJ_VALUE (object->object);
}

static GVariant *
run_read (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_value (shmobj_value_get (value_of (object), error), error);
}

static GVariant *
run_write (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) value = bus_argument_value (parameters, 0, error);

  return bus_body_done (value != NULL && shmobj_value_set (value_of (object), value, error));
}

static GVariant *
run_add (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) amount = bus_argument_value (parameters, 0, error);

  return amount != NULL
             ? bus_body_value (shmobj_value_add (value_of (object), amount, error), error)
             : NULL;
}

static GVariant *
run_compare_and_set (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) expected = bus_argument_value (parameters, 0, error);
  g_autoptr (GVariant) value = expected != NULL ? bus_argument_value (parameters, 1, error) : NULL;
  g_autoptr (GError) local = NULL;
  gboolean done;

  if (value == NULL)
    return NULL;
  done = shmobj_value_compare_and_set (value_of (object), expected, value, &local);
  if (local == NULL)
    return g_variant_new ("(b)", done);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

static const BusMethod methods[] = {
  { "Read", run_read, NULL }, { "Write", run_write, NULL },
  { "Add", run_add, NULL },   { "CompareAndSet", run_compare_and_set, NULL },
  { NULL, NULL, NULL },
};

const BusInterface bus_value_interface = {
  .info = &org_shmobj_manager1_value_interface,
  .kind = "value",
  .methods = methods,
  .properties = bus_value_properties,
  .open = open_value,
};
