/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watching: changes of a container as a GSource.
 *
 * Before each call of its callback the source arms the object's slot (watchers.c), so the callback
 * sees what is, and whatever comes after is told. Between two calls it costs nothing: it hears the
 * bell of its slot (objects/ear.c) and compares one word. The only timer is a deadline, if there is
 * one, and a millisecond while a commit is under way, which is longer only when its writer was
 * stopped.
 *
 * A source of low priority whose turn comes late finds all changes of that time in one call.
 */

#include "manager/watching.h"

#include "objects/ear.h"

#define COMMIT_US 1000

typedef struct
{
  GSource source;
  ShmobjContainer *container; /* (owned) */
  Ear *ear;                   /* (owned) */
  gpointer fd_tag;
  gint64 deadline_us;
  guint32 seen;
} Watching;

static Watchers *
watchers_of (Watching *self)
{
  return store_get_watchers (self->container->store);
}

static gboolean
watching_prepare (GSource *source, int *timeout_ms)
{
  Watching *self = (Watching *) source;

  *timeout_ms = -1; /* the ready time is GLib's business */
  return watchers_is_stirred (watchers_of (self), self->container->id, self->seen);
}

static gboolean
watching_check (GSource *source)
{
  Watching *self = (Watching *) source;

  if (g_source_query_unix_fd (source, self->fd_tag) != 0)
    ear_empty (self->ear);
  return watchers_is_stirred (watchers_of (self), self->container->id, self->seen);
}

static gboolean
watching_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Watching *self = (Watching *) source;
  gboolean armed =
      watchers_arm (watchers_of (self), self->container->id, WATCHERS_BY_BELL, &self->seen);
  gint64 next_us;

  if (callback == NULL || callback (data) == G_SOURCE_REMOVE)
    return G_SOURCE_REMOVE;

  next_us = armed ? self->deadline_us : g_get_monotonic_time () + COMMIT_US;
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
  g_clear_object (&self->container);
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
  self->container = g_object_ref (container);
  self->ear = ear;
  self->deadline_us = deadline_us;
  self->fd_tag = g_source_add_unix_fd (source, ear_fd (ear), G_IO_IN);
  g_source_set_static_name (source, "[shmobj] watch");
  g_source_set_ready_time (source, 0);
  return source;
}
