/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjListModel:
 *
 * A live `GListModel` of a [class@Shmobj.List], for a user interface: it follows the list, whoever
 * changes it.
 *
 * It belongs to the thread-default main context of the thread that makes it, and is used from that
 * thread. It changes only when that main context dispatches, so between two returns to the main
 * loop it stays as it is, whatever others do to the list; the list itself is always the newest. All
 * changes that came in the meantime are told together, in as few `items-changed` as they need.
 *
 * Its items are [class@Shmobj.Item]s. One whose value stayed in the list stays the same object, so
 * selections and focus stay where they are.
 *
 * To change what it shows, change the list. When the list is closed or removed, the model keeps
 * what it has.
 *
 * ```c
 * g_autoptr (ShmobjListModel) model = shmobj_list_model_new (list, &error);
 * GtkNoSelection *selection = gtk_no_selection_new (G_LIST_MODEL (g_steal_pointer (&model)));
 * ```
 *
 * Since: 1.0
 */

/* The model keeps a copy of each item's bytes as the store has them. A look walks over the list
 * where it lies and compares: what is equal at the front and at the back costs a comparison of some
 * bytes each. What lies between is copied, and the difference of the two middles (list-diff.c) says
 * which of it is new. So no log of changes has to be kept by those who write, and it makes no
 * difference how many changes were made.
 *
 * Each step of the difference is done to the items and told before the next one, so that whoever
 * looks in a signal handler sees what was told.
 *
 * The source that watches (watching.c) has a weak reference to the model.
 */

#include "manager/shmobj-list-model.h"

#include "base/frame.h"
#include "manager/item-private.h"
#include "manager/list-diff.h"
#include "manager/list-model-private.h"
#include "manager/list-private.h"
#include "manager/list-rows.h"
#include "manager/stored.h"
#include "manager/watching.h"
#include "objects/lazy-init.h"

typedef struct
{
  guint8 *bytes; /* (owned): a frame as it is stored */
  gsize size;
  ShmobjItem *item; /* (owned) (nullable): made when first asked for */
} Entry;

struct _ShmobjListModel
{
  GObject parent_instance;

  ShmobjList *list; /* (owned) */
  LazyInit lazy;
  GSource *source; /* (owned) (nullable): none, when there is nothing to follow any more */
  GArray *entries; /* (owned): Entry */
  guint64 revision;
  gboolean is_quiet; /* while it is made: nobody has seen it otherwise */
};

enum
{
  PROP_LIST = 1,
  PROP_ITEM_TYPE,
  PROP_N_ITEMS,
};

static GParamSpec *properties[PROP_N_ITEMS + 1];

static void shmobj_list_model_iface_init (GListModelInterface *iface);
static void shmobj_list_model_initable_init (GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjListModel,
                               shmobj_list_model,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                      shmobj_list_model_iface_init)
                                   G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE,
                                                          shmobj_list_model_initable_init))

static void
entry_clear (gpointer data)
{
  Entry *entry = data;

  g_free (entry->bytes);
  g_clear_object (&entry->item);
}

static GArray *
entries_new (void)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (Entry));

  g_array_set_clear_func (entries, entry_clear);
  return entries;
}

/* Of a frame, which ends here. What refers to an object is made an item at once, for as long as
 * that lives the object does. */
static void
add_entry (GArray *entries, ShmobjFrame *frame)
{
  Entry entry = { .size = frame_stored_size (frame) };

  entry.bytes = g_malloc (entry.size);
  frame_store (frame, entry.bytes);
  if (frame->release != NULL)
    entry.item = item_new (stored_take_value (frame, NULL));
  else
    shmobj_frame_clear (frame);
  g_array_append_val (entries, entry);
}

static ShmobjItem *
get_item_of (Entry *entry)
{
  GVariant *value = NULL;
  ShmobjFrame frame;

  if (entry->item == NULL)
    {
      if (frame_load (entry->bytes, entry->size, &frame))
        value = stored_take_value (&frame, NULL);
      entry->item = item_new (value);
    }
  return entry->item;
}

/* One look at the list: where it begins and ends to differ from what we have, and what lies in
 * between. */
typedef struct
{
  guint64 id;
  GArray *entries;        /* what we have */
  guint64 known;          /* the revision that they are of */
  guint64 revision;       /* of the list, now */
  guint64 length;         /* of the list */
  guint64 front;          /* items that are equal */
  guint64 back_begin;     /* and from here to the end, again */
  ShmobjFrameRun *middle; /* what is between */
  GError **error;
} Look;

