/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for one key of a dict. It is woken by every change of the dict and looks at its key, so
 * whoever waits for one key among many that change often has much to look at, each time for half a
 * microsecond. */

#include "manager/dict-private.h"

#include "manager/dict-rows.h"
#include "manager/stored.h"
#include "objects/task.h"

typedef struct
{
  GVariant *held[2]; /* (owned) (nullable): whose bytes the frames show */
  Normal key, unlike;
  gboolean has_unlike;
  ShmobjFrame out; /* (owned) */
  gboolean found;
} KeyWait;

static void
key_wait_clear (KeyWait *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->held); i++)
    g_clear_pointer (&self->held[i], g_variant_unref);
  normal_clear (&self->key);
  if (self->has_unlike)
    normal_clear (&self->unlike);
  shmobj_frame_clear (&self->out);
}

static void
key_wait_free (gpointer data)
{
  key_wait_clear (data);
  g_free (data);
}

/* FALSE: nothing is to be cleared. */
static gboolean
key_wait_init (KeyWait *self, const ShmobjFrame *key, const ShmobjFrame *unlike, GError **error)
{
  if (!normal_init_key (&self->key, key, error))
    return FALSE;
  if (unlike == NULL)
    return TRUE;
  self->has_unlike = normal_init (&self->unlike, unlike, error);
  if (!self->has_unlike)
    normal_clear (&self->key);
  return self->has_unlike;
}

typedef struct
{
  KeyWait *wait;
  guint64 id;
} KeyLook;

static gboolean
read_key (StoreTxn *txn, gpointer data, GError **error)
{
  const KeyLook *look = data;
  KeyWait *wait = look->wait;
  StoreBytes value;
  Dict dict;

  wait->found = FALSE;
  if (!dict_open (&dict, txn, look->id, error))
    return FALSE;
  if (!dict_find (&dict, &wait->key, &value) ||
      (wait->has_unlike && normal_equals (&wait->unlike, value.data, value.size)))
    return TRUE;
  wait->found = stored_load_frame (&value, &wait->out, error);
  return wait->found;
}

static int
look_at_key (ShmobjContainer *self, gpointer data, GError **error)
{
  KeyWait *wait = data;
  KeyLook look = { wait, container_get_id (self) };

  if (container_read_frame (self, read_key, &look, &wait->out, error))
    return wait->found;
  shmobj_frame_clear (&wait->out);
  return -1;
}

static ContainerWait
describe (KeyWait *wait, gint64 timeout_us)
{
  return (ContainerWait){ .look = look_at_key,
                          .data = wait,
                          .late = wait->has_unlike ? "The key did not get another value"
                                                   : "The key did not come",
                          .timeout_us = timeout_us };
}

gboolean
shmobj_dict_wait_key_frame (ShmobjDict *self,
                            const ShmobjFrame *key,
                            const ShmobjFrame *unlike,
                            gint64 timeout_us,
                            gboolean *interrupted,
                            ShmobjFrame *out,
                            GError **error)
{
  KeyWait data = { 0 };
  ContainerWait wait;
  gboolean found;

  *out = (ShmobjFrame){ 0 };
  *interrupted = FALSE;
  if (!key_wait_init (&data, key, unlike, error))
    return FALSE;
  wait = describe (&data, timeout_us);
  wait.interruptible = TRUE;
  found = container_wait (self, &wait, NULL, error);
  *interrupted = wait.interrupted;
  if (found)
    {
      *out = data.out;
      data.out = (ShmobjFrame){ 0 };
    }
  key_wait_clear (&data);
  return found;
}

