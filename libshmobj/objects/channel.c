/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Channels: frames through a ring on behalf of a GObject.
 *
 * A get does not know how long its message is. It offers a buffer on the stack, which fits most; a
 * longer message stays in the ring and says its length, and the get comes again with memory of that
 * size. So nothing is allocated inside a guard, and a large message is copied once.
 *
 * A wait with a cancellable polls the ring's doorbell and the cancellable's descriptor; one without
 * sleeps on the ring's own word. Both try before they wait, so that a call that need not wait pays
 * for neither. Where no descriptor can be had for the cancellable, the wait looks at it every 50
 * ms.
 */

#include "objects/channel.h"

#include "base/flight.h"
#include "base/lookout.h"
#include "base/parcel.h"
#include "base/shmobj-error.h"
#include "base/sys.h"

#define SMALL_MESSAGE 512
#define LOOK_SLICE_US 50000
#define SMALL_PUT_BYTES 64 /* what G_IO_OUT promises room for */

gboolean
channel_check_capacity (guint64 *capacity, GError **error)
{
  guint64 asked = *capacity;

  *capacity = asked == 0 ? CHANNEL_CAPACITY_DEFAULT : (asked + 7) & ~(guint64) 7;
  if (*capacity >= RING_SIZE_MIN && *capacity <= RING_CAPACITY_MAX)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "A capacity of %" G_GUINT64_FORMAT " bytes is outside %d to %" G_GUINT64_FORMAT,
               asked, RING_SIZE_MIN, RING_CAPACITY_MAX);
  return FALSE;
}

static const char *
kind_name (guint16 kind)
{
  return kind == FRAME_PARCEL           ? "message with descriptors"
         : kind == SHMOBJ_FRAME_PICKLE  ? "Python pickle"
         : kind == SHMOBJ_FRAME_VARIANT ? "GVariant"
                                        : "block of bytes";
}

static void
set_stuck_error (Ring *ring, const char *noun, GError **error)
{
  guint32 owner = atomic_load (&ring->shared->write.guard);
  g_autofree char *who = NULL;

  if (owner == 0)
    owner = atomic_load (&ring->shared->read.guard);
  who =
      owner == 0 ? g_strdup ("Another process") : participants_describe (ring->participants, owner);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "%s was stopped in the middle of using the %s; let it run on or end it", who, noun);
}

void
channel_set_over_error (const char *noun, GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE,
               "Nobody holds the other end of the %s any more", noun);
}

static void
set_no_numbers_error (const char *noun, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
               "The next message comes with more descriptors than this process may still open "
               "(RLIMIT_NOFILE); it stays in the %s",
               noun);
}

void
channel_set_error (
    Ring *ring, const char *noun, RingStatus status, const ShmobjFrame *frame, GError **error)
{
  switch (status)
    {
    case RING_EMPTY:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY, "The %s is empty", noun);
      break;
    case RING_FULL:
    case RING_SHALLOW:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL, "The %s is full (%u messages)", noun,
                   ring_count (ring));
      break;
    case RING_TOO_LARGE:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "The message has %" G_GSIZE_FORMAT
                   " bytes, more than the %s's capacity of %" G_GUINT64_FORMAT
                   " bytes allows; make the %s with a larger capacity",
                   frame->size, noun, ring->capacity, noun);
      break;
    case RING_REFUSED:
      g_set_error (
          error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
          "The next message in the %s is a %s, which this call does not read; it stays there", noun,
          kind_name (frame->kind));
      break;
    case RING_NO_SPACE:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "No memory is left for the %s to grow; the message was not put", noun);
      break;
    case RING_TOO_SMALL:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "No memory is left to receive a message of %" G_GSIZE_FORMAT
                   " bytes; it stays in the %s",
                   frame->size, noun);
      break;
    case RING_NO_NUMBERS:
      set_no_numbers_error (noun, error);
      break;
    case RING_STUCK:
      set_stuck_error (ring, noun, error);
      break;
    case RING_CROWDED:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                   "Too much of the %s is in flight (%u messages received and not done with); "
                   "finish some with done()",
                   noun, flight_count (ring));
      break;
    case RING_CLOSED:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED, "The %s was shut down", noun);
      break;
    case RING_CANCELLED:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
      break;
    default:
      g_set_error (
          error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
          "The shared bytes of the %s make no sense (%d); a process that holds it wrote over them",
          noun, status);
    }
}

