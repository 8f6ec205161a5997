/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watches: one for an object, however many clients watch it.
 *
 * Order. What this process sends on a connection arrives in its order. So a client can keep a copy
 * of an object: it calls Watch, then reads the whole, lets go of every Changed that comes before
 * the answer, and applies every one behind it. For that an answer must show what was told, not
 * more: in an item that was changed and changed back there is nothing to tell. So a read of
 * somebody who watches is between two looks at the revision; when others write all the time, it is
 * made inside of a transaction, where nobody does.
 *
 * Slow readers. What is sent and not yet written lies in this process's memory. After each round of
 * signals a watch is held until the connection has written them; what changes meanwhile is told
 * then, in one round, and has cost nothing. One flush at a time serves all watches. What lies in
 * the bus for a client that does not read is the bus's, which limits it.
 *
 * Two kinds. Lists, dicts and values are followed from revision to revision (follower.c), what
 * others show is looked at (gauges.c). All else is the same for both.
 *
 * Lives. A watch ends with its last client, or with the object; then all are told once more to read
 * it, which fails. It keeps the BusObject, so it is found by its path, not by its BusObject:
 * without a client that has it open there may be another one by now.
 */

#include "bus/watches.h"

#include "base/fork.h"
#include "base/shmobj-error.h"
#include "bus/follower.h"
#include "bus/gauges.h"
#include "bus/interface.h"
#include "bus/service.h"
#include "manager/shmobj-transaction.h"
#include "manager/watching.h"

#include <errno.h>

#define QUICK_READS 4
#define READ_WAIT_US 1000

struct _BusWatches
{
  GHashTable *by_path; /* BusObject's -> BusWatch (owned) */
  GQueue told;         /* BusWatch: held since the flush began, or there is none */
  GQueue flushing;     /* BusWatch: held until it ends */
  gboolean is_flushing;
};

typedef struct
{
  BusObject *object;     /* (owned) */
  BusFollower *follower; /* (owned) (nullable): while it is made, and of other kinds */
  BusGauge *gauge;       /* (owned) (nullable): in place of it */
  GSource *source;       /* (owned) (nullable): the same */
  GPtrArray *watchers;   /* Watcher (owned) */
  gboolean held, again;  /* in one of the queues; and has told more since */
  gboolean late;         /* something may have changed while it was held */
} BusWatch;

typedef struct
{
  BusWatch *watch;
  char *sender;         /* (owned) (nullable) */
  BusClientWatch *gone; /* (owned) */
  BusCharge *charge;    /* (owned) */
} Watcher;

static void
watcher_free (gpointer data)
{
  Watcher *watcher = data;

  bus_client_watch_free (watcher->gone);
  bus_charge_free (watcher->charge);
  g_free (watcher->sender);
  g_free (watcher);
}

static void
watch_free (gpointer data)
{
  BusWatch *watch = data;
  BusWatches *watches = watch->object->service->watches;

  if (watches != NULL)
    {
      (void) g_queue_remove (&watches->told, watch);
      (void) g_queue_remove (&watches->flushing, watch);
    }
  if (watch->source != NULL)
    {
      g_source_destroy (watch->source);
      g_source_unref (watch->source);
    }
  g_clear_pointer (&watch->follower, bus_follower_free);
  g_clear_pointer (&watch->gauge, bus_gauge_free);
  g_ptr_array_unref (watch->watchers);
  bus_object_unref (watch->object);
  g_free (watch);
}

BusWatches *
bus_watches_new (void)
{
  BusWatches *watches = g_new0 (BusWatches, 1);

  watches->by_path = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, watch_free);
  return watches;
}

void
bus_watches_free (BusWatches *watches)
{
  g_hash_table_unref (watches->by_path);
  g_queue_clear (&watches->told);
  g_queue_clear (&watches->flushing);
  g_free (watches);
}

static void
end (BusWatch *watch)
{
  (void) g_hash_table_remove (watch->object->service->watches->by_path, watch->object->path);
}

