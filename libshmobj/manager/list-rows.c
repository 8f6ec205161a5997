/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list in the store: its record with the tail, the tree for the rest, rows for large items.
 *
 *     record: [ ListRecord ][ tail: a chunk ]        the list's last items
 *     tree:   everything before them                 (list-tree.c)
 *
 * A short list is one row, and an append is one row read and written. The record's row is enlarged
 * in steps, so that most appends replace it by one of the same size, which moves nothing. A full
 * tail goes into the tree as a whole; an empty tail takes the tree's last items back.
 *
 * An item is a frame (base/frame.h), or, when it is large, a header of the kind LARGE_ITEM and the
 * number of the row that has the frame. References to other objects are never large; they are
 * counted (references.c) where items become bytes, in encode(), and where items go, in
 * list_release_items() and list_clear().
 */

#include "manager/list-rows.h"

#include "manager/names.h"
#include "manager/references.h"

#define RECORD_MIN 256
#define LARGE_ITEM 0x8001
#define HEIGHT_MAX 8
#define ITEMS_MAX (G_GUINT64_CONSTANT (1) << 48) /* more than a store can have */
#define TAIL_SHARE 900                           /* bytes of items that an empty tail takes back */

typedef struct
{
  FrameHeader header;
  guint64 number;
} LargeItem;

static void
large_key (List *list, guint64 number, guint8 key[ROW_KEY_NUMBER])
{
  row_key_number (key, list->id, ROW_VALUE, number);
}

static gboolean
is_large (const StoreBytes *item, guint64 *number)
{
  LargeItem large;

  if (item->size != sizeof large)
    return FALSE;
  memcpy (&large, item->data, sizeof large);
  *number = large.number;
  return large.header.kind == LARGE_ITEM;
}

void
list_create (StoreTxn *txn, guint64 id)
{
  guint8 key[ROW_KEY_PREFIX], bytes[RECORD_MIN] = { 0 };
  ListRecord record = { .object = { .kind = KIND_LIST, .revision = 1 } };
  Chunk tail;

  chunk_init (&tail, bytes + sizeof record, sizeof bytes - sizeof record);
  memcpy (bytes, &record, sizeof record);
  row_key (key, id, ROW_RECORD);
  store_put (txn, key, sizeof key, bytes, sizeof bytes);
}

static gboolean
is_sound (const List *list)
{
  const ListRecord *record = &list->record;

  return record->height <= HEIGHT_MAX && (record->height == 0) == (record->in_tree == 0) &&
         record->in_tree <= ITEMS_MAX;
}

gboolean
list_view (List *list, StoreTxn *txn, guint64 id, GError **error)
{
  StoreBytes row;

  list->txn = txn;
  list->id = id;
  if (!names_get_record (txn, id, KIND_LIST, sizeof list->record, &row, error))
    return FALSE;
  memcpy (&list->record, row.data, sizeof list->record);
  if (!is_sound (list) ||
      !chunk_open (&list->tail, row.data + sizeof list->record, row.size - sizeof list->record))
    return store_corrupt (txn);
  return TRUE;
}

gboolean
list_edit (List *list, StoreTxn *txn, guint64 id, GError **error)
{
  if (!list_view (list, txn, id, error))
    return FALSE;
  if (list->tail.capacity > LIST_RECORD_MAX - sizeof list->record)
    return store_corrupt (txn);

  memcpy (list->bytes + sizeof list->record, list->tail.bytes, list->tail.capacity);
  list->tail.bytes = list->bytes + sizeof list->record;
  return TRUE;
}

void
list_save (List *list)
{
  guint8 key[ROW_KEY_PREFIX];

  list->record.object.length = list_length (list);
  list->record.object.revision++;
  store_touch (list->txn, list->id);
  memcpy (list->bytes, &list->record, sizeof list->record);
  row_key (key, list->id, ROW_RECORD);
  store_put (list->txn, key, sizeof key, list->bytes, sizeof list->record + list->tail.capacity);
}

guint64
list_length (const List *list)
{
  return list->record.in_tree + chunk_count (&list->tail);
}

static gboolean
find_item (List *list, guint64 position, StoreBytes *item)
{
  Chunk chunk = list->tail;
  guint at;

  if (position >= list->record.in_tree)
    at = position - list->record.in_tree;
  else if (!list_tree_find (list, position, &chunk, &at))
    return FALSE;

  return chunk_item (&chunk, at, item) || store_corrupt (list->txn);
}

