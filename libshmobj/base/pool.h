/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/ring.h"

/* Blocks of memory that are lent to writers and queued without a copy (base/pool.c). */

#define POOL_BLOCKS 1000 /* at a time, of one queue */
#define POOL_NONE G_MAXUINT
#define POOL_QUEUED 0x80000000u

typedef struct
{
  _Atomic (guint32) state; /* 0: free · POOL_QUEUED · token of the one who writes it */
  _Atomic (guint32) spare;
  _Atomic (guint64) offset; /* where it lies among the data */
  _Atomic (guint64) size;   /* how far it goes; 0: it is nowhere yet */
  _Atomic (guint64) used;   /* queued: bytes of the message */
  _Atomic (guint64) number; /* the same: of the record that leads here, counted from 0 */
  guint64 more[3];
} PoolBlock;

G_STATIC_ASSERT (sizeof (PoolBlock) == 64);

/* Before the data. Backed with memory at the first loan. All but `freed` is stored under the guard,
 * except a block's state by whoever has the block. */
typedef struct
{
  Guard guard;
  _Atomic (guint32) used;     /* blocks [0, used) were used at some time */
  _Atomic (guint32) freed;    /* (times a block was freed << 1) | somebody waits for one */
  _Atomic (guint64) reserved; /* bytes of the data that may be touched */
  GuardStatistics guards;
  guint64 spare[3];
  PoolBlock blocks[POOL_BLOCKS];
} PoolShared;

/* One process's view. */
struct _Pool
{
  PoolShared *shared;
  _Atomic (guint32) *ready; /* elsewhere: the table may be touched */
  guint8 *data;
  guint64 size; /* of the data, and so of the largest block */
  Segment *segment;
  guint64 offset; /* of the table in the segment */
  Participants *participants;
};

typedef enum
{
  POOL_OK,
  POOL_CROWDED,  /* no block, or no room for it, is free */
  POOL_SHALLOW,  /* there would be if the pool reserved more memory */
  POOL_NO_SPACE, /* the machine has no memory left */
  POOL_STUCK,    /* the guard's owner lives and does not run */
} PoolStatus;

/* Bytes that a queue's segment has for all this. */
guint64 pool_area_size (guint64 capacity);
void pool_attach (Pool *pool,
                  Segment *segment,
                  guint64 area_offset,
                  guint64 capacity,
                  _Atomic (guint32) *ready,
                  Participants *participants);

/* A block of at least @size bytes (no more than the pool's size), whose state is our token. */
PoolStatus pool_lend (
    Pool *pool, guint32 me, guint64 size, gboolean may_grow, gint64 deadline_us, guint *index);
/* What is there of a block, whatever its words say: at least @used bytes at the pointer, or NULL.
 */
guint8 *pool_block (Pool *pool, guint index, guint64 *size);
/* The block as it lies in the table; NULL: there is none of that number. */
PoolBlock *pool_entry (Pool *pool, guint index);
/* To free if it is @state now. FALSE: it is not. Wakes who waits for a block. */
gboolean pool_free (Pool *pool, guint index, guint32 state);
/* Frees what is lent to the dead. How many blocks. */
guint pool_recover (Pool *pool, guint32 me);
/* Gives back the memory behind the last block that is not free. */
PoolStatus pool_trim (Pool *pool, guint32 me, gint64 deadline_us);
guint pool_used (Pool *pool);       /* how many blocks there ever were at a time */
guint pool_count (Pool *pool);      /* how many are lent or queued */
guint64 pool_reserved (Pool *pool); /* bytes of memory that it has */

/* To wait for a block: say so, try once more, then sleep on *@word while it is what this gave. */
guint32 pool_watch (Pool *pool, _Atomic (guint32) **word);
