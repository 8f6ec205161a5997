/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"

#include <gio/gio.h>

/* A small object in a loop that is not ours (objects/bell-fd.c). All zero but for BELL_FD_INIT. */
typedef struct
{
  _Atomic (int) fd;   /* (owned): what others poll; -1 before it was asked for */
  int timer;          /* (owned): of it */
  guint32 generation; /* fork_generation() of the one who made them */
} BellFd;

#define BELL_FD_INIT ((BellFd){ -1, -1, 0 })

/* The descriptor, readable at first; -1 with an error. Not for two threads at a time. */
int bell_fd_get (BellFd *self, const Broadcast *bell, GError **error);
void bell_fd_clear (BellFd *self);
/* A try was in vain: if somebody polls, this makes the descriptor silent, and whoever tried looks
 * once more, so that the bell rings for the next change. FALSE: nobody does. */
gboolean bell_fd_quiet (BellFd *self);
