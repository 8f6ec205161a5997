/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/pool.h"

/* A ring in a segment of its own, with bells, for programs that fork and kill. */
typedef struct
{
  Segment segment;
  Participants participants;
  Ring ring;
  Pool pool;
} RingPlace;

RingPlace *ring_place_new (guint64 capacity, guint32 maxsize);
/* Also while others still use the segment: it ends for us only. */
void ring_place_free (RingPlace *place);
/* Like ring_place_new(), but begins as if @count records at position @pos had gone through it. */
RingPlace *ring_place_new_at (guint64 capacity, guint32 maxsize, guint64 count, guint64 pos);
guint32 ring_place_me (RingPlace *place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RingPlace, ring_place_free)

/* A child that ends with us, with random numbers and signal handlers of its own. 0 in the child. */
pid_t fork_child (void);
/* Kills with SIGKILL and waits for the end. */
void end_child (pid_t pid);
/* What the kernel says @pid does: 'R', 'S' asleep, 'T' stopped … */
char state_of (pid_t pid);
/* Waits until @pid is in that state; FALSE after 20 s. */
gboolean wait_for_state (pid_t pid, char state);
