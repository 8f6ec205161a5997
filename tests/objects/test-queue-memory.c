/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much memory a queue has: very large messages, and what is given back after a burst. */

#include "queue-fixture.h"

#include "base/sys.h"
#include "objects/queue-private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define SMALL_ENOUGH (512 * 1024)

static guint
slower (void)
{
  const char *text = g_getenv ("SHMOBJ_TEST_SLOWER");

  return MAX (text != NULL ? atoi (text) : 1, 1);
}

static guint64
memory_of (ShmobjQueue *queue)
{
  struct stat st;

  g_assert_cmpint (fstat (queue->segment.fd, &st), ==, 0);
  return (guint64) st.st_blocks * 512;
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
trim (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_queue_trim (queue, &error));
  g_assert_no_error (error);
}

/* A message of @size bytes that says its number. */
static gboolean
put_numbered (ShmobjQueue *queue, guint32 number, gsize size)
{
  static guint8 message[MIB];

  memset (message, number % 251, size);
  memcpy (message, &number, sizeof number);
  return shmobj_queue_put_data (queue, message, size, 0, NULL, NULL);
}

static gboolean
check_bytes (GBytes *bytes, guint32 *number)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  memcpy (number, data, sizeof *number);
  for (gsize i = sizeof *number; i < size; i++)
    if (data[i] != *number % 251)
      return FALSE;
  return TRUE;
}

static void
get_numbered (ShmobjQueue *queue, guint32 number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = shmobj_queue_get_bytes (queue, 0, NULL, &error);
  guint32 got;

  g_assert_no_error (error);
  g_assert_true (check_bytes (bytes, &got));
  g_assert_cmpuint (got, ==, number);
}

/* In the ring, in flight, and in blocks. */
static void
burst (ShmobjQueue *queue)
{
  g_autoptr (GPtrArray) hands =
      g_ptr_array_new_with_free_func ((GDestroyNotify) shmobj_message_unref);
  g_autoptr (ShmobjLoan) loan = shmobj_queue_loan (queue, 10 * MIB, 0, NULL, NULL);

  memset (shmobj_loan_get_data (loan, NULL), 1, 10 * MIB);
  for (guint32 i = 0; i < 200; i++)
    g_assert_true (put_numbered (queue, i, 100000));
  for (guint i = 0; i < 100; i++)
    g_ptr_array_add (hands, shmobj_queue_receive (queue, 0, NULL, NULL));
  for (guint i = 0; i < 100; i++)
    g_assert_true (shmobj_message_done (hands->pdata[i], NULL));
  for (guint32 i = 100; i < 200; i++)
    get_numbered (queue, i);
}

static void
test_trimmed (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  guint64 before;

  trim (queue);
  g_assert_cmpuint (memory_of (queue), <, SMALL_ENOUGH);
  for (int round = 0; round < 2; round++)
    {
      burst (queue);
      before = statistic (queue, "high-water");
      g_assert_cmpuint (before, >=, 200 * 100000);
      g_assert_cmpuint (statistic (queue, "reserved"), >=, 35 * MIB);
      g_assert_cmpuint (memory_of (queue), >=, 35 * MIB);
      trim (queue);
      g_assert_cmpuint (memory_of (queue), <, SMALL_ENOUGH);
      g_assert_cmpuint (statistic (queue, "reserved"), <, SMALL_ENOUGH);
      g_assert_cmpuint (statistic (queue, "high-water"), ==, before);
      trim (queue);
      put_int (queue, 1);
      g_assert_cmpint (get_int (queue), ==, 1);
    }
}

/* What is in it stays, and what is behind it goes. */
static void
test_trimmed_with_messages (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjMessage) hand = NULL;
  g_autoptr (ShmobjLoan) loan = NULL, behind = NULL;
  guint64 full;

  for (guint32 i = 0; i < 100; i++)
    g_assert_true (put_numbered (queue, i, 100000));
  hand = shmobj_queue_receive (queue, 0, NULL, NULL);
  loan = shmobj_queue_loan (queue, 100000, 0, NULL, NULL);
  behind = shmobj_queue_loan (queue, 10 * MIB, 0, NULL, NULL);
  memset (shmobj_loan_get_data (loan, NULL), 7, 100000);
  g_clear_object (&behind);
  full = memory_of (queue);
  trim (queue);
  g_assert_cmpuint (memory_of (queue), <=, full - 9 * MIB);
  for (gsize i = 0; i < 100000; i++)
    g_assert_cmpint (((guint8 *) shmobj_loan_get_data (loan, NULL))[i], ==, 7);
  g_assert_true (shmobj_message_give_back (hand, NULL));
  for (guint32 i = 0; i < 100; i++)
    get_numbered (queue, i);
}

static int
no_space (int fd, off_t offset, off_t length)
{
  errno = ENOSPC;
  return -1;
}

static int
no_holes (int fd, off_t offset, off_t length)
{
  errno = EOPNOTSUPP;
  return -1;
}

