/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Who calls us, what each of them has, and when they have left (bus/clients.c). */

typedef struct _BusClients BusClients;
typedef struct _BusClientWatch BusClientWatch;
typedef struct _BusCharge BusCharge;

typedef void (*BusClientGone) (gpointer data);
/* @objects: what the client had open, a set of pointers, which ends behind the call. */
typedef void (*BusClientLeft) (GHashTable *objects, gpointer data);

/* @left is called when a client that had objects open has left, after all watches. */
BusClients *bus_clients_new (GDBusConnection *connection, BusClientLeft left, gpointer data);
/* No watch and no charge may be left. What clients have open is forgotten. */
void bus_clients_free (BusClients *clients);

/* Calls @gone once, from the main context, when @sender (NULL on a connection without a bus: the
 * other end) has left. The watch must be freed in any case, also after that. */
BusClientWatch *
bus_client_watch_new (BusClients *clients, const char *sender, BusClientGone gone, gpointer data);
void bus_client_watch_free (BusClientWatch *watch);
guint bus_clients_count (BusClients *clients); /* watches there are */

/* What one client may have at a time. */
typedef enum
{
  BUS_LIMIT_OBJECTS,  /* open */
  BUS_LIMIT_CALLS,    /* that wait */
  BUS_LIMIT_LOCKS,    /* held, or waited for */
  BUS_LIMIT_MESSAGES, /* received and not confirmed, or waited for like that */
  BUS_LIMIT_BYTES,    /* of those messages, and in calls that wait */
  BUS_LIMIT_WATCHES,  /* objects whose changes it is told */
  BUS_N_LIMITS
} BusLimit;

/* Puts @amount, not 0, on @sender's account until the charge is freed. NULL with LIMITS_EXCEEDED.
 */
BusCharge *bus_charge_new (
    BusClients *clients, const char *sender, BusLimit limit, guint64 amount, GError **error);
void bus_charge_free (BusCharge *charge);

/* FALSE when no limit has that name. What clients have already stays theirs. */
gboolean bus_clients_set_limit (BusClients *clients, const char *limit, guint64 most);
/* All of them, for people: "objects, calls, …". */
char *bus_limit_names (void);

/* The set of objects that a client has open. Has it @object (nullable) open, or room for another
 * one? FALSE with LIMITS_EXCEEDED. */
gboolean
bus_clients_check_room (BusClients *clients, const char *sender, gpointer object, GError **error);
/* Opening one again does nothing and is fine; FALSE with LIMITS_EXCEEDED. */
gboolean bus_clients_open (
    BusClients *clients, const char *sender, gpointer object, gboolean *added, GError **error);
/* FALSE when it had not. */
gboolean bus_clients_close (BusClients *clients, const char *sender, gpointer object);
/* @object is nobody's any more. */
void bus_clients_close_for_all (BusClients *clients, gpointer object);
