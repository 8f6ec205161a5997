/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions over several objects, which last as long as their user's code does.
 *
 *     begin     reserve the gate, pass through it, note the number of the last commit (the
 * snapshot) calls     read that commit with the overlay over it; changes go into the overlay commit
 * enter the gate; if the last commit is still the snapshot, put the overlay's rows into one LMDB
 * transaction
 *
 * LMDB's mutex is thus held for the microseconds of the last step and never while user code runs:
 * it can neither time out nor be given back by another thread. Nor is a read transaction kept open,
 * which would pin old pages and keep the map from growing: each call begins one and looks whether
 * it still sees the snapshot. If not, somebody has waited too long for us and gone ahead (gate.c):
 * this call and all that follow are CONFLICT. So a transaction never sees two states, and what it
 * has read is still so when it is committed. A transaction that only reads writes nothing.
 *
 * Tried, in thought: an LMDB write transaction held open. A main loop inside the function, a
 * garbage collector that ends it from another thread, or a stop signal block every writer for ever.
 *
 * Which transaction. A store knows the open ones of its process, by thread. One that begins in a
 * thread that has one is a part of it: a savepoint of its overlay. Parts that are still open when
 * something outside of them ends have not been committed, so they are undone.
 *
 * Another thread may end a transaction (a garbage collector does): `busy` is held over each call
 * and over the end.
 *
 * Numbers of objects that are made inside must stay theirs when it is rolled back: somebody may
 * have kept one. So they are taken from the store some at a time, in a write of their own that is
 * committed at once; then the snapshot is that commit.
 *
 * Death. Before the commit nothing was written, and the reservation is taken from the dead
 * (gate.c); at the commit it is LMDB's: all or nothing.
 *
 * Forks. The overlay is the parent's transaction: a child's calls are outside of it, and in the
 * child it cannot be committed.
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"

#define ATTEMPT_US 1000 /* some hundred times what a write takes */

struct _StoreTransaction
{
  gatomicrefcount references;
  Store *store;            /* (owned) */
  StoreTransaction *outer; /* (unowned): NULL of the outermost, which is the root of its parts */
  StoreTransaction *root;  /* (owned unless it is ourselves) */
  OverlaySavepoint savepoint;
  guint32 generation; /* of the process it belongs to */
  gboolean ended;     /* under the root's busy */

  /* of the root */
  GRecMutex busy;
  StoreTransaction *next;      /* in the store's list, under its transacting */
  StoreTransaction *innermost; /* (unowned): of its open parts, or itself */
  guint64 thread;
  Overlay *overlay; /* (owned) */
  gsize snapshot;   /* number of the commit that it sees */
  gboolean adds;    /* FALSE: it only frees, and may use the reserve */
  gboolean conflict;
  Touched touched; /* perhaps by what was undone, too */
  StoreNumbers numbers;
  GArray *after; /* (owned) (nullable): of After */
};

/* What was put off until it has ended. */
typedef struct
{
  void (*func) (gpointer data);
  gpointer data;
} After;

/* Not pthread_self(): those are used again while an abandoned transaction may still be open. */
static guint64
this_thread (void)
{
  static _Thread_local guint64 number;
  static _Atomic (guint64) last;

  if (G_UNLIKELY (number == 0))
    number = atomic_fetch_add (&last, 1) + 1;
  return number;
}

