/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/call.h"
#include "manager/shmobj-manager.h"

/* What an adapter says about its interface. Each is one file, BUS-interface.c beside its XML. */

typedef struct
{
  const char *name;
  /* One of the two. Done at once: the reply's body, floating, or NULL with an error. */
  GVariant *(*run) (BusObject *object, GVariant *parameters, GError **error);
  /* Done later: ends with one of the bus_call_return functions. */
  void (*start) (BusCall *call);
  gboolean waits; /* may be long: such calls of one client are limited */
  gboolean reads; /* a container, and does nothing else: may run again (bus/watches.h) */
} BusMethod;

typedef struct
{
  const char *name;
  GVariant *(*get) (BusObject *object, GError **error); /* floating, or NULL with an error */
  gboolean costly; /* only told when asked for, not of each object that appears */
} BusProperty;

typedef struct _BusInterface BusInterface;

struct _BusInterface
{
  const GDBusInterfaceInfo *info;
  const char *kind; /* of the objects that have it; NULL: others */
  const BusMethod *methods;
  const BusProperty *properties; /* both end with a name of NULL */

  /* For interfaces of a kind: opens the object. @options as in Manager1.Open; look there with
   * bus_option_take_uint64(). */
  GObject *(*open) (ShmobjManager *manager,
                    const char *name,
                    ShmobjOpenFlags flags,
                    GVariantDict *options,
                    GError **error);
  /* (nullable): what else the service remembers about an object, and its end. */
  gpointer (*new_state) (BusObject *object);
  void (*free_state) (gpointer state);
};

/* Length and Revision, of a List or a Dict (bus/containers.c); of a Value only the latter. */
extern const BusProperty bus_container_properties[], bus_value_properties[];

extern const BusInterface bus_manager_interface, bus_object_manager_interface, bus_object_interface;
extern const BusInterface bus_list_interface, bus_dict_interface, bus_value_interface,
    bus_queue_interface, bus_lock_interface, bus_event_interface, bus_semaphore_interface,
    bus_barrier_interface, bus_condition_interface, bus_shared_memory_interface;

/* The interface for objects of @kind, NULL if there is none. */
const BusInterface *bus_interface_of_kind (const char *kind);
/* Among those that an object at the root, or of @kind, has. */
const BusInterface *bus_interface_find (const char *kind, const char *name);
/* All of them, ended by NULL: for the root when @kind is NULL, else for an object of @kind. */
const BusInterface *const *bus_interfaces_of (const char *kind);

/* All properties of one interface of one object: a{sv}, floating. Those that fail are left out. */
GVariant *bus_interface_get_all (const BusInterface *interface, BusObject *object, gboolean costly);
/* An unsigned option that may be missing; FALSE with INVALID_ARGUMENT when it has another type. */
gboolean bus_option_take_uint64 (
    GVariantDict *options, const char *name, guint64 most, guint64 *value, GError **error);
/* The same of one that is true or false, and @otherwise if it is missing. */
gboolean bus_option_take_boolean (
    GVariantDict *options, const char *name, gboolean otherwise, gboolean *value, GError **error);
