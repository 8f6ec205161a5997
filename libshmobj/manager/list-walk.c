/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Walks over the items of a list: one after the other, or a chunk at a time.
 *
 * Copies take all that a chunk has in one piece, which costs some instructions an item where a walk
 * takes a hundred. Only a chunk that has a large item, which stands in a row of its own, or one
 * that is damaged is gone through item by item.
 */

#include "manager/list-rows.h"

#include "manager/stored.h"

/* The chunk with the item at @position, and where it is in there. */
static gboolean
find_chunk (List *list, guint64 position, Chunk *chunk, guint *at)
{
  *chunk = list->tail;
  if (position < list->record.in_tree)
    return list_tree_find (list, position, chunk, at);
  *at = position - list->record.in_tree;
  return TRUE;
}

static gboolean
walk (List *list, guint64 start, guint64 end, gboolean frames, ListVisit visit, gpointer data)
{
  guint64 position = start;

  while (position < end)
    {
      Chunk chunk;
      guint at, count;

      if (!find_chunk (list, position, &chunk, &at))
        return FALSE;
      for (count = chunk_count (&chunk); at < count && position < end; at++, position++)
        {
          StoreBytes frame;

          if (!chunk_item (&chunk, at, &frame))
            return store_corrupt (list->txn);
          if (frames && !list_resolve (list, &frame))
            return FALSE;
          if (!visit (position, &frame, data))
            return TRUE;
        }
    }
  return TRUE;
}

gboolean
list_each (List *list, guint64 start, guint64 end, ListVisit visit, gpointer data)
{
  return walk (list, start, end, TRUE, visit, data);
}

gboolean
list_each_item (List *list, ListVisit visit, gpointer data)
{
  return walk (list, 0, list_length (list), FALSE, visit, data);
}

static gboolean
copy_item (List *list, const Chunk *chunk, guint at, ShmobjFrameRun *run, GError **error)
{
  StoreBytes frame;

  if (!chunk_item (chunk, at, &frame))
    return store_corrupt (list->txn);
  return list_resolve (list, &frame) && stored_add (&frame, run, error);
}

/* @n items of one chunk, or fewer, which is an error. */
static gboolean
copy_items (List *list, const Chunk *chunk, guint at, guint n, ShmobjFrameRun *run, GError **error)
{
  StoreBytes items;

  if (chunk_items (chunk, at, n, &items) && stored_add_many (&items, n, run))
    return TRUE;
  for (guint i = at; i < at + n; i++)
    if (!copy_item (list, chunk, i, run, error))
      return FALSE;
  return TRUE;
}

gboolean
list_copy (List *list, guint64 start, guint64 end, ShmobjFrameRun *run, GError **error)
{
  guint n;

  for (guint64 position = start; position < end; position += n)
    {
      Chunk chunk;
      guint at;

      if (!find_chunk (list, position, &chunk, &at))
        return FALSE;
      n = MIN (chunk_count (&chunk) - MIN (at, chunk_count (&chunk)), end - position);
      if (n == 0)
        return store_corrupt (list->txn);
      if (!copy_items (list, &chunk, at, n, run, error))
        return FALSE;
    }
  return TRUE;
}
