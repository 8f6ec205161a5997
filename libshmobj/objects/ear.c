/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ears: all who wait in one main context for something with the same bell share an epoll descriptor
 * that listens to it (base/broadcast.c) and a count of what it heard. Whichever source runs first
 * empties the ear and counts, and every other one sees by the count that it has to look, also one
 * of low priority whose turn comes later. So a thousand pending waits cost one descriptor.
 *
 * Forks. A child that goes on with its parent's main contexts is lost anyway; its new waits get new
 * ears, because an ear that two processes have gives each edge to either of them.
 */

#include "objects/ear.h"

#include "base/fork.h"
#include "base/sys.h"

#include <stdatomic.h>

struct _Ear
{
  guint refs; /* under ears_lock */
  Ear *next;
  const Broadcast *bell; /* (unowned): of those who have the ear */
  GMainContext *context; /* (owned) */
  guint32 generation;    /* fork_generation() of the one who listens */
  int fd;                /* (owned) */
  _Atomic (guint32) heard;
};

static GMutex ears_lock;
static Ear *ears;

static void
renew_lock_in_child (ForkHook *hook)
{
  g_mutex_init (&ears_lock);
}

static ForkHook ears_hook = { .in_child = renew_lock_in_child };

__attribute__ ((constructor)) static void
ears_start_up (void)
{
  fork_hook_add (&ears_hook);
}

static Ear *
ear_new (const Broadcast *bell, GMainContext *context)
{
  int fd = broadcast_listen (bell, -1);
  Ear *ear;

  if (fd < 0)
    return NULL;
  ear = g_new0 (Ear, 1);
  ear->bell = bell;
  ear->context = g_main_context_ref (context);
  ear->generation = fork_generation ();
  ear->fd = fd;
  ear->next = ears;
  ears = ear;
  return ear;
}

Ear *
ear_get (const Broadcast *bell, GMainContext *context)
{
  guint32 generation = fork_generation ();
  Ear *ear;

  g_mutex_lock (&ears_lock);
  for (ear = ears; ear != NULL; ear = ear->next)
    if (ear->bell == bell && ear->context == context && ear->generation == generation)
      break;
  if (ear == NULL)
    ear = ear_new (bell, context);
  if (ear != NULL)
    ear->refs++;
  g_mutex_unlock (&ears_lock);
  return ear;
}

void
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
  g_main_context_unref (ear->context);
  g_free (ear);
}

int
ear_fd (const Ear *ear)
{
  return ear->fd;
}

guint32
ear_heard (Ear *ear)
{
  return atomic_load (&ear->heard);
}

void
ear_empty (Ear *ear)
{
  if (broadcast_wait (ear->fd, 0) == DOORBELL_RANG)
    atomic_fetch_add (&ear->heard, 1);
}
