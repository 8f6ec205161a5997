/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Conditions: who waits has a seat, and who notifies wakes those who have waited longest.
 *
 *     seat      63 ....... 33    32          31         30 ..... 0
 *               [ ticket       ][ asleep?  ][ woken?  ][ token    ]      0: free
 *
 * The first seats are in the condition's own cell. When they do not suffice, a cell with six more
 * is hung on behind (`more`), for good.
 *
 *     tickets   counted up by who sits down
 *     all       whoever has a ticket before it was woken, whatever its seat says
 *
 * A wait. The waiter holds the lock, sits down by one compare-and-swap, and gives the lock back: so
 * nobody who then takes the lock and notifies can miss it. It spins for as long as that has paid
 * lately, then sets `asleep` by a compare-and-swap, and sleeps on its seat. Once woken it takes
 * the lock, and only then stands up (stores 0). One whose time is over stands up first, by a
 * compare-and-swap; if that finds the seat woken, then it was woken.
 *
 * Notifying one looks at all seats, and by a compare-and-swap sets `woken` of the one with the
 * oldest ticket whose owner lives. Only a sleeper costs it a system call. Notifying all moves `all`
 * to `tickets`, and has done it with that; then it wakes them one by one.
 *
 * Deaths, word by word:
 *
 *     tickets   by the waiter. After: a number that nobody has.
 *     seat, sat down in, by the waiter. After: a waiter who is dead. Who notifies finds that out
 *               from the kernel, empties the seat and wakes the next one; so does who finds no
 *               free seat.
 *     seat, woken, by who notifies. Killed after, before its FUTEX_WAKE or its ring: the one who
 *               was woken finds out at its next look.
 *     seat, woken, its owner dead. Its wake-up goes to another one: by who finds it first, a
 *               waiter at its next look or one who comes to wait. It puts its own token there by a
 *               compare-and-swap, so only one does; wakes the next one; and empties the seat.
 *               Killed in between, the same is found again: killed between the last two, one
 *               waiter more than necessary is woken. A ticket before `all` is not passed on,
 *               because those who waited with it were woken too.
 *     seat, emptied: nothing is left.
 *     all       by who notifies all. After: all are woken, who find it out at their next look.
 *     more      by the waiter that needs a seat, after the cell is good. Before: a cell is lost.
 *     listening by who waits by the bell, before it looks at its seat; taken away by who rings.
 *               Killed between that and the ring, the ring is lost.
 *
 * A look comes after 8 ms, doubling to 1 s, and with each wake-up. So what a death leaves undone
 * is done at most a second later.
 *
 * Who dies holding the lock leaves it abandoned, which the lock tells the next one; a wake-up that
 * it had taken is over.
 *
 * Order. Notifying releases, seeing it acquires; in truth the lock does that.
 *
 * Tickets wrap, and are compared by their distance, up to 2^29: who has waited for longer is woken
 * for nothing.
 *
 * Forks. A seat is of the process that sat down. A child's token is another one, so it neither
 * stands up for its parent nor is it woken instead.
 */

#include "base/condition.h"

#include "base/sys.h"

#include <errno.h>
#include <gio/gio.h>

#define TOKEN(seat) ((guint32) (seat) &TOKEN_MASK)
#define WOKEN (G_GUINT64_CONSTANT (1) << 31)
#define ASLEEP (G_GUINT64_CONSTANT (1) << 32)
#define TICKET_SHIFT 33
#define TICKET(seat) ((guint32) ((seat) >> TICKET_SHIFT))
#define TICKET_MASK 0x7fffffffu
#define DISTANCE_MAX (1 << 29)

#define WAIT_SEAT(wait) ((guint32) ((wait) >> 32) - 1)
#define WAIT_TICKET(wait) ((guint32) (wait))

#define BLOCKS_MAX 1024 /* cells with more seats */
#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

/* ---- seats, one after the other ---- */

typedef struct
{
  Condition *condition;
  ConditionSeat *next, *end;
  _Atomic (guint32) *more;
  guint blocks;
} Walk;

static Walk
walk_from_first (Condition *self)
{
  ConditionShared *shared = self->shared;

  return (Walk){ self, shared->seats, shared->seats + CONDITION_SEATS, &shared->more, 0 };
}

