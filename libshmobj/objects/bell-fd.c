/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock and Event as a descriptor for poll, select, epoll or asyncio.
 *
 * The bell of an arena is rung for all its objects, and never drained (base/broadcast.c). So the
 * descriptor is an epoll of our own that listens to it and to a timer. It is readable from the
 * beginning; only a try in vain makes it silent, in this order: the timer is set to a second from
 * now, the edges are forgotten, and then comes one more look, which also asks for the next ring. A
 * change before that look is seen by it, one after it rings.
 *
 * The timer is for what nobody rings for: the owner of a lock died, or the one who was about to
 * ring. And the bell rings for other objects. So it may be readable for nothing.
 *
 * Forks. An epoll that two processes have gives each edge to either of them: a child makes its own
 * when it asks, and its tries do not touch its parent's.
 */

#include "objects/bell-fd.h"

#include "base/fork.h"
#include "base/sys.h"

#include <errno.h>
#include <sys/timerfd.h>

#define LOOK_US G_USEC_PER_SEC

static void
set_timer (int timer, gint64 time_us)
{
  struct itimerspec when = { .it_value = { time_us / G_USEC_PER_SEC,
                                           time_us % G_USEC_PER_SEC * 1000 } };

  timerfd_settime (timer, 0, &when, NULL);
}

void
bell_fd_clear (BellFd *self)
{
  sys_close (atomic_exchange (&self->fd, -1));
  sys_close (self->timer);
  self->timer = -1;
}

int
bell_fd_get (BellFd *self, const Broadcast *bell, GError **error)
{
  int fd = atomic_load (&self->fd);

  if (fd >= 0 && fork_is_still (self->generation))
    return fd;
  bell_fd_clear (self);
  self->generation = fork_generation ();
  self->timer = sys.timerfd ();
  fd = self->timer < 0 ? -1 : broadcast_listen (bell, self->timer);
  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot make a descriptor to poll: %s", g_strerror (errno));
      bell_fd_clear (self);
      return -1;
    }
  set_timer (self->timer, 1);
  atomic_store (&self->fd, fd);
  return fd;
}

gboolean
bell_fd_quiet (BellFd *self)
{
  int fd = atomic_load_explicit (&self->fd, memory_order_acquire);

  if (G_LIKELY (fd < 0) || !fork_is_still (self->generation))
    return FALSE;
  set_timer (self->timer, LOOK_US);
  broadcast_wait (fd, 0);
  return TRUE;
}