static gboolean
is_equal (const Look *look, gint64 index, const StoreBytes *stored)
{
  const Entry *entry = &g_array_index (look->entries, Entry, index);

  return entry->size == stored->size && memcmp (entry->bytes, stored->data, entry->size) == 0;
}

static gboolean
compare (guint64 position, const StoreBytes *stored, gpointer data)
{
  Look *look = data;
  gint64 from_back = (gint64) position + look->entries->len - (gint64) look->length;

  if (look->front == position && position < look->entries->len && is_equal (look, position, stored))
    {
      look->front++;
      look->back_begin = look->front;
    }
  else if (from_back < (gint64) look->front || !is_equal (look, from_back, stored))
    look->back_begin = position + 1;
  return TRUE;
}

static gboolean
collect (guint64 position, const StoreBytes *stored, gpointer data)
{
  Look *look = data;

  return stored_add (stored, look->middle, look->error);
}

static gboolean
read_changes (StoreTxn *txn, gpointer data, GError **error)
{
  Look *look = data;
  List list;

  if (!list_view (&list, txn, look->id, error))
    return FALSE;
  look->revision = list.record.object.revision;
  if (look->revision == look->known)
    return TRUE;

  look->error = error;
  look->length = list_length (&list);
  look->front = look->back_begin = 0;
  return list_each (&list, 0, look->length, compare, look) &&
         list_each (&list, look->front, look->back_begin, collect, look);
}

/* The middles: of ours from the front on, and what came instead. */
typedef struct
{
  GArray *entries;
  guint64 front;
  GArray *fresh;
} Middles;

static gboolean
middles_equal (gconstpointer data, guint old_at, guint new_at)
{
  const Middles *middles = data;
  const Entry *old = &g_array_index (middles->entries, Entry, middles->front + old_at);
  const Entry *new = &g_array_index (middles->fresh, Entry, new_at);

  return old->size == new->size &&memcmp (old->bytes, new->bytes, old->size) == 0;
}

static void
apply (ShmobjListModel *self, const DiffStep *step, guint64 front, GArray *fresh)
{
  guint position = front + step->new_at;

  g_array_remove_range (self->entries, position, step->removed);
  if (step->added > 0)
    g_array_insert_vals (self->entries, position, &g_array_index (fresh, Entry, step->new_at),
                         step->added);
  if (step->added > 0) /* they are ours now */
    memset (&g_array_index (fresh, Entry, step->new_at), 0, step->added * sizeof (Entry));

  if (self->is_quiet)
    return;
  g_list_model_items_changed (G_LIST_MODEL (self), position, step->removed, step->added);
  if (step->removed != step->added)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_ITEMS]);
}

static void
take (ShmobjListModel *self, Look *look)
{
  g_autoptr (GArray) fresh = entries_new (), steps = NULL;
  guint64 back = look->length - look->back_begin;
  Middles middles = { self->entries, look->front, fresh };
  ShmobjFrame frame;
  gsize offset = 0;

  while (shmobj_frame_run_next (look->middle, &offset, &frame))
    add_entry (fresh, &frame);

  steps = list_diff (self->entries->len - look->front - back, fresh->len, middles_equal, &middles);
  for (guint i = 0; i < steps->len; i++)
    apply (self, &g_array_index (steps, DiffStep, i), look->front, fresh);
}

static gboolean
follow (gpointer owner, GError **error)
{
  ShmobjListModel *self = owner;
  g_auto (ShmobjFrameRun) middle = { 0 };
  Look look = { .id = container_get_id (self->list),
                .entries = self->entries,
                .known = self->revision,
                .middle = &middle };

  if (!container_read_run (self->list, read_changes, &look, &middle, error))
    return FALSE;
  if (look.revision == look.known)
    return TRUE;
  self->revision = look.revision;
  take (self, &look);
  return TRUE;
}

gboolean
list_model_catch_up (ShmobjListModel *self, GError **error)
{
  watching_stop (g_steal_pointer (&self->source));
  return follow (self, error);
}

guint64
list_model_get_revision (ShmobjListModel *self)
{
  return self->revision;
}

