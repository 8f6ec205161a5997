/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What has changed in a dict that is watched, told key by key: the dict as it is now beside the
 * mirror of what was told last (dict-mirror.c). */

#include "manager/dict-private.h"

#include "manager/dict-mirror.h"
#include "manager/normal.h"

typedef struct
{
  ShmobjContainer *self;
  GPtrArray *keys; /* that are news */
  guint64 revision;
} News;

static gboolean
read_news (StoreTxn *txn, gpointer data, GError **error)
{
  News *news = data;
  Dict dict;

  if (!dict_open (&dict, txn, news->self->id, error) ||
      !dict_mirror_update (news->self->mirror, &dict, news->keys))
    return FALSE;
  news->revision = dict.record.object.revision;
  return TRUE;
}

/* A detail that nobody connected to has no quark, and gets none: they are never freed. */
static void
emit_changed (ShmobjContainer *self, GBytes *stored)
{
  g_autoptr (GVariant) key = NULL;
  GQuark detail = 0;
  ShmobjFrame frame;
  gsize size;
  gconstpointer data = g_bytes_get_data (stored, &size);

  if (frame_load (data, size, &frame))
    key = stored_take_value (&frame, NULL);
  if (key == NULL)
    return;
  if (g_variant_is_of_type (key, G_VARIANT_TYPE_STRING))
    detail = g_quark_try_string (g_variant_get_string (key, NULL));
  shmobj_dict_tell_change (SHMOBJ_DICT (self), detail, key);
}

/* Handlers have looked at the keys after the walk did: if the dict was changed meanwhile, perhaps
 * they saw what the walk did not. */
static void
doubt_keys (ShmobjContainer *self, GPtrArray *keys)
{
  ObjectHeader header;

  if (self->mirror == NULL ||
      (container_get_header (self, &header, NULL) && header.revision == self->told))
    return;
  for (guint i = 0; i < keys->len; i++)
    dict_mirror_doubt (self->mirror, keys->pdata[i]);
}

gboolean
shmobj_dict_follow (ShmobjContainer *self, GError **error)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  News news = { .self = self, .keys = keys, .revision = self->told };
  gboolean is_news = self->told != 0, read;

  if (self->mirror == NULL)
    self->mirror = dict_mirror_new ();
  read = container_read (self, read_news, &news, error);
  self->told = news.revision;
  for (guint i = 0; i < keys->len && is_news && self->watch != NULL; i++)
    emit_changed (self, keys->pdata[i]);
  if (keys->len > 0 && is_news)
    doubt_keys (self, keys);
  return read;
}

void
shmobj_dict_doubt (ShmobjDict *self, GVariant *key)
{
  GHashTable *mirror = SHMOBJ_CONTAINER (self)->mirror;
  g_autoptr (GBytes) bytes = NULL;
  ShmobjFrame frame;
  Normal normal;
  gpointer stored;
  gsize size;

  shmobj_frame_set_variant (&frame, key);
  if (mirror == NULL || !normal_init_key (&normal, &frame, NULL))
    return;
  size = frame_stored_size (&normal.frame);
  stored = g_malloc (size);
  frame_store (&normal.frame, stored);
  normal_clear (&normal);
  bytes = g_bytes_new_take (stored, size);
  dict_mirror_doubt (mirror, bytes);
}
