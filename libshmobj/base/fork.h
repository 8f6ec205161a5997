/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdatomic.h>

/* A number that differs between a process and the children it forked. Entry points compare it with
 * what they remember and take anew in the child what belonged to the parent alone (base/fork.c). */

extern _Atomic (guint32) *fork_word; /* internal to fork_generation() */

guint32 fork_adopt (void); /* internal to fork_generation() */

static inline guint32
fork_generation (void)
{
  guint32 generation = atomic_load_explicit (fork_word, memory_order_acquire);

  return G_LIKELY (generation != 0) ? generation : fork_adopt ();
}

/* Has it been @generation ever since that was asked for? */
static inline gboolean
fork_is_still (guint32 generation)
{
  return atomic_load_explicit (fork_word, memory_order_acquire) == generation;
}

/* How often this process has forked, or was about to: what existed before may have another holder.
 * A raw clone() is not counted. */
guint32 fork_count (void);

/* What is to happen in a forked child before anything else there: close what belongs to the parent.
 * Runs with no other thread alive; must not allocate, lock, or call back into this file. Embedded
 * in its owner, which removes it before it ends. */
typedef struct _ForkHook ForkHook;

struct _ForkHook
{
  void (*in_child) (ForkHook *hook);
  ForkHook *next, *previous;
};

void fork_hook_add (ForkHook *hook);
void fork_hook_remove (ForkHook *hook);

/* Between these no other thread forks, and no other one is between them. For taking what the hook
 * gives up in a child: half taken, it would stay there. Not for code that adds or removes hooks. */
void fork_hold (void);
void fork_release (void);
