/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel.h"

/* Waiting for a channel in somebody else's loop (objects/channel-source.c). */

/* A source that is ready while a get (G_IO_IN) or a put of a small message (G_IO_OUT) may succeed.
 * Keeps @owner, which keeps @ring. Its callback is a GSourceFunc. */
GSource *
channel_source_new (Ring *ring, gpointer owner, GIOCondition condition, GCancellable *cancellable);

/* The descriptor of one condition, armed from now on; -1 with an error. */
int channel_get_fd (Ring *ring, const char *noun, GIOCondition condition, GError **error);
