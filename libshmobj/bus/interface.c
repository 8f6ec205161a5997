/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which interfaces there are, and what is the same for all of them. */

#include "bus/interface.h"

static const BusInterface *const at_root[] = { &bus_manager_interface,
                                               &bus_object_manager_interface, NULL };
static const BusInterface *const at_list[] = { &bus_object_interface, &bus_list_interface, NULL };
static const BusInterface *const at_dict[] = { &bus_object_interface, &bus_dict_interface, NULL };
static const BusInterface *const at_value[] = { &bus_object_interface, &bus_value_interface, NULL };
static const BusInterface *const at_queue[] = { &bus_object_interface, &bus_queue_interface, NULL };
static const BusInterface *const at_lock[] = { &bus_object_interface, &bus_lock_interface, NULL };
static const BusInterface *const at_event[] = { &bus_object_interface, &bus_event_interface, NULL };
static const BusInterface *const at_semaphore[] = { &bus_object_interface, &bus_semaphore_interface,
                                                    NULL };
static const BusInterface *const at_condition[] = { &bus_object_interface, &bus_condition_interface,
                                                    NULL };
static const BusInterface *const at_barrier[] = { &bus_object_interface, &bus_barrier_interface,
                                                  NULL };
static const BusInterface *const at_shared_memory[] = { &bus_object_interface,
                                                        &bus_shared_memory_interface, NULL };

static const BusInterface *const *const of_kinds[] = { at_list,         at_dict,    at_value,
                                                       at_queue,        at_lock,    at_event,
                                                       at_semaphore,    at_barrier, at_condition,
                                                       at_shared_memory };

const BusInterface *const *
bus_interfaces_of (const char *kind)
{
  if (kind == NULL)
    return at_root;
  for (gsize i = 0; i < G_N_ELEMENTS (of_kinds); i++)
    if (g_str_equal (of_kinds[i][1]->kind, kind))
      return of_kinds[i];
  return NULL;
}

const BusInterface *
bus_interface_of_kind (const char *kind)
{
  const BusInterface *const *interfaces = bus_interfaces_of (kind);

  return interfaces != NULL ? interfaces[1] : NULL;
}

const BusInterface *
bus_interface_find (const char *kind, const char *name)
{
  const BusInterface *const *interfaces = bus_interfaces_of (kind);

  for (; interfaces != NULL && *interfaces != NULL; interfaces++)
    if (g_str_equal ((*interfaces)->info->name, name))
      return *interfaces;
  return NULL;
}

GVariant *
bus_interface_get_all (const BusInterface *interface, BusObject *object, gboolean costly)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (const BusProperty *property = interface->properties;
       property != NULL && property->name != NULL; property++)
    {
      GVariant *value = costly || !property->costly ? property->get (object, NULL) : NULL;

      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", property->name, value);
    }
  return g_variant_builder_end (&builder);
}

/* Clients without introspection send whatever integers their language has. */
static gboolean
get_unsigned (GVariant *value, guint64 *number)
{
  gint64 number_signed;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      *number = g_variant_get_byte (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT16:
      *number = g_variant_get_uint16 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      *number = g_variant_get_uint32 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT64:
      *number = g_variant_get_uint64 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT16:
      number_signed = g_variant_get_int16 (value);
      break;
    case G_VARIANT_CLASS_INT32:
      number_signed = g_variant_get_int32 (value);
      break;
    case G_VARIANT_CLASS_INT64:
      number_signed = g_variant_get_int64 (value);
      break;
    default:
      return FALSE;
    }
  *number = number_signed;
  return number_signed >= 0;
}

gboolean
bus_option_take_uint64 (
    GVariantDict *options, const char *name, guint64 most, guint64 *value, GError **error)
{
  g_autoptr (GVariant) option = g_variant_dict_lookup_value (options, name, NULL);
  g_autofree char *text = NULL;

  *value = 0;
  if (option == NULL)
    return TRUE;
  g_variant_dict_remove (options, name);
  if (get_unsigned (option, value) && *value <= most)
    return TRUE;

  text = g_variant_print (option, TRUE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "The option %s is %.100s: a number from 0 to %" G_GUINT64_FORMAT " is expected",
               name, text, most);
  return FALSE;
}

gboolean
bus_option_take_boolean (
    GVariantDict *options, const char *name, gboolean otherwise, gboolean *value, GError **error)
{
  g_autoptr (GVariant) option = g_variant_dict_lookup_value (options, name, NULL);

  *value = otherwise;
  if (option == NULL)
    return TRUE;
  if (!g_variant_is_of_type (option, G_VARIANT_TYPE_BOOLEAN))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "The option %s has type “%.20s”, a boolean is expected", name,
                   g_variant_get_type_string (option));
      return FALSE;
    }
  *value = g_variant_get_boolean (option);
  g_variant_dict_remove (options, name);
  return TRUE;
}
