/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a List does, on frames: each call is one transaction.
 *
 * Reading calls see one state of the list, however long they take; a range is never half of an old
 * and half of a new list. Changing calls read the list's record, change rows, and write the record
 * back with the next revision. Their functions may run again when the store had to grow, so they
 * set their results from scratch.
 */

#include "manager/list-private.h"

#include "manager/list-rows.h"
#include "manager/normal.h"
#include "manager/stored.h"

typedef struct
{
  guint64 id;
  gint64 start, end;
  const ShmobjFrame *frames;
  gsize n_frames;
  const Normal *normal; /* what is looked for */
  ShmobjFrame *out;
  ShmobjFrameRun *run;
  gint64 found;
  gint64 count;
  gboolean all;
  StoredCheck may_leave; /* (nullable): what it refuses stays where it is */
} Call;

/* From an index, which counts from the end when negative, to a position. */
static gboolean
find_index (const List *list, gint64 index, guint64 *position, GError **error)
{
  guint64 length = list_length (list);
  gint64 from_start = index < 0 ? index + (gint64) length : index;

  if (from_start >= 0 && (guint64) from_start < length)
    {
      *position = from_start;
      return TRUE;
    }
  if (list->txn->failure == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "Index %" G_GINT64_FORMAT " is outside of the list, which has %" G_GUINT64_FORMAT
                 " items",
                 index, length);
  return FALSE;
}

/* A bound of a range: what is outside of the list means its ends. */
static guint64
clamp (const List *list, gint64 bound)
{
  gint64 length = list_length (list);

  return CLAMP (bound < 0 ? bound + length : bound, 0, length);
}

static gboolean
load_at (List *list, guint64 position, ShmobjFrame *out, GError **error)
{
  StoreBytes stored;

  return list_get (list, position, &stored) && stored_load_frame (&stored, out, error);
}

static gboolean
read_one (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  guint64 position;
  List list;

  return list_view (&list, txn, call->id, error) &&
         find_index (&list, call->start, &position, error) &&
         load_at (&list, position, call->out, error);
}

gboolean
shmobj_list_get_frame (ShmobjList *self, gint64 index, ShmobjFrame *out, GError **error)
{
  Call call = { .id = container_get_id (self), .start = index, .out = out };

  *out = (ShmobjFrame){ 0 };
  return container_read_frame (self, read_one, &call, out, error);
}

static gboolean
read_range (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  return list_view (&list, txn, call->id, error) &&
         list_copy (&list, clamp (&list, call->start), clamp (&list, call->end), call->run, error);
}

gboolean
shmobj_list_get_range_frames (
    ShmobjList *self, gint64 start, gint64 end, ShmobjFrameRun *out, GError **error)
{
  Call call = { .id = container_get_id (self), .start = start, .end = end, .run = out };

  *out = (ShmobjFrameRun){ 0 };
  return container_read_run (self, read_range, &call, out, error);
}

static gboolean
match_first (guint64 position, const StoreBytes *stored, gpointer data)
{
  Call *call = data;

  if (!normal_equals (call->normal, stored->data, stored->size))
    return TRUE;
  call->found = position;
  return FALSE;
}

static gboolean
match_all (guint64 position, const StoreBytes *stored, gpointer data)
{
  Call *call = data;

  call->count += normal_equals (call->normal, stored->data, stored->size);
  return TRUE;
}

static gboolean
not_found (const Call *call, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
               "The value (type “%.*s”, %" G_GSIZE_FORMAT " bytes) is not in the list",
               (int) MIN (call->normal->frame.type_length, 64), call->normal->frame.type,
               call->normal->frame.size);
  return FALSE;
}

static gboolean
search_first (List *list, Call *call, GError **error)
{
  call->found = -1;
  return list_each (list, 0, list_length (list), match_first, call) &&
         (call->found >= 0 || not_found (call, error));
}

static gboolean
find_first (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  return list_view (&list, txn, call->id, error) && search_first (&list, call, error);
}

static gboolean
count_all (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  call->count = 0;
  return list_view (&list, txn, call->id, error) &&
         list_each (&list, 0, list_length (&list), match_all, call);
}

gint64
shmobj_list_index_frame (ShmobjList *self, const ShmobjFrame *value, GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .normal = &normal };
  gboolean found;

  if (!normal_init (&normal, value, error))
    return -1;
  found = container_read (self, find_first, &call, error);
  normal_clear (&normal);
  return found ? call.found : -1;
}

