/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is special to single asynchronous calls of a queue; test-queue-async.c has what holds for
 * all. */

#include "queue-async-fixture.h"

static const Kind *
kind_named (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].name, name))
      return &kinds[i];
  g_assert_not_reached ();
}

static void
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

/* ---- several ---- */

static void
start_ints (ShmobjQueue *queue, int first, guint n, gint64 timeout_us, GAsyncResult **result)
{
  g_autofree GVariant **values = g_new (GVariant *, n);

  for (guint i = 0; i < n; i++)
    values[i] = g_variant_new_int32 (first + i);
  shmobj_queue_put_many_async (queue, values, n, timeout_us, NULL, keep_result, result);
}

static gsize
finish_ints (ShmobjQueue *queue, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) over = NULL;

  wait_for (result);
  over = g_steal_pointer (result);
  return shmobj_queue_put_many_finish (queue, over, error);
}

static void
test_put_many_waits_for_each (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (2, 0);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  start_ints (queue, 0, 5, FOREVER_US, &result);
  for (int i = 0; i < 5; i++)
    {
      if (i < 3)
        assert_waits (&result);
      g_assert_cmpint (get_int (queue), ==, i);
      while (i < 3 && shmobj_queue_get_size (queue) < 2)
        g_main_context_iteration (NULL, TRUE);
    }
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 5);
  g_assert_no_error (error);
}

static void
test_put_many_as_many_as_fit (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (2, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *values[2];

  start_ints (queue, 0, 5, 2000, &result);
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 2);
  g_assert_no_error (error);
  start_ints (queue, 0, 5, 2000, &result);
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 0);
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_cmpint (get_int (queue), ==, 0);

  values[0] = g_variant_new_int32 (7);
  values[1] = g_variant_new_int32 (8);
  shmobj_queue_put_many_async (queue, values, 2, FOREVER_US, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_cmpint (get_int (queue), ==, 7);
  g_assert_true (shmobj_queue_is_empty (queue));

  start_ints (queue, 0, 0, 0, &result);
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 0);
  g_assert_no_error (error);
}

static void
test_put_many_too_large (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 4096);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strnfill (5000, 'x');

  for (int i = 1; i >= 0; i--)
    {
      GVariant *values[2] = { g_variant_new_int32 (1), g_variant_new_string (text) };

      if (i == 0)
        g_variant_unref (values[0]);
      shmobj_queue_put_many_async (queue, i == 0 ? values + 1 : values, i + 1, FOREVER_US, NULL,
                                   keep_result, &result);
      g_assert_cmpuint (finish_ints (queue, &result, &error), ==, i);
      if (i == 1)
        g_assert_no_error (error);
    }
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
}

static guint
get_some (ShmobjQueue *queue, guint most, int first)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree GVariant **values = NULL;
  gsize n;

  shmobj_queue_get_many_async (queue, most, FOREVER_US, NULL, keep_result, &result);
  wait_for (&result);
  values = shmobj_queue_get_many_finish (queue, result, &n, &error);
  g_assert_no_error (error);
  g_assert_null (values[n]);
  for (gsize i = 0; i < n; i++)
    {
      g_assert_cmpint (g_variant_get_int32 (values[i]), ==, first + i);
      g_variant_unref (values[i]);
    }
  return n;
}

static void
test_many (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  start_ints (queue, 0, 2500, 0, &result); /* more than one store publishes */
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 2500);
  g_assert_no_error (error);
  g_assert_cmpuint (get_some (queue, 300, 0), ==, 300);
  g_assert_cmpuint (get_some (queue, 0, 300), ==, 1);
  for (guint got = 301; got < 2500;)
    got += get_some (queue, G_MAXUINT, got);
  g_assert_true (shmobj_queue_is_empty (queue));
}

