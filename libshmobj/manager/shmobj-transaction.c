/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjTransaction:
 *
 * Several calls on objects of a [class@Shmobj.Manager] that take effect together or not at all.
 *
 * [method@Shmobj.Manager.transact] runs a function in one, [method@Shmobj.Manager.transact_async]
 * does so for programs with a main loop. [method@Shmobj.Manager.begin] is for where a function does
 * not fit; in Python a `with` block, in JavaScript `manager.transact()`.
 *
 * Until it ends, calls that the same thread makes on that manager, and on its lists, dicts and
 * values, take part in it, through whichever handle. They see what it has changed; nobody else does
 * before it is committed, and then all of it at once. When it is rolled back, or the process dies,
 * nothing has happened. Calls that wait for others, on queues, locks, events, are not part of it;
 * they act at once.
 *
 * Meanwhile nobody else changes the manager: their changes wait. Readers never wait; they see what
 * was before. Others do not wait for ever: when a transaction has kept them for 10 seconds, or as
 * long as their [property@Shmobj.Manager:patience-us] says, one of them goes ahead, and the
 * transaction can only fail then, with `SHMOBJ_ERROR_CONFLICT` from each of its calls and at its
 * end. It has not happened and can be tried again. So a stopped process, a forgotten transaction or
 * a main loop that runs inside of one stops nobody for good. Callbacks that such a main loop runs
 * in the same thread take part in the transaction.
 *
 * One that begins in the same thread inside of another one, of the same manager, is a part of it:
 * rolled back it undoes what was done in it, committed it stands and falls with the outer one.
 *
 * Objects of every kind can be opened, made and removed inside of it. What is made exists for the
 * transaction's calls at once, and for others from the commit on; what is removed exists for others
 * until then. When it comes to nothing the names are as they were, and a handle of a list, dict or
 * value that was made in it finds `G_IO_ERROR_NOT_FOUND` for ever. A queue, lock, event or shared
 * memory that was made in it goes on as one whose name was removed: without the manager, for as
 * long as somebody has it; what was done to it stays done. A process that dies in a transaction in
 * which it made a queue or memory leaves its file; the next one that opens the manager when nobody
 * else has it open removes that.
 *
 * What a transaction has changed is in the process's memory until it is committed; one of a
 * gigabyte takes a gigabyte.
 *
 * After fork() the transaction is the parent's. The child's calls are outside of it, and
 * [method@Shmobj.Transaction.commit] there is `SHMOBJ_ERROR_FORKED`.
 *
 * Since: 1.0
 */

/* A handle of a transaction of the store (store-transaction.c). Finalized without having ended it
 * rolls back, in whatever thread that is. */

#include "manager/shmobj-transaction.h"

#include "manager/gate.h"
#include "manager/manager-private.h"

struct _ShmobjTransaction
{
  GObject parent_instance;

  ShmobjManager *manager;        /* (owned) */
  StoreTransaction *transaction; /* (owned): NULL of one that no manager began */
};

G_DEFINE_FINAL_TYPE (ShmobjTransaction, shmobj_transaction, G_TYPE_OBJECT)

static void
shmobj_transaction_finalize (GObject *object)
{
  ShmobjTransaction *self = SHMOBJ_TRANSACTION (object);

  g_clear_pointer (&self->transaction, store_transaction_free);
  g_clear_object (&self->manager);
  G_OBJECT_CLASS (shmobj_transaction_parent_class)->finalize (object);
}

static void
shmobj_transaction_class_init (ShmobjTransactionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = shmobj_transaction_finalize;
}

static void
shmobj_transaction_init (ShmobjTransaction *self)
{
}

static StoreTransaction *
begin (ShmobjManager *manager, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  Store *store = manager_get_store (manager, error);

  return store != NULL ? store_transaction_begin (store, timeout_us, cancellable, error) : NULL;
}

