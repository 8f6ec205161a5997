/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parts of a list that are replaced or removed in one step: ranges, and slices, which are ranges
 * with a step as Python knows them.
 *
 * Where a part begins and ends is found inside the transaction, from the length that the list has
 * there, so "the last three" are the last three whatever others did in between. A part is taken out
 * and what comes in its place is put there before anything becomes visible: one commit, whole or
 * not at all.
 */

#include "manager/list-private.h"

#include "manager/list-rows.h"
#include "manager/stored.h"

typedef struct
{
  guint64 id;
  gint64 start, end, step;
  gboolean counted; /* @end is a number of items */
  const ShmobjFrame *frames;
  gsize n_frames;
  ShmobjFrameRun *taken; /* (nullable): what was there */
  GError **error;        /* what goes wrong while collecting */
} Call;

/* The items at start, start + step, …, @count of them; all are in the list. */
typedef struct
{
  gint64 start, step;
  guint64 count;
} Slice;

/* From a bound that may count from the end, and may be outside. */
static gint64
bound (gint64 index, gint64 length, gint64 step)
{
  gint64 lowest = step < 0 ? -1 : 0;

  return CLAMP (index < 0 ? index + length : index, lowest, length + lowest);
}

static Slice
find_slice (const List *list, const Call *call)
{
  gint64 length = list_length (list);
  gint64 step = MAX (call->step, -G_MAXINT64); /* so that it can be negated */
  gint64 start = bound (call->start, length, step), end;
  Slice slice = { .start = start, .step = step };

  if (call->counted)
    end = start + CLAMP (call->end, 0, length - start);
  else
    end = bound (call->end, length, step);
  if (step > 0 && end > start)
    slice.count = (end - start - 1) / step + 1;
  else if (step < 0 && end < start)
    slice.count = (start - end - 1) / -step + 1;
  return slice;
}

static gboolean
take (guint64 position, const StoreBytes *stored, gpointer data)
{
  Call *call = data;
  gsize offset = call->taken->size;
  ShmobjFrame frame;

  return stored_add (stored, call->taken, call->error) &&
         frame_run_look (call->taken, &offset, &frame) && stored_check_value (&frame, call->error);
}

/* Copies out what is in the slice; a pickle in it is an error. */
static gboolean
take_out (List *list, const Slice *slice, Call *call, GError **error)
{
  GError *local_error = NULL;

  call->error = &local_error;
  shmobj_frame_run_clear (call->taken);
  if (!list_each (list, slice->start, slice->start + slice->count, take, call))
    return FALSE;
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, local_error);
  return FALSE;
}

static gboolean
set_with_step (List *list, const Slice *slice, const Call *call, GError **error)
{
  if (slice->count != call->n_frames)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A slice of %" G_GUINT64_FORMAT
                   " items with a step cannot be replaced by %" G_GSIZE_FORMAT,
                   slice->count, call->n_frames);
      return FALSE;
    }
  for (guint64 i = 0; i < slice->count && list->txn->failure == 0; i++)
    list_set (list, slice->start + (gint64) i * slice->step, &call->frames[i]);
  return TRUE;
}

static gboolean
do_set (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Slice slice;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  slice = find_slice (&list, call);
  if (call->taken != NULL && !take_out (&list, &slice, call, error))
    return FALSE;
  if (call->step == 1)
    {
      if (slice.count > 0)
        list_delete (&list, slice.start, slice.count);
      list_insert_many (&list, slice.start, call->frames, call->n_frames);
    }
  else if (!set_with_step (&list, &slice, call, error))
    return FALSE;
  list_save (&list);
  return TRUE;
}

/* From the last item on, so that those before it stay where they are. */
static gboolean
do_delete (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Slice slice;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  slice = find_slice (&list, call);
  for (guint64 i = slice.count; i > 0 && txn->failure == 0; i--)
    {
      guint64 nth = slice.step > 0 ? i - 1 : slice.count - i;

      list_delete (&list, slice.start + (gint64) nth * slice.step, 1);
    }
  list_save (&list);
  return TRUE;
}

static gboolean
check_step (gint64 step, GError **error)
{
  if (step != 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "The step of a slice cannot be 0; 1 takes each item, -1 each from the end");
  return FALSE;
}

static gboolean
write_slice (ShmobjList *self, Call *call, GError **error)
{
  gsize bytes = call->n_frames > 0 ? 1 : 0; /* without any it only frees */

  call->id = container_get_id (self);
  return check_step (call->step, error) &&
         stored_check_frames (call->frames, call->n_frames, &bytes, error) &&
         container_write_run (self, do_set, call, call->taken, bytes, error);
}

