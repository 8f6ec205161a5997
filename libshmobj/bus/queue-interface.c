/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Queue on a ShmobjQueue. */

#include "bus/arguments.h"
#include "bus/attach.h"
#include "bus/introspection.h"
#include "bus/queue-interface.h"
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

static gpointer
new_state (BusObject *object)
{
  return bus_tickets_new (object);
}

static void
free_state (gpointer state)
{
  bus_tickets_free (state);
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
  { "Put", NULL, start_put, TRUE },
  { "Get", NULL, bus_queue_start_get, TRUE },
  { "Receive", NULL, bus_queue_start_receive, TRUE },
  { "Confirm", NULL, bus_queue_start_confirm },
  { "Return", NULL, bus_queue_start_return },
  { "Keep", NULL, bus_queue_start_keep },
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
  .new_state = new_state,
  .free_state = free_state,
};
