/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/container.h"

#include <gio/gio.h>

/* A source that has its callback (a GSourceFunc) called in a main context: at first, whenever the
 * container may have changed, and at a deadline. What it calls for was announced to those who
 * write, so who finds nothing to do there misses nothing. NULL with errno set. */
GSource *watching_new (ShmobjContainer *container, GMainContext *context, gint64 deadline_us);

/* Reads what has changed and tells it. FALSE with an error: CLOSED and NOT_FOUND end the watch. */
typedef gboolean (*WatchingFollow) (gpointer owner, GError **error);

/* Has @owner follow the container in the thread-default main context, for as long as both live.
 * The source is to be given to watching_stop(). */
GSource *
watching_start (ShmobjContainer *container, gpointer owner, WatchingFollow follow, GError **error);
void watching_stop (GSource *source); /* NULL does nothing */
