/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look-out: a message whose holder died comes back although nothing happens in the queue and
 * everybody sleeps (base/flight.c says who else notices).
 *
 * A death makes no noise here, so sleeping readers look up: every 100 ms while something is in
 * others' hands. How one sleeps says whether that can be known beforehand:
 *   - In a seat. Whatever is received later was put later, and that put wakes who is in the seat.
 *   - By the bell, in a poll() or a main loop. The bell rings for a put, but the one who receives
 * the message may find nothing more, and silence the bell, before another poller has run at all;
 * that one sleeps on and knows nothing of the flight. So who is not alone looks once a second,
 * too, in a queue where messages are received.
 *   - By a bare descriptor. Its holder does not tell us when it sleeps, and only a descriptor can
 * wake it: it is given an epoll of the bell and a timer. Every try that finds nothing sets the
 * timer anew, or stops it.
 *
 * A lone sleeper, and a queue that nobody receives from, have no timer.
 *
 * Forks. A child has its parent's epoll and timer. Whichever sets the timer has just looked itself,
 * for both of them.
 */

#include "base/lookout.h"

#include "base/flight.h"
#include "base/sys.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#define HELD_LOOK_US 100000
#define POOL_LOOK_US 1000000

gint64
lookout_told_us (Ring *ring, guint32 me)
{
  return flight_is_with_others (ring, me) ? HELD_LOOK_US : -1;
}

gint64
lookout_by_bell_us (Ring *ring, guint32 me)
{
  ParticipantInfo other;
  guint32 number = 0;

  if (!flight_is_used (ring))
    return -1;
  if (flight_is_with_others (ring, me))
    return HELD_LOOK_US;
  return participants_next (ring->participants, &number, &other) ? POOL_LOOK_US : -1;
}

static int
watch (int epoll, int fd)
{
  struct epoll_event event = { .events = EPOLLIN };

  return epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
}

int
lookout_open (Ring *ring, guint32 me)
{
  int timer;

  if (ring->lookout_fd >= 0)
    return ring->lookout_fd;
  timer = sys.timerfd ();
  ring->lookout_fd = timer < 0 ? -1 : sys.epoll ();
  if (ring->lookout_fd < 0 || watch (ring->lookout_fd, ring->in.poll_fd) != 0 ||
      watch (ring->lookout_fd, timer) != 0)
    {
      sys_close (timer);
      sys_close (ring->lookout_fd);
      ring->lookout_fd = -1;
      return -1;
    }
  atomic_store (&ring->lookout_timer, timer);
  lookout_again (ring, me);
  return ring->lookout_fd;
}

void
lookout_close (Ring *ring)
{
  sys_close (ring->lookout_fd);
  sys_close (atomic_exchange (&ring->lookout_timer, -1));
  ring->lookout_fd = -1;
}

void
lookout_again (Ring *ring, guint32 me)
{
  int timer = atomic_load_explicit (&ring->lookout_timer, memory_order_relaxed);
  struct itimerspec when = { 0 };
  gint64 look_us;

  if (G_LIKELY (timer < 0))
    return;
  look_us = lookout_by_bell_us (ring, me);
  if (look_us >= 0) /* zero stops it */
    when.it_value = (struct timespec){ look_us / G_USEC_PER_SEC, look_us % G_USEC_PER_SEC * 1000 };
  timerfd_settime (timer, 0, &when, NULL);
}
