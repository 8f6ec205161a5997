/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Queue on a ShmobjQueue.
 *
 * A Get that finds a message is answered at once. One that does not waits, by the queue's doorbell,
 * for there to be one; then the bus is asked whether the caller is still there, and only then is
 * the message taken and sent, in one go. So a caller that died while it waited costs no message.
 * The window that is left: it dies after the bus said that it lives, before it has read the reply.
 *
 * A message that the bus cannot carry was taken to find that out. It goes back, to the end: the
 * front is the readers' alone.
 *
 * States of a Get: waiting (a source is attached), asking (the bus is asked; no source), ended.
 */

#include "base/shmobj-error.h"
#include "base/wait.h"
#include "bus/arguments.h"
#include "bus/attach.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/service.h"
#include "objects/shmobj-queue.h"

static GObject *
open_queue (ShmobjManager *manager,
            const char *name,
            ShmobjOpenFlags flags,
            GVariantDict *options,
            GError **error)
{
  guint64 maxsize, capacity;

  if (!bus_option_take_uint64 (options, "maxsize", G_MAXUINT32, &maxsize, error) ||
      !bus_option_take_uint64 (options, "capacity", G_MAXUINT64, &capacity, error))
    return NULL;
  return (GObject *) shmobj_manager_open_queue (manager, name, flags, maxsize, capacity, NULL,
                                                error);
}

static ShmobjQueue *
queue_of (BusObject *object)
{
  return SHMOBJ_QUEUE (object->object);
}

static void
on_put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BusCall *call = user_data;
  GError *error = NULL;

  if (shmobj_queue_put_finish (SHMOBJ_QUEUE (source), result, &error))
    bus_call_return (call, NULL, NULL);
  else
    bus_call_return_error (call, error);
}

static void
start_put (BusCall *call)
{
  GError *error = NULL;
  g_autoptr (GVariant) value = bus_argument_value (call->parameters, 0, &error);

  if (value == NULL)
    bus_call_return_error (call, error);
  else
    shmobj_queue_put_async (queue_of (call->object), value,
                            bus_wait_limit (bus_argument_int64 (call->parameters, 1)),
                            call->cancellable, on_put, call);
}

typedef struct
{
  gint64 deadline_us;
  GSource *source; /* (owned): the doorbell, while waiting */
} Waiting;

static void wait_for_message (BusCall *call);

static void
get_ended (BusCall *call)
{
  Waiting *waiting = g_steal_pointer (&call->data);

  if (waiting->source != NULL)
    {
      g_source_destroy (waiting->source);
      g_source_unref (waiting->source);
    }
  g_free (waiting);
}

static void
return_message (BusCall *call, GVariant *message)
{
  GError *error = NULL;
  GVariant *body = bus_body_value (g_variant_ref (message), &error);

  get_ended (call);
  if (body == NULL)
    {
      shmobj_queue_put_async (queue_of (call->object), message, -1, NULL, NULL, NULL);
      bus_call_return_error (call, error);
    }
  else
    bus_call_return (call, body, NULL);
  g_variant_unref (message);
}

static void
give_up (BusCall *call)
{
  get_ended (call);
  bus_call_return_error (call, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                            "The caller has left, or the manager is not shown here "
                                            "any more"));
}

/* TRUE when that ended the call: a message, or an error that waiting does not cure. */
static gboolean
try_get (BusCall *call)
{
  Waiting *waiting = call->data;
  g_autoptr (GError) error = NULL;
  GVariant *message;

  if (bus_call_is_abandoned (call))
    {
      give_up (call);
      return TRUE;
    }
  message = shmobj_queue_get (queue_of (call->object), 0, NULL, &error);
  if (message != NULL)
    {
      return_message (call, message);
      return TRUE;
    }
  if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY) &&
      wait_left (waiting->deadline_us) > 0)
    return FALSE;
  get_ended (call);
  bus_call_return_error (call, g_steal_pointer (&error));
  return TRUE;
}

static void
on_alive (BusCall *call, gboolean alive)
{
  if (!alive)
    give_up (call);
  else if (!try_get (call))
    wait_for_message (call);
}

static gboolean
on_ready (gpointer user_data)
{
  BusCall *call = user_data;
  Waiting *waiting = call->data;

  g_clear_pointer (&waiting->source, g_source_unref);
  if (!bus_call_is_abandoned (call) && !shmobj_queue_is_empty (queue_of (call->object)))
    bus_call_ask_alive (call, on_alive);
  else if (!try_get (call))
    wait_for_message (call);
  return G_SOURCE_REMOVE;
}

/* The next thing that happens: a message, the caller's end, or the end of its time. */
static void
wait_for_message (BusCall *call)
{
  Waiting *waiting = call->data;
  GError *error = NULL;

  waiting->source =
      shmobj_queue_create_source (queue_of (call->object), G_IO_IN, call->cancellable, &error);
  if (waiting->source == NULL)
    {
      get_ended (call);
      bus_call_return_error (call, error);
      return;
    }
  g_source_set_callback (waiting->source, on_ready, call, NULL);
  g_source_set_ready_time (waiting->source, waiting->deadline_us);
  g_source_set_static_name (waiting->source, "shmobj bus get");
  g_source_attach (waiting->source, g_main_context_get_thread_default ());
}

static void
start_get (BusCall *call)
{
  gint64 timeout_us = bus_wait_limit (bus_argument_int64 (call->parameters, 0));
  Waiting *waiting;

  waiting = g_new0 (Waiting, 1);
  waiting->deadline_us = wait_deadline (timeout_us);
  call->data = waiting;
  if (!try_get (call))
    wait_for_message (call);
}

static GVariant *
get_size (BusObject *object, GError **error)
{
  return g_variant_new_uint64 (shmobj_queue_get_size (queue_of (object)));
}

static GVariant *
get_maxsize (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_queue_get_maxsize (queue_of (object)));
}

static GVariant *
get_capacity (BusObject *object, GError **error)
{
  return g_variant_new_uint64 (shmobj_queue_get_capacity (queue_of (object)));
}

static const BusMethod methods[] = {
  { "Put", NULL, start_put },
  { "Get", NULL, start_get },
  { "Attach", NULL, bus_attach_start },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Size", get_size },
  { "MaxSize", get_maxsize },
  { "Capacity", get_capacity },
  { NULL, NULL },
};

const BusInterface bus_queue_interface = {
  .info = &org_shmobj_manager1_queue_interface,
  .kind = "queue",
  .methods = methods,
  .properties = properties,
  .open = open_queue,
};