/* A message that was taken to @buffer, as a frame that owns its bytes; they are copied if that is
 * not memory of its own. One that lies in a block stays there, and the frame only says its size. */
static RingStatus
frame_taken (ShmobjFrame *frame, const RingGet *get, gboolean own)
{
  gsize size = (gsize) get->header.size + get->header.type_length;

  if (get->loan != 0 && get->ticket != NULL && get->ticket->in_place)
    {
      *frame = (ShmobjFrame){ .kind = get->header.kind, .size = size };
      g_free (own ? get->buffer : NULL);
      return RING_OK;
    }
  frame_adopt (frame, &get->header, own ? get->buffer : g_memdup2 (get->buffer, MAX (size, 1)));
  return RING_OK;
}

RingStatus
channel_get_frame (Ring *ring,
                   guint32 me,
                   guint accept,
                   ShmobjFrame *frame,
                   FlightTicket *ticket,
                   Parcel *parcel,
                   const RingPatience *patience)
{
  guint8 small[SMALL_MESSAGE];
  RingGet get = { accept, small, sizeof small, { 0 }, ticket, 0, parcel };
  gpointer buffer = NULL;
  RingStatus status;

  if (parcel != NULL)
    parcel_clear (parcel);
  status = ring_get (ring, me, &get, patience);

  while (status == RING_TOO_SMALL)
    {
      g_free (buffer);
      get.size = (gsize) get.header.size + get.header.type_length;
      get.buffer = buffer = g_try_malloc (get.size);
      if (buffer == NULL)
        break;
      status = ring_get (ring, me, &get, patience);
    }
  if (status == RING_OK)
    return frame_taken (frame, &get, buffer != NULL);

  *frame = (ShmobjFrame){ .kind = get.header.kind, .size = get.header.size };
  g_free (buffer);
  return status;
}

/* The most frequent case by the shortest way: a small message is there. */
static gboolean
take_at_once (Ring *ring, guint32 me, guint accept, ShmobjFrame *frame)
{
  guint8 small[SMALL_MESSAGE];
  RingGet get = { accept, small, sizeof small, { 0 } };

  return ring_try_get (ring, me, &get, 0) == RING_OK && frame_taken (frame, &get, FALSE) == RING_OK;
}

/* One wait of put or get: what differs is the middle. */
typedef RingStatus (*Attempt) (Ring *ring, guint32 me, gpointer data, const RingPatience *patience);

static RingStatus
attempt_looking (Ring *ring,
                 guint32 me,
                 Attempt attempt,
                 gpointer data,
                 const ChannelCall *call,
                 gint64 deadline_us)
{
  RingStatus status;

  do
    {
      gint64 left_us = wait_left (deadline_us);
      RingPatience slice = { wait_deadline (left_us < 0 ? LOOK_SLICE_US
                                                        : MIN (left_us, LOOK_SLICE_US)),
                             -1, call->interrupted != NULL };

      if (g_cancellable_is_cancelled (call->cancellable))
        return RING_CANCELLED;
      status = attempt (ring, me, data, &slice);
    }
  while ((status == RING_EMPTY || status == RING_FULL) && wait_left (deadline_us) != 0);
  return status;
}

static RingStatus
attempt_cancellable (
    Ring *ring, guint32 me, Attempt attempt, gpointer data, const ChannelCall *call)
{
  RingPatience patience = { 0, -1, call->interrupted != NULL };
  gint64 deadline_us = wait_deadline (call->timeout_us);
  RingStatus status;

  if (g_cancellable_is_cancelled (call->cancellable))
    return RING_CANCELLED;
  status = attempt (ring, me, data, &patience);
  if ((status != RING_EMPTY && status != RING_FULL && status != RING_SHALLOW) || deadline_us == 0)
    return status;

  patience.cancel_fd = g_cancellable_get_fd (call->cancellable);
  if (patience.cancel_fd < 0)
    return attempt_looking (ring, me, attempt, data, call, deadline_us);
  patience.deadline_us = deadline_us;
  status = attempt (ring, me, data, &patience);
  g_cancellable_release_fd (call->cancellable);
  return status;
}