/* Goes on to the next cell, whose offset another process wrote. */
static gboolean
enter_block (Walk *walk)
{
  Condition *self = walk->condition;
  guint32 offset = atomic_load_explicit (walk->more, memory_order_acquire),
          known = atomic_load_explicit (&self->known, memory_order_relaxed);
  ConditionSeats *block;

  if (offset == 0 || walk->blocks >= BLOCKS_MAX)
    return FALSE;
  block = arena_content_at (self->arena, offset, CELL_SEATS, walk->blocks < known);
  if (block == NULL)
    return FALSE;
  if (walk->blocks == known)
    atomic_store_explicit (&self->known, known + 1, memory_order_relaxed);
  walk->next = block->seats;
  walk->end = block->seats + CONDITION_MORE_SEATS;
  walk->more = &block->more;
  walk->blocks++;
  return TRUE;
}

static inline ConditionSeat *
walk_next (Walk *walk)
{
  return walk->next != walk->end || enter_block (walk) ? walk->next++ : NULL;
}

/* Where the wait sits; NULL: nowhere. */
static ConditionSeat *
seat_of (Condition *self, ConditionWait wait)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *seat = walk_next (&walk);

  for (guint32 number = WAIT_SEAT (wait); number > 0 && seat != NULL; number--)
    seat = walk_next (&walk);
  return seat;
}

/* The half that a waiter sleeps on. */
static _Atomic (guint32) *
word_of (ConditionSeat *seat)
{
  return (_Atomic (guint32) *) seat + (G_BYTE_ORDER == G_BIG_ENDIAN);
}

/* ---- what a seat says ---- */

static gint32
distance (guint32 ticket, guint32 from)
{
  return (gint32) ((ticket - from) << 1) / 2;
}

static gboolean
is_before_all (Condition *self, guint32 ticket)
{
  return distance (ticket, atomic_load (&self->shared->all) & TICKET_MASK) < 0;
}

/* Does somebody wait there who was not woken? He may be dead. */
static gboolean
is_waiting (Condition *self, guint64 seat)
{
  return seat != 0 && !(seat & WOKEN) && !is_before_all (self, TICKET (seat));
}

/* Was somebody woken there by a wake-up of his own, who has not stood up yet? */
static gboolean
is_leaving (Condition *self, guint64 seat)
{
  return (seat & WOKEN) && !is_before_all (self, TICKET (seat));
}

/* A seat that is not ours says so, whatever became of it. */
static gboolean
is_woken (Condition *self, ConditionSeat *seat, guint32 me, ConditionWait wait)
{
  guint64 value = seat != NULL ? atomic_load (seat) : 0;

  return (guint32) value != me || TICKET (value) != WAIT_TICKET (wait) ||
         is_before_all (self, WAIT_TICKET (wait));
}

/* ---- waking ---- */

static void
wake (ConditionSeat *seat, guint64 value)
{
  if (value & ASLEEP)
    wait_wake (word_of (seat), G_MAXINT);
}

static void
ring (Condition *self)
{
  if (atomic_load (&self->shared->listening) != 0 &&
      atomic_exchange (&self->shared->listening, 0) != 0)
    broadcast_ring (self->bell);
}

/* The seat of the one who has waited longest, and what it said. */
static ConditionSeat *
find_oldest (Condition *self, guint64 *value)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *oldest = NULL, *seat;

  while ((seat = walk_next (&walk)) != NULL)
    {
      guint64 found = atomic_load (seat);

      if (is_waiting (self, found) &&
          (oldest == NULL || distance (TICKET (found), TICKET (*value)) < 0))
        {
          oldest = seat;
          *value = found;
        }
    }
  return oldest;
}

/* FALSE: nobody waits who lives. */
static gboolean
wake_one (Condition *self)
{
  ConditionSeat *seat;
  guint64 value = 0;

  while ((seat = find_oldest (self, &value)) != NULL)
    if (participants_is_dead (self->participants, TOKEN (value)))
      atomic_compare_exchange_strong (seat, &value, 0);
    else if (atomic_compare_exchange_strong (seat, &value, value | WOKEN))
      {
        wake (seat, value);
        return TRUE;
      }
  return FALSE;
}

