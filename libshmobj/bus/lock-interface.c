/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.shmobj.Manager1.Lock on a ShmobjLock.
 *
 * The lock is the service process's; for whom it has it is remembered here. A caller holds it by a
 * lease: the writing end of a pipe, whose reading end hangs up here when the last copy is closed.
 * That also cures the caller that gave up: its bus library closes the descriptor of a reply that
 * nobody expects, and the lock is free again.
 *
 * States. FREE (holder is NULL) becomes HELD when an acquire ends well and its caller is there;
 * back by Release, the lease, or the caller's name, whichever comes first. While HELD the object is
 * kept, even if its name was removed. If the service is killed, the lock is abandoned: the next who
 * acquires it is told so.
 */

#include "bus/arguments.h"
#include "bus/interface.h"
#include "bus/introspection.h"
#include "bus/service.h"
#include "objects/shmobj-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

typedef struct
{
  BusObject *object; /* ours; a reference while the lock is held */
  char *holder;      /* (owned): the caller's unique name; NULL while nobody has it through us */
  BusClientWatch *watch; /* (owned): of the holder */
  BusCharge *charge;     /* (owned): on the holder's account */
  GSource *lease;        /* (owned): on the reading end */
  int lease_fd;          /* (owned) */
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
  Tenure *tenure = g_new0 (Tenure, 1);

  tenure->object = object;
  tenure->lease_fd = -1;
  return tenure;
}

static gboolean
end_tenure (Tenure *tenure, GError **error)
{
  BusObject *object = tenure->object;
  gboolean released;

  g_source_destroy (tenure->lease);
  g_clear_pointer (&tenure->lease, g_source_unref);
  g_clear_pointer (&tenure->watch, bus_client_watch_free);
  g_clear_pointer (&tenure->charge, bus_charge_free);
  g_clear_pointer (&tenure->holder, g_free);
  close (tenure->lease_fd);
  tenure->lease_fd = -1;
  released = shmobj_lock_release (lock_of (object), error);
  bus_object_unref (object);
  return released;
}

static void
free_tenure (gpointer state)
{
  g_free (state); /* nobody holds the lock: a holder keeps the object */
}

static void
on_holder_gone (gpointer data)
{
  (void) end_tenure (data, NULL);
}

static gboolean
on_lease_closed (int fd, GIOCondition condition, gpointer data)
{
  (void) end_tenure (data, NULL);
  return G_SOURCE_REMOVE;
}

static void
begin_tenure (BusCall *call, int lease_fd)
{
  Tenure *tenure = call->object->state;

  bus_object_ref (call->object);
  tenure->holder = g_strdup (bus_call_sender (call));
  tenure->watch =
      bus_client_watch_new (call->object->service->clients, tenure->holder, on_holder_gone, tenure);
  tenure->charge = g_steal_pointer (&call->held);
  tenure->lease_fd = lease_fd;
  tenure->lease = g_unix_fd_source_new (lease_fd, G_IO_HUP);
  g_source_set_callback (tenure->lease, G_SOURCE_FUNC (on_lease_closed), tenure, NULL);
  g_source_set_static_name (tenure->lease, "shmobj bus lease");
  g_source_attach (tenure->lease, g_main_context_get_thread_default ());
}

/* Makes the lease and gives it to the caller. We have the lock. */
static gboolean
lease_out (BusCall *call, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  gboolean abandoned = shmobj_lock_get_abandoned (lock_of (call->object));
  int ends[2];
  int index;

  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "The service cannot make a lease: %s", g_strerror (errno));
      return FALSE;
    }
  index = g_unix_fd_list_append (fds, ends[1], error);
  close (ends[1]);
  if (index < 0)
    {
      close (ends[0]);
      return FALSE;
    }
  begin_tenure (call, ends[0]);
  bus_call_return (call, g_variant_new ("(hb)", index, abandoned), fds);
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
  GError *error = NULL;

  if (tenure->holder == NULL || !g_str_equal (tenure->holder, bus_call_sender (call)))
    bus_call_return_error (
        call,
        g_error_new (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "You do not have this lock: %s%s",
                     tenure->holder != NULL ? "it is held by " : "nobody acquired it here",
                     tenure->holder != NULL ? tenure->holder : ""));
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

  return g_variant_new_string (tenure->holder != NULL ? tenure->holder : "");
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
