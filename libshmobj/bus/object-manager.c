/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.freedesktop.DBus.ObjectManager: the objects that clients have open.
 *
 * Not all that the manager holds: there may be tens of thousands, and telling of each would read
 * them all. A client has an object open when it called Open or any method of it, until it calls
 * Close or leaves. What nobody has open any more stays for a while, for programs that come and go
 * with each call: the last UNUSED of them. What is pinned (a call waits in it, a lock is held, a
 * message is not confirmed) has more references than ours, and stays too: its state is nowhere
 * else.
 *
 * An object that another process removed is found when it is next used, or listed.
 *
 * Stages. Inside of Transact the table stays as it is, and what comes and goes is put on a stage
 * over it: found by those who look for it, but told to nobody and on nobody's account. Before the
 * transaction is committed the client is charged; then the stage becomes the table, or is dropped.
 */

#include "bus/object-manager.h"

#include "bus/introspection.h"
#include "bus/names.h"
#include "bus/service.h"

#define UNUSED 100

struct _BusOpened
{
  GHashTable *objects; /* path -> BusObject (owned) */
  GQueue unused;       /* BusObject: nobody has them open; the oldest first */
  GHashTable *come;    /* (owned) (nullable): path -> BusObject (owned); the stage */
  GHashTable *gone;    /* (owned): BusObject (owned) of the table; while there is a stage */
};

BusOpened *
bus_opened_new (void)
{
  BusOpened *opened = g_new0 (BusOpened, 1);

  opened->objects =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) bus_object_unref);
  return opened;
}

void
bus_opened_free (BusOpened *opened)
{
  g_queue_clear (&opened->unused);
  g_hash_table_unref (opened->objects);
  g_free (opened);
}

BusObject *
bus_opened_find (BusService *service, const char *path)
{
  BusOpened *opened = service->opened;
  BusObject *object = opened->come != NULL ? g_hash_table_lookup (opened->come, path) : NULL;

  if (object != NULL)
    return object;
  object = g_hash_table_lookup (opened->objects, path);
  return object == NULL || opened->come == NULL || !g_hash_table_contains (opened->gone, object)
             ? object
             : NULL;
}

static GVariant *
interfaces_and_properties (BusObject *object)
{
  const BusInterface *const *interface = bus_interfaces_of (object->interface->kind);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{sa{sv}}"));
  for (; *interface != NULL; interface++)
    g_variant_builder_add (&builder, "{s@a{sv}}", (*interface)->info->name,
                           bus_interface_get_all (*interface, object, FALSE));
  return g_variant_builder_end (&builder);
}

static void
tell (BusService *service, const char *signal, GVariant *parameters)
{
  (void) g_dbus_connection_emit_signal (service->connection, NULL, BUS_PATH,
                                        BUS_INTERFACE_OBJECT_MANAGER, signal, parameters, NULL);
}

static void
tell_removed (BusObject *object)
{
  const BusInterface *const *interface = bus_interfaces_of (object->interface->kind);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (; *interface != NULL; interface++)
    g_variant_builder_add (&builder, "s", (*interface)->info->name);
  tell (object->service, "InterfacesRemoved", g_variant_new ("(oas)", object->path, &builder));
}

/* Out of the table, with a word to the bus. */
static void
take_out (BusOpened *opened, BusObject *object)
{
  if (object->openers == 0)
    (void) g_queue_remove (&opened->unused, object);
  tell_removed (object);
  g_hash_table_remove (opened->objects, object->path);
}

static void
set_unused (BusOpened *opened, BusObject *object)
{
  g_queue_push_tail (&opened->unused, object);
  for (GList *link = opened->unused.head, *next; link != NULL && opened->unused.length > UNUSED;
       link = next)
    {
      BusObject *oldest = link->data;

      next = link->next;
      if (g_ref_count_compare (&oldest->references, 1))
        take_out (opened, oldest);
    }
}

static void
drop_opener (BusObject *object)
{
  if (--object->openers > 0)
    return;
  if (object->name == NULL) /* our having it open may be all that keeps it (by-reference.c) */
    take_out (object->service->opened, object);
  else
    set_unused (object->service->opened, object);
}