/* The wake-ups of those who died before they stood up go to others. */
static void
pass_on (Condition *self, guint32 me)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *seat;
  gboolean woke = FALSE;

  while ((seat = walk_next (&walk)) != NULL)
    {
      guint64 value = atomic_load (seat);

      if (is_leaving (self, value) && participants_is_dead (self->participants, TOKEN (value)) &&
          atomic_compare_exchange_strong (seat, &value, (value & ~(guint64) TOKEN_MASK) | me))
        {
          woke |= wake_one (self);
          atomic_store (seat, 0);
        }
    }
  if (woke)
    ring (self);
}

guint
condition_notify (Condition *self, guint n)
{
  guint woken = 0;

  while (woken < n && wake_one (self))
    woken++;
  if (woken > 0)
    ring (self);
  return woken;
}

/* Moves `all` to @ticket, unless it is there already. */
static void
advance_all (Condition *self, guint32 ticket)
{
  guint32 all = atomic_load (&self->shared->all);

  while (distance (ticket, all & TICKET_MASK) > 0 &&
         !atomic_compare_exchange_strong (&self->shared->all, &all, ticket))
    ;
}

void
condition_notify_all (Condition *self)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *seat;

  advance_all (self, atomic_load (&self->shared->tickets) & TICKET_MASK);
  while ((seat = walk_next (&walk)) != NULL)
    {
      guint64 value = atomic_load (seat);

      while (value != 0 && !(value & WOKEN) && is_before_all (self, TICKET (value)))
        if (atomic_compare_exchange_strong (seat, &value, value | WOKEN))
          {
            wake (seat, value);
            break;
          }
    }
  ring (self);
}

/* ---- waiting ---- */

/* Empties the seats of the dead. */
static void
clear_dead (Condition *self)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *seat;

  while ((seat = walk_next (&walk)) != NULL)
    {
      guint64 value = atomic_load (seat);

      if (value != 0 && !is_leaving (self, value) &&
          participants_is_dead (self->participants, TOKEN (value)))
        atomic_compare_exchange_strong (seat, &value, 0);
    }
}

/* Hangs on a cell behind the last one; another one may have done so at the same time. */
static gboolean
add_seats (Walk *walk, GError **error)
{
  guint32 offset, none = 0;

  if (walk->blocks >= BLOCKS_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "No more than %d can wait for one condition at the same time",
                   CONDITION_SEATS + BLOCKS_MAX * CONDITION_MORE_SEATS);
      return FALSE;
    }
  offset = arena_take_cell (walk->condition->arena, CELL_SEATS, error);
  if (offset == 0)
    {
      g_prefix_error (error, "Nobody else can wait for the condition: ");
      return FALSE;
    }
  atomic_compare_exchange_strong (walk->more, &none, offset);
  if (atomic_load (walk->more) != 0 && enter_block (walk))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                       "The condition's seats are damaged, so nobody else can wait for it");
  return FALSE;
}

ConditionWait
condition_begin (Condition *self, guint32 me, GError **error)
{
  guint32 ticket = atomic_fetch_add (&self->shared->tickets, 1) & TICKET_MASK;
  guint64 value = (guint64) ticket << TICKET_SHIFT | me;
  Walk walk = walk_from_first (self);
  gboolean cleared = FALSE;
  guint32 number = 0;

  advance_all (self, (ticket - DISTANCE_MAX) & TICKET_MASK);
  pass_on (self, me);
  for (;; number++)
    {
      ConditionSeat *seat = walk_next (&walk);
      guint64 free_seat = 0;

      if (seat == NULL && !cleared)
        {
          clear_dead (self);
          cleared = TRUE;
          walk = walk_from_first (self);
          number = 0;
          seat = walk_next (&walk);
        }
      if (seat == NULL)
        seat = add_seats (&walk, error) ? walk_next (&walk) : NULL;
      if (seat == NULL)
        return 0;
      if (atomic_load (seat) == 0 && atomic_compare_exchange_strong (seat, &free_seat, value))
        return (guint64) (number + 1) << 32 | ticket;
    }
}

