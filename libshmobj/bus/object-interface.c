/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Object: what all objects have. */

#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/names.h"
#include "bus/service.h"
#include "bus/watches.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-shared-memory.h"

static GVariant *
get_name (BusObject *object, GError **error)
{
  return g_variant_new_string (object->name != NULL ? object->name : "");
}

static GVariant *
get_kind (BusObject *object, GError **error)
{
  return g_variant_new_string (object->interface->kind);
}

static GVariant *
get_size (BusObject *object, GError **error)
{
  gint64 size = 0;

  if (SHMOBJ_IS_SHARED_MEMORY (object->object))
    return g_variant_new_uint64 (
        shmobj_shared_memory_get_size (SHMOBJ_SHARED_MEMORY (object->object)));
  if (SHMOBJ_IS_QUEUE (object->object))
    return g_variant_new_uint64 (shmobj_queue_get_size (SHMOBJ_QUEUE (object->object)));
  if (SHMOBJ_IS_LIST (object->object))
    size = shmobj_list_get_length (SHMOBJ_LIST (object->object), error);
  else if (SHMOBJ_IS_DICT (object->object))
    size = shmobj_dict_get_length (SHMOBJ_DICT (object->object), error);
  return size >= 0 ? g_variant_new_uint64 (size) : NULL;
}

static GVariant *
get_users (BusObject *object, GError **error)
{
  g_autoptr (GVariant) participants =
      shmobj_manager_list_participants (object->service->manager, object->name, error);

  return participants != NULL ? g_variant_new_uint32 (g_variant_n_children (participants)) : NULL;
}

static GVariant *
get_version (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (BUS_INTERFACE_VERSION);
}

static GVariant *
run_participants (BusObject *object, GVariant *parameters, GError **error)
{
  g_autoptr (GVariant) participants =
      shmobj_manager_list_participants (object->service->manager, object->name, error);

  return participants != NULL ? g_variant_new ("(@a(uss))", participants) : NULL;
}

static GVariant *
run_close (BusObject *object, GVariant *parameters, GError **error)
{
  bus_opened_close (object);
  return g_variant_new ("()");
}

static GVariant *
run_watch (BusObject *object, GVariant *parameters, GError **error)
{
  guint64 revision;

  return bus_watches_add (object, &revision, error) ? g_variant_new ("(t)", revision) : NULL;
}

static GVariant *
run_unwatch (BusObject *object, GVariant *parameters, GError **error)
{
  bus_watches_remove (object);
  return g_variant_new ("()");
}

static const BusMethod methods[] = {
  { "Close", run_close, NULL },
  { "Participants", run_participants, NULL },
  { "Unwatch", run_unwatch, NULL },
  { "Watch", run_watch, NULL },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Name", get_name },         { "Kind", get_kind },       { "Size", get_size },
  { "Users", get_users, TRUE }, { "Version", get_version }, { NULL, NULL },
};

const BusInterface bus_object_interface = {
  .info = &org_shmobj_manager1_object_interface,
  .methods = methods,
  .properties = properties,
};
