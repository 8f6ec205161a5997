/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"

/* The objects that clients have open, as org.freedesktop.DBus.ObjectManager shows them
 * (bus/object-manager.c). */

typedef struct _BusOpened BusOpened;

BusOpened *bus_opened_new (void);
void bus_opened_free (BusOpened *opened);

/* The object at @path, if it is one of them; not referenced. */
BusObject *bus_opened_find (BusService *service, const char *path);
/* The caller of this moment has @object open from now on; the bus is told if it is the first.
 * FALSE with LIMITS_EXCEEDED. */
gboolean bus_opened_add (BusService *service, BusObject *object, GError **error);
/* The caller of this moment needs it no more. */
void bus_opened_close (BusObject *object);
/* @object is not in the manager any more. */
void bus_opened_remove (BusObject *object);
/* From here on all of this is put on a stage, inside of one dispatch, until that ends: then it is
 * so, and the bus is told, or nothing of it was. */
void bus_opened_begin_stage (BusService *service);
/* Puts what has come on the caller's account. FALSE with LIMITS_EXCEEDED. */
gboolean bus_opened_charge_stage (BusService *service, GError **error);
void bus_opened_end_stage (BusService *service, gboolean committed);
/* A BusClientLeft; @service: a BusService. */
void bus_opened_by_who_left (GHashTable *objects, gpointer service);
