/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages in flight: taken out of the ring by somebody who has not yet said that he is done with
 * them. If he dies first, they return to the front of the queue.
 *
 *     behind the ring's data:   [ used, reserved ][ entries, 64 B each ][ pool: bytes of the
 * messages ]
 *
 *     an entry      FREE  ->  held (a token)  ->  FREE            done
 *                                |     ^
 *                                v     |
 *                             RETURNED                            its holder died, or gave it back
 *
 * All changes are made under the ring's read guard. The table is also the pool's allocator: the
 * free space is what no entry that is not FREE lies on, so there is nothing else to keep in step.
 * First fit from the start keeps a shallow pool shallow.
 *
 * Receiving. The bytes are copied to the pool, then in this order: `receiving` = the entry, its
 * fields, its state = our token, the ring's con, `receiving` = 0. Killed before con: the message is
 * still in the ring, and the next reader, who finds `receiving` set and the entry's number not yet
 * read, frees the entry. Killed after: the entry counts, and the message comes back by way of it.
 * Never both.
 *
 * Who notices a death. Whoever finds the queue empty looks after the holders; a reader asleep wakes
 * for that every 100 ms while something is in others' hands (base/ring-seat.c, base/lookout.c). A
 * queue with nothing in flight has no timer.
 *
 * Loans. A message that lies in a block of the pool for loans is on record by the frame that names
 * the block (base/loan.c), so it is not copied again. When it is done, first the entry becomes free
 * and then the block.
 *
 * `returned` tells readers to look here first. It is stored before the entry's state, so it may be
 * too high after a death and is then corrected by the next one who looks; it is never too low.
 *
 * Forks. The holder is the process that received; a forked child does not hold its parent's
 * messages.
 */

#include "base/flight.h"

#include "base/loan.h"
#include "base/ring-private.h"
#include "base/sys.h"

#define RETURNED 0x80000000u
#define POOL_STEP (64 * 1024)
#define JOIN_LOOK_US 20000

static guint64
table_size (void)
{
  return (sizeof (FlightShared) + LAYOUT_PAGE - 1) & ~(guint64) (LAYOUT_PAGE - 1);
}

guint64
flight_area_size (guint64 capacity)
{
  return table_size () + ring_data_size (capacity);
}

void
flight_attach (Ring *ring, guint64 area_offset)
{
  ring->flight = segment_at (ring->segment, area_offset, flight_area_size (ring->capacity));
  ring->flight_offset = area_offset;
}

/* How many entries there can be, whatever the shared word says. */
static guint
used_of (Ring *ring)
{
  guint used = flight_is_used (ring) ? bits (&ring->flight->used) : 0; /* read once, then bounded */

  return MIN (used, FLIGHT_MAX);
}

static guint8 *
pool_of (Ring *ring)
{
  return (guint8 *) ring->flight + table_size ();
}

static guint64
stored_size (guint64 header)
{
  return sizeof (FrameHeader) + (guint32) header + (guint16) (header >> 48);
}

/* ---- the table as allocator ---- */

/* What is taken and in the way of [at, at + size): where it ends; 0: nothing is. */
static guint64
end_of_obstacle (Ring *ring, guint64 at, guint64 size)
{
  guint used = used_of (ring);

  for (guint i = 0; i < used; i++)
    {
      FlightEntry *entry = &ring->flight->entries[i];
      guint64 begin = load (&entry->offset),
              end = begin + ring_record_size (stored_size (load (&entry->header)));

      if (bits (&entry->state) != 0 && begin < at + size && end > at)
        return end;
    }
  return 0;
}

/* Where @size bytes are free in the pool; G_MAXUINT64: nowhere. */
static guint64
find_gap (Ring *ring, guint64 size)
{
  guint64 at = 0, end;

  /* one step for each entry at the most: with one who scribbles beside us it ends too */
  for (guint i = 0; i <= FLIGHT_MAX && at <= ring->capacity && size <= ring->capacity - at; i++)
    {
      end = end_of_obstacle (ring, at, size);
      if (end == 0)
        return at;
      at = end;
    }
  return G_MAXUINT64;
}

