/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a Dict does, on frames: each call is one transaction, as in shmobj-list-frames.c.
 *
 * A look-up reads the entry's row and nothing else; only when there is none does it look whether
 * the dict itself is still there.
 */

#include "manager/dict-private.h"

#include "manager/dict-rows.h"
#include "manager/stored.h"

typedef struct
{
  guint64 id;
  const Normal *key;
  const ShmobjFrame *value;
  const Normal *keys; /* for update, @n_pairs of each */
  const ShmobjFrame *pairs;
  gsize n_pairs;
  ShmobjFrame *out, *out_key;
  gboolean found;
  gboolean values;       /* wanted, besides the keys */
  StoredCheck may_leave; /* (nullable): what it refuses stays where it is */
  ShmobjFrameRun *run;
  GError **error; /* what goes wrong while collecting */
} Call;

static gboolean
no_such_key (const Call *call, GError **error)
{
  const ShmobjFrame *key = &call->key->frame;
  gboolean is_string = key->type_length == 1 && *key->type == 's';

  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "The dict has no key %s%.*s%s",
      is_string ? "“" : "of type ", (int) MIN (is_string ? key->size : key->type_length, 80),
      is_string ? (const char *) key->data : key->type, is_string ? "”" : " with this value");
  return FALSE;
}

static gboolean
look_up (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Dict dict = { .txn = txn, .id = call->id };
  StoreBytes stored;

  call->found = dict_find (&dict, call->key, &stored);
  if (!call->found)
    return dict_open (&dict, txn, call->id, error);
  return call->out == NULL || stored_load_frame (&stored, call->out, error);
}

int
shmobj_dict_lookup_frame (ShmobjDict *self,
                          const ShmobjFrame *key,
                          ShmobjFrame *out,
                          GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .key = &normal, .out = out };
  gboolean looked;

  if (out != NULL)
    *out = (ShmobjFrame){ 0 };
  if (!normal_init_key (&normal, key, error))
    return -1;
  looked = container_read_frame (self, look_up, &call, out, error);
  normal_clear (&normal);
  return looked ? call.found : -1;
}

gboolean
shmobj_dict_get_frame (ShmobjDict *self, const ShmobjFrame *key, ShmobjFrame *out, GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .key = &normal, .out = out };
  gboolean found;

  *out = (ShmobjFrame){ 0 };
  if (!normal_init_key (&normal, key, error))
    return FALSE;
  found = container_read_frame (self, look_up, &call, out, error) &&
          (call.found || no_such_key (&call, error));
  normal_clear (&normal);
  return found;
}

static gboolean
collect (const StoreBytes *key, const StoreBytes *value, gpointer data)
{
  Call *call = data;

  if (value != NULL && value->data == key->data + key->size &&
      stored_add_many (&(StoreBytes){ key->data, key->size + value->size }, 2, call->run))
    return TRUE;
  return stored_add (key, call->run, call->error) &&
         (value == NULL || stored_add (value, call->run, call->error));
}

static gboolean
read_all (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Dict dict;

  call->error = error;
  return dict_open (&dict, txn, call->id, error) && dict_each (&dict, call->values, collect, call);
}

static gboolean
collect_all (ShmobjDict *self, gboolean values, ShmobjFrameRun *out, GError **error)
{
  Call call = { .id = container_get_id (self), .values = values, .run = out };

  *out = (ShmobjFrameRun){ 0 };
  return container_read_run (self, read_all, &call, out, error);
}

gboolean
shmobj_dict_keys_frames (ShmobjDict *self, ShmobjFrameRun *out, GError **error)
{
  return collect_all (self, FALSE, out, error);
}

gboolean
shmobj_dict_items_frames (ShmobjDict *self, ShmobjFrameRun *out, GError **error)
{
  return collect_all (self, TRUE, out, error);
}

static gboolean
do_set (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Dict dict;

  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  dict_set (&dict, call->key, call->value);
  dict_save (&dict);
  return TRUE;
}

static gboolean
do_set_default (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  StoreBytes stored;
  Dict dict;

  shmobj_frame_clear (call->out);
  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  call->found = dict_find (&dict, call->key, &stored);
  if (call->found)
    return stored_load_frame (&stored, call->out, error);
  dict_set (&dict, call->key, call->value);
  dict_save (&dict);
  return TRUE;
}

int
shmobj_dict_set_default_frame (ShmobjDict *self,
                               const ShmobjFrame *key,
                               const ShmobjFrame *value,
                               ShmobjFrame *out,
                               GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .key = &normal, .value = value, .out = out };
  gboolean done;

  *out = (ShmobjFrame){ 0 };
  if (!stored_check_frame (value, error) || !normal_init_key (&normal, key, error))
    return -1;
  done = stored_check_frame (&normal.frame, error) &&
         container_write_frame (self, do_set_default, &call, out, value->size + 2 * key->size + 128,
                                error);
  if (!done)
    shmobj_frame_clear (out);
  normal_clear (&normal);
  return done ? call.found : -1;
}

