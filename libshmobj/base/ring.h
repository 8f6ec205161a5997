/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/doorbell.h"
#include "base/frame.h"
#include "base/guard.h"

/* The two-guard byte ring (base/ring.c), and how one waits for it (base/ring-wait.c). */

typedef struct
{
  _Atomic (guint64) pos;
  _Atomic (guint64) count;
} RingPosition;

/* One end: its guard, where it is (in the slot whose count is the word's), and what it last saw of
 * the other end. */
typedef struct
{
  LAYOUT_LINE Guard guard;
  _Atomic (guint32) other_count;
  _Atomic (guint64) room; /* the writing end's: the position up to which records go straight on */
  RingPosition slot[2];
  _Atomic (guint32)
      receiving; /* of the reading end: 1 + the flight's entry that is being filled; 0: none */
  _Atomic (guint32)
      returned; /* the same: at least as many messages have come back (base/flight.c) */
} RingEnd;

/* Room that is worth waking a writer for. */
typedef struct
{
  _Atomic (guint64) size; /* room for a record of so many bytes */
  _Atomic (guint32) left; /* and not more records than that */
} RingNeed;

typedef struct
{
  RingEnd write;
  RingEnd read;
  LAYOUT_LINE _Atomic (guint32) pub; /* (records written << 1) | a reader sleeps */
  LAYOUT_LINE _Atomic (guint32) con; /* (records read << 1) | a writer sleeps */
  LAYOUT_LINE _Atomic (guint32) read_seat;
  _Atomic (guint32) deputy; /* of who queues for it: looks after holders, too (base/lookout.c) */
  LAYOUT_LINE _Atomic (guint32) write_seat;
  LAYOUT_LINE _Atomic (guint32) in_bell; /* DOORBELL_* bits; stored under the write guard */
  _Atomic (guint32) out_bell;            /* stored under the read guard */
  _Atomic (guint32) shut;     /* RING_SHUT* below; stored under both guards, only grows */
  _Atomic (guint32) closes;   /* of a pipe: how often somebody closed the reading end */
  _Atomic (guint64) reserved; /* how much of the data may be touched; stored under the write guard,
                                 only grows but for a trim, which has both */
  _Atomic (guint64) restart; /* 1 + the number of the record that lies at offset 0 of a fresh round,
                                read position or not */
  LAYOUT_LINE RingNeed seat_need; /* of the writer in the seat; stored under both guards */
  RingNeed bell_need;             /* of who listens to out_bell; the same */
  LAYOUT_LINE GuardStatistics guards;
  _Atomic (guint64) sleeps, wakes, seats_taken_over, grown;
  _Atomic (guint32) flight_ready;    /* of a queue: the table of what is in flight may be touched */
  _Atomic (guint32) pool_ready;      /* and that of blocks for loans; both stored once */
  _Atomic (guint64) deepest;         /* what `reserved` was before it was trimmed, at the most */
  _Atomic (guint64) bytes_before[2]; /* see base/ring-trim.c; stored under the write guard */
  _Atomic (guint64) lent_bytes;      /* of messages that lay in blocks */
  _Atomic (guint64) returns;         /* messages that came back */
  _Atomic (guint64) parcels_sent;    /* ids that packets were given; stored under the write guard */
  _Atomic (guint64) parcels_settled; /* the last of them that is dealt with; under the read guard */
} RingShared;

G_STATIC_ASSERT (sizeof (RingShared) <= LAYOUT_PAGE);

#define RING_SIZE_MIN 4096
#define RING_FIRST_STEP (64 * 1024)
#define RING_OFFSET_BITS 40
#define RING_CAPACITY_MAX (G_GUINT64_CONSTANT (1) << (RING_OFFSET_BITS - 1))

#define RING_SHUT 1u     /* no more puts; what is there is still got */
#define RING_SHUT_NOW 2u /* nor that */

typedef enum
{
  RING_OK,
  RING_EMPTY,
  RING_FULL,
  RING_SHALLOW,   /* would fit if the ring grew deeper */
  RING_TOO_SMALL, /* the reader's buffer; nothing was taken */
  RING_TOO_LARGE, /* more than the capacity */
  RING_REFUSED,   /* the reader does not want this kind; nothing was taken */
  RING_NO_SPACE,  /* the machine has no memory left for the ring to grow */
  RING_STUCK,     /* a guard's owner lives and does not run */
  RING_CORRUPT,   /* shared words that no writer of ours leaves */
  RING_CROWDED,   /* no room to keep another message in flight */
  RING_CANCELLED,
  RING_CLOSED,      /* shut down for everybody */
  RING_UNSENT,      /* its descriptors could not be sent (base/parcel.h) */
  RING_NO_NUMBERS,  /* the process may not have as many descriptors as came; nothing was taken */
  RING_INTERRUPTED, /* a signal handler ran, and the caller asked to be told */
  RING_AGAIN,       /* internal: look again */
} RingStatus;

