/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages that are received and not done with: kept, returned when their holder dies, counted by
 * join. */

#include <shmobj.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static ShmobjQueue *
new_queue (guint64 capacity)
{
  g_autoptr (GError) error = NULL;
  ShmobjQueue *queue = shmobj_queue_new (0, capacity, &error);

  g_assert_no_error (error);
  return queue;
}

static void
put_int (ShmobjQueue *queue, int number)
{
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (number), -1, NULL, NULL));
}

static ShmobjMessage *
receive (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;
  ShmobjMessage *message = shmobj_queue_receive (queue, 60 * G_USEC_PER_SEC, NULL, &error);

  g_assert_no_error (error);
  return message;
}

static int
number_of (ShmobjMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_message_get_value (message, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (value);
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
test_done (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0);
  g_autoptr (ShmobjMessage) one = NULL, two = NULL;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  put_int (queue, 2);
  one = receive (queue);
  two = receive (queue);
  g_assert_cmpint (number_of (one), ==, 1);
  g_assert_cmpint (number_of (two), ==, 2);
  g_assert_cmpint (shmobj_message_get_kind (one), ==, SHMOBJ_MESSAGE_KIND_VALUE);
  g_assert_cmpuint (shmobj_message_get_redelivered (one), ==, 0);
  g_assert_cmpuint (statistic (queue, "in-flight"), ==, 2);
  g_assert_false (shmobj_queue_join (queue, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_true (shmobj_message_done (two, &error));
  g_assert_true (shmobj_message_done (one, &error));
  g_assert_no_error (error);
  g_assert_true (shmobj_queue_join (queue, 0, NULL, &error));
  g_assert_false (shmobj_message_done (one, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_queue_get (queue, 0, NULL, NULL));
}

static void
test_returned_to_the_front (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0);
  ShmobjMessage *one, *two;

  for (int i = 1; i <= 3; i++)
    put_int (queue, i);
  one = receive (queue);
  two = receive (queue);
  g_assert_true (shmobj_message_give_back (two, NULL));
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 2);
  shmobj_message_unref (one); /* freed without done */
  shmobj_message_unref (two);
  for (int i = 1; i <= 2; i++)
    {
      g_autoptr (ShmobjMessage) again = receive (queue);

      g_assert_cmpint (number_of (again), ==, i);
      g_assert_cmpuint (shmobj_message_get_redelivered (again), ==, 1);
      g_assert_true (shmobj_message_done (again, NULL));
    }
  put_int (queue, 4);
  one = receive (queue);
  g_assert_cmpint (number_of (one), ==, 3);
  shmobj_message_unref (one);
  {
    g_autoptr (GVariant) value =
        shmobj_queue_get (queue, 0, NULL, NULL); /* a plain get sees it, too */

    g_assert_cmpint (g_variant_get_int32 (value), ==, 3);
  }
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
}

/* Killed at any point: the message comes back to a sleeping reader, whatever it was doing. */
static void
test_killed_holder (void)
{
  for (int i = 0; i < 40; i++)
    {
      g_autoptr (ShmobjQueue) queue = new_queue (0), ready = new_queue (0);
      g_autoptr (ShmobjMessage) message = NULL;
      pid_t child = fork ();

      if (child == 0)
        {
          g_autoptr (ShmobjMessage) held = receive (queue);

          put_int (ready, number_of (held));
          for (;;)
            pause ();
        }
      put_int (queue, i);
      g_variant_unref (shmobj_queue_get (ready, -1, NULL, NULL));
      if (i % 2 == 0)
        kill (child, SIGKILL);
      else if (fork () == 0)
        {
          g_usleep (20000);
          kill (child, SIGKILL);
          _exit (0);
        }
      message = receive (queue);
      g_assert_cmpint (number_of (message), ==, i);
      g_assert_cmpuint (shmobj_message_get_redelivered (message), ==, 1);
      g_assert_true (shmobj_message_done (message, NULL));
      g_assert_true (shmobj_queue_join (queue, 0, NULL, NULL));
      while (waitpid (-1, NULL, 0) > 0)
        ;
    }
}

/* Receivers killed anywhere: every message is done at least once, and none is lost. */
static void
test_killed_anywhere (void)
{
  const int n = 3000;
  g_autoptr (ShmobjQueue) queue = new_queue (0), done = new_queue (0);
  g_autofree guint *seen = g_new0 (guint, n);
  int kills = 0, missing = n;
  pid_t workers[3] = { 0 };

  for (int i = 0; i < n; i++)
    put_int (queue, i);
  while (missing > 0)
    {
      g_autoptr (GVariant) value = NULL;

      for (int w = 0; w < 3; w++)
        if (workers[w] == 0 && (workers[w] = fork ()) == 0)
          for (;;)
            {
              g_autoptr (ShmobjMessage) message = shmobj_queue_receive (queue, -1, NULL, NULL);

              put_int (done, number_of (message));
              shmobj_message_done (message, NULL);
            }
      value = shmobj_queue_get (done, 30 * G_USEC_PER_SEC, NULL, NULL);
      g_assert_nonnull (value);
      missing -= seen[g_variant_get_int32 (value)]++ == 0;
      if (g_test_rand_int_range (0, 30) == 0)
        {
          int w = g_test_rand_int_range (0, 3);

          g_usleep (g_test_rand_int_range (0, 300));
          kill (workers[w], SIGKILL);
          waitpid (workers[w], NULL, 0);
          workers[w] = 0;
          kills++;
        }
    }
  for (int w = 0; w < 3; w++)
    if (workers[w] != 0)
      {
        g_assert_true (shmobj_queue_join (queue, 30 * G_USEC_PER_SEC, NULL, NULL));
        kill (workers[w], SIGKILL);
        waitpid (workers[w], NULL, 0);
      }
  g_assert_cmpuint (statistic (queue, "in-flight"), ==, 0);
  g_assert_cmpuint (statistic (queue, "puts"), ==, n);
  g_assert_cmpuint (statistic (queue, "gets"), ==, n);
  g_test_message ("%d kills", kills);
}

static void
test_forked_child_holds_nothing (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0);
  g_autoptr (ShmobjMessage) message = NULL;
  int status;
  pid_t child;

  put_int (queue, 1);
  message = receive (queue);
  child = fork ();
  if (child == 0)
    {
      g_autoptr (GError) error = NULL;
      gboolean refused = !shmobj_message_done (message, &error) &&
                         g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);

      shmobj_message_unref (g_steal_pointer (&message));
      _exit (refused ? 0 : 1);
    }
  waitpid (child, &status, 0);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 0);
  g_assert_true (shmobj_message_done (message, NULL));
}

