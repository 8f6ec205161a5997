/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/records.h"

/* A place where a fixed number of parties wait for each other (base/barrier.c). What one process
 * has of it: */
typedef struct
{
  BarrierShared *shared;      /* (unowned): in a segment */
  Participants *participants; /* (unowned): of that segment */
  const Broadcast *bell;      /* (unowned): for those who wait by descriptor */
  Records records;
  WaitHabit habit;
} Barrier;

#define BARRIER_PARTIES_MAX 0xffffu

typedef enum
{
  BARRIER_PASSED,
  BARRIER_WAITING,
  BARRIER_BROKEN,
  /* with these the wait can go on, or be given up */
  BARRIER_TIMED_OUT,
  BARRIER_INTERRUPTED, /* a signal handler ran */
  BARRIER_CANCELLED,   /* the other descriptor became readable */
  BARRIER_FAILED,      /* no descriptor to wait by; errno is set */
} BarrierResult;

/* A new one's content, before anybody else has it. */
void barrier_fill (BarrierShared *shared, guint32 parties);
void barrier_init (Barrier *barrier, BarrierShared *shared, Arena *arena);
void barrier_clear (Barrier *barrier);
gboolean barrier_prepare (Barrier *barrier, guint32 me, GError **error);

/* One more party is there: *@index says as which. PASSED for the last one, WAITING, or BROKEN. With
 * @hold the last one is WAITING, too: nobody passes before barrier_open(). */
BarrierResult
barrier_arrive (Barrier *barrier, guint32 me, gboolean hold, guint32 *ticket, guint32 *index);
BarrierResult barrier_wait (
    Barrier *barrier, guint32 me, guint32 ticket, gint64 deadline_us, gboolean interruptible);
/* The same by the bell, so that @other_fd can end the wait. */
BarrierResult
barrier_wait_or_fd (Barrier *barrier, guint32 me, guint32 ticket, gint64 deadline_us, int other_fd);
/* One look. WAITING: the bell will ring. */
BarrierResult barrier_look (Barrier *barrier, guint32 me, guint32 ticket);
/* It does not wait any more: breaks the barrier, unless it is passed by now. */
BarrierResult barrier_give_up (Barrier *barrier, guint32 me, guint32 ticket, BarrierResult why);
/* By the one that holds it: all may pass. FALSE: it was broken meanwhile. */
gboolean barrier_open (Barrier *barrier, guint32 me, guint32 ticket);

void barrier_abort (Barrier *barrier); /* breaks it */
void barrier_reset (Barrier *barrier); /* as new; who waits finds it broken */
gboolean barrier_is_broken (Barrier *barrier, guint32 me);
guint32 barrier_waiting (Barrier *barrier, guint32 me);
