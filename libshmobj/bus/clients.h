/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Who calls us, and when they have left (bus/clients.c). */

typedef struct _BusClients BusClients;
typedef struct _BusClientWatch BusClientWatch;

typedef void (*BusClientGone) (gpointer data);

BusClients *bus_clients_new (GDBusConnection *connection);
/* No watch may be left. */
void bus_clients_free (BusClients *clients);

/* Calls @gone once, from the main context, when @sender (NULL on a connection without a bus: the
 * other end) has left. The watch must be freed in any case, also after that. */
BusClientWatch *
bus_client_watch_new (BusClients *clients, const char *sender, BusClientGone gone, gpointer data);
void bus_client_watch_free (BusClientWatch *watch);
guint bus_clients_count (BusClients *clients); /* watches there are */
