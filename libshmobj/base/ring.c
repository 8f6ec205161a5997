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
 * capacity. An empty ring takes any message up to its capacity: where the way ahead is too short,
 * or would have to grow for a message that fits from 0 on, it goes to 0, over the place for a mark,
 * and `restart` leads there.
 *
 * Order. A publisher stores the record and its slot, then the word with release; who loads the word
 * with acquire sees both. Who reads the other end's slots without its guard looks at the word again
 * afterwards (a fence on each side); a slot is refilled only two counts later.
 *
 * Death. Killed before the word is stored: the message does not exist (the reader's: it is still
 * there). After: it does. Killed inside a guard: taken over, see base/guard.c. Killed after growing
 * and before saying so: some pages are reserved twice.
 *
 * The straight way. Nearly every put and get finds its record straight ahead and nobody to wake.
 * put_straight() and get_straight() are that and nothing else, some hundred instructions; for all
 * else they say no before they have stored anything, and the general way begins anew.
 *
 * The other side may lie. Positions, counts and sizes are copied once and checked against the
 * mapping; what cannot be is CORRUPT.
 *
 * Waking a sleeping writer for each record read makes 8:8 on two cores collapse by a factor of a
 * thousand; so it is woken for what it asked for, first a quarter of the room, and after a moment
 * in vain for just the room that it needs (base/ring-wait.c); or when nothing is left to wait for.
 */

#include "base/loan.h"
#include "base/parcel.h"
#include "base/ring-private.h"

#define GROW_STEP (1024 * 1024)

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
    .lookout_fd = -1,
    .lookout_timer = -1,
    .parcels = -1,
  };
}

/* ---- positions ---- */

/* The other end's position, without its guard. FALSE: there is none, whichever way one looks. */
gboolean
ring_look_at (_Atomic (guint32) *word, RingEnd *end, guint64 *pos, guint32 *count)
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

/* Under the write guard: looks at the readers' lines. */
static G_NO_INLINE RingStatus
look_for_place (Ring *ring, guint32 count, guint64 pos, gsize size, Place *place)
{
  RingShared *shared = ring->shared;
  guint64 reserved = load (&shared->reserved), other;
  guint32 read;

  if (reserved > ring->capacity || !ring_look_at (&shared->con, &shared->read, &other, &read))
    return RING_CORRUPT;
  atomic_store_explicit (&shared->write.other_count, read, memory_order_relaxed);
  if (too_many (ring, count, read))
    return RING_FULL;
  return find_place (ring->capacity, reserved, pos, other, read == count, size, place);
}

/* Under the write guard: straight on, by what we last saw of the readers, if that is enough to
 * know. A @room that was noted in an earlier round is too far away to be taken for this one's. */
G_ALWAYS_INLINE static inline gboolean
fits_straight_on (Ring *ring, guint32 count, guint64 pos, gsize size, guint64 room)
{
  guint64 left = room - pos;

  return size <= left && left <= ring->capacity && offset_of (pos) + size <= ring->capacity &&
         (pos & 7) == 0 && !too_many (ring, count, bits (&ring->shared->write.other_count));
}

