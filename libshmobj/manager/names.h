/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/rows.h"
#include "manager/store.h"
#include "objects/shmobj-open-flags.h"

/* Which objects a manager has, by name. */

typedef struct
{
  const char *name; /* NULL: a new object without a name */
  ObjectKind kind;
  ShmobjOpenFlags flags;
  gint64 timeout_us;
  GCancellable *cancellable;

  gsize bytes; /* besides what every object needs, about */

  /* Makes what object @id consists of besides its name; inside a write transaction, perhaps twice.
   */
  gboolean (*create) (StoreTxn *txn, guint64 id, gpointer data, GError **error);
  gpointer data;

  guint64 given; /* by a transaction, for what is made; 0: there is none */
  guint64 id;    /* the result */
} NameOpen;

/* Errors: INVALID_ARGUMENT, NOT_FOUND, EXISTS, WRONG_KIND, those of the store and of create(). */
gboolean names_open (Store *store, NameOpen *how, GError **error);
/* Takes the name away. *@kind and *@id say from what. */
gboolean
names_remove (StoreTxn *txn, const char *name, ObjectKind *kind, guint64 *id, GError **error);
gboolean names_lookup (StoreTxn *txn, const char *name, ObjectKind *kind, guint64 *id);
/* Removes an object's rows, all of them. */
void names_drop_object (StoreTxn *txn, guint64 id);
/* Nothing keeps it but who has it open: it has no name, and nothing refers to it. */
gboolean names_is_nameless (StoreTxn *txn, guint64 id);
/* Says so of an object, or that it is not so any more (FALSE: it was not). */
void names_set_nameless (StoreTxn *txn, guint64 id);
gboolean names_unset_nameless (StoreTxn *txn, guint64 id);
/* The same of one whose removing takes more than one transaction: nobody can get it any more. */
void names_begin_removing (StoreTxn *txn, guint64 id);
gboolean names_is_removing (StoreTxn *txn, guint64 id);
/* The first nameless object with an id above @after; FALSE when there is none. */
gboolean names_next_nameless (StoreTxn *txn, guint64 after, guint64 *id);

/* FALSE: there is no such object. */
gboolean names_get_header (StoreTxn *txn, guint64 id, ObjectHeader *header);
/* The record of an object, where it lies: @size bytes or more. Errors: NOT_FOUND when it was
 * removed, WRONG_KIND. FALSE without an error: the transaction has failed. */
gboolean names_get_record (
    StoreTxn *txn, guint64 id, ObjectKind kind, gsize size, StoreBytes *record, GError **error);
/* An a(sst), floating: name, kind, size. */
GVariant *names_list (StoreTxn *txn);

const char *kind_to_string (ObjectKind kind);
/* Is all of it in the store, as long as somebody has it? */
gboolean kind_is_container (ObjectKind kind);
