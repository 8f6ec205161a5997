/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

/* The seats of a ring: who of those that wait sleeps on its word. The essay is in ring-seat.c. */

/* What one waits for: of the reading side a message, of the writing side room for @stored bytes. */
typedef struct
{
  Ring *ring;
  guint32 me;
  gboolean writer;
  gsize stored;
  _Atomic (guint32) *word, *seat, *thread;
} RingWant;

static inline RingWant
ring_want_message (Ring *ring, guint32 me)
{
  return (RingWant){
    ring, me, FALSE, 0, &ring->shared->pub, &ring->shared->read_seat, &ring->sleeping_reader
  };
}

static inline RingWant
ring_want_room (Ring *ring, guint32 me, gsize stored)
{
  return (RingWant){
    ring, me, TRUE, stored, &ring->shared->con, &ring->shared->write_seat, &ring->sleeping_writer
  };
}

/* RING_OK: this thread is the one of its process that goes to the seat, until it lets the next one
 * go. RING_AGAIN: try, there is something; RING_EMPTY, RING_INTERRUPTED, RING_STUCK: the wait is
 * over. */
RingStatus ring_seat_go_first (const RingWant *want, const RingPatience *patience);
void ring_seat_let_next_go (const RingWant *want);

/* The same answers; RING_OK: we have the seat, until we leave it or somebody takes it over. */
RingStatus ring_seat_take (const RingWant *want, const RingPatience *patience);
void ring_seat_leave (const RingWant *want);
gboolean ring_seat_is_ours (const RingWant *want);

/* In the seat, after a try in vain. RING_AGAIN: try once more; RING_EMPTY, RING_INTERRUPTED: the
 * wait is over. */
RingStatus ring_seat_sleep (const RingWant *want, RingAsk *ask, const RingPatience *patience);

/* How long one sleeps who has @left_us, and a reason to look up after @look_us; -1: none. */
gint64 ring_seat_sleep_time (const RingWant *want, RingAsk ask, gint64 look_us, gint64 left_us);
