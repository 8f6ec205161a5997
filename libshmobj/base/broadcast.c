/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Broadcast: one eventfd or FIFO for all objects of an arena, heard by all processes that wait for
 * any of them.
 *
 * A doorbell that is drained wakes whoever is quicker. Here nobody drains: each listener watches
 * the bell through an epoll descriptor of its own, edge-triggered, and each write is a new edge for
 * every one of them. What a listener does with its edge concerns nobody else, so its death does not
 * either.
 *
 * Order. Whoever changes something publishes first and rings then; a listener looks after each
 * edge, and once after it began to listen. So either it sees the change or it has an edge to come.
 * A death between publishing and ringing loses the ring: hence listeners also look about once a
 * second, as they must anyway, because nobody rings for a dead owner.
 *
 * An eventfd counts to 2^64 - 2 and would refuse to go on. A FIFO holds 64 KiB, and some kernels
 * (5.5 to 5.13) report an edge only when it was empty: so the ringer empties it first. Two ringers
 * at once: if B finds A's byte and makes no edge, then A wrote after B emptied, which was after B
 * had published, and whoever hears A sees B's change too.
 *
 * Forks. A child that inherits a listener must not use it: edges would go to either of the two.
 */

#include "base/broadcast.h"

#include "base/shmobj-error.h"
#include "base/sys.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
broadcast_init (Broadcast *bell, int fd, GError **error)
{
  int flags = fcntl (fd, F_GETFL);
  struct stat st;

  /* An eventfd is the kind of file that has no type, as are a few that do no harm here. */
  if (flags >= 0 && fstat (fd, &st) == 0 && (flags & O_ACCMODE) == O_RDWR &&
      (flags & O_NONBLOCK) != 0 && ((st.st_mode & S_IFMT) == 0 || S_ISFIFO (st.st_mode)))
    {
      *bell = (Broadcast){ .fd = fd, .is_fifo = S_ISFIFO (st.st_mode) };
      return TRUE;
    }
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "The doorbell's descriptor is not a non-blocking eventfd or FIFO (flags %o)",
               flags < 0 ? 0 : flags);
  return FALSE;
}

static void
empty (int fd)
{
  char sink[4096];

  while (read (fd, sink, sizeof sink) == sizeof sink)
    ;
}

void
broadcast_ring (const Broadcast *bell)
{
  guint64 one = 1;

  if (bell->is_fifo)
    empty (bell->fd);
  if (write (bell->fd, &one, sizeof one) < 0 && errno == EAGAIN)
    {
      empty (bell->fd);
      (void) !write (bell->fd, &one, sizeof one);
    }
}

static gboolean
watch (int listener, int fd, guint32 events, gboolean other)
{
  struct epoll_event event = { .events = events, .data.u32 = other };

  return epoll_ctl (listener, EPOLL_CTL_ADD, fd, &event) == 0;
}

int
broadcast_listen (const Broadcast *bell, int other_fd)
{
  int listener = sys.epoll ();

  if (listener >= 0 && watch (listener, bell->fd, EPOLLIN | EPOLLET, FALSE) &&
      (other_fd < 0 || watch (listener, other_fd, EPOLLIN, TRUE)))
    return listener;
  sys_close (listener);
  return -1;
}

DoorbellResult
broadcast_wait (int listener, gint64 most_us)
{
  gint64 most_ms = most_us < 0 ? -1 : MIN ((most_us + 999) / 1000, G_MAXINT);
  DoorbellResult result = DOORBELL_TIMED_OUT;
  struct epoll_event events[2];
  int n = epoll_wait (listener, events, 2, most_ms);

  if (n < 0)
    return errno == EINTR ? DOORBELL_INTERRUPTED : DOORBELL_RANG;
  for (int i = 0; i < n; i++)
    if (events[i].data.u32 || result == DOORBELL_TIMED_OUT)
      result = events[i].data.u32 ? DOORBELL_OTHER : DOORBELL_RANG;
  return result;
}
