/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjListIter:
 *
 * A walk over a [class@Shmobj.List], from [method@Shmobj.List.iterator]. In Vala it is what
 * `foreach (var item in list)` uses.
 *
 * It holds nothing that others would wait for, and it is not a copy: it reads some items at a time
 * and goes by position. What is appended meanwhile it meets at the end; when items are inserted or
 * removed before where it is, it may meet one twice or not at all. For all items of one moment
 * there is [method@Shmobj.List.get_range].
 *
 * One thread at a time may use it.
 *
 * Since: 1.0
 */

/* The walk is a position and a chunk of items that was read in one go. A chunk is one look into the
 * store, so a long list costs one for many items and no more memory than they need. A death leaves
 * nothing, a forked child walks on by itself. */

#include "manager/shmobj-list-iter.h"

#define CHUNK 256

struct _ShmobjListIter
{
  GObject parent_instance;

  ShmobjList *list;        /* (owned) */
  GVariant *values[CHUNK]; /* (owned): from next to n - 1; the others were given away */
  guint n, next;
  gint64 position; /* in the list, of what comes behind values */
};

G_DEFINE_FINAL_TYPE (ShmobjListIter, shmobj_list_iter, G_TYPE_OBJECT)

static void
shmobj_list_iter_finalize (GObject *object)
{
  ShmobjListIter *self = SHMOBJ_LIST_ITER (object);

  while (self->next < self->n)
    g_variant_unref (self->values[self->next++]);
  g_object_unref (self->list);
  G_OBJECT_CLASS (shmobj_list_iter_parent_class)->finalize (object);
}

static void
shmobj_list_iter_class_init (ShmobjListIterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = shmobj_list_iter_finalize;
}

static void
shmobj_list_iter_init (ShmobjListIter *self)
{
}

/**
 * shmobj_list_iterator:
 * @self: a list
 *
 * Starts a walk over the list.
 *
 * Returns: (transfer full): it, before the first item
 *
 * Since: 1.0
 */
ShmobjListIter *
shmobj_list_iterator (ShmobjList *self)
{
  ShmobjListIter *iter;

  g_return_val_if_fail (SHMOBJ_IS_LIST (self), NULL);

  iter = g_object_new (SHMOBJ_TYPE_LIST_ITER, NULL);
  iter->list = g_object_ref (self);
  return iter;
}

static gboolean
read_chunk (ShmobjListIter *self, GError **error)
{
  gsize n;
  g_autofree GVariant **values =
      shmobj_list_get_range (self->list, self->position, self->position + CHUNK, &n, error);

  if (values == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    self->values[i] = values[i];
  self->n = n;
  self->next = 0;
  self->position += n;
  return TRUE;
}

/**
 * shmobj_list_iter_next_value:
 * @self: a walk
 * @error: return location for an error
 *
 * Gives the next item. At the end it may be asked again later, when there is perhaps more.
 *
 * Takes no lock and never blocks. [class@Shmobj.List] names the errors that it can have.
 *
 * Returns: (transfer full) (nullable): the item; %NULL without an error at the end, else with
 *   @error set
 *
 * Since: 1.0
 */
GVariant *
shmobj_list_iter_next_value (ShmobjListIter *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_LIST_ITER (self), NULL);

  if (self->next == self->n && !read_chunk (self, error))
    return NULL;
  return self->next < self->n ? self->values[self->next++] : NULL;
}