typedef struct _FlightShared FlightShared;
typedef struct _Pool Pool;
typedef struct _Parcel Parcel;

/* A message in somebody's hands (base/flight.h); zeroed before it is filled, but for in_place. */
typedef struct
{
  guint index;
  guint64 number;
  guint32 deliveries; /* how often it was handed out before */
  gboolean in_place;  /* asked for: do not copy what lies in a block */
  guint block;        /* 1 + the block where it lies, if so; 0: it was copied */
} FlightTicket;

/* One process's view of a ring. */
typedef struct
{
  RingShared *shared;
  guint8 *data;
  guint64 capacity;
  guint32 maxsize; /* most records at a time; 0: no such limit */
  Segment *segment;
  guint64 data_offset;
  Participants *participants;
  FlightShared *flight; /* (nullable): where messages are kept that are received but not done */
  guint64 flight_offset;
  Pool *pool;  /* (nullable): blocks for messages that are not copied */
  int parcels; /* (unowned): the socket for descriptors, of this side; -1: messages have none */
  Doorbell in, out; /* in: something to get; out: room to put */
  WaitHabit reading, writing;
  _Atomic (guint32) read_when_grown; /* what had been read when we last made it deeper */
  _Atomic (guint32) sleeping_reader; /* the thread that is in a seat or queues for it, see */
  _Atomic (guint32) sleeping_writer; /* base/ring-seat.c */
  int lookout_fd;                    /* (owned): base/lookout.c; -1 before it was asked for */
  _Atomic (int) lookout_timer;       /* (owned): the same */
} Ring;

/* How long, and until what else, a call waits. */
typedef struct
{
  gint64 deadline_us;     /* of wait_deadline() */
  int cancel_fd;          /* readable when cancelled; -1: none, then the wait is a plain sleep */
  gboolean interruptible; /* come back when a signal handler ran */
  gboolean spun;          /* the caller has waited awake already */
} RingPatience;

/* A reader's buffer and what it wants. */
typedef struct
{
  guint accept; /* bit 1 << kind for each kind of frame */
  gpointer buffer;
  gsize size;
  FrameHeader header; /* of the message that was taken, or did not fit */
  FlightTicket
      *ticket;    /* (nullable): received, not got: the message stays on record, by this ticket */
  guint loan;     /* 1 + the block where it lay; 0: in the ring */
  Parcel *parcel; /* (nullable): where descriptors go; without it, a message with some is refused */
} RingGet;

/* A reader's buffer for several messages: each begins at a multiple of 8. */
typedef struct
{
  guint accept;
  guint8 *buffer;
  gsize size, used;
  FrameHeader *headers; /* room for most */
  guint most, got;
} RingGetMany;

#define RING_BATCH_MAX 1000 /* messages that one call puts or gets */
#define RING_ACCEPT(kind) (1u << (kind))
#define RING_ACCEPT_ALL (~0u)

/* Bytes in a segment for a ring's data, a multiple of the page size. */
guint64 ring_data_size (guint64 capacity);
/* How much of them a new ring needs to have reserved. */
guint64 ring_first_reserve (guint64 capacity);
/* Once, in fresh memory. */
void ring_create (RingShared *shared, guint64 capacity);
void ring_attach (Ring *ring,
                  RingShared *shared,
                  guint64 data_offset,
                  guint64 capacity,
                  guint32 maxsize,
                  Segment *segment,
                  Participants *participants);

/* What a frame takes up in a ring. */
static inline gsize
ring_record_size (gsize stored)
{
  return (stored + 7) & ~(gsize) 7;
}

/* Never wait for the other side. @deadline_us is for the guard alone. */
RingStatus ring_try_put (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us);
RingStatus ring_try_get (Ring *ring, guint32 me, RingGet *get, gint64 deadline_us);

/* The shortest way for plain bytes, when nothing is in it: RING_AGAIN says that something is,
 * nothing was done, and ring_try_put() (ring_try_get()) knows what. */
RingStatus ring_put_bytes (Ring *ring, guint32 me, const void *data, gsize size);
RingStatus ring_get_bytes (Ring *ring, guint32 me, void *buffer, gsize room, gsize *size);

/* The same for a frame of kind FRAME_LOAN; see base/loan.h. */
RingStatus ring_try_put_loan (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gboolean may_grow, gint64 deadline_us);

/* Up to RING_BATCH_MAX messages under one guard, all of them published by one store; as many as
 * there is room for (there are, and fit in the buffer). RING_OK when it was at least one; *@put
 * says how many. */
RingStatus ring_try_put_many (Ring *ring,
                              guint32 me,
                              const ShmobjFrame *frames,
                              guint n,
                              guint *put,
                              gboolean may_grow,
                              gint64 deadline_us);
RingStatus ring_try_get_many (Ring *ring, guint32 me, RingGetMany *get, gint64 deadline_us);

