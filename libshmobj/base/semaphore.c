/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Semaphores: units that processes take and give, and that come back from the dead.
 *
 *     word     63 ........ 54   53 ..... 32   31 ....... 1   0
 *              [ record      ][ number      ][ free units  ][ some sleep? ]
 *                who changed it last
 *     note     63 ..... 42   41 .... 40   39 ... 20   19 ... 0         one per process
 *              [ number    ][ doing      ][ holds    ][ will hold ]    (base/records.c)
 *
 * Taking a unit changes two words: there is one less, and we hold one more. A death in between must
 * not lose a unit nor make one. So a process
 *
 *     1  writes into its note what it is about to do, with a number that is new (begin),
 *     2  changes the word by one compare-and-swap, which puts its record's number and that number
 *        into it: now it has happened, for everybody,
 *     3  writes into its note what it holds now (finish).
 *
 * Whoever is next to put its own number into the word first does 3 for the one whose number it
 * finds there. So at any time a note that says "about to" has happened if its number is in the
 * word, and otherwise has not. This is all that is needed to tell what a dead one holds:
 *
 *     death before 1 or after 3    the note says it
 *     between 1 and 2              the number is not in the word: what it held before
 *     between 2 and 3              it is: what it was to hold
 *
 * Returning what the dead hold is done by whoever finds no unit, in the same way in the dead one's
 * name: RETURNING in its note, with what it held, then the word, then the note: nothing held. Any
 * number of processes may do this at once, die in it or stop: each step is a compare-and-swap that
 * only one of them makes, and the others go on from what they find. A note with nothing held and
 * nothing begun is free for the next process.
 *
 * Giving more than one holds just adds: so one process can signal another. That changes only the
 * word, and not whose number is in it. A semaphore that does not recover has no notes; there, all
 * is done so. A process is remembered to hold a million units at most (HELD_MAX); what it takes
 * beyond does not come back from its death.
 *
 * The number has 22 bits: a process would have to sleep between two instructions for exactly a
 * multiple of 4 million changes by one other, and that one die on the spot, to be misled.
 *
 * Waiting goes as with locks (base/lock.c): who finds no unit sets the sleep bit and sleeps on the
 * lower half of the word, in slices of 8 ms doubling to 1 s, and before each slice looks after the
 * dead. Giving takes the bit away and wakes as many as it gives units; who was woken puts the bit
 * back when it takes (others may sleep), and wakes one more if there are more units. A giver that
 * dies between the word and the wake leaves sleepers beside a unit: until their slice ends.
 * Listeners by descriptor store `listening` before they set the bit, and the giver rings after the
 * wake.
 *
 * Threads of one process share its note: one that finds something begun there lets the other one
 * finish.
 *
 * Order. Giving releases, taking acquires: all changes of the word are sequentially consistent.
 */

#include "base/semaphore.h"

#include "base/sys.h"

#include <errno.h>
#include <sched.h>

#define SPIN_ROUNDS 4
#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

#define SLEEPERS G_GUINT64_CONSTANT (1)
#define UNITS(word) ((guint32) (word) >> 1)
#define AUTHOR(word) ((guint32) ((word) >> 32))

typedef enum
{
  IDLE,
  TAKING,
  GIVING,
  RETURNING, /* in the name of a dead one */
} Doing;

#define NUMBER_MASK 0x3fffffu
#define HELD_MAX 0xfffffu
#define NUMBER(note) ((guint32) ((note) >> 42))
#define DOING(note) ((Doing) ((note) >> 40 & 3))
#define HOLDS(note) ((guint32) ((note) >> 20) & HELD_MAX)
#define WILL_HOLD(note) ((guint32) (note) &HELD_MAX)

static inline guint64
note_of (guint32 number, Doing doing, guint32 holds, guint32 will_hold)
{
  return (guint64) number << 42 | (guint64) doing << 40 | (guint64) holds << 20 | will_hold;
}

static inline gboolean
note_is_free (guint64 note)
{
  return DOING (note) == IDLE && HOLDS (note) == 0;
}

/* Never 0: the word of a new semaphore has nobody's. */
static inline guint32
number_after (guint64 note)
{
  return NUMBER (note) % NUMBER_MASK + 1;
}

