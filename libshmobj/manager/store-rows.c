/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rows of a store, as a transaction sees and changes them.
 *
 * In a single write they are LMDB's own. In a transaction over several objects changes go into its
 * overlay (overlay.c), and what is read is the overlay's where that has the row, else LMDB's. So
 * the code of lists and dicts does not know in which of the two it runs.
 *
 * A scan over both walks through them side by side. It looks the overlay's next row up by the key
 * that it came to last, so rows may be changed as it goes.
 */

#include "manager/store-private.h"

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
      txn->failure = STORE_REFUSED;
      txn->refusal = error;
    }
  else
    g_error_free (error);
  return FALSE;
}

gboolean
store_get (StoreTxn *txn, const void *key, gsize key_size, StoreBytes *value)
{
  const OverlayRow *row = txn->overlay != NULL ? overlay_find (txn->overlay, key, key_size) : NULL;
  MDB_val k = { key_size, (void *) key }, v;
  int rc;

  if (row != NULL && row->state != OVERLAY_SAME)
    {
      *value = (StoreBytes){ row->data, row->size };
      return row->state == OVERLAY_PUT;
    }

  if (txn->reader != NULL)
    rc = readers_get (txn, &k, &v);
  else if (txn->cursors != NULL)
    rc = cursors_get (txn, &k, &v);
  else
    rc = mdb_get (txn->handle, txn->store->rows, &k, &v);
  if (rc == 0)
    {
      *value = (StoreBytes){ v.mv_data, v.mv_size };
      return TRUE;
    }
  if (rc != MDB_NOTFOUND)
    note (txn, rc);
  return FALSE;
}

static gpointer
overlay_room (StoreTxn *txn, const void *key, gsize key_size, gsize size)
{
  gpointer room = NULL;

  if (key_size > STORE_KEY_MAX || size > G_MAXUINT32) /* as LMDB would say at the end */
    note (txn, MDB_BAD_VALSIZE);
  else if ((room = overlay_put (txn->overlay, key, key_size, size)) == NULL)
    note (txn, ENOMEM);
  return room;
}

void
store_put (StoreTxn *txn, const void *key, gsize key_size, const void *data, gsize size)
{
  MDB_val k = { key_size, (void *) key }, v = { size, (void *) data };
  int rc;

  if (txn->failure != 0)
    return;
  if (txn->overlay != NULL)
    {
      gpointer room = overlay_room (txn, key, key_size, size);

      if (room != NULL && size > 0)
        memcpy (room, data, size);
      return;
    }
  rc = cursors_put (txn, &k, &v, 0);
  if (rc != 0)
    note (txn, rc);
}

void
store_put_next (StoreTxn *txn, const void *key, gsize key_size, const void *data, gsize size)
{
  MDB_val k = { key_size, (void *) key }, v = { size, (void *) data };
  int rc = txn->failure == 0 ? cursors_put_next (txn, &k, &v) : 0;

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
  if (txn->overlay != NULL)
    return overlay_room (txn, key, key_size, size);
  rc = cursors_put (txn, &k, &v, MDB_RESERVE);
  if (rc == 0)
    return v.mv_data;
  note (txn, rc);
  return NULL;
}

