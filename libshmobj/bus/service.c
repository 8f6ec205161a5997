/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A manager on a connection: objects by path, and the way of a call to its adapter.
 *
 * All of it is one D-Bus subtree. GDBus asks which interfaces a path has, checks the arguments
 * against them, and hands the call to us; both happen in different dispatches, so nothing that the
 * first one found is trusted in the second: the object is looked up by its path each time. That
 * look-up is a read in the manager's store. It also finds objects that this process never opened,
 * so paths that a client remembers are good in the next service process.
 *
 * Who exports a manager may fork. GDBus does not live in the child (its thread is not there), and
 * the child has no say on the parent's connection: the service stays as it is there, and does
 * nothing.
 *
 * Lives: a service is counted by its objects, and those by their calls, so a call that waits for a
 * lock while the manager is exported no more ends in order.
 */

#include "bus/service.h"

#include "base/fork.h"
#include "bus/by-reference.h"
#include "bus/dispatch.h"
#include "bus/names.h"
#include "manager/manager-private.h"
#include "manager/names.h"

#include <string.h>

BusService *
bus_service_ref (BusService *service)
{
  g_ref_count_inc (&service->references);
  return service;
}

void
bus_service_unref (BusService *service)
{
  if (!g_ref_count_dec (&service->references))
    return;
  bus_line_free (service->line);
  bus_clients_free (service->clients);
  g_hash_table_unref (service->calls);
  g_object_unref (service->connection);
  g_object_unref (service->manager);
  g_free (service);
}

/* Which object has @name now? */
static gboolean
identify (BusService *service,
          const char *name,
          const BusInterface **interface,
          guint64 *id,
          GError **error)
{
  Store *store = manager_get_store (service->manager, error);
  ObjectKind kind = 0;
  gboolean found;
  StoreTxn txn;

  if (store == NULL || !store_read_begin (store, &txn, error))
    return FALSE;
  found = names_lookup (&txn, name, &kind, id);
  if (!store_read_end (&txn, error))
    return FALSE;

  *interface = found ? bus_interface_of_kind (kind_to_string (kind)) : NULL;
  if (!found)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no object “%s”", name);
  else if (*interface == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "“%s” is a %s, which cannot be seen on the bus", name, kind_to_string (kind));
  return *interface != NULL;
}

gboolean
bus_service_has (BusService *service, BusObject *object)
{
  const BusInterface *interface;
  guint64 id;

  return (object->name != NULL
              ? identify (service, object->name, &interface, &id, NULL)
              : bus_reference_identify (service, object->path, &interface, &id, NULL)) &&
         id == object->id;
}

/* The native object behind a new one of ours; NULL with an error. */
static BusObject *
open_existing (BusService *service,
               const char *name,
               guint64 id,
               const BusInterface *interface,
               GError **error)
{
  GVariantDict options;
  GObject *opened;

  g_variant_dict_init (&options, NULL);
  opened = interface->open (service->manager, name, SHMOBJ_OPEN_EXISTING, &options, error);
  g_variant_dict_clear (&options);
  return opened != NULL ? bus_object_new (service, name, id, interface, opened) : NULL;
}

BusObject *
bus_service_get (BusService *service, const char *name, GError **error)
{
  g_autofree char *path = bus_path_of (name);
  BusObject *known = bus_opened_find (service, path);
  g_autoptr (BusObject) object = NULL;
  const BusInterface *interface;
  gboolean there;
  guint64 id;

  there = identify (service, name, &interface, &id, error);
  if (known != NULL && (!there || known->id != id))
    {
      bus_opened_remove (known);
      known = NULL;
    }
  if (!there)
    return NULL;
  object =
      known != NULL ? bus_object_ref (known) : open_existing (service, name, id, interface, error);
  if (object == NULL || !bus_opened_add (service, object, error))
    return NULL;
  return g_steal_pointer (&object);
}

