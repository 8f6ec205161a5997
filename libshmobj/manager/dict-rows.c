/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dict in the store: a row by key, and a row by order, for each entry.
 *
 *     id 'k' type 0 data       → KeyRow, the key's frame, the value's frame
 *     id 'o' order             → the key's frame
 *
 * A look-up reads one row. A value that is replaced keeps its place; a key that was removed and
 * comes again is last, as in Python.
 *
 * Keys of the store are short (511 bytes). A longer one of ours is hashed: 'k' 1 and its SHA-256 in
 * place of type and data. The row has the whole key, and it is compared, so two keys of one hash
 * would be reported as damage and never taken for each other. (No type begins with the byte 1.)
 */

#include "manager/dict-rows.h"

#include "manager/names.h"
#include "manager/references.h"

#define HASH_MARK 1
#define HASH_SIZE 32
#define PLACES_PER_ENTRY 8 /* 32 bytes, where an entry has 40 */

typedef struct
{
  gsize size;
  guint8 bytes[STORE_KEY_MAX];
} RowKey;

static void
hash_key (const ShmobjFrame *key, RowKey *row)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = HASH_SIZE;

  g_checksum_update (sum, (const guchar *) key->type, key->type_length);
  g_checksum_update (sum, (const guchar *) "", 1);
  g_checksum_update (sum, key->data, key->size);
  row->bytes[ROW_KEY_PREFIX] = HASH_MARK;
  g_checksum_get_digest (sum, row->bytes + ROW_KEY_PREFIX + 1, &size);
  row->size = ROW_KEY_PREFIX + 1 + HASH_SIZE;
}

static void
make_row_key (const Dict *dict, const ShmobjFrame *key, RowKey *row)
{
  guint8 *at = row->bytes + ROW_KEY_PREFIX;

  row_key (row->bytes, dict->id, ROW_KEY);
  row->size = ROW_KEY_PREFIX + key->type_length + 1 + key->size;
  if (row->size > sizeof row->bytes)
    {
      hash_key (key, row);
      return;
    }
  if (key->type_length > 0)
    memcpy (at, key->type, key->type_length);
  at[key->type_length] = 0;
  if (key->size > 0)
    memcpy (at + key->type_length + 1, key->data, key->size);
}

void
dict_create (StoreTxn *txn, guint64 id)
{
  DictRecord record = { .object = { .kind = KIND_DICT, .revision = 1 }, .next_order = 1 };
  guint8 key[ROW_KEY_PREFIX];

  row_key (key, id, ROW_RECORD);
  store_put (txn, key, sizeof key, &record, sizeof record);
}

gboolean
dict_open (Dict *dict, StoreTxn *txn, guint64 id, GError **error)
{
  StoreBytes row;

  dict->txn = txn;
  dict->id = id;
  if (!names_get_record (txn, id, KIND_DICT, sizeof dict->record, &row, error))
    return FALSE;
  memcpy (&dict->record, row.data, sizeof dict->record);
  return TRUE;
}

void
dict_save (Dict *dict)
{
  guint8 key[ROW_KEY_PREFIX];

  dict->record.object.revision++;
  store_touch (dict->txn, dict->id);
  row_key (key, dict->id, ROW_RECORD);
  store_put (dict->txn, key, sizeof key, &dict->record, sizeof dict->record);
}

static gboolean
is_same_key (const ShmobjFrame *key, const guint8 *stored, gsize size)
{
  FrameHeader header;

  return frame_check_header (stored, size, &header) && header.kind == (guint) key->kind &&
         header.size == key->size && header.type_length == key->type_length &&
         (key->size == 0 || memcmp (stored + sizeof header, key->data, key->size) == 0) &&
         (key->type_length == 0 ||
          memcmp (stored + sizeof header + header.size, key->type, key->type_length) == 0);
}

