/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/participants.h"

/* The short lock, for sections of some tens of nanoseconds (base/guard.c). The word holds its
 * owner's token, or 0. */
typedef _Atomic (guint32) Guard;

typedef struct
{
  _Atomic (guint64) naps, taken_over;
} GuardStatistics;

gboolean guard_take_slowly (Guard *guard,
                            Participants *participants,
                            guint32 me,
                            gint64 deadline_us,
                            GuardStatistics *statistics);

static inline gboolean
guard_try (Guard *guard, guint32 me)
{
  guint32 seen = 0;

  return atomic_compare_exchange_strong_explicit (guard, &seen, me, memory_order_acquire,
                                                  memory_order_relaxed);
}

/* FALSE only when a living owner kept it past @deadline_us (sys_now_us(); -1: no deadline), which
 * happens when it is stopped. A deadline that has passed still gives the owner 250 ms. */
static inline gboolean
guard_take (Guard *guard,
            Participants *participants,
            guint32 me,
            gint64 deadline_us,
            GuardStatistics *statistics)
{
  if (G_LIKELY (guard_try (guard, me)))
    return TRUE;
  return guard_take_slowly (guard, participants, me, deadline_us, statistics);
}

static inline void
guard_release (Guard *guard)
{
  atomic_store_explicit (guard, 0, memory_order_release);
}
