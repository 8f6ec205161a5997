/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A condition's words, step by step: seats of the living and of the dead as they are when others
 * act at the points where they hurt most. */

#include "../objects/lock-fixture.h"

#include "base/condition.h"
#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>

#define WOKEN (G_GUINT64_CONSTANT (1) << 31)
#define ASLEEP (G_GUINT64_CONSTANT (1) << 32)
#define MANY 30

/* We, another participant who lives in this process too, and one who is gone. */
typedef struct
{
  ArenaObject object;
  Segment segment;
  Participants others;
  guint32 me, other, dead;
  Condition condition, others_view;
  ConditionShared *shared;
} Fixture;

static SysCalls real;
static Fixture *now; /* for the functions in the place of system calls */
static guint sleeps, wakes;

static Condition
view (Fixture *self, Participants *participants)
{
  Arena *arena = self->object.arena;

  return (Condition){
    arena_object_content (&self->object), arena, participants, arena_bell (arena), 0, { 0 }
  };
}

static void
set_up (Fixture *self, gconstpointer data)
{
  Participants gone;
  int fd, bell;

  g_assert_true (arena_object_new (&self->object, CELL_CONDITION, TRUE, NULL));
  arena_object_export (&self->object, &fd, &bell);
  g_assert_true (segment_open (&self->segment, dup (fd), SEGMENT_ARENA, NULL));
  participants_init (&self->others, &self->segment);
  participants_init (&gone, &self->segment);
  self->condition = view (self, arena_participants (self->object.arena));
  self->others_view = view (self, &self->others);
  self->shared = self->condition.shared;
  self->me = participants_me (self->condition.participants, NULL);
  self->other = participants_me (&self->others, NULL);
  self->dead = participants_me (&gone, NULL);
  participants_clear (&gone);
  now = self;
  sleeps = wakes = 0;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  sys = real;
  participants_clear (&self->others);
  segment_close (&self->segment);
  arena_object_clear (&self->object);
}

static ConditionWait
begin (Fixture *self)
{
  GError *error = NULL;
  ConditionWait wait = condition_begin (&self->condition, self->me, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (wait, !=, 0);
  return wait;
}

static gboolean
look (Fixture *self, ConditionWait wait)
{
  return condition_look (&self->condition, self->me, wait);
}

static gboolean
end (Fixture *self, ConditionWait wait)
{
  return condition_end (&self->condition, self->me, wait);
}

static void
sit (Fixture *self, guint seat, guint32 token, guint64 bits)
{
  guint64 ticket = atomic_fetch_add (&self->shared->tickets, 1);

  self->shared->seats[seat] = ticket << 33 | bits | token;
}

static long
count_futex (_Atomic (guint32) *word,
             int operation,
             guint32 value,
             const struct timespec *timeout,
             _Atomic (guint32) *word2,
             guint32 value3)
{
  wakes += operation == FUTEX_WAKE;
  sleeps += operation == FUTEX_WAIT;
  return real.futex (word, operation, value, timeout, word2, value3);
}

static void
test_one (Fixture *self, gconstpointer data)
{
  ConditionWait wait;

  sys.futex = count_futex;
  g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 0);
  wait = begin (self);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 1);
  g_assert_false (look (self, wait));
  g_assert_cmpuint (condition_notify (&self->others_view, 5), ==, 1);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 0);
  g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 0);
  g_assert_true (look (self, wait));
  g_assert_true (end (self, wait));
  g_assert_false (end (self, wait));
  g_assert_cmpuint (self->shared->seats[0], ==, 0);

  wait = begin (self); /* what was before is not for this one */
  g_assert_false (look (self, wait));
  g_assert_false (end (self, wait));
  g_assert_cmpuint (wakes + sleeps, ==, 0); /* nobody slept, so no system call woke anybody */
}

/* In the order in which they came, wherever they sit. */
static void
test_order (Fixture *self, gconstpointer data)
{
  ConditionWait waits[MANY];

  for (guint i = 0; i < MANY; i++)
    waits[i] = begin (self);
  for (guint i = 0; i < MANY; i += 3) /* free seats in between, for those who come last */
    {
      g_assert_false (end (self, waits[i]));
      waits[i] = 0;
    }
  for (guint i = 0; i < MANY; i++)
    if (waits[i] != 0)
      {
        ConditionWait last = begin (self);

        g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 1);
        g_assert_true (look (self, waits[i]));
        g_assert_false (look (self, last));
        g_assert_true (end (self, waits[i]));
        g_assert_false (end (self, last));
      }
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 0);
}

static void
test_all (Fixture *self, gconstpointer data)
{
  ConditionWait waits[MANY], later;

  for (guint i = 0; i < MANY; i++)
    waits[i] = begin (self);
  condition_notify_all (&self->condition);
  later = begin (self);
  for (guint i = 0; i < MANY; i++)
    {
      g_assert_true (look (self, waits[i]));
      g_assert_true (end (self, waits[i]));
    }
  g_assert_false (look (self, later));
  g_assert_false (end (self, later));
}

