/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watches: asynchronous waits for small objects, on the bell of their arena and without a thread.
 *
 * All waits of one main context for objects of one arena share an *ear*: an epoll descriptor that
 * listens to the bell (base/broadcast.c) and a count of what it heard. Each wait is a GSource in
 * that context; whichever of them runs first empties the ear and counts, and every other one sees
 * by the count that it has to look, also one of low priority whose turn comes later. So a thousand
 * pending waits cost one descriptor.
 *
 * Each wait also looks after 8 ms, doubling to a second: nobody rings for a dead owner, and a
 * ringer may have died. Its first look comes at once, for what changed before the ear was there.
 *
 * Cancelling wins over what may be there to take: a cancelled wait has taken nothing.
 *
 * Forks. A child that goes on with its parent's main contexts is lost anyway; its new waits get new
 * ears, because an ear that two processes have gives each edge to either of them.
 */

#include "objects/watch.h"

#include "base/sys.h"

#include <errno.h>
#include <glib-unix.h>

#define SLICE_MIN_US 8000
#define SLICE_MAX_US G_USEC_PER_SEC

typedef struct _Ear Ear;

struct _Ear
{
  guint refs; /* under ears_lock */
  Ear *next;
  Arena *arena;          /* (owned) */
  GMainContext *context; /* (owned) */
  guint32 generation;    /* fork_generation() of the one who listens */
  int fd;                /* (owned) */
  _Atomic (guint32) heard;
};

typedef struct
{
  GSource source;
  Ear *ear;    /* (owned) */
  GTask *task; /* (owned) */
  WatchFunc look;
  gpointer fd_tag;
  gint64 deadline_us, slice_us;
  guint32 seen; /* what the ear had heard when we looked */
} Watch;

static GMutex ears_lock;
static Ear *ears;

static void
renew_lock_in_child (ForkHook *hook)
{
  g_mutex_init (&ears_lock);
}

static ForkHook ears_hook = { .in_child = renew_lock_in_child };

__attribute__ ((constructor)) static void
watch_start_up (void)
{
  fork_hook_add (&ears_hook);
}

static Ear *
ear_new (Arena *arena, GMainContext *context)
{
  int fd = broadcast_listen (arena_bell (arena), -1);
  Ear *ear;

  if (fd < 0)
    return NULL;
  ear = g_new0 (Ear, 1);
  ear->arena = arena_ref (arena);
  ear->context = g_main_context_ref (context);
  ear->generation = fork_generation ();
  ear->fd = fd;
  ear->next = ears;
  ears = ear;
  return ear;
}

/* NULL with errno set. */
static Ear *
ear_get (Arena *arena, GMainContext *context)
{
  guint32 generation = fork_generation ();
  Ear *ear;

  g_mutex_lock (&ears_lock);
  for (ear = ears; ear != NULL; ear = ear->next)
    if (ear->arena == arena && ear->context == context && ear->generation == generation)
      break;
  if (ear == NULL)
    ear = ear_new (arena, context);
  if (ear != NULL)
    ear->refs++;
  g_mutex_unlock (&ears_lock);
  return ear;
}

static void
ear_unref (Ear *ear)
{
  gboolean last;

  fork_generation (); /* in a raw clone the hook has not run yet */
  g_mutex_lock (&ears_lock);
  last = --ear->refs == 0;
  if (last)
    for (Ear **link = &ears; *link != NULL; link = &(*link)->next)
      if (*link == ear)
        {
          *link = ear->next;
          break;
        }
  g_mutex_unlock (&ears_lock);

  if (!last)
    return;
  sys_close (ear->fd);
  arena_unref (ear->arena);
  g_main_context_unref (ear->context);
  g_free (ear);
}

static gboolean
watch_prepare (GSource *source, int *timeout_ms)
{
  Watch *self = (Watch *) source;

  *timeout_ms = -1; /* the ready time is GLib's business */
  return self->seen != atomic_load (&self->ear->heard);
}

static gboolean
watch_check (GSource *source)
{
  Watch *self = (Watch *) source;

  if (g_source_query_unix_fd (source, self->fd_tag) != 0 &&
      broadcast_wait (self->ear->fd, 0) == DOORBELL_RANG)
    atomic_fetch_add (&self->ear->heard, 1);
  return self->seen != atomic_load (&self->ear->heard);
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

  self->seen = atomic_load (&self->ear->heard);
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
  Ear *ear = ear_get (arena, g_task_get_context (task));
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
  self->ear = ear;
  self->task = task;
  self->look = look;
  self->deadline_us = deadline_us;
  self->slice_us = SLICE_MIN_US;
  self->seen = atomic_load (&ear->heard);
  self->fd_tag = g_source_add_unix_fd (source, ear->fd, G_IO_IN);

  g_source_set_static_name (source, "[shmobj] wait");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_ready_time (source, 0);
  follow_cancellable (source, g_task_get_cancellable (task));
  g_source_attach (source, g_task_get_context (task));
}
