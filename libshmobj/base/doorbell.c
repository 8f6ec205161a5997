/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Doorbells: descriptors that become readable when there is something to look at. An eventfd for
 * anonymous objects, a FIFO beside the segment for named ones, the socket of a pipe.
 *
 * The contract that keeps them from ever being silent by mistake (tried: two pollers on one
 * eventfd, one drains it and is killed before it takes; the other slept beside the message):
 *
 *     ring     under the ringing side's guard, before publishing, only when ARMED; then ARMED is
 * taken away drain    under both guards, only while there is nothing; then ARMED is set
 *
 * A death after ringing and before publishing leaves a bell that rings for nothing: one needless
 * look. One between ringing and taking ARMED away rings twice. One between draining and arming
 * leaves nothing to wake for: whoever waits arms the bell himself before he polls, under the same
 * guards. One ring per "empty -> not empty", not per message.
 *
 * Reading until nothing is left works for all three kinds; writing 8 bytes is what an eventfd wants
 * and the others take.
 */

#include "base/doorbell.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void
doorbell_ring (const Doorbell *bell)
{
  guint64 one = 1;
  char sink[512];

  if (bell->ring_fd < 0)
    return;
  if (send (bell->ring_fd, &one, 1, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != ENOTSOCK)
    return; /* a full socket is readable at the other end, which is all we want; a closed one has
               nobody to wake */
  if (write (bell->ring_fd, &one, sizeof one) < 0 && errno == EAGAIN &&
      read (bell->ring_fd, sink, sizeof sink) > 0)
    (void) !write (bell->ring_fd, &one, sizeof one);
}

void
doorbell_drain (const Doorbell *bell)
{
  char sink[512];

  while (bell->poll_fd >= 0 && read (bell->poll_fd, sink, sizeof sink) == sizeof sink)
    ;
}

DoorbellResult
doorbell_wait (const Doorbell *bell, int other_fd, gint64 most_us)
{
  struct pollfd fds[2] = { { .fd = bell->poll_fd, .events = POLLIN },
                           { .fd = other_fd, .events = POLLIN } };
  struct timespec most = { most_us / G_USEC_PER_SEC, most_us % G_USEC_PER_SEC * 1000 };
  int ready = ppoll (fds, 2, most_us < 0 ? NULL : &most, NULL);

  if (ready < 0)
    return errno == EINTR ? DOORBELL_INTERRUPTED : DOORBELL_RANG;
  if (ready == 0)
    return DOORBELL_TIMED_OUT;
  return fds[1].revents != 0 ? DOORBELL_OTHER : DOORBELL_RANG;
}