/* Killed after it moved `all`, before it reached the seats. */
static void
test_all_died (Fixture *self, gconstpointer data)
{
  ConditionWait wait = begin (self), later;

  self->shared->all = self->shared->tickets;
  later = begin (self);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 1);
  g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 1);
  g_assert_true (end (self, later));
  g_assert_cmpint (condition_sleep (&self->condition, self->me, wait, -1, FALSE), ==,
                   CONDITION_WOKEN);
  g_assert_true (end (self, wait));
}

static void
test_dead_waiter (Fixture *self, gconstpointer data)
{
  ConditionWait wait;

  sit (self, 0, self->dead, 0);
  sit (self, 1, self->dead, ASLEEP);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 0);
  wait = begin (self);
  g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 1);
  g_assert_true (end (self, wait));
  g_assert_cmpuint (self->shared->seats[0], ==, 0);
  g_assert_cmpuint (self->shared->seats[1], ==, 0);
}

/* Seats of the dead are used again before there are more. */
static void
test_dead_make_room (Fixture *self, gconstpointer data)
{
  ConditionWait wait;

  for (guint i = 0; i < CONDITION_SEATS; i++)
    sit (self, i, self->dead, 0);
  wait = begin (self);
  g_assert_cmpuint (self->shared->more, ==, 0);
  g_assert_false (end (self, wait));
}

/* He died after he was woken, and before he had the lock. */
static void
test_passed_on (Fixture *self, gconstpointer data)
{
  ConditionWait first = 0, second;

  first = begin (self);
  second = begin (self);
  sit (self, 2, self->dead, WOKEN);
  g_assert_true (look (self, second) || look (self, first));
  g_assert_true (look (self, first));
  g_assert_false (look (self, second));
  g_assert_cmpuint (self->shared->seats[2], ==, 0);

  sit (self, 2, self->dead, WOKEN); /* and the next one */
  g_assert_cmpint (condition_sleep (&self->condition, self->me, second, -1, FALSE), ==,
                   CONDITION_WOKEN);
  g_assert_true (end (self, first));
  g_assert_true (end (self, second));
}

/* One who comes later does not get what was for those before. */
static void
test_not_for_later (Fixture *self, gconstpointer data)
{
  ConditionWait wait;

  sit (self, 0, self->dead, WOKEN);
  wait = begin (self);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 1);
  g_assert_false (look (self, wait));
  g_assert_false (end (self, wait));

  sit (self, 1, self->dead, WOKEN); /* all were woken who waited with him */
  condition_notify_all (&self->condition);
  wait = begin (self);
  g_assert_false (look (self, wait));
  g_assert_false (end (self, wait));
}

static void
test_tickets_wrap (Fixture *self, gconstpointer data)
{
  self->shared->tickets = 0x7ffffff0;
  self->shared->all = 0x7ffffff0;
  for (guint i = 0; i < 40; i++)
    {
      ConditionWait first = begin (self), second = begin (self);

      g_assert_false (look (self, first));
      g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 1);
      g_assert_true (end (self, first));
      g_assert_false (look (self, second));
      if (i % 8 == 7)
        condition_notify_all (&self->condition);
      g_assert_cmpint (end (self, second), ==, i % 8 == 7);
    }
  self->shared->all = 0;
  for (guint64 ticket = 0; ticket < G_GUINT64_CONSTANT (1) << 33; ticket += 1 << 27)
    {
      ConditionWait wait;

      self->shared->tickets = (guint32) ticket; /* nobody has notified all for that long */
      wait = begin (self);
      g_assert_false (look (self, wait));
      g_assert_false (end (self, wait));
    }
}

/* Notified after the waiter said that it sleeps, and before it does. */
static long
notify_before_sleep (_Atomic (guint32) *word,
                     int operation,
                     guint32 value,
                     const struct timespec *timeout,
                     _Atomic (guint32) *word2,
                     guint32 value3)
{
  if (operation == FUTEX_WAIT && sleeps++ == 0)
    {
      g_assert_true (now->shared->seats[0] & ASLEEP);
      g_assert_cmpuint (condition_notify (&now->others_view, 1), ==, 1);
    }
  wakes += operation == FUTEX_WAKE;
  return real.futex (word, operation, value, timeout, word2, value3);
}

static void
test_before_sleep (Fixture *self, gconstpointer data)
{
  ConditionWait wait = begin (self);

  sys.futex = notify_before_sleep;
  g_assert_cmpint (condition_sleep (&self->condition, self->me, wait, -1, FALSE), ==,
                   CONDITION_WOKEN);
  g_assert_cmpuint (sleeps, ==, 1);
  g_assert_cmpuint (wakes, ==, 1);
  g_assert_true (end (self, wait));
}

