/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions of a store, and the rows in them.
 *
 * Reading takes no lock: a transaction from the pool is renewed (it then sees the last committed
 * state), used, reset and put back. It never outlives the call that began it: an open one would
 * pin the pages that it sees, and the store would grow by all that is written meanwhile.
 *
 * Writing goes through the gate, then through LMDB's own mutex, which by then is free: LMDB's can
 * neither be tried nor time out. A writer that finds the map full leaves its transaction, grows the
 * store and runs its function again.
 *
 * Threads. LMDB's mutex belongs to the thread, so a write transaction begins and ends in one call.
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"

#include <sched.h>

#define DOING_READ "Reading"
#define DOING_WRITE "Writing"
#define REFUSED (-1) /* a failure that is none of LMDB's: see refusal */

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

static MDB_txn *
pool_take (Store *store)
{
  guint place = pool_place ();
  MDB_txn *txn = NULL;

  for (guint i = 0; i < STORE_POOL && txn == NULL; i++, place = (place + 1) % STORE_POOL)
    if (atomic_load_explicit (&store->pool[place], memory_order_relaxed) != NULL)
      txn = atomic_exchange (&store->pool[place], NULL);
  return txn;
}

static void
pool_give (Store *store, MDB_txn *txn)
{
  guint place = pool_place ();

  for (guint i = 0; i < STORE_POOL; i++, place = (place + 1) % STORE_POOL)
    {
      MDB_txn *expected = NULL;

      if (atomic_compare_exchange_strong (&store->pool[place], &expected, txn))
        return;
    }
  mdb_txn_abort (txn);
}

/* What LMDB copied of a header may be half of the next one, if we slept meanwhile. */
static int
renew (Store *store, MDB_txn *handle)
{
  int rc;

  while ((rc = mdb_txn_renew (handle)) == 0 &&
         G_UNLIKELY (!store_headers_kept (&store->headers, mdb_txn_id (handle))))
    mdb_txn_reset (handle);
  if (G_UNLIKELY (rc != 0))
    mdb_txn_abort (handle);
  return rc;
}

static int
renew_or_begin (Store *store, MDB_txn **handle)
{
  int rc;

  *handle = pool_take (store);
  if (G_LIKELY (*handle != NULL))
    return renew (store, *handle);

  rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, handle);
  if (rc == MDB_READERS_FULL && mdb_reader_check (store->env, NULL) == 0)
    rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, handle);
  if (rc != 0)
    return rc;
  mdb_txn_reset (*handle);
  return renew (store, *handle);
}

gboolean
store_read_begin (Store *store, StoreTxn *txn, GError **error)
{
  MDB_txn *handle;
  int rc;

  if (!store_enter (store, error))
    return FALSE;

  for (;;)
    {
      reader_in (store);
      rc = renew_or_begin (store, &handle);
      if (G_LIKELY (rc == 0))
        break;
      reader_out (store);
      if (rc == MDB_MAP_RESIZED)
        rc = store_adopt (store);
      if (rc != 0)
        return store_fail (store, rc, DOING_READ, error);
    }

  *txn = (StoreTxn){ .store = store, .handle = handle };
  return TRUE;
}

gboolean
store_read_end (StoreTxn *txn, GError **error)
{
  Store *store = txn->store;

  mdb_txn_reset (txn->handle);
  pool_give (store, txn->handle);
  reader_out (store);
  txn->handle = NULL;
  return txn->failure == 0 || store_fail (store, txn->failure, DOING_READ, error);
}

/* The one place where anything becomes visible to others: single writes come here, and
 * transactions over several objects. Inside the gate. 0, or what went wrong; then nothing has
 * happened. */
static int
commit (StoreTxn *txn)
{
  watchers_begin_commit (&txn->store->watchers, &txn->touched);
  return mdb_txn_commit (txn->handle);
}