/* Larger than what one look into the ring copies. */
static void
test_many_large (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autofree char *text = g_strnfill (200000, 'x');
  GVariant *sent[4];
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 4; i++)
    sent[i] = i % 2 == 0 ? g_variant_new_int32 (i) : g_variant_new_string (text);
  shmobj_queue_put_many_async (queue, sent, 4, 0, NULL, keep_result, &result);
  g_assert_cmpuint (finish_ints (queue, &result, &error), ==, 4);
  for (gsize got = 0, n = 0; got < 4; got += n)
    {
      g_autofree GVariant **values = NULL;

      shmobj_queue_get_many_async (queue, 4, 0, NULL, keep_result, &result);
      wait_for (&result);
      values = shmobj_queue_get_many_finish (queue, result, &n, &error);
      g_assert_no_error (error);
      g_clear_object (&result);
      for (gsize i = 0; i < n; i++)
        {
          g_assert_cmpuint (g_variant_get_size (values[i]), ==, (got + i) % 2 == 0 ? 4 : 200001);
          g_variant_unref (values[i]);
        }
    }
}

/* ---- blocks ---- */

static void
test_block_is_busy (void)
{
  const Kind *kind = kind_named ("put_loan");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL, second = NULL;
  g_autoptr (ShmobjLoan) block = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  block = g_object_ref (scene.block);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, cancellable, keep_result, &result);
  g_assert_false (shmobj_loan_release (block, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  shmobj_queue_put_loan_async (scene.queue, block, 5, FOREVER_US, NULL, keep_result, &second);
  g_assert_false (wait_and_finish (kind, &second, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);

  g_cancellable_cancel (cancellable); /* ours again, as it was */
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpmem (shmobj_loan_get_data (block, NULL), 5, "hello", 5);
  kind->free (scene.queue);
  shmobj_queue_put_loan_async (scene.queue, block, 5, 0, NULL, keep_result, &result);
  g_assert_true (wait_and_finish (kind, &result, &error));
  g_assert_no_error (error);
  g_assert_null (shmobj_loan_get_data (block, NULL));
  scene_clear (&scene);
}

static void
assert_refused (ShmobjQueue *queue, ShmobjLoan *block, guint64 used)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  shmobj_queue_put_loan_async (queue, block, used, FOREVER_US, NULL, keep_result, &result);
  g_assert_false (wait_and_finish (kind_named ("put_loan"), &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_wrong_block (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjLoan) taken = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  assert_refused (queue, scene.block, 5);
  assert_refused (scene.queue, scene.block, 6);
  put_hello (queue);
  taken = shmobj_queue_take (queue, 0, NULL, &error);
  assert_refused (queue, taken, 5);

  shmobj_queue_loan_async (scene.queue, 4097, FOREVER_US, NULL, keep_result, &result);
  g_assert_false (wait_and_finish (kind_named ("loan"), &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  scene_clear (&scene);
}

/* A message that lies in a block is read there, and another one as a copy. */
static void
test_take_in_place (void)
{
  const Kind *kind = kind_named ("take");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (ShmobjLoan) block = NULL, taken = NULL;
  g_autoptr (GError) error = NULL;
  gpointer written;
  Scene scene;

  scene_init (&scene);
  block = g_object_ref (scene.block);
  written = shmobj_loan_get_data (block, NULL);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  g_assert_true (shmobj_queue_put_loan (scene.queue, block, 5, 0, NULL, &error));
  wait_for (&result);
  taken = shmobj_queue_take_finish (scene.queue, result, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_loan_get_data (taken, NULL) == written);
  g_assert_true (shmobj_loan_give_back (taken, &error));
  g_assert_cmpuint (statistic (scene.queue, "in-flight"), ==, 1);
  scene_clear (&scene);
}

/* ---- what stays, and what goes back ---- */

static void
test_value_stays (gconstpointer name)
{
  const Kind *kind = kind_named (name);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  put_int (scene.queue, 1);
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (get_int (scene.queue), ==, 1);
  scene_clear (&scene);
}

static void
test_nobody_fetches (void)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  Scene scene;

  scene_init (&scene);
  put_hello (scene.queue);
  start_receive (&scene, FOREVER_US, NULL, keep_result, &result);
  wait_for (&result);
  g_assert_true (shmobj_queue_is_empty (scene.queue));
  g_clear_object (&result);
  message = shmobj_queue_receive (scene.queue, 0, NULL, NULL);
  g_assert_nonnull (message);
  g_assert_cmpuint (shmobj_message_get_redelivered (message), ==, 1);
  scene_clear (&scene);
}

/* A message that came back is one like others, for who waits for it. */
static void
test_given_back (gconstpointer name)
{
  const Kind *kind = kind_named (name);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  put_hello (scene.other);
  message = shmobj_queue_receive (scene.other, 0, NULL, NULL);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  g_assert_true (shmobj_message_give_back (message, &error));
  g_assert_true (wait_and_finish (kind, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (statistic (scene.queue, "in-flight"), ==, 0);
  scene_clear (&scene);
}

/* Not the queue but what is received from it counts. */
static void
test_join_waits_for_hands (void)
{
  const Kind *kind = kind_named ("join");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  put_hello (scene.queue);
  message = shmobj_queue_receive (scene.queue, 0, NULL, NULL);
  kind->start (&scene, 5000, NULL, keep_result, &result);
  g_assert_false (wait_and_finish (kind, &result, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  g_assert_true (shmobj_message_done (message, &error));
  g_assert_true (wait_and_finish (kind, &result, &error));
  g_assert_no_error (error);
  scene_clear (&scene);
}

static void
test_shut_down (gconstpointer data)
{
  const Kind *kind = data;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Scene scene;

  scene_init (&scene);
  kind->block (scene.queue);
  kind->start (&scene, FOREVER_US, NULL, keep_result, &result);
  assert_waits (&result);
  g_assert_true (shmobj_queue_shutdown (scene.other, FALSE, &error));
  if (kind->start == start_join) /* what is left is got, and then it ends */
    {
      assert_waits (&result);
      kind->free (scene.other);
      g_assert_true (wait_and_finish (kind, &result, &error));
      g_assert_no_error (error);
    }
  else
    {
      g_assert_false (wait_and_finish (kind, &result, &error));
      assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
    }
  scene_clear (&scene);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue-async/put-many-waits-for-each", test_put_many_waits_for_each);
  g_test_add_func ("/queue-async/put-many-puts-what-fits-in-time", test_put_many_as_many_as_fit);
  g_test_add_func ("/queue-async/put-many-ends-at-what-is-too-large", test_put_many_too_large);
  g_test_add_func ("/queue-async/many", test_many);
  g_test_add_func ("/queue-async/many-large-ones", test_many_large);
  g_test_add_func ("/queue-async/a-block-that-is-being-put-is-busy", test_block_is_busy);
  g_test_add_func ("/queue-async/a-wrong-block-is-refused", test_wrong_block);
  g_test_add_func ("/queue-async/taken-in-place", test_take_in_place);
  g_test_add_data_func ("/queue-async/bytes-only", "get_bytes", test_value_stays);
  g_test_add_data_func ("/queue-async/take-takes-bytes-only", "take", test_value_stays);
  g_test_add_func ("/queue-async/what-nobody-fetches-goes-back", test_nobody_fetches);
  g_test_add_data_func ("/queue-async/given-back-to-a-get", "get_many", test_given_back);
  g_test_add_data_func ("/queue-async/given-back-to-a-receive", "receive", test_given_back);
  g_test_add_data_func ("/queue-async/given-back-to-a-take", "take", test_given_back);
  g_test_add_func ("/queue-async/join-waits-for-what-is-in-hands", test_join_waits_for_hands);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path =
          g_strdup_printf ("/queue-async/%s/ends-when-shut-down", kinds[i].name);

      g_test_add_data_func (path, &kinds[i], test_shut_down);
    }
  return g_test_run ();
}
