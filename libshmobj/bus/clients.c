/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients: an account for each, as long as there is something on it, and the news that one has
 * left.
 *
 * One subscription to NameOwnerChanged serves all of them: a match rule for each client that waits
 * would be two more round trips per call. Signals and calls of one client reach us in the order in
 * which the bus saw them, so a client that is watched from its own call on cannot have left before.
 * A forked heir of a client keeps its connection open; then it has not left.
 *
 * On an account is what the client makes this process keep: objects open, calls that wait, locks,
 * messages not confirmed, the bytes of these, and watches. Each is limited, so that a client that
 * goes wild meets an error of its own, and not the others a service without memory or descriptors.
 * All of it ends when the client has left: watches are told, whoever keeps a charge then frees it.
 */

#include "bus/clients.h"

static const struct
{
  const char *name, *what;
  guint64 most;
} limits[BUS_N_LIMITS] = {
  [BUS_LIMIT_OBJECTS] = { "objects", "open objects", 10000 },
  [BUS_LIMIT_CALLS] = { "calls", "calls that wait", 500 },
  [BUS_LIMIT_LOCKS] = { "locks", "locks that it holds or waits for", 250 },
  [BUS_LIMIT_MESSAGES] = { "messages", "messages that it has not confirmed", 2000 },
  [BUS_LIMIT_BYTES] = { "bytes", "bytes in messages that are not confirmed and calls that wait",
                        256 * 1024 * 1024 },
  [BUS_LIMIT_WATCHES] = { "watches", "objects that it watches", 1000 },
};

typedef struct
{
  BusClients *clients;
  char *sender;        /* (owned): "" for the other end of a connection without a bus */
  GQueue watches;      /* BusClientWatch */
  GHashTable *objects; /* (owned) (nullable): what it has open */
  guint64 used[BUS_N_LIMITS];
} Client;

struct _BusClients
{
  GDBusConnection *connection; /* (owned) */
  guint subscription;
  gulong closed_id;
  BusClientLeft left;
  gpointer data;
  GHashTable *accounts; /* sender -> Client */
  guint count;          /* of watches */
  guint64 most[BUS_N_LIMITS];
};

struct _BusClientWatch
{
  Client *client;
  BusClientGone gone; /* NULL once called */
  gpointer data;
};

struct _BusCharge
{
  Client *client;
  BusLimit limit;
  guint64 amount;
};

static void
client_free (gpointer data)
{
  Client *client = data;

  g_clear_pointer (&client->objects, g_hash_table_unref);
  g_free (client->sender);
  g_free (client);
}

static Client *
get_client (BusClients *clients, const char *sender)
{
  const char *key = sender != NULL ? sender : "";
  Client *client = g_hash_table_lookup (clients->accounts, key);

  if (client != NULL)
    return client;
  client = g_new0 (Client, 1);
  client->clients = clients;
  client->sender = g_strdup (key);
  g_hash_table_insert (clients->accounts, client->sender, client);
  return client;
}

/* Frees an account that has nothing on it. */
static void
settle (Client *client)
{
  for (guint i = 0; i < BUS_N_LIMITS; i++)
    if (client->used[i] > 0)
      return;
  if (g_queue_is_empty (&client->watches))
    g_hash_table_remove (client->clients->accounts, client->sender);
}

static BusClientWatch *
next_to_tell (BusClients *clients, const char *sender)
{
  Client *client = g_hash_table_lookup (clients->accounts, sender);

  for (GList *link = client != NULL ? client->watches.head : NULL; link != NULL; link = link->next)
    if (((BusClientWatch *) link->data)->gone != NULL)
      return link->data;
  return NULL;
}

static void
close_all (Client *client)
{
  g_autoptr (GHashTable) objects = g_steal_pointer (&client->objects);
  BusClients *clients = client->clients;

  if (objects == NULL)
    return;
  client->used[BUS_LIMIT_OBJECTS] = 0;
  settle (client);
  clients->left (objects, clients->data);
}

static void
dismiss (BusClients *clients, const char *sender)
{
  BusClientWatch *next;
  Client *client;

  /* a callback may free watches, its own or others, and may make new ones: one at a time */
  while ((next = next_to_tell (clients, sender)) != NULL)
    g_steal_pointer (&next->gone) (next->data);
  client = g_hash_table_lookup (clients->accounts, sender);
  if (client != NULL)
    close_all (client);
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
  g_autofree gpointer *keys = g_hash_table_get_keys_as_array (clients->accounts, NULL);
  g_auto (GStrv) senders = g_strdupv ((char **) keys);

  for (gsize i = 0; senders[i] != NULL; i++)
    dismiss (clients, senders[i]);
}