/* Notified when the time was over already: it counts as notified. */
static void
test_too_late (Fixture *self, gconstpointer data)
{
  ConditionWait wait = begin (self);

  g_assert_cmpint (condition_sleep (&self->condition, self->me, wait, 0, FALSE), ==,
                   CONDITION_TIMED_OUT);
  g_assert_cmpint (condition_sleep_or_fd (&self->condition, self->me, wait, 0, -1), ==,
                   CONDITION_TIMED_OUT);
  g_assert_cmpuint (condition_notify (&self->condition, 1), ==, 1);
  g_assert_true (end (self, wait));
}

static long
interrupt (_Atomic (guint32) *word,
           int operation,
           guint32 value,
           const struct timespec *timeout,
           _Atomic (guint32) *word2,
           guint32 value3)
{
  if (operation == FUTEX_WAIT && ++sleeps == 3)
    condition_notify (&now->others_view, 1);
  errno = EINTR;
  return -1;
}

static void
test_interrupted (Fixture *self, gconstpointer data)
{
  ConditionWait wait = begin (self);

  sys.futex = interrupt;
  g_assert_cmpint (condition_sleep (&self->condition, self->me, wait, -1, TRUE), ==,
                   CONDITION_INTERRUPTED);
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 1);
  g_assert_cmpint (condition_sleep (&self->condition, self->me, wait, -1, FALSE), ==,
                   CONDITION_WOKEN);
  g_assert_cmpuint (sleeps, ==, 3);
  g_assert_true (end (self, wait));
}

static void
test_bell (Fixture *self, gconstpointer data)
{
  int listener = broadcast_listen (self->condition.bell, -1);
  ConditionWait wait = begin (self);

  while (broadcast_wait (listener, 0) == DOORBELL_RANG)
    ;
  condition_notify (&self->others_view, 1); /* nobody listens */
  g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_TIMED_OUT);
  g_assert_true (end (self, wait));

  for (guint i = 0; i < 2; i++)
    {
      wait = begin (self);
      g_assert_false (look (self, wait));
      if (i == 0)
        condition_notify (&self->others_view, 1);
      else
        condition_notify_all (&self->others_view);
      g_assert_cmpuint (self->shared->listening, ==, 0);
      g_assert_cmpint (broadcast_wait (listener, 0), ==, DOORBELL_RANG);
      g_assert_true (look (self, wait));
      g_assert_true (end (self, wait));
    }
  close (listener);
}

/* What others wrote there leads nowhere. */
static void
test_damaged (Fixture *self, gconstpointer data)
{
  const guint32 offsets[] = { 1, 64, ARENA_CELLS_OFFSET, ARENA_CELLS_OFFSET + 64 * 50,
                              G_MAXUINT32 };

  for (guint i = 0; i < CONDITION_SEATS; i++)
    sit (self, i, self->other, 0);
  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      GError *error = NULL;

      self->shared->more = offsets[i];
      g_assert_cmpuint (condition_waiters (&self->condition), ==, CONDITION_SEATS);
      g_assert_cmpuint (condition_begin (&self->condition, self->me, &error), ==, 0);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      g_clear_error (&error);
    }
  g_assert_true (look (self, G_MAXUINT64));
  g_assert_false (end (self, G_MAXUINT64));
  g_assert_false (end (self, 1));
}

/* A chain that bites its own tail ends somewhere, and so do the arena's cells. */
static void
test_limits (Fixture *self, gconstpointer data)
{
  GError *error = NULL;
  guint waiters = 0;
  ConditionSeats *block;

  while (condition_begin (&self->condition, self->me, &error) != 0)
    waiters++;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
  g_assert_cmpuint (waiters, >=, 300);
  g_assert_cmpuint (condition_notify (&self->condition, G_MAXUINT), ==, waiters);

  block = arena_content_at (self->object.arena, self->shared->more, CELL_SEATS, TRUE);
  g_assert_nonnull (block);
  block->more = self->shared->more;
  g_assert_cmpuint (condition_waiters (&self->condition), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  real = sys;

#define ADD(name, function)                                                                        \
  g_test_add ("/condition-word/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("one-waits-and-is-woken", test_one);
  ADD ("oldest-first", test_order);
  ADD ("all", test_all);
  ADD ("all-and-then-killed", test_all_died);
  ADD ("dead-waiter-is-passed-over", test_dead_waiter);
  ADD ("dead-make-room", test_dead_make_room);
  ADD ("wake-up-of-a-dead-one-is-passed-on", test_passed_on);
  ADD ("who-comes-later-does-not-inherit", test_not_for_later);
  ADD ("tickets-wrap", test_tickets_wrap);
  ADD ("notified-just-before-sleep", test_before_sleep);
  ADD ("notified-when-time-is-over", test_too_late);
  ADD ("signal-ends-only-the-interruptible-wait", test_interrupted);
  ADD ("bell-rings-for-who-listens", test_bell);
  ADD ("damaged", test_damaged);
  ADD ("limits", test_limits);

  return g_test_run ();
}
