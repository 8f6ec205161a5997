/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list in another order: turned round, sorted, repeated.
 *
 * Sorting calls the user's function, which may take as long as it likes, look at the list itself,
 * or never return. So it runs while nothing is held: all items of one revision are copied out and
 * put in order, and what is committed is that order, if the list still is at that revision. If not,
 * all of it is done again. A list that others change faster than it can be sorted would keep us at
 * it for ever, so after SORT_TRIES the call gives up with BUSY: the caller must keep the others
 * out, by a transaction.
 *
 * Only places are committed, never values: an item stays as it was given, also one that the
 * language that sorts would write in another way, and a large one is not written at all
 * (list-order.c). A death before the commit leaves the old order, one after it the new one.
 */

#include "manager/list-private.h"

#include "base/shmobj-error.h"
#include "manager/list-rows.h"
#include "manager/stored.h"

#define SORT_TRIES 100
#define PAGE_SHARE 24 /* bytes of the tree that a small item needs */

typedef struct
{
  guint64 id;
  guint64 revision; /* that the list must have */
  const guint64 *order;
  gsize n_order;
  gint64 times;
  gboolean changed;
  ShmobjFrameRun run;
  GError **error; /* what goes wrong while collecting */
} Call;

static gboolean
do_reverse (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  if (!list_edit (&list, txn, call->id, error) || !list_reorder (&list, NULL, error))
    return FALSE;
  list_save (&list);
  return TRUE;
}

/**
 * shmobj_list_reverse:
 * @self: a list
 * @error: return location for an error
 *
 * Turns the order of the items round, in one step.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_reverse (ShmobjList *self, GError **error)
{
  Call call = { 0 };

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);

  call.id = container_get_id (self);
  return container_write (self, do_reverse, &call, PAGE_SHARE, error);
}

static gboolean
collect (guint64 position, const StoreBytes *stored, gpointer data)
{
  Call *call = data;

  return stored_add (stored, &call->run, call->error);
}

static gboolean
do_repeat (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  GError *local_error = NULL;
  List list;

  call->error = &local_error;
  shmobj_frame_run_clear (&call->run);
  if (!list_edit (&list, txn, call->id, error) ||
      !list_each (&list, 0, list_length (&list), collect, call))
    return FALSE;
  if (local_error != NULL)
    {
      g_propagate_error (error, local_error);
      return FALSE;
    }

  for (gint64 i = 1; i < call->times && txn->failure == 0 && call->run.size > 0; i++)
    {
      ShmobjFrame frame;
      gsize offset = 0;

      while (shmobj_frame_run_next (&call->run, &offset, &frame))
        list_append (&list, &frame);
    }
  list_save (&list);
  return TRUE;
}

/* What the copies need, about; FALSE when no store has so much. */
static gboolean
get_bytes (ShmobjList *self, gint64 times, gsize *bytes, GError **error)
{
  g_auto (ShmobjFrameRun) run = { 0 };

  if (!shmobj_list_get_range_frames (self, 0, G_MAXINT64, &run, error))
    return FALSE;
  *bytes = MAX (run.size, 1);
  if (g_size_checked_mul (bytes, *bytes, times) && *bytes < G_MAXSSIZE)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "%" G_GSIZE_FORMAT " items %" G_GINT64_FORMAT " times are more than a list can hold",
               run.n_frames, times);
  return FALSE;
}

/**
 * shmobj_list_repeat:
 * @self: a list
 * @times: how often each item is there then; 0 and less empty the list
 * @error: return location for an error
 *
 * Appends the items that are there once more, or several times, in one step.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_repeat (ShmobjList *self, gint64 times, GError **error)
{
  Call call = { .times = times };
  gboolean done;
  gsize bytes;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);

  if (times <= 0)
    return shmobj_list_clear (self, error);
  if (!get_bytes (self, times, &bytes, error))
    return FALSE;
  call.id = container_get_id (self);
  done = container_write (self, do_repeat, &call, bytes, error);
  shmobj_frame_run_clear (&call.run);
  return done;
}

static gboolean
bad_order (GError **error, guint64 place, guint64 length)
{
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
      "An order has each place from 0 to the length of the list once; place %" G_GUINT64_FORMAT
      " in an order of %" G_GUINT64_FORMAT " is too many, or there twice",
      place, length);
  return FALSE;
}

/* Is each place there, once? */
static gboolean
check_order (const guint64 *order, gsize n, GError **error)
{
  g_autofree guint8 *seen = g_try_malloc0 (MAX (n, 1));

  if (seen == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "There is no memory to order %" G_GSIZE_FORMAT " items", n);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    {
      if (order[i] >= n || seen[order[i]])
        return bad_order (error, order[i], n);
      seen[order[i]] = TRUE;
    }
  return TRUE;
}

