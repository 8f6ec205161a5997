/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leases: the writing end of a pipe, whose reading end hangs up here when the last copy is closed.
 *
 * That also cures the caller that gave up: its bus library closes the descriptor of a reply that
 * nobody expects. The lease is over with that, or with the caller's name, whichever comes first.
 * While there is one the object is kept, even if its name was removed.
 */

#include "bus/lease.h"

#include "bus/service.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

struct _BusLease
{
  BusObject *object;     /* (owned) */
  char *holder;          /* (owned): the caller's unique name */
  BusClientWatch *watch; /* (owned): of the holder */
  BusCharge *charge;     /* (owned): on the holder's account */
  GSource *source;       /* (owned): on the reading end */
  int fd;                /* (owned) */
  BusLeaseOver over;
};

static void
on_holder_gone (gpointer data)
{
  BusLease *lease = data;

  lease->over (lease);
}

static gboolean
on_closed (int fd, GIOCondition condition, gpointer data)
{
  BusLease *lease = data;

  lease->over (lease);
  return G_SOURCE_REMOVE;
}

static BusLease *
begin (BusCall *call, int fd, BusLeaseOver over)
{
  BusLease *lease = g_new0 (BusLease, 1);

  lease->object = bus_object_ref (call->object);
  lease->holder = g_strdup (bus_call_sender (call));
  lease->over = over;
  lease->watch =
      bus_client_watch_new (call->object->service->clients, lease->holder, on_holder_gone, lease);
  lease->charge = g_steal_pointer (&call->held);
  lease->fd = fd;
  lease->source = g_unix_fd_source_new (fd, G_IO_HUP);
  g_source_set_callback (lease->source, G_SOURCE_FUNC (on_closed), lease, NULL);
  g_source_set_static_name (lease->source, "shmobj bus lease");
  g_source_attach (lease->source, g_main_context_get_thread_default ());
  return lease;
}

BusLease *
bus_lease_new (BusCall *call, GUnixFDList *fds, int *fd_index, BusLeaseOver over, GError **error)
{
  int ends[2];

  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "The service cannot make a lease: %s", g_strerror (errno));
      return NULL;
    }
  *fd_index = g_unix_fd_list_append (fds, ends[1], error);
  close (ends[1]);
  if (*fd_index >= 0)
    return begin (call, ends[0], over);
  close (ends[0]);
  return NULL;
}

void
bus_lease_free (BusLease *lease)
{
  g_source_destroy (lease->source);
  g_source_unref (lease->source);
  bus_client_watch_free (lease->watch);
  bus_charge_free (lease->charge);
  g_free (lease->holder);
  close (lease->fd);
  bus_object_unref (lease->object);
  g_free (lease);
}

const char *
bus_lease_holder (const BusLease *lease)
{
  return lease->holder;
}

BusObject *
bus_lease_object (const BusLease *lease)
{
  return lease->object;
}
