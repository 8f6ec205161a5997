/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Containers that only refer to each other: found, and removed.
 *
 * Counting references (references.c) ends what nothing refers to. Two lists that are items of each
 * other are never that. So now and then somebody may look from above:
 *
 *  1. From all that has a name, and all that only its holders keep, follow the references, in one
 *     look at the store. What was not reached is suspected, be it referred to or left by the dead.
 *  2. Take the exclusive lock of each suspect (holds.h). Those that somebody has open are none.
 *     From here on nobody can open one of the rest, so nobody can change what they refer to.
 *  3. In a second look, count for each suspect how many references other suspects have to it. One
 *     with more than that is referred to from outside: it is none, and what it refers to is looked
 * at again, until all that are left are referred to by each other alone.
 *  4. In the gate: are all counts still the same? A new reference can only have come from somebody
 *     who kept a path; then nothing happens this time. Otherwise all are marked as being removed,
 *     in one transaction, and from then on no reference to them can be made or followed.
 *
 * Then they are removed as others are (nameless.c), in bounded transactions: each first gives up
 * its references, and goes when nothing refers to it any more. Who dies before 4 leaves everything
 * as it was, the kernel drops his locks; who dies after it leaves marked objects, which those who
 * come by remove.
 */

#include "manager/shmobj-manager.h"

#include "manager/dict-rows.h"
#include "manager/list-rows.h"
#include "manager/manager-private.h"
#include "manager/nameless.h"
#include "manager/references.h"
#include "manager/value-row.h"

typedef struct
{
  guint64 id;
  guint64 inner;    /* references that suspects have to it */
  GArray *leads;    /* (owned): guint64, what it refers to */
  gboolean locked;  /* we have the exclusive lock */
  gboolean cleared; /* it is none */
} Suspect;

typedef struct
{
  Store *store;
  Holds *holds;
  gint64 timeout_us;
  GHashTable *suspects; /* id -> Suspect */
} Cleaning;

static void
suspect_free (gpointer data)
{
  Suspect *freed = data;

  g_clear_pointer (&freed->leads, g_array_unref);
  g_free (freed);
}

static Suspect *
find_suspect (Cleaning *cleaning, guint64 id)
{
  return g_hash_table_lookup (cleaning->suspects, &id);
}

static gboolean
collect (ReferencesOf *of, const StoreBytes *stored)
{
  guint64 id;

  if (references_find (of->holder, stored, &id))
    g_array_append_val (of->ids, id);
  return TRUE;
}

static gboolean
collect_from_list (guint64 position, const StoreBytes *frame, gpointer data)
{
  return collect (data, frame);
}

static gboolean
collect_from_dict (const StoreBytes *key, const StoreBytes *value, gpointer data)
{
  return collect (data, value);
}

/* Appends what the object refers to. */
static void
append_leads (StoreTxn *txn, guint64 id, GArray *leads)
{
  ObjectHeader header;
  ReferencesOf of = { .holder = &header, .ids = leads };
  ValueRow row;
  List list;
  Dict dict;

  if (!names_get_header (txn, id, &header) || header.references == 0)
    return;
  if (header.kind == KIND_LIST && list_view (&list, txn, id, NULL))
    list_each (&list, 0, list_length (&list), collect_from_list, &of);
  else if (header.kind == KIND_DICT && dict_open (&dict, txn, id, NULL))
    dict_each (&dict, TRUE, collect_from_dict, &of);
  else if (header.kind == KIND_VALUE && value_row_open (&row, txn, id, NULL))
    collect (&of, &row.frame);
}

/* ---- 1: who is suspected ---- */

static void
suspect (Cleaning *cleaning, guint64 id, gboolean locked)
{
  Suspect *added = g_new0 (Suspect, 1);

  added->id = id;
  added->locked = locked;
  g_hash_table_insert (cleaning->suspects, &added->id, added);
}

static void
visit (GHashTable *visited, GArray *waiting, guint64 id)
{
  if (g_hash_table_add (visited, g_memdup2 (&id, sizeof id)))
    g_array_append_val (waiting, id);
}

