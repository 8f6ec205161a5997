/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that are answered later.
 *
 * A call lives from bus_call_new() to the one bus_call_return(). In between it has a cancellable
 * that is cancelled when the caller leaves the bus or the manager is exported no more; whatever the
 * adapter waits for takes it, ends, and returns the call, which then tells nobody.
 *
 * That the caller has left reaches us a moment after the bus knows it. Who is about to take
 * something that would be lost with the reply asks the bus first (bus_call_ask_alive): then the
 * only window left is that the caller dies while the reply is on its way to it.
 */

#include "bus/call.h"

#include "bus/names.h"
#include "bus/service.h"
#include "bus/values.h"

BusObject *
bus_object_new (BusService *service,
                const char *name,
                guint64 id,
                const BusInterface *interface,
                GObject *opened)
{
  g_autofree char *path = bus_path_of (name);
  BusObject *object = bus_object_new_at (service, path, id, interface, opened);

  object->name = g_strdup (name);
  return object;
}

BusObject *
bus_object_new_at (BusService *service,
                   const char *path,
                   guint64 id,
                   const BusInterface *interface,
                   GObject *opened)
{
  BusObject *object = g_new0 (BusObject, 1);

  g_ref_count_init (&object->references);
  object->service = bus_service_ref (service);
  object->path = g_strdup (path);
  object->id = id;
  object->interface = interface;
  object->object = opened;
  if (interface != NULL && interface->new_state != NULL)
    object->state = interface->new_state (object);
  return object;
}

BusObject *
bus_object_ref (BusObject *object)
{
  g_ref_count_inc (&object->references);
  return object;
}

void
bus_object_unref (BusObject *object)
{
  if (!g_ref_count_dec (&object->references))
    return;
  if (object->state != NULL)
    object->interface->free_state (object->state);
  g_clear_object (&object->object);
  bus_service_unref (object->service);
  g_free (object->name);
  g_free (object->path);
  g_free (object);
}

static void
on_caller_gone (gpointer data)
{
  BusCall *call = data;

  g_cancellable_cancel (call->cancellable);
}

static gboolean
charge_waiting (BusCall *call, GError **error)
{
  call->pending = bus_call_charge (call, BUS_LIMIT_CALLS, 1, error);
  if (call->pending != NULL)
    call->bytes =
        bus_call_charge (call, BUS_LIMIT_BYTES, g_variant_get_size (call->parameters), error);
  return call->bytes != NULL;
}

BusCall *
bus_call_new (BusObject *object, GDBusMethodInvocation *invocation, gboolean waits)
{
  BusCall *call = g_new0 (BusCall, 1);
  GError *error = NULL;

  call->object = bus_object_ref (object);
  call->invocation = invocation;
  call->parameters = g_dbus_method_invocation_get_parameters (invocation);
  call->cancellable = g_cancellable_new ();
  call->watch =
      bus_client_watch_new (object->service->clients,
                            g_dbus_method_invocation_get_sender (invocation), on_caller_gone, call);
  g_hash_table_add (object->service->calls, call);
  if (!waits || charge_waiting (call, &error))
    return call;
  bus_call_return_error (call, error);
  return NULL;
}

BusCharge *
bus_call_charge (BusCall *call, BusLimit limit, guint64 amount, GError **error)
{
  return bus_charge_new (call->object->service->clients, bus_call_sender (call), limit, amount,
                         error);
}

gboolean
bus_call_is_abandoned (BusCall *call)
{
  return g_cancellable_is_cancelled (call->cancellable);
}

const char *
bus_call_sender (BusCall *call)
{
  const char *sender = g_dbus_method_invocation_get_sender (call->invocation);

  return sender != NULL ? sender : "";
}

static void
call_free (BusCall *call)
{
  g_hash_table_remove (call->object->service->calls, call);
  call->object->service->last_call_us = g_get_monotonic_time ();
  bus_client_watch_free (call->watch);
  g_clear_pointer (&call->pending, bus_charge_free);
  g_clear_pointer (&call->bytes, bus_charge_free);
  g_clear_pointer (&call->held, bus_charge_free);
  g_object_unref (call->cancellable);
  bus_object_unref (call->object);
  g_free (call);
}

void
bus_reply (GDBusMethodInvocation *invocation, GVariant *body, GUnixFDList *fds)
{
  g_autoptr (GVariant) owned =
      g_variant_ref_sink (body != NULL ? body : g_variant_new_tuple (NULL, 0));
  GError *error = NULL;

  if (bus_body_fits (owned, &error))
    g_dbus_method_invocation_return_value_with_unix_fd_list (invocation, owned, fds);
  else
    bus_fail (invocation, error);
}

void
bus_call_return (BusCall *call, GVariant *body, GUnixFDList *fds)
{
  g_autoptr (GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;

  if (bus_call_is_abandoned (call))
    g_object_unref (call->invocation);
  else
    bus_reply (call->invocation, owned, fds);
  call_free (call);
}

void
bus_call_return_error (BusCall *call, GError *error)
{
  if (!bus_call_is_abandoned (call) || call->object->service->registration == 0)
    bus_fail (call->invocation, error);
  else
    {
      g_object_unref (call->invocation);
      g_error_free (error);
    }
  call_free (call);
}

typedef struct
{
  BusCall *call;
  BusCallAnswer answer;
} Question;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Question *question = user_data;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  gboolean alive = FALSE;

  if (reply != NULL)
    g_variant_get (reply, "(b)", &alive);
  question->answer (question->call, alive && !bus_call_is_abandoned (question->call));
}

static gboolean
on_no_bus (gpointer user_data)
{
  g_autofree Question *question = user_data;

  question->answer (question->call, !bus_call_is_abandoned (question->call));
  return G_SOURCE_REMOVE;
}

void
bus_call_ask_alive (BusCall *call, BusCallAnswer answer)
{
  GDBusConnection *connection = call->object->service->connection;
  Question *question = g_new (Question, 1);

  *question = (Question){ call, answer };
  if (bus_call_sender (call)[0] == '\0')
    {
      g_autoptr (GSource) soon = g_idle_source_new ();

      g_source_set_callback (soon, on_no_bus, question, NULL);
      g_source_attach (soon, g_main_context_get_thread_default ());
      return;
    }
  g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "NameHasOwner",
                          g_variant_new ("(s)", bus_call_sender (call)), G_VARIANT_TYPE ("(b)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, question);
}
