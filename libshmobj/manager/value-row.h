/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/rows.h"
#include "manager/store.h"

/* A value in the store, inside one transaction: one row, the object's header and then the value's
 * frame. */
typedef struct
{
  StoreTxn *txn;
  guint64 id;
  ObjectHeader object;
  StoreBytes frame; /* where it lies, until the next change in the transaction */
} ValueRow;

void value_row_create (StoreTxn *txn, guint64 id, const ShmobjFrame *initial);
/* Errors: NOT_FOUND when it was removed, WRONG_KIND. */
gboolean value_row_open (ValueRow *row, StoreTxn *txn, guint64 id, GError **error);
/* Puts @frame in its place; counts the revision. */
void value_row_set (ValueRow *row, const ShmobjFrame *frame);