static void
visit_roots (StoreTxn *txn, Cleaning *cleaning, GHashTable *visited, GArray *waiting)
{
  guint8 prefix[ROW_KEY_PREFIX];
  guint64 id = 0;
  StoreScan scan;
  NameRow row;

  row_key (prefix, MANAGER_ID, ROW_NAME);
  store_scan_begin (&scan, txn, prefix, sizeof prefix);
  while (store_scan_next (&scan))
    if (scan.value.size == sizeof row)
      {
        memcpy (&row, scan.value.data, sizeof row);
        visit (visited, waiting, row.id);
      }
    else
      store_corrupt (txn);
  store_scan_end (&scan);

  while (names_next_nameless (txn, id, &id))
    if (holds_begin_exclusive (cleaning->holds, id))
      suspect (cleaning, id, TRUE);
    else
      visit (visited, waiting, id);
}

static void
visit_reachable (StoreTxn *txn, Cleaning *cleaning, GHashTable *visited)
{
  g_autoptr (GArray) waiting = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GArray) leads = g_array_new (FALSE, FALSE, sizeof (guint64));

  visit_roots (txn, cleaning, visited, waiting);
  while (waiting->len > 0 && txn->failure == 0)
    {
      guint64 id = g_array_index (waiting, guint64, waiting->len - 1);

      g_array_set_size (waiting, waiting->len - 1);
      g_array_set_size (leads, 0);
      append_leads (txn, id, leads);
      for (guint i = 0; i < leads->len; i++)
        visit (visited, waiting, g_array_index (leads, guint64, i));
    }
}

static void
suspect_the_rest (StoreTxn *txn, GHashTable *visited, Cleaning *cleaning)
{
  guint64 id = 0;

  while (references_next_nameless (txn, id, &id))
    if (!g_hash_table_contains (visited, &id))
      suspect (cleaning, id, FALSE);
}

static gboolean
find_suspects (Cleaning *cleaning, GError **error)
{
  g_autoptr (GHashTable) visited =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  StoreTxn txn;

  if (!store_read_begin (cleaning->store, &txn, error))
    return FALSE;
  visit_reachable (&txn, cleaning, visited);
  suspect_the_rest (&txn, visited, cleaning);
  return store_read_end (&txn, error);
}

/* ---- 2: whom nobody has open ---- */

static gboolean
is_open (gpointer key, gpointer value, gpointer data)
{
  Cleaning *cleaning = data;
  Suspect *asked = value;

  if (!asked->locked)
    asked->locked = holds_begin_exclusive (cleaning->holds, asked->id);
  return !asked->locked;
}

static gboolean
let_go (gpointer key, gpointer value, gpointer data)
{
  Cleaning *cleaning = data;
  Suspect *freed = value;

  if (freed->locked)
    holds_end_exclusive (cleaning->holds, freed->id);
  return TRUE;
}

/* ---- 3: to whom nobody else refers ---- */

/* Adds @step to what those say that it refers to. */
static void
count_inner (Cleaning *cleaning, const Suspect *of, gint step)
{
  for (guint i = 0; i < of->leads->len; i++)
    {
      Suspect *other = find_suspect (cleaning, g_array_index (of->leads, guint64, i));

      if (other != NULL)
        other->inner += step;
    }
}

/* Is it there, and do others of them alone refer to it? */
static gboolean
is_lost (StoreTxn *txn, const Suspect *weighed)
{
  ObjectHeader header;

  return names_get_header (txn, weighed->id, &header) &&
         references_count (txn, weighed->id) == weighed->inner;
}

/* Lets go of those to whom something else refers. FALSE: there was none. */
static gboolean
clear_some (Cleaning *cleaning, StoreTxn *txn)
{
  gboolean any = FALSE;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, cleaning->suspects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Suspect *weighed = value;

      if (weighed->cleared || is_lost (txn, weighed))
        continue;
      weighed->cleared = any = TRUE;
      count_inner (cleaning, weighed, -1);
    }
  return any;
}

