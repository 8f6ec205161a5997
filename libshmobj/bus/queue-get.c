/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Get and Receive of org.shmobj.Manager1.Queue: messages that calls wait for.
 *
 * The message is received (objects/shmobj-message.h), looked at, and done with only when the reply
 * is on its way; whatever goes wrong before puts it back to the front. So nothing is lost when it
 * is one that D-Bus cannot carry, when the service is killed, or when the caller has left while it
 * waited: about that the bus is asked, with the message in hand. The window that is left: the
 * caller dies after the bus said that it lives, before it has read the reply of a Get. A Receive
 * closes it.
 *
 * States of a call: trying, waiting (a source is attached), asking (a message in hand, no source),
 * ended. If the service dies after it sent a message and before it is done with it, some 100 µs,
 * the message is delivered a second time, marked as such.
 */

#include "base/shmobj-error.h"
#include "base/wait.h"
#include "bus/arguments.h"
#include "bus/queue-interface.h"
#include "bus/service.h"
#include "bus/values.h"
#include "objects/shmobj-queue.h"

typedef struct
{
  gboolean receives; /* Receive: the caller will confirm */
  gboolean waited;
  gint64 deadline_us;
  GSource *source;        /* (owned) (nullable): while waiting */
  ShmobjMessage *message; /* (owned) (nullable): in hand */
  GVariant *value;        /* (owned) (nullable): what the bus will see of it */
  BusCharge *bytes;       /* (owned) (nullable): for the message, of a Receive */
} Waiting;

static void wait_for_message (BusCall *call);

static ShmobjQueue *
queue_of (BusCall *call)
{
  return SHMOBJ_QUEUE (call->object->object);
}

static void
waiting_free (Waiting *waiting)
{
  if (waiting->source != NULL)
    {
      g_source_destroy (waiting->source);
      g_source_unref (waiting->source);
    }
  g_clear_pointer (&waiting->message, shmobj_message_unref); /* back to the front if not done */
  g_clear_pointer (&waiting->value, g_variant_unref);
  g_clear_pointer (&waiting->bytes, bus_charge_free);
  g_free (waiting);
}

static void
end_with_error (BusCall *call, GError *error)
{
  waiting_free (g_steal_pointer (&call->data));
  bus_call_return_error (call, error);
}

static void
give_up (BusCall *call)
{
  end_with_error (call, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                     "The caller has left, or the manager is not shown here any "
                                     "more"));
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ShmobjMessage) message = user_data;

  if (g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL))
    (void) shmobj_message_done (message, NULL);
}

static void
deliver (BusCall *call)
{
  Waiting *waiting = g_steal_pointer (&call->data);
  g_autoptr (GDBusConnection) connection = g_object_ref (call->object->service->connection);
  ShmobjMessage *message = g_steal_pointer (&waiting->message);
  guint redelivered = shmobj_message_get_redelivered (message);
  guint64 ticket;

  if (waiting->receives)
    {
      ticket = bus_tickets_add (call->object->state, bus_call_sender (call), message,
                                g_steal_pointer (&call->held), g_steal_pointer (&waiting->bytes));
      bus_call_return (call, g_variant_new ("(tvu)", ticket, waiting->value, redelivered), NULL);
    }
  else
    {
      bus_call_return (call, g_variant_new ("(v)", waiting->value), NULL);
      g_dbus_connection_flush (connection, NULL, on_sent, message);
    }
  waiting_free (waiting);
}

static void
on_alive (BusCall *call, gboolean alive)
{
  if (alive)
    deliver (call);
  else
    give_up (call);
}

/* Can the message in hand be sent? */
static gboolean
look_at (BusCall *call, GError **error)
{
  Waiting *waiting = call->data;
  g_autoptr (GVariant) value = shmobj_message_get_value (waiting->message, error);
  g_autoptr (GVariant) body = NULL;

  waiting->value = value != NULL ? bus_value_out (value, error) : NULL;
  if (waiting->value == NULL)
    return FALSE;
  body = g_variant_ref_sink (g_variant_new ("(v)", waiting->value));
  if (!bus_body_fits (body, error))
    return FALSE;
  if (waiting->receives)
    waiting->bytes = bus_call_charge (call, BUS_LIMIT_BYTES, g_variant_get_size (body), error);
  return !waiting->receives || waiting->bytes != NULL;
}

static void
attempt (BusCall *call)
{
  Waiting *waiting = call->data;
  GError *error = NULL;

  if (bus_call_is_abandoned (call))
    {
      give_up (call);
      return;
    }
  waiting->message = shmobj_queue_receive (queue_of (call), 0, NULL, &error);
  if (waiting->message != NULL && look_at (call, &error))
    {
      if (waiting->waited)
        bus_call_ask_alive (call, on_alive);
      else
        deliver (call);
    }
  else if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY) &&
           wait_left (waiting->deadline_us) > 0)
    {
      g_error_free (error);
      wait_for_message (call);
    }
  else
    end_with_error (call, error);
}

static gboolean
on_ready (gpointer user_data)
{
  BusCall *call = user_data;
  Waiting *waiting = call->data;

  g_clear_pointer (&waiting->source, g_source_unref);
  attempt (call);
  return G_SOURCE_REMOVE;
}

/* The next thing that happens: a message, the caller's end, or the end of its time. */
static void
wait_for_message (BusCall *call)
{
  Waiting *waiting = call->data;
  GError *error = NULL;

  waiting->waited = TRUE;
  waiting->source =
      shmobj_queue_create_source (queue_of (call), G_IO_IN, call->cancellable, &error);
  if (waiting->source == NULL)
    {
      end_with_error (call, error);
      return;
    }
  g_source_set_callback (waiting->source, on_ready, call, NULL);
  g_source_set_ready_time (waiting->source, waiting->deadline_us);
  g_source_set_static_name (waiting->source, "shmobj bus get");
  g_source_attach (waiting->source, g_main_context_get_thread_default ());
}

static void
start (BusCall *call, gboolean receives)
{
  Waiting *waiting;
  GError *error = NULL;

  if (receives && (call->held = bus_call_charge (call, BUS_LIMIT_MESSAGES, 1, &error)) == NULL)
    {
      bus_call_return_error (call, error);
      return;
    }
  waiting = g_new0 (Waiting, 1);
  waiting->receives = receives;
  waiting->deadline_us = wait_deadline (bus_wait_limit (bus_argument_int64 (call->parameters, 0)));
  call->data = waiting;
  attempt (call);
}

void
bus_queue_start_get (BusCall *call)
{
  start (call, FALSE);
}

void
bus_queue_start_receive (BusCall *call)
{
  start (call, TRUE);
}
