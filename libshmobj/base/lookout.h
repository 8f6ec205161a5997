/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

/* When a sleeping reader looks after those who hold messages (base/lookout.c). All of these are -1
 * where there is no reason to. */

/* For who is woken by every put, and so knows what was in flight when it fell asleep. */
gint64 lookout_told_us (Ring *ring, guint32 me);
/* For who queues behind the one in the seat: that one may die together with a holder, and so one of
 * the queue, the deputy, looks, too. Until lookout_leave(). */
gint64 lookout_behind_us (Ring *ring, guint32 me);
void lookout_leave (Ring *ring, guint32 me);
/* From the seat, when there is a reason to look: is there no deputy, or a dead one? */
gboolean lookout_wants_deputy (Ring *ring);
/* For who sleeps by the bell, which another one may silence first. */
gint64 lookout_by_bell_us (Ring *ring, guint32 me);

/* The earlier of two spans of time, each -1: never. */
static inline gint64
lookout_sooner (gint64 a_us, gint64 b_us)
{
  return a_us < 0 ? b_us : b_us < 0 ? a_us : MIN (a_us, b_us);
}

/* What to poll instead of the bell, for those who do not tell us when they sleep: readable also
 * when it is time to look. Once; not for two threads at a time. -1 with errno set. */
int lookout_open (Ring *ring, guint32 me);
void lookout_close (Ring *ring);
/* A try found nothing: the next look is a while from now. */
void lookout_again (Ring *ring, guint32 me);
