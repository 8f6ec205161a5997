/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/records.h"

/* A number of units, of which processes take and give (base/semaphore.c). What one process has of
 * it: */
typedef struct
{
  SemaphoreShared *shared;    /* (unowned): in a segment */
  Participants *participants; /* (unowned): of that segment */
  const Broadcast *bell;      /* (unowned): for those who wait by descriptor */
  Records records;
  WaitHabit habit;
} Semaphore;

#define SEMAPHORE_MAX 0x7fffffffu

typedef enum
{
  SEMAPHORE_TAKEN,
  SEMAPHORE_NONE,        /* within the time there was none */
  SEMAPHORE_INTERRUPTED, /* a signal handler ran */
  SEMAPHORE_CANCELLED,   /* the other descriptor became readable */
  SEMAPHORE_FAILED,      /* no descriptor to wait by; errno is set */
} SemaphoreResult;

/* A new one's content, before anybody else has it. */
void semaphore_fill (SemaphoreShared *shared, guint32 value, guint32 maximum, gboolean recovers);
void semaphore_init (Semaphore *semaphore, SemaphoreShared *shared, Arena *arena);
void semaphore_clear (Semaphore *semaphore);

/* Before @me takes units. FALSE with an error when it cannot be written down what it holds. */
gboolean semaphore_prepare (Semaphore *semaphore, guint32 me, GError **error);

/* One unit. Any result but SEMAPHORE_TAKEN leaves nothing behind. A @deadline_us of 0 never waits.
 */
SemaphoreResult
semaphore_take (Semaphore *semaphore, guint32 me, gint64 deadline_us, gboolean interruptible);
/* The same by the bell, so that @other_fd can end the wait. */
SemaphoreResult
semaphore_take_or_fd (Semaphore *semaphore, guint32 me, gint64 deadline_us, int other_fd);
/* One attempt. SEMAPHORE_NONE: the bell will ring when units are given. */
SemaphoreResult semaphore_look (Semaphore *semaphore, guint32 me);
/* Nobody looks any more: after one that said SEMAPHORE_NONE. */
void semaphore_stop_looking (Semaphore *semaphore, guint32 me);

/* Gives @n units. FALSE, and nothing happened: there would be more than the most. Never waits. */
gboolean semaphore_give (Semaphore *semaphore, guint32 me, guint32 n);

/* How many units are free, those of the dead among them. */
guint32 semaphore_value (Semaphore *semaphore, guint32 me);
/* The most units that there can be. */
guint32 semaphore_most (const Semaphore *semaphore);
gboolean semaphore_recovers (const Semaphore *semaphore);
/* How many units the process with the token @who has taken and not given back; 0 where that is not
 * written down. */
guint32 semaphore_held (Semaphore *semaphore, guint32 who);
