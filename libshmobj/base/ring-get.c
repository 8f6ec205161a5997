/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reading end of the ring; see base/ring.c. A reader copies out under its guard, then stores
 * its new position, then con: killed before that store, the message is still there. */

#include "base/flight.h"
#include "base/loan.h"
#include "base/lookout.h"
#include "base/parcel.h"
#include "base/ring-private.h"

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

/* @n records were copied out, and we are at @pos: shall a writer who waits for room be woken? */
static G_NO_INLINE void
publish_room (Ring *ring, guint32 con, guint n, guint64 pos)
{
  RingShared *shared = ring->shared;
  guint32 left = 0;
  guint64 written = pos;

  if (ring_look_at (&shared->pub, &shared->write, &written, &left))
    left = (left - WAIT_COUNT (con) - n) & WAIT_COUNT_MASK;
  if (is_needed (ring, pos, written, left, &shared->bell_need))
    ring_bell (&shared->out_bell, &ring->out);
  if ((con & WAIT_SLEEPER) && is_needed (ring, pos, written, left, &shared->seat_need))
    ring_publish_and_wake (shared, &shared->con, n, &shared->write_seat);
  else
    atomic_store_explicit (&shared->con, con + 2 * n, memory_order_release);
}

/* Under the read guard, after the last record: that is final, and *@pos is what all go on from. */
static inline void
leave_behind (Ring *ring, guint32 con, RingPosition *valid, guint n, guint64 pos)
{
  RingShared *shared = ring->shared;

  move_to (&shared->read, valid, pos, n);
  if (G_LIKELY (!(con & WAIT_SLEEPER) && !(bits (&shared->out_bell) & DOORBELL_ARMED)))
    atomic_store_explicit (&shared->con, con + 2 * n, memory_order_release);
  else
    publish_room (ring, con, n, pos);
}

/* It is no frame, so it leads to a block, or has descriptors, or is nothing. */
static G_NO_INLINE RingStatus
read_special (Ring *ring, RingGet *get, guint64 full_count, guint64 at, guint64 word, guint64 *pos)
{
  guint64 behind = offset_of (at) + sizeof (FrameHeader);
  const guint8 *record = ring->data + behind;
  gsize available = ring->capacity - behind, size = (guint32) word;
  RingStatus status;

  if (behind > ring->capacity)
    return RING_CORRUPT;
  status = word >> 32 == FRAME_PARCEL ? parcel_read (ring, get, word, record, available)
                                      : loan_read (ring, get, word, record, available, full_count);
  if (status == RING_OK)
    *pos = at + ring_record_size (sizeof (FrameHeader) + size);
  return status;
}

/* Under the read guard: copies record number @full_count, from *@pos on, and moves *@pos behind it.
 */
static inline RingStatus
read_record (Ring *ring, RingGet *get, guint64 full_count, guint64 *pos)
{
  RingShared *shared = ring->shared;
  guint32 count = full_count & WAIT_COUNT_MASK;
  guint64 at = *pos, word;
  const guint8 *record;
  gsize size;

  if (bits (&shared->read.other_count) == count && !look_for_record (shared, count))
    return RING_EMPTY;
  if (G_UNLIKELY (load (&shared->restart) == full_count + 1))
    at = next_round (at, 0);
  if (!follow (ring, &at, &word))
    return RING_CORRUPT;
  if (!frame_header_unpack (word, ring->capacity - offset_of (at), &get->header))
    return read_special (ring, get, full_count, at, word, pos);
  if (!(get->accept & RING_ACCEPT (get->header.kind)))
    return RING_REFUSED;
  size = (gsize) get->header.size + get->header.type_length;
  if (size > get->size)
    return RING_TOO_SMALL;

  record = ring->data + offset_of (at);
  __builtin_prefetch (record + 1024, 0, 3);
  memcpy (get->buffer, record + sizeof (FrameHeader), size);
  *pos = at + ring_record_size (sizeof (FrameHeader) + size);
  return RING_OK;
}

/* Under the read guard: what is not in the ring but comes first. RING_EMPTY: nothing. */
static G_NO_INLINE RingStatus
look_into_flight (Ring *ring, guint32 me, RingGet *get, guint64 read)
{
  if (ring->flight == NULL)
    return RING_EMPTY;
  if (bits (&ring->shared->read.receiving) != 0)
    flight_settle (ring, read);
  return bits (&ring->shared->read.returned) != 0 ? flight_take_returned (ring, me, get)
                                                  : RING_EMPTY;
}

static inline gboolean
flight_wants_a_look (RingShared *shared)
{
  return G_UNLIKELY ((bits (&shared->read.receiving) | bits (&shared->read.returned)) != 0);
}

