/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Barriers: a fixed number of parties that wait until all of them are there.
 *
 *     word     63 ....... 32   31 ..... 18   17 ..... 2   1 ... 0
 *              [ generation  ][ history     ][ arrived   ][ state ]
 *     turn     counts up behind each end of a generation and each break: what is slept on
 *     note     63 ....... 32   31 ..... 0              one per process (base/records.c)
 *              [ generation  ][ threads    ]           who wait, or are about to
 *
 * States. OPEN: parties arrive, each by one compare-and-swap. The last one's is the end of the
 * generation at once: the next one, with nobody there. Or, if it wants to do something before the
 * others go on, HELD, until it opens. BROKEN: by abort, by one who gave up, or by a death; nobody
 * passes until reset, which also ends a generation. The history has a bit for each of the last 14
 * generations: did it end badly? So who slept through the end of his learns how it was.
 *
 * Death. A process writes the generation into its note before it arrives, and takes it away when it
 * has passed or given up. Who waits looks, before each slice of his sleep (8 ms doubling to 1 s),
 * whether the owner of a note of this generation is dead, and if so breaks the barrier: the dead
 * one will not do its part. Killed before it arrived but after the note: the same, as it was about
 * to. Killed after the end of the generation: the note is of another one, and concerns nobody; it
 * is wiped by who finds it, for the next process. Killed between the word and `turn`: sleepers look
 * when their slice ends. One that holds the barrier has its note, too.
 *
 * Order. All changes of the word are sequentially consistent: what a party did before it arrived is
 * seen by all who pass.
 */

#include "base/barrier.h"

#include "base/sys.h"

#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

typedef enum
{
  OPEN,
  HELD,
  BROKEN,
} State;

#define STATE(word) ((State) ((word) &3))
#define ARRIVED(word) ((guint32) (word) >> 2 & 0xffff)
#define HISTORY(word) ((guint32) (word) >> 18)
#define HISTORY_BITS 14
#define GENERATION(word) ((guint32) ((word) >> 32))
#define THREADS(note) ((guint32) (note))

static inline guint64
word_of (guint32 generation, guint32 history, guint32 arrived, State state)
{
  return (guint64) generation << 32 | (guint32) (history << 18) | arrived << 2 | state;
}

/* The generation behind that of @word, which ended well or not. */
static inline guint64
next_of (guint64 word, gboolean badly)
{
  return word_of (GENERATION (word) + 1, HISTORY (word) << 1 | badly, 0, OPEN);
}

void
barrier_fill (BarrierShared *shared, guint32 parties)
{
  shared->parties = parties;
}

void
barrier_init (Barrier *self, BarrierShared *shared, Arena *arena)
{
  self->shared = shared;
  self->participants = arena_participants (arena);
  self->bell = arena_bell (arena);
  records_init (&self->records, arena, &shared->records);
}

void
barrier_clear (Barrier *self)
{
  records_clear (&self->records);
}

static gboolean
is_free (guint64 note)
{
  return THREADS (note) == 0;
}

gboolean
barrier_prepare (Barrier *self, guint32 me, GError **error)
{
  Record record;

  return records_take (&self->records, me, is_free, &record, error);
}

static void
wake_all (Barrier *self)
{
  wait_add_and_wake (&self->shared->turn, 1, G_MAXINT);
  if (atomic_load (&self->shared->listening) != 0 &&
      atomic_exchange (&self->shared->listening, 0) != 0)
    broadcast_ring (self->bell);
}

/* ---- notes ---- */

static void
note_down (Record *record, guint32 generation)
{
  guint64 note = atomic_load (record->note), wanted;

  do
    wanted = (guint64) generation << 32 | (note >> 32 == generation ? THREADS (note) + 1 : 1);
  while (!atomic_compare_exchange_strong (record->note, &note, wanted));
}

static void
strike_out (Barrier *self, guint32 me, guint32 generation)
{
  Record record;
  guint64 note;

  if (!records_find (&self->records, me, &record))
    return;
  note = atomic_load (record.note);
  while (note >> 32 == generation && THREADS (note) > 0 &&
         !atomic_compare_exchange_strong (record.note, &note, note - 1))
    ;
}

/* Breaks generation @generation, if it has not ended. */
static gboolean
break_up (Barrier *self, guint32 generation)
{
  guint64 word = atomic_load (&self->shared->word);

  while (GENERATION (word) == generation && STATE (word) != BROKEN)
    if (atomic_compare_exchange_strong (
            &self->shared->word, &word,
            word_of (generation, HISTORY (word), ARRIVED (word), BROKEN)))
      {
        wake_all (self);
        return TRUE;
      }
  return FALSE;
}

/* Looks after the dead. */
static void
recover (Barrier *self, guint32 me)
{
  Record record;

  for (guint32 i = 0; records_at (&self->records, i, &record); i++)
    {
      guint32 owner = atomic_load (record.owner);
      guint64 note = atomic_load (record.note);

      if (owner == 0 || owner == me || is_free (note) ||
          !participants_is_dead (self->participants, owner))
        continue;
      if (atomic_load (record.owner) != owner)
        continue;
      break_up (self, note >> 32);
      atomic_compare_exchange_strong (record.note, &note, note >> 32 << 32);
    }
}

/* ---- arriving ---- */

