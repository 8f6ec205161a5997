/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The writers' gate, in front of LMDB's mutex, which can neither be tried nor time out: one stopped
 * writer would stop all others for ever, and nobody could say whom they wait for.
 *
 * The file “gate” of a manager's directory is a segment with participants, one guard and two locks:
 *
 *     [ header ][ slots ][ guard, statistics, reserved, next ][ who waits for changes (watchers.c)
 * ]
 *
 * A write lasts some microseconds, so waiting is what a guard does: spin, yield, nap in slices that
 * grow to a millisecond, ask for the owner's life. With a cancellable we look at it between slices.
 *
 * A transaction over several objects lasts as long as its user's function. It does not write before
 * its end, so it does not need the guard until then; it only wants nobody else to write meanwhile,
 * and says so by the lock `reserved`. A single write that finds it taken gives the guard back and
 * waits, asleep, for `reserved`, then for the guard, and then gives `reserved` back at once. Who
 * reserves it passes through the guard before he looks at the store: who was inside without having
 * seen the reservation is out by then, and who comes later sees it.
 *
 * The reservation is a courtesy. Whether somebody has written nevertheless, the transaction finds
 * out at its end (store-transaction.c), so it may be taken away from who is stopped or slow: after
 * `patience_us` in the same turn of the same owner a waiter seizes it. The guard may not: who is
 * stopped with it has LMDB's mutex, which nobody can take from the living. Others then wait, or end
 * with BUSY, which names him; it is a matter of the microseconds of a write.
 *
 * Fair. A loop of transactions would always be quicker than the one whom it has just woken. So
 * waiters go through the lock `next`: its owner waits for `reserved`, and nobody overtakes him, for
 * a newcomer takes `reserved` at once only where nobody has `next`. It is a courtesy as well, and
 * is seized from the stopped likewise.
 *
 * A main loop cannot sleep. It makes attempts, some milliseconds apart, and would hardly ever find
 * `reserved` free among others who sleep. So it keeps `next` from one attempt to the other, and is
 * served in its turn as they are. Calls of the same thread that do sleep must not wait for it: they
 * go before it, as if `next` were theirs. A main loop that is late would keep all others from a
 * gate that is free; a turn that is not used for UNUSED_US is therefore over, and `next` is seized.
 *
 * Death. A dead holder of any of the three is replaced by whoever finds it dead. It leaves LMDB's
 * own mutex, which is robust: by the time the kernel drops the dead one's slot it has handed that
 * one on as well, and LMDB goes on from the last commit.
 *
 * Forks. The mapping is inherited, the slot is not: base/participants.c.
 */

#include "manager/gate.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/wait.h"

#define GATE_FILE "gate"
#define WATCHERS LAYOUT_PAGE /* behind what is ours */
#define GATE_BYTES (WATCHERS + 3 * LAYOUT_PAGE)
#define SLICE_US 50000 /* between two looks at a cancellable */
#define LONG_SLICE_US G_USEC_PER_SEC
#define UNUSED_US 100000 /* some attempts of a main loop (objects/steps.h) */

_Atomic (GateInterrupt) gate_interrupt;

G_STATIC_ASSERT (sizeof (GateShared) <= WATCHERS);
G_STATIC_ASSERT (WATCHERS + sizeof (WatchersShared) <= GATE_BYTES);

gboolean
gate_create (int directory_fd, GError **error)
{
  Segment segment = SEGMENT_INIT;
  guint64 size = OBJECT_OFFSET + GATE_BYTES, parameter[4] = { 0 };
  gboolean made;

  made = segment_new_in (&segment, directory_fd, SEGMENT_GATE, size, size, parameter, error) &&
         segment_publish (&segment, directory_fd, GATE_FILE, error);
  segment_close (&segment);
  return made;
}

static void
open_lock (Gate *gate, GateLock *lock, GateLockShared *shared)
{
  lock->lock = (Lock){ .shared = &shared->lock, .participants = &gate->participants };
  lock->turn = &shared->turn;
}

gboolean
gate_open (Gate *gate, int directory_fd, GError **error)
{
  *gate = (Gate){ .segment = SEGMENT_INIT, .patience_us = GATE_PATIENCE_US };
  if (!segment_open_in (&gate->segment, directory_fd, GATE_FILE, SEGMENT_GATE, error))
    return FALSE;

  gate->shared = segment_at (&gate->segment, OBJECT_OFFSET, sizeof *gate->shared);
  gate->watchers = segment_at (&gate->segment, OBJECT_OFFSET + WATCHERS, sizeof (WatchersShared));
  if (gate->shared == NULL || gate->watchers == NULL)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The manager's file “%s” is too short", GATE_FILE);
      segment_close (&gate->segment);
      return FALSE;
    }
  participants_init (&gate->participants, &gate->segment);
  open_lock (gate, &gate->reserved, &gate->shared->reserved);
  open_lock (gate, &gate->next, &gate->shared->next);
  return TRUE;
}

