/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A channel in a loop that is not ours: as a GSource, or as a descriptor for poll, select, epoll or
 * asyncio.
 *
 * The source looks into the ring whenever its loop is about to sleep, and arms the doorbell if
 * there is nothing. So it is ready for nothing only when another process was faster, and several
 * processes may each have one on the same queue. It also has the loop wake up to look after those
 * who hold messages (base/lookout.c).
 *
 * With a bare descriptor we are not told when its holder sleeps. Such a bell is marked as wanted
 * for good, and every try that finds nothing arms it again. Its holder therefore tries until there
 * is nothing left, or is told once more.
 */

#include "objects/channel-source.h"

#include "base/flight.h"
#include "base/lookout.h"

#include <errno.h>

#define ROOM_FOR_A_SMALL_MESSAGE 64

typedef struct
{
  GSource source;
  gpointer owner; /* (owned) */
  ChannelEnds ends;
  GIOCondition condition;
  gint64 look_at_us; /* when to look after the holders of messages; -1: never */
} ChannelSource;

static gboolean
is_ready (const ChannelEnds *ends, gpointer owner, GIOCondition condition)
{
  return ((condition & G_IO_IN) && ring_worth_getting (ends->in)) ||
         ((condition & G_IO_OUT) && ring_worth_putting (ends->out, ROOM_FOR_A_SMALL_MESSAGE)) ||
         (ends->is_over != NULL && ends->is_over (owner));
}

/* TRUE: no need to sleep; who tries then is told what is wrong, if something is. */
static gboolean
arm (const ChannelEnds *ends, GIOCondition condition)
{
  guint32 me = participants_me ((ends->in != NULL ? ends->in : ends->out)->participants, NULL);

  if (me == 0)
    return TRUE;
  if ((condition & G_IO_IN) && ring_arm_in (ends->in, me, DOORBELL_ARMED, 0) != RING_OK)
    return TRUE;
  return (condition & G_IO_OUT) &&
         ring_arm_out (ends->out, me, DOORBELL_ARMED, ROOM_FOR_A_SMALL_MESSAGE, 0) != RING_OK;
}

gboolean
channel_is_ready_or_armed (const ChannelEnds *ends, gpointer owner, GIOCondition condition)
{
  return is_ready (ends, owner, condition) || arm (ends, condition);
}

/* How long the loop may sleep, in milliseconds. A loop that has much else to do comes here often,
 * and asking the kernel who lives is not free: only when it is time. */
static int
look_out (ChannelSource *self)
{
  Ring *ring = self->ends.in;
  guint32 me = self->condition & G_IO_IN ? participants_me (ring->participants, NULL) : 0;
  gint64 now_us = g_source_get_time (&self->source), look_us;

  if (me == 0)
    return -1;
  if (self->look_at_us >= 0 && now_us >= self->look_at_us)
    {
      flight_recover (ring, me);
      self->look_at_us = -1;
    }
  look_us = lookout_by_bell_us (ring, me);
  if (look_us < 0)
    self->look_at_us = -1;
  else if (self->look_at_us < 0 || now_us + look_us < self->look_at_us)
    self->look_at_us = now_us + look_us;
  return self->look_at_us < 0 ? -1 : (int) ((self->look_at_us - now_us + 999) / 1000);
}

static gboolean
channel_source_prepare (GSource *source, int *timeout_ms)
{
  ChannelSource *self = (ChannelSource *) source;

  *timeout_ms = look_out (self);
  return channel_is_ready_or_armed (&self->ends, self->owner, self->condition);
}

static gboolean
channel_source_check (GSource *source)
{
  ChannelSource *self = (ChannelSource *) source;

  return is_ready (&self->ends, self->owner, self->condition);
}

static gboolean
channel_source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback != NULL ? callback (data) : G_SOURCE_REMOVE;
}

static void
channel_source_finalize (GSource *source)
{
  g_object_unref (((ChannelSource *) source)->owner);
}

static GSourceFuncs channel_source_funcs = {
  .prepare = channel_source_prepare,
  .check = channel_source_check,
  .dispatch = channel_source_dispatch,
  .finalize = channel_source_finalize,
};

GSource *
channel_source_new (const ChannelEnds *ends,
                    gpointer owner,
                    GIOCondition condition,
                    GCancellable *cancellable)
{
  GSource *source = g_source_new (&channel_source_funcs, sizeof (ChannelSource));
  ChannelSource *self = (ChannelSource *) source;

  self->owner = g_object_ref (owner);
  self->ends = *ends;
  self->condition = condition;
  self->look_at_us = -1;
  g_source_set_static_name (source, "shmobj channel");
  if (condition & G_IO_IN)
    g_source_add_unix_fd (source, ends->in->in.poll_fd, G_IO_IN);
  if (condition & G_IO_OUT)
    g_source_add_unix_fd (source, ends->out->out.poll_fd, G_IO_IN);
  if (ends->death_fd >= 0)
    g_source_add_unix_fd (source, ends->death_fd, G_IO_HUP);
  if (cancellable != NULL)
    {
      g_autoptr (GSource) child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
    }
  return source;
}

static int
get_lookout (Ring *ring, guint32 me, const char *noun, GError **error)
{
  int fd = lookout_open (ring, me);

  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot make a descriptor to poll the %s by: %s", noun, g_strerror (errno));
  return fd;
}

int
channel_get_fd (Ring *ring, const char *noun, GIOCondition condition, GError **error)
{
  guint32 me = participants_me (ring->participants, error);
  RingStatus status;

  if (me == 0)
    return -1;
  if (condition != G_IO_IN && condition != G_IO_OUT)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "Condition 0x%x is neither G_IO_IN nor G_IO_OUT", condition);
      return -1;
    }
  status = condition == G_IO_IN ? ring_arm_in (ring, me, DOORBELL_ARMED | DOORBELL_WANTED, 0)
                                : ring_arm_out (ring, me, DOORBELL_ARMED | DOORBELL_WANTED,
                                                ROOM_FOR_A_SMALL_MESSAGE, 0);
  if (status != RING_OK && status != RING_AGAIN)
    {
      channel_set_error (ring, noun, status, NULL, error);
      return -1;
    }
  if (condition == G_IO_OUT || ring->flight == NULL)
    return condition == G_IO_IN ? ring->in.poll_fd : ring->out.poll_fd;
  return get_lookout (ring, me, noun, error);
}