static StoreTransaction *
transaction_ref (StoreTransaction *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

static void
run_after (StoreTransaction *root)
{
  GArray *after = g_steal_pointer (&root->after);

  for (guint i = 0; after != NULL && i < after->len; i++)
    g_array_index (after, After, i).func (g_array_index (after, After, i).data);
  if (after != NULL)
    g_array_unref (after);
}

static void
transaction_unref (StoreTransaction *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  run_after (self);
  if (self->root != self)
    transaction_unref (self->root);
  g_clear_pointer (&self->overlay, overlay_free);
  g_rec_mutex_clear (&self->busy);
  store_unref (self->store);
  g_free (self);
}

/* This thread's, with its busy taken; NULL if it has none. */
static StoreTransaction *
lock_own (Store *store)
{
  guint64 thread = this_thread ();
  StoreTransaction *root;

  g_mutex_lock (&store->transacting);
  for (root = store->transactions; root != NULL; root = root->next)
    if (root->thread == thread)
      {
        transaction_ref (root);
        break;
      }
  g_mutex_unlock (&store->transacting);

  if (root == NULL)
    return NULL;
  g_rec_mutex_lock (&root->busy);
  if (!root->ended)
    return root;
  store_transaction_unlock (root);
  return NULL;
}

void
store_transaction_unlock (StoreTransaction *root)
{
  g_rec_mutex_unlock (&root->busy);
  transaction_unref (root);
}

gboolean
store_thread_has_transaction (Store *store)
{
  StoreTransaction *root = store_has_transactions (store) ? lock_own (store) : NULL;

  if (root != NULL)
    store_transaction_unlock (root);
  return root != NULL;
}

static gboolean
conflict (StoreTransaction *root, GError **error)
{
  root->conflict = TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT,
               "The transaction kept others from writing for so long that one of them went "
               "ahead; nothing of it is in the manager. It can be tried again");
  return FALSE;
}

gboolean
store_transaction_join (StoreTxn *txn, GError **error)
{
  StoreTransaction *root = lock_own (txn->store);

  if (root == NULL)
    return TRUE;
  txn->transaction = root;
  txn->overlay = root->overlay;
  if (!root->conflict && mdb_txn_id (txn->handle) == root->snapshot)
    return TRUE;
  store_read_end (txn, NULL);
  return conflict (root, error);
}

/* Runs @write in the transaction that @txn has joined. */
static gboolean
write_in (StoreTxn *txn, const StoreWrite *write, GError **error)
{
  StoreTransaction *root = txn->transaction, *innermost = root->innermost;
  OverlaySavepoint before = overlay_begin (root->overlay);
  int rc = store_run_func (txn, write, error);

  if (rc == 0)
    {
      overlay_keep (root->overlay, &before, innermost == root ? NULL : &innermost->savepoint);
      root->adds |= write->bytes > 0;
      touched_add_all (&root->touched, &txn->touched);
      return TRUE;
    }
  overlay_undo (root->overlay, &before);
  return rc > 0 ? store_fail (txn->store, rc, "Writing", error) : FALSE;
}

gboolean
store_transaction_write (Store *store, const StoreWrite *write, gboolean *done, GError **error)
{
  StoreTxn txn;

  *done = FALSE;
  if (g_cancellable_set_error_if_cancelled (write->cancellable, error) ||
      !store_read_begin (store, &txn, error))
    return TRUE;

  if (txn.transaction == NULL)
    return !store_read_end (&txn, error);
  *done = write_in (&txn, write, error);
  store_read_end (&txn, NULL);
  return TRUE;
}

static StoreTransaction *
lock_own_if_any (Store *store)
{
  return store_has_transactions (store) && store_enter (store, NULL) ? lock_own (store) : NULL;
}

gboolean
store_is_transacting (Store *store)
{
  StoreTransaction *root = lock_own_if_any (store);

  if (root != NULL)
    store_transaction_unlock (root);
  return root != NULL;
}

gboolean
store_after_transaction (Store *store, void (*func) (gpointer data), gpointer data)
{
  StoreTransaction *root = lock_own_if_any (store);

  if (root == NULL)
    return FALSE;
  if (root->after == NULL)
    root->after = g_array_new (FALSE, FALSE, sizeof (After));
  g_array_append_val (root->after, ((After){ func, data }));
  store_transaction_unlock (root);
  return TRUE;
}

static StoreTransaction *
transaction_new (Store *store)
{
  StoreTransaction *self = g_new0 (StoreTransaction, 1);

  g_atomic_ref_count_init (&self->references);
  g_rec_mutex_init (&self->busy);
  self->store = store_ref (store);
  self->generation = store->generation;
  self->root = self->innermost = self;
  return self;
}

static StoreTransaction *
begin_part (StoreTransaction *root)
{
  StoreTransaction *self = transaction_new (root->store);

  self->root = transaction_ref (root);
  self->outer = root->innermost;
  self->savepoint = overlay_begin (root->overlay);
  root->innermost = self;
  return self;
}