gboolean
condition_end (Condition *self, guint32 me, ConditionWait wait)
{
  ConditionSeat *seat = seat_of (self, wait);
  guint64 value = seat != NULL ? atomic_load (seat) : 0;

  while (TOKEN (value) == me && TICKET (value) == WAIT_TICKET (wait))
    {
      gboolean woken = (value & WOKEN) || is_before_all (self, TICKET (value));

      if (atomic_compare_exchange_strong (seat, &value, 0))
        return woken;
    }
  return FALSE;
}

gboolean
condition_look (Condition *self, guint32 me, ConditionWait wait)
{
  ConditionSeat *seat = seat_of (self, wait);

  atomic_store (&self->shared->listening, 1);
  if (is_woken (self, seat, me, wait))
    return TRUE;
  pass_on (self, me);
  return is_woken (self, seat, me, wait);
}

static gint64
sleep_time (gint64 left_us, gint64 slice_us)
{
  return left_us < 0 ? slice_us : MIN (left_us, slice_us);
}

/* Sleeps once. CONDITION_TIMED_OUT: or not, look again. */
static ConditionResult
doze (ConditionSeat *seat, guint32 me, gint64 most_us, gboolean interruptible)
{
  guint64 value = atomic_load (seat);

  if (!(value & ASLEEP) && (guint32) value == me)
    atomic_compare_exchange_strong (seat, &value, value | ASLEEP);
  return wait_sleep (word_of (seat), me, most_us) == WAIT_INTERRUPTED && interruptible
             ? CONDITION_INTERRUPTED
             : CONDITION_TIMED_OUT;
}

ConditionResult
condition_sleep (
    Condition *self, guint32 me, ConditionWait wait, gint64 deadline_us, gboolean interruptible)
{
  ConditionResult result = CONDITION_TIMED_OUT;
  ConditionSeat *seat = seat_of (self, wait);
  gint64 slice_us = SLICE_MIN_US;

  if (is_woken (self, seat, me, wait) ||
      (deadline_us != 0 && wait_spin_masked (&self->habit, word_of (seat), ~0u, me)))
    return CONDITION_WOKEN;

  participants_wait_for (self->participants, me, self->shared);
  while (!is_woken (self, seat, me, wait))
    {
      gint64 left_us = wait_left (deadline_us);

      if (left_us == 0 || result == CONDITION_INTERRUPTED)
        break;
      result = doze (seat, me, sleep_time (left_us, slice_us), interruptible);
      pass_on (self, me);
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
  participants_wait_for (self->participants, me, NULL);
  return is_woken (self, seat, me, wait) ? CONDITION_WOKEN : result;
}

ConditionResult
condition_sleep_or_fd (
    Condition *self, guint32 me, ConditionWait wait, gint64 deadline_us, int other_fd)
{
  gint64 slice_us = SLICE_MIN_US, left_us;
  ConditionResult result = CONDITION_WOKEN;
  int listener;

  if (is_woken (self, seat_of (self, wait), me, wait))
    return CONDITION_WOKEN;
  if (deadline_us == 0)
    return CONDITION_TIMED_OUT;
  listener = broadcast_listen (self->bell, other_fd);
  if (listener < 0)
    return CONDITION_FAILED;

  participants_wait_for (self->participants, me, self->shared);
  while (!condition_look (self, me, wait))
    {
      left_us = wait_left (deadline_us);
      result = CONDITION_TIMED_OUT;
      if (left_us == 0)
        break;
      result = CONDITION_CANCELLED;
      if (broadcast_wait (listener, sleep_time (left_us, slice_us)) == DOORBELL_OTHER)
        break;
      result = CONDITION_WOKEN;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
  participants_wait_for (self->participants, me, NULL);
  sys_close (listener);
  return result;
}

guint
condition_waiters (Condition *self)
{
  Walk walk = walk_from_first (self);
  ConditionSeat *seat;
  guint waiters = 0;

  while ((seat = walk_next (&walk)) != NULL)
    {
      guint64 value = atomic_load (seat);

      waiters +=
          is_waiting (self, value) && !participants_is_dead (self->participants, TOKEN (value));
    }
  return waiters;
}