/* One run of the function. 0, or what went wrong; -1 with @error set by the function. */
static int
run_once (Store *store, const StoreWrite *write, GError **error)
{
  StoreTxn txn = { .store = store };
  GError *local_error = NULL;
  MDB_txn *handle;
  gboolean done;
  int rc;

  if (write->bytes > 0 && !store_has_room (store, write->bytes))
    return MDB_MAP_FULL;
  rc = mdb_txn_begin (store->env, NULL, 0, &handle);
  if (rc != 0)
    return rc;

  txn.handle = handle;
  done = write->func (&txn, write->data, &local_error);
  if (done && txn.failure == 0)
    return commit (&txn);

  mdb_txn_abort (handle);
  if (txn.failure == REFUSED)
    {
      g_clear_error (&local_error);
      local_error = txn.refusal;
    }
  if (txn.failure == 0 || txn.failure == REFUSED)
    {
      g_propagate_error (error, local_error);
      return -1;
    }
  g_clear_error (&local_error);
  return txn.failure;
}

/* Inside the gate, under the mapping mutex. */
static gboolean
run_until_it_fits (Store *store, const StoreWrite *write, GError **error)
{
  gboolean looked = FALSE;

  for (;;)
    {
      int dead = 0, rc = run_once (store, write, error);

      if (rc <= 0 && rc >= -1)
        return rc == 0;

      if (rc == MDB_MAP_RESIZED)
        rc = store_adopt_locked (store);
      else if (rc == MDB_MAP_FULL)
        {
          if (!looked) /* a dead reader may pin what could be used again */
            mdb_reader_check (store->env, &dead);
          looked = TRUE;
          rc = dead > 0 ? 0 : store_grow_locked (store, write->bytes);
        }

      if (rc != 0)
        return store_fail (store, rc, DOING_WRITE, error);
    }
}

gboolean
store_write (Store *store, const StoreWrite *write, GError **error)
{
  gboolean done;

  if (!store_enter (store, error) ||
      !gate_enter (&store->gate, write->timeout_us, write->cancellable, error))
    return FALSE;

  g_mutex_lock (&store->mapping);
  store_headers_mend (&store->headers);
  watchers_mend (&store->watchers);
  done = run_until_it_fits (store, write, error);
  watchers_settle (&store->watchers);
  g_mutex_unlock (&store->mapping);
  gate_leave (&store->gate);
  return done;
}

static void
note (StoreTxn *txn, int rc)
{
  if (txn->failure == 0)
    txn->failure = rc;
}

gboolean
store_corrupt (StoreTxn *txn)
{
  note (txn, MDB_CORRUPTED);
  return FALSE;
}

gboolean
store_refuse (StoreTxn *txn, GError *error)
{
  if (txn->failure == 0)
    {
      txn->failure = REFUSED;
      txn->refusal = error;
    }
  else
    g_error_free (error);
  return FALSE;
}

gboolean
store_get (StoreTxn *txn, const void *key, gsize key_size, StoreBytes *value)
{
  MDB_val k = { key_size, (void *) key }, v;
  int rc = mdb_get (txn->handle, txn->store->rows, &k, &v);

  if (rc == 0)
    {
      *value = (StoreBytes){ v.mv_data, v.mv_size };
      return TRUE;
    }
  if (rc != MDB_NOTFOUND)
    note (txn, rc);
  return FALSE;
}

void
store_put (StoreTxn *txn, const void *key, gsize key_size, const void *data, gsize size)
{
  MDB_val k = { key_size, (void *) key }, v = { size, (void *) data };
  int rc;

  if (txn->failure != 0)
    return;
  rc = mdb_put (txn->handle, txn->store->rows, &k, &v, 0);
  if (rc != 0)
    note (txn, rc);
}

gpointer
store_put_room (StoreTxn *txn, const void *key, gsize key_size, gsize size)
{
  MDB_val k = { key_size, (void *) key }, v = { size, NULL };
  int rc;

  if (txn->failure != 0)
    return NULL;
  rc = mdb_put (txn->handle, txn->store->rows, &k, &v, MDB_RESERVE);
  if (rc == 0)
    return v.mv_data;
  note (txn, rc);
  return NULL;
}

