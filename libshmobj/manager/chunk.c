/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chunks: some hundred items of a list in one row.
 *
 *     0        2       4                    used               capacity - 2 count     capacity
 *     [ count ][ used ][ item 0 ][ item 1 ] … |      free        | … [ end 1 ][ end 0 ]
 *
 * An end is the offset behind an item. Ends are counted from the back, so that adding an item at
 * the end moves nothing, and an item is found without walking over those before it.
 *
 * Chunks are read where they lie in the store. Each offset is copied, checked against used and
 * capacity, and then used; a damaged one costs an item, never an access outside of the row.
 */

#include "manager/chunk.h"

#include <string.h>

#define HEADER 4

static guint
load (const Chunk *chunk, guint offset)
{
  guint16 value;

  memcpy (&value, chunk->bytes + offset, sizeof value);
  return value;
}

static void
save (Chunk *chunk, guint offset, guint value)
{
  guint16 narrow = value;

  memcpy (chunk->bytes + offset, &narrow, sizeof narrow);
}

static guint
used_of (const Chunk *chunk)
{
  return load (chunk, 2);
}

/* The offset behind item @i - 1, which is where item @i begins; never outside of what is used. */
static guint
start_of (const Chunk *chunk, guint i)
{
  guint start = i == 0 ? HEADER : load (chunk, chunk->capacity - 2 * i);

  return CLAMP (start, HEADER, used_of (chunk));
}

static void
set_end (Chunk *chunk, guint i, guint end)
{
  save (chunk, chunk->capacity - 2 * (i + 1), end);
}

void
chunk_init (Chunk *chunk, gpointer bytes, guint capacity)
{
  *chunk = (Chunk){ bytes, capacity };
  save (chunk, 0, 0);
  save (chunk, 2, HEADER);
}

gboolean
chunk_open (Chunk *chunk, gconstpointer bytes, gsize capacity)
{
  guint count, used;

  if (capacity < HEADER || capacity > CHUNK_CAPACITY_MAX)
    return FALSE;

  *chunk = (Chunk){ (guint8 *) bytes, capacity };
  count = chunk_count (chunk);
  used = used_of (chunk);
  return used >= HEADER && used + 2 * count <= capacity;
}

guint
chunk_count (const Chunk *chunk)
{
  return load (chunk, 0);
}

guint
chunk_weight (const Chunk *chunk)
{
  return used_of (chunk) - HEADER + 2 * chunk_count (chunk);
}

guint
chunk_fitting (const Chunk *chunk, guint weight)
{
  guint count = chunk_count (chunk), n = 0;

  while (n < count && start_of (chunk, n + 1) - HEADER + 2 * (n + 1) <= weight)
    n++;
  return n;
}

gboolean
chunk_item (const Chunk *chunk, guint i, StoreBytes *item)
{
  guint start, end;

  if (i >= chunk_count (chunk))
    return FALSE;

  start = start_of (chunk, i);
  end = start_of (chunk, i + 1);
  if (end < start)
    return FALSE;

  *item = (StoreBytes){ chunk->bytes + start, end - start };
  return TRUE;
}

gboolean
chunk_items (const Chunk *chunk, guint first, guint n, StoreBytes *items)
{
  guint start, end;

  if (first > chunk_count (chunk) || n > chunk_count (chunk) - first)
    return FALSE;

  start = start_of (chunk, first);
  end = start_of (chunk, first + n);
  if (end < start)
    return FALSE;

  *items = (StoreBytes){ chunk->bytes + start, end - start };
  return TRUE;
}

/* Moves what begins with item @at by @size bytes and @n places. The room is there. */
static void
make_gap (Chunk *chunk, guint at, guint n, guint size)
{
  guint count = chunk_count (chunk), used = used_of (chunk), start = start_of (chunk, at);

  if (at < count)
    {
      memmove (chunk->bytes + start + size, chunk->bytes + start, used - start);
      for (guint i = count; i > at; i--)
        set_end (chunk, i - 1 + n, load (chunk, chunk->capacity - 2 * i) + size);
    }
  save (chunk, 0, count + n);
  save (chunk, 2, used + size);
}

gboolean
chunk_insert (Chunk *chunk, guint at, gconstpointer data, gsize size)
{
  guint start = start_of (chunk, at);

  if (size > CHUNK_CAPACITY_MAX || HEADER + chunk_weight (chunk) + size + 2 > chunk->capacity)
    return FALSE;

  make_gap (chunk, at, 1, size);
  memcpy (chunk->bytes + start, data, size);
  set_end (chunk, at, start + size);
  return TRUE;
}

gboolean
chunk_insert_from (Chunk *chunk, guint at, const Chunk *from, guint first, guint n)
{
  guint from_start = start_of (from, first), from_end = start_of (from, first + n);
  guint start = start_of (chunk, at), size = from_end - MIN (from_start, from_end);

  if (n == 0)
    return TRUE;
  if (HEADER + chunk_weight (chunk) + size + 2 * n > chunk->capacity)
    return FALSE;

  make_gap (chunk, at, n, size);
  memcpy (chunk->bytes + start, from->bytes + from_start, size);
  for (guint i = 0; i < n; i++)
    set_end (chunk, at + i, start + start_of (from, first + i + 1) - from_start);
  return TRUE;
}

gboolean
chunk_replace (Chunk *chunk, guint at, gconstpointer data, gsize size)
{
  StoreBytes old;

  if (!chunk_item (chunk, at, &old) || old.size != size)
    return FALSE;
  memcpy ((guint8 *) old.data, data, size);
  return TRUE;
}

void
chunk_remove (Chunk *chunk, guint first, guint n)
{
  guint count = chunk_count (chunk), used = used_of (chunk);
  guint start = start_of (chunk, first), end = start_of (chunk, first + n);
  guint size = end - MIN (start, end);

  memmove (chunk->bytes + start, chunk->bytes + start + size, used - start - size);
  for (guint i = first + n; i < count; i++)
    set_end (chunk, i - n, load (chunk, chunk->capacity - 2 * (i + 1)) - size);
  save (chunk, 0, count - n);
  save (chunk, 2, used - size);
}
