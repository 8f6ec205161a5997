/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of containers that have no name and to which nothing refers: with their last holder.
 *
 * Who lets go of an object looks whether it has a row 'a', which costs a read. If so he asks for
 * its exclusive lock, and with that removes its rows: nobody has it, and who comes by a handle
 * meanwhile finds it locked (holds.c), then gone. The same does who removes the last reference to
 * an object.
 *
 * What is removed may refer to others, which then nothing keeps. They come into a list of what to
 * look at, and one after the other is removed; there is no recursion, however deep the nesting. A
 * transaction removes at most so many objects, and of one that refers to others at most so many
 * items, so that nobody waits long for the gate. An object that takes several transactions is
 * marked in the first (its row 'a'), and from then on cannot be referred to any more. One call
 * makes at most BUDGET transactions. What is left, by that or by a death, has its row 'a'.
 *
 * The killed let go without looking. So who makes a nameless object, or removes a last reference,
 * looks at two others and removes those that nobody holds: what is left behind goes at least as
 * fast as new ones come. The rest is swept by the next one who finds himself alone in the manager.
 * He asks for each object, too: by the time he sweeps, others may have come and made some (tried
 * without: their objects were gone).
 *
 * In a transaction over several objects nothing is let go or removed before its end: until then
 * others see what was before, and may come by it.
 */

#include "manager/nameless.h"

#include "base/fork.h"
#include "manager/dict-rows.h"
#include "manager/list-rows.h"
#include "manager/references.h"
#include "manager/value-row.h"

#define LOOKS 2
#define BATCH 32             /* objects that one transaction removes */
#define SLICE 2000           /* items of them, if some are references */
#define BUDGET 100           /* transactions of one call */
#define LETTING_GO_US 100000 /* a finalizer waits no longer for the gate */

typedef struct
{
  Store *store;
  Holds *holds;
  gint64 timeout_us;
  GArray *ids;  /* of objects to look at */
  guint looked; /* so many of them */
  guint budget; /* transactions that there may still be */
  guint64 removed;
} Ending;

/* A transaction's share. */
typedef struct
{
  guint64 ids[BATCH]; /* of which we have the exclusive lock */
  guint n;
  guint removed;
  gboolean unfinished;
  Orphans orphans;
} Batch;

/* The last @n items, whose references are given up with them. */
static void
shrink (StoreTxn *txn, guint64 id, ObjectKind kind, guint64 n)
{
  List list;
  Dict dict;

  if (kind == KIND_LIST && list_edit (&list, txn, id, NULL))
    {
      list_delete (&list, list_length (&list) - MIN (n, list_length (&list)),
                   MIN (n, list_length (&list)));
      list_save (&list);
    }
  else if (kind == KIND_DICT && dict_open (&dict, txn, id, NULL))
    {
      Normal last = { 0 };
      gboolean sound = TRUE;

      for (guint64 i = 0; i < n && sound; i++)
        {
          sound = dict_last (&dict, &last.frame) && dict_remove (&dict, &last);
          shmobj_frame_clear (&last.frame);
        }
      if (!sound) /* its record says more than there is: then it is not gone through any further */
        dict.record.object.length = dict.record.object.references = 0;
      dict_save (&dict);
    }
}

static void
forget_value (StoreTxn *txn, guint64 id)
{
  ShmobjFrame nothing;
  ValueRow row;

  shmobj_frame_set_bytes (&nothing, NULL, 0);
  if (value_row_open (&row, txn, id, NULL))
    value_row_set (&row, &nothing);
}

/* TRUE: there is no more to do for it now. @slice becomes less by what was removed of it. One that
 * others refer to, which are being removed as well (shmobj-manager-clean.c), goes when the last of
 * them was emptied. */
static gboolean
remove_object (StoreTxn *txn, guint64 id, guint64 *slice, guint *removed)
{
  ObjectHeader header = { 0 };

  if (names_get_header (txn, id, &header) && header.references > 0)
    {
      guint64 n = MIN (header.length, *slice);

      if (header.kind == KIND_VALUE)
        forget_value (txn, id);
      else
        shrink (txn, id, header.kind, n);
      *slice -= header.kind == KIND_VALUE ? 1 : n;
      if (header.kind != KIND_VALUE && n < header.length)
        {
          names_begin_removing (txn, id);
          return FALSE;
        }
    }
  if (references_count (txn, id) > 0)
    return TRUE;
  names_drop_object (txn, id);
  (*removed)++;
  return TRUE;
}

static gboolean
do_end (StoreTxn *txn, gpointer data, GError **error)
{
  Batch *batch = data;
  guint64 slice = SLICE;

  batch->orphans.n = batch->removed = 0;
  batch->unfinished = FALSE;
  txn->notes = &batch->orphans;
  for (guint i = 0; i < batch->n && !batch->unfinished && txn->failure == 0; i++)
    if (names_is_nameless (txn, batch->ids[i]))
      batch->unfinished =
          slice == 0 || !remove_object (txn, batch->ids[i], &slice, &batch->removed);
  return TRUE;
}

