/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watchers: how those who wait for a change of an object learn of it, and how it costs nothing to
 * those who write what nobody waits for.
 *
 * An object has a slot, by its id; a slot may have several objects, then some wake in vain. Shared,
 * behind the gate (base/layout.h):
 *
 *     turn     odd while a commit is under way
 *     armed    a bit per slot: the next commit that touches it must wake. Usually all are 0
 *     slot     [ word: times stirred, somebody sleeps? ][ somebody listens to the bell? ]
 *
 * Who writes, inside the gate:                  Who waits:
 *
 *     turn odd                                      1. turn, if even
 *     of each touched slot that is armed:           2. arms: sleep bit or `listening`, then the bit
 *         word + 1 and wake, in one call            3. turn again: another one? back to 1
 *         ring the bell if somebody listens         4. looks at the object; found? done
 *         listening and armed to 0                  5. sleeps while the word is what 2. left
 *     commit
 *     turn even
 *
 * Never silent. A commit begins before 3, then the turn was odd at 1 or is another one at 3, and
 * the waiter arms anew after it ended; or after 3, then its writer finds the slot armed, because
 * both sides store first and look then. In the first case 4 sees what it changed.
 *
 * Waking comes before the commit, so a death leaves a needless look and never a sleeper beside a
 * change: who is woken finds the turn odd and waits for it to end, which takes as long as a commit,
 * or for the writer's death (the gate is free, or its owner is gone by the kernel's word). Then the
 * store says what became of it.
 *
 * A turn that a dead one left odd stays so until somebody writes again. He makes it another odd one
 * and wakes all who are armed before he begins: LMDB may only now find that the dead one's commit
 * was whole, and show it. The turn is even when he is done, whether he commits or not.
 *
 *     death of a writer    before the word      nothing happened
 *                          before the bell      those who listen were not told of what did not
 *                                               happen, and are still armed
 *                          before armed is 0    woken twice
 *                          before the commit    woken for nothing
 *                          after it             all look, once they know that it is dead
 *     death of a waiter    a bit stays: the next change makes one needless call
 *
 * Nobody counts who waits, nothing must be cleaned up, and a sleeper has no timer.
 *
 * Bells. Sixteen FIFOs beside the store, made when first somebody listens; an object's is chosen by
 * its slot. A bell is a broadcast (base/broadcast.c): each who listens hears each ring and compares
 * the word of its slot.
 *
 * Forks. All of it is inherited and good in the child; epoll descriptors that listen are not.
 */

#include "manager/watchers.h"

#include "base/sys.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <time.h>

#define SLOT(id) ((id) % WATCHERS_SLOTS)
#define PAUSES 100 /* some microseconds: most commits take less */
#define NAP_MIN_US 20
#define NAP_MAX_US 1000

static WatchersShared *
shared_of (const Watchers *self)
{
  return self->gate->watchers;
}

void
watchers_init (Watchers *self, Gate *gate, const char *path)
{
  *self = (Watchers){ .gate = gate, .path = path };
}

static void
close_bell (Broadcast *bell)
{
  sys_close (bell->fd);
  g_free (bell);
}

void
watchers_clear (Watchers *self)
{
  for (guint i = 0; i < WATCHERS_BELLS; i++)
    if (self->bells[i] != NULL)
      close_bell (self->bells[i]);
}

void
touched_add (Touched *touched, guint64 id)
{
  for (guint i = 0; i < MIN (touched->n, TOUCHED_MAX); i++)
    if (touched->ids[i] == id)
      return;
  if (touched->n < TOUCHED_MAX)
    touched->ids[touched->n] = id;
  touched->n = MIN (touched->n + 1, TOUCHED_MAX + 1);
}

void
touched_add_all (Touched *touched, const Touched *others)
{
  for (guint i = 0; i < MIN (others->n, TOUCHED_MAX); i++)
    touched_add (touched, others->ids[i]);
  if (others->n > TOUCHED_MAX)
    touched->n = TOUCHED_MAX + 1;
}

/* Of two threads that open the same one, one keeps his. */
static const Broadcast *
open_bell (Watchers *self, guint number, gboolean make, GError **error)
{
  g_autofree char *file = g_strdup_printf ("%s/watch.%u.bell", self->path, number);
  Broadcast *bell = NULL, *found = NULL;
  int fd = -1;

  if (!make || mkfifo (file, 0600) == 0 || errno == EEXIST)
    fd = sys.open (file, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0);
  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot open the FIFO “%s”: %s", file, g_strerror (errno));
      return NULL;
    }

  bell = g_new0 (Broadcast, 1);
  bell->fd = fd;
  if (broadcast_init (bell, fd, error) &&
      atomic_compare_exchange_strong (&self->bells[number], &found, bell))
    return bell;
  close_bell (bell);
  return found;
}

static const Broadcast *
get_bell (Watchers *self, guint64 id, gboolean make, GError **error)
{
  guint number = SLOT (id) % WATCHERS_BELLS;
  const Broadcast *bell = atomic_load (&self->bells[number]);

  return bell != NULL ? bell : open_bell (self, number, make, error);
}

const Broadcast *
watchers_bell (Watchers *self, guint64 id, GError **error)
{
  return get_bell (self, id, TRUE, error);
}

