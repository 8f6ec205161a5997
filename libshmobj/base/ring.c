/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A byte ring between processes, many writers and many readers, safe against kill -9 of any of them
 * at any instruction.
 *
 *     data     0                      read           write          reserved          capacity
 *              [ free, or next round ][ records ....][ free ........][ never touched .. ]
 *
 * Guards. One for the writing end, one for the reading end; held for some tens of nanoseconds and
 * the copy of one message. Both, in the order read, write, only by who is about to sleep.
 *
 * Words. pub counts the records written, con those read; bit 0 says that somebody sleeps on the
 * word. The word counts, publishes, carries the flag and is the futex, all in one. Its flag is set
 * only under both guards, so the plain store of a publisher never loses it; when the publisher sees
 * it, one FUTEX_WAKE_OP adds 1: publishes, clears and wakes.
 *
 * Positions. An end's position lies in two slots; the valid one carries the word's count. A put
 * fills the spare slot, then publishes by the word. A death at any point leaves the old position
 * valid and nothing to repair. A position is a round and an offset; each time a writer leaves its
 * straight way a new round begins, and a mark (8 bytes) leads the readers after it.
 *
 * Where a record goes, with the readers at R and what is reserved ending at E:
 *   - same round:            on, up to E; else to 0 if there is room below R; else on, past E,
 * which then grows
 *   - readers a round back:  on, up to R; else to E, which then grows: so wrapping early never
 * locks us in
 *   - behind such a detour:  on, up to the capacity, until the readers have come after us
 * So a queue that is never deep never touches much more than its high-water mark, however large its
 * capacity. An empty ring takes any message up to its capacity: where the way ahead is too short it
 * goes to 0, over the place for a mark, and `restart` leads there.
 *
 * Order. A publisher stores the record and its slot, then the word with release; who loads the word
 * with acquire sees both. Who reads the other end's slots without its guard looks at the word again
 * afterwards (a fence on each side); a slot is refilled only two counts later.
 *
 * Death. Killed before the word is stored: the message does not exist (the reader's: it is still
 * there). After: it does. Killed inside a guard: taken over, see base/guard.c. Killed after growing
 * and before saying so: some pages are reserved twice.
 *
 * The other side may lie. Positions, counts and sizes are copied once and checked against the
 * mapping; what cannot be is CORRUPT.
 *
 * Waking a sleeping writer for each record read makes 8:8 on two cores collapse by a factor of a
 * thousand; so it is woken for what it asked for, first a quarter of the room, and after a moment
 * in vain for just the room that it needs (base/ring-wait.c); or when nothing is left to wait for.
 */

#include "base/ring.h"

#include <errno.h>
#include <string.h>

#define OFFSET_MASK ((G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS) - 1)
#define ROUND_ONE (G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS)
#define ROUNDS_MAX 2        /* that a writer can be ahead */
#define MARK (~OFFSET_MASK) /* with the offset where to go on; no frame's header begins so */
#define MARK_SIZE 8
#define GROW_STEP (1024 * 1024)
#define LOOKS_MAX 100000 /* a word that never stands still beside its slots is not one of ours */

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

guint64
ring_data_size (guint64 capacity)
{
  return ((capacity + LAYOUT_PAGE - 1) & ~(guint64) (LAYOUT_PAGE - 1)) +
         LAYOUT_PAGE; /* room for a mark behind the end */
}

guint64
ring_first_reserve (guint64 capacity)
{
  return ring_data_size (MIN (capacity, RING_FIRST_STEP));
}

void
ring_create (RingShared *shared, guint64 capacity)
{
  store (&shared->write.slot[1].count, G_MAXUINT64);
  store (&shared->read.slot[1].count, G_MAXUINT64);
  store (&shared->reserved, MIN (capacity, RING_FIRST_STEP));
}

void
ring_attach (Ring *ring,
             RingShared *shared,
             guint64 data_offset,
             guint64 capacity,
             guint32 maxsize,
             Segment *segment,
             Participants *participants)
{
  *ring = (Ring){
    .shared = shared,
    .data = segment->base + data_offset,
    .data_offset = data_offset,
    .capacity = capacity,
    .maxsize = maxsize,
    .segment = segment,
    .participants = participants,
    .in = DOORBELL_NONE,
    .out = DOORBELL_NONE,
  };
}

/* ---- positions ---- */

static inline RingPosition *
slot_with (RingEnd *end, guint32 count)
{
  RingPosition *slot = &end->slot[(load (&end->slot[0].count) & WAIT_COUNT_MASK) != count];

  return G_LIKELY ((load (&slot->count) & WAIT_COUNT_MASK) == count) ? slot : NULL;
}