/* Nothing is touched that was given back and not reserved again. */
static void
test_no_memory_afterwards (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (GError) error = NULL;
  SysCalls real = sys;

  burst (queue);
  trim (queue);
  sys.fallocate = no_space;
  g_assert_true (put_numbered (queue, 1, 10000));
  g_assert_false (put_numbered (queue, 2, 100000));
  sys = real;
  get_numbered (queue, 1);
  g_assert_true (put_numbered (queue, 3, 100000));
  sys.punch = no_holes;
  g_assert_false (shmobj_queue_trim (queue, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  sys = real;
}

/* Anything, in any order, beside a queue of numbers. */
static void
test_trimmed_at_random (void)
{
  for (guint round = 0; round < 40 / slower () + 1; round++)
    {
      guint64 capacity = g_test_rand_bit () ? 2 * MIB : 200 * 1024;
      g_autoptr (ShmobjQueue) queue = new_queue (0, capacity);
      guint32 next = 0, first = 0;
      guint64 bytes = 0;

      for (guint i = 0; i < 1500; i++)
        {
          int what = g_test_rand_int_range (0, 100);
          gsize size = g_test_rand_int_range (0, 4) != 0 ? g_test_rand_int_range (4, 500)
                                                         : g_test_rand_int_range (4, 150000);

          if (what < 5)
            trim (queue);
          else if (what < (i / 200 % 2 ? 70 : 40))
            {
              if (put_numbered (queue, next, size))
                {
                  next++;
                  bytes += sizeof (FrameHeader) + ring_record_size (size);
                }
            }
          else if (first < next)
            get_numbered (queue, first++);
          g_assert_cmpuint (shmobj_queue_get_size (queue), ==, next - first);
          g_assert_cmpuint (statistic (queue, "bytes"), ==, bytes);
        }
      while (first < next)
        get_numbered (queue, first++);
    }
}

/* Writers, readers and trimmers are killed anywhere. */
static void
test_killed (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 2 * MIB);

  for (guint round = 0; round < 100 / slower (); round++)
    {
      pid_t child[2];

      for (guint k = 0; k < G_N_ELEMENTS (child); k++)
        {
          child[k] = fork ();
          for (guint32 i = round + k; child[k] == 0; i++)
            {
              g_autoptr (GBytes) bytes = NULL;
              guint32 number;

              put_numbered (queue, i, 4 + i % 11 * 20000);
              if (i % 3 == 0)
                shmobj_queue_trim (queue, NULL);
              bytes = shmobj_queue_get_bytes (queue, 0, NULL, NULL);
              if (bytes != NULL && !check_bytes (bytes, &number))
                _exit (1);
            }
        }
      g_usleep (g_test_rand_int_range (0, 4000));
      for (guint k = 0; k < G_N_ELEMENTS (child); k++)
        {
          int status;

          kill (child[k], SIGKILL);
          g_assert_cmpint (waitpid (child[k], &status, 0), ==, child[k]);
          g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
        }
      while (!shmobj_queue_is_empty (queue))
        {
          g_autoptr (GBytes) bytes = shmobj_queue_get_bytes (queue, 0, NULL, NULL);
          guint32 number;

          g_assert_true (check_bytes (bytes, &number));
        }
      trim (queue);
      g_assert_cmpuint (memory_of (queue), <, SMALL_ENOUGH);
    }
}

static void
check_ends (const guint8 *data, gsize size)
{
  g_assert_cmpint (data[0], ==, 1);
  g_assert_cmpint (data[size / 2], ==, 2);
  g_assert_cmpint (data[size - 1], ==, 3);
}

static void
mark_ends (guint8 *data, gsize size)
{
  data[0] = 1;
  data[size / 2] = 2;
  data[size - 1] = 3;
}

/* A gigabyte of queue, messages of half of it: copied, and lent. */
static void
test_large (void)
{
  guint64 capacity = 1024 * (guint64) MIB / slower (), size = capacity / 2;
  g_autoptr (ShmobjQueue) queue = new_queue (0, capacity);
  g_autoptr (GError) error = NULL;
  guint8 *data =
      mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  g_assert_true (data != MAP_FAILED);
  mark_ends (data, size);
  g_assert_true (shmobj_queue_put_data (queue, data, size, 0, NULL, &error));
  g_assert_no_error (error);
  memset (data, 0, 1);
  g_assert_cmpint (shmobj_queue_get_into (queue, data, size, 0, &error), ==, (gssize) size);
  g_assert_no_error (error);
  check_ends (data, size);
  munmap (data, size);
  trim (queue);
  g_assert_cmpuint (memory_of (queue), <, SMALL_ENOUGH);

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (ShmobjLoan) out = shmobj_queue_loan (queue, size, 0, NULL, &error), in = NULL;

      g_assert_no_error (error);
      mark_ends (shmobj_loan_get_data (out, NULL), size);
      g_assert_true (shmobj_queue_put_loan (queue, out, size, 0, NULL, &error));
      in = shmobj_queue_take (queue, 0, NULL, &error);
      g_assert_no_error (error);
      check_ends (shmobj_loan_get_data (in, NULL), size);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/queue/memory/given-back", test_trimmed);
  g_test_add_func ("/queue/memory/what-is-in-it-stays", test_trimmed_with_messages);
  g_test_add_func ("/queue/memory/none-left-afterwards", test_no_memory_afterwards);
  g_test_add_func ("/queue/memory/trimmed-at-random", test_trimmed_at_random);
  g_test_add_func ("/queue/memory/killed-while-trimming", test_killed);
  g_test_add_func ("/queue/memory/half-a-gigabyte-in-one-message", test_large);
  return g_test_run ();
}
