/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/overlay.h"
#include "manager/watchers.h"

#include <gio/gio.h>

/* The store of a manager: rows, found by their key and ordered by it, changed in transactions. What
 * stands behind it (LMDB, in store*.c and nowhere else) is known to nobody above.
 *
 * Failures stick to the transaction. store_get() and its like answer "no such row" and remember
 * what went wrong; store_read_end() and store_write() report it. So code that works on rows looks
 * for rows, not for errors.
 */

typedef struct _Store Store;
typedef struct _StoreTransaction StoreTransaction;
typedef struct _StoreCursors StoreCursors;
typedef struct _StoreReader StoreReader;

#define STORE_KEY_MAX 500 /* bytes of a key; LMDB as distributions build it takes 511 */

typedef struct
{
  const guint8 *data;
  gsize size;
} StoreBytes;

typedef struct
{
  Store *store;
  gpointer handle;               /* (owned by the store): the transaction behind it */
  StoreReader *reader;           /* (unowned) (nullable): of a read */
  StoreCursors *cursors;         /* (unowned) (nullable): of a write, where it has been */
  Overlay *overlay;              /* (unowned) (nullable): changes go there; of @transaction */
  StoreTransaction *transaction; /* (unowned) (nullable): over several objects */
  int failure;                   /* the first thing that went wrong, 0 while all is well */
  GError *refusal;               /* (owned): why, after store_refuse() */
  gpointer notes;  /* (nullable): of who runs the function; the store does not look at it */
  Touched touched; /* by a write: whose watchers are told */
} StoreTxn;

typedef enum
{
  STORE_FLAGS_NONE = 0,
  STORE_DURABLE = 1 << 0, /* on a disk: with every write, or at intervals */
} StoreFlags;

/* Runs inside a write transaction, perhaps more than once: the store grows and starts again. So it
 * changes nothing but rows and what it sets from scratch. FALSE and @error: nothing has happened.
 */
typedef gboolean (*StoreFunc) (StoreTxn *txn, gpointer data, GError **error);

typedef struct
{
  StoreFunc func;
  gpointer data;
  gint64 timeout_us;         /* for the gate; -1 waits for ever */
  GCancellable *cancellable; /* (nullable) */
  gsize bytes; /* about what it will add; 0: it frees, and may use the reserve for that */
} StoreWrite;

/* The process's store of the directory @path; shared by everybody in the process who opens it.
 * Errors: NOT_FOUND, INCOMPATIBLE, CORRUPT, PERMISSION_DENIED, NO_SPACE, BUSY. */
Store *store_open (const char *path, StoreFlags flags, GError **error);
Store *store_ref (Store *store);
void store_unref (Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Store, store_unref)

/* Of a durable store: at least once in this time what was written comes to the disk, when more is
 * written; 0: with every write, which is so until somebody in the process asks for more. The least
 * that was asked for while the process has it open counts. */
void store_set_sync_interval (Store *store, gint64 interval_us);
/* What was committed is on the disk. Errors: NOT_SUPPORTED (not durable), CANCELLED, BUSY,
 * NO_SPACE. */
gboolean store_sync (Store *store, gint64 timeout_us, GCancellable *cancellable, GError **error);

/* How long this process's writes wait for a transaction of others before they go ahead of it; -1:
 * for ever. */
void store_set_patience (Store *store, gint64 patience_us);
gint64 store_get_patience (Store *store);

/* Makes the files of an empty store in @path, where nobody else is yet. */
gboolean store_create (const char *path, StoreFlags flags, GError **error);
/* Data version of the files that this process's store writes, and what writes them. */
guint store_data_version (void);
const char *store_library_version (void);

/* A consistent view; never kept across a return to the user. Takes no lock. */
gboolean store_read_begin (Store *store, StoreTxn *txn, GError **error);
gboolean store_read_end (StoreTxn *txn, GError **error);

/* Runs a transaction under the gate. TRUE: it is in the store, whole. Errors: those of the
 * function, TIMED_OUT or BUSY (the gate; names its holder), CANCELLED, NO_SPACE, CORRUPT. */
gboolean store_write (Store *store, const StoreWrite *write, GError **error);

/* The object @id changes in this transaction: wakes those who wait for that. */
static inline void
store_touch (StoreTxn *txn, guint64 id)
{
  touched_add (&txn->touched, id);
}

/* Those who wait for changes. */
Watchers *store_get_watchers (Store *store);

