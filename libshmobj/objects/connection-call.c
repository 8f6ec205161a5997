/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How one waits for an end of a pipe, and what is said when that comes to nothing.
 *
 * A wait has three parts, because the answer is often on its way:
 *   - a moment of spinning;
 *   - a nap of at most NAP_US on the ring's own word (base/ring-wait.c). Its waker needs one system
 *     call and no bell: a round trip between two who sleep costs less than through a bare
 *     socketpair (half of what it costs by the bell, where three calls and a yield are needed);
 *   - a poll without a timer: of the socket (for room: of the ring's doorbell), of the socket's
 *     hang-up, and of the cancellable.
 *
 * Nothing but the socket tells that the other side has died, and who naps does not hear it. So the
 * socket is looked at before the nap, and the nap is short: an end that comes during it is noticed
 * NAP_US late. One who waits long wakes once for that, and never again without a reason.
 *
 * A death in either part is the ring's own matter: the seat and its flag, or the armed bell, as for
 * a queue. Who naps and who polls at the same end do not know of each other; a message wakes one of
 * the former and rings for the latter. With something to cancel, with descriptors, or for poll(),
 * there is no nap.
 *
 * Descriptors wait for room in their own socket, which is pollable. For the limit on what a user
 * may have under way between all his processes, nothing is: who meets it looks again in slices. */

#include "objects/connection-call.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/message-fds.h"

#include <errno.h>
#include <poll.h>

#define LOOK_SLICE_US 50000
#define NAP_US 4000

gboolean
call_begin (Call *call,
            ShmobjConnection *self,
            gboolean sending,
            gint64 timeout_us,
            GCancellable *cancellable,
            gboolean *interrupted,
            GError **error)
{
  *call = (Call){ .self = self,
                  .ring = sending ? &self->write : &self->read,
                  .sending = sending,
                  .deadline_us = wait_deadline (timeout_us),
                  .cancellable = cancellable,
                  .interrupted = interrupted,
                  .may_nap = cancellable == NULL };
  if (interrupted != NULL)
    *interrupted = FALSE;
  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !connection_enter (self, error))
    return FALSE;
  if (call->ring->shared == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "This is the end of a one-way pipe that only %s", sending ? "receives" : "sends");
  else
    call->me = participants_me (&self->participants, error);
  if (call->me == 0)
    connection_leave (self);
  return call->me != 0;
}

void
call_end (Call *call)
{
  connection_leave (call->self);
}

/* ---- waiting ---- */

/* Sleeps until @fd is ready, the other side hangs up, @most_us have passed (-1: no such limit), or
 * the call ends otherwise. */
static Waited
sleep_for (Call *call, int fd, short events, gint64 most_us)
{
  struct pollfd fds[3] = { { fd, events, 0 }, { call->self->socket, 0, 0 }, { -1, POLLIN, 0 } };
  gint64 left_us = wait_left (call->deadline_us);
  struct timespec most;
  int ready;

  if (call->cancellable != NULL)
    fds[2].fd = g_cancellable_get_fd (call->cancellable);
  if (call->cancellable != NULL && fds[2].fd < 0 && most_us < 0)
    most_us = LOOK_SLICE_US; /* no descriptor to be had: look now and then */
  if (most_us >= 0 && (left_us < 0 || left_us > most_us))
    left_us = most_us;
  most = (struct timespec){ left_us / G_USEC_PER_SEC, left_us % G_USEC_PER_SEC * 1000 };
  ready = ppoll (fds, 3, left_us < 0 ? NULL : &most, NULL);
  if (fds[2].fd >= 0)
    g_cancellable_release_fd (call->cancellable);

  if (ready < 0)
    return errno == EINTR && call->interrupted != NULL ? WAITED_INTERRUPTED : WAITED_AGAIN;
  if (g_cancellable_is_cancelled (call->cancellable))
    return WAITED_CANCELLED;
  if (ready == 0)
    return wait_left (call->deadline_us) == 0 ? WAITED_TIMED_OUT : WAITED_AGAIN;
  return (fds[1].revents & (POLLHUP | POLLERR)) != 0 ? WAITED_OVER : WAITED_AGAIN;
}

/* How the next try may wait: as long as a nap. */
static RingPatience
nap (Call *call)
{
  gint64 end_us = wait_deadline (NAP_US);

  call->may_nap = FALSE;
  return (RingPatience){ call->deadline_us < 0 ? end_us : MIN (call->deadline_us, end_us), -1,
                         call->interrupted != NULL, TRUE };
}

static Waited
wait_by_bell (Call *call, gsize stored)
{
  Ring *ring = call->ring;
  RingStatus status = call->sending
                          ? ring_arm_out (ring, call->me, DOORBELL_ARMED, stored, call->deadline_us)
                          : ring_arm_in (ring, call->me, DOORBELL_ARMED, call->deadline_us);
  Waited waited;

  if (status == RING_STUCK)
    return wait_left (call->deadline_us) == 0 ? WAITED_TIMED_OUT : WAITED_AGAIN;
  if (status == RING_AGAIN)
    return WAITED_AGAIN;
  waited = sleep_for (call, call->sending ? ring->out.poll_fd : ring->in.poll_fd, POLLIN, -1);
  if (waited == WAITED_AGAIN)
    ring_let_ringer_finish (ring, call->sending);
  return waited;
}

Waited
call_wait (Call *call, gsize stored, RingPatience *patience)
{
  Ring *ring = call->ring;
  RingShared *shared = ring->shared;
  guint32 con = atomic_load_explicit (&shared->con, memory_order_acquire);

  if (call->deadline_us == 0)
    return connection_is_over (call->self) ? WAITED_OVER : WAITED_TIMED_OUT;
  if (wait_linger (call->sending ? &ring->writing : &ring->reading,
                   call->sending ? &shared->con : &shared->pub, WAIT_COUNT (con), WAIT_COUNT_MASK))
    return WAITED_AGAIN;
  if (!call->may_nap)
    return wait_by_bell (call, stored);
  if (connection_is_over (call->self))
    return WAITED_OVER;
  *patience = nap (call);
  return WAITED_AGAIN;
}

Waited
call_wait_to_send (Call *call, int code)
{
  if (message_fds_is_over (code))
    return WAITED_OVER;
  if (!message_fds_may_go_later (code))
    return WAITED_IN_VAIN;
  if (wait_left (call->deadline_us) == 0)
    return WAITED_TIMED_OUT;
  if (code == EAGAIN)
    return sleep_for (call, call->self->parcels, POLLOUT, -1);
  return sleep_for (call, -1, 0, MESSAGE_FDS_LIMIT_SLICE_US);
}

/* ---- what is said ---- */

gboolean
call_fail_over (GError **error)
{
  channel_set_over_error ("pipe", error);
  return FALSE;
}

gboolean
call_fail (Call *call, Waited waited, RingStatus status, const ShmobjFrame *frame, GError **error)
{
  if (waited == WAITED_INTERRUPTED || status == RING_INTERRUPTED)
    *call->interrupted = TRUE;
  else if (waited == WAITED_OVER)
    call_fail_over (error);
  else if (waited == WAITED_CANCELLED)
    channel_set_error (call->ring, "pipe", RING_CANCELLED, frame, error);
  else if (waited == WAITED_TIMED_OUT && status != RING_STUCK)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         call->sending ? CALL_LATE_TO_SEND : CALL_LATE_TO_RECEIVE);
  else
    channel_set_error (call->ring, "pipe", status, frame, error);
  return FALSE;
}