/* Nothing there: for now, or for good? */
static G_NO_INLINE RingStatus
say_empty (Ring *ring, guint32 shut)
{
  return shut != 0 && flight_count (ring) == 0 ? RING_CLOSED : RING_EMPTY;
}

static inline RingStatus
get_under_guard (Ring *ring, guint32 me, RingGet *get)
{
  RingShared *shared = ring->shared;
  guint32 con = bits (&shared->con), shut = bits (&shared->shut);
  RingPosition *valid = slot_with (&shared->read, WAIT_COUNT (con));
  RingStatus status;
  guint64 pos;

  if (G_UNLIKELY (valid == NULL))
    return RING_CORRUPT;
  if (G_UNLIKELY (shut & RING_SHUT_NOW))
    return RING_CLOSED;
  if (flight_wants_a_look (shared) &&
      (status = look_into_flight (ring, me, get, load (&valid->count))) != RING_EMPTY)
    return status;
  pos = load (&valid->pos);
  status = read_record (ring, get, load (&valid->count), &pos);
  if (status == RING_OK && G_UNLIKELY (get->ticket != NULL))
    status = flight_record (ring, me, get, load (&valid->count));
  if (status != RING_OK)
    return status == RING_EMPTY ? say_empty (ring, shut) : status;

  leave_behind (ring, con, valid, 1, pos);
  if (G_UNLIKELY (get->ticket != NULL))
    atomic_store_explicit (&shared->read.receiving, 0, memory_order_release);
  else
    loan_end (ring, get->loan);
  if (G_UNLIKELY (get->parcel != NULL))
    parcel_end (ring, get->parcel);
  return RING_OK;
}

/* A message that came back is a batch of its own. */
static RingStatus
get_returned (Ring *ring, guint32 me, RingGetMany *many, guint64 read)
{
  RingGet get = { .accept = many->accept, .buffer = many->buffer, .size = many->size };
  RingStatus status = many->used == 0 ? look_into_flight (ring, me, &get, read) : RING_OK;

  if (status == RING_OK && many->used == 0)
    {
      many->headers[many->got++] = get.header;
      many->used = MIN (ring_record_size (get.header.size + get.header.type_length), many->size);
    }
  return status;
}

static RingStatus
get_many_under_guard (Ring *ring, guint32 me, RingGetMany *many)
{
  RingShared *shared = ring->shared;
  guint32 con = bits (&shared->con), shut = bits (&shared->shut);
  RingPosition *valid = slot_with (&shared->read, WAIT_COUNT (con));
  RingGet get = { .accept = many->accept };
  RingStatus status = RING_OK;
  guint64 pos;
  guint n = 0;

  if (valid == NULL)
    return RING_CORRUPT;
  if (shut & RING_SHUT_NOW)
    return RING_CLOSED;
  if (flight_wants_a_look (shared) &&
      (status = get_returned (ring, me, many, load (&valid->count))) != RING_EMPTY)
    return status;
  pos = load (&valid->pos);
  while (n < RING_BATCH_MAX && many->got < many->most)
    {
      get.buffer = many->buffer + many->used;
      get.size = many->size - many->used;
      status = read_record (ring, &get, load (&valid->count) + n, &pos);
      if (status != RING_OK)
        break;
      many->used = MIN (many->used + ring_record_size (get.header.size + get.header.type_length),
                        many->size);
      many->headers[many->got++] = get.header;
      n++;
      if (get.loan != 0)
        break; /* its block is freed when it is final */
    }
  if (n == 0)
    return status == RING_EMPTY ? say_empty (ring, shut) : status;
  leave_behind (ring, con, valid, n, pos);
  loan_end (ring, get.loan);
  return RING_OK;
}

/* Where a reader is who finds nothing on its way. */
typedef struct
{
  RingPosition *valid;
  guint64 pos;
  guint32 con;
  const guint8 *record;
  guint64 header;
} Straight;

/* Under the read guard, the usual case alone: a message is there, and there is nobody to wake.
 * FALSE: nothing was stored; get_under_guard() does whatever it is. */
G_ALWAYS_INLINE static inline gboolean
find_straight (Ring *ring, Straight *here)
{
  RingShared *shared = ring->shared;
  guint32 con = bits (&shared->con), count = WAIT_COUNT (con);
  RingPosition *valid = slot_with (&shared->read, count);

  if (G_UNLIKELY (valid == NULL || (con & WAIT_SLEEPER) || (bits (&shared->shut) & RING_SHUT_NOW) ||
                  (bits (&shared->out_bell) & DOORBELL_ARMED) ||
                  load (&shared->restart) == load (&valid->count) + 1 ||
                  flight_wants_a_look (shared)))
    return FALSE;
  if (bits (&shared->read.other_count) == count && !look_for_record (shared, count))
    return FALSE;

  here->valid = valid;
  here->con = con;
  here->pos = load (&valid->pos);
  if (G_UNLIKELY (offset_of (here->pos) > ring->capacity || (here->pos & 7) != 0))
    return FALSE;
  here->record = ring->data + offset_of (here->pos);
  here->header = load ((const _Atomic (guint64) *) here->record);
  return TRUE;
}

