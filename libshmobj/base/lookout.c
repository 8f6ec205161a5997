/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look-out: a message whose holder died comes back although nothing happens in the queue and
 * everybody sleeps (base/flight.c says who else notices).
 *
 * A death makes no noise here, so sleeping readers look up: every 100 ms while something is in
 * others' hands. How one sleeps says whether that can be known beforehand:
 *   - In a seat. Whatever is received later was put later, and that put wakes who is in the seat.
 *   - Behind the seat. Who is in it may be killed together with a holder, as with all of a
 * container. So one of those who queue, the deputy, looks as often; the others once a second.
 *   - By the bell, in a poll() or a main loop. The bell rings for a put, but the one who receives
 * the message may find nothing more, and silence the bell, before another poller has run at all;
 * that one sleeps on and knows nothing of the flight. So who is not alone looks once a second,
 * too, whether or not anything was ever received.
 *   - By a bare descriptor. Its holder does not tell us when it sleeps, and only a descriptor can
 * wake it: it is given an epoll of the bell and a timer. Every try that finds nothing sets the
 * timer anew, or stops it.
 *
 * A lone sleeper has no timer, and in the seat none but for what is in flight.
 *
 *     deputy    [ token of the one who looks behind the seat, or 0 ]
 *
 * A deputy that lives looks every 100 ms: it takes the word before it sleeps so, and clears it
 * before it sleeps for longer or leaves. Whoever is in the seat wakes one of those who queue when
 * there is no deputy, or the kernel says that it is dead, and once more after 100 ms if that one
 * was not yet asleep. Killed with the word taken, it is replaced by who then queues.
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

void
lookout_leave (Ring *ring, guint32 me)
{
  guint32 seen = me;

  if (atomic_load_explicit (&ring->shared->deputy, memory_order_relaxed) == me)
    atomic_compare_exchange_strong (&ring->shared->deputy, &seen, 0);
}

gboolean
lookout_wants_deputy (Ring *ring)
{
  guint32 deputy = atomic_load (&ring->shared->deputy);

  return deputy == 0 || participants_is_dead (ring->participants, deputy);
}

gint64
lookout_behind_us (Ring *ring, guint32 me)
{
  guint32 deputy = atomic_load (&ring->shared->deputy);

  if (!flight_is_with_others (ring, me))
    {
      lookout_leave (ring, me);
      return -1;
    }
  if (deputy == me)
    return HELD_LOOK_US;
  if (deputy != 0 && !participants_is_dead (ring->participants, deputy))
    return -1;
  return atomic_compare_exchange_strong (&ring->shared->deputy, &deputy, me) ? HELD_LOOK_US : -1;
}

gint64
lookout_by_bell_us (Ring *ring, guint32 me)
{
  if (ring->flight == NULL)
    return -1;
  if (flight_is_with_others (ring, me))
    return HELD_LOOK_US;
  return participants_in_company (ring->participants) ? POOL_LOOK_US : -1;
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