static gboolean
is_cleared (gpointer key, gpointer value, gpointer data)
{
  return ((Suspect *) value)->cleared && let_go (key, value, data);
}

static gboolean
weigh_suspects (Cleaning *cleaning, GError **error)
{
  GHashTableIter iter;
  gpointer value;
  StoreTxn txn;

  if (!store_read_begin (cleaning->store, &txn, error))
    return FALSE;
  g_hash_table_iter_init (&iter, cleaning->suspects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Suspect *weighed = value;

      weighed->leads = g_array_new (FALSE, FALSE, sizeof (guint64));
      append_leads (&txn, weighed->id, weighed->leads);
      count_inner (cleaning, weighed, 1);
    }
  while (clear_some (cleaning, &txn))
    ;
  g_hash_table_foreach_remove (cleaning->suspects, is_cleared, cleaning);
  return store_read_end (&txn, error);
}

/* ---- 4: the end of them ---- */

static gboolean
mark (StoreTxn *txn, gpointer data, GError **error)
{
  Cleaning *cleaning = data;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, cleaning->suspects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (!is_lost (txn, value))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                     "Object %" G_GUINT64_FORMAT " is being referred to at this moment",
                     ((Suspect *) value)->id);
        return FALSE;
      }

  g_hash_table_iter_init (&iter, cleaning->suspects);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    names_begin_removing (txn, ((Suspect *) value)->id);
  return TRUE;
}

/* Answers how many; -1 with an error. */
static gint64
clean (Cleaning *cleaning, gboolean dry_run, GError **error)
{
  StoreWrite write = { .func = mark, .data = cleaning, .timeout_us = cleaning->timeout_us };
  gboolean good;
  gint64 found;

  good = find_suspects (cleaning, error);
  if (good)
    {
      g_hash_table_foreach_remove (cleaning->suspects, is_open, cleaning);
      good = weigh_suspects (cleaning, error);
    }
  found = g_hash_table_size (cleaning->suspects);
  write.bytes = 100 * found;
  if (good && found > 0 && !dry_run)
    good = store_write (cleaning->store, &write, error);
  g_hash_table_foreach_remove (cleaning->suspects, let_go, cleaning);
  if (!good)
    return -1;
  if (found > 0 && !dry_run)
    nameless_sweep (cleaning->store, cleaning->holds, cleaning->timeout_us);
  return found;
}

/**
 * shmobj_manager_clean_objects:
 * @self: a manager
 * @dry_run: only count
 * @error: return location for an error
 *
 * Removes the lists, dicts and values that nobody can get at any more. Most of these go by
 * themselves with the last that keeps them; what is left to this call are those that refer to each
 * other in a circle, and what killed processes left behind. What has a name, what somebody has
 * open, and what these refer to is not touched, and can be used meanwhile.
 *
 * It reads every container that has references, so it takes its time where there are many.
 *
 * Returns: how many were removed, or would be; -1 with `SHMOBJ_ERROR_BUSY`, `G_IO_ERROR_BUSY` (an
 *   object found its way back at that moment: try again), `G_IO_ERROR_NOT_SUPPORTED` (inside of a
 *   transaction), `G_IO_ERROR_NO_SPACE` or `SHMOBJ_ERROR_CORRUPT`
 *
 * Since: 1.0
 */
gint64
shmobj_manager_clean_objects (ShmobjManager *self, gboolean dry_run, GError **error)
{
  g_autoptr (GHashTable) suspects =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, suspect_free);
  Cleaning cleaning = { .suspects = suspects };

  g_return_val_if_fail (SHMOBJ_IS_MANAGER (self), -1);

  if (!manager_enter (self, error))
    return -1;
  cleaning.store = manager_get_store (self, NULL);
  cleaning.holds = manager_get_holds (self);
  cleaning.timeout_us = manager_get_timeout (self);
  if (store_is_transacting (cleaning.store)) /* our locks end before it is committed */
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "Objects cannot be cleaned inside of a transaction; do it before, or behind");
      return -1;
    }
  return clean (&cleaning, dry_run, error);
}
