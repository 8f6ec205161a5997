/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watches: asynchronous waits for small objects, on the bell of their arena and without a thread.
 *
 * All waits of one main context for objects of one arena share an ear (objects/ear.c). Each wait is
 * a GSource in that context.
 *
 * Each wait also looks after 8 ms, doubling to a second: nobody rings for a dead owner, and a
 * ringer may have died. Its first look comes at once, for what changed before the ear was there.
 *
 * Cancelling wins over what may be there to take: a cancelled wait has taken nothing.
 */

#include "objects/watch.h"

#include "objects/ear.h"

#include <errno.h>
#include <glib-unix.h>

#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

typedef struct
{
  GSource source;
  Arena *arena; /* (owned): whose bell the ear hears */
  Ear *ear;     /* (owned) */
  GTask *task;  /* (owned) */
  WatchFunc look;
  gpointer fd_tag;
  gint64 deadline_us, slice_us;
  guint32 seen; /* what the ear had heard when we looked */
} Watch;

static gboolean
watch_prepare (GSource *source, int *timeout_ms)
{
  Watch *self = (Watch *) source;

  *timeout_ms = -1; /* the ready time is GLib's business */
  return self->seen != ear_heard (self->ear);
}

static gboolean
watch_check (GSource *source)
{
  Watch *self = (Watch *) source;

  if (g_source_query_unix_fd (source, self->fd_tag) != 0)
    ear_empty (self->ear);
  return self->seen != ear_heard (self->ear);
}

static void
plan_next_look (Watch *self)
{
  gint64 next_us = g_get_monotonic_time () + self->slice_us;

  if (self->deadline_us >= 0)
    next_us = MIN (next_us, self->deadline_us);
  self->slice_us = MIN (self->slice_us * 2, SLICE_MAX_US);
  g_source_set_ready_time (&self->source, next_us);
}

static gboolean
watch_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Watch *self = (Watch *) source;

  self->seen = ear_heard (self->ear);
  if (g_cancellable_is_cancelled (g_task_get_cancellable (self->task)))
    {
      self->look (self->task, WATCH_CANCELLED);
      return G_SOURCE_REMOVE;
    }
  if (self->look (self->task, WATCH_LOOK))
    return G_SOURCE_REMOVE;
  if (wait_left (self->deadline_us) == 0)
    {
      self->look (self->task, WATCH_TIMED_OUT);
      return G_SOURCE_REMOVE;
    }
  plan_next_look (self);
  return G_SOURCE_CONTINUE;
}

static void
watch_finalize (GSource *source)
{
  Watch *self = (Watch *) source;

  g_clear_object (&self->task);
  g_clear_pointer (&self->ear, ear_unref);
  g_clear_pointer (&self->arena, arena_unref);
}

static GSourceFuncs watch_funcs = {
  .prepare = watch_prepare,
  .check = watch_check,
  .dispatch = watch_dispatch,
  .finalize = watch_finalize,
};

static void
follow_cancellable (GSource *source, GCancellable *cancellable)
{
  g_autoptr (GSource) child = NULL;

  if (cancellable == NULL)
    return;
  child = g_cancellable_source_new (cancellable);
  g_source_set_dummy_callback (child);
  g_source_add_child_source (source, child);
}

void
watch_start (GTask *task, Arena *arena, gint64 deadline_us, WatchFunc look)
{
  Ear *ear = ear_get (arena_bell (arena), g_task_get_context (task));
  g_autoptr (GSource) source = NULL;
  Watch *self;

  if (ear == NULL)
    {
      int code = errno;

      g_task_return_new_error (task, G_IO_ERROR, g_io_error_from_errno (code),
                               "Cannot wait asynchronously: no descriptor to listen with (%s)",
                               g_strerror (code));
      g_object_unref (task);
      return;
    }

  source = g_source_new (&watch_funcs, sizeof (Watch));
  self = (Watch *) source;
  self->arena = arena_ref (arena);
  self->ear = ear;
  self->task = task;
  self->look = look;
  self->deadline_us = deadline_us;
  self->slice_us = SLICE_MIN_US;
  self->seen = ear_heard (ear);
  self->fd_tag = g_source_add_unix_fd (source, ear_fd (ear), G_IO_IN);

  g_source_set_static_name (source, "[shmobj] wait");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_ready_time (source, 0);
  follow_cancellable (source, g_task_get_cancellable (task));
  g_source_attach (source, g_task_get_context (task));
}