void
gate_close (Gate *gate)
{
  participants_clear (&gate->participants);
  segment_close (&gate->segment);
}

/* @owner: who is in the way; 0 if he has just gone. */
static gboolean
busy (Gate *gate, guint32 owner, const char *doing, GError **error)
{
  g_autofree char *who = owner != 0 ? participants_describe (&gate->participants, owner)
                                    : g_strdup ("another process");

  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "The manager is %s by %s, which did not come to an end in time; it may be stopped",
               doing, who);
  return FALSE;
}

static gboolean
is_looked_after (GCancellable *cancellable)
{
  return cancellable != NULL || atomic_load (&gate_interrupt) != NULL;
}

/* Is the wait over before its time? */
static gboolean
is_ended (GCancellable *cancellable, GError **error)
{
  GateInterrupt interrupt = atomic_load (&gate_interrupt);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return TRUE;
  if (interrupt == NULL || !interrupt ())
    return FALSE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
               "A signal ended the wait for the manager's gate");
  return TRUE;
}

static gint64
end_of_slice (gint64 deadline, gint64 slice_us)
{
  gint64 slice = sys_now_us () + slice_us;

  return deadline >= 0 ? MIN (slice, deadline) : slice;
}

/* Inside the guard, whoever has reserved. */
static gboolean
enter_guard (Gate *gate, guint32 me, gint64 deadline, GCancellable *cancellable, GError **error)
{
  if (G_LIKELY (guard_try (&gate->shared->guard, me)))
    return TRUE;

  for (;;)
    {
      gint64 slice = is_looked_after (cancellable) ? end_of_slice (deadline, SLICE_US) : deadline;

      if (guard_take (&gate->shared->guard, &gate->participants, me, slice,
                      &gate->shared->statistics))
        return TRUE;
      if (is_ended (cancellable, error))
        return FALSE;
      if (deadline >= 0 && sys_now_us () >= deadline)
        return busy (gate, atomic_load (&gate->shared->guard), "being written", error);
    }
}

/* It must be the same owner, in the same turn, for as long as we have known him: over several
 * calls, too, so that who waits a second each time comes through as well. */
static gboolean
is_kept (GateLock *lock, guint32 owner, gint64 patience_us)
{
  guint64 seen = (guint64) atomic_load (lock->turn) << 32 | owner;
  gint64 now_us = sys_now_us ();

  if (atomic_load (&lock->seen) == seen)
    return patience_us >= 0 && now_us - atomic_load (&lock->since) >= patience_us;
  atomic_store (&lock->since, now_us);
  atomic_store (&lock->seen, seen);
  return FALSE;
}

/* Or, of the one who is next: he does not take what is free. */
static gboolean
is_kept_too_long (Gate *gate, GateLock *lock, guint32 owner)
{
  if (is_kept (lock, owner, atomic_load (&gate->patience_us)))
    return TRUE;
  return lock == &gate->next && !lock_is_held (&gate->reserved.lock) &&
         is_kept (&gate->reserved, lock_owner (&gate->reserved.lock), UNUSED_US);
}

/* In the end even from its living owner. */
static gboolean
try_take (Gate *gate, GateLock *lock, guint32 me, gint64 until_us)
{
  guint32 owner;

  if (!LOCK_IS_TAKEN (lock_take (&lock->lock, me, until_us, FALSE)))
    {
      owner = lock_owner (&lock->lock);
      if (owner == 0 || !is_kept_too_long (gate, lock, owner) ||
          !lock_seize (&lock->lock, me, owner))
        return FALSE;
    }
  atomic_fetch_add (lock->turn, 1);
  return TRUE;
}

static gint64
slice_of (Gate *gate, GateLock *lock, GCancellable *cancellable)
{
  gint64 patience_us = atomic_load (&gate->patience_us);

  if (is_looked_after (cancellable) || lock == &gate->next)
    return SLICE_US;
  return patience_us < 0 ? LONG_SLICE_US : MIN (LONG_SLICE_US, patience_us / 4 + 1);
}

/* Who has it reserved, or else who is next. */
static guint32
in_the_way (Gate *gate)
{
  guint32 owner = lock_owner (&gate->reserved.lock);

  return owner != 0 ? owner : lock_owner (&gate->next.lock);
}

