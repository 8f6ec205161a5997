/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How many objects fit in a process with the usual limit on descriptors, and what one is told who
 * has none left. */

#include "../count-fds.h"

#include <shmobj.h>

#include <sys/resource.h>
#include <unistd.h>

static struct rlimit before;

static void
limit_to (rlim_t descriptors)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &before);
  limit = before;
  limit.rlim_cur = descriptors;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

static void
test_thousand_locks (void)
{
  g_autoptr (GPtrArray) locks = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) queues = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  limit_to (1024);
  for (int i = 0; i < 1000; i++)
    {
      ShmobjLock *lock = shmobj_lock_new (&error);

      g_assert_no_error (error);
      g_ptr_array_add (locks, lock);
      g_assert_true (shmobj_lock_acquire (lock, -1, NULL, &error));
    }
  for (int i = 0; i < 200; i++)
    {
      ShmobjQueue *queue = shmobj_queue_new (0, 0, &error);

      g_assert_no_error (error);
      g_ptr_array_add (queues, queue);
      g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (i), 0, NULL, &error));
    }
  for (int i = 0; i < 200; i++)
    {
      g_autoptr (GVariant) value =
          shmobj_queue_get (g_ptr_array_index (queues, i), 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, i);
    }
  for (int i = 0; i < 1000; i++)
    g_assert_true (shmobj_lock_release (g_ptr_array_index (locks, i), &error));
  setrlimit (RLIMIT_NOFILE, &before);
}

/* Every descriptor that can be missing is missing once: an error, nothing leaked, and the next try
 * works. */
static void
try_everything (GError **error)
{
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, error);
  g_autoptr (ShmobjPipe) pipe = queue == NULL ? NULL : shmobj_pipe_new (TRUE, 0, error);
  g_autoptr (ShmobjLock) lock = pipe == NULL ? NULL : shmobj_lock_new (error);
  g_autoptr (ShmobjEvent) event = lock == NULL ? NULL : shmobj_event_new (error);
  g_autoptr (ShmobjSharedMemory) memory =
      event == NULL ? NULL : shmobj_shared_memory_new (4096, error);

  if (memory != NULL && shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, error) &&
      shmobj_lock_acquire (lock, 0, NULL, error))
    {
      g_assert_true (shmobj_event_set (event, error));
      g_assert_true (shmobj_lock_release (lock, error));
    }
}

static void
test_none_left (void)
{
  guint used, failures = 0;
  GError *error = NULL;

  try_everything (&error);
  g_assert_no_error (error);
  used = count_fds ();
  for (guint spare = 0; spare < 24; spare++)
    {
      limit_to (used - 1 + spare);
      try_everything (&error);
      setrlimit (RLIMIT_NOFILE, &before);
      if (error != NULL)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
          g_clear_error (&error);
          failures++;
        }
      g_assert_cmpuint (count_fds (), <=, used);
    }
  g_assert_cmpuint (failures, >=, 5);
  try_everything (&error);
  g_assert_no_error (error);
}

static void
test_sixty_four (void)
{
  g_autoptr (GPtrArray) queues = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  ShmobjQueue *queue;

  limit_to (64);
  while ((queue = shmobj_queue_new (0, 0, &error)) != NULL)
    g_ptr_array_add (queues, queue);
  setrlimit (RLIMIT_NOFILE, &before);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_cmpuint (queues->len, >=, 8);
  g_test_message ("%s", error->message);
}

/* So many numbers are free, and no more. */
static GArray *
leave_free (guint spare)
{
  GArray *taken = g_array_new (FALSE, FALSE, sizeof (int));
  int fd;

  limit_to (256);
  while ((fd = dup (STDERR_FILENO)) >= 0)
    g_array_append_val (taken, fd);
  for (; spare > 0; spare--)
    {
      close (g_array_index (taken, int, taken->len - 1));
      g_array_set_size (taken, taken->len - 1);
    }
  return taken;
}

static void
free_all (GArray *taken)
{
  for (guint i = 0; i < taken->len; i++)
    close (g_array_index (taken, int, i));
  g_array_unref (taken);
  setrlimit (RLIMIT_NOFILE, &before);
}

/* A message with forty descriptors for one who may open fewer: nothing is taken, nothing leaks, and
 * it comes once they can be had. */
static void
test_received (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 0, &error);
  g_autoptr (ShmobjConnection) start = shmobj_pipe_steal_start (pipe, &error);
  g_autoptr (ShmobjConnection) end = shmobj_pipe_steal_end (pipe, &error);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (ShmobjMessage) message = NULL;
  guint used;

  for (int i = 0; i < 40; i++)
    g_unix_fd_list_append (list, STDERR_FILENO, &error);
  g_assert_true (
      shmobj_connection_send_with_fds (start, g_variant_new_int32 (1), list, -1, NULL, &error));
  g_assert_false (shmobj_connection_poll (start, 0, NULL, &error)); /* opens what they need */
  g_assert_true (shmobj_connection_poll (end, 0, NULL, &error));
  used = count_fds ();
  for (guint spare = 0; spare < 40; spare += 13)
    {
      GArray *taken = leave_free (spare);

      message = shmobj_connection_receive_with_fds (end, -1, NULL, &error);
      free_all (taken);
      g_assert_null (message);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
      g_clear_error (&error);
      g_assert_cmpuint (count_fds (), ==, used);
      g_assert_true (shmobj_connection_poll (end, 0, NULL, &error));
    }
  message = shmobj_connection_receive_with_fds (end, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_unix_fd_list_get_length (shmobj_message_get_fd_list (message)), ==, 40);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/descriptors/1000-locks-and-200-queues-below-1024", test_thousand_locks);
  g_test_add_func ("/descriptors/each-can-be-missing", test_none_left);
  g_test_add_func ("/descriptors/clean-error-below-64", test_sixty_four);
  g_test_add_func ("/descriptors/received-by-one-who-may-not-have-them", test_received);
  return g_test_run ();
}
