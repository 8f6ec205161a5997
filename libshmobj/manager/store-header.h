/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/store.h"

#include <stdatomic.h>

/* The two headers of a store's file (data version 1 of LMDB), and the word in lock.mdb that says
 * which of them counts (store-header.c). */

#define HEADER_OFFSET 16 /* in each of the first two pages */
#define HEADER_MAGIC 0xBEEFC0DEu

typedef struct
{
  guint32 pad; /* of the first: the page size */
  guint16 flags;
  guint16 depth;
  guint64 branch_pages;
  guint64 leaf_pages;
  guint64 overflow_pages;
  guint64 entries;
  guint64 root;
} HeaderTree;

typedef struct
{
  guint32 magic;
  guint32 version;
  guint64 address;
  guint64 map_size;
  HeaderTree trees[2]; /* the free list, the rows */
  guint64 last_page;
  guint64 number; /* of the commit that wrote it */
} Header;

/* A process's view of them. Forked children do not inherit the mappings. */
typedef struct
{
  guint8 *lock_file, *data_file; /* (owned): mapped, or NULL */
  gsize data_size;
  gboolean alone;                     /* nobody else had the store open when we opened it */
  const _Atomic (guint64) *published; /* NULL: this LMDB's lock file is not known to us */
  _Atomic (guint64) *numbers[2];      /* NULL in a durable store */
} StoreHeaders;

/* Before LMDB opens the store of the directory @path, under the size lock; and after. 0 or errno.
 */
int store_headers_open (StoreHeaders *self, const char *path, StoreFlags flags);
void store_headers_opened (StoreHeaders *self);
void store_headers_close (StoreHeaders *self);
/* Under the size lock, and not while it is open in this process. */
gboolean store_headers_nobody_inside (const char *path);

/* Takes back a commit whose writer died before it was published. */
void store_headers_take_back (StoreHeaders *self);

/* In the gate, before anything else: nobody else writes the headers. */
static inline void
store_headers_mend (StoreHeaders *self)
{
  guint64 published;

  if (self->published == NULL || self->numbers[0] == NULL)
    return;
  published = atomic_load_explicit (self->published, memory_order_relaxed);
  if (G_UNLIKELY (atomic_load_explicit (self->numbers[0], memory_order_relaxed) > published ||
                  atomic_load_explicit (self->numbers[1], memory_order_relaxed) > published))
    store_headers_take_back (self);
}

/* After a copy of the header @number was made: it was not overwritten meanwhile, which begins when
 * the commit after it has been published. */
static inline gboolean
store_headers_kept (StoreHeaders *self, guint64 number)
{
  atomic_thread_fence (memory_order_acquire);
  return self->published == NULL ||
         atomic_load_explicit (self->published, memory_order_relaxed) == number;
}