/* For the calls with GVariants: both are sunk and held. NULL with an error. */
static KeyWait *
key_wait_new (GVariant *key, GVariant *unlike, GError **error)
{
  KeyWait *self = g_new0 (KeyWait, 1);
  ShmobjFrame key_frame, unlike_frame;
  gboolean made;

  self->held[0] = g_variant_ref_sink (key);
  shmobj_frame_set_variant (&key_frame, self->held[0]);
  if (unlike != NULL)
    {
      self->held[1] = g_variant_ref_sink (unlike);
      shmobj_frame_set_variant (&unlike_frame, self->held[1]);
    }
  made = key_wait_init (self, &key_frame, unlike != NULL ? &unlike_frame : NULL, error);
  if (made)
    return self;
  for (guint i = 0; i < G_N_ELEMENTS (self->held); i++)
    g_clear_pointer (&self->held[i], g_variant_unref);
  g_free (self);
  return NULL;
}

static GVariant *
take_value (KeyWait *wait, GError **error)
{
  ShmobjFrame out = wait->out;

  wait->out = (ShmobjFrame){ 0 };
  return stored_take_value (&out, error);
}

/**
 * shmobj_dict_wait_key:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @unlike: (nullable): a value that is not what the caller waits for, sunk if it is floating; %NULL
 *   waits for any
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits until @key is in the dict, with another value than @unlike. Returns at once if it is.
 *
 * Who gives the value that he knows as @unlike waits until it is another one; he does not see that
 * it was another one and became the same again.
 *
 * Returns: (transfer full): its value, or %NULL with `G_IO_ERROR_TIMED_OUT`,
 *   `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_CLOSED` (also when it is closed meanwhile), or an error
 *   as of [method@Shmobj.Dict.get]
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_wait_key (ShmobjDict *self,
                      GVariant *key,
                      GVariant *unlike,
                      gint64 timeout_us,
                      GCancellable *cancellable,
                      GError **error)
{
  ContainerWait wait;
  GVariant *value;
  KeyWait *data;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);

  data = key_wait_new (key, unlike, error);
  if (data == NULL)
    return NULL;
  wait = describe (data, timeout_us);
  value = container_wait (self, &wait, cancellable, error) ? take_value (data, error) : NULL;
  key_wait_free (data);
  return value;
}

/**
 * shmobj_dict_wait_key_async:
 * @self: a dict
 * @key: the key; sunk if it is floating
 * @unlike: (nullable): a value that is not what the caller waits for, sunk if it is floating; %NULL
 *   waits for any
 * @timeout_us: how long to wait at most, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called when it is over
 * @user_data: for @callback
 *
 * Waits as [method@Shmobj.Dict.wait_key] does, without blocking and without a thread.
 *
 * @callback is called in the thread-default main context of the caller.
 *
 * Since: 1.0
 */
void
shmobj_dict_wait_key_async (ShmobjDict *self,
                            GVariant *key,
                            GVariant *unlike,
                            gint64 timeout_us,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  GError *error = NULL;
  ContainerWait wait;
  KeyWait *data;
  GTask *task;

  g_return_if_fail (SHMOBJ_IS_DICT (self));
  g_return_if_fail (key != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_dict_wait_key_async);
  data = key_wait_new (key, unlike, &error);
  if (data == NULL)
    {
      task_fail (task, error);
      return;
    }
  wait = describe (data, timeout_us);
  wait.destroy = key_wait_free;
  container_wait_async (self, &wait, task);
}

/**
 * shmobj_dict_wait_key_finish:
 * @self: a dict
 * @result: what the callback was given
 * @error: return location for an error
 *
 * The outcome of [method@Shmobj.Dict.wait_key_async], with the errors of
 * [method@Shmobj.Dict.wait_key].
 *
 * Returns: (transfer full): the key's value, or %NULL with an error
 *
 * Since: 1.0
 */
GVariant *
shmobj_dict_wait_key_finish (ShmobjDict *self, GAsyncResult *result, GError **error)
{
  KeyWait *data;

  g_return_val_if_fail (SHMOBJ_IS_DICT (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  data = container_wait_finish (G_TASK (result), error);
  return data != NULL ? take_value (data, error) : NULL;
}