static ShmobjTransaction *
wrap (ShmobjManager *self, StoreTransaction *transaction)
{
  ShmobjTransaction *made;

  if (transaction == NULL)
    return NULL;
  made = g_object_new (SHMOBJ_TYPE_TRANSACTION, NULL);
  made->manager = g_object_ref (self);
  made->transaction = transaction;
  return made;
}

/**
 * shmobj_manager_begin:
 * @self: a manager
 * @timeout_us: how long to wait for others who change something, in microseconds; -1 for ever
 * @cancellable: (nullable): a cancellable, for the wait
 * @error: return location for an error
 *
 * Begins a transaction of this thread. Blocks until nobody else is changing the manager, at most
 * for @timeout_us.
 *
 * It ends with [method@Shmobj.Transaction.commit], [method@Shmobj.Transaction.rollback], or the
 * last reference.
 *
 * Returns: (transfer full): the transaction, or %NULL with `SHMOBJ_ERROR_BUSY` (@timeout_us have
 *   passed; the message names who is in the way), `G_IO_ERROR_CANCELLED`, or why the manager cannot
 *   be opened
 *
 * Since: 1.0
 */
ShmobjTransaction *
shmobj_manager_begin (ShmobjManager *self,
                      gint64 timeout_us,
                      GCancellable *cancellable,
                      GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);
  g_return_val_if_fail (timeout_us >= -1, NULL);

  return wrap (self, begin (self, timeout_us, cancellable, error));
}

/**
 * shmobj_manager_try_begin:
 * @self: a manager
 * @error: return location for an error
 *
 * Begins a transaction if that is possible at once. It is for main loops other than GLib's, such as
 * Python's asyncio, which try again some milliseconds later. Others do not overtake them for ever:
 * the attempt that finds a transaction of somebody else's keeps the turn after it for this thread,
 * for 0.1 seconds from that one's end. Where GLib's main loop runs,
 * [method@Shmobj.Manager.transact_async] does all that.
 *
 * Unlike [method@Shmobj.Manager.begin] it never begins a part of another transaction of the thread:
 * that is `SHMOBJ_ERROR_BUSY`, too.
 *
 * Returns: (transfer full): the transaction, or %NULL with `SHMOBJ_ERROR_BUSY` (try again), or why
 *   the manager cannot be opened
 *
 * Since: 1.0
 */
ShmobjTransaction *
shmobj_manager_try_begin (ShmobjManager *self, GError **error)
{
  Store *store;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), NULL);

  store = manager_get_store (self, error);
  return store != NULL ? wrap (self, store_transaction_begin_in_line (store, error)) : NULL;
}

/**
 * shmobj_manager_get_patience_us:
 * @self: a manager
 *
 * Tells how long changes of this process wait for a transaction before they go ahead of it.
 *
 * Returns: [property@Shmobj.Manager:patience-us], in microseconds; -1: they never do
 *
 * Since: 1.0
 */
gint64
shmobj_manager_get_patience_us (ShmobjManager *self)
{
  Store *store;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), 0);

  store = manager_get_store (self, NULL);
  return store != NULL ? store_get_patience (store) : GATE_PATIENCE_US;
}

/**
 * shmobj_manager_set_patience_us:
 * @self: a manager
 * @patience_us: how long to wait before going ahead, in microseconds; -1: never to
 *
 * Sets [property@Shmobj.Manager:patience-us], for all of this process that changes this manager.
 * Waits that are under way mind it soon.
 *
 * Since: 1.0
 */
void
shmobj_manager_set_patience_us (ShmobjManager *self, gint64 patience_us)
{
  Store *store;

  g_return_if_fail (SHMOBJ_IS_MANAGER (self));
  g_return_if_fail (patience_us >= -1);

  store = manager_get_store (self, NULL);
  if (store == NULL || store_get_patience (store) == patience_us)
    return;
  store_set_patience (store, patience_us);
  g_object_notify (G_OBJECT (self), "patience-us");
}

