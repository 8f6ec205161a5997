/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every byte that two processes share, except what LMDB keeps. Change anything here and
 * LAYOUT_VERSION goes up.
 *
 * All segments begin alike; integers are in native byte order (a segment never leaves its machine):
 *
 *     0        64         4096                    69632                     size
 *     [ header ][ arrivals ][ slots, 1024 x 64 B  ][ what the kind holds     ]
 *
 *     kind       at 69632
 *     QUEUE      [ RingShared, 4096 ][ ring's data: capacity + 4096 ][ FlightShared ][ messages in
 *                flight, as much ][ PoolShared ][ blocks for loans, as much ]
 *     PIPE       [ RingShared, 4096 ][ RingShared, 4096 ][ data: there ][ data: back ]
 *     ARENA      [ ArenaShared, 4096 ][ cells, 64 B each: kind, then LockShared, EventShared,
 *                SemaphoreShared, ConditionShared … ]
 *     GATE       [ GateShared, 4096 ][ WatchersShared ]
 *
 * A segment of kind MEMORY (ShmobjSharedMemory) is the user's bytes from 0 on and has none of this.
 */

#include <glib.h>
#include <stdatomic.h>

#define LAYOUT_MAGIC G_GUINT64_CONSTANT (0x314a424f4d4853c4) /* "\xc4SHMOBJ1" */
#define LAYOUT_VERSION 6
#define LAYOUT_BYTE_ORDER 0x01020304
#define LAYOUT_PAGE 4096

#define SLOT_COUNT 1024
#define SLOTS_OFFSET LAYOUT_PAGE
#define OBJECT_OFFSET (SLOTS_OFFSET + SLOT_COUNT * 64)

/* One side's words never share a cache line with the other's; two lines, because neighbours are
 * fetched in pairs. */
#define LAYOUT_LINE __attribute__ ((aligned (128)))

typedef enum
{
  SEGMENT_QUEUE = 1,
  SEGMENT_PIPE = 2,
  SEGMENT_ARENA = 3,
  SEGMENT_GATE = 4,
} SegmentKind;

typedef struct
{
  guint64 magic;
  guint32 byte_order;
  guint32 version;
  guint32 kind;
  guint32 slot_count;
  guint64 size;
  guint64 parameter[4]; /* fixed at creation, of the kind's choosing: queue: capacity, maxsize ·
                           pipe: capacity, duplex · arena: number of cells */
} SegmentHeader;

G_STATIC_ASSERT (sizeof (SegmentHeader) == 64);

/* How often somebody took a slot: behind the header, and never checked. */
#define ARRIVALS_OFFSET 64

/* One participant. Only the token decides anything; the rest is for people to read. */
typedef struct
{
  _Atomic (guint32) token; /* of the last one who took this slot: generation << 10 | slot */
  _Atomic (guint32) pid;   /* 0: left in good order */
  _Atomic (guint64)
      start_time; /* of the process, in clock ticks since boot (field 22 of /proc/PID/stat) */
  _Atomic (guint64) command[2]; /* /proc/PID/comm, 16 bytes with NUL */
  _Atomic (guint64) waits_for; /* where in the segment the lock is that it waits for; 0: for none */
  guint64 spare[3];
} Slot;

G_STATIC_ASSERT (sizeof (Slot) == 64);

/* Many small objects in one segment (base/arena.c). */
#define ARENA_CELLS_OFFSET (OBJECT_OFFSET + LAYOUT_PAGE)

typedef struct
{
  _Atomic (guint32) guard; /* whoever hands out a cell */
  _Atomic (guint32) used;  /* how many cells were handed out; the others were never touched */
} ArenaShared;

typedef enum
{
  CELL_FREE = 0,
  CELL_LOCK = 1,
  CELL_EVENT = 2,
  CELL_SEMAPHORE = 3,
  CELL_BARRIER = 4,
  CELL_CONDITION = 5,
  CELL_SEATS = 6,
  CELL_RECORDS = 7,
} CellKind;

typedef struct
{
  _Atomic (guint32) kind; /* stored last, once the content is good */
  guint32 spare;
  guint64 content[7];
} ArenaCell;

G_STATIC_ASSERT (sizeof (ArenaCell) == 64);

