/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Containers without a name on the bus: by their references.
 *
 * A reference is the path of the object that it leads to (manager/references.c), so a client calls
 * what it finds as an item. Such objects are opened when they are called, and stay open as other
 * objects do, as long as a client has them open; so an object that lost its last reference lives on
 * for that client. What was popped is open for who popped it: nothing else may keep it.
 *
 * Open with an empty name makes a new one, which lives until it is an item somewhere, or its client
 * closes it or leaves.
 */

#include "bus/by-reference.h"

#include "bus/names.h"
#include "bus/service.h"
#include "manager/container.h"

gboolean
bus_reference_is_path (const char *path)
{
  return g_str_has_prefix (path, REFERENCE_PREFIX);
}

static gboolean
look (StoreTxn *txn, const Reference *reference, ObjectHeader *header)
{
  return references_get_identity (txn) == reference->identity &&
         names_get_header (txn, reference->id, header) && !names_is_removing (txn, reference->id) &&
         kind_is_container (header->kind);
}

gboolean
bus_reference_identify (BusService *service,
                        const char *path,
                        const BusInterface **interface,
                        guint64 *id,
                        GError **error)
{
  Store *store = manager_get_store (service->manager, error);
  ObjectHeader header = { 0 };
  Reference reference;
  gboolean found;
  StoreTxn txn;

  if (store == NULL || !store_read_begin (store, &txn, error))
    return FALSE;
  found = reference_parse (path, strlen (path) + 1, &reference) && look (&txn, &reference, &header);
  if (!store_read_end (&txn, error))
    return FALSE;
  if (!found)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no object at %s any more",
                   path);
      return FALSE;
    }
  *interface = bus_interface_of_kind (kind_to_string (header.kind));
  *id = reference.id;
  return TRUE;
}

static BusObject *
open_now (BusService *service, const char *path, GError **error)
{
  GVariant *reference = g_variant_new_object_path (path);
  ShmobjContainer *opened =
      shmobj_manager_open_reference (service->manager, reference, SHMOBJ_OPEN_DEFAULT, error);
  const BusInterface *interface;
  guint64 id;

  if (opened == NULL)
    return NULL;
  if (bus_reference_identify (service, path, &interface, &id, error))
    return bus_object_new_at (service, path, id, interface, G_OBJECT (opened));
  g_object_unref (opened);
  return NULL;
}

BusObject *
bus_reference_get (BusService *service, const char *path, GError **error)
{
  BusObject *known = bus_opened_find (service, path);
  g_autoptr (BusObject) object =
      known != NULL ? bus_object_ref (known) : open_now (service, path, error);

  if (object == NULL || !bus_opened_add (service, object, error))
    return NULL;
  return g_steal_pointer (&object);
}

BusObject *
bus_reference_make (BusService *service,
                    const BusInterface *interface,
                    ShmobjOpenFlags flags,
                    GVariantDict *options,
                    GError **error)
{
  g_autoptr (GVariant) reference = NULL;
  g_autoptr (GObject) made = NULL;

  if (interface != &bus_list_interface && interface != &bus_dict_interface &&
      interface != &bus_value_interface)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A %s needs a name here; lists, dicts and values do without", interface->kind);
      return NULL;
    }
  if (!bus_clients_check_room (service->clients, service->caller, NULL, error))
    return NULL;
  made = interface->open (service->manager, NULL, flags, options, error);
  reference = made != NULL ? shmobj_container_get_reference (SHMOBJ_CONTAINER (made), error) : NULL;
  return reference != NULL
             ? bus_reference_get (service, g_variant_get_string (reference, NULL), error)
             : NULL;
}

void
bus_reference_keep (BusService *service, GVariant *popped)
{
  if (popped != NULL && g_variant_is_of_type (popped, G_VARIANT_TYPE_OBJECT_PATH) &&
      bus_reference_is_path (g_variant_get_string (popped, NULL)))
    {
      BusObject *object = bus_reference_get (service, g_variant_get_string (popped, NULL), NULL);

      g_clear_pointer (&object, bus_object_unref);
    }
}
