/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/dispatch.h"
#include "bus/interface.h"
#include "bus/object-manager.h"
#include "bus/watches.h"

/* One manager on one connection (bus/service.c). */

struct _BusService
{
  grefcount references;
  ShmobjManager *manager;      /* (owned) */
  GDBusConnection *connection; /* (owned) */
  BusClients *clients;         /* (owned) */
  BusObject *root;             /* (owned) */
  BusOpened *opened;           /* (owned); NULL: not exported any more */
  BusWatches *watches;         /* (owned); NULL: not exported any more */
  const char *caller;          /* whose call is being answered; NULL without a bus */
  BusLine *line;               /* (owned) */
  GHashTable *calls;           /* BusCall (unowned) that are not answered yet */
  guint registration;          /* 0: not exported any more */
  gulong closed_id;            /* of who ends it with the connection; 0: nobody */
  gboolean on_bus;             /* the connection holds a reference */
  guint32 generation; /* of the process that exported it: a forked child has no say on the bus */
  gint64 last_call_us;
};

BusService *bus_service_ref (BusService *service);
void bus_service_unref (BusService *service);

/* Puts @manager on @connection; NULL with an error. One reference to the caller, which gives it
 * back with bus_service_end(). */
BusService *bus_service_new (ShmobjManager *manager, GDBusConnection *connection, GError **error);
void bus_service_end (BusService *service);
/* Nothing waits, no client holds anything, and nobody has called since. */
gboolean bus_service_is_idle (BusService *service, gint64 for_us);

/* A new object of the service, which is not in its table yet. */
BusObject *bus_object_new (BusService *service,
                           const char *name,
                           guint64 id,
                           const BusInterface *interface,
                           GObject *object);
/* The same for one without a name. */
BusObject *bus_object_new_at (BusService *service,
                              const char *path,
                              guint64 id,
                              const BusInterface *interface,
                              GObject *object);

/* The object called @name, which the caller has open from now on; NULL with NOT_FOUND, or with
 * LIMITS_EXCEEDED. */
BusObject *bus_service_get (BusService *service, const char *name, GError **error);
/* The same for what has the path. */
BusObject *bus_service_at (BusService *service, const char *path, GError **error);
/* Is @object still what its name means? */
gboolean bus_service_has (BusService *service, BusObject *object);
/* The same, or creates it, as Manager1.Open says; "" is a new one without a name. */
BusObject *bus_service_open (BusService *service,
                             const char *kind,
                             const char *name,
                             ShmobjOpenFlags flags,
                             GVariantDict *options,
                             GError **error);
/* The bus is told that it is gone; calls that wait in it go on waiting. */
void bus_service_forget (BusService *service, const char *name);
