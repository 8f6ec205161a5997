/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the interfaces of containers have in common: properties that each container has. */

#include "bus/interface.h"
#include "manager/container.h"

static GVariant *
get_length (BusObject *object, GError **error)
{
  gint64 length = container_get_length (object->object, error);

  return length >= 0 ? g_variant_new_int64 (length) : NULL;
}

static GVariant *
get_revision (BusObject *object, GError **error)
{
  guint64 revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (object->object), error);

  return revision != 0 ? g_variant_new_uint64 (revision) : NULL;
}

const BusProperty bus_value_properties[] = {
  { "Revision", get_revision },
  { NULL, NULL },
};

const BusProperty bus_container_properties[] = {
  { "Length", get_length },
  { "Revision", get_revision },
  { NULL, NULL },
};