/* Fills the batch with the next objects that nothing keeps. */
static void
fill_batch (Ending *ending, Batch *batch)
{
  StoreTxn txn;

  batch->n = 0;
  if (!store_read_begin (ending->store, &txn, NULL))
    {
      ending->looked = ending->ids->len;
      return;
    }
  while (batch->n < BATCH && ending->looked < ending->ids->len)
    {
      guint64 id = g_array_index (ending->ids, guint64, ending->looked++);

      if (names_is_nameless (&txn, id) && holds_begin_exclusive (ending->holds, id))
        batch->ids[batch->n++] = id;
    }
  store_read_end (&txn, NULL);
}

/* If it fails, those who look around come by. */
static gboolean
run_batch (Ending *ending, Batch *batch)
{
  StoreWrite write = { .func = do_end, .data = batch, .timeout_us = ending->timeout_us };

  do
    {
      if (!store_write (ending->store, &write, NULL))
        return FALSE;
      g_array_append_vals (ending->ids, batch->orphans.ids, MIN (batch->orphans.n, ORPHANS_MAX));
      ending->removed += batch->removed;
      ending->budget--;
    }
  while (batch->unfinished && ending->budget > 0);
  return TRUE;
}

static void
end_listed (Ending *ending)
{
  gboolean going = TRUE;
  Batch batch;

  while (going && ending->budget > 0 && ending->looked < ending->ids->len)
    {
      fill_batch (ending, &batch);
      if (batch.n > 0)
        going = run_batch (ending, &batch);
      for (guint i = 0; i < batch.n; i++)
        holds_end_exclusive (ending->holds, batch.ids[i]);
    }
}

/* Answers how many objects were removed. */
static guint64
end_all (Store *store, Holds *holds, const guint64 *ids, guint n, guint budget, gint64 timeout_us)
{
  g_autoptr (GArray) list = g_array_sized_new (FALSE, FALSE, sizeof (guint64), n);
  Ending ending = {
    .store = store, .holds = holds, .timeout_us = timeout_us, .ids = list, .budget = budget
  };

  g_array_append_vals (list, ids, n);
  end_listed (&ending);
  return ending.removed;
}

void
nameless_end (Store *store, Holds *holds, guint64 id, gint64 timeout_us)
{
  end_all (store, holds, &id, 1, BUDGET, timeout_us);
}

static gboolean
next_nameless (Store *store, guint64 *cursor)
{
  gboolean found;
  StoreTxn txn;

  if (!store_read_begin (store, &txn, NULL))
    return FALSE;
  found = names_next_nameless (&txn, *cursor, cursor);
  return store_read_end (&txn, NULL) && found;
}

/* At the next two. */
static void
look_around (Store *store, Holds *holds, gint64 timeout_us)
{
  for (guint i = 0; i < LOOKS; i++)
    {
      if (!next_nameless (store, &holds->looked_at))
        {
          holds->looked_at = 0;
          return;
        }
      nameless_end (store, holds, holds->looked_at, timeout_us);
    }
}

/* What a transaction over several objects has put off. */
typedef struct
{
  ShmobjManager *manager; /* (owned) */
  guint n;
  guint64 ids[];
} Later;

/* FALSE: this thread is in no transaction. */
static gboolean
put_off (ShmobjManager *manager, const guint64 *ids, guint n, void (*func) (gpointer later))
{
  Later *later;

  if (G_LIKELY (!store_is_transacting (manager_get_store (manager, NULL))))
    return FALSE;
  later = g_malloc (sizeof *later + n * sizeof *ids);
  later->manager = g_object_ref (manager);
  later->n = n;
  for (guint i = 0; i < n; i++)
    later->ids[i] = ids[i];
  if (store_after_transaction (manager_get_store (manager, NULL), func, later))
    return TRUE;
  g_object_unref (manager);
  g_free (later);
  return FALSE;
}

static void
end_later (gpointer data)
{
  Later *later = data;

  nameless_end_all (later->manager, later->ids, later->n);
  g_object_unref (later->manager);
  g_free (later);
}

static void
let_go_later (gpointer data)
{
  Later *later = data;

  nameless_let_go (later->manager, later->ids[0]);
  g_object_unref (later->manager);
  g_free (later);
}

void
nameless_end_all (ShmobjManager *manager, const guint64 *ids, guint n)
{
  Store *store = manager_get_store (manager, NULL);
  gint64 timeout_us = manager_get_timeout (manager);

  if (put_off (manager, ids, n, end_later))
    return;
  end_all (store, manager_get_holds (manager), ids, n, BUDGET, timeout_us);
  look_around (store, manager_get_holds (manager), timeout_us);
}

/* In a forked child that never came in here the parent's manager is not opened just to look. */
void
nameless_let_go (ShmobjManager *manager, guint64 id)
{
  Holds *holds = manager_get_holds (manager);

  if (manager_get_directory (manager)->generation == fork_generation () &&
      put_off (manager, &id, 1, let_go_later))
    return;
  if (holds_release (holds, id) &&
      manager_get_directory (manager)->generation == fork_generation ())
    nameless_end (manager_get_store (manager, NULL), holds, id, LETTING_GO_US);
}

/* What one round leaves without having seen it, because its number is smaller, the next finds. */
void
nameless_sweep (Store *store, Holds *holds, gint64 timeout_us)
{
  guint64 removed, id;

  do
    for (removed = id = 0; next_nameless (store, &id);)
      removed += end_all (store, holds, &id, 1, G_MAXUINT, timeout_us);
  while (removed > 0);
}
