/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loans: blocks that are written and read where they are. */

#include "queue-fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (60 * G_USEC_PER_SEC)

static ShmobjLoan *
borrow (ShmobjQueue *queue, guint64 size)
{
  g_autoptr (GError) error = NULL;
  ShmobjLoan *loan = shmobj_queue_loan (queue, size, PATIENCE_US, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_loan_get_size (loan), ==, size);
  g_assert_false (shmobj_loan_is_taken (loan));
  return loan;
}

static void
put_filled (ShmobjQueue *queue, gsize size, int fill)
{
  g_autoptr (ShmobjLoan) loan = borrow (queue, size);
  g_autoptr (GError) error = NULL;

  memset (shmobj_loan_get_data (loan, NULL), fill, size);
  shmobj_queue_put_loan (queue, loan, size, PATIENCE_US, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_filled (gconstpointer data, gsize size, int fill)
{
  for (gsize i = 0; i < size; i++)
    g_assert_cmpint (((const guint8 *) data)[i], ==, fill);
}

static ShmobjLoan *
take (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;
  ShmobjLoan *loan = shmobj_queue_take (queue, PATIENCE_US, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (shmobj_loan_is_taken (loan));
  return loan;
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
test_no_copy (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjLoan) there = borrow (queue, 5000), back = NULL;
  g_autoptr (GError) error = NULL;
  gpointer written = shmobj_loan_get_data (there, NULL);
  gsize size;

  g_assert_cmpuint ((guintptr) written % 64, ==, 0);
  g_assert_cmpuint (shmobj_loan_get_address (there), ==, (guintptr) written);
  g_assert_true (shmobj_loan_write_data (there, 4990, (const guint8 *) "the end", 7, &error));
  g_assert_true (shmobj_queue_put_loan (queue, there, 4997, 0, NULL, &error));
  g_assert_null (shmobj_loan_get_data (there, &size));
  g_assert_cmpuint (size, ==, 0);

  back = take (queue);
  g_assert_true (shmobj_loan_get_data (back, &size) == written);
  g_assert_cmpuint (size, ==, 4997);
  g_assert_cmpmem ((guint8 *) written + 4990, 7, "the end", 7);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1);
  g_assert_true (shmobj_loan_release (back, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 0);
  g_assert_true (shmobj_queue_join (queue, 0, NULL, &error));
}

/* Every other way to get sees a message of plain bytes, and gives the block back. */
static void
test_any_reader_gets_a_loan (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 1 << 20);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GBytes) bytes = NULL, received = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autofree GVariant **many = NULL;
  guint8 buffer[3000];
  gsize n;

  for (int i = 0; i < 4; i++)
    put_filled (queue, 3000, i);
  put_int (queue, 4);
  put_filled (queue, 3000, 5);
  put_int (queue, 6);
  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 7);

  value = shmobj_queue_get (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING));
  assert_filled (g_variant_get_data (value), g_variant_get_size (value), 0);
  bytes = shmobj_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_no_error (error);
  assert_filled (g_bytes_get_data (bytes, &n), 3000, 1);
  g_assert_cmpuint (n, ==, 3000);
  g_assert_cmpint (shmobj_queue_get_into (queue, buffer, 100, 0, &error), ==, -1);
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_cmpint (shmobj_queue_get_into (queue, buffer, sizeof buffer, 0, &error), ==, 3000);
  assert_filled (buffer, 3000, 2);
  message = shmobj_queue_receive (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_message_get_kind (message), ==, SHMOBJ_FRAME_BYTES);
  received = shmobj_message_get_bytes (message);
  assert_filled (g_bytes_get_data (received, &n), 3000, 3);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 2); /* that one, and the one in the queue */
  g_assert_true (shmobj_message_done (message, &error));
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1);

  many = shmobj_queue_get_many (queue, 10, 0, NULL, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 3);
  assert_filled (g_variant_get_data (many[1]), g_variant_get_size (many[1]), 5);
  g_assert_cmpint (g_variant_get_int32 (many[2]), ==, 6);
  for (gsize i = 0; i < n; i++)
    g_variant_unref (many[i]);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 0);
}

