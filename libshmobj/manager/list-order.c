/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list's items in another order, inside one transaction.
 *
 * All items are copied out as the chunks have them, the tree and the tail are emptied, and the
 * items are appended in their new order. A large item is in a chunk by its row's number, so its row
 * is not touched: what this costs depends on the number of items, not on their size. The
 * transaction publishes the new tree as a whole or, after a death, not at all.
 *
 * Swapping items where they are would write each page of the tree some hundred times.
 */

#include "manager/list-rows.h"

typedef struct
{
  guint8 *bytes; /* (owned): the items, one behind the other */
  gsize size, room;
  gsize *ends; /* (owned): behind each item */
  guint64 n, n_max;
} Items;

static void
items_clear (Items *items)
{
  g_free (items->bytes);
  g_free (items->ends);
}

static gboolean
keep (guint64 position, const StoreBytes *item, gpointer data)
{
  Items *items = data;

  if (items->n == items->n_max)
    return FALSE;
  if (items->room - items->size < item->size)
    {
      gsize room = MAX (2 * items->room, LIST_LEAF_SIZE);
      guint8 *bytes = g_try_realloc (items->bytes, room);

      if (bytes == NULL)
        return FALSE;
      items->bytes = bytes;
      items->room = room;
    }
  memcpy (items->bytes + items->size, item->data, item->size);
  items->size += item->size;
  items->ends[items->n++] = items->size;
  return TRUE;
}

static void
append_nth (List *list, const Items *items, guint64 n)
{
  gsize start = n > 0 ? items->ends[n - 1] : 0;

  list_append_item (list, &(StoreBytes){ items->bytes + start, items->ends[n] - start });
}

gboolean
list_reorder (List *list, const guint64 *order, GError **error)
{
  guint64 length = list_length (list);
  Items items = { .n_max = length, .ends = g_try_new (gsize, MAX (length, 1)) };
  gboolean kept = items.ends != NULL && list_each_item (list, keep, &items);

  if (!kept || items.n < length)
    {
      items_clear (&items);
      if (list->txn->failure == 0)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                     "There is no memory to order %" G_GUINT64_FORMAT " items", length);
      return FALSE;
    }

  list_forget_items (list);
  for (guint64 i = 0; i < length && list->txn->failure == 0; i++)
    append_nth (list, &items, order != NULL ? order[i] : length - 1 - i);
  items_clear (&items);
  return TRUE;
}
