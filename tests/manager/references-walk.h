/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Walks through a whole store, in one look, and checks what must always be so: every reference
 * leads to an object, the counts are the numbers of references that there are, and what has neither
 * a name nor a reference is known as such. */

#include "manager/container.h"
#include "manager/dict-rows.h"
#include "manager/list-rows.h"
#include "manager/value-row.h"

typedef struct
{
  GHashTable *kinds; /* of every container, by id */
  GHashTable *named; /* ids */
  GHashTable *found; /* how many references lead to an id */
  GHashTable *live;  /* of these, how many are not in an object that is being removed itself */
  gboolean removing; /* the object that is looked at */
  guint64 in_one;    /* references in the object that is looked at */
  guint containers, references;
} Walk;

static guint
walk_count (GHashTable *table, guint64 id)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (table, &id));
}

static void
walk_put (GHashTable *table, guint64 id, guint value)
{
  g_hash_table_insert (table, g_memdup2 (&id, sizeof id), GUINT_TO_POINTER (value));
}

static gboolean
walk_item (Walk *walk, const StoreBytes *stored)
{
  ObjectHeader any = { .references = 1 };
  guint64 id;

  if (references_find (&any, stored, &id))
    {
      walk_put (walk->found, id, walk_count (walk->found, id) + 1);
      if (!walk->removing)
        walk_put (walk->live, id, walk_count (walk->live, id) + 1);
      walk->in_one++;
    }
  return TRUE;
}

static gboolean
walk_list_item (guint64 position, const StoreBytes *frame, gpointer data)
{
  return walk_item (data, frame);
}

static gboolean
walk_dict_item (const StoreBytes *key, const StoreBytes *value, gpointer data)
{
  return walk_item (data, value);
}

static void
walk_container (StoreTxn *txn, guint64 id, const ObjectHeader *header, Walk *walk)
{
  ValueRow row;
  List list;
  Dict dict;

  walk->in_one = 0;
  walk->removing = names_is_removing (txn, id);
  if (header->kind == KIND_LIST)
    {
      g_assert_true (list_view (&list, txn, id, NULL));
      g_assert_true (list_each (&list, 0, list_length (&list), walk_list_item, walk));
    }
  else if (header->kind == KIND_DICT)
    {
      g_assert_true (dict_open (&dict, txn, id, NULL));
      g_assert_true (dict_each (&dict, TRUE, walk_dict_item, walk));
    }
  else
    {
      g_assert_true (value_row_open (&row, txn, id, NULL));
      walk_item (walk, &row.frame);
    }
  g_assert_cmpuint (header->references, ==, walk->in_one);
  walk->containers++;
  walk->references += walk->in_one;
}

/* Every row's key begins with an id and a tag. */
static guint64
walk_id (const guint8 *at)
{
  guint64 id;

  memcpy (&id, at, sizeof id);
  return GUINT64_FROM_BE (id);
}

static void
walk_objects (StoreTxn *txn, Walk *walk)
{
  StoreScan scan;

  store_scan_begin (&scan, txn, "", 1); /* ids begin with a byte 0 */
  while (store_scan_next (&scan))
    {
      guint64 id = walk_id (scan.key.data);
      ObjectHeader header;
      NameRow row;

      if (id == MANAGER_ID && scan.key.data[8] == ROW_NAME)
        {
          memcpy (&row, scan.value.data, sizeof row);
          walk_put (walk->named, row.id, 1);
        }
      if (id == MANAGER_ID || scan.key.data[8] != ROW_RECORD)
        continue;
      memcpy (&header, scan.value.data, sizeof header);
      walk_put (walk->kinds, id, header.kind);
      if (kind_is_container (header.kind))
        walk_container (txn, id, &header, walk);
    }
  store_scan_end (&scan);
}

static void
walk_compare (StoreTxn *txn, Walk *walk)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, walk->found);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_assert_cmpuint (walk_count (walk->kinds, *(guint64 *) key), !=, 0);
      if (walk_count (walk->live, *(guint64 *) key) > 0)
        g_assert_false (names_is_removing (txn, *(guint64 *) key));
    }

  g_hash_table_iter_init (&iter, walk->kinds);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      guint64 id = *(guint64 *) key;
      guint found = walk_count (walk->found, id);

      g_assert_cmpuint (references_count (txn, id), ==, found);
      if (kind_is_container (GPOINTER_TO_UINT (value)) && !names_is_removing (txn, id))
        g_assert_cmpint (names_is_nameless (txn, id), ==,
                         found == 0 && walk_count (walk->named, id) == 0);
    }
}

static Walk
walk_store (ShmobjManager *manager)
{
  Walk walk = {
    .kinds = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
    .named = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
    .found = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
    .live = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL),
  };
  StoreTxn txn;

  g_assert_true (store_read_begin (manager_get_store (manager, NULL), &txn, NULL));
  walk_objects (&txn, &walk);
  walk_compare (&txn, &walk);
  g_assert_true (store_read_end (&txn, NULL));
  g_clear_pointer (&walk.kinds, g_hash_table_unref);
  g_clear_pointer (&walk.named, g_hash_table_unref);
  g_clear_pointer (&walk.found, g_hash_table_unref);
  g_clear_pointer (&walk.live, g_hash_table_unref);
  return walk;
}