static gboolean
is_changed (const guint64 *order, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (order[i] != i)
      return TRUE;
  return FALSE;
}

static gboolean
do_reorder (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  call->changed = list.record.object.revision != call->revision;
  if (call->changed)
    return TRUE;
  if (list_length (&list) != call->n_order)
    return bad_order (error, call->n_order, list_length (&list));
  if (!is_changed (call->order, call->n_order))
    return TRUE;
  if (!list_reorder (&list, call->order, error))
    return FALSE;
  list_save (&list);
  return TRUE;
}

/**
 * shmobj_list_reorder:
 * @self: a list
 * @revision: the revision that the order was made for
 * @order: (array length=n_order): of each item where it was, all places from 0 on once
 * @n_order: how many there are: as many as items
 * @error: return location for an error
 *
 * Puts the items in another order, if nobody has changed the list since it had that revision, in
 * one step. It is what sorting in another way than [method@Shmobj.List.sort] is made of: ask for
 * [method@Shmobj.Container.get_revision], then for the items, and begin anew when this says no.
 *
 * Returns: %TRUE if so; %FALSE without an error if the list has changed, which it then does not
 *   again; %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (it is no order of these items), or an error
 * as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_reorder (
    ShmobjList *self, guint64 revision, const guint64 *order, gsize n_order, GError **error)
{
  Call call = { .revision = revision, .order = order, .n_order = n_order };

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (order != NULL || n_order == 0, FALSE);

  call.id = container_get_id (self);
  return check_order (order, n_order, error) &&
         container_write (self, do_reorder, &call, PAGE_SHARE * (n_order + 1), error) &&
         !call.changed;
}

typedef struct
{
  GVariant **values;
  ShmobjCompareFunc compare;
  gpointer user_data;
} Sorting;

static int
compare_places (gconstpointer a, gconstpointer b, gpointer data)
{
  const Sorting *sorting = data;

  return sorting->compare (sorting->values[*(const guint64 *) a],
                           sorting->values[*(const guint64 *) b], sorting->user_data);
}

/* One attempt: FALSE without an error when somebody came in between. */
static gboolean
sort_once (ShmobjList *self, Sorting *sorting, GError **error)
{
  guint64 revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (self), error);
  g_autofree guint64 *order = NULL;
  gsize n = 0;

  if (revision == 0)
    return FALSE;
  sorting->values = shmobj_list_get_range (self, 0, G_MAXINT64, &n, error);
  if (sorting->values == NULL)
    return FALSE;

  order = g_new (guint64, n);
  for (gsize i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, n, sizeof *order, compare_places, sorting);
  for (gsize i = 0; i < n; i++)
    g_variant_unref (sorting->values[i]);
  g_free (sorting->values);
  return shmobj_list_reorder (self, revision, order, n, error);
}

/**
 * shmobj_list_sort:
 * @self: a list
 * @compare: (scope call): tells how two items are to be ordered
 * @user_data: what @compare is given
 * @error: return location for an error
 *
 * Sorts the items, in one step; those that @compare says are alike keep their order.
 *
 * @compare is called on a copy while others use the list, so it may do what it likes. When somebody
 * has changed the list meanwhile, all is done again, a hundred times at most. In a transaction
 * ([method@Shmobj.Manager.transact]) the others wait.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_BUSY` (others changed the list each time),
 *   `SHMOBJ_ERROR_INCOMPATIBLE` (an item is one that only Python reads), or an error as of
 *   [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_sort (ShmobjList *self, ShmobjCompareFunc compare, gpointer user_data, GError **error)
{
  Sorting sorting = { .compare = compare, .user_data = user_data };

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (compare != NULL, FALSE);

  for (guint i = 0; i < SORT_TRIES; i++)
    {
      GError *local_error = NULL;

      if (sort_once (self, &sorting, &local_error))
        return TRUE;
      if (local_error != NULL)
        {
          g_propagate_error (error, local_error);
          return FALSE;
        }
    }

  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "Others changed the list each of the %d times that it was sorted; sort it in a "
               "transaction, which keeps them out",
               SORT_TRIES);
  return FALSE;
}
