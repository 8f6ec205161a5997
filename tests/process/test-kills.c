/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kill -9 through the public interface, a thousand times each: a process that puts, one that gets,
 * one that holds a lock, one that appends to a shared list, several that add to a shared value. The
 * finer torture is in tests/torture.
 */

#include <shmobj.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int
rounds (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  return 1000 / MAX (slower != NULL ? atoi (slower) : 1, 1);
}

static guint64
statistic (ShmobjQueue *queue, const char *key)
{
  g_autoptr (GVariant) all = shmobj_queue_get_statistics (queue, NULL);
  guint64 value = G_MAXUINT64;

  g_assert_true (g_variant_lookup (all, key, "t", &value));
  return value;
}

static void
kill_soon (pid_t child)
{
  g_usleep (g_test_rand_int_range (0, 1500));
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

static int
number_in (ShmobjQueue *queue)
{
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, NULL);
  g_autofree char *text = NULL;
  int number;

  if (value == NULL)
    return -1;
  g_variant_get (value, "(is)", &number, &text);
  g_assert_cmpuint (strlen (text), ==, number % 200);
  return number;
}

static GVariant *
message (int number)
{
  g_autofree char *text = g_strnfill (number % 200, 'x');

  return g_variant_new ("(is)", number, text);
}

/* What it put is there, whole, in order and once; the last one perhaps. */
static void
test_putting (void)
{
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, NULL);

  for (int i = 0; i < rounds (); i++)
    {
      guint64 before = statistic (queue, "puts");
      int next = 0;
      pid_t child = fork ();

      if (child == 0)
        for (int k = 0;; k++)
          shmobj_queue_put (queue, message (k), -1, NULL, NULL);
      kill_soon (child);
      while (number_in (queue) == next)
        next++;
      g_assert_cmpuint (statistic (queue, "puts") - before, ==, next);
      g_assert_true (shmobj_queue_is_empty (queue));
    }
}

/* At most the one that was in its hands is gone, and the queue has counted it. */
static void
test_getting (void)
{
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, NULL);
  _Atomic (int) *got = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int lost = 0, put = 0;

  for (int i = 0; i < rounds (); i++)
    {
      guint64 before = statistic (queue, "gets");
      int in_hands, next;
      pid_t child;

      while (shmobj_queue_get_size (queue) < 2000)
        shmobj_queue_put (queue, message (put++), -1, NULL, NULL);
      next = put - 2000;
      atomic_store (got, 0);
      child = fork ();
      if (child == 0)
        for (int k = next;; k++)
          {
            if (number_in (queue) != (k < put ? k : -1))
              abort ();
            if (k < put)
              atomic_fetch_add (got, 1);
          }
      kill_soon (child);
      in_hands = statistic (queue, "gets") - before - atomic_load (got);
      g_assert_cmpint (in_hands, >=, 0);
      g_assert_cmpint (in_hands, <=, 1);
      lost += in_hands;
      next += statistic (queue, "gets") - before;
      if (next < put)
        g_assert_cmpint (number_in (queue), ==, next);
    }
  g_test_message ("%d of %d killed readers had one in their hands", lost, rounds ());
  munmap (got, 4096);
}

static void
test_holding_a_lock (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjLock) lock = shmobj_lock_new (&error);
  g_autoptr (ShmobjEvent) held = shmobj_event_new (&error);

  g_assert_no_error (error);
  for (int i = 0; i < rounds (); i++)
    {
      pid_t child = fork ();

      if (child == 0)
        {
          shmobj_lock_acquire (lock, -1, NULL, NULL);
          shmobj_event_set (held, NULL);
          for (;;)
            pause ();
        }
      g_assert_true (shmobj_event_wait (held, -1, NULL, &error));
      g_assert_true (shmobj_event_clear (held, &error));
      kill (child, SIGKILL);
      g_assert_true (shmobj_lock_acquire (lock, 20 * G_USEC_PER_SEC, NULL, &error));
      g_assert_no_error (error);
      g_assert_true (shmobj_lock_get_abandoned (lock));
      g_assert_true (shmobj_lock_release (lock, &error));
      waitpid (child, NULL, 0);
    }
}

/* The list is whole: the numbers in order, none missing, none twice. */
static void
test_appending (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (ShmobjList) list =
      shmobj_manager_open_list (manager, NULL, SHMOBJ_OPEN_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  for (int i = 0; i < rounds (); i++)
    {
      gint64 length;
      pid_t child = fork ();

      if (child == 0)
        for (int k = 0;; k++)
          if (!shmobj_list_append (list, message (k), NULL))
            abort ();
      kill_soon (child);
      length = shmobj_list_get_length (list, &error);
      g_assert_no_error (error);
      for (gint64 k = 0; k < length; k++)
        {
          g_autoptr (GVariant) value = shmobj_list_get (list, k, &error);
          int number;

          g_assert_no_error (error);
          g_variant_get (value, "(is)", &number, NULL);
          g_assert_cmpint (number, ==, k);
        }
      g_assert_true (shmobj_list_clear (list, &error));
    }
}

#define ADDERS 3

/* What an adder says about itself, in memory that its death leaves. */
typedef struct
{
  _Atomic (gint64) begun, done; /* additions */
} Adder;

static void
add_for_ever (ShmobjValue *value, Adder *adder)
{
  for (;;)
    {
      g_autoptr (GVariant) sum = NULL;

      atomic_fetch_add (&adder->begun, 1);
      sum = shmobj_value_add (value, g_variant_new_int64 (1), NULL);
      if (sum == NULL)
        abort ();
      atomic_fetch_add (&adder->done, 1);
    }
}

/* Every addition that was acknowledged is in the sum, and no other: but the one that each was in
 * when it was killed, which may be. */
static void
test_adding (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  g_autoptr (ShmobjValue) value = shmobj_manager_open_value (manager, NULL, SHMOBJ_OPEN_DEFAULT,
                                                             g_variant_new_int64 (0), NULL, &error);
  Adder *adders = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  gint64 unsaid = 0, before = 0;

  g_assert_no_error (error);
  g_assert_true (adders != MAP_FAILED);
  for (int i = 0; i < rounds (); i += ADDERS)
    {
      g_autoptr (GVariant) now = NULL;
      gint64 begun = 0, done = 0, sum;
      pid_t children[ADDERS];

      memset (adders, 0, ADDERS * sizeof *adders);
      for (int k = 0; k < ADDERS; k++)
        if ((children[k] = fork ()) == 0)
          add_for_ever (value, &adders[k]);
      for (int k = 0; k < ADDERS; k++)
        kill_soon (children[k]);
      for (int k = 0; k < ADDERS; k++)
        {
          begun += atomic_load (&adders[k].begun);
          done += atomic_load (&adders[k].done);
        }

      now = shmobj_value_get (value, &error);
      g_assert_no_error (error);
      sum = g_variant_get_int64 (now) - before;
      before += sum;
      g_assert_cmpint (sum, >=, done);
      g_assert_cmpint (sum, <=, begun);
      unsaid += sum - done;
    }
  g_test_message ("%" G_GINT64_FORMAT " added, %" G_GINT64_FORMAT
                  " of them by who did not live to tell",
                  before, unsaid);
  g_assert_cmpint (before, >, 0);
  munmap (adders, 4096);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kills/putting", test_putting);
  g_test_add_func ("/kills/getting", test_getting);
  g_test_add_func ("/kills/holding-a-lock", test_holding_a_lock);
  g_test_add_func ("/kills/appending-to-a-list", test_appending);
  g_test_add_func ("/kills/adding-to-a-value", test_adding);
  return g_test_run ();
}
