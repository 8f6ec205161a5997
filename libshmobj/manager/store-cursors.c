/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a write has been: LMDB cursors, kept while it runs, so that a row that was read and is
 * written back is looked for once.
 *
 * A change of a list or a dict reads the object's record, reads one row or two, writes one, and
 * writes the record. So there are two cursors. The first stays at the first row that was read, the
 * record; the other one is wherever the write looked last. A row that takes the place of one of the
 * same size, at which a cursor stands, is put there; no other row moves by that.
 *
 * Any other change may move rows and split pages. LMDB would take the cursors along; we close them
 * before it, and trust it with less.
 *
 * There is one write at a time in a process (under the store's mapping mutex), so they are the
 * store's. LMDB frees them with its transaction. Nothing here is shared; in a forked child all is
 * opened anew.
 */

#include "manager/store-private.h"

#include <string.h>

void
cursors_begin (StoreTxn *txn)
{
  txn->cursors = &txn->store->cursors;
  *txn->cursors = (StoreCursors){ 0 };
}

static void
forget (StoreCursors *cursors)
{
  for (guint i = 0; i < STORE_CURSORS; i++)
    {
      StoreCursor *cursor = &cursors->places[i];

      if (cursor->handle != NULL)
        mdb_cursor_close (cursor->handle);
      cursor->handle = NULL;
      cursor->key_size = 0;
    }
}

void
cursors_forget (StoreTxn *txn)
{
  if (txn->cursors != NULL)
    forget (txn->cursors);
}

static StoreCursor *
find (StoreCursors *cursors, const MDB_val *key)
{
  for (guint i = 0; i < STORE_CURSORS; i++)
    {
      StoreCursor *cursor = &cursors->places[i];

      if (cursor->key_size == key->mv_size && memcmp (cursor->key, key->mv_data, key->mv_size) == 0)
        return cursor;
    }
  return NULL;
}

int
cursors_get (StoreTxn *txn, MDB_val *key, MDB_val *value)
{
  StoreCursors *cursors = txn->cursors;
  StoreCursor *cursor;
  int rc = 0;

  if (key->mv_size == 0 || key->mv_size > sizeof cursor->key)
    return mdb_get (txn->handle, txn->store->rows, key, value);

  cursor = find (cursors, key);
  if (cursor != NULL)
    return mdb_cursor_get (cursor->handle, &(MDB_val){ 0 }, value, MDB_GET_CURRENT);

  cursor = &cursors->places[cursors->places[0].key_size == 0 ? 0 : 1];
  cursor->key_size = 0;
  if (cursor->handle == NULL)
    rc = mdb_cursor_open (txn->handle, txn->store->rows, &cursor->handle);
  if (rc == 0)
    rc = mdb_cursor_get (cursor->handle, key, value, MDB_SET);
  if (rc != 0)
    return rc;
  cursor->key_size = key->mv_size;
  cursor->value_size = value->mv_size;
  memcpy (cursor->key, key->mv_data, key->mv_size);
  return 0;
}

/* LMDB looks into the page where the cursor is before it looks elsewhere. */
int
cursors_put_next (StoreTxn *txn, MDB_val *key, MDB_val *value)
{
  StoreCursor *cursor = &txn->cursors->places[0];
  int rc = 0;

  cursor->key_size = 0;
  if (cursor->handle == NULL)
    rc = mdb_cursor_open (txn->handle, txn->store->rows, &cursor->handle);
  return rc != 0 ? rc : mdb_cursor_put (cursor->handle, key, value, 0);
}

int
cursors_put (StoreTxn *txn, MDB_val *key, MDB_val *value, guint flags)
{
  StoreCursor *cursor = find (txn->cursors, key);

  if (cursor != NULL && cursor->value_size == value->mv_size)
    return mdb_cursor_put (cursor->handle, key, value, flags | MDB_CURRENT);
  forget (txn->cursors);
  return mdb_put (txn->handle, txn->store->rows, key, value, flags);
}