static void
test_take_of_what_was_not_lent (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjLoan) loan = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  shmobj_queue_put_data (queue, (const guint8 *) "hello", 5, 0, NULL, NULL);
  put_int (queue, 1);
  loan = take (queue);
  bytes = shmobj_loan_get_bytes (loan, &error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "hello", 5);
  g_assert_false (shmobj_loan_write_data (loan, 0, (const guint8 *) "x", 1, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_true (shmobj_loan_give_back (loan, &error));
  g_clear_object (&loan);
  loan = take (queue);
  g_assert_cmpuint (shmobj_loan_get_redelivered (loan), ==, 1);
  g_clear_object (&loan); /* freed is released */
  g_assert_null (shmobj_queue_take (queue, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (get_int (queue), ==, 1);
}

static void
test_given_back (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  ShmobjLoan *loan;
  GBytes *bytes;

  put_filled (queue, 100, 1);
  put_filled (queue, 100, 2);
  loan = take (queue);
  g_assert_true (shmobj_loan_give_back (loan, NULL));
  g_object_unref (loan);
  loan = take (queue);
  g_assert_cmpuint (shmobj_loan_get_redelivered (loan), ==, 1);
  bytes = shmobj_loan_get_bytes (loan, NULL);
  g_object_unref (loan); /* the bytes keep it */
  g_assert_cmpuint (statistic (queue, "lent"), ==, 2);
  assert_filled (g_bytes_get_data (bytes, NULL), 100, 1);
  g_bytes_unref (bytes);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1);

  loan = borrow (queue, 100);
  g_object_unref (loan); /* not put */
  loan = borrow (queue, 100);
  g_assert_true (shmobj_loan_give_back (loan, NULL));
  g_object_unref (loan);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1);
}

static void
test_misuse (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 8192), other = new_queue (0, 8192);
  g_autoptr (ShmobjLoan) loan = borrow (queue, 100), taken = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_queue_loan (queue, 8193, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_null (shmobj_queue_loan (queue, G_MAXUINT64, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_false (shmobj_queue_put_loan (other, loan, 10, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_false (shmobj_queue_put_loan (queue, loan, 101, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_false (shmobj_loan_write_data (loan, 99, (const guint8 *) "xx", 2, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_false (shmobj_loan_write_data (loan, G_MAXUINT64, (const guint8 *) "xx", 2, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);

  g_assert_true (shmobj_queue_put_loan (queue, loan, 0, 0, NULL, &error));
  g_assert_false (shmobj_queue_put_loan (queue, loan, 0, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_false (shmobj_loan_release (loan, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_loan_get_bytes (loan, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  taken = take (queue);
  g_assert_cmpuint (shmobj_loan_get_size (taken), ==, 0);
  g_assert_false (shmobj_queue_put_loan (queue, taken, 0, 0, NULL, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

/* A block is the process's that borrowed it. */
static void
test_forked (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 8192);
  g_autoptr (ShmobjLoan) loan = borrow (queue, 100);
  g_autoptr (GError) error = NULL;
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      gboolean put = shmobj_queue_put_loan (queue, loan, 1, 0, NULL, &error);
      gboolean told = g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);

      _exit (!put && told && shmobj_loan_get_data (loan, NULL) == NULL ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (shmobj_queue_put_loan (queue, loan, 1, 0, NULL, &error));
  g_assert_no_error (error);
}

static void
test_pool_is_bounded (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 1 << 20);
  g_autoptr (GPtrArray) loans = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  ShmobjLoan *loan;
  guint8 *before = NULL;

  while ((loan = shmobj_queue_loan (queue, 100000, loans->len < 5 ? 0 : 1000, NULL, &error)) !=
         NULL)
    {
      guint8 *data = shmobj_loan_get_data (loan, NULL);

      g_assert_true (before == NULL || data >= before + 100000);
      before = data;
      memset (data, 1, 100000);
      g_ptr_array_add (loans, loan);
    }
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_cmpuint (loans->len, >=, 9);
  g_cancellable_cancel (cancellable);
  g_assert_null (shmobj_queue_loan (queue, 100000, -1, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* two neighbours make room for a larger one */
  g_ptr_array_remove_index (loans, 3);
  g_ptr_array_remove_index (loans, 3);
  g_ptr_array_add (loans, borrow (queue, 200000));
  g_ptr_array_set_size (loans, 0);
  g_object_unref (borrow (queue, 1 << 20));

  while ((loan = shmobj_queue_loan (queue, 1, 0, NULL, &error)) != NULL)
    g_ptr_array_add (loans, loan);
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_cmpuint (loans->len, ==, 1000);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1000);
}

static gpointer
release_later (gpointer loan)
{
  g_usleep (20000);
  g_assert_true (shmobj_loan_release (loan, NULL));
  return NULL;
}

static void
test_waits_for_a_block (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 8192);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (ShmobjLoan) loan = borrow (queue, 8000), next = NULL;
      GThread *thread = g_thread_new ("release", release_later, loan);

      next = shmobj_queue_loan (queue, 8000, -1, i == 0 ? NULL : cancellable, NULL);
      g_assert_nonnull (next);
      g_thread_join (thread);
    }
}

static gpointer
cancel_later (gpointer cancellable)
{
  g_usleep (20000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (1, 8192);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ShmobjLoan) loan = borrow (queue, 8000);
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);

  g_assert_null (shmobj_queue_loan (queue, 8000, -1, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  put_int (queue, 1);
  g_cancellable_reset (cancellable);
  thread = g_thread_new ("cancel", cancel_later, cancellable);
  g_assert_false (shmobj_queue_put_loan (queue, loan, 10, -1, cancellable, &error));
  assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  g_assert_false (shmobj_queue_put_loan (queue, loan, 10, 1000, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FULL);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_true (shmobj_queue_put_loan (queue, loan, 10, 0, NULL, &error));
  g_assert_true (shmobj_queue_shutdown (queue, FALSE, &error));
  g_assert_null (shmobj_queue_loan (queue, 10, -1, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

/* ---- in use ---- */

static void
test_in_use (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 1 << 20);
  g_autoptr (ShmobjLoan) lent = borrow (queue, 100), taken = NULL, copy = NULL;
  g_autoptr (ShmobjMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  put_filled (queue, 100, 1);
  put_filled (queue, 100, 2);
  shmobj_queue_put_data (queue, (const guint8 *) "copied", 6, 0, NULL, NULL);
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 1); /* those that wait are nobody's */
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 1);
  taken = take (queue);
  message = shmobj_queue_receive (queue, 0, NULL, &error);
  g_assert_no_error (error);
  copy = take (queue);
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 3); /* the copy lies in no block */
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 3);   /* the message is no loan */
  g_assert_true (shmobj_loan_give_back (taken, &error));
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 2);
  g_assert_true (shmobj_message_done (message, &error));
  g_assert_true (shmobj_loan_release (copy, &error));
  g_assert_true (shmobj_queue_put_loan (queue, lent, 100, 0, NULL, &error));
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 0);
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 0);
  g_assert_false (shmobj_loan_release (lent, &error)); /* it is over: not counted twice */
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 0);
}

static void
test_in_use_at_close (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjLoan) lent = borrow (queue, 100), other = borrow (queue, 100);
  g_autoptr (GError) error = NULL;
  pid_t child = fork ();
  int status;

  if (child == 0) /* has none of them */
    _exit (shmobj_queue_get_held (queue) == 0 && shmobj_queue_get_in_use (queue) == 2 &&
                   shmobj_queue_close (queue, NULL)
               ? 0
               : 1);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (shmobj_queue_close (queue, &error));
  g_assert_nonnull (strstr (error->message, "2 of its blocks"));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_true (shmobj_queue_is_closed (queue));
  g_assert_true (shmobj_queue_close (queue, &error)); /* it is said once */
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 2);
  g_assert_false (shmobj_queue_put_loan (queue, lent, 1, 0, NULL, &error));
  assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_true (shmobj_loan_release (lent, &error));
  g_clear_object (&other);
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 0);
}

/* ---- deaths ---- */

static void
run_and_die (void (*act) (ShmobjQueue *), ShmobjQueue *queue)
{
  pid_t child = fork ();

  if (child == 0)
    {
      act (queue);
      raise (SIGKILL);
    }
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
}

static void
borrow_all (ShmobjQueue *queue)
{
  while (shmobj_queue_loan (queue, 1000, 0, NULL, NULL) != NULL)
    ;
}

static void
take_all (ShmobjQueue *queue)
{
  while (shmobj_queue_take (queue, 0, NULL, NULL) != NULL)
    ;
}

static void
test_blocks_of_the_dead_return (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 8192);
  g_autoptr (ShmobjLoan) whole = NULL;

  run_and_die (borrow_all, queue);
  g_assert_cmpuint (statistic (queue, "lent"), >, 0);
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 0);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 0);
  run_and_die (borrow_all, queue);
  whole = borrow (queue, 8192);
  g_assert_cmpuint (statistic (queue, "lent"), ==, 1);
}

static void
test_messages_of_the_dead_return (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 8192);
  g_autoptr (ShmobjLoan) whole = NULL;
  guint n = 0;

  while (n < 5)
    put_filled (queue, 1000, ++n);
  run_and_die (take_all, queue);
  g_assert_cmpuint (shmobj_queue_get_in_use (queue), ==, 0);
  for (guint i = 1; i <= n; i++)
    {
      g_autoptr (ShmobjLoan) loan = take (queue);

      g_assert_cmpuint (shmobj_loan_get_redelivered (loan), ==, 1);
      assert_filled (shmobj_loan_get_data (loan, NULL), shmobj_loan_get_size (loan), i);
    }
  whole = borrow (queue, 8192);
}

static void
work_with_loans (ShmobjQueue *queue)
{
  for (guint i = 0;; i++)
    {
      g_autoptr (ShmobjLoan) out =
          shmobj_queue_loan (queue, 64 + i % 7 * 900, i % 2 ? -1 : 0, NULL, NULL);
      g_autoptr (ShmobjLoan) in = NULL;
      guint64 size = out != NULL ? shmobj_loan_get_size (out) : 0;

      if (out != NULL)
        {
          memset (shmobj_loan_get_data (out, NULL), size % 251, size);
          (void) shmobj_queue_put_loan (queue, out, size, i % 3 ? 0 : 1000, NULL, NULL);
        }
      if (i % 5 == 0)
        {
          g_autoptr (GBytes) copy = shmobj_queue_get_bytes (queue, 0, NULL, NULL);

          if (copy != NULL)
            assert_filled (g_bytes_get_data (copy, NULL), g_bytes_get_size (copy),
                           g_bytes_get_size (copy) % 251);
          continue;
        }
      in = shmobj_queue_take (queue, 0, NULL, NULL);
      if (in != NULL)
        assert_filled (shmobj_loan_get_data (in, NULL), shmobj_loan_get_size (in),
                       shmobj_loan_get_size (in) % 251);
    }
}

/* Writers and readers that are killed anywhere: no message is torn, and the pool is whole. */
static void
test_killed_anywhere (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint rounds = 150 / MAX (slower != NULL ? atoi (slower) : 1, 1);
  g_autoptr (ShmobjQueue) queue = new_queue (0, 64 * 1024);
  guint64 torn = 0;

  for (guint i = 0; i < rounds; i++)
    {
      pid_t child[3];
      guint64 left;

      for (guint k = 0; k < G_N_ELEMENTS (child); k++)
        {
          child[k] = fork ();
          if (child[k] == 0)
            {
              work_with_loans (queue);
              _exit (1);
            }
        }
      g_usleep (g_test_rand_int_range (0, 3000));
      for (guint k = 0; k < G_N_ELEMENTS (child); k++)
        {
          int status;

          kill (child[k], SIGKILL);
          g_assert_cmpint (waitpid (child[k], &status, 0), ==, child[k]);
          torn += !WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL;
        }
      g_assert_cmpuint (torn, ==, 0);
      for (;;)
        {
          g_autoptr (ShmobjLoan) loan = shmobj_queue_take (queue, 0, NULL, NULL);

          if (loan == NULL)
            break;
          assert_filled (shmobj_loan_get_data (loan, NULL), shmobj_loan_get_size (loan),
                         shmobj_loan_get_size (loan) % 251);
        }
      g_object_unref (borrow (queue, 64 * 1024)); /* all of it is free */
      left = statistic (queue, "lent");
      g_assert_cmpuint (left, ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loan/is-not-copied", test_no_copy);
  g_test_add_func ("/loan/any-reader-gets-it", test_any_reader_gets_a_loan);
  g_test_add_func ("/loan/taking-what-was-not-lent", test_take_of_what_was_not_lent);
  g_test_add_func ("/loan/given-back", test_given_back);
  g_test_add_func ("/loan/misuse-is-an-error", test_misuse);
  g_test_add_func ("/loan/forked-child-has-none-of-its-parent's", test_forked);
  g_test_add_func ("/loan/pool-is-bounded", test_pool_is_bounded);
  g_test_add_func ("/loan/waits-for-a-block", test_waits_for_a_block);
  g_test_add_func ("/loan/cancelled-or-shut-down", test_cancelled);
  g_test_add_func ("/loan/in-use-are-those-in-somebody's-hands", test_in_use);
  g_test_add_func ("/loan/in-use-is-reported-at-close", test_in_use_at_close);
  g_test_add_func ("/loan/blocks-of-the-dead-return", test_blocks_of_the_dead_return);
  g_test_add_func ("/loan/messages-of-the-dead-return", test_messages_of_the_dead_return);
  g_test_add_func ("/loan/killed-anywhere", test_killed_anywhere);
  return g_test_run ();
}