/* Passes through the gate, so that all who were inside are seen. */
static gboolean
take_snapshot (StoreTransaction *self, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  Gate *gate = &self->store->gate;
  gboolean taken;
  StoreTxn txn;

  if (!gate_enter_reserved (gate, timeout_us, cancellable, error))
    return FALSE;
  taken = store_read_begin (self->store, &txn, error);
  if (taken)
    {
      self->snapshot = mdb_txn_id (txn.handle);
      taken = store_read_end (&txn, error);
    }
  gate_leave (gate);
  return taken;
}

static void
enlist (StoreTransaction *self)
{
  Store *store = self->store;

  self->thread = this_thread ();
  self->overlay = overlay_new ();
  g_mutex_lock (&store->transacting);
  self->next = store->transactions;
  store->transactions = self;
  store->reserver = self;
  atomic_fetch_add (&store->n_transactions, 1);
  g_mutex_unlock (&store->transacting);
}

/* With the gate reserved, which is given back if it fails. */
static StoreTransaction *
begin_reserved (Store *store, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  StoreTransaction *self = transaction_new (store);

  if (take_snapshot (self, timeout_us, cancellable, error))
    {
      enlist (self);
      return self;
    }
  gate_unreserve (&store->gate);
  transaction_unref (self);
  return NULL;
}

StoreTransaction *
store_transaction_begin_in_line (Store *store, GError **error)
{
  if (!store_enter (store, error))
    return NULL;
  if (store_thread_has_transaction (store))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                   "This thread is inside a transaction of the manager; another one that is not a "
                   "part of it can begin only after its end");
      return NULL;
    }
  if (!gate_reserve_in_line (&store->gate, error))
    return NULL;
  return begin_reserved (store, ATTEMPT_US, NULL, error);
}

void
store_transaction_leave_line (Store *store)
{
  gate_leave_line (&store->gate);
}

StoreTransaction *
store_transaction_begin (Store *store, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  StoreTransaction *self, *root;

  if (!store_enter (store, error))
    return NULL;
  root = lock_own (store);
  if (root != NULL)
    {
      self = begin_part (root);
      store_transaction_unlock (root);
      return self;
    }

  if (!gate_reserve (&store->gate, timeout_us, cancellable, error))
    return NULL;
  return begin_reserved (store, timeout_us, cancellable, error);
}

/* Ends those inside of @self, and @self. Under the root's busy. */
static void
end_parts (StoreTransaction *self)
{
  StoreTransaction *root = self->root;

  for (; root->innermost != self; root->innermost = root->innermost->outer)
    {
      overlay_undo (root->overlay, &root->innermost->savepoint);
      root->innermost->ended = TRUE;
    }
  if (self != root)
    root->innermost = self->outer;
  self->ended = TRUE;
}

/* Gives the gate back, if it still is this one's. Under its busy. */
static void
delist (StoreTransaction *root)
{
  Store *store = root->store;
  StoreTransaction **link = &store->transactions;

  g_mutex_lock (&store->transacting);
  while (*link != root)
    link = &(*link)->next;
  *link = root->next;
  atomic_fetch_sub (&store->n_transactions, 1);
  if (store->reserver == root)
    {
      store->reserver = NULL;
      gate_unreserve (&store->gate);
    }
  g_mutex_unlock (&store->transacting);
}

static gboolean
put_row (const OverlayRow *row, gpointer data)
{
  StoreTxn *txn = data;

  if (row->state == OVERLAY_PUT)
    store_put_next (txn, row->key, row->key_size, row->data, row->size);
  else if (row->state == OVERLAY_DELETED)
    store_delete (txn, row->key, row->key_size);
  return txn->failure == 0;
}

/* Inside the gate, with LMDB's write transaction open: has nobody gone ahead of us? */
static gboolean
is_next (StoreTransaction *root, StoreTxn *txn)
{
  gboolean reserved;

  g_mutex_lock (&root->store->transacting);
  reserved = root->store->reserver == root && gate_is_reserved (&root->store->gate);
  g_mutex_unlock (&root->store->transacting);
  return reserved && mdb_txn_id (txn->handle) == root->snapshot + 1;
}