/* A transaction over several objects: until it ends, reads and writes of this thread on @store take
 * part in it, and others do not write. In a thread that has one open it is a part of that one,
 * which can be undone by itself.
 *
 * Errors: CANCELLED; BUSY (the gate; names its holder). */
StoreTransaction *store_transaction_begin (Store *store,
                                           gint64 timeout_us,
                                           GCancellable *cancellable,
                                           GError **error);
/* One attempt to begin one that is no part of another; waits for no more than a write that somebody
 * is just making. BUSY: try again soon, or leave the line. */
StoreTransaction *store_transaction_begin_in_line (Store *store, GError **error);
void store_transaction_leave_line (Store *store);
/* TRUE: all of it is in the store (of a part: it is in the outer one). Else nothing of it, with the
 * errors of store_write(), or CONFLICT (others have written since it began, having waited too
 * long), CLOSED (it has ended), FORKED. It has ended in either case. */
gboolean store_transaction_commit (StoreTransaction *self, gint64 timeout_us, GError **error);
/* Ends it, from any thread, and does nothing when it has ended. */
void store_transaction_rollback (StoreTransaction *self);
/* Rolls it back unless it has ended. */
void store_transaction_free (StoreTransaction *self);
/* Has this thread one open? */
gboolean store_is_transacting (Store *store);
/* If this thread has a transaction open, @func will run once it has ended and the gate is free, in
 * whatever thread ends it; also in a forked child that gives it up. FALSE: it has none. */
gboolean store_after_transaction (Store *store, void (*func) (gpointer data), gpointer data);
/* A number for what is made in this thread's transaction: one that nobody else has been given or
 * will be, whatever becomes of the transaction. *@number is 0 if the thread has none. @take_some
 * gets StoreNumbers to fill; what it writes is committed at once, by itself, and may be nothing
 * that the transaction can have read. CONFLICT; BUSY, NO_SPACE. */
typedef struct
{
  guint64 next, end; /* from the one up to the other */
} StoreNumbers;

gboolean store_transaction_take_number (
    Store *store, StoreFunc take_some, gint64 timeout_us, guint64 *number, GError **error);
/* Has this thread a transaction open? Then it sees no change of others. */
gboolean store_thread_has_transaction (Store *store);
/* Is this part of a transaction over several objects? */
static inline gboolean
store_is_in_transaction (const StoreTxn *txn)
{
  return txn->transaction != NULL;
}

/* Rows. What @value points to is good until the next change in the transaction, or its end. */
gboolean store_get (StoreTxn *txn, const void *key, gsize key_size, StoreBytes *value);
void store_put (StoreTxn *txn, const void *key, gsize key_size, const void *data, gsize size);
/* Room for @size bytes to fill at once; NULL when something went wrong. */
gpointer store_put_room (StoreTxn *txn, const void *key, gsize key_size, gsize size);
gboolean store_delete (StoreTxn *txn, const void *key, gsize key_size);
/* Marks the transaction: the rows say what no version of this library writes. Returns FALSE. */
gboolean store_corrupt (StoreTxn *txn);
/* Marks a write transaction: nothing of it will happen, and store_write() fails with @error, which
 * it takes over. Returns FALSE. */
gboolean store_refuse (StoreTxn *txn, GError *error);

/* Rows in the order of their keys, from @prefix on, as long as they begin with it. */
typedef struct
{
  StoreTxn *txn;
  gpointer cursor;
  StoreBytes key, value;
  gsize prefix_size;
  gsize start_size;
  gboolean started;
  guint8 prefix[32]; /* and the rest of where it starts */

  /* over an overlay: where the rows below it are */
  enum
  {
    SCAN_BASE_BEHIND, /* to be moved on */
    SCAN_BASE_AT,
    SCAN_BASE_END,
  } base;
  gboolean base_started;
  StoreBytes base_key, base_value;
} StoreScan;

void store_scan_begin (StoreScan *scan, StoreTxn *txn, const void *prefix, gsize prefix_size);
/* The same, beginning behind the row @after. */
void store_scan_begin_after (StoreScan *scan,
                             StoreTxn *txn,
                             const void *prefix,
                             gsize prefix_size,
                             const void *after,
                             gsize after_size);
/* Moves on to the next row; FALSE after the last. */
gboolean store_scan_next (StoreScan *scan);
/* In place of the first store_scan_next(): to the last of all the rows. */
gboolean store_scan_last (StoreScan *scan);
/* Removes the row that the scan is at. */
void store_scan_delete (StoreScan *scan);
void store_scan_end (StoreScan *scan);

/* For people: size of the file, rows in it. */
guint64 store_get_size (Store *store);
