/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Semaphore on a ShmobjSemaphore.
 *
 * Units that callers take are the service process's; for whom is remembered by a lease for each
 * unit (bus/lease.c). A lease that is over gives its unit back, if the semaphore is one whose units
 * come back from the dead at all. If the service is killed, so do all of them.
 */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/lease.h"
#include "objects/shmobj-semaphore.h"

typedef struct
{
  GPtrArray *leases; /* (owned): of BusLease */
} Holdings;

static GObject *
open_semaphore (ShmobjManager *manager,
                const char *name,
                ShmobjOpenFlags flags,
                GVariantDict *options,
                GError **error)
{
  gboolean given = g_variant_dict_contains (options, "value"), recovers;
  guint64 value, maximum;

  if (!bus_option_take_uint64 (options, "value", G_MAXINT, &value, error) ||
      !bus_option_take_uint64 (options, "maximum", G_MAXINT, &maximum, error) ||
      !bus_option_take_boolean (options, "recovers", TRUE, &recovers, error))
    return NULL;
  return (GObject *) shmobj_manager_open_semaphore (manager, name, flags, given ? value : 1,
                                                    maximum, recovers, NULL, error);
}

static ShmobjSemaphore *
semaphore_of (BusObject *object)
{
  return SHMOBJ_SEMAPHORE (object->object);
}

static gpointer
new_holdings (BusObject *object)
{
  Holdings *holdings = g_new0 (Holdings, 1);

  holdings->leases = g_ptr_array_new ();
  return holdings;
}

static void
free_holdings (gpointer state)
{
  Holdings *holdings = state;

  g_ptr_array_free (holdings->leases, TRUE); /* it is empty: a lease keeps the object */
  g_free (holdings);
}

static void
on_lease_over (BusLease *lease)
{
  BusObject *object = bus_lease_object (lease);
  Holdings *holdings = object->state;

  if (shmobj_semaphore_get_recovers (semaphore_of (object)))
    (void) shmobj_semaphore_release (semaphore_of (object), 1, NULL);
  g_ptr_array_remove_fast (holdings->leases, lease);
  bus_lease_free (lease);
}

/* We have a unit. */
static gboolean
lease_out (BusCall *call, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  Holdings *holdings = call->object->state;
  BusLease *lease;
  int index;

  lease = bus_lease_new (call, fds, &index, on_lease_over, error);
  if (lease == NULL)
    return FALSE;
  g_ptr_array_add (holdings->leases, lease);
  bus_call_return (call, g_variant_new ("(h)", index), fds);
  return TRUE;
}

static void
on_acquired (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ShmobjSemaphore *semaphore = SHMOBJ_SEMAPHORE (source);
  BusCall *call = user_data;
  GError *error = NULL;

  if (!shmobj_semaphore_acquire_finish (semaphore, result, &error))
    {
      bus_call_return_error (call, error);
      return;
    }
  if (bus_call_is_abandoned (call))
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "The caller has left the bus");
  else if (lease_out (call, &error))
    return;
  (void) shmobj_semaphore_release (semaphore, 1, NULL);
  bus_call_return_error (call, error);
}

static void
start_acquire (BusCall *call)
{
  g_autoptr (GVariant) options = g_variant_get_child_value (call->parameters, 1);
  GError *error = NULL;

  if (g_variant_n_children (options) > 0)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Acquire() knows no options yet");
  else
    call->held = bus_call_charge (call, BUS_LIMIT_LOCKS, 1, &error);
  if (error != NULL)
    bus_call_return_error (call, error);
  else
    shmobj_semaphore_acquire_async (semaphore_of (call->object),
                                    bus_argument_int64 (call->parameters, 0), call->cancellable,
                                    on_acquired, call);
}

/* Up to @n leases of @holder end, whose units were given. */
static void
end_leases (Holdings *holdings, const char *holder, guint n)
{
  for (guint i = holdings->leases->len; i > 0 && n > 0; i--)
    {
      BusLease *lease = holdings->leases->pdata[i - 1];

      if (g_str_equal (bus_lease_holder (lease), holder))
        {
          g_ptr_array_remove_index_fast (holdings->leases, i - 1);
          bus_lease_free (lease);
          n--;
        }
    }
}

static void
start_release (BusCall *call)
{
  GError *error = NULL;
  guint n;

  g_variant_get (call->parameters, "(u)", &n);
  if (shmobj_semaphore_release (semaphore_of (call->object), n, &error))
    {
      end_leases (call->object->state, bus_call_sender (call), n);
      bus_call_return (call, NULL, NULL);
    }
  else
    bus_call_return_error (call, error);
}

static GVariant *
get_value (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_semaphore_get_value (semaphore_of (object)));
}

static GVariant *
get_maximum (BusObject *object, GError **error)
{
  return g_variant_new_uint32 (shmobj_semaphore_get_maximum (semaphore_of (object)));
}

static GVariant *
get_recovers (BusObject *object, GError **error)
{
  return g_variant_new_boolean (shmobj_semaphore_get_recovers (semaphore_of (object)));
}

static const BusMethod methods[] = {
  { "Acquire", NULL, start_acquire, TRUE },
  { "Release", NULL, start_release },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Value", get_value },
  { "Maximum", get_maximum },
  { "Recovers", get_recovers },
  { NULL, NULL },
};

const BusInterface bus_semaphore_interface = {
  .info = &org_shmobj_manager1_semaphore_interface,
  .kind = "semaphore",
  .methods = methods,
  .properties = properties,
  .open = open_semaphore,
  .new_state = new_holdings,
  .free_state = free_holdings,
};
