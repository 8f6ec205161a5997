/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The public door of the bus floor. The manager knows nothing of the bus, so what is exported is
 * kept here, by number, for the process.
 *
 * An export ends with its connection. GDBus tells of that in the main context in which the
 * connection was made, some time later; the export belongs to the context in which it was made. So
 * the news is carried there, as a number that may mean nothing any more. Who unexports before that
 * must get the same answer, so a connection that is closed is asked about, not waited for: its
 * stream is closed before g_dbus_connection_close_sync() returns, the connection says so itself
 * only when its thread has noticed.
 */

#include "bus/shmobj-manager-export.h"

#include "base/fork.h"
#include "base/shmobj-error.h"
#include "bus/service.h"

typedef struct
{
  GMainContext *context; /* (owned): of the export */
  guint export_id;
} Closing;

static GMutex lock;
static GHashTable *exports; /* number -> BusService; under the lock */
static guint last_export;   /* under the lock */

/* The service, if it is one of @self's; NULL: anybody's. */
static BusService *
find (ShmobjManager *self, guint export_id, gboolean take)
{
  BusService *service = NULL;

  g_mutex_lock (&lock);
  if (exports != NULL)
    service = g_hash_table_lookup (exports, GUINT_TO_POINTER (export_id));
  if (service != NULL && self != NULL && service->manager != self)
    service = NULL;
  if (service != NULL && take)
    g_hash_table_remove (exports, GUINT_TO_POINTER (export_id));
  g_mutex_unlock (&lock);
  return service;
}

static gboolean
is_closed (GDBusConnection *connection)
{
  return g_dbus_connection_is_closed (connection) ||
         g_io_stream_is_closed (g_dbus_connection_get_stream (connection));
}

static gboolean
end_export (gpointer export_id)
{
  BusService *service = find (NULL, GPOINTER_TO_UINT (export_id), TRUE);

  if (service != NULL)
    bus_service_end (service);
  return G_SOURCE_REMOVE;
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  Closing *closing = user_data;

  g_main_context_invoke (closing->context, end_export, GUINT_TO_POINTER (closing->export_id));
}

static void
closing_free (gpointer data, GClosure *closure)
{
  Closing *closing = data;

  g_main_context_unref (closing->context);
  g_free (closing);
}

static void
end_with_connection (BusService *service, guint export_id)
{
  Closing *closing = g_new (Closing, 1);

  *closing = (Closing){ g_main_context_ref_thread_default (), export_id };
  service->closed_id = g_signal_connect_data (service->connection, "closed", G_CALLBACK (on_closed),
                                              closing, closing_free, 0);
}

static guint
set_closed_error (GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
               "The manager cannot be shown on a connection that is closed");
  return 0;
}

/**
 * shmobj_manager_export:
 * @self: a manager
 * @connection: a connection to a bus, or to one other process
 * @error: return location for an error
 *
 * Shows the manager and all its objects on D-Bus: at `/org/shmobj/Manager1`, with the interfaces
 * that begin with `org.shmobj.Manager1`. So programs that do not link this library can use them.
 * Clients find it by a bus name that the program owns.
 *
 * Whoever may send to the connection's names can then use everything that the manager has.
 * Sandboxed programs are given no descriptors, but can call the methods. So take a connection of
 * its own for it (see [ctor@Gio.DBusConnection.new_for_address_sync]) rather than the one of
 * g_bus_get_sync(): sandboxes are let through to a connection, not to an object.
 *
 * Never blocks. Calls are answered in the thread-default main context of the caller, and none of
 * them makes it wait: a change that has to wait for others who change something is tried again, as
 * long as [property@Shmobj.Manager:write-timeout-us] says, 20 seconds at most. In a forked
 * child the export does nothing: it stays the parent's.
 *
 * It ends by [method@Shmobj.Manager.unexport], or by itself when @connection is closed, by
 * whichever side: then it keeps neither the manager nor the connection any longer.
 *
 * Fails with `G_IO_ERROR_EXISTS` if something is exported there already, with `G_IO_ERROR_CLOSED`
 * if
 * @connection is closed, and if the manager cannot be opened.
 *
 * Returns: a number for [method@Shmobj.Manager.unexport], 0 on failure
 *
 * Since: 1.0
 */
