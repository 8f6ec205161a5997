/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Followers: from what an object was to what it is, as bodies of signals.
 *
 * What finds the differences is what native programs use: a ShmobjListModel, a dict's mirror, a
 * value's revision. Each step of a list is one signal; all keys of a dict are one.
 *
 * A change that has more than CHANGE_SIZE bytes, or values that D-Bus cannot carry, is told without
 * them: “reread”. A signal goes to every watcher, so it is small; who wants large values asks for
 * them, which makes him wait, and not the service. What comes behind such a step in the same round
 * is part of what is read again, and not told.
 *
 * Items that refer to other containers are paths, as in replies. They are what the object had at
 * that moment: when a client calls one, it may lead nowhere any more, and then the next signal says
 * what came instead.
 */

#include "bus/follower.h"

#include "base/frame.h"
#include "bus/values.h"
#include "manager/container.h"
#include "manager/dict-mirror.h"
#include "manager/list-model-private.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-value.h"
#include "manager/stored.h"

#define CHANGE_SIZE (1024 * 1024)

struct _BusFollower
{
  ShmobjContainer *container; /* (owned) */
  BusChanged changed;
  gpointer data;
  ShmobjListModel *model; /* (owned): of a list */
  GHashTable *mirror;     /* (owned): of a dict */
  guint64 revision;       /* of the others: the list's is the model's */
  gboolean is_reread;     /* in this round it was said that all has to be read again */
};

static GVariant *
no_values (void)
{
  return g_variant_new_array (G_VARIANT_TYPE_VARIANT, NULL, 0);
}

/* Adds what the bus can see of @value, which it takes over, to @room; NULL: that is not possible.
 */
static GVariant *
take_out (GVariant *value, gsize *room)
{
  g_autoptr (GVariant) owned = value;
  GVariant *seen = owned != NULL ? bus_value_out (owned, NULL) : NULL;
  gsize size = seen != NULL ? g_variant_get_size (seen) : 0;

  if (seen != NULL && size <= *room)
    {
      *room -= size;
      return seen;
    }
  g_clear_pointer (&seen, g_variant_unref);
  return NULL;
}

/* av, floating; NULL when it cannot be sent. */
static GVariant *
items_of (GListModel *model, guint position, guint n)
{
  gsize room = CHANGE_SIZE;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (ShmobjItem) item = g_list_model_get_item (model, position + i);
      GVariant *value = shmobj_item_get_value (item);
      g_autoptr (GVariant) seen = value != NULL ? take_out (g_variant_ref (value), &room) : NULL;

      if (seen == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "v", seen);
    }
  return g_variant_builder_end (&builder);
}

static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, gpointer user_data)
{
  BusFollower *self = user_data;
  GVariant *items;

  if (self->is_reread)
    return;
  items = items_of (model, position, added);
  self->is_reread = items == NULL;
  self->changed (g_variant_new ("(tt@avb)", (guint64) position, (guint64) removed,
                                items != NULL ? items : no_values (), items == NULL),
                 self->data);
}

typedef struct
{
  BusFollower *self;
  GPtrArray *keys; /* GBytes: that are news */
  guint64 revision;
} News;

static gboolean
read_news (StoreTxn *txn, gpointer data, GError **error)
{
  News *news = data;
  Dict dict;

  if (!dict_open (&dict, txn, container_get_id (news->self->container), error) ||
      !dict_mirror_update (news->self->mirror, &dict, news->keys))
    return FALSE;
  news->revision = dict.record.object.revision;
  return TRUE;
}

static GVariant *
value_of (GBytes *stored, gsize *room)
{
  ShmobjFrame frame;
  gsize size;
  gconstpointer data = g_bytes_get_data (stored, &size);

  return frame_load (data, size, &frame) ? take_out (stored_take_value (&frame, NULL), room) : NULL;
}

/* Adds one key to what was set, or to what was removed; FALSE when it cannot be sent. */
static gboolean
add_key (
    BusFollower *self, GBytes *stored, GVariantBuilder *set, GVariantBuilder *removed, gsize *room)
{
  GBytes *found = dict_mirror_lookup (self->mirror, stored);
  g_autoptr (GVariant) key = value_of (stored, room);
  g_autoptr (GVariant) value = key != NULL && found != NULL ? value_of (found, room) : NULL;

  if (key == NULL || (found != NULL && value == NULL))
    return FALSE;
  if (found != NULL)
    g_variant_builder_add (set, "(vv)", key, value);
  else
    g_variant_builder_add (removed, "v", key);
  return TRUE;
}

