/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/normal.h"
#include "manager/rows.h"
#include "manager/store.h"

/* A dict in the store, inside one transaction. Keys are in normal form. */
typedef struct
{
  StoreTxn *txn;
  guint64 id;
  DictRecord record;
} Dict;

void dict_create (StoreTxn *txn, guint64 id);
/* Errors: NOT_FOUND when it was removed, WRONG_KIND. */
gboolean dict_open (Dict *dict, StoreTxn *txn, guint64 id, GError **error);
/* Writes the record back; counts the revision. */
void dict_save (Dict *dict);

/* The value's frame, where it lies. FALSE: there is none (or the transaction has failed). Needs no
 * more of @dict than txn and id. */
gboolean dict_find (Dict *dict, const Normal *key, StoreBytes *value);
/* The key that was set last, a copy. FALSE: there is none. */
gboolean dict_last (Dict *dict, ShmobjFrame *key);
void dict_set (Dict *dict, const Normal *key, const ShmobjFrame *value);
gboolean dict_remove (Dict *dict, const Normal *key);
void dict_clear (Dict *dict);

/* Calls @visit in the order in which the keys were first set. @value is NULL unless @values. */
typedef gboolean (*DictVisit) (const StoreBytes *key, const StoreBytes *value, gpointer data);
gboolean dict_each (Dict *dict, gboolean values, DictVisit visit, gpointer data);