guint
shmobj_manager_export (ShmobjManager *self, GDBusConnection *connection, GError **error)
{
  BusService *service;
  guint export_id;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), 0);
  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), 0);

  if (is_closed (connection))
    return set_closed_error (error);
  service = bus_service_new (self, connection, error);
  if (service == NULL)
    return 0;

  g_mutex_lock (&lock);
  if (exports == NULL)
    exports = g_hash_table_new (NULL, NULL);
  export_id = ++last_export;
  g_hash_table_insert (exports, GUINT_TO_POINTER (export_id), service);
  g_mutex_unlock (&lock);
  end_with_connection (service, export_id);
  if (!is_closed (connection)) /* else the signal may have come before that */
    return export_id;
  (void) shmobj_manager_unexport (self, export_id);
  return set_closed_error (error);
}

/**
 * shmobj_manager_unexport:
 * @self: a manager
 * @export_id: from [method@Shmobj.Manager.export]
 *
 * Takes the manager off D-Bus. Calls that wait are answered with an error, and locks that clients
 * hold over this connection stay theirs until they give them back or leave.
 *
 * Never blocks. To be called in the thread that called [method@Shmobj.Manager.export].
 *
 * Returns: %TRUE, or %FALSE if that is no export of @self, or no more, because its connection is
 *   closed: so always after [method@Gio.DBusConnection.close_sync], and after the signal
 *   [signal@Gio.DBusConnection::closed]
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_unexport (ShmobjManager *self, guint export_id)
{
  BusService *service;
  gboolean was_open;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);

  service = find (self, export_id, TRUE);
  if (service == NULL)
    return FALSE;
  was_open = service->generation != fork_generation () || !is_closed (service->connection);
  bus_service_end (service);
  return was_open;
}

/**
 * shmobj_manager_set_export_limit:
 * @self: a manager
 * @export_id: from [method@Shmobj.Manager.export]
 * @limit: `objects`, `calls`, `locks`, `messages`, `bytes` or `watches`
 * @most: how many of them one client may have
 * @error: return location for an error
 *
 * Limits what one client can make this process keep for it: objects that it has open, calls that
 * wait, locks that it holds or waits for, messages that it received and has not confirmed, the
 * bytes of such messages and calls, and objects that it watches. Who asks for more is refused with
 * `org.shmobj.Error.LimitsExceeded`; all of it is given back when the client leaves the bus. In the
 * beginning the limits are generous: 10000 objects, 500 calls, 250 locks, 2000 messages, 256 MiB,
 * 1000 watches.
 *
 * What a client has already stays its own. Never blocks. To be called in the thread that called
 * [method@Shmobj.Manager.export].
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` when there is no such limit, or with
 *   `G_IO_ERROR_NOT_FOUND` if that is no export of @self
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_set_export_limit (
    ShmobjManager *self, guint export_id, const char *limit, guint64 most, GError **error)
{
  g_autofree char *names = NULL;
  BusService *service;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);
  g_return_val_if_fail (limit != NULL, FALSE);

  service = find (self, export_id, FALSE);
  if (service == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%u is no export of this manager",
                   export_id);
      return FALSE;
    }
  if (bus_clients_set_limit (service->clients, limit, most))
    return TRUE;
  names = bus_limit_names ();
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "There is no limit “%.40s”; there are %s", limit, names);
  return FALSE;
}

/**
 * shmobj_manager_export_is_idle:
 * @self: a manager
 * @export_id: from [method@Shmobj.Manager.export]
 * @for_us: in microseconds
 *
 * For services that end when nobody needs them.
 *
 * Never blocks. To be called in the thread that called [method@Shmobj.Manager.export].
 *
 * Returns: %TRUE if no call waits, no client holds a lock or watches, and the last call was at
 * least @for_us ago
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_export_is_idle (ShmobjManager *self, guint export_id, gint64 for_us)
{
  BusService *service;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);

  service = find (self, export_id, FALSE);
  return service == NULL || bus_service_is_idle (service, for_us);
}