BusObject *
bus_service_open (BusService *service,
                  const char *kind,
                  const char *name,
                  ShmobjOpenFlags flags,
                  GVariantDict *options,
                  GError **error)
{
  const BusInterface *interface = bus_interface_of_kind (kind);
  g_autofree char *path = bus_path_of (name);
  g_autoptr (GObject) opened = NULL;

  if (interface == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "“%s” is no kind of object that can be opened here", kind);
      return NULL;
    }
  if (*name == '\0')
    return bus_reference_make (service, interface, flags, options, error);
  if (!bus_clients_check_room (service->clients, service->caller, bus_opened_find (service, path),
                               error))
    return NULL;
  opened = interface->open (service->manager, name, flags, options, error);
  return opened != NULL ? bus_service_get (service, name, error) : NULL;
}

void
bus_service_forget (BusService *service, const char *name)
{
  g_autofree char *path = bus_path_of (name);
  BusObject *known = bus_opened_find (service, path);

  if (known != NULL)
    bus_opened_remove (known);
}

BusObject *
bus_service_at (BusService *service, const char *path, GError **error)
{
  g_autofree char *name = NULL;

  if (g_str_equal (path, BUS_PATH))
    return bus_object_ref (service->root);
  if (bus_reference_is_path (path))
    return bus_reference_get (service, path, error);
  if (g_str_has_prefix (path, BUS_PATH "/"))
    name = bus_name_of_node (path + strlen (BUS_PATH "/"));
  if (name != NULL)
    return bus_service_get (service, name, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "No object can have the path %s", path);
  return NULL;
}

static void
on_method_call (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface,
                const char *method,
                GVariant *parameters,
                GDBusMethodInvocation *invocation,
                gpointer user_data)
{
  BusService *service = user_data;
  g_autoptr (BusObject) object = NULL;
  GError *error = NULL;

  service->last_call_us = g_get_monotonic_time ();
  service->caller = sender;
  object = bus_service_at (service, path, &error);
  if (object != NULL)
    {
      bus_watches_stir (object);
      bus_dispatch (object, invocation);
    }
  else
    bus_fail (invocation, error);
  service->caller = NULL;
}

static char **
on_enumerate (GDBusConnection *connection, const char *sender, const char *path, gpointer user_data)
{
  BusService *service = user_data;
  g_autoptr (GVariant) objects = shmobj_manager_list_objects (service->manager, NULL);
  g_autoptr (GStrvBuilder) nodes = g_strv_builder_new ();
  const char *name;
  GVariantIter iter;

  if (objects == NULL)
    return g_strv_builder_end (nodes);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "(&s&st)", &name, NULL, NULL))
    {
      g_autofree char *object_path = bus_path_of (name);

      g_strv_builder_add (nodes, object_path + strlen (BUS_PATH "/"));
    }
  return g_strv_builder_end (nodes);
}

/* What is at a node below us? NULL: nothing. */
static const BusInterface *
interface_at (BusService *service, const char *node)
{
  g_autofree char *path = g_strconcat (BUS_PATH "/", node, NULL), *name = NULL;
  const BusInterface *interface = NULL;
  gboolean there;
  guint64 id;

  if (bus_reference_is_path (path))
    there = bus_reference_identify (service, path, &interface, &id, NULL);
  else
    {
      name = bus_name_of_node (node);
      there = name != NULL && identify (service, name, &interface, &id, NULL);
    }
  return there ? interface : NULL;
}

static GDBusInterfaceInfo **
on_introspect (GDBusConnection *connection,
               const char *sender,
               const char *path,
               const char *node,
               gpointer user_data)
{
  const BusInterface *interface = node != NULL ? interface_at (user_data, node) : NULL;
  const BusInterface *const *interfaces = bus_interfaces_of (NULL);
  GPtrArray *infos;

  if (node != NULL && interface == NULL)
    return NULL;
  if (node != NULL)
    interfaces = bus_interfaces_of (interface->kind);

  infos = g_ptr_array_new ();
  for (; *interfaces != NULL; interfaces++)
    g_ptr_array_add (infos, g_dbus_interface_info_ref ((GDBusInterfaceInfo *) (*interfaces)->info));
  g_ptr_array_add (infos, NULL);
  return (GDBusInterfaceInfo **) g_ptr_array_free (infos, FALSE);
}

