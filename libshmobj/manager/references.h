/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/rows.h"
#include "manager/store.h"

/* References from items to objects of the same manager, and their counts (references.c). */

#define REFERENCE_PREFIX "/org/shmobj/Manager1/_id_"
#define REFERENCE_PREFIX_SIZE (sizeof REFERENCE_PREFIX - 1)

typedef struct
{
  guint64 identity; /* of the store */
  guint64 id;       /* of the object */
} Reference;

char *reference_to_string (const Reference *reference);
/* FALSE: the @size bytes at @text, with the NUL, are no reference as we write it. */
gboolean reference_parse (gconstpointer text, gsize size, Reference *reference);

/* Does the frame claim to be a reference? Costs one comparison for nearly all that are none. */
static inline gboolean
reference_is_frame (const ShmobjFrame *frame)
{
  return frame->type_length == 1 && *frame->type == 'o' && frame->size > REFERENCE_PREFIX_SIZE &&
         memcmp (frame->data, REFERENCE_PREFIX, REFERENCE_PREFIX_SIZE) == 0;
}

/* Of a frame that came from a store; FALSE when it is none. */
static inline gboolean
reference_of_frame (const ShmobjFrame *frame, guint64 *id)
{
  Reference reference;

  if (G_LIKELY (!reference_is_frame (frame)) ||
      !reference_parse (frame->data, frame->size, &reference))
    return FALSE;
  *id = reference.id;
  return TRUE;
}

/* NOT_REPRESENTABLE when the frame has a reference somewhere inside, or one that is none. */
gboolean reference_check_frame (const ShmobjFrame *frame, GError **error);

/* For a new store. */
guint64 references_new_identity (void);
/* 0: the manager has no object yet. */
guint64 references_get_identity (StoreTxn *txn);

/* An item of the object that @holder is the header of becomes @frame. If that is a reference it is
 * counted; one that leads nowhere refuses the transaction (store_refuse()): NOT_REPRESENTABLE. */
void references_add (StoreTxn *txn, ObjectHeader *holder, const ShmobjFrame *frame);
/* Does the stored item refer to an object? Then references_drop() is for when it goes. */
gboolean references_find (const ObjectHeader *holder, const StoreBytes *stored, guint64 *id);
void references_drop (StoreTxn *txn, ObjectHeader *holder, guint64 id);
/* All that a container refers to, collected before it is emptied. */
typedef struct
{
  ObjectHeader *holder;
  GArray *ids; /* (owned): guint64 each */
} ReferencesOf;

void references_drop_all (StoreTxn *txn, ReferencesOf *of);
/* How many items refer to the object. */
guint64 references_count (StoreTxn *txn, guint64 id);

/* The first object above @after that has no name and something refers to it. */
gboolean references_next_nameless (StoreTxn *txn, guint64 after, guint64 *id);

/* The object's name is gone. */
void references_lose_name (StoreTxn *txn, guint64 id);

/* Notes of a transaction (StoreTxn.notes): objects that nothing keeps any more, as far as there is
 * room. */
#define ORPHANS_MAX 64

typedef struct
{
  guint64 ids[ORPHANS_MAX];
  guint n; /* more than ORPHANS_MAX: the rest was not noted */
} Orphans;
