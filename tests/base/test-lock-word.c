/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lock's word, step by step: other participants act at the very points where they hurt most,
 * namely in the place of the system calls that a waiter makes. */

#include "../objects/lock-fixture.h"

#include "base/lock.h"
#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>

/* We, and another participant who lives in this process too. */
typedef struct
{
  Segment segment, others_segment;
  Participants participants, others;
  guint32 me, other, dead;
  Broadcast bell;
  LockShared shared;
  Lock lock;
} Fixture;

static SysCalls real;
static Fixture *now; /* for the functions in the place of system calls */
static guint sleeps, wakes;
static gint64 deadline_us;

static void
set_up (Fixture *self, gconstpointer data)
{
  const guint64 parameter[4] = { 0 };
  Participants gone;

  g_assert_true (segment_new (&self->segment, SEGMENT_QUEUE, "test", OBJECT_OFFSET, OBJECT_OFFSET,
                              parameter, NULL));
  g_assert_true (segment_open (&self->others_segment, dup (self->segment.fd), SEGMENT_QUEUE, NULL));
  participants_init (&self->participants, &self->segment);
  participants_init (&self->others, &self->others_segment);
  participants_init (&gone, &self->others_segment);
  self->me = participants_me (&self->participants, NULL);
  self->other = participants_me (&self->others, NULL);
  self->dead = participants_me (&gone, NULL);
  participants_clear (&gone);
  g_assert_true (broadcast_init (&self->bell, sys.eventfd (), NULL));
  self->lock = (Lock){ &self->shared, &self->participants, &self->bell, { 0 } };
  now = self;
  sleeps = wakes = 0;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  sys = real;
  participants_clear (&self->participants);
  participants_clear (&self->others);
  segment_close (&self->segment);
  segment_close (&self->others_segment);
  close (self->bell.fd);
}

static long
count_futex (_Atomic (guint32) *word,
             int operation,
             guint32 value,
             const struct timespec *timeout,
             _Atomic (guint32) *word2,
             guint32 value3)
{
  wakes += operation == FUTEX_WAKE_OP;
  g_assert_cmpint (operation, !=, FUTEX_WAIT);
  return real.futex (word, operation, value, timeout, word2, value3);
}

/* Without anybody waiting, no system call is made. */
static void
test_uncontended (Fixture *self, gconstpointer data)
{
  sys.futex = count_futex;
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpint (lock_take (&self->lock, self->me, -1, FALSE), ==, LOCK_TAKEN);
      g_assert_cmpuint (self->shared.word, ==, self->me);
      g_assert_true (lock_release (&self->lock, self->me));
      g_assert_cmpuint (self->shared.word, ==, 0);
    }
  g_assert_cmpuint (wakes, ==, 0);
  g_assert_false (lock_release (&self->lock, self->me));

  self->shared.word = self->me | LOCK_WAITERS;
  g_assert_true (lock_release (&self->lock, self->me));
  g_assert_cmpuint (self->shared.word, ==, 0); /* the wake reached nobody, so the bit is gone */
  g_assert_cmpuint (wakes, ==, 1);
}

static void
test_not_ours (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  g_assert_false (lock_release (&self->lock, self->me));
  self->shared.word = self->other | LOCK_WAITERS;
  g_assert_false (lock_release (&self->lock, self->me));
  g_assert_cmpuint (self->shared.word, ==, self->other | LOCK_WAITERS);
  g_assert_true (lock_is_held (&self->lock));
}

static void
test_dead (Fixture *self, gconstpointer data)
{
  self->shared.word = self->dead | LOCK_WAITERS;
  self->shared.heir = self->dead; /* he had it from a dead one himself */
  g_assert_false (lock_is_held (&self->lock));
  g_assert_cmpint (lock_take (&self->lock, self->me, 0, FALSE), ==, LOCK_TAKEN_ABANDONED);
  g_assert_cmpuint (self->shared.word, ==, self->me | LOCK_WAITERS); /* others sleep still */
  g_assert_true (lock_is_inherited (&self->lock));
  g_assert_true (lock_release (&self->lock, self->me));
  g_assert_cmpuint (self->shared.heir, ==, 0);

  /* killed between taking over and noting it: that is one more death, not a lost one */
  self->shared.word = self->dead;
  g_assert_cmpint (lock_look (&self->lock, self->me), ==, LOCK_TAKEN_ABANDONED);
  g_assert_true (lock_is_inherited (&self->lock));
}

/* The owner releases after the waiter set the bit and before it sleeps. */
static long
release_before_sleep (_Atomic (guint32) *word,
                      int operation,
                      guint32 value,
                      const struct timespec *timeout,
                      _Atomic (guint32) *word2,
                      guint32 value3)
{
  if (operation == FUTEX_WAIT && sleeps++ == 0)
    {
      g_assert_cmpuint (*word, ==, now->other | LOCK_WAITERS);
      *word = 0;
    }
  return real.futex (word, operation, value, timeout, word2, value3);
}