static gboolean
find_row (Dict *dict, const RowKey *row, const ShmobjFrame *key, KeyRow *found, StoreBytes *value)
{
  StoreBytes bytes;

  if (!store_get (dict->txn, row->bytes, row->size, &bytes))
    return FALSE;
  if (bytes.size < sizeof *found)
    return store_corrupt (dict->txn);

  memcpy (found, bytes.data, sizeof *found);
  if (found->key_size > bytes.size - sizeof *found)
    return store_corrupt (dict->txn);
  if (row->bytes[ROW_KEY_PREFIX] == HASH_MARK &&
      !is_same_key (key, bytes.data + sizeof *found, found->key_size))
    return store_corrupt (dict->txn);

  value->data = bytes.data + sizeof *found + found->key_size;
  value->size = bytes.size - sizeof *found - found->key_size;
  return TRUE;
}

gboolean
dict_find (Dict *dict, const Normal *key, StoreBytes *value)
{
  KeyRow found;
  RowKey row;

  make_row_key (dict, &key->frame, &row);
  return find_row (dict, &row, &key->frame, &found, value);
}

gboolean
dict_last (Dict *dict, ShmobjFrame *key)
{
  guint8 prefix[ROW_KEY_PREFIX];
  gboolean found;
  StoreScan scan;

  row_key (prefix, dict->id, ROW_ORDER);
  store_scan_begin (&scan, dict->txn, prefix, sizeof prefix);
  found = store_scan_last (&scan) &&
          (frame_load (scan.value.data, scan.value.size, key) || store_corrupt (dict->txn));
  store_scan_end (&scan);
  return found;
}

static void
put_order (Dict *dict, guint64 order, const ShmobjFrame *key)
{
  guint8 row[ROW_KEY_NUMBER];
  gpointer room;

  row_key_number (row, dict->id, ROW_ORDER, order);
  room = store_put_room (dict->txn, row, sizeof row, frame_stored_size (key));
  if (room != NULL)
    frame_store (key, room);
}

void
dict_set (Dict *dict, const Normal *key, const ShmobjFrame *value)
{
  KeyRow entry = { 0 };
  guint64 referred = 0;
  StoreBytes old;
  guint8 *room;
  RowKey row;

  make_row_key (dict, &key->frame, &row);
  if (find_row (dict, &row, &key->frame, &entry, &old))
    references_find (&dict->record.object, &old, &referred);
  else
    {
      entry.order = dict->record.next_order++;
      dict->record.object.length++;
      put_order (dict, entry.order, &key->frame);
    }
  entry.key_size = frame_stored_size (&key->frame); /* whatever the row said */
  references_add (dict->txn, &dict->record.object, value);
  if (referred != 0)
    references_drop (dict->txn, &dict->record.object, referred);

  room = store_put_room (dict->txn, row.bytes, row.size,
                         sizeof entry + entry.key_size + frame_stored_size (value));
  if (room == NULL)
    return;
  memcpy (room, &entry, sizeof entry);
  frame_store (&key->frame, room + sizeof entry);
  frame_store (value, room + sizeof entry + entry.key_size);
}

gboolean
dict_remove (Dict *dict, const Normal *key)
{
  guint8 order[ROW_KEY_NUMBER];
  StoreBytes value;
  guint64 referred;
  KeyRow entry;
  RowKey row;

  make_row_key (dict, &key->frame, &row);
  if (!find_row (dict, &row, &key->frame, &entry, &value))
    return FALSE;

  if (references_find (&dict->record.object, &value, &referred))
    references_drop (dict->txn, &dict->record.object, referred);
  row_key_number (order, dict->id, ROW_ORDER, entry.order);
  store_delete (dict->txn, order, sizeof order);
  store_delete (dict->txn, row.bytes, row.size);
  dict->record.object.length--;
  return TRUE;
}

static void
delete_rows (Dict *dict, RowTag tag)
{
  guint8 prefix[ROW_KEY_PREFIX];
  StoreScan scan;

  row_key (prefix, dict->id, tag);
  store_scan_begin (&scan, dict->txn, prefix, sizeof prefix);
  while (store_scan_next (&scan))
    store_scan_delete (&scan);
  store_scan_end (&scan);
}

static gboolean
collect_reference (const StoreBytes *key, const StoreBytes *value, gpointer data)
{
  ReferencesOf *of = data;
  guint64 id;

  if (references_find (of->holder, value, &id))
    g_array_append_val (of->ids, id);
  return TRUE;
}