gboolean
store_delete (StoreTxn *txn, const void *key, gsize key_size)
{
  MDB_val k = { key_size, (void *) key };
  int rc;

  if (txn->failure != 0)
    return FALSE;
  rc = mdb_del (txn->handle, txn->store->rows, &k, NULL);
  if (rc != 0 && rc != MDB_NOTFOUND)
    note (txn, rc);
  return rc == 0;
}

void
store_scan_begin (StoreScan *scan, StoreTxn *txn, const void *prefix, gsize prefix_size)
{
  MDB_cursor *cursor = NULL;
  int rc = mdb_cursor_open (txn->handle, txn->store->rows, &cursor);

  if (rc != 0)
    note (txn, rc);
  *scan = (StoreScan){
    .txn = txn, .cursor = cursor, .prefix_size = prefix_size, .start_size = prefix_size
  };
  memcpy (scan->prefix, prefix, prefix_size);
}

/* The next key that can be is @after with a byte 0 behind it. */
void
store_scan_begin_after (StoreScan *scan,
                        StoreTxn *txn,
                        const void *prefix,
                        gsize prefix_size,
                        const void *after,
                        gsize after_size)
{
  store_scan_begin (scan, txn, prefix, prefix_size);
  g_assert (after_size < sizeof scan->prefix);
  memcpy (scan->prefix, after, after_size);
  scan->prefix[after_size] = 0;
  scan->start_size = after_size + 1;
}

/* The row that the cursor has come to, as @rc says, if it still begins as it should. */
static gboolean
arrive (StoreScan *scan, int rc, const MDB_val *k, const MDB_val *v)
{
  scan->started = TRUE;
  if (rc != 0 && rc != MDB_NOTFOUND)
    note (scan->txn, rc);
  if (rc != 0 || k->mv_size < scan->prefix_size ||
      memcmp (k->mv_data, scan->prefix, scan->prefix_size) != 0)
    return FALSE;

  scan->key = (StoreBytes){ k->mv_data, k->mv_size };
  scan->value = (StoreBytes){ v->mv_data, v->mv_size };
  return TRUE;
}

gboolean
store_scan_next (StoreScan *scan)
{
  MDB_val k = { scan->start_size, scan->prefix }, v;
  int rc;

  if (scan->cursor == NULL || scan->txn->failure != 0)
    return FALSE;

  rc = mdb_cursor_get (scan->cursor, &k, &v, scan->started ? MDB_NEXT : MDB_SET_RANGE);
  return arrive (scan, rc, &k, &v);
}

/* It is before the first row that begins with more than the prefix; a prefix ends in a tag. */
gboolean
store_scan_last (StoreScan *scan)
{
  guint8 behind[sizeof scan->prefix];
  MDB_val k = { scan->prefix_size, behind }, v;
  int rc;

  if (scan->cursor == NULL || scan->txn->failure != 0)
    return FALSE;

  memcpy (behind, scan->prefix, scan->prefix_size);
  behind[scan->prefix_size - 1]++;
  rc = mdb_cursor_get (scan->cursor, &k, &v, MDB_SET_RANGE);
  if (rc == 0)
    rc = mdb_cursor_get (scan->cursor, &k, &v, MDB_PREV);
  else if (rc == MDB_NOTFOUND)
    rc = mdb_cursor_get (scan->cursor, &k, &v, MDB_LAST);
  return arrive (scan, rc, &k, &v);
}

/* LMDB then stands on the row behind, and MDB_NEXT gives that one. */
void
store_scan_delete (StoreScan *scan)
{
  int rc;

  if (scan->txn->failure == 0 && (rc = mdb_cursor_del (scan->cursor, 0)) != 0)
    note (scan->txn, rc);
}

void
store_scan_end (StoreScan *scan)
{
  if (scan->cursor != NULL)
    mdb_cursor_close (scan->cursor);
  scan->cursor = NULL;
}