static gboolean
apply (StoreTxn *txn, gpointer data, GError **error)
{
  StoreTransaction *root = data;

  if (!is_next (root, txn))
    return conflict (root, error);
  txn->touched = root->touched;
  overlay_each (root->overlay, put_row, txn);
  return TRUE;
}

/* Writes to the store itself, under the root's busy. */
static gboolean
run_in_gate (StoreTransaction *root, const StoreWrite *write, gint64 timeout_us, GError **error)
{
  Gate *gate = &root->store->gate;
  gboolean done;

  if (root->conflict)
    return conflict (root, error);
  if (!gate_enter_reserved (gate, timeout_us, NULL, error))
    return FALSE;
  done = store_run (root->store, write, error);
  gate_leave (gate);
  return done;
}

static gboolean
commit_root (StoreTransaction *root, gint64 timeout_us, GError **error)
{
  StoreWrite write = { .func = apply,
                       .data = root,
                       .bytes = root->adds ? overlay_get_bytes (root->overlay) + 1 : 0 };

  if (!root->conflict && overlay_is_empty (root->overlay))
    return TRUE;
  return run_in_gate (root, &write, timeout_us, error);
}

typedef struct
{
  StoreTransaction *root;
  StoreFunc take_some;
} Taking;

static gboolean
take_numbers (StoreTxn *txn, gpointer data, GError **error)
{
  Taking *taking = data;

  if (!is_next (taking->root, txn))
    return conflict (taking->root, error);
  return taking->take_some (txn, &taking->root->numbers, error);
}

/* The snapshot moves on to the commit that is made here. */
static gboolean
fetch_numbers (StoreTransaction *root, StoreFunc take_some, gint64 timeout_us, GError **error)
{
  Taking taking = { root, take_some };
  StoreWrite write = { .func = take_numbers, .data = &taking, .bytes = 1 };

  if (!run_in_gate (root, &write, timeout_us, error))
    {
      root->numbers = (StoreNumbers){ 0 };
      return FALSE;
    }
  root->snapshot++;
  return TRUE;
}

gboolean
store_transaction_take_number (
    Store *store, StoreFunc take_some, gint64 timeout_us, guint64 *number, GError **error)
{
  StoreTransaction *root = lock_own_if_any (store);
  gboolean taken;

  *number = 0;
  if (root == NULL)
    return TRUE;
  taken =
      root->numbers.next < root->numbers.end || fetch_numbers (root, take_some, timeout_us, error);
  if (taken)
    *number = root->numbers.next++;
  store_transaction_unlock (root);
  return taken;
}

static void
set_ended_error (StoreTransaction *self, GError **error)
{
  if (self->generation != fork_generation ())
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FORKED,
                 "The transaction is the parent process's; a forked child cannot commit it");
  else
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED, "The transaction has ended already");
}

gboolean
store_transaction_commit (StoreTransaction *self, gint64 timeout_us, GError **error)
{
  StoreTransaction *root = self->root;
  gboolean done = FALSE;

  if (self->generation != fork_generation ())
    {
      set_ended_error (self, error);
      return FALSE;
    }

  g_rec_mutex_lock (&root->busy);
  if (self->ended)
    set_ended_error (self, error);
  else
    {
      end_parts (self);
      if (self == root)
        {
          done = commit_root (root, timeout_us, error);
          delist (root);
        }
      else
        {
          done = !root->conflict || conflict (root, error);
          overlay_keep (root->overlay, &self->savepoint,
                        self->outer == root ? NULL : &self->outer->savepoint);
        }
    }
  g_rec_mutex_unlock (&root->busy);
  if (self == root)
    run_after (root);
  return done;
}

void
store_transaction_rollback (StoreTransaction *self)
{
  StoreTransaction *root = self->root;

  if (self->generation != fork_generation ())
    return;

  g_rec_mutex_lock (&root->busy);
  if (!self->ended)
    {
      end_parts (self);
      if (self == root)
        delist (root);
      else
        overlay_undo (root->overlay, &self->savepoint);
    }
  g_rec_mutex_unlock (&root->busy);
  if (self == root)
    run_after (root);
}

void
store_transaction_free (StoreTransaction *self)
{
  store_transaction_rollback (self);
  transaction_unref (self);
}