BusClients *
bus_clients_new (GDBusConnection *connection, BusClientLeft left, gpointer data)
{
  BusClients *clients = g_new0 (BusClients, 1);

  clients->connection = g_object_ref (connection);
  clients->left = left;
  clients->data = data;
  clients->accounts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, client_free);
  for (guint i = 0; i < BUS_N_LIMITS; i++)
    clients->most[i] = limits[i].most;
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
  g_hash_table_unref (clients->accounts);
  g_object_unref (clients->connection);
  g_free (clients);
}

BusClientWatch *
bus_client_watch_new (BusClients *clients, const char *sender, BusClientGone gone, gpointer data)
{
  BusClientWatch *watch = g_new (BusClientWatch, 1);

  *watch = (BusClientWatch){ get_client (clients, sender), gone, data };
  g_queue_push_tail (&watch->client->watches, watch);
  clients->count++;
  return watch;
}

void
bus_client_watch_free (BusClientWatch *watch)
{
  Client *client = watch->client;

  g_queue_remove (&client->watches, watch);
  client->clients->count--;
  settle (client);
  g_free (watch);
}

guint
bus_clients_count (BusClients *clients)
{
  return clients->count;
}

static gboolean
charge (Client *client, BusLimit limit, guint64 amount, GError **error)
{
  guint64 most = client->clients->most[limit];

  if (client->used[limit] <= most && amount <= most - client->used[limit])
    {
      client->used[limit] += amount;
      return TRUE;
    }
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
               "One client may have %" G_GUINT64_FORMAT " %s (the limit “%s” of this service); "
               "you have %" G_GUINT64_FORMAT " and ask for %" G_GUINT64_FORMAT " more",
               most, limits[limit].what, limits[limit].name, client->used[limit], amount);
  settle (client);
  return FALSE;
}

static void
discharge (Client *client, BusLimit limit, guint64 amount)
{
  client->used[limit] -= amount;
  settle (client);
}

BusCharge *
bus_charge_new (
    BusClients *clients, const char *sender, BusLimit limit, guint64 amount, GError **error)
{
  Client *client = get_client (clients, sender);
  BusCharge *made;

  if (!charge (client, limit, amount, error))
    return NULL;
  made = g_new (BusCharge, 1);
  *made = (BusCharge){ client, limit, amount };
  return made;
}

void
bus_charge_free (BusCharge *made)
{
  discharge (made->client, made->limit, made->amount);
  g_free (made);
}

gboolean
bus_clients_set_limit (BusClients *clients, const char *limit, guint64 most)
{
  for (guint i = 0; i < BUS_N_LIMITS; i++)
    if (g_str_equal (limits[i].name, limit))
      {
        clients->most[i] = most;
        return TRUE;
      }
  return FALSE;
}

char *
bus_limit_names (void)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < BUS_N_LIMITS; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", limits[i].name);
  return g_string_free (names, FALSE);
}

static gboolean
has_open (Client *client, gpointer object)
{
  return client->objects != NULL && g_hash_table_contains (client->objects, object);
}

gboolean
bus_clients_check_room (BusClients *clients, const char *sender, gpointer object, GError **error)
{
  Client *client = get_client (clients, sender);

  if (has_open (client, object))
    return TRUE;
  if (!charge (client, BUS_LIMIT_OBJECTS, 1, error))
    return FALSE;
  discharge (client, BUS_LIMIT_OBJECTS, 1);
  return TRUE;
}

gboolean
bus_clients_open (
    BusClients *clients, const char *sender, gpointer object, gboolean *added, GError **error)
{
  Client *client = get_client (clients, sender);

  *added = FALSE;
  if (has_open (client, object))
    return TRUE;
  if (!charge (client, BUS_LIMIT_OBJECTS, 1, error))
    return FALSE;
  if (client->objects == NULL)
    client->objects = g_hash_table_new (NULL, NULL);
  *added = g_hash_table_add (client->objects, object);
  return TRUE;
}

static gboolean
close_for (Client *client, gpointer object)
{
  if (client == NULL || client->objects == NULL || !g_hash_table_remove (client->objects, object))
    return FALSE;
  discharge (client, BUS_LIMIT_OBJECTS, 1);
  return TRUE;
}

gboolean
bus_clients_close (BusClients *clients, const char *sender, gpointer object)
{
  return close_for (g_hash_table_lookup (clients->accounts, sender != NULL ? sender : ""), object);
}

void
bus_clients_close_for_all (BusClients *clients, gpointer object)
{
  g_autoptr (GList) all = g_hash_table_get_values (clients->accounts);

  for (GList *link = all; link != NULL; link = link->next)
    (void) close_for (link->data, object);
}