/* How far straight on it goes from there. */
static guint64
room_from (const Ring *ring, const Place *place)
{
  guint64 pos = place->at, other = place->readers;
  gboolean behind = rounds_between (pos, other) == 1 && offset_of (pos) < offset_of (other);

  return (pos & ~OFFSET_MASK) |
         (behind ? MIN (offset_of (other) - MARK_SIZE, load (&ring->shared->reserved))
                 : load (&ring->shared->reserved));
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

void
ring_publish_and_wake (RingShared *shared,
                       _Atomic (guint32) *word,
                       guint n,
                       _Atomic (guint32) *seat)
{
  bump (&shared->wakes);
  if (wait_add_and_wake_one (word, 2 * n - WAIT_SLEEPER) == 0)
    wait_wake (seat, 1); /* the sleeper is gone: let the next in the queue for its seat look */
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
  if (place->at != pos)
    store (&shared->bytes_before[round_parity (place->at)],
           load (&shared->bytes_before[round_parity (pos)]) + offset_of (pos) -
               offset_of (place->at));
  if (place->mark)
    store ((_Atomic (guint64) *) (ring->data + offset_of (pos)), MARK | offset_of (place->at));
  if (place->fresh)
    store (&shared->restart, full_count + 1);
  return RING_OK;
}

/* Under the write guard: writes record number @full_count at *@pos or wherever it fits, and moves
 * *@pos behind it. *@room is how far it goes straight on. */
static inline RingStatus
write_record (Ring *ring,
              const ShmobjFrame *frame,
              guint64 full_count,
              gboolean may_grow,
              guint64 *pos,
              guint64 *room)
{
  gsize stored = frame_stored_size (frame), size = ring_record_size (stored);
  guint64 at = *pos;

  if (G_UNLIKELY (stored == 0 || size > ring->capacity))
    return RING_TOO_LARGE;
  if (G_UNLIKELY (load (&ring->shared->restart) == full_count + 1))
    store (&ring->shared->restart, 0); /* left by one who died before it published */
  if (G_UNLIKELY (!fits_straight_on (ring, full_count & WAIT_COUNT_MASK, at, size, *room)))
    {
      Place place;
      RingStatus status = prepare_place (ring, at, full_count, size, may_grow, &place);

      if (status != RING_OK)
        return status;
      at = place.at;
      *room = room_from (ring, &place);
    }

  prefetch_to_write (ring->data + offset_of (at) + 1024);
  frame_store (frame, ring->data + offset_of (at));
  *pos = at + size;
  return RING_OK;
}

/* The room is noted at last: killed before, we leave an old note, and the next one looks again. */
static inline RingStatus
put_under_guard (
    Ring *ring, const ShmobjFrame *frames, guint n, Parcel *parcel, guint *put, gboolean may_grow)
{
  RingShared *shared = ring->shared;
  guint32 pub = bits (&shared->pub);
  RingPosition *valid = slot_with (&shared->write, WAIT_COUNT (pub));
  RingStatus status = RING_OK;
  guint64 pos, room, known_room, full_count;
  guint i = 0;

  if (G_UNLIKELY (valid == NULL))
    return RING_CORRUPT;
  if (G_UNLIKELY (bits (&shared->shut)))
    return RING_CLOSED;

  pos = load (&valid->pos);
  full_count = load (&valid->count);
  room = known_room = load (&shared->write.room);
  do
    status = write_record (ring, &frames[i], full_count + i, may_grow, &pos, &room);
  while (status == RING_OK && ++i < n);
  if (i == 0)
    return status;

  move_to (&shared->write, valid, pos, i);
  ring_bell (&shared->in_bell, &ring->in);
  if (G_UNLIKELY (parcel != NULL) && (status = parcel_send (ring, parcel)) != RING_OK)
    return status;
  publish (shared, &shared->pub, pub, i, &shared->read_seat);
  if (G_UNLIKELY (room != known_room))
    store (&shared->write.room, room);
  *put = i;
  return RING_OK;
}

/* No room: who polls the bell for some without telling us is to hear of it. */
static G_NO_INLINE void
arm_for_pollers (Ring *ring, guint32 me, const ShmobjFrame *frame, gint64 deadline_us)
{
  if ((bits (&ring->shared->out_bell) & (DOORBELL_WANTED | DOORBELL_ARMED)) == DOORBELL_WANTED)
    ring_arm_out (ring, me, DOORBELL_ARMED, frame_stored_size (frame), deadline_us);
}

/* Under the write guard, the usual case alone: one record that goes straight on, and nobody to
 * wake. FALSE: nothing was stored; put_under_guard() does whatever it is. */
G_ALWAYS_INLINE static inline gboolean
put_straight (Ring *ring, const ShmobjFrame *frame)
{
  RingShared *shared = ring->shared;
  guint32 pub = bits (&shared->pub), count = WAIT_COUNT (pub);
  RingPosition *valid = slot_with (&shared->write, count);
  gsize size = ring_record_size (frame_stored_size (frame));
  guint64 pos;

  if (G_UNLIKELY (valid == NULL || (pub & WAIT_SLEEPER) || bits (&shared->shut) != 0 ||
                  (bits (&shared->in_bell) & DOORBELL_ARMED) ||
                  load (&shared->restart) == load (&valid->count) + 1))
    return FALSE;
  pos = load (&valid->pos);
  if (G_UNLIKELY (size == 0 ||
                  !fits_straight_on (ring, count, pos, size, load (&shared->write.room))))
    return FALSE;

  prefetch_to_write (ring->data + offset_of (pos) + 1024);
  frame_store (frame, ring->data + offset_of (pos));
  move_to (&shared->write, valid, pos + size, 1);
  atomic_store_explicit (&shared->pub, pub + 2, memory_order_release);
  return TRUE;
}

/* With the write guard taken, which it gives back. */
static G_NO_INLINE RingStatus
put_otherwise (Ring *ring,
               guint32 me,
               const ShmobjFrame *frames,
               guint n,
               guint *put,
               gboolean may_grow,
               gint64 deadline_us)
{
  RingStatus status = put_under_guard (ring, frames, n, NULL, put, may_grow);

  guard_release (&ring->shared->write.guard);
  if (G_UNLIKELY (status == RING_FULL))
    arm_for_pollers (ring, me, &frames[0], deadline_us);
  return status;
}

RingStatus
ring_try_put (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us)
{
  guint put;

  if (!guard_take (&ring->shared->write.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  if (G_UNLIKELY (!put_straight (ring, frame)))
    return put_otherwise (ring, me, frame, 1, &put, may_grow, deadline_us);
  guard_release (&ring->shared->write.guard);
  return RING_OK;
}

RingStatus
ring_try_put_loan (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us)
{
  const LoanRecord *record = (const LoanRecord *) frame->data;
  RingStatus status = RING_CORRUPT;
  RingPosition *valid;
  guint put;

  if (!guard_take (&ring->shared->write.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  valid = slot_with (&ring->shared->write, WAIT_COUNT (bits (&ring->shared->pub)));
  if (valid != NULL && loan_enqueue (ring, me, record, load (&valid->count)))
    {
      status = put_under_guard (ring, frame, 1, NULL, &put, may_grow);
      if (status != RING_OK)
        loan_keep (ring, me, record);
    }
  guard_release (&ring->shared->write.guard);
  if (status == RING_FULL)
    arm_for_pollers (ring, me, frame, deadline_us);
  return status;
}

RingStatus
ring_try_put_parcel (Ring *ring,
                     guint32 me,
                     ShmobjFrame *wrapped,
                     Parcel *parcel,
                     gboolean may_grow,
                     gint64 deadline_us)
{
  RingStatus status;
  guint put;

  if (!guard_take (&ring->shared->write.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  parcel_name (ring, wrapped);
  status = put_under_guard (ring, wrapped, 1, parcel, &put, may_grow);
  guard_release (&ring->shared->write.guard);
  if (status == RING_FULL)
    arm_for_pollers (ring, me, wrapped, deadline_us);
  return status;
}

RingStatus
ring_put_bytes (Ring *ring, guint32 me, const void *data, gsize size)
{
  const ShmobjFrame frame = { .kind = SHMOBJ_FRAME_BYTES, .data = data, .size = size };
  gboolean done;

  if (!guard_try (&ring->shared->write.guard, me))
    return RING_AGAIN;
  done = put_straight (ring, &frame);
  guard_release (&ring->shared->write.guard);
  return done ? RING_OK : RING_AGAIN;
}

RingStatus
ring_try_put_many (Ring *ring,
                   guint32 me,
                   const ShmobjFrame *frames,
                   guint n,
                   guint *put,
                   gboolean may_grow,
                   gint64 deadline_us)
{
  *put = 0;
  if (!guard_take (&ring->shared->write.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  return put_otherwise (ring, me, frames, MIN (n, RING_BATCH_MAX), put, may_grow, deadline_us);
}