gboolean
flight_back_table (Ring *ring)
{
  if (flight_is_used (ring))
    return TRUE;
  if (segment_reserve (ring->segment, ring->flight_offset, ring->flight_offset + table_size ()) !=
      0)
    return FALSE;
  atomic_store_explicit (&ring->shared->flight_ready, 1, memory_order_release);
  return TRUE;
}

static gboolean
back_pool (Ring *ring, guint64 end)
{
  guint64 noted = load (&ring->flight->reserved), reserved = MIN (noted, ring->capacity), wanted,
          base = ring->flight_offset + table_size ();

  if (end <= reserved)
    return TRUE;
  wanted = MIN (MAX (end, reserved + POOL_STEP), ring->capacity);
  if (segment_reserve (ring->segment, base + (reserved & ~(guint64) (LAYOUT_PAGE - 1)),
                       base + ring_data_size (wanted)) != 0)
    return FALSE;
  store (&ring->flight->reserved, wanted);
  return TRUE;
}

gboolean
flight_trim (Ring *ring)
{
  guint used = used_of (ring);
  guint64 end = 0, base = ring->flight_offset + table_size ();

  if (!flight_is_used (ring))
    return TRUE;
  for (guint i = 0; i < used; i++)
    {
      FlightEntry *entry = &ring->flight->entries[i];

      if (bits (&entry->state) != 0)
        end = MAX (end,
                   load (&entry->offset) + ring_record_size (stored_size (load (&entry->header))));
    }
  end = MIN (end, MIN (load (&ring->flight->reserved), ring->capacity));
  store (&ring->flight->reserved, end);
  return segment_punch (ring->segment, base + ring_data_size (end),
                        base + ring_data_size (ring->capacity)) == 0;
}

/* A free entry; FLIGHT_MAX: there is none. */
static guint
free_entry (Ring *ring)
{
  guint used = used_of (ring);

  for (guint i = 0; i < used; i++)
    if (bits (&ring->flight->entries[i].state) == 0)
      return i;
  if (used < FLIGHT_MAX)
    atomic_store_explicit (&ring->flight->used, used + 1, memory_order_release);
  return used;
}

/* ---- receiving ---- */

void
flight_settle (Ring *ring, guint64 read)
{
  guint index = bits (&ring->shared->read.receiving) - 1;

  if (index < used_of (ring) && load (&ring->flight->entries[index].number) >= read)
    atomic_store_explicit (&ring->flight->entries[index].state, 0, memory_order_relaxed);
  atomic_store_explicit (&ring->shared->read.receiving, 0, memory_order_release);
}

static void
note_ticket (FlightTicket *ticket, guint index, guint64 number, guint32 deliveries)
{
  ticket->index = index;
  ticket->number = number;
  ticket->deliveries = deliveries;
}

RingStatus
flight_record (Ring *ring, guint32 me, const RingGet *get, guint64 number)
{
  LoanRecord loan = { .block = get->loan - 1 };
  guint64 header = get->loan != 0 ? loan_header () : frame_header_join (&get->header);
  gsize size = get->loan != 0 ? sizeof loan : (gsize) get->header.size + get->header.type_length;
  FlightEntry *entry;
  guint64 at;
  guint index;

  if (ring->flight == NULL || !flight_back_table (ring))
    return RING_CROWDED;
  at = find_gap (ring, ring_record_size (sizeof (FrameHeader) + size));
  if (at == G_MAXUINT64 || (index = free_entry (ring)) >= FLIGHT_MAX ||
      !back_pool (ring, at + ring_record_size (sizeof (FrameHeader) + size)))
    return RING_CROWDED;

  memcpy (pool_of (ring) + at, get->loan != 0 ? &loan : get->buffer, size);
  entry = &ring->flight->entries[index];
  atomic_store_explicit (&ring->shared->read.receiving, index + 1, memory_order_release);
  store (&entry->number, number);
  store (&entry->offset, at);
  store (&entry->header, header);
  atomic_store_explicit (&entry->deliveries, 0, memory_order_relaxed);
  atomic_store_explicit (&entry->state, me, memory_order_release);
  note_ticket (get->ticket, index, number, 0);
  return RING_OK;
}