/* A lock (base/lock.c): the content of a cell, or part of another segment. */
typedef struct
{
  _Atomic (guint32) word;      /* its owner's token, and LOCK_WAITERS */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
  _Atomic (guint32) heir;      /* the owner's token, if it took the lock over from a dead one */
  _Atomic (guint32) spare;
} LockShared;

/* An event (base/event.c): the content of a cell. */
typedef struct
{
  _Atomic (guint32) word;      /* times cleared << 2 | somebody sleeps << 1 | set */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
} EventShared;

/* A condition (base/condition.c): the content of a cell; those who wait have seats. */
typedef _Atomic (guint64) ConditionSeat; /* ticket << 33 | asleep << 32 | woken << 31 | token */

#define CONDITION_SEATS 4
#define CONDITION_MORE_SEATS 6

typedef struct
{
  _Atomic (guint32) tickets;   /* handed out so far */
  _Atomic (guint32) all;       /* who has a ticket before this one was woken */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
  _Atomic (guint32) lock;      /* offset of the cell of its lock; 0: that is in another arena */
  _Atomic (guint32) more;      /* offset of a cell with more seats; 0: there is none */
  guint32 spare;
  ConditionSeat seats[CONDITION_SEATS];
} ConditionShared;

typedef struct
{
  _Atomic (guint32) more; /* as above */
  guint32 spare;
  ConditionSeat seats[CONDITION_MORE_SEATS];
} ConditionSeats;

G_STATIC_ASSERT (sizeof (ConditionShared) <= sizeof (((ArenaCell *) NULL)->content));
G_STATIC_ASSERT (sizeof (ConditionSeats) <= sizeof (((ArenaCell *) NULL)->content));

/* What each process has of an object, for its death (base/records.c): at the end of the object's
 * cell, and in further cells. */
#define RECORDS_FIRST 2
#define RECORDS_CELL 4

typedef struct
{
  _Atomic (guint64) note[RECORDS_FIRST];
  _Atomic (guint32) owner[RECORDS_FIRST]; /* token of whom the note is; 0: of nobody */
  _Atomic (guint32) more;                 /* offset of a cell with more; 0: there is none */
  guint32 spare;
} RecordsShared;

typedef struct
{
  _Atomic (guint64) note[RECORDS_CELL];
  _Atomic (guint32) owner[RECORDS_CELL];
  _Atomic (guint32) more;
  guint32 spare;
} RecordsCell;

/* A semaphore (base/semaphore.c): the content of a cell. */
typedef struct
{
  _Atomic (guint64) word;      /* who changed it last << 32 | free units << 1 | somebody sleeps */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
  guint32 maximum;             /* fixed at creation; 0: none */
  guint32 recovers;            /* fixed at creation: units of the dead go back */
  guint32 spare;
  RecordsShared records;
} SemaphoreShared;

/* A barrier (base/barrier.c): the content of a cell. */
typedef struct
{
  _Atomic (guint64) word;      /* generation << 32 | history << 18 | arrived << 2 | state */
  _Atomic (guint32) turn;      /* what is slept on */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
  guint32 parties;             /* fixed at creation */
  guint32 spare;
  RecordsShared records;
} BarrierShared;

G_STATIC_ASSERT (sizeof (BarrierShared) <= sizeof (((ArenaCell *) NULL)->content));
G_STATIC_ASSERT (sizeof (RecordsCell) <= sizeof (((ArenaCell *) NULL)->content));
G_STATIC_ASSERT (sizeof (SemaphoreShared) <= sizeof (((ArenaCell *) NULL)->content));
G_STATIC_ASSERT (sizeof (LockShared) <= sizeof (((ArenaCell *) NULL)->content));
G_STATIC_ASSERT (sizeof (EventShared) <= sizeof (((ArenaCell *) NULL)->content));

/* Who waits for a change of an object in a manager's store (manager/watchers.c). */
#define WATCHERS_SLOTS 1024

typedef struct
{
  _Atomic (guint32) word;      /* times stirred << 1 | somebody sleeps */
  _Atomic (guint32) listening; /* 1: somebody waits by the bell */
} WatchersSlot;

typedef struct
{
  _Atomic (guint32) turn; /* odd: a commit is under way, or its writer died in it */
  guint32 spare[31];
  _Atomic (guint64) armed[WATCHERS_SLOTS / 64]; /* a bit per slot: the next change wakes */
  WatchersSlot slots[WATCHERS_SLOTS];
} WatchersShared;