/* What the word's upper half is once @note has happened. */
static inline guint32
author_of (const Record *record, guint64 note)
{
  return record->number << 22 | NUMBER (note);
}

static inline guint64
word_of (guint32 author, guint32 units, guint64 bit)
{
  return (guint64) author << 32 | (guint64) units << 1 | bit;
}

/* The half that is slept on. */
static inline _Atomic (guint32) *
half_of (Semaphore *self)
{
  return (_Atomic (guint32) *) &self->shared->word + (G_BYTE_ORDER == G_BIG_ENDIAN);
}

static inline guint64
look_at (Semaphore *self)
{
  return atomic_load (&self->shared->word);
}

void
semaphore_fill (SemaphoreShared *shared, guint32 value, guint32 maximum, gboolean recovers)
{
  shared->maximum = maximum;
  shared->recovers = recovers;
  atomic_store (&shared->word, word_of (0, value, 0));
}

void
semaphore_init (Semaphore *self, SemaphoreShared *shared, Arena *arena)
{
  self->shared = shared;
  self->participants = arena_participants (arena);
  self->bell = arena_bell (arena);
  records_init (&self->records, arena, &shared->records);
}

void
semaphore_clear (Semaphore *self)
{
  records_clear (&self->records);
}

guint32
semaphore_most (const Semaphore *self)
{
  guint32 maximum = self->shared->maximum;

  return maximum != 0 ? MIN (maximum, SEMAPHORE_MAX) : SEMAPHORE_MAX;
}

gboolean
semaphore_recovers (const Semaphore *self)
{
  return self->shared->recovers != 0;
}

/* ---- notes ---- */

static void
finish (const Record *record, guint64 note, gboolean happened)
{
  guint32 holds = happened ? WILL_HOLD (note) : HOLDS (note);

  atomic_compare_exchange_strong (record->note, &note, note_of (NUMBER (note), IDLE, holds, 0));
}

/* Step 3, for the one whose number is in @word. */
static void
settle (Semaphore *self, guint64 word)
{
  Record record;
  guint64 note;

  if (!records_at (&self->records, AUTHOR (word) >> 22, &record))
    return;
  note = atomic_load (record.note);
  if (DOING (note) != IDLE && author_of (&record, note) == AUTHOR (word))
    finish (&record, note, TRUE);
}

/* Wakes who waits for @n units that are there now; @word is how it was before. */
static void
wake (Semaphore *self, guint64 word, guint32 n)
{
  if (!(word & SLEEPERS) || n == 0)
    return;
  wait_wake (half_of (self), MIN (n, G_MAXINT));
  if (atomic_load (&self->shared->listening) != 0 &&
      atomic_exchange (&self->shared->listening, 0) != 0)
    broadcast_ring (self->bell);
}

/* What the dead @owner had goes back. */
static void
return_units (Semaphore *self, const Record *record, guint32 owner)
{
  for (;;)
    {
      guint64 note = atomic_load (record->note), word;
      guint32 holds = HOLDS (note), units;

      if (atomic_load (record->owner) != owner || note_is_free (note))
        return;
      word = look_at (self);
      if (DOING (note) != IDLE && author_of (record, note) == AUTHOR (word))
        finish (record, note, TRUE);
      else if (DOING (note) != RETURNING)
        atomic_compare_exchange_strong (record->note, &note,
                                        note_of (number_after (note), RETURNING, holds, 0));
      else
        {
          settle (self, word);
          units = MIN ((guint64) UNITS (word) + holds, SEMAPHORE_MAX);
          if (!atomic_compare_exchange_strong (
                  &self->shared->word, &word,
                  word_of (author_of (record, note), units, holds == 0 ? word & SLEEPERS : 0)))
            continue;
          finish (record, note, TRUE);
          wake (self, word, holds);
        }
    }
}