static gboolean
begin (gpointer data, GError **error)
{
  ShmobjListModel *self = data;
  gboolean followed;

  if (self->list == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "A model needs a list: set its property “list” when you make it");
      return FALSE;
    }

  self->source = watching_start (SHMOBJ_CONTAINER (self->list), self, follow, error);
  if (self->source == NULL)
    return FALSE;
  self->is_quiet = TRUE;
  followed = follow (self, error);
  self->is_quiet = FALSE;
  if (!followed)
    watching_stop (g_steal_pointer (&self->source));
  return followed;
}

static gboolean
initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  ShmobjListModel *self = SHMOBJ_LIST_MODEL (initable);

  return lazy_init_ensure (&self->lazy, begin, self, error);
}

static void
shmobj_list_model_initable_init (GInitableIface *iface)
{
  iface->init = initable_init;
}

static GType
get_item_type (GListModel *model)
{
  return SHMOBJ_TYPE_ITEM;
}

static guint
get_n_items (GListModel *model)
{
  ShmobjListModel *self = SHMOBJ_LIST_MODEL (model);

  lazy_init_ensure (&self->lazy, begin, self, NULL);
  return self->entries->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  ShmobjListModel *self = SHMOBJ_LIST_MODEL (model);

  if (position >= get_n_items (model))
    return NULL;
  return g_object_ref (get_item_of (&g_array_index (self->entries, Entry, position)));
}

static void
shmobj_list_model_iface_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
shmobj_list_model_finalize (GObject *object)
{
  ShmobjListModel *self = SHMOBJ_LIST_MODEL (object);

  watching_stop (self->source);
  g_array_unref (self->entries);
  g_clear_object (&self->list);
  g_mutex_clear (&self->lazy.lock);
  G_OBJECT_CLASS (shmobj_list_model_parent_class)->finalize (object);
}

static void
shmobj_list_model_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_LIST:
      g_value_set_object (value, SHMOBJ_LIST_MODEL (object)->list);
      break;
    case PROP_ITEM_TYPE:
      g_value_set_gtype (value, SHMOBJ_TYPE_ITEM);
      break;
    case PROP_N_ITEMS:
      g_value_set_uint (value, get_n_items (G_LIST_MODEL (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_list_model_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_LIST)
    SHMOBJ_LIST_MODEL (object)->list = g_value_dup_object (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
shmobj_list_model_class_init (ShmobjListModelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_list_model_finalize;
  object_class->get_property = shmobj_list_model_get_property;
  object_class->set_property = shmobj_list_model_set_property;

  /**
   * ShmobjListModel:list: (getter get_list)
   *
   * The list that it follows.
   *
   * Since: 1.0
   */
  properties[PROP_LIST] =
      g_param_spec_object ("list", NULL, NULL, SHMOBJ_TYPE_LIST,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjListModel:item-type:
   *
   * The type of its items: [class@Shmobj.Item].
   *
   * Since: 1.0
   */
  properties[PROP_ITEM_TYPE] = g_param_spec_gtype ("item-type", NULL, NULL, G_TYPE_OBJECT,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjListModel:n-items:
   *
   * How many items it has.
   *
   * Since: 1.0
   */
  properties[PROP_N_ITEMS] = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0,
                                                G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_list_model_init (ShmobjListModel *self)
{
  g_mutex_init (&self->lazy.lock);
  self->entries = entries_new ();
}

/**
 * shmobj_list_model_new:
 * @list: a list
 * @error: return location for an error
 *
 * Makes a model that follows @list, for the thread-default main context of the caller. Reads the
 * whole list.
 *
 * Returns: (transfer full): the model, or %NULL with `SHMOBJ_ERROR_CLOSED`,
 *   `G_IO_ERROR_NOT_SUPPORTED` (inside of a transaction), or another error of those that
 * [class@Shmobj.Container] names for every call
 *
 * Since: 1.0
 */
ShmobjListModel *
shmobj_list_model_new (ShmobjList *list, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST (list), NULL);

  return g_initable_new (SHMOBJ_TYPE_LIST_MODEL, NULL, error, "list", list, NULL);
}

/**
 * shmobj_list_model_get_list:
 * @self: a model
 *
 * Tells which list it follows.
 *
 * Returns: (transfer none) (nullable): the list
 *
 * Since: 1.0
 */
ShmobjList *
shmobj_list_model_get_list (ShmobjListModel *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST_MODEL (self), NULL);

  return self->list;
}