static inline void
move_to (RingEnd *end, RingPosition *valid, guint64 pos)
{
  RingPosition *spare = valid == &end->slot[0] ? &end->slot[1] : &end->slot[0];

  atomic_thread_fence (memory_order_release); /* pairs with look_at(): who sees the new pos sees the
                                                 word that made this slot spare */
  store (&spare->pos, pos);
  atomic_store_explicit (&spare->count, load (&valid->count) + 1, memory_order_release);
}

/* The other end's position, without its guard. FALSE: there is none, whichever way one looks. */
static gboolean
look_at (_Atomic (guint32) *word, RingEnd *end, guint64 *pos, guint32 *count)
{
  for (int i = 0; i < LOOKS_MAX; i++)
    {
      guint32 now = WAIT_COUNT (atomic_load_explicit (word, memory_order_acquire));
      guint64 pos0 = load (&end->slot[0].pos), count0 = load (&end->slot[0].count);
      guint64 pos1 = load (&end->slot[1].pos), count1 = load (&end->slot[1].count);

      atomic_thread_fence (memory_order_acquire);
      if (WAIT_COUNT (bits (word)) != now)
        continue;
      *count = now;
      *pos = (count0 & WAIT_COUNT_MASK) == now ? pos0 : pos1;
      if ((count0 & WAIT_COUNT_MASK) == now || (count1 & WAIT_COUNT_MASK) == now)
        return TRUE;
    }
  return FALSE;
}

/* ---- putting ---- */

typedef struct
{
  guint64 at;     /* position where the record begins */
  gboolean mark;  /* a mark at the old position leads there */
  gboolean fresh; /* `restart` leads there */
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

  *place = (Place){ .at = pos };
  if (offset > capacity || limit > capacity || (offset | limit) % 8 != 0 || rounds > ROUNDS_MAX)
    return RING_CORRUPT;

  if (rounds == 1 && offset < limit)
    {
      if (offset + size + MARK_SIZE <= limit)
        return RING_OK;
      *place = (Place){ .at = next_round (pos, reserved + MARK_SIZE),
                        .mark = TRUE }; /* behind the old round's mark */
      return reserved + MARK_SIZE + size <= capacity ? RING_SHALLOW : RING_FULL;
    }

  if (offset + size <= reserved)
    return RING_OK;
  if (rounds == 0 && size + MARK_SIZE <= limit)
    {
      *place = (Place){ .at = next_round (pos, 0), .mark = TRUE };
      return RING_OK;
    }
  if (offset + size <= capacity)
    return RING_SHALLOW;
  if (!empty || size > capacity)
    return RING_FULL;
  *place = (Place){ .at = next_round (pos, 0), .fresh = TRUE };
  return size <= reserved ? RING_OK : RING_SHALLOW;
}

static inline gboolean
too_many (const Ring *ring, guint32 written, guint32 read)
{
  return ring->maxsize != 0 && ((written - read) & WAIT_COUNT_MASK) >= ring->maxsize;
}

/* Under the write guard: looks at the readers' lines. */
static G_NO_INLINE RingStatus
look_for_place (Ring *ring, guint32 count, guint64 pos, gsize size, Place *place)
{
  RingShared *shared = ring->shared;
  guint64 reserved = load (&shared->reserved), other;
  guint32 read;

  if (reserved > ring->capacity || !look_at (&shared->con, &shared->read, &other, &read))
    return RING_CORRUPT;
  store (&shared->write.other_pos, other);
  atomic_store_explicit (&shared->write.other_count, read, memory_order_relaxed);
  if (too_many (ring, count, read))
    return RING_FULL;
  return find_place (ring->capacity, reserved, pos, other, read == count, size, place);
}

/* Under the write guard: straight on, by what we last saw of the readers, if that is enough to
 * know. */
static inline gboolean
fits_straight_on (Ring *ring, guint32 count, guint64 pos, gsize size)
{
  RingShared *shared = ring->shared;
  guint64 reserved = load (&shared->reserved), other = load (&shared->write.other_pos),
          limit = reserved;

  if (rounds_between (pos, other) == 1 && offset_of (pos) < offset_of (other))
    limit = offset_of (other) - MARK_SIZE;
  return offset_of (pos) + size <= limit && limit <= ring->capacity && (offset_of (pos) & 7) == 0 &&
         !too_many (ring, count, bits (&shared->write.other_count));
}

/* Under the write guard: reserves backing up to @end, with some to spare, before anything there is
 * touched. */
