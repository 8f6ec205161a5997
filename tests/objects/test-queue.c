/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Queue through its public interface: values, waits, errors, handles, forks. */

#include "queue-fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_values (void)
{
  static const char *const texts[] = {
    "()",
    "(1, 'two', 3.0, true)",
    "{'a': <1>, 'b': <[1, 2]>}",
    "@mv nothing",
    "[byte 1, 2, 3]",
    "'\\u00e4\\u20ac'",
    "<<<'deep'>>>",
    "@a{sv} {}",
  };
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) sent = g_variant_ref_sink (g_variant_new_parsed (texts[i])), got = NULL;

      shmobj_queue_put (queue, sent, 0, NULL, &error);
      g_assert_no_error (error);
      got = shmobj_queue_get (queue, 0, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (sent, got);
    }
}

static void
test_bytes (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GBytes) bytes = g_bytes_new ("\0one\0", 5), none = g_bytes_new (NULL, 0), got = NULL,
                     got_none = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  guint8 buffer[5];

  for (int i = 0; i < 3; i++)
    g_assert_true (shmobj_queue_put_bytes (queue, bytes, 0, NULL, &error));
  g_assert_true (shmobj_queue_put_bytes (queue, none, 0, NULL, &error));

  got = shmobj_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (bytes, got));
  value = shmobj_queue_get (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (value), ==, "ay");
  g_assert_cmpint (shmobj_queue_get_into (queue, buffer, 4, 0, &error), ==, -1);
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_cmpint (shmobj_queue_get_into (queue, buffer, sizeof buffer, 0, &error), ==, 5);
  got_none = shmobj_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_cmpuint (g_bytes_get_size (got_none), ==, 0);

  put_int (queue, 7);
  g_assert_null (shmobj_queue_get_bytes (queue, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (get_int (queue), ==, 7);
}

static void
test_pickle_stays (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GError) error = NULL;
  ShmobjFrame frame, got;

  shmobj_frame_set_pickle (&frame, "\x80\x05N.", 4);
  g_assert_true (shmobj_queue_put_frame (queue, &frame, 0, NULL, &error));
  g_assert_null (shmobj_queue_get (queue, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
  g_assert_true (shmobj_queue_get_frame (queue, ~0u, &got, 0, NULL, &error));
  g_assert_cmpint (got.kind, ==, SHMOBJ_FRAME_PICKLE);
  g_assert_cmpmem (got.data, got.size, "\x80\x05N.", 4);
  shmobj_frame_clear (&got);
}

static void
test_limits (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (2, 4096);
  g_autofree guint8 *large = g_malloc0 (5000);
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_queue_get (queue, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
  g_assert_null (shmobj_queue_get (queue, 3000, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
  put_int (queue, 1);
  g_assert_false (shmobj_queue_is_full (queue));
  put_int (queue, 2);
  g_assert_true (shmobj_queue_is_full (queue));
  g_assert_false (shmobj_queue_put (queue, g_variant_new_int32 (3), 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_false (shmobj_queue_put (queue, g_variant_new_int32 (3), 3000, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_false (shmobj_queue_put_data (queue, large, 5000, 0, NULL, &error));
  g_assert_nonnull (strstr (error->message, "4096"));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_true (shmobj_queue_is_empty (queue));
}

static void
test_bad_construction (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_queue_new (0, 100, &error));
  g_assert_nonnull (strstr (error->message, "100"));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_null (shmobj_queue_new (0, G_MAXUINT64, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_null (shmobj_queue_new (0, G_GUINT64_CONSTANT (1) << 38, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_null (shmobj_queue_new (G_MAXUINT, 0, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_without_init (void)
{
  g_autoptr (ShmobjQueue) queue = g_object_new (SHMOBJ_TYPE_QUEUE, "maxsize", 3, NULL);
  g_autoptr (ShmobjQueue) wrong =
      g_object_new (SHMOBJ_TYPE_QUEUE, "capacity", G_GUINT64_CONSTANT (5), NULL);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_cmpuint (shmobj_queue_get_maxsize (queue), ==, 3);
  g_assert_null (shmobj_queue_get (wrong, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_close (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();

  put_int (queue, 1);
  g_assert_true (shmobj_queue_close (queue, &error));
  g_assert_true (shmobj_queue_close (queue, &error));
  g_assert_true (shmobj_queue_is_closed (queue));
  g_assert_false (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_queue_get (queue, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_queue_get_statistics (queue, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (queue), list, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 0);
}

static void
test_handle (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (5, 8192);
  g_autoptr (ShmobjQueue) same = NULL;
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  g_autoptr (GError) error = NULL;

  put_int (queue, 41);
  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (queue), list, &error);
  g_assert_no_error (error);
  same = SHMOBJ_QUEUE (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, list, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_queue_get_maxsize (same), ==, 5);
  g_assert_cmpuint (shmobj_queue_get_capacity (same), ==, 8192);
  g_assert_cmpint (get_int (same), ==, 41);
  put_int (same, 42);
  g_clear_object (&same);
  g_assert_cmpint (get_int (queue), ==, 42);
}

static void
test_forked_child (void)
{
  g_autoptr (ShmobjQueue) there = new_queue (0, 0), back = new_queue (1, 0);
  int status;
  pid_t child = fork ();

  if (child == 0)
    {
      for (int i = 0; i < 1000; i++)
        put_int (back, get_int (there) * 2);
      _exit (0);
    }
  for (int i = 0; i < 1000; i++)
    put_int (there, i);
  for (int i = 0; i < 1000; i++)
    g_assert_cmpint (get_int (back), ==, i * 2);
  waitpid (child, &status, 0);
  g_assert_cmpint (status, ==, 0);
}

static void
test_statistics (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GVariant) statistics = NULL;
  g_autoptr (GError) error = NULL;
  guint64 puts = 0, gets = 0, size = 0;

  for (int i = 0; i < 10; i++)
    put_int (queue, i);
  get_int (queue);
  statistics = shmobj_queue_get_statistics (queue, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (statistics, "puts", "t", &puts) &&
                 g_variant_lookup (statistics, "gets", "t", &gets) &&
                 g_variant_lookup (statistics, "size", "t", &size));
  g_assert_cmpuint (puts, ==, 10);
  g_assert_cmpuint (gets, ==, 1);
  g_assert_cmpuint (size, ==, 9);
}

static void
test_wait (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (1, 0);

  g_assert_false (shmobj_queue_wait (queue, G_IO_IN, 2000));
  g_assert_true (shmobj_queue_wait (queue, G_IO_OUT, -1));
  put_int (queue, 1);
  g_assert_true (shmobj_queue_wait (queue, G_IO_IN, -1));
  g_assert_false (shmobj_queue_wait (queue, G_IO_OUT, 2000));
}

static void
test_many (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (100, 0);
  g_autoptr (GError) error = NULL;
  GVariant *values[150], **got;
  gsize n;

  for (int i = 0; i < 150; i++)
    values[i] = i % 7 == 0 ? g_variant_new_bytestring ("x") : g_variant_new_int32 (i);
  g_assert_cmpuint (shmobj_queue_put_many (queue, values, 150, 2000, NULL, &error), ==, 100);
  g_assert_no_error (error);
  values[0] = g_variant_new_int32 (1);
  g_assert_cmpuint (shmobj_queue_put_many (queue, values, 1, 0, NULL, &error), ==, 0);
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  got = shmobj_queue_get_many (queue, 30, -1, NULL, &n, &error);
  g_assert_cmpuint (n, ==, 30);
  for (int i = 0; i < 30; i++)
    {
      if (i % 7 != 0)
        g_assert_cmpint (g_variant_get_int32 (got[i]), ==, i);
      g_variant_unref (got[i]);
    }
  g_free (got);
  got = shmobj_queue_get_many (queue, 1000, 0, NULL, &n, &error);
  g_assert_cmpuint (n, ==, 70);
  for (int i = 0; i < 70; i++)
    g_variant_unref (got[i]);
  g_free (got);
  g_assert_null (shmobj_queue_get_many (queue, 1000, 1000, NULL, &n, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_EMPTY);
}

/* Batches of several writers and readers: each message once, each writer's in order. */
static void
test_many_processes (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0), back = new_queue (0, 0);
  guint next[3] = { 0 }, lost = 0;
  pid_t children[5];

  for (int c = 0; c < 5; c++)
    if ((children[c] = fork ()) == 0)
      for (guint i = 0; c >= 3 || i < 3000;)
        {
          GVariant *values[64], **got;
          gsize n = 1 + i % 50;

          if (c >= 3)
            {
              got = shmobj_queue_get_many (queue, 40, -1, NULL, &n, NULL);
              if (got == NULL || shmobj_queue_put_many (back, got, n, -1, NULL, NULL) != n)
                _exit (0);
              continue;
            }
          n = MIN (n, 3000 - i);
          for (gsize k = 0; k < n; k++)
            values[k] = g_variant_new ("(uu)", c, i++);
          shmobj_queue_put_many (queue, values, n, -1, NULL, NULL);
          if (i == 3000)
            _exit (0);
        }
  for (int i = 0; i < 9000; i++)
    {
      g_autoptr (GVariant) value = shmobj_queue_get (back, -1, NULL, NULL);
      guint writer, number;

      g_variant_get (value, "(uu)", &writer, &number);
      g_assert_cmpuint (writer, <, 3);
      next[writer]++;
    }
  for (int i = 0; i < 3; i++)
    lost += 3000 - next[i];
  g_assert_cmpuint (lost, ==, 0);
  g_assert_true (shmobj_queue_shutdown (queue, FALSE, NULL));
  for (int c = 0; c < 5; c++)
    waitpid (children[c], NULL, 0);
}

static void
test_shutdown (void)
{
  for (int round = 0; round < 20; round++)
    {
      g_autoptr (ShmobjQueue) queue = new_queue (1, 0);
      g_autoptr (GError) error = NULL;
      gboolean full = round % 2;
      pid_t children[3];

      if (full)
        put_int (queue, 1);
      for (int i = 0; i < 3; i++)
        if ((children[i] = fork ()) == 0)
          {
            g_autoptr (GError) why = NULL;

            if (full)
              shmobj_queue_put (queue, g_variant_new_int32 (2), -1, NULL, &why);
            else
              g_clear_pointer (&(GVariant *){ shmobj_queue_get (queue, -1, NULL, &why) },
                               g_variant_unref);
            _exit (g_error_matches (why, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED) ? 0 : 1);
          }
      g_usleep (round * 300);
      g_assert_true (shmobj_queue_shutdown (queue, FALSE, &error));
      g_assert_true (shmobj_queue_is_shut_down (queue));
      for (int i = 0; i < 3; i++)
        {
          int status;

          waitpid (children[i], &status, 0);
          g_assert_cmpint (status, ==, 0);
        }
      g_assert_false (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error));
      assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
      if (full)
        g_assert_cmpint (get_int (queue), ==, 1);
      g_assert_null (shmobj_queue_get (queue, -1, NULL, &error));
      assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
    }
}

static void
test_shutdown_at_once (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_true (shmobj_queue_shutdown (queue, TRUE, &error));
  g_assert_null (shmobj_queue_get (queue, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

static void
test_large (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  gsize size = 20 << 20;
  g_autofree guint8 *data = g_malloc (size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) got = NULL;

  for (gsize i = 0; i < size; i++)
    data[i] = i * 2654435761u >> 24;
  g_assert_true (shmobj_queue_put_data (queue, data, size, 0, NULL, &error));
  got = shmobj_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (got, NULL), g_bytes_get_size (got), data, size);
}

/* A script that fills a queue before it starts its workers must not block. */
static void
test_fill_first (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);

  for (int i = 0; i < 200000; i++)
    g_assert_true (
        shmobj_queue_put (queue, g_variant_new ("(is)", i, "a job with some text"), 0, NULL, NULL));
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 200000);
}

static void
test_no_descriptors (void)
{
  struct rlimit old, low;
  GPtrArray *queues = g_ptr_array_new_with_free_func (g_object_unref);
  GError *error = NULL;
  ShmobjQueue *queue;

  getrlimit (RLIMIT_NOFILE, &old);
  low = old;
  low.rlim_cur = 64;
  setrlimit (RLIMIT_NOFILE, &low);
  while ((queue = shmobj_queue_new (0, 0, &error)) != NULL)
    g_ptr_array_add (queues, queue);
  assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_cmpuint (queues->len, >, 5);
  g_ptr_array_set_size (queues, queues->len - 2);
  put_int (g_ptr_array_index (queues, 0), 1);
  g_assert_cmpint (get_int (g_ptr_array_index (queues, 0)), ==, 1);
  setrlimit (RLIMIT_NOFILE, &old);
  g_ptr_array_unref (queues);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue/values-come-as-they-went", test_values);
  g_test_add_func ("/queue/bytes", test_bytes);
  g_test_add_func ("/queue/foreign-pickle-stays", test_pickle_stays);
  g_test_add_func ("/queue/limits", test_limits);
  g_test_add_func ("/queue/bad-construction", test_bad_construction);
  g_test_add_func ("/queue/works-without-init", test_without_init);
  g_test_add_func ("/queue/closed-says-so", test_close);
  g_test_add_func ("/queue/handle-is-the-same-queue", test_handle);
  g_test_add_func ("/queue/forked-child", test_forked_child);
  g_test_add_func ("/queue/statistics", test_statistics);
  g_test_add_func ("/queue/wait", test_wait);
  g_test_add_func ("/queue/many", test_many);
  g_test_add_func ("/queue/many-in-many-processes", test_many_processes);
  g_test_add_func ("/queue/shutdown-wakes-everybody", test_shutdown);
  g_test_add_func ("/queue/shutdown-at-once", test_shutdown_at_once);
  g_test_add_func ("/queue/large-message", test_large);
  g_test_add_func ("/queue/filling-first-never-blocks", test_fill_first);
  g_test_add_func ("/queue/no-descriptors-left", test_no_descriptors);
  return g_test_run ();
}
