/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/call.h"

/* Who watches what (bus/watches.c): signals Changed of lists, dicts and values, PropertiesChanged
 * of others. */

typedef struct _BusWatches BusWatches;

BusWatches *bus_watches_new (void);
void bus_watches_free (BusWatches *watches);

/* The caller of this moment is told of all changes behind @revision; of kinds that have none, 0.
 * Watching twice is watching. LIMITS_EXCEEDED, NOT_SUPPORTED for shared memory. */
gboolean bus_watches_add (BusObject *object, guint64 *revision, GError **error);
void bus_watches_remove (BusObject *object);
/* It is called, and what it shows may change by that. */
void bus_watches_stir (BusObject *object);

typedef GVariant *(*BusRead) (BusObject *object, GVariant *parameters, GError **error);

/* The reply of @run. To a caller who watches, all changes that it shows have been told before it,
 * and none of them is told behind it. May call @run several times; BUSY. */
GVariant *bus_watches_read (BusObject *object, BusRead run, GVariant *parameters, GError **error);
