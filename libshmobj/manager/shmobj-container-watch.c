/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals of a container: only one that is watched has them, so that nobody pays for what nobody
 * wants to hear. A watch is a source (watching.c) and, for a dict, a copy of what was there when it
 * last told: by comparing it finds out what has changed, whoever did it and however often.
 *
 * All of it belongs to the thread of the main context in which watch() was called. A forked child
 * has neither its main context nor its signals.
 */

#include "manager/container.h"
#include "manager/watching.h"

static gboolean
follow (gpointer owner, GError **error)
{
  ShmobjContainer *self = owner;
  ShmobjContainerClass *klass =
      G_TYPE_INSTANCE_GET_CLASS (self, SHMOBJ_TYPE_CONTAINER, ShmobjContainerClass);
  ObjectHeader header;

  if (!container_get_header (self, &header, error))
    return FALSE;
  return header.revision == self->told || klass->follow (self, error);
}

static void
stop (ShmobjContainer *self)
{
  watching_stop (g_steal_pointer (&self->watch));
  g_clear_pointer (&self->mirror, g_hash_table_unref);
  self->told = 0;
}

static gboolean
start (ShmobjContainer *self, GError **error)
{
  ShmobjContainerClass *klass =
      G_TYPE_INSTANCE_GET_CLASS (self, SHMOBJ_TYPE_CONTAINER, ShmobjContainerClass);

  if (self->watch != NULL)
    return TRUE;
  if (klass->follow == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "A %s has no signals; for a list there is ShmobjListModel",
                   G_OBJECT_TYPE_NAME (self));
      return FALSE;
    }

  self->watch = watching_start (self, self, follow, error);
  if (self->watch == NULL)
    return FALSE;
  if (klass->follow (self, error)) /* what is there now is no news */
    return TRUE;
  stop (self);
  return FALSE;
}

gboolean
container_follow (gpointer container, GError **error)
{
  ShmobjContainer *self = container;

  if (!start (self, error))
    return FALSE;
  self->n_followers++;
  return TRUE;
}

void
container_unfollow (gpointer container)
{
  ShmobjContainer *self = container;

  if (--self->n_followers == 0 && !self->is_wanted)
    stop (self);
}

/**
 * shmobj_container_watch:
 * @self: a dict or a value
 * @error: return location for an error
 *
 * Begins to tell of changes, in the thread-default main context of the caller: a dict has
 * [signal@Shmobj.Dict::changed] from now on, a value notifies of
 * [property@Shmobj.Value:value]. Does nothing if @self is watched already.
 *
 * Signals come only when that main context dispatches. Changes that came in the meantime are told
 * together; what was changed and changed back is not told. The container is always the newest,
 * whatever was told. It, its signals and [method@Shmobj.Container.unwatch] are then for the thread
 * of that main context; other calls are for every thread.
 *
 * Returns: %TRUE, or %FALSE with `G_IO_ERROR_NOT_SUPPORTED` (of a list, which
 *   [class@Shmobj.ListModel] follows; or inside of a transaction), `SHMOBJ_ERROR_CLOSED`, or
 * another error of those that every call can have
 *
 * Since: 1.0
 */
gboolean
shmobj_container_watch (ShmobjContainer *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONTAINER (self), FALSE);

  if (!start (self, error))
    return FALSE;
  self->is_wanted = TRUE;
  return TRUE;
}

/**
 * shmobj_container_unwatch:
 * @self: a container
 *
 * Ends what [method@Shmobj.Container.watch] began; nothing is told any more. Does nothing if it is
 * not watched. Without it a watch ends with the object. What [method@Shmobj.Dict.bind] and
 * [method@Shmobj.Dict.create_action] made goes on following a dict, which then tells others too.
 *
 * Since: 1.0
 */
void
shmobj_container_unwatch (ShmobjContainer *self)
{
  g_return_if_fail (SHMOBJ_IS_CONTAINER (self));

  self->is_wanted = FALSE;
  if (self->n_followers == 0)
    stop (self);
}
