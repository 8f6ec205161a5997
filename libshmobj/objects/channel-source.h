/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel.h"

/* Waiting for a channel in somebody else's loop (objects/channel-source.c). */

/* What a source looks at: @in for G_IO_IN, @out for G_IO_OUT; either may be NULL if its condition
 * is not asked for. */
typedef struct
{
  Ring *in, *out; /* (unowned): the owner's */
  int death_fd;   /* hangs up when the other side goes; -1: there is no such thing */
  gboolean (*is_over) (
      gpointer owner); /* (nullable): then trying says so, and the source is ready */
} ChannelEnds;

/* A source that is ready while a get or a put of a small message need not wait. Keeps @owner. Its
 * callback is a GSourceFunc. */
GSource *channel_source_new (const ChannelEnds *ends,
                             gpointer owner,
                             GIOCondition condition,
                             GCancellable *cancellable);

/* Is it so now? If not, the bells are armed, and the descriptors tell when to ask again. */
gboolean
channel_is_ready_or_armed (const ChannelEnds *ends, gpointer owner, GIOCondition condition);

/* The descriptor of one condition, armed from now on; -1 with an error. Not for two threads at a
 * time. */
int channel_get_fd (Ring *ring, const char *noun, GIOCondition condition, GError **error);