gint64
shmobj_list_count_frame (ShmobjList *self, const ShmobjFrame *value, GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .normal = &normal };
  gboolean counted;

  if (!normal_init (&normal, value, error))
    return -1;
  counted = container_read (self, count_all, &call, error);
  normal_clear (&normal);
  return counted ? call.count : -1;
}

static gboolean
do_extend (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  for (gsize i = 0; i < call->n_frames && txn->failure == 0; i++)
    list_append (&list, &call->frames[i]);
  list_save (&list);
  return TRUE;
}

gboolean
shmobj_list_extend_frames (ShmobjList *self,
                           const ShmobjFrame *frames,
                           gsize n_frames,
                           GError **error)
{
  Call call = { .id = container_get_id (self), .frames = frames, .n_frames = n_frames };
  gsize bytes = 1;

  return stored_check_frames (frames, n_frames, &bytes, error) &&
         container_write (self, do_extend, &call, bytes, error);
}

gboolean
shmobj_list_append_frame (ShmobjList *self, const ShmobjFrame *frame, GError **error)
{
  return shmobj_list_extend_frames (self, frame, 1, error);
}

static gboolean
do_insert (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  list_insert (&list, clamp (&list, call->start), call->frames);
  list_save (&list);
  return TRUE;
}

static gboolean
do_set (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  guint64 position;
  List list;

  if (!list_edit (&list, txn, call->id, error) ||
      !find_index (&list, call->start, &position, error))
    return FALSE;
  list_set (&list, position, call->frames);
  list_save (&list);
  return TRUE;
}

static gboolean
write_frame (
    ShmobjList *self, StoreFunc func, gint64 position, const ShmobjFrame *frame, GError **error)
{
  Call call = { .id = container_get_id (self), .start = position, .frames = frame };

  return stored_check_frame (frame, error) &&
         container_write (self, func, &call, frame->size + frame->type_length + 16, error);
}

gboolean
shmobj_list_insert_frame (ShmobjList *self,
                          gint64 position,
                          const ShmobjFrame *frame,
                          GError **error)
{
  return write_frame (self, do_insert, position, frame, error);
}

gboolean
shmobj_list_set_frame (ShmobjList *self, gint64 index, const ShmobjFrame *frame, GError **error)
{
  return write_frame (self, do_set, index, frame, error);
}

static gboolean
do_pop (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  guint64 position;
  List list;

  shmobj_frame_clear (call->out);
  if (!list_edit (&list, txn, call->id, error) ||
      !find_index (&list, call->start, &position, error) ||
      !load_at (&list, position, call->out, error) ||
      (call->may_leave != NULL && !call->may_leave (call->out, error)))
    return FALSE;
  list_delete (&list, position, 1);
  list_save (&list);
  return TRUE;
}

gboolean
shmobj_list_pop_frame_for (
    ShmobjList *self, gint64 index, StoredCheck may_leave, ShmobjFrame *out, GError **error)
{
  Call call = { .id = container_get_id (self), .start = index, .out = out, .may_leave = may_leave };

  *out = (ShmobjFrame){ 0 };
  if (container_write_frame (self, do_pop, &call, out, 0, error))
    return TRUE;
  shmobj_frame_clear (out);
  return FALSE;
}

gboolean
shmobj_list_pop_frame (
    ShmobjList *self, gint64 index, gboolean pickles, ShmobjFrame *out, GError **error)
{
  return shmobj_list_pop_frame_for (self, index, pickles ? NULL : stored_check_value, out, error);
}

static gboolean
do_remove_value (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  List list;

  if (!list_edit (&list, txn, call->id, error) || !search_first (&list, call, error))
    return FALSE;
  list_delete (&list, call->found, 1);
  list_save (&list);
  return TRUE;
}

gboolean
shmobj_list_remove_value_frame (ShmobjList *self, const ShmobjFrame *value, GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .normal = &normal };
  gboolean removed;

  if (!normal_init (&normal, value, error))
    return FALSE;
  removed = container_write (self, do_remove_value, &call, 0, error);
  normal_clear (&normal);
  return removed;
}

static gboolean
do_delete (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  guint64 start, end;
  List list;

  if (!list_edit (&list, txn, call->id, error))
    return FALSE;
  start = clamp (&list, call->start);
  end = clamp (&list, call->end);
  if (call->all)
    list_clear (&list);
  else if (start < end)
    list_delete (&list, start, end - start);
  list_save (&list);
  return TRUE;
}

gboolean
shmobj_list_clear_items (ShmobjList *self, gint64 start, gint64 end, gboolean all, GError **error)
{
  Call call = { .id = container_get_id (self), .start = start, .end = end, .all = all };

  return container_write (self, do_delete, &call, 0, error);
}