gboolean
store_delete (StoreTxn *txn, const void *key, gsize key_size)
{
  MDB_val k = { key_size, (void *) key };
  StoreBytes value;
  int rc;

  if (txn->failure != 0)
    return FALSE;
  if (txn->overlay != NULL)
    {
      if (!store_get (txn, key, key_size, &value))
        return FALSE;
      if (!overlay_delete (txn->overlay, key, key_size))
        note (txn, ENOMEM);
      return txn->failure == 0;
    }
  cursors_forget (txn);
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

static gboolean
has_prefix (const StoreScan *scan, const void *key, gsize size)
{
  return size >= scan->prefix_size && memcmp (key, scan->prefix, scan->prefix_size) == 0;
}

/* The row that the cursor has come to, as @rc says, if it still begins as it should. */
static gboolean
arrive (StoreScan *scan, int rc, const MDB_val *k, const MDB_val *v)
{
  scan->started = TRUE;
  if (rc != 0 && rc != MDB_NOTFOUND)
    note (scan->txn, rc);
  if (rc != 0 || !has_prefix (scan, k->mv_data, k->mv_size))
    return FALSE;

  scan->key = (StoreBytes){ k->mv_data, k->mv_size };
  scan->value = (StoreBytes){ v->mv_data, v->mv_size };
  return TRUE;
}

/* Where LMDB's rows are, for a scan over both. */
static void
note_base (StoreScan *scan, int rc, const MDB_val *k, const MDB_val *v)
{
  if (rc != 0 && rc != MDB_NOTFOUND)
    note (scan->txn, rc);
  scan->base = rc == 0 ? SCAN_BASE_AT : SCAN_BASE_END;
  if (rc != 0)
    return;
  scan->base_key = (StoreBytes){ k->mv_data, k->mv_size };
  scan->base_value = (StoreBytes){ v->mv_data, v->mv_size };
}

static int
compare (const OverlayRow *row, const StoreBytes *key)
{
  return overlay_compare (row->key, row->key_size, key->data, key->size);
}

/* The rows of both side by side: the lesser key of the two, or the overlay's of equal ones. */
static gboolean
next_of_both (StoreScan *scan)
{
  Overlay *overlay = scan->txn->overlay;
  MDB_val k = { scan->start_size, scan->prefix }, v;
  const OverlayRow *row;
  int order;

  do
    {
      if (scan->base == SCAN_BASE_BEHIND)
        note_base (
            scan,
            mdb_cursor_get (scan->cursor, &k, &v, scan->base_started ? MDB_NEXT : MDB_SET_RANGE),
            &k, &v);
      scan->base_started = TRUE;
      row = scan->started ? overlay_next (overlay, scan->key.data, scan->key.size, FALSE)
                          : overlay_next (overlay, scan->prefix, scan->start_size, TRUE);
      if (row == NULL && scan->base == SCAN_BASE_END)
        return FALSE;

      order = row == NULL ? 1 : scan->base == SCAN_BASE_END ? -1 : compare (row, &scan->base_key);
      scan->started = TRUE;
      if (order >= 0)
        scan->base = SCAN_BASE_BEHIND;
      if (order > 0 || (order == 0 && row->state == OVERLAY_SAME))
        {
          scan->key = scan->base_key;
          scan->value = scan->base_value;
          return TRUE;
        }
      scan->key = (StoreBytes){ row->key, row->key_size };
      scan->value = (StoreBytes){ row->data, row->size };
    }
  while (row->state != OVERLAY_PUT && scan->txn->failure == 0);

  return scan->txn->failure == 0;
}

gboolean
store_scan_next (StoreScan *scan)
{
  MDB_val k = { scan->start_size, scan->prefix }, v;
  int rc;

  if (scan->cursor == NULL || scan->txn->failure != 0)
    return FALSE;
  if (scan->txn->overlay != NULL)
    return next_of_both (scan) && has_prefix (scan, scan->key.data, scan->key.size);

  rc = mdb_cursor_get (scan->cursor, &k, &v, scan->started ? MDB_NEXT : MDB_SET_RANGE);
  return arrive (scan, rc, &k, &v);
}

/* LMDB's last row before @behind. */
static int
last_before (StoreScan *scan, MDB_val *behind, MDB_val *v)
{
  int rc = mdb_cursor_get (scan->cursor, behind, v, MDB_SET_RANGE);

  if (rc == 0)
    return mdb_cursor_get (scan->cursor, behind, v, MDB_PREV);
  return rc == MDB_NOTFOUND ? mdb_cursor_get (scan->cursor, behind, v, MDB_LAST) : rc;
}

/* Of LMDB's rows the last that the overlay does not know, and of the overlay's the last that is to
 * be put: the larger key of the two. */
static gboolean
last_of_both (StoreScan *scan, const guint8 *behind)
{
  Overlay *overlay = scan->txn->overlay;
  MDB_val k = { scan->prefix_size, (void *) behind }, v;
  const OverlayRow *row = overlay_previous (overlay, behind, scan->prefix_size), *other;
  int rc = last_before (scan, &k, &v);

  while (row != NULL && row->state != OVERLAY_PUT)
    row = overlay_previous (overlay, row->key, row->key_size);
  while (rc == 0 && (other = overlay_find (overlay, k.mv_data, k.mv_size)) != NULL &&
         other->state != OVERLAY_SAME)
    rc = mdb_cursor_get (scan->cursor, &k, &v, MDB_PREV);

  scan->started = scan->base_started = TRUE;
  note_base (scan, rc, &k, &v);
  if (row != NULL && (scan->base == SCAN_BASE_END || compare (row, &scan->base_key) > 0))
    {
      scan->key = (StoreBytes){ row->key, row->key_size };
      scan->value = (StoreBytes){ row->data, row->size };
    }
  else if (scan->base == SCAN_BASE_AT)
    {
      scan->key = scan->base_key;
      scan->value = scan->base_value;
    }
  else
    return FALSE;

  scan->base = SCAN_BASE_END;
  return scan->txn->failure == 0 && has_prefix (scan, scan->key.data, scan->key.size);
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
  if (scan->txn->overlay != NULL)
    return last_of_both (scan, behind);
  rc = last_before (scan, &k, &v);
  return arrive (scan, rc, &k, &v);
}

/* LMDB then stands on the row behind, and MDB_NEXT gives that one. */
void
store_scan_delete (StoreScan *scan)
{
  int rc;

  if (scan->txn->overlay != NULL)
    {
      store_delete (scan->txn, scan->key.data, scan->key.size);
      return;
    }
  cursors_forget (scan->txn);
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