static const GDBusInterfaceVTable *
on_dispatch (GDBusConnection *connection,
             const char *sender,
             const char *path,
             const char *interface,
             const char *node,
             gpointer *out_user_data,
             gpointer user_data)
{
  static const GDBusInterfaceVTable table = { .method_call = on_method_call };

  *out_user_data = user_data;
  return &table;
}

static void
leave_bus (gpointer data)
{
  BusService *service = data;

  service->on_bus = FALSE;
  bus_service_unref (service);
}

/* GLib that refuses has given its data back already (2.84), or has not (2.74). */
static guint
register_subtree (BusService *service, GError **error)
{
  static const GDBusSubtreeVTable table = { on_enumerate, on_introspect, on_dispatch, { 0 } };

  guint registration;

  service->on_bus = TRUE;
  registration = g_dbus_connection_register_subtree (
      service->connection, BUS_PATH, &table, G_DBUS_SUBTREE_FLAGS_DISPATCH_TO_UNENUMERATED_NODES,
      bus_service_ref (service), leave_bus, error);
  if (registration == 0 && service->on_bus)
    leave_bus (service);
  return registration;
}

BusService *
bus_service_new (ShmobjManager *manager, GDBusConnection *connection, GError **error)
{
  BusService *service;

  if (manager_get_store (manager, error) == NULL)
    return NULL;

  service = g_new0 (BusService, 1);
  g_ref_count_init (&service->references);
  service->manager = g_object_ref (manager);
  service->connection = g_object_ref (connection);
  service->clients = bus_clients_new (connection, bus_opened_by_who_left, service);
  service->opened = bus_opened_new ();
  service->watches = bus_watches_new ();
  service->line = bus_line_new ();
  service->calls = g_hash_table_new (NULL, NULL);
  service->generation = fork_generation ();
  service->last_call_us = g_get_monotonic_time ();
  service->root = bus_object_new_at (service, BUS_PATH, 0, NULL, NULL);
  service->registration = register_subtree (service, error);
  if (service->registration == 0)
    {
      bus_service_end (service);
      return NULL;
    }
  return service;
}

static void
cancel_calls (BusService *service)
{
  g_autofree gpointer *calls = g_hash_table_get_keys_as_array (service->calls, NULL);

  for (gsize i = 0; calls[i] != NULL; i++)
    if (g_hash_table_contains (service->calls, calls[i]))
      g_cancellable_cancel (((BusCall *) calls[i])->cancellable);
}

void
bus_service_end (BusService *service)
{
  guint registration = service->registration;

  if (service->generation != fork_generation ())
    return; /* a copy of the parent's: nothing here reaches the bus, and nothing may */

  service->registration = 0;
  if (service->closed_id != 0)
    g_signal_handler_disconnect (service->connection, service->closed_id);
  service->closed_id = 0;
  if (registration != 0)
    g_dbus_connection_unregister_subtree (service->connection, registration);
  bus_line_end (service);
  cancel_calls (service);
  g_clear_pointer (&service->watches, bus_watches_free);
  g_clear_pointer (&service->opened, bus_opened_free);
  g_clear_pointer (&service->root, bus_object_unref);
  bus_service_unref (service);
}

gboolean
bus_service_is_idle (BusService *service, gint64 for_us)
{
  return g_hash_table_size (service->calls) == 0 && bus_clients_count (service->clients) == 0 &&
         g_get_monotonic_time () - service->last_call_us >= for_us;
}