/* The oldest returned one; FLIGHT_MAX: none. Corrects `returned`. */
static guint
oldest_returned (Ring *ring)
{
  guint used = used_of (ring), found = FLIGHT_MAX, n = 0;

  for (guint i = 0; i < used; i++)
    if (bits (&ring->flight->entries[i].state) == RETURNED)
      {
        n++;
        if (found == FLIGHT_MAX ||
            load (&ring->flight->entries[i].number) < load (&ring->flight->entries[found].number))
          found = i;
      }
  atomic_store_explicit (&ring->shared->read.returned, n, memory_order_relaxed);
  return found;
}

/* Copies out what an entry holds, or notes the block where it lies. */
static RingStatus
read_entry (Ring *ring, RingGet *get, FlightEntry *entry)
{
  guint64 at = load (&entry->offset), word = load (&entry->header);
  gsize size;

  if (at > ring->capacity)
    return RING_CORRUPT;
  if (!frame_header_unpack (word, ring->capacity - at + sizeof (FrameHeader), &get->header))
    return loan_read (ring, get, word, pool_of (ring) + at, ring->capacity - at,
                      load (&entry->number));
  if (!(get->accept & RING_ACCEPT (get->header.kind)))
    return RING_REFUSED;
  size = (gsize) get->header.size + get->header.type_length;
  if (size > get->size)
    return RING_TOO_SMALL;

  memcpy (get->buffer, pool_of (ring) + at, size);
  return RING_OK;
}

RingStatus
flight_take_returned (Ring *ring, guint32 me, RingGet *get)
{
  guint index = oldest_returned (ring);
  FlightEntry *entry;
  RingStatus status;

  if (index == FLIGHT_MAX)
    return RING_EMPTY;
  entry = &ring->flight->entries[index];
  status = read_entry (ring, get, entry);
  if (status != RING_OK)
    return status;

  if (get->ticket != NULL)
    note_ticket (get->ticket, index, load (&entry->number), bits (&entry->deliveries));
  atomic_store_explicit (&entry->state, get->ticket != NULL ? me : 0, memory_order_release);
  if (get->ticket == NULL)
    loan_end (ring, get->loan);
  oldest_returned (ring);
  return RING_OK;
}

/* ---- the end of a flight ---- */

/* Under the read guard: the entry of a ticket that is still ours. */
static FlightEntry *
held (Ring *ring, guint32 me, const FlightTicket *ticket)
{
  FlightEntry *entry =
      ticket->index < used_of (ring) ? &ring->flight->entries[ticket->index] : NULL;

  return entry != NULL && bits (&entry->state) == me && load (&entry->number) == ticket->number
             ? entry
             : NULL;
}

/* 1 + the block that an entry's message lies in; 0: in none. */
static guint
block_of (Ring *ring, FlightEntry *entry)
{
  guint64 at = load (&entry->offset);
  LoanRecord loan;

  if (load (&entry->header) != loan_header () || at > ring->capacity)
    return 0;
  memcpy (&loan, pool_of (ring) + at, sizeof loan);
  return loan.block + 1;
}

void
flight_mark_loans (Ring *ring, gboolean in_hands, gboolean *flying)
{
  guint used = used_of (ring);

  for (guint i = 0; i < used; i++)
    {
      FlightEntry *entry = &ring->flight->entries[i];
      guint32 state = bits (&entry->state);
      guint block = state != 0 && !(in_hands && state == RETURNED) ? block_of (ring, entry) : 0;

      if (block - 1 < POOL_BLOCKS)
        flying[block - 1] = TRUE;
    }
}

