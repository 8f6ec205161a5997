/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "base/wait.h"

/* Waiting for something that others tell of (base/condition.c); the lock that belongs to it is the
 * caller's business. What one process has of it: */
typedef struct
{
  ConditionShared *shared;    /* (unowned): in a cell of the arena */
  Arena *arena;               /* (unowned) */
  Participants *participants; /* (unowned): of the arena */
  const Broadcast *bell;      /* (unowned): for those who wait by descriptor */
  _Atomic (guint32) known;    /* so many cells with more seats were looked at already */
  WaitHabit habit;
} Condition;

/* A wait that has begun: its seat and its ticket. Never 0. */
typedef guint64 ConditionWait;

/* Sits down, before the lock is given back: from now on the wait is woken by whoever notifies. 0:
 * no seat is left, with an error. @me is what participants_me() gave. */
ConditionWait condition_begin (Condition *condition, guint32 me, GError **error);

/* Stands up; TRUE if the wait was woken. Who was woken takes the lock first: until it has stood up
 * its wake-up goes to another one if it dies. */
gboolean condition_end (Condition *condition, guint32 me, ConditionWait wait);

/* Was it woken? If not, the bell will ring when it is, which is no promise that it rings for
 * nothing else; who looks does so once a second, too, for what the dead left undone. */
gboolean condition_look (Condition *condition, guint32 me, ConditionWait wait);

typedef enum
{
  CONDITION_WOKEN,
  CONDITION_TIMED_OUT,
  CONDITION_INTERRUPTED, /* a signal handler ran */
  CONDITION_CANCELLED,   /* the other descriptor became readable */
  CONDITION_FAILED,      /* no descriptor to wait by; errno is set */
} ConditionResult;

/* All of these leave the wait begun. */
ConditionResult condition_sleep (Condition *condition,
                                 guint32 me,
                                 ConditionWait wait,
                                 gint64 deadline_us,
                                 gboolean interruptible);
/* The same by the bell, so that @other_fd can end the sleep. */
ConditionResult condition_sleep_or_fd (
    Condition *condition, guint32 me, ConditionWait wait, gint64 deadline_us, int other_fd);

/* Wakes the @n who have waited longest, or all if they are fewer; returns how many. Never waits. */
guint condition_notify (Condition *condition, guint n);
/* Wakes all who wait, and only those. Never waits. */
void condition_notify_all (Condition *condition);

/* How many wait who live and were not woken. */
guint condition_waiters (Condition *condition);