static gboolean
is_over (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
         g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

static gboolean
catch_up (BusWatch *watch, GError **error)
{
  if (watch->gauge == NULL)
    return bus_follower_catch_up (watch->follower, error);
  bus_gauge_look (watch->gauge);
  return TRUE;
}

static void
tell_end (BusWatch *watch)
{
  if (watch->gauge != NULL)
    bus_gauge_tell_gone (watch->gauge);
  else
    bus_follower_tell_reread (watch->follower);
}

/* Whatever has changed until now is told. FALSE with an error; when there is nothing more to watch,
 * the watch has ended. */
static gboolean
tell (BusWatch *watch, GError **error)
{
  GError *local = NULL;

  if (!bus_service_has (watch->object->service, watch->object))
    g_set_error (&local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no object at %s any more",
                 watch->object->path);
  else if (catch_up (watch, &local))
    return TRUE;
  if (is_over (local))
    {
      tell_end (watch);
      end (watch);
    }
  g_propagate_error (error, local);
  return FALSE;
}

static void flush (BusService *service);

static void
let_go_on (BusWatches *watches, BusWatch *watch)
{
  if (watch->again)
    {
      watch->again = FALSE;
      g_queue_push_tail (&watches->told, watch);
      return;
    }
  watch->held = FALSE;
  if (watch->late)
    {
      watch->late = FALSE;
      (void) tell (watch, NULL);
    }
}

static void
on_flushed (GObject *connection, GAsyncResult *result, gpointer user_data)
{
  BusService *service = user_data;
  gboolean written = g_dbus_connection_flush_finish (G_DBUS_CONNECTION (connection), result, NULL);
  BusWatch *watch;

  if (service->watches != NULL && service->generation == fork_generation ())
    {
      service->watches->is_flushing = FALSE;
      if (written) /* else the connection is closed, and its clients are leaving */
        {
          /* what this tells is held by the next flush */
          service->watches->is_flushing = TRUE;
          while ((watch = g_queue_pop_head (&service->watches->flushing)) != NULL)
            let_go_on (service->watches, watch);
          service->watches->is_flushing = FALSE;
          flush (service);
        }
    }
  bus_service_unref (service);
}

/* Until all that was told until now is written. */
static void
flush (BusService *service)
{
  BusWatches *watches = service->watches;
  BusWatch *watch;

  if (watches->is_flushing || g_queue_is_empty (&watches->told))
    return;
  while ((watch = g_queue_pop_head (&watches->told)) != NULL)
    g_queue_push_tail (&watches->flushing, watch);
  watches->is_flushing = TRUE;
  g_dbus_connection_flush (service->connection, NULL, on_flushed, bus_service_ref (service));
}

static void
hold (BusWatch *watch)
{
  BusService *service = watch->object->service;

  if (watch->held)
    {
      watch->again = TRUE;
      return;
    }
  watch->held = TRUE;
  g_queue_push_tail (&service->watches->told, watch);
  flush (service);
}

static void
send (BusWatch *watch, const char *interface, const char *signal, GVariant *body)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);

  for (guint i = 0; i < watch->watchers->len; i++)
    (void) g_dbus_connection_emit_signal (watch->object->service->connection,
                                          ((Watcher *) watch->watchers->pdata[i])->sender,
                                          watch->object->path, interface, signal, owned, NULL);
  hold (watch);
}

static void
on_changed (GVariant *body, gpointer data)
{
  BusWatch *watch = data;

  send (watch, watch->object->interface->info->name, "Changed", body);
}

static void
on_moved (GVariant *body, gpointer data)
{
  send (data, "org.freedesktop.DBus.Properties", "PropertiesChanged", body);
}

static gboolean
on_stirred (gpointer user_data)
{
  BusWatch *watch = user_data;
  g_autoptr (GError) error = NULL;

  if (watch->object->service->generation != fork_generation ())
    return G_SOURCE_REMOVE;
  if (watch->held)
    watch->late = TRUE;
  else if (!tell (watch, &error) && is_over (error))
    return G_SOURCE_REMOVE;
  return G_SOURCE_CONTINUE;
}

static Watcher *
find_watcher (BusWatch *watch, const char *sender)
{
  for (guint i = 0; i < watch->watchers->len; i++)
    if (g_strcmp0 (((Watcher *) watch->watchers->pdata[i])->sender, sender) == 0)
      return watch->watchers->pdata[i];
  return NULL;
}

static void
remove_watcher (Watcher *watcher)
{
  BusWatch *watch = watcher->watch;

  (void) g_ptr_array_remove (watch->watchers, watcher);
  if (watch->watchers->len == 0)
    end (watch);
}

static void
on_watcher_gone (gpointer data)
{
  remove_watcher (data);
}

/* The watch of the object; of one that had its path before, nothing is left to watch. */
static BusWatch *
find (BusObject *object)
{
  BusWatch *watch = g_hash_table_lookup (object->service->watches->by_path, object->path);

  if (watch == NULL || watch->object->id == object->id)
    return watch;
  tell_end (watch);
  end (watch);
  return NULL;
}

static gboolean
begin_to_follow (BusWatch *watch, GMainContext *context, GError **error)
{
  watch->follower = bus_follower_new (watch->object->object, on_changed, watch, error);
  if (watch->follower == NULL)
    return FALSE;
  watch->source = watching_new (SHMOBJ_CONTAINER (watch->object->object), context, -1);
  if (watch->source != NULL)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "Cannot watch the object: no descriptor to listen with (%s)", g_strerror (errno));
  return FALSE;
}