gboolean
shmobj_dict_set_frame (ShmobjDict *self,
                       const ShmobjFrame *key,
                       const ShmobjFrame *value,
                       GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .key = &normal, .value = value };
  gboolean done;

  if (!stored_check_frame (value, error) || !normal_init_key (&normal, key, error))
    return FALSE;
  done = stored_check_frame (&normal.frame, error) &&
         container_write (self, do_set, &call, value->size + 2 * key->size + 128, error);
  normal_clear (&normal);
  return done;
}

static gboolean
do_update (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Dict dict;

  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  for (gsize i = 0; i < call->n_pairs && txn->failure == 0; i++)
    dict_set (&dict, &call->keys[i], &call->pairs[2 * i + 1]);
  dict_save (&dict);
  return TRUE;
}

gboolean
shmobj_dict_update_frames (ShmobjDict *self,
                           const ShmobjFrame *pairs,
                           gsize n_pairs,
                           GError **error)
{
  g_autofree Normal *keys = g_new0 (Normal, n_pairs + 1);
  Call call = { .id = container_get_id (self), .keys = keys, .pairs = pairs, .n_pairs = n_pairs };
  gsize bytes = 1, n;
  gboolean done = TRUE;

  for (n = 0; n < n_pairs && done; n++)
    {
      done = stored_check_frame (&pairs[2 * n + 1], error) &&
             normal_init_key (&keys[n], &pairs[2 * n], error);
      bytes += pairs[2 * n + 1].size + 2 * pairs[2 * n].size + 128;
    }
  done = done && container_write (self, do_update, &call, bytes, error);
  for (gsize i = 0; i < n_pairs; i++)
    normal_clear (&keys[i]);
  return done;
}

static gboolean
do_pop (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  StoreBytes stored;
  Dict dict;

  if (call->out != NULL)
    shmobj_frame_clear (call->out);
  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  if (!dict_find (&dict, call->key, &stored))
    return no_such_key (call, error);
  if (call->out != NULL && (!stored_load_frame (&stored, call->out, error) ||
                            (call->may_leave != NULL && !call->may_leave (call->out, error))))
    return FALSE;
  dict_remove (&dict, call->key);
  dict_save (&dict);
  return TRUE;
}

gboolean
shmobj_dict_pop_frame_for (ShmobjDict *self,
                           const ShmobjFrame *key,
                           StoredCheck may_leave,
                           ShmobjFrame *out,
                           GError **error)
{
  Normal normal;
  Call call = { .id = container_get_id (self), .key = &normal, .out = out, .may_leave = may_leave };
  gboolean popped;

  if (out != NULL)
    *out = (ShmobjFrame){ 0 };
  if (!normal_init_key (&normal, key, error))
    return FALSE;
  popped = container_write_frame (self, do_pop, &call, out, 0, error);
  if (!popped && out != NULL)
    shmobj_frame_clear (out);
  normal_clear (&normal);
  return popped;
}

gboolean
shmobj_dict_pop_frame (
    ShmobjDict *self, const ShmobjFrame *key, gboolean pickles, ShmobjFrame *out, GError **error)
{
  return shmobj_dict_pop_frame_for (self, key, pickles ? NULL : stored_check_value, out, error);
}

static gboolean
do_pop_item (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  StoreBytes stored;
  Normal last = { 0 };
  Dict dict;

  shmobj_frame_clear (call->out_key);
  shmobj_frame_clear (call->out);
  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  if (!dict_last (&dict, call->out_key))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "The dict is empty");
      return FALSE;
    }
  last.frame = *call->out_key; /* is in normal form in the store */
  if (!dict_find (&dict, &last, &stored))
    return store_corrupt (txn);
  if (!stored_load_frame (&stored, call->out, error) ||
      (call->may_leave != NULL && !call->may_leave (call->out, error)))
    return FALSE;
  dict_remove (&dict, &last);
  dict_save (&dict);
  return TRUE;
}

gboolean
shmobj_dict_pop_item_frames (
    ShmobjDict *self, gboolean pickles, ShmobjFrame *key, ShmobjFrame *value, GError **error)
{
  Call call = { .id = container_get_id (self),
                .out_key = key,
                .out = value,
                .may_leave = pickles ? NULL : stored_check_value };

  *key = *value = (ShmobjFrame){ 0 };
  if (container_write_frame (self, do_pop_item, &call, value, 0, error))
    return TRUE;
  shmobj_frame_clear (key);
  shmobj_frame_clear (value);
  return FALSE;
}

static gboolean
do_clear (StoreTxn *txn, gpointer data, GError **error)
{
  Call *call = data;
  Dict dict;

  if (!dict_open (&dict, txn, call->id, error))
    return FALSE;
  dict_clear (&dict);
  dict_save (&dict);
  return TRUE;
}

gboolean
shmobj_dict_clear_items (ShmobjDict *self, GError **error)
{
  Call call = { .id = container_get_id (self) };

  return container_write (self, do_clear, &call, 0, error);
}
