/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Noticing that we are a forked child, for the price of one load.
 *
 * The generation is a word in a page that the kernel wipes in a child (MADV_WIPEONFORK): it reads 0
 * there, whichever way the child was made, raw clone() included, which runs no pthread_atfork
 * handler. The first one to see 0 runs the hooks and stores the next generation. Under fork() a
 * pthread_atfork handler does so at once, so that the parent's descriptors are closed although the
 * child never calls us: a slot that stays locked by a child would make a dead parent look alive.
 *
 * Where the page cannot be had (an old emulator), the word is ordinary memory and the handler wipes
 * it itself.
 *
 * The list of hooks is guarded by a mutex that the handlers hold across fork(), so a child finds it
 * whole. After a raw clone() of a process with threads it may not be; such a child may use nothing
 * but what is async-signal-safe anyway.
 */

#include "base/fork.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic (guint32) ordinary_word = 1;
_Atomic (guint32) *fork_word = &ordinary_word;

static guint32 last_generation = 1; /* copied by fork, so the child knows what to go on from */
static pthread_mutex_t hooks_lock = PTHREAD_MUTEX_INITIALIZER;
static ForkHook *hooks;
static _Atomic (guint32) forks;

guint32
fork_count (void)
{
  return atomic_load_explicit (&forks, memory_order_acquire);
}

guint32
fork_adopt (void)
{
  static pthread_mutex_t adopt_lock = PTHREAD_MUTEX_INITIALIZER;
  guint32 generation;

  pthread_mutex_lock (&adopt_lock);
  generation = atomic_load (fork_word);
  if (generation == 0)
    {
      for (ForkHook *hook = hooks; hook != NULL; hook = hook->next)
        hook->in_child (hook);
      if (++last_generation == 0)
        last_generation = 1;
      generation = last_generation;
      atomic_store_explicit (fork_word, generation, memory_order_release);
    }
  pthread_mutex_unlock (&adopt_lock);
  return generation;
}

void
fork_hook_add (ForkHook *hook)
{
  pthread_mutex_lock (&hooks_lock);
  hook->previous = NULL;
  hook->next = hooks;
  if (hooks != NULL)
    hooks->previous = hook;
  hooks = hook;
  pthread_mutex_unlock (&hooks_lock);
}

void
fork_hook_remove (ForkHook *hook)
{
  pthread_mutex_lock (&hooks_lock);
  if (hook->previous != NULL)
    hook->previous->next = hook->next;
  else
    hooks = hook->next;
  if (hook->next != NULL)
    hook->next->previous = hook->previous;
  pthread_mutex_unlock (&hooks_lock);
}

void
fork_hold (void)
{
  pthread_mutex_lock (&hooks_lock);
}

void
fork_release (void)
{
  pthread_mutex_unlock (&hooks_lock);
}

static void
before_fork (void)
{
  atomic_fetch_add (&forks, 1);
  pthread_mutex_lock (&hooks_lock);
}

static void
after_fork_in_parent (void)
{
  pthread_mutex_unlock (&hooks_lock);
}

static void
after_fork_in_child (void)
{
  atomic_store (fork_word, 0);
  fork_adopt ();
  pthread_mutex_unlock (&hooks_lock);
}

__attribute__ ((constructor)) static void
fork_start (void)
{
  size_t size = sysconf (_SC_PAGESIZE);
  void *page = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (page != MAP_FAILED)
    {
      if (madvise (page, size, MADV_WIPEONFORK) == 0)
        {
          *(_Atomic (guint32) *) page = 1;
          fork_word = page;
        }
      else
        munmap (page, size);
    }
  pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
}