static void
stir (Watchers *self, guint slot_number)
{
  WatchersSlot *slot = &shared_of (self)->slots[slot_number];

  if (atomic_load (&slot->word) & WAIT_SLEEPER)
    wait_add_and_wake (&slot->word, 1, G_MAXINT); /* takes the bit away, and counts */
  else
    atomic_fetch_add (&slot->word, 2);

  if (atomic_load (&slot->listening) != 0)
    {
      const Broadcast *bell = get_bell (self, slot_number, FALSE, NULL);

      if (bell != NULL)
        broadcast_ring (bell);
    }
}

static void
wake (Watchers *self, guint slot_number)
{
  WatchersShared *shared = shared_of (self);
  guint64 bit = G_GUINT64_CONSTANT (1) << (slot_number % 64);

  if (!(atomic_load_explicit (&shared->armed[slot_number / 64], memory_order_relaxed) & bit))
    return;
  stir (self, slot_number);
  atomic_store (&shared->slots[slot_number].listening, 0);
  atomic_fetch_and (&shared->armed[slot_number / 64], ~bit);
}

static void
wake_all (Watchers *self)
{
  for (guint i = 0; i < WATCHERS_SLOTS; i++)
    wake (self, i);
}

void
watchers_mend (Watchers *self)
{
  WatchersShared *shared = shared_of (self);
  guint32 turn = atomic_load_explicit (&shared->turn, memory_order_relaxed);

  if (G_LIKELY (!(turn & 1)))
    return;
  atomic_store (&shared->turn, turn + 2);
  atomic_thread_fence (memory_order_seq_cst);
  wake_all (self);
}

void
watchers_begin_commit (Watchers *self, const Touched *touched)
{
  WatchersShared *shared = shared_of (self);
  guint32 turn = atomic_load_explicit (&shared->turn, memory_order_relaxed);

  atomic_store (&shared->turn, (turn & 1) ? turn + 2 : turn + 1);
  atomic_thread_fence (memory_order_seq_cst);
  if (G_LIKELY (touched->n <= TOUCHED_MAX))
    for (guint i = 0; i < touched->n; i++)
      wake (self, SLOT (touched->ids[i]));
  else
    wake_all (self);
}

void
watchers_settle (Watchers *self)
{
  _Atomic (guint32) *turn = &shared_of (self)->turn;
  guint32 seen = atomic_load_explicit (turn, memory_order_relaxed);

  if (seen & 1)
    atomic_store_explicit (turn, seen + 1, memory_order_release);
}

static guint32
raise_flags (WatchersShared *shared, guint slot_number, WatchersHow how)
{
  WatchersSlot *slot = &shared->slots[slot_number];
  guint32 seen;

  if (how == WATCHERS_BY_BELL)
    atomic_store (&slot->listening, 1);
  seen = how == WATCHERS_ASLEEP ? atomic_fetch_or (&slot->word, WAIT_SLEEPER) | WAIT_SLEEPER
                                : atomic_load (&slot->word);
  atomic_fetch_or (&shared->armed[slot_number / 64], G_GUINT64_CONSTANT (1) << (slot_number % 64));
  atomic_thread_fence (memory_order_seq_cst);
  return seen;
}

/* The turn when nobody commits any more; FALSE when somebody did for longer than a moment. */
static gboolean
find_turn (Watchers *self, guint32 *turn)
{
  WatchersShared *shared = shared_of (self);

  for (guint i = 0; i < PAUSES; i++)
    {
      *turn = atomic_load (&shared->turn);
      if (!(*turn & 1))
        return TRUE;
      wait_pause (4);
    }
  return !gate_is_busy (self->gate);
}

gboolean
watchers_arm (Watchers *self, guint64 id, WatchersHow how, guint32 *seen)
{
  WatchersShared *shared = shared_of (self);
  guint32 turn;

  do
    {
      if (!find_turn (self, &turn))
        return FALSE;
      *seen = raise_flags (shared, SLOT (id), how);
    }
  while (atomic_load (&shared->turn) != turn);
  return TRUE;
}

gboolean
watchers_is_stirred (Watchers *self, guint64 id, guint32 seen)
{
  return WAIT_COUNT (atomic_load (&shared_of (self)->slots[SLOT (id)].word)) != WAIT_COUNT (seen);
}

gboolean
watchers_spin (Watchers *self, guint64 id, WaitHabit *habit, guint32 seen)
{
  return wait_spin (habit, &shared_of (self)->slots[SLOT (id)].word, WAIT_COUNT (seen));
}

WaitResult
watchers_sleep (Watchers *self, guint64 id, guint32 seen, gint64 most_us)
{
  return wait_sleep (&shared_of (self)->slots[SLOT (id)].word, seen, most_us);
}

gboolean
watchers_nap (gint64 *nap_us, gint64 deadline_us)
{
  if (wait_left (deadline_us) == 0)
    return FALSE;
  if (*nap_us == 0)
    sched_yield ();
  else
    nanosleep (&(struct timespec){ .tv_nsec = *nap_us * 1000 }, NULL);
  *nap_us = CLAMP (*nap_us * 2, NAP_MIN_US, NAP_MAX_US);
  return TRUE;
}

void
watchers_stir (Watchers *self, guint64 id)
{
  WatchersShared *shared = shared_of (self);

  atomic_thread_fence (memory_order_seq_cst);
  if (atomic_load (&shared->armed[SLOT (id) / 64]) & (G_GUINT64_CONSTANT (1) << (SLOT (id) % 64)))
    stir (self, SLOT (id));
}