BarrierResult
barrier_arrive (Barrier *self, guint32 me, gboolean hold, guint32 *ticket, guint32 *index)
{
  guint64 word = atomic_load (&self->shared->word), wanted;
  guint32 parties = self->shared->parties;
  Record record;
  gboolean last;

  recover (self, me);
  if (!records_find (&self->records, me, &record))
    return BARRIER_BROKEN;
  for (;;)
    {
      word = atomic_load (&self->shared->word);
      *ticket = GENERATION (word);
      if (STATE (word) != OPEN)
        return BARRIER_BROKEN;
      note_down (&record, *ticket);
      *index = ARRIVED (word);
      last = *index + 1 >= parties;
      wanted = last && !hold ? next_of (word, FALSE)
                             : word_of (*ticket, HISTORY (word), *index + 1, last ? HELD : OPEN);
      if (atomic_compare_exchange_strong (&self->shared->word, &word, wanted))
        break;
      strike_out (self, me, *ticket);
    }
  if (!last || hold)
    return BARRIER_WAITING;
  strike_out (self, me, *ticket);
  wake_all (self);
  return BARRIER_PASSED;
}

gboolean
barrier_open (Barrier *self, guint32 me, guint32 ticket)
{
  guint64 word = atomic_load (&self->shared->word);
  gboolean opened = FALSE;

  while (!opened && GENERATION (word) == ticket && STATE (word) == HELD)
    opened = atomic_compare_exchange_strong (&self->shared->word, &word, next_of (word, FALSE));
  strike_out (self, me, ticket); /* not before: who dies holding it is to be found out */
  if (opened)
    wake_all (self);
  return opened;
}

/* How it is for the one with @ticket. */
static BarrierResult
outcome (Barrier *self, guint32 ticket)
{
  guint64 word = atomic_load (&self->shared->word);
  guint32 behind = GENERATION (word) - ticket;

  if (behind == 0)
    return STATE (word) == BROKEN ? BARRIER_BROKEN : BARRIER_WAITING;
  return behind <= HISTORY_BITS && HISTORY (word) >> (behind - 1) & 1 ? BARRIER_BROKEN
                                                                      : BARRIER_PASSED;
}

static BarrierResult
look (Barrier *self, guint32 me, guint32 ticket)
{
  BarrierResult result = outcome (self, ticket);

  if (result == BARRIER_WAITING)
    {
      recover (self, me);
      result = outcome (self, ticket);
    }
  if (result != BARRIER_WAITING)
    strike_out (self, me, ticket);
  return result;
}

BarrierResult
barrier_look (Barrier *self, guint32 me, guint32 ticket)
{
  atomic_store (&self->shared->listening, 1);
  return look (self, me, ticket);
}

BarrierResult
barrier_give_up (Barrier *self, guint32 me, guint32 ticket, BarrierResult why)
{
  BarrierResult result;

  if (break_up (self, ticket))
    {
      strike_out (self, me, ticket);
      return why;
    }
  result = look (self, me, ticket);
  return result == BARRIER_WAITING ? why : result;
}

static gint64
sleep_time (gint64 left_us, gint64 slice_us)
{
  return left_us < 0 ? slice_us : MIN (left_us, slice_us);
}

BarrierResult
barrier_wait (Barrier *self, guint32 me, guint32 ticket, gint64 deadline_us, gboolean interruptible)
{
  gint64 slice_us = SLICE_MIN_US, left_us;

  for (;;)
    {
      guint32 turn = atomic_load (&self->shared->turn);
      BarrierResult result = look (self, me, ticket);

      if (result != BARRIER_WAITING)
        return result;
      left_us = wait_left (deadline_us);
      if (left_us == 0)
        return BARRIER_TIMED_OUT;
      if (wait_spin_masked (&self->habit, &self->shared->turn, G_MAXUINT32, turn))
        continue;
      if (wait_sleep (&self->shared->turn, turn, sleep_time (left_us, slice_us)) ==
              WAIT_INTERRUPTED &&
          interruptible)
        return BARRIER_INTERRUPTED;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
}

BarrierResult
barrier_wait_or_fd (Barrier *self, guint32 me, guint32 ticket, gint64 deadline_us, int other_fd)
{
  gint64 slice_us = SLICE_MIN_US, left_us;
  int listener = broadcast_listen (self->bell, other_fd);
  BarrierResult result;

  if (listener < 0)
    return BARRIER_FAILED;
  while ((result = barrier_look (self, me, ticket)) == BARRIER_WAITING)
    {
      left_us = wait_left (deadline_us);
      if (left_us == 0)
        result = BARRIER_TIMED_OUT;
      else if (broadcast_wait (listener, sleep_time (left_us, slice_us)) == DOORBELL_OTHER)
        result = BARRIER_CANCELLED;
      if (result != BARRIER_WAITING)
        break;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
  sys_close (listener);
  return result;
}

/* ---- all of it ---- */

void
barrier_abort (Barrier *self)
{
  guint64 word = atomic_load (&self->shared->word);

  while (STATE (word) != BROKEN && !break_up (self, GENERATION (word)))
    word = atomic_load (&self->shared->word);
}

void
barrier_reset (Barrier *self)
{
  guint64 word = atomic_load (&self->shared->word);

  while (ARRIVED (word) > 0 || STATE (word) != OPEN)
    if (atomic_compare_exchange_strong (&self->shared->word, &word, next_of (word, TRUE)))
      {
        wake_all (self);
        return;
      }
}

gboolean
barrier_is_broken (Barrier *self, guint32 me)
{
  recover (self, me);
  return STATE (atomic_load (&self->shared->word)) == BROKEN;
}

guint32
barrier_waiting (Barrier *self, guint32 me)
{
  guint64 word;

  recover (self, me);
  word = atomic_load (&self->shared->word);
  return STATE (word) == BROKEN ? 0 : ARRIVED (word);
}