/* Looks after the dead. TRUE: units came back. */
static gboolean
recover (Semaphore *self, guint32 me)
{
  gboolean found = FALSE;
  Record record;

  for (guint32 i = 0; semaphore_recovers (self) && records_at (&self->records, i, &record); i++)
    {
      guint32 owner = atomic_load (record.owner);

      if (owner == 0 || owner == me || note_is_free (atomic_load (record.note)) ||
          !participants_is_dead (self->participants, owner))
        continue;
      return_units (self, &record, owner);
      found = TRUE;
    }
  return found;
}

gboolean
semaphore_prepare (Semaphore *self, guint32 me, GError **error)
{
  Record record;

  if (!semaphore_recovers (self) || records_find (&self->records, me, &record))
    return TRUE;
  recover (self, me); /* their records are of use then */
  return records_take (&self->records, me, note_is_free, &record, error);
}

/* Step 1: the note as it is now. Of what is given, at most what is held: 0 means that nothing was
 * begun. */
static guint64
begin (Semaphore *self, const Record *record, Doing doing, guint32 n)
{
  for (;;)
    {
      guint64 note = atomic_load (record->note), begun;
      guint32 holds = HOLDS (note), will_hold;

      if (DOING (note) == RETURNING) /* somebody took us for dead */
        return_units (self, record, atomic_load (record->owner));
      else if (DOING (note) != IDLE)
        sched_yield (); /* another thread of ours */
      else
        {
          if (doing == GIVING && holds == 0)
            return 0;
          will_hold = doing == TAKING ? MIN (holds + n, HELD_MAX) : holds - MIN (n, holds);
          begun = note_of (number_after (note), doing, holds, will_hold);
          if (atomic_compare_exchange_strong (record->note, &note, begun))
            return begun;
        }
    }
}

/* Step 2. @author: whose number the word gets; 0: it keeps the one it has. FALSE: it cannot be;
 * else @word is what it was. */
static gboolean
change (Semaphore *self, guint32 author, gint64 add, guint64 bit, guint64 *word)
{
  gint64 units, most = add > 0 ? semaphore_most (self) : SEMAPHORE_MAX;
  guint64 wanted;

  *word = look_at (self);
  do
    {
      units = (gint64) UNITS (*word) + add;
      if (units < 0 || units > most)
        return FALSE;
      if (author != 0)
        settle (self, *word);
      if (add < 0)
        bit |= *word & SLEEPERS;
      wanted = word_of (author != 0 ? author : AUTHOR (*word), units, bit);
    }
  while (!atomic_compare_exchange_strong (&self->shared->word, word, wanted));
  return TRUE;
}

/* ---- taking ---- */

/* @bit: SLEEPERS if others may sleep. */
static gboolean
take_unit (Semaphore *self, guint32 me, guint64 bit)
{
  gboolean taken;
  guint64 word, note = 0;
  Record record;

  if (UNITS (look_at (self)) == 0)
    return FALSE;
  if (semaphore_recovers (self) && records_find (&self->records, me, &record))
    note = begin (self, &record, TAKING, 1);
  taken = change (self, note != 0 ? author_of (&record, note) : 0, -1, bit, &word);
  if (note != 0)
    finish (&record, note, taken);
  if (taken && bit != 0 && UNITS (word) > 1)
    wait_wake (half_of (self), 1);
  return taken;
}

/* Sets the sleep bit. FALSE: there are units. */
static gboolean
set_bit (Semaphore *self)
{
  guint64 word = look_at (self);

  while (UNITS (word) == 0)
    if (atomic_compare_exchange_strong (&self->shared->word, &word, word | SLEEPERS))
      return TRUE;
  return FALSE;
}

static gboolean
spin (Semaphore *self, guint32 me)
{
  for (int i = 0; i < SPIN_ROUNDS; i++)
    {
      if (take_unit (self, me, 0))
        return TRUE;
      if (!wait_spin_masked (&self->habit, half_of (self), ~(guint32) SLEEPERS, 0))
        return FALSE;
    }
  return FALSE;
}

static gint64
sleep_time (gint64 left_us, gint64 slice_us)
{
  return left_us < 0 ? slice_us : MIN (left_us, slice_us);
}

