/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the ring's three files share: positions, places, publishing. The essay is in base/ring.c. */

#include "base/ring.h"

#define OFFSET_MASK ((G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS) - 1)
#define ROUND_ONE (G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS)
#define ROUNDS_MAX 2        /* that a writer can be ahead */
#define MARK (~OFFSET_MASK) /* with the offset where to go on; no frame's header begins so */
#define MARK_SIZE 8
#define LOOKS_MAX 100000 /* a word that never stands still beside its slots is not one of ours */

/* Two lines that are soon to be written. The compiler's own way to say so only reads on x86 without
 * -mprfchw, and then the store has to wait until the other side's copy is dropped. */
static inline void
prefetch_to_write (const guint8 *at)
{
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(at[0]));
  __asm__ volatile("prefetchw %0" : : "m"(at[64]));
#else
  __builtin_prefetch (at, 1, 3);
  __builtin_prefetch (at + 64, 1, 3);
#endif
}

static inline guint64
offset_of (guint64 pos)
{
  return pos & OFFSET_MASK;
}

static inline guint64
next_round (guint64 pos, guint64 offset)
{
  return ((pos & ~OFFSET_MASK) + ROUND_ONE) | offset;
}

static inline guint
round_parity (guint64 pos)
{
  return (pos >> RING_OFFSET_BITS) & 1;
}

static inline guint64
rounds_between (guint64 ahead, guint64 behind)
{
  return ((ahead & ~OFFSET_MASK) - (behind & ~OFFSET_MASK)) >> RING_OFFSET_BITS;
}

static inline guint64
load (const _Atomic (guint64) *word)
{
  return atomic_load_explicit ((_Atomic (guint64) *) word, memory_order_relaxed);
}

static inline void
store (_Atomic (guint64) *word, guint64 value)
{
  atomic_store_explicit (word, value, memory_order_relaxed);
}

static inline guint32
bits (_Atomic (guint32) *word)
{
  return atomic_load_explicit (word, memory_order_relaxed);
}

static inline void
bump (_Atomic (guint64) *statistic)
{
  atomic_fetch_add_explicit (statistic, 1, memory_order_relaxed);
}

/* Two tests rather than one choice: the processor guesses them and need not wait for the counts. */
static inline RingPosition *
slot_with (RingEnd *end, guint32 count)
{
  if ((load (&end->slot[0].count) & WAIT_COUNT_MASK) == count)
    return &end->slot[0];
  if ((load (&end->slot[1].count) & WAIT_COUNT_MASK) == count)
    return &end->slot[1];
  return NULL;
}

static inline void
move_to (RingEnd *end, RingPosition *valid, guint64 pos, guint n)
{
  RingPosition *spare = valid == &end->slot[0] ? &end->slot[1] : &end->slot[0];

  atomic_thread_fence (memory_order_release); /* pairs with ring_look_at(): who sees the new pos
                                                 sees the word that made this slot spare */
  store (&spare->pos, pos);
  atomic_store_explicit (&spare->count, load (&valid->count) + n, memory_order_release);
}

/* The other end's position, without its guard. FALSE: there is none, whichever way one looks. */
gboolean ring_look_at (_Atomic (guint32) *word, RingEnd *end, guint64 *pos, guint32 *count);

typedef struct
{
  guint64 at;      /* position where the record begins */
  guint64 readers; /* where they are */
  gboolean mark;   /* a mark at the old position leads there */
  gboolean fresh;  /* `restart` leads there */
} Place;

/* Where a record of @size bytes goes when we are at @pos and the readers at @other. */
static inline RingStatus
find_place (guint64 capacity,
            guint64 reserved,
            guint64 pos,
            guint64 other,
            gboolean empty,
            gsize size,
            Place *place)
{
  guint64 offset = offset_of (pos), limit = offset_of (other), rounds = rounds_between (pos, other);

  *place = (Place){ .at = pos, .readers = other };
  if (offset > capacity || limit > capacity || (offset | limit) % 8 != 0 || rounds > ROUNDS_MAX)
    return RING_CORRUPT;

  if (rounds == 1 && offset < limit)
    {
      guint64 end = MAX (reserved, limit) + MARK_SIZE; /* behind the old round's mark */

      if (offset + size + MARK_SIZE <= MIN (limit, reserved))
        return RING_OK;
      if (offset + size + MARK_SIZE <= limit)
        return RING_SHALLOW; /* it was trimmed, and the readers have not come after us yet */
      place->at = next_round (pos, end);
      place->mark = TRUE;
      return end + size <= capacity ? RING_SHALLOW : RING_FULL;
    }

  if (offset + size <= reserved)
    return RING_OK;
  if (rounds == 0 && size + MARK_SIZE <= limit)
    {
      place->at = next_round (pos, 0);
      place->mark = TRUE;
      return size <= reserved ? RING_OK : RING_SHALLOW;
    }
  if (offset + size <= capacity && (!empty || size > reserved))
    return RING_SHALLOW;
  if (!empty || size > capacity)
    return RING_FULL;
  place->at = next_round (pos, 0);
  place->fresh = TRUE;
  return size <= reserved ? RING_OK : RING_SHALLOW;
}

static inline gboolean
too_many (const Ring *ring, guint32 written, guint32 read)
{
  return ring->maxsize != 0 && ((written - read) & WAIT_COUNT_MASK) >= ring->maxsize;
}

void ring_publish_and_wake (RingShared *shared,
                            _Atomic (guint32) *word,
                            guint n,
                            _Atomic (guint32) *seat);

/* @n more records: by one store, or by the system call that also wakes. */
static inline void
publish (RingShared *shared, _Atomic (guint32) *word, guint32 old, guint n, _Atomic (guint32) *seat)
{
  if (G_LIKELY (!(old & WAIT_SLEEPER)))
    atomic_store_explicit (word, old + 2 * n, memory_order_release);
  else
    ring_publish_and_wake (shared, word, n, seat);
}

/* Under the write guard (in) or the read guard (out). */
static inline void
ring_bell (_Atomic (guint32) *word, const Doorbell *bell)
{
  guint32 now = bits (word);

  if (G_LIKELY (!(now & DOORBELL_ARMED)))
    return;
  doorbell_ring (bell);
  atomic_store_explicit (word, now & ~DOORBELL_ARMED, memory_order_relaxed);
}
