/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watching: changes of a container as a GSource.
 *
 * Before each call of its callback the source arms the object's slot (watchers.c), so the callback
 * sees what is, and whatever comes after is told. Between two calls it costs nothing: it hears the
 * bell of its slot (objects/ear.c) and compares one word. The only timer is a deadline, if there is
 * one, and a millisecond while a commit is under way, which is longer only when its writer was
 * stopped.
 *
 * A main loop that runs inside of a transaction would see what may yet be rolled back. So there the
 * source only comes again later.
 *
 * A live object is followed through a weak reference: it may end anywhere, in the middle of its own
 * signal too. That has a lower priority than redrawing, so what changes all the time keeps nobody
 * from seeing it.
 *
 * A source of low priority whose turn comes late finds all changes of that time in one call.
 */

#include "manager/watching.h"

#include "base/shmobj-error.h"
#include "objects/ear.h"

#include <errno.h>

#define MOMENT_US 1000

typedef struct
{
  GSource source;
  Store *store; /* (owned) */
  guint64 id;   /* of the object: the container may end */
  Ear *ear;     /* (owned) */
  gpointer fd_tag;
  gint64 deadline_us;
  guint32 seen;
} Watching;

static Watchers *
watchers_of (Watching *self)
{
  return store_get_watchers (self->store);
}

static gboolean
watching_prepare (GSource *source, int *timeout_ms)
{
  Watching *self = (Watching *) source;

  *timeout_ms = -1; /* the ready time is GLib's business */
  return watchers_is_stirred (watchers_of (self), self->id, self->seen);
}

static gboolean
watching_check (GSource *source)
{
  Watching *self = (Watching *) source;

  if (g_source_query_unix_fd (source, self->fd_tag) != 0)
    ear_empty (self->ear);
  return watchers_is_stirred (watchers_of (self), self->id, self->seen);
}

static gboolean
watching_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Watching *self = (Watching *) source;
  gboolean armed = watchers_arm (watchers_of (self), self->id, WATCHERS_BY_BELL, &self->seen);
  gint64 next_us;

  if (store_thread_has_transaction (self->store))
    {
      g_source_set_ready_time (source, g_get_monotonic_time () + MOMENT_US);
      return G_SOURCE_CONTINUE;
    }
  if (callback == NULL || callback (data) == G_SOURCE_REMOVE)
    return G_SOURCE_REMOVE;

  next_us = armed ? self->deadline_us : g_get_monotonic_time () + MOMENT_US;
  if (self->deadline_us >= 0)
    next_us = MIN (next_us, self->deadline_us);
  g_source_set_ready_time (source, next_us);
  return G_SOURCE_CONTINUE;
}

static void
watching_finalize (GSource *source)
{
  Watching *self = (Watching *) source;

  g_clear_pointer (&self->ear, ear_unref);
  g_clear_pointer (&self->store, store_unref);
}

static GSourceFuncs watching_funcs = {
  .prepare = watching_prepare,
  .check = watching_check,
  .dispatch = watching_dispatch,
  .finalize = watching_finalize,
};

GSource *
watching_new (ShmobjContainer *container, GMainContext *context, gint64 deadline_us)
{
  const Broadcast *bell =
      watchers_bell (store_get_watchers (container->store), container->id, NULL);
  Ear *ear = bell != NULL ? ear_get (bell, context) : NULL;
  GSource *source;
  Watching *self;

  if (ear == NULL)
    return NULL;

  source = g_source_new (&watching_funcs, sizeof (Watching));
  self = (Watching *) source;
  self->store = store_ref (container->store);
  self->id = container->id;
  self->ear = ear;
  self->deadline_us = deadline_us;
  self->fd_tag = g_source_add_unix_fd (source, ear_fd (ear), G_IO_IN);
  g_source_set_static_name (source, "[shmobj] watch");
  g_source_set_ready_time (source, 0);
  return source;
}

typedef struct
{
  GWeakRef owner;
  WatchingFollow follow;
} Following;

static void
following_free (gpointer data)
{
  Following *self = data;

  g_weak_ref_clear (&self->owner);
  g_free (self);
}

static gboolean
follow_on (gpointer data)
{
  Following *self = data;
  g_autoptr (GObject) owner = g_weak_ref_get (&self->owner);
  g_autoptr (GError) error = NULL;

  if (owner == NULL)
    return G_SOURCE_REMOVE;
  if (self->follow (owner, &error) ||
      !(g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED) ||
        g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)))
    return G_SOURCE_CONTINUE;
  return G_SOURCE_REMOVE; /* there is nothing to follow any more */
}

GSource *
watching_start (ShmobjContainer *container, gpointer owner, WatchingFollow follow, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  Following *following;
  GSource *source;

  if (!container_enter (container, error))
    return NULL;
  if (store_thread_has_transaction (container->store))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "What is seen inside of a transaction may be rolled back; follow a "
                           "container before it or after it");
      return NULL;
    }
  source = watching_new (container, context, -1);
  if (source == NULL)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot follow the container: no descriptor to listen with (%s)",
                   g_strerror (errno));
      return NULL;
    }

  following = g_new0 (Following, 1);
  g_weak_ref_init (&following->owner, owner);
  following->follow = follow;
  g_source_set_callback (source, follow_on, following, following_free);
  g_source_set_priority (source, G_PRIORITY_DEFAULT_IDLE);
  g_source_attach (source, context);
  return source;
}

void
watching_stop (GSource *source)
{
  if (source == NULL)
    return;
  g_source_destroy (source);
  g_source_unref (source);
}
