/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjListIter:
 *
 * A walk over a [class@Shmobj.List], from [method@Shmobj.List.iterator]. In Vala it is what
 * `foreach (var item in list)` uses.
 *
 * It shows the list as it was at one moment, when the first item was asked for: what others change
 * afterwards it does not meet. For that it copies the items, so it costs memory of this process
 * until it is freed, and others never wait for it. Of a list that is larger than that, read parts
 * with [method@Shmobj.List.get_range].
 *
 * One thread at a time may use it.
 *
 * Since: 1.0
 */

/* The walk is a copy of all items, in the form that they have in the store, made in one look.
 *
 * It could also keep the store's old state alive instead, by a read transaction that stays open:
 * then each walk that somebody forgets to end would pin every page that is changed from then on,
 * until the store is full for everybody. Or it could read some items at a time and stop with an
 * error when the list has changed: then a list that changes often could not be walked over at all.
 * A copy costs only the one who walks, some 20 ns for a small item, and gives NO_SPACE when it is
 * too large.
 *
 * A death leaves nothing; a forked child walks on by itself.
 */

#include "manager/shmobj-list-iter.h"

#include "base/frame.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/stored.h"

struct _ShmobjListIter
{
  GObject parent_instance;

  ShmobjList *list;   /* (owned) (nullable): until it was read */
  ShmobjFrameRun run; /* what was read */
  gsize offset;       /* in it, of the next item */
};

G_DEFINE_FINAL_TYPE (ShmobjListIter, shmobj_list_iter, G_TYPE_OBJECT)

static void
shmobj_list_iter_finalize (GObject *object)
{
  ShmobjListIter *self = SHMOBJ_LIST_ITER (object);

  shmobj_frame_run_clear (&self->run);
  g_clear_object (&self->list);
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

/* When that fails it is tried again with the next call. */
static gboolean
read_all (ShmobjListIter *self, GError **error)
{
  if (!shmobj_list_get_range_frames (self->list, 0, G_MAXINT64, &self->run, error))
    return FALSE;
  g_clear_object (&self->list);
  return TRUE;
}

/**
 * shmobj_list_iter_next_value:
 * @self: a walk
 * @error: return location for an error
 *
 * Gives the next item. The first call reads them all; it takes no lock and never blocks.
 * [class@Shmobj.List] names the errors that it can have.
 *
 * Returns: (transfer full) (nullable): the item; %NULL without an error at the end, else with
 *   @error set, as `SHMOBJ_ERROR_INCOMPATIBLE` for an item that only Python reads (the next call
 *   goes on behind it)
 *
 * Since: 1.0
 */
GVariant *
shmobj_list_iter_next_value (ShmobjListIter *self, GError **error)
{
  ShmobjFrame frame;

  g_return_val_if_fail (SHMOBJ_IS_LIST_ITER (self), NULL);

  if (self->list != NULL && !read_all (self, error))
    return NULL;
  return shmobj_frame_run_next (&self->run, &self->offset, &frame)
             ? stored_take_value (&frame, error)
             : NULL;
}
