/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions of a store, and the rows in them.
 *
 * Reading takes no lock: it has a transaction of store-readers.c, which never outlives the call
 * that began it.
 *
 * Writing goes through the gate, then through LMDB's own mutex, which by then is free: LMDB's can
 * neither be tried nor time out. A writer that finds the map full leaves its transaction, grows the
 * store and runs its function again.
 *
 * Threads. LMDB's mutex belongs to the thread, so a write transaction begins and ends in one call.
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"

#define DOING_READ "Reading"
#define DOING_WRITE "Writing"

gboolean
store_read_begin (Store *store, StoreTxn *txn, GError **error)
{
  StoreReader *reader;
  int rc;

  if (!store_enter (store, error))
    return FALSE;

  while (G_UNLIKELY ((rc = readers_take (store, &reader)) != 0))
    {
      if (rc == MDB_MAP_RESIZED)
        rc = store_adopt (store);
      if (rc != 0)
        return store_fail (store, rc, DOING_READ, error);
    }

  *txn = (StoreTxn){ .store = store, .handle = reader->handle, .reader = reader };
  return !store_has_transactions (store) || store_transaction_join (txn, error);
}

gboolean
store_read_end (StoreTxn *txn, GError **error)
{
  Store *store = txn->store;

  readers_give (store, txn->reader);
  txn->handle = txn->reader = NULL;
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