/* Copies the @size bytes behind the header, and leaves the record behind. */
G_ALWAYS_INLINE static inline void
take_straight (Ring *ring, const Straight *here, void *buffer, gsize size)
{
  RingShared *shared = ring->shared;

  __builtin_prefetch (here->record + 1024, 0, 3);
  memcpy (buffer, here->record + sizeof (FrameHeader), size);
  move_to (&shared->read, here->valid, here->pos + ring_record_size (sizeof (FrameHeader) + size),
           1);
  atomic_store_explicit (&shared->con, here->con + 2, memory_order_release);
}

static inline gboolean
get_straight (Ring *ring, RingGet *get)
{
  Straight here;
  gsize size;

  if (get->ticket != NULL || !find_straight (ring, &here) || here.header >= MARK ||
      !frame_header_unpack (here.header, ring->capacity - offset_of (here.pos), &get->header))
    return FALSE;
  size = (gsize) get->header.size + get->header.type_length;
  if (!(get->accept & RING_ACCEPT (get->header.kind)) || size > get->size)
    return FALSE;
  take_straight (ring, &here, get->buffer, size);
  return TRUE;
}

static inline gboolean
get_bytes_straight (Ring *ring, void *buffer, gsize room, gsize *size)
{
  Straight here;

  if (!find_straight (ring, &here) || here.header >> 32 != SHMOBJ_FRAME_BYTES)
    return FALSE;
  *size = (guint32) here.header;
  if (*size > room || sizeof (FrameHeader) + *size > ring->capacity - offset_of (here.pos))
    return FALSE;
  take_straight (ring, &here, buffer, *size);
  return TRUE;
}

RingStatus
ring_get_bytes (Ring *ring, guint32 me, void *buffer, gsize room, gsize *size)
{
  gboolean done;

  if (!guard_try (&ring->shared->read.guard, me))
    return RING_AGAIN;
  done = get_bytes_straight (ring, buffer, room, size);
  guard_release (&ring->shared->read.guard);
  return done ? RING_OK : RING_AGAIN;
}

/* With the read guard taken. */
static G_NO_INLINE RingStatus
get_otherwise (Ring *ring, guint32 me, RingGet *get)
{
  RingStatus status = get_under_guard (ring, me, get);

  guard_release (&ring->shared->read.guard);
  return status;
}

static inline RingStatus
try_get (Ring *ring, guint32 me, RingGet *get, gint64 deadline_us)
{
  if (!guard_take (&ring->shared->read.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  if (G_UNLIKELY (!get_straight (ring, get)))
    return get_otherwise (ring, me, get);
  guard_release (&ring->shared->read.guard);
  return RING_OK;
}

/* A try found nothing: who polls the bell without telling us is to hear of the next message. */
static void
arm_for_pollers (Ring *ring, guint32 me, RingStatus status, gint64 deadline_us)
{
  if (status != RING_EMPTY)
    return;
  lookout_again (ring, me);
  if ((bits (&ring->shared->in_bell) & (DOORBELL_WANTED | DOORBELL_ARMED)) == DOORBELL_WANTED)
    ring_arm_in (ring, me, DOORBELL_ARMED, deadline_us);
}

static G_NO_INLINE RingStatus
after_none (Ring *ring, guint32 me, RingGet *get, gint64 deadline_us)
{
  RingStatus status = RING_EMPTY;

  if (flight_is_used (ring) && flight_recover (ring, me))
    status = try_get (ring, me, get, deadline_us);
  arm_for_pollers (ring, me, status, deadline_us);
  return status;
}

RingStatus
ring_try_get (Ring *ring, guint32 me, RingGet *get, gint64 deadline_us)
{
  RingStatus status = try_get (ring, me, get, deadline_us);

  return G_LIKELY (status != RING_EMPTY) ? status : after_none (ring, me, get, deadline_us);
}

RingStatus
ring_try_get_many (Ring *ring, guint32 me, RingGetMany *get, gint64 deadline_us)
{
  RingStatus status;

  if (!guard_take (&ring->shared->read.guard, ring->participants, me, deadline_us,
                   &ring->shared->guards))
    return RING_STUCK;
  status = get_many_under_guard (ring, me, get);
  guard_release (&ring->shared->read.guard);
  arm_for_pollers (ring, me, status, deadline_us);
  return status;
}