static void
test_crowded (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0), small = new_queue (8192);
  GPtrArray *held = g_ptr_array_new_with_free_func ((GDestroyNotify) shmobj_message_unref);
  g_autofree char *text = g_strnfill (3000, 'x');
  g_autoptr (GError) error = NULL;
  ShmobjMessage *message, *kept[3];

  for (int i = 0; i < 1100; i++)
    put_int (queue, i);
  while ((message = shmobj_queue_receive (queue, 0, NULL, &error)) != NULL)
    g_ptr_array_add (held, message);
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_cmpuint (held->len, ==, 1000);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 100);
  g_ptr_array_unref (held);
  for (int i = 0; i < 1100; i++)
    {
      g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, NULL);

      g_assert_cmpint (g_variant_get_int32 (value), ==, i);
    }

  for (int i = 0; i < 100; i++) /* the pool is used again */
    {
      g_autoptr (ShmobjMessage) one = NULL;

      g_assert_true (shmobj_queue_put (small, g_variant_new_string (text), 0, NULL, NULL));
      one = receive (small);
      g_assert_true (shmobj_message_done (one, NULL));
    }
  for (int i = 0; i < 3; i++) /* and full when its bytes are */
    {
      g_assert_true (shmobj_queue_put (small, g_variant_new_string (text), 0, NULL, NULL));
      message = shmobj_queue_receive (small, 0, NULL, &error);
      g_assert_true ((message == NULL) == (i == 2));
      kept[i] = message;
    }
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_cmpuint (shmobj_queue_get_size (small), ==, 1);
  for (int i = 0; i < 2; i++)
    shmobj_message_unref (kept[i]);
  g_assert_cmpuint (shmobj_queue_get_size (small), ==, 3);
}

static void
test_shut_down_with_messages_out (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0);
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  message = receive (queue);
  g_assert_true (shmobj_queue_shutdown (queue, FALSE, NULL));
  g_assert_null (shmobj_queue_get (queue, 2000, NULL, &error)); /* it may come back */
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
  g_clear_error (&error);
  g_assert_true (shmobj_message_done (message, NULL));
  g_assert_null (shmobj_queue_get (queue, -1, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message/done", test_done);
  g_test_add_func ("/message/goes-back-to-the-front", test_returned_to_the_front);
  g_test_add_func ("/message/returns-when-its-holder-is-killed", test_killed_holder);
  g_test_add_func ("/message/receivers-killed-anywhere", test_killed_anywhere);
  g_test_add_func ("/message/forked-child-holds-nothing", test_forked_child_holds_nothing);
  g_test_add_func ("/message/too-much-in-flight", test_crowded);
  g_test_add_func ("/message/shut-down-while-out", test_shut_down_with_messages_out);
  return g_test_run ();
}