/* Collected first, as in list-rows.c. */
static void
drop_references (Dict *dict)
{
  ReferencesOf of = { .holder = &dict->record.object };

  if (dict->record.object.references == 0)
    return;
  of.ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  dict_each (dict, TRUE, collect_reference, &of);
  references_drop_all (dict->txn, &of);
}

void
dict_clear (Dict *dict)
{
  drop_references (dict);
  delete_rows (dict, ROW_KEY);
  delete_rows (dict, ROW_ORDER);
  dict->record.object.length = 0;
}

static gboolean
each_key (Dict *dict, DictVisit visit, gpointer data)
{
  guint8 prefix[ROW_KEY_PREFIX];
  gboolean going = TRUE;
  StoreScan scan;

  row_key (prefix, dict->id, ROW_ORDER);
  store_scan_begin (&scan, dict->txn, prefix, sizeof prefix);
  while (going && store_scan_next (&scan))
    going = visit (&scan.value, NULL, data);
  store_scan_end (&scan);
  return going;
}

/* An entry, where it lies. */
typedef struct
{
  guint64 order;
  StoreBytes key, value;
} Entry;

static gboolean
read_entry (Dict *dict, const StoreBytes *bytes, Entry *entry)
{
  KeyRow row;

  if (bytes->size < sizeof row)
    return store_corrupt (dict->txn);
  memcpy (&row, bytes->data, sizeof row);
  if (row.key_size > bytes->size - sizeof row)
    return store_corrupt (dict->txn);

  entry->order = row.order;
  entry->key = (StoreBytes){ bytes->data + sizeof row, row.key_size };
  entry->value =
      (StoreBytes){ entry->key.data + row.key_size, bytes->size - sizeof row - row.key_size };
  return TRUE;
}

static int
compare_orders (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;

  return (x->order > y->order) - (x->order < y->order);
}

/* Where orders have few gaps, each entry is put in its place: NULL where they have more, where two
 * are the same, or without memory. Otherwise each is the number of an entry and 1, or 0. */
static guint32 *
find_places (const GArray *entries, gsize *n)
{
  guint64 low = G_MAXUINT64, high = 0, n_places;
  guint32 *places;

  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);

      low = MIN (low, entry->order);
      high = MAX (high, entry->order);
    }
  if (entries->len == 0 || high - low >= PLACES_PER_ENTRY * (guint64) entries->len)
    return NULL;

  n_places = high - low + 1;
  places = g_try_new0 (guint32, n_places);
  for (guint i = 0; places != NULL && i < entries->len; i++)
    {
      guint32 *place = &places[g_array_index (entries, Entry, i).order - low];

      if (*place != 0)
        g_clear_pointer (&places, g_free);
      else
        *place = i + 1;
    }
  *n = places != NULL ? n_places : entries->len;
  return places;
}

static gboolean
visit_in_order (GArray *entries, DictVisit visit, gpointer data)
{
  gsize n = entries->len;
  g_autofree guint32 *places = find_places (entries, &n);
  gboolean going = TRUE;

  if (places == NULL)
    g_array_sort (entries, compare_orders);
  for (gsize i = 0; going && i < n; i++)
    if (places == NULL || places[i] != 0)
      {
        const Entry *next = &g_array_index (entries, Entry, places != NULL ? places[i] - 1 : i);

        going = visit (&next->key, &next->value, data);
      }
  return going;
}

/* Reads the rows one after the other and sorts what they say. To look each key up, in the order in
 * which they were set, took more than twice the instructions. */
static gboolean
each_item (Dict *dict, DictVisit visit, gpointer data)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  guint8 prefix[ROW_KEY_PREFIX];
  StoreScan scan;
  Entry entry;

  row_key (prefix, dict->id, ROW_KEY);
  store_scan_begin (&scan, dict->txn, prefix, sizeof prefix);
  while (store_scan_next (&scan) && read_entry (dict, &scan.value, &entry))
    g_array_append_val (entries, entry);
  store_scan_end (&scan);
  if (dict->txn->failure != 0)
    return FALSE;

  return visit_in_order (entries, visit, data);
}

gboolean
dict_each (Dict *dict, gboolean values, DictVisit visit, gpointer data)
{
  return values ? each_item (dict, visit, data) : each_key (dict, visit, data);
}
