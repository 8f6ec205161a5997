/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients that leave.
 *
 * One subscription to NameOwnerChanged serves all of them: a match rule for each client that waits
 * would be two more round trips per call. Signals and calls of one client reach us in the order in
 * which the bus saw them, so a client that is watched from its own call on cannot have left before.
 * A forked heir of a client keeps its connection open; then it has not left.
 */

#include "bus/clients.h"

struct _BusClients
{
  GDBusConnection *connection; /* (owned) */
  guint subscription;
  gulong closed_id;
  GHashTable *watches; /* sender ("" for none) -> GQueue of BusClientWatch */
  guint count;
};

struct _BusClientWatch
{
  BusClients *clients;
  char *sender;       /* (owned) */
  BusClientGone gone; /* NULL once called */
  gpointer data;
};

static void
dismiss (BusClients *clients, const char *sender)
{
  GQueue *watches = g_hash_table_lookup (clients->watches, sender);

  if (watches == NULL)
    return;

  /* a callback may free watches, its own or others, and may make new ones: one at a time */
  for (;;)
    {
      BusClientWatch *next = NULL;

      watches = g_hash_table_lookup (clients->watches, sender);
      for (GList *link = watches != NULL ? watches->head : NULL; link != NULL && next == NULL;
           link = link->next)
        if (((BusClientWatch *) link->data)->gone != NULL)
          next = link->data;
      if (next == NULL)
        return;
      g_steal_pointer (&next->gone) (next->data);
    }
}

static void
on_name_owner_changed (GDBusConnection *connection,
                       const char *sender,
                       const char *path,
                       const char *interface,
                       const char *signal,
                       GVariant *parameters,
                       gpointer user_data)
{
  const char *name, *new_owner;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sss)")))
    return;
  g_variant_get (parameters, "(&s&s&s)", &name, NULL, &new_owner);
  if (name[0] == ':' && new_owner[0] == '\0')
    dismiss (user_data, name);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  BusClients *clients = user_data;
  g_autofree gpointer *keys = g_hash_table_get_keys_as_array (clients->watches, NULL);
  g_auto (GStrv) senders = g_strdupv ((char **) keys);

  for (gsize i = 0; senders[i] != NULL; i++)
    dismiss (clients, senders[i]);
}

BusClients *
bus_clients_new (GDBusConnection *connection)
{
  BusClients *clients = g_new0 (BusClients, 1);

  clients->connection = g_object_ref (connection);
  clients->watches =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_queue_free);
  clients->closed_id = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), clients);
  if (g_dbus_connection_get_unique_name (connection) != NULL)
    clients->subscription = g_dbus_connection_signal_subscribe (
        connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
        "/org/freedesktop/DBus", NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_name_owner_changed, clients,
        NULL);
  return clients;
}

void
bus_clients_free (BusClients *clients)
{
  g_assert (clients->count == 0);

  g_signal_handler_disconnect (clients->connection, clients->closed_id);
  if (clients->subscription != 0)
    g_dbus_connection_signal_unsubscribe (clients->connection, clients->subscription);
  g_hash_table_unref (clients->watches);
  g_object_unref (clients->connection);
  g_free (clients);
}

BusClientWatch *
bus_client_watch_new (BusClients *clients, const char *sender, BusClientGone gone, gpointer data)
{
  BusClientWatch *watch = g_new (BusClientWatch, 1);
  GQueue *watches;

  *watch = (BusClientWatch){ clients, g_strdup (sender != NULL ? sender : ""), gone, data };
  watches = g_hash_table_lookup (clients->watches, watch->sender);
  if (watches == NULL)
    {
      watches = g_queue_new ();
      g_hash_table_insert (clients->watches, g_strdup (watch->sender), watches);
    }
  g_queue_push_tail (watches, watch);
  clients->count++;
  return watch;
}

void
bus_client_watch_free (BusClientWatch *watch)
{
  BusClients *clients = watch->clients;
  GQueue *watches = g_hash_table_lookup (clients->watches, watch->sender);

  g_queue_remove (watches, watch);
  if (g_queue_is_empty (watches))
    g_hash_table_remove (clients->watches, watch->sender);
  clients->count--;
  g_free (watch->sender);
  g_free (watch);
}

guint
bus_clients_count (BusClients *clients)
{
  return clients->count;
}