/* From an item to its frame. */
gboolean
list_resolve (List *list, StoreBytes *item)
{
  guint8 key[ROW_KEY_NUMBER];
  guint64 number;

  if (!is_large (item, &number))
    return TRUE;
  large_key (list, number, key);
  return store_get (list->txn, key, sizeof key, item) || store_corrupt (list->txn);
}

gboolean
list_get (List *list, guint64 position, StoreBytes *frame)
{
  return find_item (list, position, frame) && list_resolve (list, frame);
}

/* What stands in a chunk for @frame; a large one gets its row here. */
static StoreBytes
encode (List *list, const ShmobjFrame *frame, guint8 item[LIST_INLINE_MAX])
{
  gsize size = frame_stored_size (frame);
  LargeItem large = { .header = { .size = sizeof large.number, .kind = LARGE_ITEM } };
  guint8 key[ROW_KEY_NUMBER];
  gpointer room;

  references_add (list->txn, &list->record.object, frame);
  if (size <= LIST_INLINE_MAX)
    {
      frame_store (frame, item);
      return (StoreBytes){ item, size };
    }

  large.number = list->record.next_number++;
  large_key (list, large.number, key);
  room = store_put_room (list->txn, key, sizeof key, size);
  if (room != NULL)
    frame_store (frame, room);
  memcpy (item, &large, sizeof large);
  return (StoreBytes){ item, sizeof large };
}

void
list_release_items (List *list, const Chunk *chunk, guint first, guint n)
{
  guint8 key[ROW_KEY_NUMBER];
  StoreBytes item;
  guint64 number;

  for (guint i = first; i < first + n; i++)
    if (!chunk_item (chunk, i, &item))
      continue;
    else if (is_large (&item, &number))
      {
        large_key (list, number, key);
        store_delete (list->txn, key, sizeof key);
      }
    else if (references_find (&list->record.object, &item, &number))
      references_drop (list->txn, &list->record.object, number);
}

/* Gives the tail's row the next size. FALSE when it has the largest. */
static gboolean
enlarge_tail (List *list)
{
  guint8 old_bytes[LIST_RECORD_MAX];
  Chunk old = { old_bytes, list->tail.capacity };
  guint size = MIN (2 * (sizeof list->record + old.capacity), LIST_RECORD_MAX);

  if (sizeof list->record + old.capacity == LIST_RECORD_MAX)
    return FALSE;

  memcpy (old_bytes, list->tail.bytes, old.capacity);
  memset (list->tail.bytes, 0, size - sizeof list->record);
  chunk_init (&list->tail, list->tail.bytes, size - sizeof list->record);
  return chunk_insert_from (&list->tail, 0, &old, 0, chunk_count (&old)) ||
         store_corrupt (list->txn);
}

static void
push_tail (List *list)
{
  list_tree_insert (list, list->record.in_tree, &list->tail);
  chunk_init (&list->tail, list->tail.bytes, list->tail.capacity);
}

static void
insert_item (List *list, guint64 position, const StoreBytes *item)
{
  guint8 bytes[LIST_INLINE_MAX + 8];
  Chunk one;

  while (position >= list->record.in_tree)
    {
      if (chunk_insert (&list->tail, position - list->record.in_tree, item->data, item->size))
        return;
      if (!enlarge_tail (list))
        push_tail (list);
    }

  chunk_init (&one, bytes, sizeof bytes);
  chunk_insert (&one, 0, item->data, item->size);
  list_tree_insert (list, position, &one);
}

void
list_insert (List *list, guint64 position, const ShmobjFrame *frame)
{
  guint8 buffer[LIST_INLINE_MAX];
  StoreBytes item = encode (list, frame, buffer);

  insert_item (list, position, &item);
}

/* Inserts what is in @some, which is empty then, and moves @position behind it. */
static void
insert_chunk (List *list, guint64 *position, Chunk *some)
{
  guint count = chunk_count (some);
  StoreBytes item;

  if (count > 0 && *position < list->record.in_tree)
    list_tree_insert (list, *position, some);
  else
    for (guint i = 0; i < count && chunk_item (some, i, &item); i++)
      insert_item (list, *position + i, &item);
  *position += count;
  chunk_init (some, some->bytes, some->capacity);
}

