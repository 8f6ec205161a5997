/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/chunk.h"
#include "manager/rows.h"

/* A list in the store, inside one transaction. Positions are checked by the caller. */

#define LIST_RECORD_MAX 1984 /* stays inside a page of the store */
#define LIST_LEAF_SIZE 4080  /* a page of the store less its header */
#define LIST_INLINE_MAX 480  /* larger items get a row of their own */

typedef struct
{
  StoreTxn *txn;
  guint64 id;
  ListRecord record;
  Chunk tail; /* in the store when read, in bytes[] when changed */
  guint8 bytes[LIST_RECORD_MAX];
} List;

/* The record of a new list. */
void list_create (StoreTxn *txn, guint64 id);

/* For reading; bytes[] stays untouched. Errors: NOT_FOUND when it was removed, WRONG_KIND. */
gboolean list_view (List *list, StoreTxn *txn, guint64 id, GError **error);
/* For changing; list_save() writes back and counts the revision. */
gboolean list_edit (List *list, StoreTxn *txn, guint64 id, GError **error);
void list_save (List *list);

guint64 list_length (const List *list);
/* The frame at @position, where it lies. FALSE: the transaction has failed. */
gboolean list_get (List *list, guint64 position, StoreBytes *frame);
void list_append (List *list, const ShmobjFrame *frame);
void list_insert (List *list, guint64 position, const ShmobjFrame *frame);
void list_insert_many (List *list, guint64 position, const ShmobjFrame *frames, gsize n);
void list_set (List *list, guint64 position, const ShmobjFrame *frame);
void list_delete (List *list, guint64 position, guint64 n);
void list_clear (List *list);

/* Calls @visit for items from @start until @end, or until it answers FALSE. */
typedef gboolean (*ListVisit) (guint64 position, const StoreBytes *frame, gpointer data);
gboolean list_each (List *list, guint64 start, guint64 end, ListVisit visit, gpointer data);

/* Copies items from @start until @end. FALSE: with an error, or the transaction has failed. */
gboolean list_copy (List *list, guint64 start, guint64 end, ShmobjFrameRun *run, GError **error);

/* list-order.c: the item at @order[i], of all of them, becomes the i-th; NULL turns them round.
 * FALSE: memory ran out, or the transaction has failed. */
gboolean list_reorder (List *list, const guint64 *order, GError **error);
/* list-rows.c, for that: all items as chunks have them, a large one being a reference to its row …
 */
gboolean list_each_item (List *list, ListVisit visit, gpointer data);
/* … which stays when they are forgotten, and when they come again. */
void list_forget_items (List *list);
void list_append_item (List *list, const StoreBytes *item);

/* list-rows.c: from an item of a chunk to its frame. */
gboolean list_resolve (List *list, StoreBytes *item);

/* list-tree.c */
gboolean list_tree_find (List *list, guint64 position, Chunk *leaf, guint *at);
void list_tree_insert (List *list, guint64 position, const Chunk *items);
/* Removes up to @n items, those that are in one leaf; answers how many. @release: with the rows of
 * large items. */
guint64 list_tree_delete (List *list, guint64 position, guint64 n, gboolean release);
/* Writes one item of the same size. */
gboolean list_tree_replace (List *list, guint64 position, const StoreBytes *item);
/* list-rows.c, for the tree: rows that belong to items which go. */
void list_release_items (List *list, const Chunk *chunk, guint first, guint n);
