/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/doorbell.h"

/* A doorbell that all who listen hear, each time (base/broadcast.c). */
typedef struct
{
  int fd; /* (unowned): an eventfd or a FIFO that is open for both directions */
  gboolean is_fifo;
} Broadcast;

/* @fd may come from another process: FALSE with SHMOBJ_ERROR_CORRUPT when it is neither of the two,
 * or would block. */
gboolean broadcast_init (Broadcast *bell, int fd, GError **error);

/* Never blocks. One system call, two or three for a FIFO. */
void broadcast_ring (const Broadcast *bell);

/* An epoll descriptor (owned by the caller) that becomes readable with each ring from now on, and
 * perhaps once for nothing; also while @other_fd (-1: none) is readable. -1 with errno set. */
int broadcast_listen (const Broadcast *bell, int other_fd);

/* Waits for that, at most @most_us (-1: for ever), and makes the descriptor silent again. */
DoorbellResult broadcast_wait (int listener, gint64 most_us);
