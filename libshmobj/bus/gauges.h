/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/call.h"

/* What a queue, a lock or an event shows, and when it shows something else (bus/gauges.c). */

typedef struct _BusGauge BusGauge;

/* @body: of org.freedesktop.DBus.Properties.PropertiesChanged; floating. */
typedef void (*BusGaugeMoved) (GVariant *body, gpointer data);

/* What it shows now is no news. NULL with NOT_SUPPORTED for what never changes. */
BusGauge *bus_gauge_new (BusObject *object, BusGaugeMoved moved, gpointer data, GError **error);
void bus_gauge_free (BusGauge *gauge);

/* Tells what it shows now, as far as that is news. */
void bus_gauge_look (BusGauge *gauge);
/* Tells that nothing of what was told is so any more. */
void bus_gauge_tell_gone (BusGauge *gauge);
/* Calls its GSourceFunc from time to time, which looks. @gauge must live as long as it is not
 * destroyed. */
GSource *bus_gauge_source_new (BusGauge *gauge);
/* Something may just be happening to the object: the next time is soon. */
void bus_gauge_stir (BusGauge *gauge, GSource *source);