static void
test_released_before_sleep (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  sys.futex = release_before_sleep;
  g_assert_cmpint (lock_take (&self->lock, self->me, -1, FALSE), ==, LOCK_TAKEN);
  g_assert_cmpuint (sleeps, ==, 1);
  g_assert_cmpuint (self->shared.word, ==, self->me | LOCK_WAITERS); /* others may sleep */
}

/* The waiter is woken, but somebody else was quicker, and its time is over. The wake may have been
 * meant for another sleeper: the bit must be set, or he sleeps on after the next release. */
static long
barge_in (_Atomic (guint32) *word,
          int operation,
          guint32 value,
          const struct timespec *timeout,
          _Atomic (guint32) *word2,
          guint32 value3)
{
  if (operation != FUTEX_WAIT)
    return real.futex (word, operation, value, timeout, word2, value3);
  sleeps++;
  *word = now->other; /* released with a wake, and taken by one who knows of no sleepers */
  while (wait_left (deadline_us) > 0)
    g_usleep (1000);
  return 0;
}

static void
test_woken_in_vain (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  sys.futex = barge_in;
  deadline_us = wait_deadline (SECOND / 5);
  g_assert_cmpint (lock_take (&self->lock, self->me, deadline_us, FALSE), ==, LOCK_TIMED_OUT);
  g_assert_cmpuint (sleeps, ==, 1);
  g_assert_cmpuint (self->shared.word, ==, self->other | LOCK_WAITERS);
}

static void
test_try_leaves_nothing (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  g_assert_cmpint (lock_take (&self->lock, self->me, 0, FALSE), ==, LOCK_TIMED_OUT);
  g_assert_cmpint (lock_take_or_fd (&self->lock, self->me, 0, -1), ==, LOCK_TIMED_OUT);
  g_assert_cmpuint (self->shared.word, ==, self->other);
  g_assert_cmpuint (self->shared.listening, ==, 0);
}

/* The owner dies while the waiter sleeps: noticed after the slice. */
static long
die_asleep (_Atomic (guint32) *word,
            int operation,
            guint32 value,
            const struct timespec *timeout,
            _Atomic (guint32) *word2,
            guint32 value3)
{
  if (sleeps++ == 0)
    {
      participants_clear (&now->others);
      participants_init (&now->others, &now->others_segment);
    }
  return real.futex (word, operation, value, timeout, word2, value3);
}

static void
test_owner_dies (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  sys.futex = die_asleep;
  g_assert_cmpint (lock_take (&self->lock, self->me, -1, FALSE), ==, LOCK_TAKEN_ABANDONED);
  g_assert_cmpuint (sleeps, ==, 1);
}

static long
interrupt (_Atomic (guint32) *word,
           int operation,
           guint32 value,
           const struct timespec *timeout,
           _Atomic (guint32) *word2,
           guint32 value3)
{
  if (++sleeps == 3)
    *word = 0;
  errno = EINTR;
  return -1;
}

static void
test_interrupted (Fixture *self, gconstpointer data)
{
  self->shared.word = self->other;
  sys.futex = interrupt;
  g_assert_cmpint (lock_take (&self->lock, self->me, -1, TRUE), ==, LOCK_INTERRUPTED);
  g_assert_cmpint (lock_take (&self->lock, self->me, -1, FALSE), ==, LOCK_TAKEN);
  g_assert_cmpuint (sleeps, ==, 3);
}

/* Who listens hears the release, also if the bit was another one's; who does not listen costs
 * nobody a ring. */
static void
test_bell (Fixture *self, gconstpointer data)
{
  Lock others = { &self->shared, &self->others, &self->bell, { 0 } };
  int listener = broadcast_listen (&self->bell, -1);

  self->shared.word = self->other | LOCK_WAITERS; /* a sleeper's */
  g_assert_true (lock_release (&others, self->other));
  g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_TIMED_OUT);

  for (guint i = 0; i < 2; i++)
    {
      self->shared.word = self->other | (i ? LOCK_WAITERS : 0);
      g_assert_cmpint (lock_look (&self->lock, self->me), ==, LOCK_HELD);
      g_assert_cmpuint (self->shared.word, ==, self->other | LOCK_WAITERS);
      g_assert_true (lock_release (&others, self->other));
      g_assert_cmpuint (self->shared.listening, ==, 0);
      g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_RANG);
    }
  g_assert_cmpint (lock_look (&self->lock, self->me), ==, LOCK_TAKEN);
  g_assert_cmpuint (self->shared.listening, ==, 0);
  close (listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  real = sys;

#define ADD(name, function)                                                                        \
  g_test_add ("/lock-word/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("uncontended-makes-no-system-call", test_uncontended);
  ADD ("release-of-anothers-changes-nothing", test_not_ours);
  ADD ("dead-owner-is-replaced-at-once", test_dead);
  ADD ("released-just-before-sleep", test_released_before_sleep);
  ADD ("woken-in-vain-passes-it-on", test_woken_in_vain);
  ADD ("trying-leaves-no-trace", test_try_leaves_nothing);
  ADD ("owner-dies-while-waiter-sleeps", test_owner_dies);
  ADD ("signal-ends-only-the-interruptible-wait", test_interrupted);
  ADD ("bell-rings-for-who-listens", test_bell);

  return g_test_run ();
}