static void
insert (BusService *service, BusObject *object)
{
  g_hash_table_replace (service->opened->objects, object->path, bus_object_ref (object));
  tell (service, "InterfacesAdded",
        g_variant_new ("(o@a{sa{sv}})", object->path, interfaces_and_properties (object)));
}

gboolean
bus_opened_add (BusService *service, BusObject *object, GError **error)
{
  BusOpened *opened = service->opened;
  gboolean known = g_hash_table_lookup (opened->objects, object->path) == object;
  gboolean added;

  if (opened->come != NULL && !known)
    {
      g_hash_table_replace (opened->come, object->path, bus_object_ref (object));
      return TRUE;
    }
  if (!bus_clients_open (service->clients, service->caller, object, &added, error))
    return FALSE;
  if (added && known && object->openers == 0)
    (void) g_queue_remove (&opened->unused, object);
  object->openers += added;
  if (!known)
    insert (service, object);
  return TRUE;
}

void
bus_opened_close (BusObject *object)
{
  if (bus_clients_close (object->service->clients, object->service->caller, object))
    drop_opener (object);
}

void
bus_opened_remove (BusObject *object)
{
  BusOpened *opened = object->service->opened;

  if (opened->come != NULL)
    {
      if (g_hash_table_lookup (opened->come, object->path) == object)
        g_hash_table_remove (opened->come, object->path);
      else
        g_hash_table_add (opened->gone, bus_object_ref (object));
      return;
    }
  if (object->openers > 0)
    {
      bus_clients_close_for_all (object->service->clients, object);
      object->openers = 0;
    }
  take_out (object->service->opened, object);
}

void
bus_opened_begin_stage (BusService *service)
{
  BusOpened *opened = service->opened;

  opened->come =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) bus_object_unref);
  opened->gone = g_hash_table_new_full (NULL, NULL, (GDestroyNotify) bus_object_unref, NULL);
}

gboolean
bus_opened_charge_stage (BusService *service, GError **error)
{
  GHashTableIter iter;
  gpointer object;
  gboolean added;

  g_hash_table_iter_init (&iter, service->opened->come);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    if (!bus_clients_open (service->clients, service->caller, object, &added, error))
      return FALSE;
  return TRUE;
}

void
bus_opened_end_stage (BusService *service, gboolean committed)
{
  BusOpened *opened = service->opened;
  g_autoptr (GHashTable) come = g_steal_pointer (&opened->come);
  g_autoptr (GHashTable) gone = g_steal_pointer (&opened->gone);
  GHashTableIter iter;
  gpointer object;

  g_hash_table_iter_init (&iter, gone);
  while (committed && g_hash_table_iter_next (&iter, &object, NULL))
    if (bus_opened_find (service, ((BusObject *) object)->path) == object)
      bus_opened_remove (object);
  g_hash_table_iter_init (&iter, come);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    if (!committed)
      (void) bus_clients_close (service->clients, service->caller, object);
    else
      {
        ((BusObject *) object)->openers = 1;
        insert (service, object);
      }
}

void
bus_opened_by_who_left (GHashTable *objects, gpointer user_data)
{
  BusService *service = user_data;
  GHashTableIter iter;
  gpointer object;

  if (service->opened == NULL) /* the manager is not shown any more */
    return;
  g_hash_table_iter_init (&iter, objects);
  while (g_hash_table_iter_next (&iter, &object, NULL))
    drop_opener (object);
}

static GVariant *
run_get_managed_objects (BusObject *root, GVariant *parameters, GError **error)
{
  BusService *service = root->service;
  g_autoptr (GList) objects = g_hash_table_get_values (service->opened->objects);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{oa{sa{sv}}}"));
  for (GList *link = objects; link != NULL; link = link->next)
    {
      BusObject *object = link->data;

      if (bus_service_has (service, object))
        g_variant_builder_add (&builder, "{o@a{sa{sv}}}", object->path,
                               interfaces_and_properties (object));
      else
        bus_opened_remove (object);
    }
  return g_variant_new ("(a{oa{sa{sv}}})", &builder);
}

static const BusMethod methods[] = {
  { "GetManagedObjects", run_get_managed_objects, NULL },
  { NULL, NULL, NULL },
};

const BusInterface bus_object_manager_interface = {
  .info = &org_freedesktop_dbus_object_manager_interface,
  .methods = methods,
};