/**
 * shmobj_transaction_commit:
 * @self: a transaction
 * @error: return location for an error
 *
 * Ends it: all that was done in it takes effect at once, for everybody. Transactions inside of it
 * that have not been committed are rolled back.
 *
 * Blocks for the microseconds that others need for what they are just writing, as long as
 * [property@Shmobj.Manager:write-timeout-us] says. In a durable manager it is on the disk when it
 * returns.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_CONFLICT` (it kept others waiting for too long, and
 *   one of them went ahead), `G_IO_ERROR_NO_SPACE`, `SHMOBJ_ERROR_BUSY`, `SHMOBJ_ERROR_CORRUPT`,
 *   `SHMOBJ_ERROR_CLOSED` (it has ended already), `SHMOBJ_ERROR_FORKED` (it is the parent
 *   process's). Then nothing of it has happened
 *
 * Since: 1.0
 */
gboolean
shmobj_transaction_commit (ShmobjTransaction *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_TRANSACTION (self), FALSE);
  g_return_val_if_fail (self->transaction != NULL, FALSE);

  return store_transaction_commit (self->transaction, manager_get_timeout (self->manager), error);
}

/**
 * shmobj_transaction_rollback:
 * @self: a transaction
 *
 * Ends it: nothing that was done in it has happened. After its end this does nothing. Any thread
 * may call it; it never blocks for longer than a call that the transaction's thread is just making.
 *
 * Since: 1.0
 */
void
shmobj_transaction_rollback (ShmobjTransaction *self)
{
  g_return_if_fail (SHMOBJ_IS_TRANSACTION (self));
  g_return_if_fail (self->transaction != NULL);

  store_transaction_rollback (self->transaction);
}

gboolean
manager_run_in (ShmobjManager *self,
                StoreTransaction *transaction,
                ShmobjTransactionFunc func,
                gpointer user_data,
                GError **error)
{
  gboolean done = func (self, user_data, error) &&
                  store_transaction_commit (transaction, manager_get_timeout (self), error);

  store_transaction_free (transaction);
  return done;
}

/**
 * shmobj_manager_transact:
 * @self: a manager
 * @timeout_us: how long to wait for others who change something, in microseconds; -1 for ever
 * @func: (scope call) (closure user_data): what to do, once
 * @user_data: what to give it
 * @cancellable: (nullable): a cancellable, for the wait
 * @error: return location for an error
 *
 * Runs a function in a transaction: all that it does to objects of the manager takes effect
 * together, or nothing when it returns %FALSE. [class@Shmobj.Transaction] says what that means.
 *
 * ```c
 * static gboolean
 * move_one (ShmobjManager *manager, gpointer data, GError **error)
 * {
 *   Lists *lists = data;
 *   g_autoptr (GVariant) item = shmobj_list_pop (lists->todo, 0, error);
 *
 *   return item != NULL && shmobj_list_append (lists->done, item, error);
 * }
 *
 * shmobj_manager_transact (manager, -1, move_one, &lists, NULL, &error);
 * ```
 *
 * Returns: %TRUE if it was committed, or %FALSE with the function's error, or one of
 *   [method@Shmobj.Manager.begin] or [method@Shmobj.Transaction.commit]
 *
 * Since: 1.0
 */
gboolean
shmobj_manager_transact (ShmobjManager *self,
                         gint64 timeout_us,
                         ShmobjTransactionFunc func,
                         gpointer user_data,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (ShmobjManager) kept = NULL;
  StoreTransaction *transaction;

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), FALSE);
  g_return_val_if_fail (timeout_us >= -1, FALSE);
  g_return_val_if_fail (func != NULL, FALSE);

  kept = g_object_ref (self);
  transaction = begin (self, timeout_us, cancellable, error);
  return transaction != NULL && manager_run_in (self, transaction, func, user_data, error);
}