static gboolean
conclude (Ring *ring,
          RingStatus status,
          const ShmobjFrame *frame,
          const ChannelCall *call,
          GError **error)
{
  if (call->interrupted != NULL)
    *call->interrupted = status == RING_INTERRUPTED;
  if (G_UNLIKELY (status != RING_OK && status != RING_INTERRUPTED))
    channel_set_error (ring, call->noun, status, frame, error);
  return status == RING_OK;
}

static RingStatus
attempt_put (Ring *ring, guint32 me, gpointer data, const RingPatience *patience)
{
  return ring_put (ring, me, data, patience);
}

gboolean
channel_put (Ring *ring, const ShmobjFrame *frame, const ChannelCall *call, GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  RingStatus status;

  if (G_UNLIKELY (me == 0))
    return FALSE;
  if (G_LIKELY (call->cancellable == NULL))
    status = ring_put_within (ring, me, frame, call->timeout_us, call->interrupted != NULL);
  else
    status = attempt_cancellable (ring, me, attempt_put, (gpointer) frame, call);
  return conclude (ring, status, frame, call, error);
}

/* One call of get or put, whichever way it may wait. */
static RingStatus
attempt_call (Ring *ring, guint32 me, Attempt attempt, gpointer data, const ChannelCall *call)
{
  RingPatience patience = { wait_deadline (call->timeout_us), -1, call->interrupted != NULL };

  if (call->cancellable != NULL)
    return attempt_cancellable (ring, me, attempt, data, call);
  return attempt (ring, me, data, &patience);
}

typedef struct
{
  guint accept;
  ShmobjFrame *frame;
  FlightTicket *ticket;
} GetAttempt;

static RingStatus
attempt_get (Ring *ring, guint32 me, gpointer data, const RingPatience *patience)
{
  GetAttempt *get = data;

  return channel_get_frame (ring, me, get->accept, get->frame, get->ticket, NULL, patience);
}

gboolean
channel_receive (Ring *ring,
                 guint accept,
                 ShmobjFrame *frame,
                 FlightTicket *ticket,
                 const ChannelCall *call,
                 GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  GetAttempt get = { accept, frame, ticket };

  *frame = (ShmobjFrame){ 0 };
  return me != 0 &&
         conclude (ring, attempt_call (ring, me, attempt_get, &get, call), frame, call, error);
}

gboolean
channel_get (Ring *ring, guint accept, ShmobjFrame *frame, const ChannelCall *call, GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  GetAttempt get = { accept, frame, NULL };
  RingStatus status;

  *frame = (ShmobjFrame){ 0 };
  if (G_UNLIKELY (me == 0))
    return FALSE;
  if (call->cancellable != NULL)
    status = attempt_cancellable (ring, me, attempt_get, &get, call);
  else if (G_LIKELY (take_at_once (ring, me, accept, frame)))
    status = RING_OK;
  else
    status = channel_get_frame (
        ring, me, accept, frame, NULL, NULL,
        &(RingPatience){ wait_deadline (call->timeout_us), -1, call->interrupted != NULL });
  return conclude (ring, status, frame, call, error);
}

gboolean
channel_wait (Ring *ring, GIOCondition condition, gint64 timeout_us)
{
  guint32 me = participants_me (ring->participants, NULL);
  gint64 deadline_us = wait_deadline (timeout_us);
  gboolean writer = (condition & G_IO_OUT) != 0;

  while (me != 0)
    {
      gint64 left_us = wait_left (deadline_us);
      RingStatus status;

      if (!writer)
        flight_recover (ring, me);
      if (writer ? ring_worth_putting (ring, SMALL_PUT_BYTES) : ring_worth_getting (ring))
        return TRUE;
      if (left_us == 0)
        return FALSE;
      status = writer ? ring_arm_out (ring, me, DOORBELL_ARMED, SMALL_PUT_BYTES, deadline_us)
                      : ring_arm_in (ring, me, DOORBELL_ARMED, deadline_us);
      if (status != RING_OK)
        return status == RING_AGAIN;
      if (!writer)
        left_us = lookout_sooner (left_us, lookout_by_bell_us (ring, me));
      if (doorbell_wait (writer ? &ring->out : &ring->in, -1, left_us) == DOORBELL_INTERRUPTED)
        return FALSE;
    }
  return FALSE;
}
