/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Barrier on a ShmobjBarrier. A caller that leaves the bus while it waits is
 * cancelled, which breaks the barrier. */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "objects/shmobj-barrier.h"

static GObject *
open_barrier (ShmobjManager *manager,
              const char *name,
              ShmobjOpenFlags flags,
              GVariantDict *options,
              GError **error)
{
  guint64 parties;

  if (!bus_option_take_uint64 (options, "parties", G_MAXUINT32, &parties, error))
    return NULL;
  return (GObject *) shmobj_manager_open_barrier (manager, name, flags, parties, NULL, error);
}

static ShmobjBarrier *
barrier_of (BusObject *object)
{
  return SHMOBJ_BARRIER (object->object);
}

static void
on_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BusCall *call = user_data;
  GError *error = NULL;
  gint index = shmobj_barrier_wait_finish (SHMOBJ_BARRIER (source), result, &error);

  if (error == NULL)
    bus_call_return (call, g_variant_new ("(u)", (guint32) index), NULL);
  else
    bus_call_return_error (call, error);
}

static void
start_wait (BusCall *call)
{
  shmobj_barrier_wait_async (barrier_of (call->object),
                             bus_wait_limit (bus_argument_int64 (call->parameters, 0)),
                             call->cancellable, on_waited, call);
}

static GVariant *
run_abort (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_barrier_abort (barrier_of (object), error));
}

static GVariant *
run_reset (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_barrier_reset (barrier_of (object), error));
}

static GVariant *
get_parties (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_barrier_get_parties (barrier_of (object)));
}

static GVariant *
get_waiting (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_barrier_get_n_waiting (barrier_of (object)));
}

static GVariant *
get_broken (BusObject *object, GError **error)
{
  return g_variant_new_boolean (shmobj_barrier_is_broken (barrier_of (object)));
}

static const BusMethod methods[] = {
  { "Wait", NULL, start_wait, TRUE },
  { "Abort", run_abort, NULL },
  { "Reset", run_reset, NULL },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Parties", get_parties },
  { "Waiting", get_waiting },
  { "Broken", get_broken },
  { NULL, NULL },
};

const BusInterface bus_barrier_interface = {
  .info = &org_shmobj_manager1_barrier_interface,
  .kind = "barrier",
  .methods = methods,
  .properties = properties,
  .open = open_barrier,
};
