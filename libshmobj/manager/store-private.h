/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fork.h"
#include "manager/gate.h"
#include "manager/store-header.h"

#include <lmdb.h>
#include <stdatomic.h>

/* Shared by store*.c, the only files that know LMDB. */

#define STORE_FDS 4   /* descriptors that LMDB has of a store's files, or fewer */
#define STORE_POOL 16 /* read transactions kept for reuse */
#define STORE_FIRST_SIZE (G_GUINT64_CONSTANT (512) << 10)
#define STORE_REFUSED (-1)     /* a failure that is none of LMDB's: see refusal */
#define STORE_READERS_MAX 1000 /* reads at the same time, over all processes */

/* store-cursors.c: where a write has been */
#define STORE_CURSORS 2
#define STORE_CURSOR_KEY 64 /* longer keys are not remembered */

typedef struct
{
  MDB_cursor *handle; /* (owned by the transaction) (nullable) */
  gsize key_size;     /* 0: it is nowhere */
  gsize value_size;
  guint8 key[STORE_CURSOR_KEY];
} StoreCursor;

struct _StoreCursors
{
  StoreCursor places[STORE_CURSORS];
};

/* store-readers.c: a read transaction, and the rows that it was asked for last */
#define STORE_SEEN_BITS 4
#define STORE_SEEN (1 << STORE_SEEN_BITS)
#define STORE_SEEN_KEY 32 /* longer keys are not remembered */

typedef struct
{
  gsize key_size; /* 0: nothing is remembered here */
  StoreBytes value;
  guint8 key[STORE_SEEN_KEY];
} StoreSeen;

struct _StoreReader
{
  MDB_txn *handle; /* (owned) */
  gsize commit;    /* whose rows it has seen, */
  guint mappings;  /* at which addresses */
  StoreSeen seen[STORE_SEEN];
};

struct _Store
{
  gatomicrefcount references;
  char *path;
  StoreFlags flags;
  _Atomic (gint64) sync_interval_us; /* the least that was asked for; -1: nothing was */
  guint64 identity[2];               /* device and inode of the data file: the registry's key */
  Store *next;                       /* in the registry */

  guint32 generation; /* of the process that opened what follows; a forked child opens anew */
  ForkHook hook;
  int fds[STORE_FDS]; /* (owned by env): of its files, for the child to close */
  MDB_env *env;
  MDB_dbi rows;
  StoreHeaders headers;
  guint page_size;
  guint64 writes_that_fit; /* before the free list is counted again; under mapping */
  Gate gate;
  Watchers watchers;
  GMutex mapping;       /* held by who writes (inside the gate), and by who remaps */
  StoreCursors cursors; /* under mapping */

  /* Those of this process that are open (store-transaction.c). */
  GMutex transacting; /* held for moments */
  StoreTransaction *transactions;
  StoreTransaction *reserver; /* the one for which the gate is reserved, unless it was seized */
  atomic_int n_transactions;

  /* Growth unmaps. Readers are counted in, and who remaps waits until none is left. */
  atomic_int readers;
  atomic_int remapping;
  atomic_uint mappings; /* how often that was */
  _Atomic (StoreReader *) pool[STORE_POOL];
};

/* store.c */
gboolean store_open_after_fork (Store *store, GError **error);
gboolean store_fail (Store *store, int rc, const char *doing, GError **error);
guint64 store_file_size (Store *store);

/* store-growth.c: map size = reserved bytes */
int store_size_lock (const char *path);
void store_size_unlock (int lock);
int store_adopt (Store *store);
int store_adopt_locked (Store *store);
int store_grow_locked (Store *store, gsize bytes);
gboolean store_has_room (Store *store, gsize bytes);

/* store-readers.c. 0, or what LMDB says; then nobody was taken. */
int readers_take (Store *store, StoreReader **reader);
void readers_give (Store *store, StoreReader *reader);
/* As mdb_get(). */
int readers_get (StoreTxn *txn, MDB_val *key, MDB_val *value);
/* Of an environment that is to be closed; or, in a forked child, of the parent's. */
void readers_free (Store *store, gboolean forked);

/* store-cursors.c: for rows of a write transaction. They answer as LMDB does. */
void cursors_begin (StoreTxn *txn);
int cursors_get (StoreTxn *txn, MDB_val *key, MDB_val *value);
int cursors_put (StoreTxn *txn, MDB_val *key, MDB_val *value, guint flags);
/* The same for many rows in the order of their keys. */
int cursors_put_next (StoreTxn *txn, MDB_val *key, MDB_val *value);
/* Before rows change in another way. */
void cursors_forget (StoreTxn *txn);

/* store-txn.c: one run of the function. 0, or what went wrong; -1 with @error set by the function
 */
int store_run_func (StoreTxn *txn, const StoreWrite *write, GError **error);
/* for who is inside the gate already */
gboolean store_run (Store *store, const StoreWrite *write, GError **error);

/* store-rows.c: store_put() of many rows in the order of their keys; not into an overlay */
void store_put_next (StoreTxn *txn, const void *key, gsize key_size, const void *data, gsize size);

/* store-transaction.c: these are for a store with transactions, and find out whether one is this
 * thread's. */
gboolean store_transaction_join (StoreTxn *txn, GError **error);
void store_transaction_unlock (StoreTransaction *root);
/* FALSE: none is, and nothing was done. */
gboolean
store_transaction_write (Store *store, const StoreWrite *write, gboolean *done, GError **error);

/* store-check.c: with @whole, all pages are walked */
gboolean store_check_file (const char *path, gboolean whole, guint64 *size, GError **error);
gboolean store_file_is_damaged (const char *path, const char *what, guint64 number, GError **error);
gboolean store_walk (int fd, const char *path, const Header *header, GError **error);

/* store-clean.c */
gboolean store_take_clean (const char *path);
void store_leave_clean (const char *path);

/* store-checkpoint.c: of durable stores. Before a write, inside the gate, under the mapping mutex:
 * FALSE if it may not happen. */
gboolean checkpoint_before_write (Store *store, const StoreWrite *write, GError **error);
/* A library's last moment: other threads may still run. */
void checkpoint_at_exit (Store *store);
/* Under the size lock, when nobody has the store open: at the last close and at the first opening.
 */
gboolean checkpoint_close (const char *path);
gboolean checkpoint_recover (Store *store, GError **error);

static inline gboolean
store_has_transactions (Store *store)
{
  return G_UNLIKELY (atomic_load_explicit (&store->n_transactions, memory_order_relaxed) != 0);
}

static inline gboolean
store_enter (Store *store, GError **error)
{
  if (G_LIKELY (store->generation == fork_generation ()))
    return TRUE;
  return store_open_after_fork (store, error);
}
