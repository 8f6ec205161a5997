/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/participants.h"

/* A lock that users hold, for as long as they like (base/lock.c). What one process has of it: */
typedef struct
{
  LockShared *shared;         /* (unowned): in a segment */
  Participants *participants; /* (unowned): of that segment */
  const Broadcast *bell;      /* (unowned) (nullable): for those who wait by descriptor */
  WaitHabit habit;
} Lock;

#define LOCK_WAITERS (1u << 31)

typedef enum
{
  LOCK_TAKEN,
  LOCK_TAKEN_ABANDONED, /* from one who died while he held it */
  LOCK_HELD,            /* by a living one, perhaps ourselves */
  LOCK_TIMED_OUT,
  LOCK_INTERRUPTED, /* a signal handler ran */
  LOCK_CANCELLED,   /* the other descriptor became readable */
  LOCK_FAILED,      /* no descriptor to wait by; errno is set */
} LockResult;

/* Whoever gets one of these has the lock; any other result leaves nothing behind. */
#define LOCK_IS_TAKEN(result) ((result) <= LOCK_TAKEN_ABANDONED)

LockResult lock_take_slowly (Lock *lock, guint32 me, gint64 deadline_us, gboolean interruptible);
gboolean lock_release_slowly (Lock *lock, guint32 me);

/* @me is what participants_me() gave. Not recursive: a thread that takes it twice waits for itself.
 * A @deadline_us of 0 never waits; then LOCK_TIMED_OUT means that it is held. */
static inline LockResult
lock_take (Lock *lock, guint32 me, gint64 deadline_us, gboolean interruptible)
{
  guint32 seen = 0;

  if (G_LIKELY (atomic_compare_exchange_strong_explicit (
          &lock->shared->word, &seen, me, memory_order_acquire, memory_order_relaxed)))
    return LOCK_TAKEN;
  return lock_take_slowly (lock, me, deadline_us, interruptible);
}

/* The same by the bell, so that @other_fd can end the wait. */
LockResult lock_take_or_fd (Lock *lock, guint32 me, gint64 deadline_us, int other_fd);

/* One attempt. LOCK_HELD: the bell will ring when it is released, which is no promise that the next
 * attempt succeeds; nor does it ring for an owner who dies. */
LockResult lock_look (Lock *lock, guint32 me);

/* Takes the lock away from @owner, who lives but has kept it too long. Only for locks whose owner
 * finds out by itself. FALSE: it is not @owner's any more. */
gboolean lock_seize (Lock *lock, guint32 me, guint32 owner);

/* Nobody looks any more: after one that said LOCK_HELD, and is not followed by another. */
void lock_stop_looking (Lock *lock, guint32 me);

/* FALSE, and nothing happened, when this process does not hold it. */
static inline gboolean
lock_release (Lock *lock, guint32 me)
{
  guint32 seen = me;

  if (G_UNLIKELY (atomic_load_explicit (&lock->shared->heir, memory_order_relaxed) == me) ||
      !atomic_compare_exchange_strong_explicit (&lock->shared->word, &seen, 0, memory_order_release,
                                                memory_order_relaxed))
    return lock_release_slowly (lock, me);
  return TRUE;
}

/* The token of the one who holds it; 0: nobody. He may be dead. */
static inline guint32
lock_owner (const Lock *lock)
{
  return atomic_load_explicit (&lock->shared->word, memory_order_acquire) & TOKEN_MASK;
}

/* Does the one who holds it have it from a dead one? */
gboolean lock_is_inherited (const Lock *lock);
/* Does somebody living hold it? */
gboolean lock_is_held (const Lock *lock);
/* Who holds it, for messages. */
char *lock_describe_owner (const Lock *lock);
