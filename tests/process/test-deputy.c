/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several who sleep by one queue while messages are in others' hands: who looks after these when
 * the one in the seat dies with them. */

#include "redelivery-fixture.h"

#include "objects/queue-private.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>

static pid_t
start_getter (ShmobjQueue *queue)
{
  pid_t child = fork ();

  if (child == 0)
    {
      get_int (queue);
      _exit (1);
    }
  return child;
}

static guint32
wait_for_word (_Atomic (guint32) *word)
{
  guint32 value;

  while ((value = atomic_load (word) & TOKEN_MASK) == 0)
    g_usleep (1000);
  return value;
}

static pid_t seated, deputy;
static RingShared *ring;
static gint64 longest_us;
static guint sleeps, sleeps_after_death;

/* Behind one in the seat and a deputy; then behind one alone; then all die. */
static long
sleep_behind (_Atomic (guint32) *word,
              int operation,
              guint32 value,
              const struct timespec *timeout,
              _Atomic (guint32) *word2,
              guint32 value3)
{
  gint64 sleep_us;

  if (operation != FUTEX_WAIT)
    return real.futex (word, operation, value, timeout, word2, value3);
  g_assert_true (word == &ring->read_seat);
  sleep_us = timeout->tv_sec * G_USEC_PER_SEC + timeout->tv_nsec / 1000;
  longest_us = MAX (longest_us, sleep_us);
  sleeps++;
  if (deputy == 0) /* that is us */
    g_assert_cmpint (sleep_us, <=, 100000);
  if (sleeps == 20)
    {
      end (deputy);
      deputy = 0;
    }
  else if (sleeps == 25)
    {
      g_assert_cmpuint (atomic_load (&ring->deputy), !=, 0);
      end (seated);
      end (holder);
      holder = 0;
    }
  else
    sleeps_after_death += holder == 0;
  errno = ETIMEDOUT;
  return -1;
}

static void
test_seat_and_holder_die (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);

  ring = queue->ring.shared;
  sleeps = sleeps_after_death = 0;
  longest_us = 0;
  holder = start_holder (queue, 8);
  seated = start_getter (queue);
  wait_for_word (&ring->read_seat);
  deputy = start_getter (queue);
  wait_for_word (&ring->deputy);
  real = sys;
  sys.futex = sleep_behind;
  g_assert_cmpint (get_int (queue), ==, 8);
  sys = real;
  g_assert_cmpint (longest_us, >, 500000); /* one deputy is enough */
  g_assert_cmpint (longest_us, <=, 1000000);
  g_assert_cmpuint (sleeps, ==, 25);
  g_assert_cmpuint (sleeps_after_death, ==, 0);
  g_assert_cmpuint (atomic_load (&ring->deputy), ==, 0);
}

static _Atomic (guint32) *dozing; /* shared: how many began a long sleep */

/* A long sleep never ends by itself. */
static long
sleep_until_woken (_Atomic (guint32) *word,
                   int operation,
                   guint32 value,
                   const struct timespec *timeout,
                   _Atomic (guint32) *word2,
                   guint32 value3)
{
  if (operation == FUTEX_WAIT && (timeout->tv_sec > 0 || timeout->tv_nsec > 100000000))
    {
      atomic_fetch_add (dozing, 1);
      timeout = NULL;
    }
  return real.futex (word, operation, value, timeout, word2, value3);
}

/* Who sleeps behind the seat since before the flight is told of it by the one in the seat. */
static void
test_deputy_is_woken (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  pid_t first, behind[2];

  dozing = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ring = queue->ring.shared;
  first = fork ();
  if (first == 0)
    {
      g_assert_nonnull (shmobj_queue_receive (queue, -1, NULL, NULL));
      for (;;)
        pause ();
    }
  wait_for_word (&ring->read_seat);
  real = sys;
  sys.futex = sleep_until_woken;
  for (int i = 0; i < 2; i++)
    behind[i] = start_getter (queue);
  sys = real;
  while (atomic_load (dozing) < 2)
    g_usleep (1000);
  put_int (queue, 9);
  wait_for_word (&ring->deputy); /* one of them sits, the other one looks */
  end (first);
  end (behind[0]);
  end (behind[1]);
  munmap ((void *) dozing, 4096);
  g_assert_cmpint (get_int (queue), ==, 9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deputy/the-one-in-the-seat-dies-with-the-holder", test_seat_and_holder_die);
  g_test_add_func ("/deputy/who-sleeps-behind-the-seat-is-told-of-a-flight", test_deputy_is_woken);
  return g_test_run ();
}
