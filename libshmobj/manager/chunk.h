/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/store.h"

/* A row's worth of items, any of which is found at once. */
typedef struct
{
  guint8 *bytes;
  guint capacity;
} Chunk;

#define CHUNK_CAPACITY_MAX 32768

/* An empty chunk in @bytes. */
void chunk_init (Chunk *chunk, gpointer bytes, guint capacity);
/* A chunk that is there already. FALSE when the bytes are none. */
gboolean chunk_open (Chunk *chunk, gconstpointer bytes, gsize capacity);

guint chunk_count (const Chunk *chunk);
/* Bytes that its items need in any chunk. */
guint chunk_weight (const Chunk *chunk);
/* The number of items, from the first on, that need no more than @weight. */
guint chunk_fitting (const Chunk *chunk, guint weight);
/* FALSE when @i is not in it, or the bytes are nonsense. */
gboolean chunk_item (const Chunk *chunk, guint i, StoreBytes *item);

/* The same for @n of them, which lie one behind the other. */
gboolean chunk_items (const Chunk *chunk, guint first, guint n, StoreBytes *items);

/* FALSE when there is no room; then nothing has changed. @at <= count. */
gboolean chunk_insert (Chunk *chunk, guint at, gconstpointer data, gsize size);
gboolean chunk_insert_from (Chunk *chunk, guint at, const Chunk *from, guint first, guint n);
/* FALSE when the item that is there has another size; then nothing has changed. */
gboolean chunk_replace (Chunk *chunk, guint at, gconstpointer data, gsize size);
void chunk_remove (Chunk *chunk, guint first, guint n);