static RingStatus
grow_to (Ring *ring, guint64 end)
{
  RingShared *shared = ring->shared;
  guint64 reserved = load (&shared->reserved);
  guint64 wanted = MIN (MAX (end, reserved + MIN (reserved, GROW_STEP)), ring->capacity);

  if (end <= reserved)
    return RING_OK;
  if (segment_reserve (ring->segment, ring->data_offset + reserved,
                       ring->data_offset + ring_data_size (wanted)) != 0)
    return RING_NO_SPACE;
  store (&shared->reserved, wanted);
  bump (&shared->grown);
  return RING_OK;
}

static G_NO_INLINE void
publish_and_wake (RingShared *shared, _Atomic (guint32) *word, _Atomic (guint32) *seat)
{
  bump (&shared->wakes);
  if (wait_add_and_wake_one (word) ==
      0) /* the sleeper is gone: let the next in the queue for its seat look */
    wait_wake (seat, 1);
}

static inline void
publish (RingShared *shared, _Atomic (guint32) *word, guint32 old, _Atomic (guint32) *seat)
{
  if (G_LIKELY (!(old & WAIT_SLEEPER)))
    atomic_store_explicit (word, old + 2, memory_order_release);
  else
    publish_and_wake (shared, word, seat);
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

/* Under the write guard: the way from @pos to the place, which no reader follows before we publish.
 */
static G_NO_INLINE RingStatus
prepare_place (
    Ring *ring, guint64 pos, guint64 full_count, gsize size, gboolean may_grow, Place *place)
{
  RingShared *shared = ring->shared;
  RingStatus status = look_for_place (ring, full_count & WAIT_COUNT_MASK, pos, size, place);

  if (status == RING_SHALLOW && may_grow)
    status = grow_to (ring, offset_of (place->at) + size);
  if (status != RING_OK)
    return status;
  if (place->mark)
    store ((_Atomic (guint64) *) (ring->data + offset_of (pos)), MARK | offset_of (place->at));
  if (place->fresh)
    store (&shared->restart, full_count + 1);
  return RING_OK;
}

static inline RingStatus
put_under_guard (Ring *ring, const ShmobjFrame *frame, gsize size, gboolean may_grow)
{
  RingShared *shared = ring->shared;
  guint32 pub = bits (&shared->pub), count = WAIT_COUNT (pub);
  RingPosition *valid = slot_with (&shared->write, count);
  RingStatus status;
  Place place;

  if (valid == NULL)
    return RING_CORRUPT;
  if (G_UNLIKELY (load (&shared->restart) == load (&valid->count) + 1))
    store (&shared->restart, 0); /* left by one who died before it published */

  place = (Place){ .at = load (&valid->pos) };
  if (G_UNLIKELY (!fits_straight_on (ring, count, place.at, size)) &&
      (status = prepare_place (ring, place.at, load (&valid->count), size, may_grow, &place)) !=
          RING_OK)
    return status;

  __builtin_prefetch (ring->data + offset_of (place.at) + 1024, 1, 3);
  frame_store (frame, ring->data + offset_of (place.at));
  move_to (&shared->write, valid, place.at + size);
  ring_bell (&shared->in_bell, &ring->in);
  publish (shared, &shared->pub, pub, &shared->read_seat);
  return RING_OK;
}

RingStatus
ring_try_put (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us)
{
  gsize stored = frame_stored_size (frame), size = ring_record_size (stored);
  RingStatus status;

  if (stored == 0 || size > ring->capacity)
    return RING_TOO_LARGE;
  if (!guard_take (&ring->shared->write.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  status = put_under_guard (ring, frame, size, may_grow);
  guard_release (&ring->shared->write.guard);

  if (G_UNLIKELY (status == RING_FULL && (bits (&ring->shared->out_bell) &
                                          (DOORBELL_WANTED | DOORBELL_ARMED)) == DOORBELL_WANTED))
    ring_arm_out (ring, me, DOORBELL_ARMED, stored, deadline_us);
  return status;
}

/* ---- getting ---- */

/* Is what a reader at @pos leaves behind, with @left records in it up to @written, what a writer
 * asked for? */
static gboolean
is_needed (const Ring *ring, guint64 pos, guint64 written, guint32 left, RingNeed *need)
{
  Place place;

  if (left == 0)
    return TRUE; /* nothing more will come */
  return (ring->maxsize == 0 || left <= bits (&need->left)) &&
         find_place (ring->capacity, load (&ring->shared->reserved), written, pos, FALSE,
                     load (&need->size), &place) != RING_FULL;
}

/* Under the read guard: was anything written since we last looked? */
static G_NO_INLINE gboolean
look_for_record (RingShared *shared, guint32 count)
{
  guint32 written = WAIT_COUNT (atomic_load_explicit (&shared->pub, memory_order_acquire));

  if (written == count)
    return FALSE;
  atomic_store_explicit (&shared->read.other_count, written, memory_order_relaxed);
  return TRUE;
}

/* Under the read guard: from @pos to where the record begins; its header in @word. */
static inline gboolean
follow (Ring *ring, guint64 *pos, guint64 *word)
{
  for (int marks = 0; marks < 2; marks++)
    {
      if (offset_of (*pos) > ring->capacity || (*pos & 7) != 0)
        return FALSE;
      *word = load ((_Atomic (guint64) *) (ring->data + offset_of (*pos)));
      if (G_LIKELY (*word < MARK))
        return TRUE;
      *pos = next_round (*pos, offset_of (*word));
    }
  return FALSE;
}

/* A record was copied out that ended at @pos: shall a writer who waits for room be woken? */
static G_NO_INLINE void
publish_room (Ring *ring, guint32 con, guint64 pos)
{
  RingShared *shared = ring->shared;
  guint32 left = 0;
  guint64 written = pos;

  if (look_at (&shared->pub, &shared->write, &written, &left))
    left = (left - WAIT_COUNT (con) - 1) & WAIT_COUNT_MASK;
  if (is_needed (ring, pos, written, left, &shared->bell_need))
    ring_bell (&shared->out_bell, &ring->out);
  if ((con & WAIT_SLEEPER) && is_needed (ring, pos, written, left, &shared->seat_need))
    publish_and_wake (shared, &shared->con, &shared->write_seat);
  else
    atomic_store_explicit (&shared->con, con + 2, memory_order_release);
}

static inline RingStatus
get_under_guard (Ring *ring, RingGet *get)
{
  RingShared *shared = ring->shared;
  guint32 con = bits (&shared->con), count = WAIT_COUNT (con);
  RingPosition *valid = slot_with (&shared->read, count);
  guint64 pos, word;
  const guint8 *at;
  gsize size;

  if (valid == NULL)
    return RING_CORRUPT;
  if (bits (&shared->read.other_count) == count && !look_for_record (shared, count))
    return RING_EMPTY;
  pos = load (&valid->pos);
  if (G_UNLIKELY (load (&shared->restart) == load (&valid->count) + 1))
    pos = next_round (pos, 0);
  if (!follow (ring, &pos, &word) ||
      !frame_header_unpack (word, ring->capacity - offset_of (pos), &get->header))
    return RING_CORRUPT;
  if (!(get->accept & RING_ACCEPT (get->header.kind)))
    return RING_REFUSED;
  size = (gsize) get->header.size + get->header.type_length;
  if (size > get->size)
    return RING_TOO_SMALL;

  at = ring->data + offset_of (pos);
  __builtin_prefetch (at + 1024, 0, 3);
  memcpy (get->buffer, at + sizeof (FrameHeader), size);

  pos += ring_record_size (sizeof (FrameHeader) + size);
  move_to (&shared->read, valid, pos);
  if (G_LIKELY (!(con & WAIT_SLEEPER) && !(bits (&shared->out_bell) & DOORBELL_ARMED)))
    atomic_store_explicit (&shared->con, con + 2, memory_order_release);
  else
    publish_room (ring, con, pos);
  return RING_OK;
}

RingStatus
ring_try_get (Ring *ring, guint32 me, RingGet *get, gint64 deadline_us)
{
  RingStatus status;

  if (!guard_take (&ring->shared->read.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  status = get_under_guard (ring, get);
  guard_release (&ring->shared->read.guard);

  if (G_UNLIKELY (status == RING_EMPTY && (bits (&ring->shared->in_bell) &
                                           (DOORBELL_WANTED | DOORBELL_ARMED)) == DOORBELL_WANTED))
    ring_arm_in (ring, me, DOORBELL_ARMED, deadline_us);
  return status;
}

/* ---- looking, and arming the bells ---- */

gboolean
ring_has_message (Ring *ring)
{
  guint32 read = WAIT_COUNT (atomic_load_explicit (&ring->shared->con, memory_order_acquire));

  return WAIT_COUNT (atomic_load_explicit (&ring->shared->pub, memory_order_acquire)) != read;
}

gboolean
ring_has_room (Ring *ring, gsize stored)
{
  guint64 pos, other;
  guint32 written, read;
  RingStatus status;
  Place place;

  if (!look_at (&ring->shared->con, &ring->shared->read, &other, &read) ||
      !look_at (&ring->shared->pub, &ring->shared->write, &pos, &written))
    return TRUE; /* trying tells what is wrong */
  if (too_many (ring, written, read))
    return FALSE;
  status = find_place (ring->capacity, load (&ring->shared->reserved), pos, other, written == read,
                       ring_record_size (stored), &place);
  return status != RING_FULL;
}

guint32
ring_count (Ring *ring)
{
  guint32 read = WAIT_COUNT (atomic_load_explicit (&ring->shared->con, memory_order_acquire));

  return (WAIT_COUNT (atomic_load_explicit (&ring->shared->pub, memory_order_acquire)) - read) &
         WAIT_COUNT_MASK;
}

static guint64
full_count (_Atomic (guint32) *word, RingEnd *end)
{
  for (int i = 0; i < LOOKS_MAX; i++)
    {
      guint32 now = WAIT_COUNT (atomic_load_explicit (word, memory_order_acquire));
      guint64 count0 = load (&end->slot[0].count), count1 = load (&end->slot[1].count);

      if ((count0 & WAIT_COUNT_MASK) == now)
        return count0;
      if ((count1 & WAIT_COUNT_MASK) == now)
        return count1;
    }
  return 0;
}

guint64
ring_written (Ring *ring)
{
  return full_count (&ring->shared->pub, &ring->shared->write);
}

guint64
ring_read (Ring *ring)
{
  return full_count (&ring->shared->con, &ring->shared->read);
}

RingStatus
ring_lock_both (Ring *ring, guint32 me, gint64 deadline_us)
{
  RingShared *shared = ring->shared;

  if (!guard_take (&shared->read.guard, ring->participants, me, deadline_us, &shared->guards))
    return RING_STUCK;
  if (guard_take (&shared->write.guard, ring->participants, me, deadline_us, &shared->guards))
    return RING_OK;
  guard_release (&shared->read.guard);
  return RING_STUCK;
}

void
ring_unlock_both (Ring *ring)
{
  guard_release (&ring->shared->write.guard);
  guard_release (&ring->shared->read.guard);
}

void
ring_set_need (const Ring *ring, RingNeed *need, gsize stored, RingAsk ask, gboolean at_most)
{
  guint64 size = ring_record_size (stored);
  guint32 left = ring->maxsize - (ask == RING_BATCH ? (ring->maxsize + 3) / 4 : 1);

  if (ask == RING_BATCH)
    size = MIN (MAX (size * 2, ring->capacity / 4), ring->capacity);
  store (&need->size, at_most ? MIN (size, load (&need->size)) : size);
  atomic_store_explicit (&need->left, at_most ? MAX (left, bits (&need->left)) : left,
                         memory_order_relaxed);
}

/* Under both guards. Arming comes before draining: killed in between, the bell rings for nothing.
 * The other way round it would be silent, and others who poll it asleep beside a message. */
static RingStatus
arm (_Atomic (guint32) *word, const Doorbell *bell, guint32 wanted, gboolean ready)
{
  atomic_store_explicit (word, bits (word) | (ready ? wanted & DOORBELL_WANTED : wanted),
                         memory_order_relaxed);
  if (!ready)
    doorbell_drain (bell);
  else if (wanted & DOORBELL_WANTED)
    doorbell_ring (bell);
  return ready ? RING_AGAIN : RING_OK;
}

RingStatus
ring_arm_in (Ring *ring, guint32 me, guint32 wanted, gint64 deadline_us)
{
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  status = arm (&ring->shared->in_bell, &ring->in, wanted, ring_has_message (ring));
  ring_unlock_both (ring);
  return status;
}

RingStatus
ring_arm_out_for (
    Ring *ring, guint32 me, guint32 wanted, gsize stored, RingAsk ask, gint64 deadline_us)
{
  RingShared *shared = ring->shared;
  RingStatus status = ring_lock_both (ring, me, deadline_us);

  if (status != RING_OK)
    return status;
  ring_set_need (ring, &shared->bell_need, stored, ask,
                 (bits (&shared->out_bell) & DOORBELL_ARMED) != 0); /* others may ask for less */
  status = arm (&shared->out_bell, &ring->out, wanted, ring_has_room (ring, stored));
  ring_unlock_both (ring);
  return status;
}

RingStatus
ring_arm_out (Ring *ring, guint32 me, guint32 wanted, gsize stored, gint64 deadline_us)
{
  return ring_arm_out_for (ring, me, wanted, stored, RING_EXACT, deadline_us);
}