static gboolean
begin_to_look (BusWatch *watch, GError **error)
{
  watch->gauge = bus_gauge_new (watch->object, on_moved, watch, error);
  if (watch->gauge == NULL)
    return FALSE;
  watch->source = bus_gauge_source_new (watch->gauge);
  return TRUE;
}

static gboolean
begin (BusWatch *watch, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (SHMOBJ_IS_CONTAINER (watch->object->object) ? !begin_to_follow (watch, context, error)
                                                  : !begin_to_look (watch, error))
    return FALSE;
  g_source_set_callback (watch->source, on_stirred, watch, NULL);
  g_source_set_priority (watch->source, G_PRIORITY_DEFAULT_IDLE);
  g_source_attach (watch->source, context);
  return TRUE;
}

/* A watch that nobody watches yet; NULL with an error. */
static BusWatch *
make (BusObject *object, GError **error)
{
  BusWatch *watch = g_new0 (BusWatch, 1);

  watch->object = bus_object_ref (object);
  watch->watchers = g_ptr_array_new_with_free_func (watcher_free);
  if (begin (watch, error))
    {
      g_hash_table_insert (object->service->watches->by_path, watch->object->path, watch);
      return watch;
    }
  watch_free (watch);
  return NULL;
}

static void
add_watcher (BusWatch *watch, BusCharge *charge)
{
  BusService *service = watch->object->service;
  Watcher *watcher = g_new (Watcher, 1);

  *watcher = (Watcher){ .watch = watch, .sender = g_strdup (service->caller), .charge = charge };
  watcher->gone =
      bus_client_watch_new (service->clients, service->caller, on_watcher_gone, watcher);
  g_ptr_array_add (watch->watchers, watcher);
}

gboolean
bus_watches_add (BusObject *object, guint64 *revision, GError **error)
{
  BusService *service = object->service;
  BusWatch *watch = find (object);
  BusCharge *charge = NULL;

  if (watch != NULL && !tell (watch, error))
    return FALSE;
  if (watch == NULL || find_watcher (watch, service->caller) == NULL)
    {
      charge = bus_charge_new (service->clients, service->caller, BUS_LIMIT_WATCHES, 1, error);
      if (charge == NULL)
        return FALSE;
      if (watch == NULL)
        watch = make (object, error);
      if (watch == NULL)
        {
          bus_charge_free (charge);
          return FALSE;
        }
      add_watcher (watch, charge);
    }
  *revision = watch->gauge != NULL ? 0 : bus_follower_get_revision (watch->follower);
  return TRUE;
}

void
bus_watches_remove (BusObject *object)
{
  BusWatch *watch = find (object);
  Watcher *watcher = watch != NULL ? find_watcher (watch, object->service->caller) : NULL;

  if (watcher != NULL)
    remove_watcher (watcher);
}

void
bus_watches_stir (BusObject *object)
{
  BusWatches *watches = object->service->watches;
  BusWatch *watch = g_hash_table_lookup (watches->by_path, object->path);

  if (watch != NULL && watch->gauge != NULL)
    bus_gauge_stir (watch->gauge, watch->source);
}

typedef struct
{
  BusWatch *watch;
  BusRead run;
  GVariant *parameters;
  GVariant *body; /* (owned), floating: NULL without an error when it shows more than was told */
} Reading;

static gboolean
read_told (ShmobjManager *manager, gpointer data, GError **error)
{
  Reading *reading = data;
  BusObject *object = reading->watch->object;
  ObjectHeader header;

  if (!tell (reading->watch, error))
    return FALSE;
  reading->body = reading->run (object, reading->parameters, error);
  if (reading->body == NULL)
    return FALSE;
  if (!container_get_header (object->object, &header, error))
    g_clear_pointer (&reading->body, g_variant_unref);
  else if (header.revision == bus_follower_get_revision (reading->watch->follower))
    return TRUE;
  g_clear_pointer (&reading->body, g_variant_unref);
  return FALSE;
}

GVariant *
bus_watches_read (BusObject *object, BusRead run, GVariant *parameters, GError **error)
{
  BusService *service = object->service;
  BusWatch *watch = find (object);
  Reading reading = { watch, run, parameters, NULL };
  g_autoptr (GError) local = NULL;

  if (watch == NULL || find_watcher (watch, service->caller) == NULL)
    return run (object, parameters, error);
  for (guint i = 0; i < QUICK_READS && reading.body == NULL && local == NULL; i++)
    (void) read_told (service->manager, &reading, &local);
  if (reading.body == NULL && local == NULL)
    (void) shmobj_manager_transact (service->manager, READ_WAIT_US, read_told, &reading, NULL,
                                    &local);
  if (reading.body != NULL)
    return reading.body;
  if (local == NULL)
    g_set_error_literal (&local, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                         "The object changes faster than it can be read");
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}
