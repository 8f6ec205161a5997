/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Lock on a ShmobjLock.
 *
 * The lock is the service process's; for whom it has it is remembered here. A caller holds it by a
 * lease (bus/lease.c).
 *
 * States. FREE (no lease) becomes HELD when an acquire ends well and its caller is there; back by
 * Release or the end of the lease, whichever comes first. If the service is killed, the lock is
 * abandoned: the next who acquires it is told so.
 */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/lease.h"
#include "objects/shmobj-lock.h"

typedef struct
{
  BusLease *lease; /* (owned): the holder's; NULL while nobody has it through us */
} Tenure;

static GObject *
open_lock (ShmobjManager *manager,
           const char *name,
           ShmobjOpenFlags flags,
           GVariantDict *options,
           GError **error)
{
  return (GObject *) shmobj_manager_open_lock (manager, name, flags, NULL, error);
}

static ShmobjLock *
lock_of (BusObject *object)
{
  return SHMOBJ_LOCK (object->object);
}

static gpointer
new_tenure (BusObject *object)
{
  return g_new0 (Tenure, 1);
}

static void
free_tenure (gpointer state)
{
  g_free (state); /* nobody holds the lock: a lease keeps the object */
}

static gboolean
end_tenure (Tenure *tenure, GError **error)
{
  gboolean released = shmobj_lock_release (lock_of (bus_lease_object (tenure->lease)), error);

  bus_lease_free (g_steal_pointer (&tenure->lease));
  return released;
}

static void
on_lease_over (BusLease *lease)
{
  (void) end_tenure (bus_lease_object (lease)->state, NULL);
}

/* We have the lock. */
static gboolean
lease_out (BusCall *call, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  Tenure *tenure = call->object->state;
  int index;

  tenure->lease = bus_lease_new (call, fds, &index, on_lease_over, error);
  if (tenure->lease == NULL)
    return FALSE;
  bus_call_return (
      call, g_variant_new ("(hb)", index, shmobj_lock_get_abandoned (lock_of (call->object))), fds);
  return TRUE;
}

static void
on_acquired (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ShmobjLock *lock = SHMOBJ_LOCK (source);
  BusCall *call = user_data;
  GError *error = NULL;

  if (!shmobj_lock_acquire_finish (lock, result, &error))
    {
      bus_call_return_error (call, error);
      return;
    }
  if (bus_call_is_abandoned (call))
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "The caller has left the bus");
  else if (lease_out (call, &error))
    return;
  (void) shmobj_lock_release (lock, NULL);
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
    shmobj_lock_acquire_async (lock_of (call->object), bus_argument_int64 (call->parameters, 0),
                               call->cancellable, on_acquired, call);
}

static void
start_release (BusCall *call)
{
  Tenure *tenure = call->object->state;
  const char *holder = tenure->lease != NULL ? bus_lease_holder (tenure->lease) : NULL;
  GError *error = NULL;

  if (holder == NULL || !g_str_equal (holder, bus_call_sender (call)))
    bus_call_return_error (
        call,
        g_error_new (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "You do not have this lock: %s%s",
                     holder != NULL ? "it is held by " : "nobody acquired it here",
                     holder != NULL ? holder : ""));
  else if (end_tenure (tenure, &error))
    bus_call_return (call, NULL, NULL);
  else
    bus_call_return_error (call, error);
}

static GVariant *
get_locked (BusObject *object, GError **error)
{
  return g_variant_new_boolean (shmobj_lock_is_locked (lock_of (object)));
}

static GVariant *
get_owner (BusObject *object, GError **error)
{
  Tenure *tenure = object->state;

  return g_variant_new_string (tenure->lease != NULL ? bus_lease_holder (tenure->lease) : "");
}

static const BusMethod methods[] = {
  { "Acquire", NULL, start_acquire, TRUE },
  { "Release", NULL, start_release },
  { NULL, NULL, NULL },
};

static const BusProperty properties[] = {
  { "Locked", get_locked },
  { "Owner", get_owner },
  { NULL, NULL },
};

const BusInterface bus_lock_interface = {
  .info = &org_shmobj_manager1_lock_interface,
  .kind = "lock",
  .methods = methods,
  .properties = properties,
  .open = open_lock,
  .new_state = new_tenure,
  .free_state = free_tenure,
};