gboolean
flight_done (Ring *ring, guint32 me, const FlightTicket *ticket)
{
  FlightEntry *entry;
  guint block;

  if (!guard_take (&ring->shared->read.guard, ring->participants, me, -1, &ring->shared->guards))
    return FALSE;
  entry = held (ring, me, ticket);
  if (entry != NULL)
    {
      block = block_of (ring, entry);
      atomic_store_explicit (&entry->state, 0, memory_order_release);
      loan_end (ring, block);
    }
  guard_release (&ring->shared->read.guard);
  return entry != NULL;
}

/* Under both guards. */
static void
mark_returned (Ring *ring, FlightEntry *entry)
{
  doorbell_ring (&ring->in);
  atomic_fetch_add_explicit (&ring->shared->read.returned, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&entry->deliveries, 1, memory_order_relaxed);
  bump (&ring->shared->returns);
  atomic_store_explicit (&entry->state, RETURNED, memory_order_release);
}

/* Killed before this, a sleeper finds the message at its next look. */
static void
wake_a_reader (Ring *ring)
{
  if (wait_wake (&ring->shared->pub, 1) == 0)
    wait_wake (&ring->shared->read_seat, 1);
}

gboolean
flight_give_back (Ring *ring, guint32 me, const FlightTicket *ticket)
{
  FlightEntry *entry;

  if (ring_lock_both (ring, me, -1) != RING_OK)
    return FALSE;
  entry = held (ring, me, ticket);
  if (entry != NULL)
    mark_returned (ring, entry);
  ring_unlock_both (ring);
  if (entry != NULL)
    wake_a_reader (ring);
  return entry != NULL;
}

gboolean
flight_is_with_others (Ring *ring, guint32 me)
{
  guint used = used_of (ring);

  for (guint i = 0; i < used; i++)
    {
      guint32 state = bits (&ring->flight->entries[i].state);

      if (state != 0 && state != RETURNED && state != me)
        return TRUE;
    }
  return FALSE;
}

gboolean
flight_recover (Ring *ring, guint32 me)
{
  guint used = used_of (ring), n = 0;

  if (!flight_is_with_others (ring, me) || ring_lock_both (ring, me, 0) != RING_OK)
    return FALSE;

  if (bits (&ring->shared->read.receiving) != 0)
    flight_settle (ring, ring_read (ring));
  for (guint i = 0; i < used; i++)
    {
      FlightEntry *entry = &ring->flight->entries[i];
      guint32 state = bits (&entry->state);

      if (state == 0 || state == RETURNED || !participants_is_dead (ring->participants, state))
        continue;
      mark_returned (ring, entry);
      n++;
    }
  ring_unlock_both (ring);
  for (guint i = 0; i < n; i++)
    wake_a_reader (ring);
  return n > 0;
}

guint
flight_count (Ring *ring)
{
  guint used = used_of (ring), n = 0;

  for (guint i = 0; i < used; i++)
    n += bits (&ring->flight->entries[i].state) != 0;
  return n;
}

RingStatus
flight_join (Ring *ring, guint32 me, const RingPatience *patience)
{
  Doorbell nothing = DOORBELL_NONE;

  for (;;)
    {
      gint64 left_us = wait_left (patience->deadline_us);

      flight_recover (ring, me);
      if (ring_count (ring) == 0 && flight_count (ring) == 0)
        return RING_OK;
      if (left_us == 0)
        return RING_EMPTY;
      switch (doorbell_wait (&nothing, patience->cancel_fd,
                             left_us < 0 ? JOIN_LOOK_US : MIN (left_us, JOIN_LOOK_US)))
        {
        case DOORBELL_OTHER:
          return RING_CANCELLED;
        case DOORBELL_INTERRUPTED:
          if (patience->interruptible)
            return RING_INTERRUPTED;
          break;
        default:
          break;
        }
    }
}
