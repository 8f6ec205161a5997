/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

/* Messages in flight: received, and not yet done with (base/flight.c). */

#define FLIGHT_MAX 1000 /* at a time, of one queue */

typedef struct
{
  _Atomic (guint32) state;      /* 0: free · FLIGHT_RETURNED · token of the one who holds it */
  _Atomic (guint32) deliveries; /* how often it was handed out before */
  _Atomic (guint64) number;     /* of the record, counted from 0 */
  _Atomic (guint64) offset;     /* where its bytes lie in the pool */
  _Atomic (guint64) header;     /* the frame's, in one word */
  guint64 spare[4];
} FlightEntry;

G_STATIC_ASSERT (sizeof (FlightEntry) == 64);

/* Lies behind the ring's data. Backed with memory at the first receive (the ring's `flight_ready`).
 * Stored under the read guard. */
struct _FlightShared
{
  _Atomic (guint32) spare0;
  _Atomic (guint32) used;     /* entries [0, used) were used at some time */
  _Atomic (guint64) reserved; /* bytes of the pool that may be touched */
  guint64 spare[6];
  FlightEntry entries[FLIGHT_MAX];
};

/* Bytes that a queue's segment has for all this behind the ring's data. */
guint64 flight_area_size (guint64 capacity);
void flight_attach (Ring *ring, guint64 area_offset);

/* FALSE: it is not ours (any more). */
gboolean flight_done (Ring *ring, guint32 me, const FlightTicket *ticket);
gboolean flight_give_back (Ring *ring, guint32 me, const FlightTicket *ticket);

/* How many are in flight, in hands or returned. */
guint flight_count (Ring *ring);
/* Waits until nothing is in the queue and nothing in flight. RING_OK, RING_EMPTY (time ran out),
 * RING_INTERRUPTED, RING_CANCELLED. */
RingStatus flight_join (Ring *ring, guint32 me, const RingPatience *patience);

/* For the ring. Under the read guard: settles what a dead receiver left half done. */
void flight_settle (Ring *ring, guint64 read);
/* Under the read guard: takes the oldest returned message. RING_EMPTY: there is none. Without a
 * ticket it is done at once. */
RingStatus flight_take_returned (Ring *ring, guint32 me, RingGet *get);
/* Under the read guard, with the message copied to @get's buffer: records it and fills its ticket.
 * RING_CROWDED: no room to keep it. */
RingStatus flight_record (Ring *ring, guint32 me, const RingGet *get, guint64 number);
/* Sets @flying[n] for each block n of the pool that a message in flight lies in; with @in_hands
 * only of those that somebody holds. */
void flight_mark_loans (Ring *ring, gboolean in_hands, gboolean *flying);
/* Under both guards: gives back the memory behind the last message. FALSE: that cannot be. */
gboolean flight_trim (Ring *ring);
/* Memory for the table; FALSE: there is none left. */
gboolean flight_back_table (Ring *ring);
/* Is anything in the hands of others, who may die with it? */
gboolean flight_is_with_others (Ring *ring, guint32 me);
/* Returns what the dead held; TRUE if that was something. */
gboolean flight_recover (Ring *ring, guint32 me);
static inline gboolean
flight_is_used (Ring *ring)
{
  return ring->flight != NULL &&
         atomic_load_explicit (&ring->shared->flight_ready, memory_order_relaxed) != 0;
}