static void
tell_keys (BusFollower *self, GPtrArray *keys)
{
  GVariantBuilder set, removed;
  gsize room = CHANGE_SIZE;
  gboolean good = TRUE;

  g_variant_builder_init (&set, G_VARIANT_TYPE ("a(vv)"));
  g_variant_builder_init (&removed, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < keys->len && good; i++)
    good = add_key (self, keys->pdata[i], &set, &removed, &room);
  if (good)
    {
      self->changed (g_variant_new ("(a(vv)avb)", &set, &removed, FALSE), self->data);
      return;
    }
  g_variant_builder_clear (&set);
  g_variant_builder_clear (&removed);
  bus_follower_tell_reread (self);
}

/* A walk that fails has said what it found; that is told, and it is never told twice. */
static gboolean
follow_dict (BusFollower *self, gboolean is_news, GError **error)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  News news = { .self = self, .keys = keys, .revision = self->revision };
  gboolean read = container_read (self->container, read_news, &news, error);

  self->revision = news.revision;
  if (keys->len > 0 && is_news)
    tell_keys (self, keys);
  return read;
}

/* What is read may be newer than @revision: then it is told once more. */
static gboolean
follow_value (BusFollower *self, guint64 revision, gboolean is_news, GError **error)
{
  gsize room = CHANGE_SIZE;
  GVariant *seen;

  self->revision = revision;
  if (!is_news)
    return TRUE;
  seen = take_out (shmobj_value_get (SHMOBJ_VALUE (self->container), NULL), &room);
  if (seen != NULL)
    self->changed (g_variant_new ("(vb)", seen, FALSE), self->data);
  else
    bus_follower_tell_reread (self);
  g_clear_pointer (&seen, g_variant_unref);
  return TRUE;
}

static gboolean
follow (BusFollower *self, gboolean is_news, GError **error)
{
  ObjectHeader header;

  if (!container_get_header (self->container, &header, error))
    return FALSE;
  if (self->model != NULL)
    return list_model_catch_up (self->model, error);
  if (header.revision == self->revision)
    return TRUE;
  if (self->mirror != NULL)
    return follow_dict (self, is_news, error);
  return follow_value (self, header.revision, is_news, error);
}

BusFollower *
bus_follower_new (GObject *object, BusChanged changed, gpointer data, GError **error)
{
  BusFollower *self;

  if (!SHMOBJ_IS_CONTAINER (object))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "Only lists, dicts and values can be followed");
      return NULL;
    }
  self = g_new0 (BusFollower, 1);
  *self = (BusFollower){ .container = g_object_ref (SHMOBJ_CONTAINER (object)),
                         .changed = changed,
                         .data = data };
  if (SHMOBJ_IS_LIST (object))
    self->model = shmobj_list_model_new (SHMOBJ_LIST (object), error);
  else if (SHMOBJ_IS_DICT (object))
    self->mirror = dict_mirror_new ();

  if ((SHMOBJ_IS_LIST (object) && self->model == NULL) || !follow (self, FALSE, error))
    {
      bus_follower_free (self);
      return NULL;
    }
  if (self->model != NULL)
    g_signal_connect (self->model, "items-changed", G_CALLBACK (on_items_changed), self);
  return self;
}

void
bus_follower_free (BusFollower *self)
{
  if (self->model != NULL)
    g_signal_handlers_disconnect_by_data (self->model, self);
  g_clear_object (&self->model);
  g_clear_pointer (&self->mirror, g_hash_table_unref);
  g_object_unref (self->container);
  g_free (self);
}

gboolean
bus_follower_catch_up (BusFollower *self, GError **error)
{
  self->is_reread = FALSE;
  return follow (self, TRUE, error);
}

guint64
bus_follower_get_revision (BusFollower *self)
{
  return self->model != NULL ? list_model_get_revision (self->model) : self->revision;
}

void
bus_follower_tell_reread (BusFollower *self)
{
  GVariant *body;

  if (self->model != NULL)
    body = g_variant_new ("(tt@avb)", G_GUINT64_CONSTANT (0), G_GUINT64_CONSTANT (0), no_values (),
                          TRUE);
  else if (self->mirror != NULL)
    body = g_variant_new ("(@a(vv)@avb)", g_variant_new_array (G_VARIANT_TYPE ("(vv)"), NULL, 0),
                          no_values (), TRUE);
  else
    body = g_variant_new ("(vb)", g_variant_new_signature (""), TRUE);
  self->changed (body, self->data);
}
