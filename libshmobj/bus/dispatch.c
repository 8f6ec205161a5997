/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls on their way to an adapter: those that are done at once, those that end later, and those
 * that would have to wait for their turn to write.
 *
 * The store has one writer at a time, and a transaction of somebody else's may take long. The
 * service must not wait for it, for everybody's calls are answered by one main loop. So no call is
 * tried for longer than ATTEMPT_US, some hundred times what a write takes. One that found the store
 * busy has done nothing: it goes to the end of the line, whose first is tried again every RETRY_MS
 * until its time is over.
 *
 * Order. What one client sends arrives in its order: while a call of it is in line, its other calls
 * go there too, whatever they are. Calls of others do not wait for it.
 *
 * In line a call is one that waits (bus/call.h): it is on its client's account, and when the client
 * leaves it is dropped without having been done.
 */

#include "bus/dispatch.h"

#include "base/shmobj-error.h"
#include "bus/names.h"
#include "bus/service.h"
#include "manager/manager-private.h"

#define ATTEMPT_US 1000
#define RETRY_MS 10

struct _BusLine
{
  GQueue waiting; /* InLine */
  GSource *timer; /* (owned) (nullable): while somebody waits */
};

typedef struct
{
  const BusMethod *method; /* NULL: of a standard interface, or none that there is */
  BusCall *call;
  gint64 deadline_us;
} InLine;

BusLine *
bus_line_new (void)
{
  return g_new0 (BusLine, 1);
}

void
bus_line_free (BusLine *line)
{
  g_assert (g_queue_is_empty (&line->waiting) && line->timer == NULL);
  g_free (line);
}

static const char *
kind_of (const BusObject *object)
{
  return object->interface != NULL ? object->interface->kind : NULL;
}

static const BusProperty *
find_property (const BusInterface *interface, const char *name)
{
  for (const BusProperty *property = interface->properties;
       property != NULL && property->name != NULL; property++)
    if (g_str_equal (property->name, name))
      return property;
  return NULL;
}

static GVariant *
run_properties (BusObject *object, const char *method, GVariant *parameters, GError **error)
{
  const BusInterface *interface;
  const BusProperty *property;
  const char *interface_name, *name;
  GVariant *value;

  g_variant_get_child (parameters, 0, "&s", &interface_name);
  interface = bus_interface_find (kind_of (object), interface_name);
  if (interface != NULL && g_str_equal (method, "GetAll"))
    return g_variant_new ("(@a{sv})", bus_interface_get_all (interface, object, TRUE));
  if (interface != NULL && g_str_equal (method, "Get"))
    {
      g_variant_get_child (parameters, 1, "&s", &name);
      property = find_property (interface, name);
      value = property != NULL ? property->get (object, error) : NULL;
      if (property != NULL)
        return value != NULL ? g_variant_new ("(v)", value) : NULL;
    }
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "%s.%s: no such property",
               interface_name, method);
  return NULL;
}

static const BusMethod *
find_method (BusObject *object, GDBusMethodInvocation *invocation)
{
  const char *name = g_dbus_method_invocation_get_method_name (invocation);
  const BusInterface *interface = bus_interface_find (
      kind_of (object), g_dbus_method_invocation_get_interface_name (invocation));

  for (const BusMethod *method = interface != NULL ? interface->methods : NULL;
       method != NULL && method->name != NULL; method++)
    if (g_str_equal (method->name, name))
      return method;
  return NULL;
}

/* The reply's body, floating; NULL with an error, which is BUSY if it may be tried again. */
static GVariant *
attempt (BusObject *object,
         const BusMethod *method,
         GDBusMethodInvocation *invocation,
         GError **error)
{
  const char *interface = g_dbus_method_invocation_get_interface_name (invocation);
  const char *name = g_dbus_method_invocation_get_method_name (invocation);
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);
  GVariant *body = NULL;

  object->service->caller = g_dbus_method_invocation_get_sender (invocation);
  manager_bound_waits (ATTEMPT_US);
  if (method != NULL && method->reads)
    body = bus_watches_read (object, method->run, parameters, error);
  else if (method != NULL)
    body = method->run (object, parameters, error);
  else if (g_str_equal (interface, "org.freedesktop.DBus.Properties"))
    body = run_properties (object, name, parameters, error);
  else
    g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD, "%s.%s: no such method",
                 interface, name);
  manager_bound_waits (-1);
  object->service->caller = NULL;
  return body;
}