static gboolean
take (Gate *gate,
      GateLock *lock,
      guint32 me,
      gint64 deadline,
      GCancellable *cancellable,
      GError **error)
{
  while (!try_take (gate, lock, me, end_of_slice (deadline, slice_of (gate, lock, cancellable))))
    {
      if (is_ended (cancellable, error))
        return FALSE;
      if (deadline >= 0 && sys_now_us () >= deadline)
        return busy (gate, in_the_way (gate), "kept for a transaction", error);
    }
  return TRUE;
}

/* Never 0, and of no other thread that lives. */
static guintptr
this_thread (void)
{
  static _Thread_local char mark;

  return (guintptr) &mark;
}

static gboolean
is_ours_in_line (Gate *gate, guint32 me)
{
  return lock_owner (&gate->next.lock) == me && atomic_load (&gate->in_line) == this_thread ();
}

static gboolean
reserve (Gate *gate, guint32 me, gint64 deadline, GCancellable *cancellable, GError **error)
{
  gboolean reserved;

  if (lock_owner (&gate->next.lock) == 0 && try_take (gate, &gate->reserved, me, 0))
    return TRUE;
  if (is_ours_in_line (gate, me))
    return take (gate, &gate->reserved, me, deadline, cancellable, error);
  if (!take (gate, &gate->next, me, deadline, cancellable, error))
    return FALSE;
  reserved = take (gate, &gate->reserved, me, deadline, cancellable, error);
  lock_release (&gate->next.lock, me);
  return reserved;
}

static inline gboolean
is_reserved (Gate *gate)
{
  return lock_owner (&gate->reserved.lock) != 0;
}

/* A single write waits for its turn like a transaction, then lets the next one in. */
static gboolean
enter_in_turn (Gate *gate, guint32 me, gint64 deadline, GCancellable *cancellable, GError **error)
{
  gboolean entered;

  if (!reserve (gate, me, deadline, cancellable, error))
    return FALSE;
  entered = enter_guard (gate, me, deadline, cancellable, error);
  lock_release (&gate->reserved.lock, me);
  return entered;
}

gboolean
gate_enter (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me = participants_me (&gate->participants, error);
  gint64 deadline;

  if (me == 0 || g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (G_LIKELY (guard_try (&gate->shared->guard, me)))
    {
      if (G_LIKELY (!is_reserved (gate)))
        return TRUE;
      guard_release (&gate->shared->guard);
    }

  deadline = wait_deadline (timeout_us);
  while (!is_reserved (gate))
    {
      if (!enter_guard (gate, me, deadline, cancellable, error))
        return FALSE;
      if (!is_reserved (gate))
        return TRUE;
      guard_release (&gate->shared->guard);
    }
  return enter_in_turn (gate, me, deadline, cancellable, error);
}

void
gate_leave (Gate *gate)
{
  guard_release (&gate->shared->guard);
}

gboolean
gate_reserve (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me = participants_me (&gate->participants, error);

  return me != 0 && !g_cancellable_set_error_if_cancelled (cancellable, error) &&
         reserve (gate, me, wait_deadline (timeout_us), cancellable, error);
}

void
gate_leave_line (Gate *gate)
{
  guint32 me = participants_token (&gate->participants);

  if (me != 0 && atomic_exchange (&gate->in_line, 0) != 0)
    lock_release (&gate->next.lock, me);
}

/* Several main loops of a process are in line by one turn; the first that finds its chance has it,
 * and the others line up again. */
gboolean
gate_reserve_in_line (Gate *gate, GError **error)
{
  guint32 me = participants_me (&gate->participants, error);

  if (me == 0)
    return FALSE;
  if (lock_owner (&gate->next.lock) == 0 && try_take (gate, &gate->reserved, me, 0))
    return TRUE;
  if (is_ours_in_line (gate, me) || try_take (gate, &gate->next, me, 0))
    {
      atomic_store (&gate->in_line, this_thread ());
      if (try_take (gate, &gate->reserved, me, 0))
        {
          gate_leave_line (gate);
          return TRUE;
        }
    }
  return busy (gate, in_the_way (gate), "kept for a transaction", error);
}

void
gate_unreserve (Gate *gate)
{
  lock_release (&gate->reserved.lock, participants_token (&gate->participants));
}

gboolean
gate_is_reserved (Gate *gate)
{
  guint32 me = participants_token (&gate->participants);

  return me != 0 && lock_owner (&gate->reserved.lock) == me;
}

gboolean
gate_enter_reserved (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me = participants_me (&gate->participants, error);

  return me != 0 && enter_guard (gate, me, wait_deadline (timeout_us), cancellable, error);
}

gboolean
gate_is_busy (Gate *gate)
{
  guint32 owner = atomic_load (&gate->shared->guard);

  if (owner == 0)
    return FALSE;
  return participants_me (&gate->participants, NULL) == 0 ||
         !participants_is_dead (&gate->participants, owner);
}