static SemaphoreResult
take_asleep (Semaphore *self, guint32 me, gint64 deadline_us, gboolean interruptible)
{
  gint64 slice_us = SLICE_MIN_US, left_us;
  guint64 bit = 0;

  for (;;)
    {
      if (take_unit (self, me, bit))
        return SEMAPHORE_TAKEN;
      if (recover (self, me))
        continue;
      left_us = wait_left (deadline_us);
      if (left_us == 0 && bit == 0)
        return SEMAPHORE_NONE;
      if (!set_bit (self))
        continue;
      if (left_us == 0)
        return SEMAPHORE_NONE;

      bit = SLEEPERS;
      if (wait_sleep (half_of (self), SLEEPERS, sleep_time (left_us, slice_us)) ==
              WAIT_INTERRUPTED &&
          interruptible)
        return SEMAPHORE_INTERRUPTED;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
}

SemaphoreResult
semaphore_take (Semaphore *self, guint32 me, gint64 deadline_us, gboolean interruptible)
{
  SemaphoreResult result;

  if (take_unit (self, me, 0))
    return SEMAPHORE_TAKEN;
  if (deadline_us == 0)
    return take_asleep (self, me, 0, interruptible);
  if (spin (self, me))
    return SEMAPHORE_TAKEN;
  participants_wait_for (self->participants, me, self->shared);
  result = take_asleep (self, me, deadline_us, interruptible);
  participants_wait_for (self->participants, me, NULL);
  return result;
}

SemaphoreResult
semaphore_look (Semaphore *self, guint32 me)
{
  for (;;)
    {
      if (take_unit (self, me, 0))
        return SEMAPHORE_TAKEN;
      if (recover (self, me))
        continue;
      atomic_store (&self->shared->listening, 1);
      if (set_bit (self))
        {
          participants_wait_for (self->participants, me, self->shared);
          return SEMAPHORE_NONE;
        }
    }
}

void
semaphore_stop_looking (Semaphore *self, guint32 me)
{
  participants_wait_for (self->participants, me, NULL);
}

SemaphoreResult
semaphore_take_or_fd (Semaphore *self, guint32 me, gint64 deadline_us, int other_fd)
{
  gint64 slice_us = SLICE_MIN_US, left_us;
  SemaphoreResult result = semaphore_take (self, me, 0, FALSE);
  int listener;

  if (result == SEMAPHORE_TAKEN || deadline_us == 0)
    return result;
  if (spin (self, me))
    return SEMAPHORE_TAKEN;
  listener = broadcast_listen (self->bell, other_fd);
  if (listener < 0)
    return SEMAPHORE_FAILED;

  while ((result = semaphore_look (self, me)) == SEMAPHORE_NONE)
    {
      left_us = wait_left (deadline_us);
      if (left_us == 0)
        break;
      result = SEMAPHORE_CANCELLED;
      if (broadcast_wait (listener, sleep_time (left_us, slice_us)) == DOORBELL_OTHER)
        break;
      slice_us = MIN (slice_us * 2, SLICE_MAX_US);
    }
  semaphore_stop_looking (self, me);
  sys_close (listener);
  return result;
}

/* ---- giving, and what there is ---- */

gboolean
semaphore_give (Semaphore *self, guint32 me, guint32 n)
{
  gboolean given;
  guint64 word, note = 0;
  Record record;

  if (semaphore_recovers (self) && records_find (&self->records, me, &record))
    note = begin (self, &record, GIVING, n);
  given = change (self, note != 0 ? author_of (&record, note) : 0, n, 0, &word);
  if (note != 0)
    finish (&record, note, given);
  if (given)
    wake (self, word, n);
  return given;
}

guint32
semaphore_value (Semaphore *self, guint32 me)
{
  recover (self, me);
  return UNITS (look_at (self));
}

guint32
semaphore_held (Semaphore *self, guint32 who)
{
  guint64 note;
  Record record;

  if (!semaphore_recovers (self))
    return 0;
  for (guint32 i = 0; records_at (&self->records, i, &record); i++)
    if (atomic_load (record.owner) == who)
      {
        note = atomic_load (record.note);
        return DOING (note) != IDLE && author_of (&record, note) == AUTHOR (look_at (self))
                   ? WILL_HOLD (note)
                   : HOLDS (note);
      }
  return 0;
}
