/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks for loans: a writer borrows one, fills it, and puts its number into the ring instead of
 * its bytes; a reader reads it where it is. So a message costs the same whatever its size.
 *
 *     in the queue's segment:     [ guard, used, reserved … ][ blocks, 64 B each ][ data ]
 *
 *     a block     FREE  ->  lent (the writer's token)  ->  QUEUED  ->  FREE
 *                             |
 *                             v
 *                            FREE                 given back unused, or its writer died
 *
 * Where. In the segment of the queue: so a loan takes no descriptor and no mapping more, a queue
 * with a name has one file, and one check of the seals is enough. It costs addresses only: memory
 * is reserved as blocks are lent, never more than the largest sum that was out at a time.
 *
 * The table is the allocator, as in base/flight.c: free space is what no block that is not FREE
 * lies on, so freeing is one store by whoever has the block, needs no guard, and there is nothing
 * else to keep in step. A FREE block keeps its place in mind, for the next one of about that size.
 * Only lending moves blocks about, under the pool's guard. It looks, in this order, for
 *   - a FREE block that is large enough, and not twice as large,
 *   - room behind all that are not FREE, in what is reserved,
 *   - a gap between them (slow: each is compared with each, so it is tried once per growth),
 *   - the same with more memory.
 * Sizes are rounded up to an eighth of the power of two below, so blocks fit one another; where
 * there is no room for that, the bare size is tried.
 *
 * Death, of one who lends: a block that has a new place and is still FREE counts as free space. Its
 * state is stored last. Of the borrower: the token in the state is its, and the kernel says that it
 * is dead; pool_recover() frees the block. Of one who frees: before the store the block is the
 * dead one's or garbage in the queue (base/ring-loan.c), after it it is free, and who waits for a
 * block looks again after a moment. Of one between lending memory and saying so: some pages are
 * reserved twice.
 *
 * Who takes notice of the dead: who lends, before the pool grows; who waits for a block; and who
 * looks after messages in flight.
 *
 * The other side may lie. Whatever a block says of its place is copied once and checked here, in
 * pool_block(), which is the only way to its bytes.
 */

#include "base/pool.h"

#include "base/ring-private.h"

#define BLOCK_MIN 64
#define GROW_FIRST (64 * 1024)
#define GROW_STEP (1024 * 1024)

static guint64
table_size (void)
{
  return (sizeof (PoolShared) + LAYOUT_PAGE - 1) & ~(guint64) (LAYOUT_PAGE - 1);
}

guint64
pool_area_size (guint64 capacity)
{
  return table_size () + ring_data_size (capacity);
}

void
pool_attach (Pool *pool,
             Segment *segment,
             guint64 area_offset,
             guint64 capacity,
             _Atomic (guint32) *ready,
             Participants *participants)
{
  *pool = (Pool){
    .shared = segment_at (segment, area_offset, pool_area_size (capacity)),
    .ready = ready,
    .data = segment->base + area_offset + table_size (),
    .size = capacity,
    .segment = segment,
    .offset = area_offset,
    .participants = participants,
  };
}

static gboolean
is_ready (Pool *pool)
{
  return atomic_load_explicit (pool->ready, memory_order_acquire) != 0;
}

guint
pool_used (Pool *pool)
{
  guint used = is_ready (pool) ? bits (&pool->shared->used) : 0; /* read once, then bounded */

  return MIN (used, POOL_BLOCKS);
}

PoolBlock *
pool_entry (Pool *pool, guint index)
{
  return index < pool_used (pool) ? &pool->shared->blocks[index] : NULL;
}

guint8 *
pool_block (Pool *pool, guint index, guint64 *size)
{
  PoolBlock *block = pool_entry (pool, index);
  guint64 offset = block != NULL ? load (&block->offset) : 0,
          length = block != NULL ? load (&block->size) : 0;

  if (length == 0 || offset % BLOCK_MIN != 0 || offset > pool->size || length > pool->size - offset)
    return NULL;
  *size = length;
  return pool->data + offset;
}

/* ---- the table as allocator; under the guard ---- */

/* How much a block of @size bytes takes when sizes go in steps of at least @least. */
static guint64
extent_for (const Pool *pool, guint64 size, guint64 least)
{
  guint64 step = BLOCK_MIN, extent;

  while (step < least)
    step *= 2;
  extent = (size + step - 1) & ~(step - 1);
  return MIN (MAX (extent, BLOCK_MIN), pool->size);
}

static gboolean
overlaps (PoolBlock *block, guint64 at, guint64 size)
{
  guint64 begin = load (&block->offset), length = load (&block->size);

  return length > 0 && begin < at + size && begin + length > at;
}

/* A free block of about that size, where it is. */
static guint
find_fitting (Pool *pool, guint64 size, guint64 reserved)
{
  guint used = pool_used (pool);

  for (guint i = 0; i < used; i++)
    {
      PoolBlock *block = &pool->shared->blocks[i];
      guint64 has = load (&block->size);

      if (bits (&block->state) == 0 && has >= size && has / 2 < size && has <= reserved &&
          load (&block->offset) <= reserved - has)
        return i;
    }
  return POOL_NONE;
}

/* The end of all that is not free. */
static guint64
end_of_all (Pool *pool)
{
  guint used = pool_used (pool);
  guint64 end = 0;

  for (guint i = 0; i < used; i++)
    {
      PoolBlock *block = &pool->shared->blocks[i];

      if (bits (&block->state) != 0)
        end = MAX (end, load (&block->offset) + load (&block->size));
    }
  return (end + BLOCK_MIN - 1) & ~(guint64) (BLOCK_MIN - 1);
}

/* What is not free and in the way of [at, at + size): where it ends; 0: nothing is. */
static guint64
end_of_obstacle (Pool *pool, guint64 at, guint64 size)
{
  guint used = pool_used (pool);

  for (guint i = 0; i < used; i++)
    {
      PoolBlock *block = &pool->shared->blocks[i];

      if (bits (&block->state) != 0 && overlaps (block, at, size))
        return load (&block->offset) + load (&block->size);
    }
  return 0;
}

/* Where @size bytes are free before @limit; G_MAXUINT64: nowhere. */
static guint64
find_gap (Pool *pool, guint64 size, guint64 limit)
{
  guint64 at = 0, end;

  while (at <= limit && size <= limit - at)
    {
      end = end_of_obstacle (pool, at, size);
      if (end == 0)
        return at;
      if (end <= at) /* a block that another process wrote over */
        break;
      at = (end + BLOCK_MIN - 1) & ~(guint64) (BLOCK_MIN - 1);
    }
  return G_MAXUINT64;
}

static gboolean
back (Pool *pool, guint64 end, guint64 reserved)
{
  guint64 wanted = MAX (end, reserved + CLAMP (reserved, GROW_FIRST, GROW_STEP)),
          base = pool->offset + table_size ();

  wanted = MIN (wanted, pool->size);
  if (segment_reserve (pool->segment, base + (reserved & ~(guint64) (LAYOUT_PAGE - 1)),
                       base + ring_data_size (wanted)) != 0)
    return FALSE;
  store (&pool->shared->reserved, wanted);
  return TRUE;
}

static PoolStatus
find_place_for (Pool *pool, guint64 size, guint64 reserved, gboolean may_grow, guint64 *at)
{
  guint64 end = end_of_all (pool);

  *at = end;
  if (end <= reserved && size <= reserved - end)
    return POOL_OK;
  if (!may_grow)
    return POOL_SHALLOW;
  *at = find_gap (pool, size, reserved);
  if (*at != G_MAXUINT64)
    return POOL_OK;
  *at = find_gap (pool, size, pool->size);
  if (*at == G_MAXUINT64)
    return POOL_CROWDED;
  return back (pool, *at + size, reserved) ? POOL_OK : POOL_NO_SPACE;
}

/* A free block to give a new place: one that has none, a new one, or any. */
static guint
find_unused (Pool *pool)
{
  guint used = pool_used (pool), any = POOL_NONE;

  for (guint i = 0; i < used; i++)
    if (bits (&pool->shared->blocks[i].state) == 0)
      {
        any = i;
        if (load (&pool->shared->blocks[i].size) == 0)
          return i;
      }
  if (used == POOL_BLOCKS)
    return any;
  atomic_store_explicit (&pool->shared->used, used + 1, memory_order_release);
  return used;
}

/* The free blocks that lay there forget their place. */
static void
clear_place (Pool *pool, guint64 at, guint64 size)
{
  guint used = pool_used (pool);

  for (guint i = 0; i < used; i++)
    {
      PoolBlock *block = &pool->shared->blocks[i];

      if (bits (&block->state) == 0 && overlaps (block, at, size))
        store (&block->size, 0);
    }
}

static PoolStatus
lend_new (Pool *pool, guint64 size, guint64 reserved, gboolean may_grow, guint *index)
{
  guint64 at;
  PoolStatus status = find_place_for (pool, size, reserved, may_grow, &at);

  if (status != POOL_OK)
    return status;
  clear_place (pool, at, size);
  *index = find_unused (pool);
  if (*index == POOL_NONE)
    return POOL_CROWDED;
  store (&pool->shared->blocks[*index].offset, at);
  store (&pool->shared->blocks[*index].size, size);
  return POOL_OK;
}

static PoolStatus
back_table (Pool *pool)
{
  if (is_ready (pool))
    return POOL_OK;
  if (segment_reserve (pool->segment, pool->offset, pool->offset + table_size ()) != 0)
    return POOL_NO_SPACE;
  atomic_store_explicit (pool->ready, 1, memory_order_release);
  return POOL_OK;
}

PoolStatus
pool_lend (
    Pool *pool, guint32 me, guint64 size, gboolean may_grow, gint64 deadline_us, guint *index)
{
  PoolStatus status = back_table (pool);
  guint64 extent = extent_for (pool, size, size / 16), exact = extent_for (pool, size, 1), reserved;

  if (status != POOL_OK)
    return status;
  if (!guard_take (&pool->shared->guard, pool->participants, me, deadline_us,
                   &pool->shared->guards))
    return POOL_STUCK;
  reserved = MIN (load (&pool->shared->reserved), pool->size);
  *index = find_fitting (pool, extent, reserved);
  if (*index == POOL_NONE)
    status = lend_new (pool, extent, reserved, may_grow, index);
  if (status == POOL_CROWDED)
    status = lend_new (pool, exact, reserved, may_grow, index);
  if (status == POOL_OK)
    atomic_store_explicit (&pool->shared->blocks[*index].state, me, memory_order_release);
  guard_release (&pool->shared->guard);
  return status;
}

/* ---- the end of a loan ---- */

gboolean
pool_free (Pool *pool, guint index, guint32 state)
{
  PoolBlock *block = pool_entry (pool, index);

  if (block == NULL || !atomic_compare_exchange_strong (&block->state, &state, 0))
    return FALSE;
  if (atomic_fetch_add (&pool->shared->freed, 2) & WAIT_SLEEPER)
    {
      atomic_fetch_and (&pool->shared->freed, ~WAIT_SLEEPER);
      wait_wake (&pool->shared->freed, G_MAXINT);
    }
  return TRUE;
}

guint
pool_recover (Pool *pool, guint32 me)
{
  guint used = pool_used (pool), n = 0;
  guint32 living = me;

  for (guint i = 0; i < used; i++)
    {
      guint32 state = bits (&pool->shared->blocks[i].state);

      if (state == 0 || state == POOL_QUEUED || state == living)
        continue;
      if (participants_is_dead (pool->participants, state))
        n += pool_free (pool, i, state);
      else
        living = state; /* often the next one's, too */
    }
  return n;
}

guint
pool_count (Pool *pool)
{
  guint used = pool_used (pool), n = 0;

  for (guint i = 0; i < used; i++)
    n += bits (&pool->shared->blocks[i].state) != 0;
  return n;
}

guint64
pool_reserved (Pool *pool)
{
  return is_ready (pool) ? load (&pool->shared->reserved) : 0;
}

/* `reserved` first, so that nothing that may be touched is without memory. */
PoolStatus
pool_trim (Pool *pool, guint32 me, gint64 deadline_us)
{
  guint64 base = pool->offset + table_size (), end;
  int failed;

  if (!is_ready (pool))
    return POOL_OK;
  if (!guard_take (&pool->shared->guard, pool->participants, me, deadline_us,
                   &pool->shared->guards))
    return POOL_STUCK;
  end = MIN (end_of_all (pool), MIN (load (&pool->shared->reserved), pool->size));
  store (&pool->shared->reserved, end);
  failed = segment_punch (pool->segment, base + ring_data_size (end),
                          base + ring_data_size (pool->size));
  guard_release (&pool->shared->guard);
  return failed ? POOL_NO_SPACE : POOL_OK;
}

guint32
pool_watch (Pool *pool, _Atomic (guint32) **word)
{
  *word = &pool->shared->freed;
  return atomic_fetch_or (*word, WAIT_SLEEPER) | WAIT_SLEEPER;
}
