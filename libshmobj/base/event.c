/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events: one bit, and all who wait for it.
 *
 *     word     31 ............. 2    1               0
 *              [ times cleared     ][ some sleep?    ][ set ]
 *
 * States. CLEAR to SET by set(), SET to CLEAR by clear(), which also counts: a waiter that finds
 * another count than at its beginning knows that the event was set meanwhile, although it is clear
 * again. So set() followed at once by clear() releases everybody who waited.
 *
 * Setting while some sleep is one FUTEX_WAKE_OP that ORs the bit in and wakes them all: no death
 * comes between the two. OR, because two may set at once, and adding or storing would then undo
 * what a third one did in between.
 *
 * Waiting by descriptor goes as with locks (base/lock.c): `listening` is stored before the sleep
 * bit is set by a compare-and-swap, and the setter rings after the wake. A setter that dies in
 * between loses the ring; listeners look once a second.
 *
 * Death. Nobody owns an event, so a death leaves at most a sleep bit too many: one needless call.
 * Who sleeps on the word has no timer but its own time-out, because nobody's life matters to it.
 *
 * Order. Setting releases, seeing it set acquires.
 */

#include "base/event.h"

#include "base/sys.h"

#define SET 1u
#define SLEEPERS 2u
#define CLEARED 4u
#define COUNT(word) ((word) / CLEARED)
#define LOOK_US G_USEC_PER_SEC

void
event_set (Event *event)
{
  _Atomic (guint32) *word = &event->shared->word;
  guint32 seen = atomic_load_explicit (word, memory_order_acquire);

  do
    if (seen & SET)
      return;
  while (!(seen & SLEEPERS) && !atomic_compare_exchange_strong (word, &seen, seen | SET));

  if (!(seen & SLEEPERS))
    return;
  wait_or_and_wake_all (word, SET);
  if (event->bell != NULL && atomic_load (&event->shared->listening) != 0 &&
      atomic_exchange (&event->shared->listening, 0) != 0)
    broadcast_ring (event->bell);
}

void
event_clear (Event *event)
{
  _Atomic (guint32) *word = &event->shared->word;
  guint32 seen = atomic_load_explicit (word, memory_order_relaxed);

  while ((seen & SET) &&
         !atomic_compare_exchange_strong (word, &seen, (COUNT (seen) + 1) * CLEARED))
    ;
}

gboolean
event_is_set (const Event *event)
{
  return (atomic_load_explicit (&event->shared->word, memory_order_acquire) & SET) != 0;
}

guint32
event_begin (const Event *event)
{
  return COUNT (atomic_load_explicit (&event->shared->word, memory_order_acquire));
}

/* TRUE: set, or set meanwhile. FALSE: it is clear, the sleep bit is set and *@seen shows both. */
static gboolean
look (Event *event, guint32 begun, gboolean by_bell, guint32 *seen)
{
  _Atomic (guint32) *word = &event->shared->word;

  *seen = atomic_load_explicit (word, memory_order_acquire);
  while (!(*seen & SET) && COUNT (*seen) == begun)
    {
      if (by_bell)
        atomic_store (&event->shared->listening, 1);
      if (atomic_compare_exchange_strong (word, seen, *seen | SLEEPERS))
        {
          *seen |= SLEEPERS;
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
event_look (Event *event, guint32 begun)
{
  guint32 seen;

  return look (event, begun, TRUE, &seen);
}

EventResult
event_wait (Event *event, gint64 deadline_us, gboolean interruptible)
{
  guint32 begun = event_begin (event), seen;

  if (event_is_set (event))
    return EVENT_SET;
  if (deadline_us == 0)
    return EVENT_TIMED_OUT;
  if (wait_spin_masked (&event->habit, &event->shared->word, ~SLEEPERS, begun * CLEARED))
    return EVENT_SET;

  while (!look (event, begun, FALSE, &seen))
    {
      gint64 left_us = wait_left (deadline_us);

      if (left_us == 0)
        return EVENT_TIMED_OUT;
      if (wait_sleep (&event->shared->word, seen, left_us) == WAIT_INTERRUPTED && interruptible)
        return EVENT_INTERRUPTED;
    }
  return EVENT_SET;
}

EventResult
event_wait_or_fd (Event *event, gint64 deadline_us, int other_fd)
{
  guint32 begun = event_begin (event);
  EventResult result = EVENT_SET;
  int listener;

  if (event_is_set (event))
    return EVENT_SET;
  if (deadline_us == 0)
    return EVENT_TIMED_OUT;
  listener = broadcast_listen (event->bell, other_fd);
  if (listener < 0)
    return EVENT_FAILED;

  while (!event_look (event, begun))
    {
      gint64 left_us = wait_left (deadline_us);

      result = EVENT_TIMED_OUT;
      if (left_us == 0)
        break;
      result = EVENT_CANCELLED;
      if (broadcast_wait (listener, left_us < 0 ? LOOK_US : MIN (left_us, LOOK_US)) ==
          DOORBELL_OTHER)
        break;
      result = EVENT_SET;
    }
  sys_close (listener);
  return result;
}