/* FALSE: it goes on waiting. */
static gboolean
let_go_on (InLine *first)
{
  BusCall *call = first->call;
  GError *error = NULL;
  GVariant *body;

  if (bus_call_is_abandoned (call))
    {
      bus_call_return_error (call, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                "The manager is not shown here any more"));
      return TRUE;
    }
  if (first->method != NULL && first->method->start != NULL)
    {
      first->method->start (call);
      return TRUE;
    }
  body = attempt (call->object, first->method, call->invocation, &error);
  if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY) &&
      g_get_monotonic_time () < first->deadline_us)
    {
      g_error_free (error);
      return FALSE;
    }
  if (body != NULL)
    bus_call_return (call, body, NULL);
  else
    bus_call_return_error (call, error);
  return TRUE;
}

static void
stop_if_empty (BusLine *line)
{
  if (line->timer == NULL || !g_queue_is_empty (&line->waiting))
    return;
  g_source_destroy (line->timer);
  g_clear_pointer (&line->timer, g_source_unref);
}

static gboolean
on_retry (gpointer user_data)
{
  BusService *service = bus_service_ref (user_data);
  BusLine *line = service->line;
  InLine *first;

  while ((first = g_queue_pop_head (&line->waiting)) != NULL)
    {
      if (!let_go_on (first))
        {
          g_queue_push_head (&line->waiting, first);
          break;
        }
      g_free (first);
    }
  stop_if_empty (line);
  bus_service_unref (service);
  return G_SOURCE_CONTINUE;
}

void
bus_line_end (BusService *service)
{
  BusLine *line = service->line;
  InLine *first;

  while ((first = g_queue_pop_head (&line->waiting)) != NULL)
    {
      g_cancellable_cancel (first->call->cancellable);
      (void) let_go_on (first);
      g_free (first);
    }
  stop_if_empty (line);
}

static gboolean
is_in_line (BusLine *line, const char *sender)
{
  for (GList *link = line->waiting.head; link != NULL; link = link->next)
    if (g_str_equal (bus_call_sender (((InLine *) link->data)->call), sender))
      return TRUE;
  return FALSE;
}

static void
stand_in_line (BusObject *object, const BusMethod *method, GDBusMethodInvocation *invocation)
{
  BusService *service = object->service;
  gint64 timeout_us = bus_wait_limit (shmobj_manager_get_write_timeout_us (service->manager));
  BusCall *call = bus_call_new (object, invocation, TRUE);
  BusLine *line = service->line;
  InLine *last;

  if (call == NULL) /* the client has too many */
    return;
  last = g_new (InLine, 1);
  *last = (InLine){ method, call, g_get_monotonic_time () + timeout_us };
  g_queue_push_tail (&line->waiting, last);
  if (line->timer != NULL)
    return;
  line->timer = g_timeout_source_new (RETRY_MS);
  g_source_set_callback (line->timer, on_retry, service, NULL);
  g_source_set_static_name (line->timer, "shmobj bus line");
  g_source_attach (line->timer, g_main_context_get_thread_default ());
}

void
bus_dispatch (BusObject *object, GDBusMethodInvocation *invocation)
{
  const BusMethod *method = find_method (object, invocation);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);
  GError *error = NULL;
  GVariant *body;
  BusCall *call;

  if (is_in_line (object->service->line, sender != NULL ? sender : ""))
    {
      stand_in_line (object, method, invocation);
      return;
    }
  if (method != NULL && method->start != NULL)
    {
      call = bus_call_new (object, invocation, method->waits);
      if (call != NULL)
        method->start (call);
      return;
    }
  body = attempt (object, method, invocation, &error);
  if (body != NULL)
    bus_reply (invocation, body, NULL);
  else if (!g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY))
    bus_fail (invocation, error);
  else
    {
      g_error_free (error);
      stand_in_line (object, method, invocation);
    }
}
