/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdatomic.h>

/* Waiting: first a moment awake, then asleep in the kernel (base/wait.c). */

static inline void
wait_pause (guint n)
{
  for (; n > 0; n--)
    {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause ();
#elif defined(__aarch64__)
      __asm__ volatile("isb" ::: "memory");
#else
      __asm__ volatile("" ::: "memory");
#endif
    }
}

/* What one handle has learnt about waiting for one thing; never shared between processes. Threads
 * may share it: every value is a guess, so a lost update costs nothing. */
typedef struct
{
  _Atomic (guint32) budget, pause, waits;
} WaitHabit;

/* Whether waiting awake can help at all: not on one CPU, where nothing changes before it is given
 * away. */
gboolean wait_may_spin (void);

/* A word that counts: bit 0 is the sleepers' flag, above it a count that wraps. */
#define WAIT_SLEEPER 1u
#define WAIT_COUNT(w) ((w) >> 1)
#define WAIT_COUNT_MASK 0x7fffffffu

/* Spins until the bits @mask of the word are no longer @value. FALSE when that did not come, or
 * when spinning has not paid lately. */
gboolean wait_spin_masked (WaitHabit *habit, _Atomic (guint32) *word, guint32 mask, guint32 value);

/* Spins until the word's count is no longer @count. */
static inline gboolean
wait_spin (WaitHabit *habit, _Atomic (guint32) *word, guint32 count)
{
  return wait_spin_masked (habit, word, ~WAIT_SLEEPER, count << 1);
}

/* The same after a pause that grows for as long as pausing makes batches; @most is how large a
 * batch can become. */
gboolean wait_linger (WaitHabit *habit, _Atomic (guint32) *word, guint32 count, guint32 most);

/* The point in time when a wait of @timeout_us that begins now is over: -1 never, 0 at once. */
gint64 wait_deadline (gint64 timeout_us);
/* Microseconds left until @deadline_us, at least 0; -1 when it never comes. */
gint64 wait_left (gint64 deadline_us);

typedef enum
{
  WAIT_WOKEN, /* woken, or the word had changed: look again */
  WAIT_TIMED_OUT,
  WAIT_INTERRUPTED, /* a signal handler ran */
} WaitResult;

/* Sleeps while *@word is @value, at most @most_us (-1: for ever). */
WaitResult wait_sleep (_Atomic (guint32) *word, guint32 value, gint64 most_us);
/* Wakes up to @n sleepers; returns how many there were. */
int wait_wake (_Atomic (guint32) *word, int n);
/* Adds @add (below 2048) to *@word and wakes up to @n sleepers, in one system call: no death comes
 * between the two. */
int wait_add_and_wake (_Atomic (guint32) *word, guint32 add, int n);
static inline int
wait_add_and_wake_one (_Atomic (guint32) *word, guint32 add)
{
  return wait_add_and_wake (word, add, 1);
}
/* Sets the @bits (below 2048) in *@word and wakes all who sleep on *@sleepers, in one system call.
 */
int wait_or_and_wake_all_at (_Atomic (guint32) *word, guint32 bits, _Atomic (guint32) *sleepers);
static inline int
wait_or_and_wake_all (_Atomic (guint32) *word, guint32 bits)
{
  return wait_or_and_wake_all_at (word, bits, word);
}
/* Stores @value (below 2048) in *@word and wakes up to @n sleepers, in one system call. */
int wait_set_and_wake (_Atomic (guint32) *word, guint32 value, int n);
static inline int
wait_set_and_wake_all (_Atomic (guint32) *word, guint32 value)
{
  return wait_set_and_wake (word, value, G_MAXINT);
}