gboolean
shmobj_list_set_slice_frames (ShmobjList *self,
                              gint64 start,
                              gint64 end,
                              gint64 step,
                              const ShmobjFrame *frames,
                              gsize n_frames,
                              GError **error)
{
  Call call = { .start = start, .end = end, .step = step, .frames = frames, .n_frames = n_frames };

  return write_slice (self, &call, error);
}

/**
 * shmobj_list_set_range:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last
 * @values: (array length=n_values): what to put in their place; each is sunk if it is floating
 * @n_values: how many there are, more or fewer than are replaced
 * @error: return location for an error
 *
 * Replaces items, all at once: nobody sees some of the old ones and some of the new ones. Bounds
 * outside of the list mean its ends, so from 0 to %G_MAXINT64 it is the whole list that is
 * replaced; where the bounds are equal, values are inserted and nothing is removed.
 *
 * Returns: %TRUE, or %FALSE with an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_set_range (
    ShmobjList *self, gint64 start, gint64 end, GVariant **values, gsize n_values, GError **error)
{
  return shmobj_list_set_slice (self, start, end, 1, values, n_values, error);
}

/**
 * shmobj_list_set_slice:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last
 * @step: how far it is from one item to the next; negative goes towards the start
 * @values: (array length=n_values): what to put in their place; each is sunk if it is floating
 * @n_values: how many there are
 * @error: return location for an error
 *
 * Replaces every so many items, all at once, as `items[start:end:step] = values` in Python. With a
 * step of 1 it is [method@Shmobj.List.set_range]; with any other one there must be as many values
 * as items. Bounds outside of the list mean its ends: from %G_MAXINT64 to %G_MININT64 with a step
 * of -1 are all items, the last one first.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (a step of 0, another number of
 *   items), or an error as of [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_set_slice (ShmobjList *self,
                       gint64 start,
                       gint64 end,
                       gint64 step,
                       GVariant **values,
                       gsize n_values,
                       GError **error)
{
  ShmobjFrame *frames;
  gboolean done;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);
  g_return_val_if_fail (values != NULL || n_values == 0, FALSE);

  frames = stored_borrow_values (values, n_values);
  done = shmobj_list_set_slice_frames (self, start, end, step, frames, n_values, error);
  stored_return_values (values, frames, n_values);
  return done;
}

/**
 * shmobj_list_delete_slice:
 * @self: a list
 * @start: the first item
 * @end: the item behind the last
 * @step: how far it is from one item to the next; negative goes towards the start
 * @error: return location for an error
 *
 * Removes every so many items, all at once. Bounds are as of [method@Shmobj.List.set_slice].
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_INVALID_ARGUMENT` (a step of 0), or an error as of
 *   [method@Shmobj.List.append]
 *
 * Since: 1.0
 */
gboolean
shmobj_list_delete_slice (ShmobjList *self, gint64 start, gint64 end, gint64 step, GError **error)
{
  Call call = { .start = start, .end = end, .step = step };

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), FALSE);

  call.id = container_get_id (self);
  if (step == 1)
    return shmobj_list_delete_range (self, start, end, error);
  return check_step (step, error) && container_write (self, do_delete, &call, 0, error);
}

/**
 * shmobj_list_splice:
 * @self: a list
 * @position: the first item that is removed; negative counts from the end, outside means an end
 * @n_removals: how many items are removed at most; less than 0 is none
 * @additions: (array length=n_additions): what comes in their place; each is sunk if it is floating
 * @n_additions: how many there are
 * @n_removed: (out): how many items were removed
 * @error: return location for an error
 *
 * Replaces items and returns those that were there, all in one step: of several who take items out
 * in this way each gets other ones.
 *
 * Returns: (array length=n_removed) (transfer full): the items that were removed, or %NULL with
 *   `SHMOBJ_ERROR_INCOMPATIBLE` when one of them is one that only Python reads (then all stay), or
 *   an error as of [method@Shmobj.List.append]. In C: give each back with g_variant_unref(), the
 *   array with g_free()
 *
 * Since: 1.0
 */
GVariant **
shmobj_list_splice (ShmobjList *self,
                    gint64 position,
                    gint64 n_removals,
                    GVariant **additions,
                    gsize n_additions,
                    gsize *n_removed,
                    GError **error)
{
  g_auto (ShmobjFrameRun) taken = { 0 };
  Call call = { .start = position, .end = n_removals, .step = 1, .counted = TRUE, .taken = &taken };
  ShmobjFrame *frames;
  gboolean done;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);
  g_return_val_if_fail (additions != NULL || n_additions == 0, NULL);
  g_return_val_if_fail (n_removed != NULL, NULL);

  *n_removed = 0;
  call.frames = frames = stored_borrow_values (additions, n_additions);
  call.n_frames = n_additions;
  done = write_slice (self, &call, error);
  stored_return_values (additions, frames, n_additions);
  return done ? stored_take_values (&taken, n_removed, error) : NULL;
}
