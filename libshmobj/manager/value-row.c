/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A value in the store. Its length, for lists of objects, is the bytes that the value has. */

#include "manager/value-row.h"

#include "manager/names.h"
#include "manager/references.h"

static void
put (StoreTxn *txn, guint64 id, ObjectHeader *object, const ShmobjFrame *frame)
{
  guint8 key[ROW_KEY_PREFIX], *room;

  object->length = frame->size;
  row_key (key, id, ROW_RECORD);
  room = store_put_room (txn, key, sizeof key, sizeof *object + frame_stored_size (frame));
  if (room == NULL)
    return;
  memcpy (room, object, sizeof *object);
  frame_store (frame, room + sizeof *object);
}

void
value_row_create (StoreTxn *txn, guint64 id, const ShmobjFrame *initial)
{
  ObjectHeader object = { .kind = KIND_VALUE, .revision = 1 };

  references_add (txn, &object, initial);
  put (txn, id, &object, initial);
}

gboolean
value_row_open (ValueRow *row, StoreTxn *txn, guint64 id, GError **error)
{
  StoreBytes record;

  row->txn = txn;
  row->id = id;
  if (!names_get_record (txn, id, KIND_VALUE, sizeof row->object, &record, error))
    return FALSE;
  memcpy (&row->object, record.data, sizeof row->object);
  row->frame.data = record.data + sizeof row->object;
  row->frame.size = record.size - sizeof row->object;
  return TRUE;
}

void
value_row_set (ValueRow *row, const ShmobjFrame *frame)
{
  guint64 referred = 0;

  references_find (&row->object, &row->frame, &referred);
  references_add (row->txn, &row->object, frame);
  if (referred != 0)
    references_drop (row->txn, &row->object, referred);
  row->object.revision++;
  store_touch (row->txn, row->id);
  put (row->txn, row->id, &row->object, frame);
}
