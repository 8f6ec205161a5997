/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Event on a ShmobjEvent. */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "objects/shmobj-event.h"

static GObject *
open_event (ShmobjManager *manager,
            const char *name,
            ShmobjOpenFlags flags,
            GVariantDict *options,
            GError **error)
{
  return (GObject *) shmobj_manager_open_event (manager, name, flags, NULL, error);
}

static ShmobjEvent *
event_of (BusObject *object)
{
  return SHMOBJ_EVENT (object->object);
}

static GVariant *
run_set (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_event_set (event_of (object), error));
}

static GVariant *
run_clear (BusObject *object, GVariant *parameters, GError **error)
{
  return bus_body_done (shmobj_event_clear (event_of (object), error));
}

static void
on_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  BusCall *call = user_data;
  GError *error = NULL;
  gboolean is_set = shmobj_event_wait_finish (SHMOBJ_EVENT (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_clear_error (&error);
  if (error == NULL)
    bus_call_return (call, g_variant_new ("(b)", is_set), NULL);
  else
    bus_call_return_error (call, error);
}

static void
start_wait (BusCall *call)
{
  shmobj_event_wait_async (event_of (call->object),
                           bus_wait_limit (bus_argument_int64 (call->parameters, 0)),
                           call->cancellable, on_waited, call);
}

static GVariant *
get_is_set (BusObject *object, GError **error)
{
  return g_variant_new_boolean (shmobj_event_is_set (event_of (object)));
}

static const BusMethod methods[] = {
  { "Set", run_set, NULL },
  { "Clear", run_clear, NULL },
  { "Wait", NULL, start_wait, TRUE },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "IsSet", get_is_set },
  { NULL, NULL },
};

const BusInterface bus_event_interface = {
  .info = &org_shmobj_manager1_event_interface,
  .kind = "event",
  .methods = methods,
  .properties = properties,
  .open = open_event,
};
