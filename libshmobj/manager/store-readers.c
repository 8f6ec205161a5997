/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Read transactions of a store, kept for those who read next.
 *
 * One from the pool is renewed (it then sees the last committed state), used, reset and put back.
 * It never outlives the call that began it: an open one would pin the pages that it sees, and the
 * store would grow by all that is written meanwhile.
 *
 * Who reads twice without a commit in between is told the same by LMDB, at the same addresses: what
 * a commit has is not written to before the next one has been committed. So each transaction
 * remembers where it found the last few rows, and while the commit is the same one it does not look
 * for them again. The record of an object that is read over and over is such a row.
 *
 *     commit    of the rows that are remembered: another one, and all are forgotten
 *     mappings  likewise, when the store has moved in memory meanwhile
 *
 * Nothing here is shared with other processes. In a forked child all is the parent's and forgotten.
 */

#include "manager/store-private.h"

#include <sched.h>
#include <string.h>

/* Between the two the store does not move in memory. */
static void
reader_in (Store *store)
{
  for (;;)
    {
      atomic_fetch_add (&store->readers, 1);
      if (G_LIKELY (atomic_load (&store->remapping) == 0))
        return;
      atomic_fetch_sub (&store->readers, 1);
      while (atomic_load (&store->remapping) != 0)
        sched_yield ();
    }
}

static void
reader_out (Store *store)
{
  atomic_fetch_sub (&store->readers, 1);
}

static void
reader_free (StoreReader *reader)
{
  mdb_txn_abort (reader->handle);
  g_free (reader);
}

/* ---- the pool ---- */

/* Threads begin their search at different places, so that they seldom meet. */
static guint
pool_place (void)
{
  static _Thread_local guint place;
  static atomic_uint last;

  if (G_UNLIKELY (place == 0))
    place = 1 + atomic_fetch_add (&last, 1) % STORE_POOL;
  return place - 1;
}

static StoreReader *
pool_take (Store *store)
{
  guint place = pool_place ();
  StoreReader *reader = NULL;

  for (guint i = 0; i < STORE_POOL && reader == NULL; i++, place = (place + 1) % STORE_POOL)
    if (atomic_load_explicit (&store->pool[place], memory_order_relaxed) != NULL)
      reader = atomic_exchange (&store->pool[place], NULL);
  return reader;
}

static void
pool_give (Store *store, StoreReader *reader)
{
  guint place = pool_place ();

  for (guint i = 0; i < STORE_POOL; i++, place = (place + 1) % STORE_POOL)
    {
      StoreReader *expected = NULL;

      if (atomic_compare_exchange_strong (&store->pool[place], &expected, reader))
        return;
    }
  reader_free (reader);
}

void
readers_free (Store *store, gboolean forked)
{
  for (guint i = 0; i < STORE_POOL; i++)
    {
      StoreReader *reader = atomic_exchange (&store->pool[i], NULL);

      if (reader != NULL && !forked)
        reader_free (reader);
      else
        g_free (reader); /* the transaction is the parent's environment's */
    }
}

/* ---- one of them ---- */

static void
forget (StoreReader *reader, gsize commit, guint mappings)
{
  reader->commit = commit;
  reader->mappings = mappings;
  for (guint i = 0; i < STORE_SEEN; i++)
    reader->seen[i].key_size = 0;
}

/* What LMDB copied of a header may be half of the next one, if we slept meanwhile. */
static int
renew (Store *store, StoreReader *reader)
{
  guint mappings = atomic_load_explicit (&store->mappings, memory_order_relaxed);
  gsize commit;
  int rc;

  while ((rc = mdb_txn_renew (reader->handle)) == 0 &&
         G_UNLIKELY (!store_headers_kept (&store->headers, mdb_txn_id (reader->handle))))
    mdb_txn_reset (reader->handle);
  if (G_UNLIKELY (rc != 0))
    {
      reader_free (reader);
      return rc;
    }

  commit = mdb_txn_id (reader->handle);
  if (reader->commit != commit || G_UNLIKELY (reader->mappings != mappings))
    forget (reader, commit, mappings);
  return 0;
}

static int
renew_or_begin (Store *store, StoreReader **reader)
{
  MDB_txn *handle;
  int rc;

  *reader = pool_take (store);
  if (G_LIKELY (*reader != NULL))
    return renew (store, *reader);

  rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, &handle);
  if (rc == MDB_READERS_FULL && mdb_reader_check (store->env, NULL) == 0)
    rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, &handle);
  if (rc != 0)
    return rc;
  mdb_txn_reset (handle);
  *reader = g_new0 (StoreReader, 1);
  (*reader)->handle = handle;
  return renew (store, *reader);
}

int
readers_take (Store *store, StoreReader **reader)
{
  int rc;

  reader_in (store);
  rc = renew_or_begin (store, reader);
  if (G_UNLIKELY (rc != 0))
    reader_out (store);
  return rc;
}

void
readers_give (Store *store, StoreReader *reader)
{
  mdb_txn_reset (reader->handle);
  pool_give (store, reader);
  reader_out (store);
}

/* Where a row is remembered, if it is; NULL: its key is none that is. Keys differ in their last
 * bytes. */
static StoreSeen *
place_of (StoreReader *reader, const MDB_val *key)
{
  guint64 end;

  if (key->mv_size < sizeof end || key->mv_size > STORE_SEEN_KEY)
    return NULL;
  memcpy (&end, (const guint8 *) key->mv_data + key->mv_size - sizeof end, sizeof end);
  return &reader->seen[end * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> (64 - STORE_SEEN_BITS)];
}

int
readers_get (StoreTxn *txn, MDB_val *key, MDB_val *value)
{
  StoreSeen *seen = place_of (txn->reader, key);
  int rc;

  if (seen != NULL && seen->key_size == key->mv_size &&
      memcmp (seen->key, key->mv_data, key->mv_size) == 0)
    {
      *value = (MDB_val){ seen->value.size, (void *) seen->value.data };
      return 0;
    }

  rc = mdb_get (txn->handle, txn->store->rows, key, value);
  if (rc == 0 && seen != NULL)
    {
      seen->key_size = key->mv_size;
      seen->value = (StoreBytes){ value->mv_data, value->mv_size };
      memcpy (seen->key, key->mv_data, key->mv_size);
    }
  return rc;
}
