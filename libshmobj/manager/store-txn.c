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
  return !store_has_transactions (store) || store_transaction_join (txn, error);
}

gboolean
store_read_end (StoreTxn *txn, GError **error)
{
  Store *store = txn->store;

  mdb_txn_reset (txn->handle);
  pool_give (store, txn->handle);
  reader_out (store);
  txn->handle = NULL;
  if (G_UNLIKELY (txn->transaction != NULL))
    store_transaction_unlock (txn->transaction);
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

int
store_run_func (StoreTxn *txn, const StoreWrite *write, GError **error)
{
  GError *local_error = NULL;

  if (write->func (txn, write->data, &local_error) && txn->failure == 0)
    return 0;
  if (txn->failure == STORE_REFUSED)
    {
      g_clear_error (&local_error);
      local_error = g_steal_pointer (&txn->refusal);
    }
  if (txn->failure == 0 || txn->failure == STORE_REFUSED)
    {
      g_propagate_error (error, local_error);
      return -1;
    }
  g_clear_error (&local_error);
  return txn->failure;
}

static int
run_once (Store *store, const StoreWrite *write, GError **error)
{
  StoreTxn txn = { .store = store };
  MDB_txn *handle;
  int rc;

  if (write->bytes > 0 && !store_has_room (store, write->bytes))
    return MDB_MAP_FULL;
  rc = mdb_txn_begin (store->env, NULL, 0, &handle);
  if (rc != 0)
    return rc;

  txn.handle = handle;
  cursors_begin (&txn);
  rc = store_run_func (&txn, write, error);
  if (rc == 0)
    return commit (&txn);
  mdb_txn_abort (handle);
  return rc;
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
store_run (Store *store, const StoreWrite *write, GError **error)
{
  gboolean done;

  g_mutex_lock (&store->mapping);
  store_headers_mend (&store->headers);
  watchers_mend (&store->watchers);
  done = (!(store->flags & STORE_DURABLE) || checkpoint_before_write (store, write, error)) &&
         run_until_it_fits (store, write, error);
  watchers_settle (&store->watchers);
  g_mutex_unlock (&store->mapping);
  return done;
}

gboolean
store_write (Store *store, const StoreWrite *write, GError **error)
{
  gboolean done;

  if (!store_enter (store, error))
    return FALSE;
  if (store_has_transactions (store) && store_transaction_write (store, write, &done, error))
    return done;
  if (!gate_enter (&store->gate, write->timeout_us, write->cancellable, error))
    return FALSE;

  done = store_run (store, write, error);
  gate_leave (&store->gate);
  return done;
}