void
list_insert_many (List *list, guint64 position, const ShmobjFrame *frames, gsize n)
{
  guint8 bytes[LIST_RECORD_MAX], buffer[LIST_INLINE_MAX];
  Chunk some;

  chunk_init (&some, bytes, sizeof bytes);
  for (gsize i = 0; i < n && list->txn->failure == 0; i++)
    {
      StoreBytes item = encode (list, &frames[i], buffer);

      while (!chunk_insert (&some, chunk_count (&some), item.data, item.size))
        insert_chunk (list, &position, &some);
    }
  insert_chunk (list, &position, &some);
}

void
list_append_item (List *list, const StoreBytes *item)
{
  insert_item (list, list_length (list), item);
}

void
list_append (List *list, const ShmobjFrame *frame)
{
  list_insert (list, list_length (list), frame);
}

/* Takes items out of the tree's end into the empty tail. */
static void
refill_tail (List *list)
{
  guint8 bytes[LIST_LEAF_SIZE];
  Chunk leaf;
  guint at, first;

  if (list->record.in_tree == 0 || !list_tree_find (list, list->record.in_tree - 1, &leaf, &at))
    return;

  memcpy (bytes, leaf.bytes, sizeof bytes);
  leaf.bytes = bytes;
  first = chunk_fitting (&leaf, chunk_weight (&leaf) - MIN (chunk_weight (&leaf), TAIL_SHARE));
  first = MIN (first, at); /* at least the last one */
  while (!chunk_insert_from (&list->tail, 0, &leaf, first, at + 1 - first))
    if (!enlarge_tail (list))
      {
        store_corrupt (list->txn);
        return;
      }
  list_tree_delete (list, list->record.in_tree - (at + 1 - first), at + 1 - first, FALSE);
}

void
list_delete (List *list, guint64 position, guint64 n)
{
  guint64 in_tree = list->record.in_tree;
  guint64 from_tail = position + n - MIN (position + n, MAX (in_tree, position));

  if (from_tail > 0)
    {
      guint first = MAX (position, in_tree) - in_tree;

      list_release_items (list, &list->tail, first, from_tail);
      chunk_remove (&list->tail, first, from_tail);
    }
  n -= from_tail;
  while (n > 0 && list->txn->failure == 0)
    {
      guint64 removed = list_tree_delete (list, position, n, TRUE);

      n -= MIN (removed, n);
    }
  if (chunk_count (&list->tail) == 0)
    refill_tail (list);
}

/* An item of the same size takes the old one's place; any other is put beside it, which goes. */
void
list_set (List *list, guint64 position, const ShmobjFrame *frame)
{
  guint8 buffer[LIST_INLINE_MAX];
  StoreBytes item = encode (list, frame, buffer);

  if (position < list->record.in_tree && list_tree_replace (list, position, &item))
    return;
  if (position >= list->record.in_tree)
    {
      list_release_items (list, &list->tail, position - list->record.in_tree, 1);
      if (chunk_replace (&list->tail, position - list->record.in_tree, item.data, item.size))
        return;
      chunk_remove (&list->tail, position - list->record.in_tree, 1);
    }
  else
    list_tree_delete (list, position, 1, TRUE);
  insert_item (list, position, &item);
}

static void
delete_rows (List *list, RowTag tag)
{
  guint8 prefix[ROW_KEY_PREFIX];
  StoreScan scan;

  row_key (prefix, list->id, tag);
  store_scan_begin (&scan, list->txn, prefix, sizeof prefix);
  while (store_scan_next (&scan))
    store_scan_delete (&scan);
  store_scan_end (&scan);
}

static gboolean
collect_reference (guint64 position, const StoreBytes *frame, gpointer data)
{
  ReferencesOf *of = data;
  guint64 id;

  if (references_find (of->holder, frame, &id))
    g_array_append_val (of->ids, id);
  return TRUE;
}

/* They are collected first: what a look at the items points into moves with the first change. */
static void
drop_references (List *list)
{
  ReferencesOf of = { .holder = &list->record.object };

  if (list->record.object.references == 0)
    return;
  of.ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  list_each (list, 0, list_length (list), collect_reference, &of);
  references_drop_all (list->txn, &of);
}

void
list_clear (List *list)
{
  drop_references (list);
  delete_rows (list, ROW_VALUE);
  list_forget_items (list);
}

void
list_forget_items (List *list)
{
  delete_rows (list, ROW_TREE);
  list->record.height = 0;
  list->record.in_tree = 0;
  memset (list->tail.bytes, 0, list->tail.capacity);
  chunk_init (&list->tail, list->tail.bytes, RECORD_MIN - sizeof list->record);
}
