/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ends of pipes in loops that are not theirs: as a source, as a descriptor, and many at once. */

#include "objects/connection-private.h"

#include "base/shmobj-error.h"
#include "objects/channel-source.h"

static ChannelEnds
ends_of (ShmobjConnection *self)
{
  return (ChannelEnds){ &self->read, &self->write, self->socket, connection_is_over };
}

static gboolean
check_direction (ShmobjConnection *self, GIOCondition condition, GError **error)
{
  if ((condition & (G_IO_IN | G_IO_OUT)) == 0 || (condition & ~(G_IO_IN | G_IO_OUT)) != 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "Condition 0x%x is not made of G_IO_IN and G_IO_OUT", condition);
  else if (((condition & G_IO_IN) && self->read.shared == NULL) ||
           ((condition & G_IO_OUT) && self->write.shared == NULL))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "This is the end of a one-way pipe that only %s",
                 self->read.shared == NULL ? "sends" : "receives");
  else
    return TRUE;
  return FALSE;
}

/**
 * shmobj_connection_create_source:
 * @self: a connection
 * @condition: `G_IO_IN` and/or `G_IO_OUT`
 * @cancellable: (nullable): makes the source ready when it is cancelled
 * @error: return location for an error
 *
 * A source for a main loop. Its callback, a [callback@GLib.SourceFunc], runs whenever there is
 * something to receive, or room to send a small message, or nobody holds the other end any more; it
 * should then try with a time-out of 0. The source keeps the connection alive; destroy it before
 * you close the connection.
 *
 * Returns: (transfer full): a new source, or %NULL with `SHMOBJ_ERROR_CLOSED`,
 * `G_IO_ERROR_INVALID_ARGUMENT` or `G_IO_ERROR_NOT_SUPPORTED` (a one-way pipe the other way)
 *
 * Since: 1.0
 */
GSource *
shmobj_connection_create_source (ShmobjConnection *self,
                                 GIOCondition condition,
                                 GCancellable *cancellable,
                                 GError **error)
{
  ChannelEnds ends;
  GSource *source = NULL;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), NULL);

  if (!connection_enter (self, error))
    return NULL;
  ends = ends_of (self);
  if (check_direction (self, condition, error))
    source = channel_source_new (&ends, self, condition, cancellable);
  connection_leave (self);
  return source;
}

/**
 * shmobj_connection_get_fd:
 * @self: a connection
 * @condition: `G_IO_IN` or `G_IO_OUT`
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it. It is *readable* whenever a receive (or,
 * for `G_IO_OUT`, a send of a small message) with time-out 0 would not wait. See
 * [method@Shmobj.Queue.get_fd] for how to use it; that of `G_IO_IN` also becomes readable when
 * nobody holds the other end any more.
 *
 * Returns: the descriptor, which stays the connection's; -1 with `SHMOBJ_ERROR_CLOSED`,
 * `G_IO_ERROR_INVALID_ARGUMENT`, `G_IO_ERROR_NOT_SUPPORTED` (a one-way pipe the other way) or
 * `SHMOBJ_ERROR_BUSY`
 *
 * Since: 1.0
 */
int
shmobj_connection_get_fd (ShmobjConnection *self, GIOCondition condition, GError **error)
{
  int fd = -1;

  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), -1);

  if (!connection_enter (self, error))
    return -1;
  if (check_direction (self, condition, error))
    fd = channel_get_fd (condition == G_IO_IN ? &self->read : &self->write, "pipe", condition,
                         error);
  connection_leave (self);
  return fd;
}

/* Those of the entered connections that are ready, in @ready; the bells of the others are armed if
 * there are none. */
static gsize
collect (ShmobjConnection **connections, gsize n, ShmobjConnection **ready)
{
  gsize found = 0;

  for (gsize i = 0; i < n; i++)
    {
      ChannelEnds ends = ends_of (connections[i]);

      if (channel_is_ready_or_armed (&ends, connections[i], G_IO_IN))
        ready[found++] = connections[i];
    }
  return found;
}

static gsize
wait_for_any (ShmobjConnection **connections,
              gsize n,
              ShmobjConnection **ready,
              gint64 timeout_us,
              GCancellable *cancellable,
              GError **error)
{
  gint64 deadline_us = wait_deadline (timeout_us), left_us;
  g_autofree GPollFD *fds = g_new0 (GPollFD, n + 1);
  gsize found;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return 0;
  for (gsize i = 0; i < n; i++)
    fds[i] = (GPollFD){ connections[i]->read.in.poll_fd, G_IO_IN, 0 };
  while ((found = collect (connections, n, ready)) == 0 && (left_us = wait_left (deadline_us)) != 0)
    {
      gboolean watched = g_cancellable_make_pollfd (cancellable, &fds[n]);

      if (!g_cancellable_is_cancelled (cancellable))
        g_poll (fds, n + watched, left_us < 0 ? -1 : (gint) MIN ((left_us + 999) / 1000, G_MAXINT));
      if (watched)
        g_cancellable_release_fd (cancellable);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return 0;
    }
  if (found == 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "Nothing came through any of the pipes in time");
  return found;
}

static gboolean
enter_all (ShmobjConnection **connections, gsize n, gsize *entered, GError **error)
{
  for (*entered = 0; *entered < n;)
    {
      if (!connection_enter (connections[*entered], error))
        return FALSE;
      if (!check_direction (connections[(*entered)++], G_IO_IN, error))
        return FALSE;
    }
  return TRUE;
}

/**
 * shmobj_connection_wait:
 * @connections: (array length=n_connections): connections that receive
 * @n_connections: their number
 * @timeout_us: how long to wait, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @n_ready: (out): how many are ready
 * @error: return location for an error
 *
 * Waits until at least one of the connections has something to receive, or lost its other side.
 *
 * Returns: (array length=n_ready) (transfer container): those, in the order in which they were
 * given; %NULL with `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_CLOSED` or
 * `G_IO_ERROR_NOT_SUPPORTED` (one of them only sends)
 *
 * Since: 1.0
 */
ShmobjConnection **
shmobj_connection_wait (ShmobjConnection **connections,
                        gsize n_connections,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        gsize *n_ready,
                        GError **error)
{
  g_autofree ShmobjConnection **ready = g_new0 (ShmobjConnection *, n_connections + 1);
  gsize entered = 0, found = 0;

  g_return_val_if_fail (n_ready != NULL, NULL);

  if (enter_all (connections, n_connections, &entered, error))
    found = wait_for_any (connections, n_connections, ready, timeout_us, cancellable, error);
  for (gsize i = 0; i < entered; i++)
    connection_leave (connections[i]);
  *n_ready = found;
  return found > 0 ? g_steal_pointer (&ready) : NULL;
}