/* Ends it for everybody: writers get RING_CLOSED, readers what is left and then RING_CLOSED; with
 * @now, RING_CLOSED at once. */
RingStatus ring_shut (Ring *ring, guint32 me, gboolean now, gint64 deadline_us);
guint32 ring_is_shut (Ring *ring);

/* What follows when such a try was in vain, with what it gave: for those who can wait. */
RingStatus ring_put_patiently (Ring *ring,
                               guint32 me,
                               const ShmobjFrame *frame,
                               const RingPatience *patience,
                               RingStatus status);
RingStatus ring_get_patiently (
    Ring *ring, guint32 me, RingGet *get, const RingPatience *patience, RingStatus status);

static inline RingStatus
ring_put (Ring *ring, guint32 me, const ShmobjFrame *frame, const RingPatience *patience)
{
  gboolean at_once = patience->deadline_us == 0;
  RingStatus status = ring_try_put (ring, me, frame, at_once, patience->deadline_us);

  if (G_LIKELY (status != RING_FULL && status != RING_SHALLOW) || at_once)
    return status;
  return ring_put_patiently (ring, me, frame, patience, status);
}

static inline RingStatus
ring_get (Ring *ring, guint32 me, RingGet *get, const RingPatience *patience)
{
  RingStatus status = ring_try_get (ring, me, get, patience->deadline_us);

  if (G_LIKELY (status != RING_EMPTY) || patience->deadline_us == 0)
    return status;
  return ring_get_patiently (ring, me, get, patience, status);
}

/* The same by a span of time from now. Only who really has to wait asks for the clock; a guard
 * that is kept from us costs its grace once more (base/guard.c). */
static inline gint64
ring_first_deadline (gint64 timeout_us)
{
  return timeout_us < 0 ? -1 : 0;
}

/* After a first try by that deadline that was not RING_OK. */
RingStatus ring_put_after (Ring *ring,
                           guint32 me,
                           const ShmobjFrame *frame,
                           gint64 timeout_us,
                           gboolean interruptible,
                           RingStatus status);
RingStatus ring_get_after (Ring *ring,
                           guint32 me,
                           RingGet *get,
                           gint64 timeout_us,
                           gboolean interruptible,
                           RingStatus status);

static inline RingStatus
ring_put_within (
    Ring *ring, guint32 me, const ShmobjFrame *frame, gint64 timeout_us, gboolean interruptible)
{
  RingStatus status =
      ring_try_put (ring, me, frame, timeout_us == 0, ring_first_deadline (timeout_us));

  return G_LIKELY (status == RING_OK)
             ? status
             : ring_put_after (ring, me, frame, timeout_us, interruptible, status);
}

/* Gives back memory that a burst left. RING_NO_SPACE: the file system cannot. */
RingStatus ring_trim (Ring *ring, guint32 me, gint64 deadline_us);
guint64 ring_bytes (Ring *ring);      /* ever put, with headers */
guint64 ring_high_water (Ring *ring); /* the most that was ever reserved */

/* Hints, true at some moment during the call. The first two: would trying now give something else
 * than EMPTY (FULL)? */
gboolean ring_worth_getting (Ring *ring);
gboolean ring_worth_putting (Ring *ring, gsize stored);
gboolean ring_has_message (Ring *ring);
gboolean ring_has_room (Ring *ring, gsize stored);
guint32 ring_count (Ring *ring);
guint64 ring_written (Ring *ring); /* records ever put */
guint64 ring_read (Ring *ring);    /* records ever got */

/* Makes the bell ring at the next message (room). RING_AGAIN: there is one now; RING_OK: armed.
 * @bits: DOORBELL_ARMED, with DOORBELL_WANTED for a listener who does not tell us when he listens.
 */
RingStatus ring_arm_in (Ring *ring, guint32 me, guint32 bits, gint64 deadline_us);
RingStatus ring_arm_out (Ring *ring, guint32 me, guint32 bits, gsize stored, gint64 deadline_us);

/* After a bell has rung: whoever rings does so inside its guard, before it publishes, and on one
 * CPU who was woken often runs first. Lets it finish, so that the next try finds something. */
void ring_let_ringer_finish (Ring *ring, gboolean writer);

/* For base/ring-wait.c. What a writer asks for: the room that its message needs (RING_EXACT), or
 * enough to go on for a while (RING_BATCH). */
typedef enum
{
  RING_EXACT,
  RING_BATCH,
} RingAsk;

RingStatus ring_lock_both (Ring *ring, guint32 me, gint64 deadline_us);
void ring_unlock_both (Ring *ring);
/* Under both guards; @at_most: or less, if it says less already. */
void ring_set_need (const Ring *ring, RingNeed *need, gsize stored, RingAsk ask, gboolean at_most);
RingStatus ring_arm_out_for (
    Ring *ring, guint32 me, guint32 bits, gsize stored, RingAsk ask, gint64 deadline_us);
