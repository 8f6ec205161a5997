/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every call that can wait, with a cancellable that was cancelled before: it says so, also when it
 * would not have had to wait, and takes and leaves nothing. And sources that end with one. */

#include "queue-fixture.h"

static ShmobjQueue *queue; /* with one message of bytes, and room for another one */
static ShmobjLoan *loan;
static ShmobjConnection *start, *end; /* a message is on its way to end */
static ShmobjListener *listener;
static ShmobjLock *lock;
static ShmobjEvent *event;         /* set */
static ShmobjSemaphore *semaphore; /* with a unit */

static void
set_up (void)
{
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 0, NULL);

  queue = new_queue (2, 0);
  loan = shmobj_queue_loan (queue, 10, 0, NULL, NULL);
  shmobj_queue_put_data (queue, (const guint8 *) "message", 7, 0, NULL, NULL);
  start = shmobj_pipe_steal_start (pipe, NULL);
  end = shmobj_pipe_steal_end (pipe, NULL);
  g_assert_true (shmobj_connection_send (start, g_variant_new_int32 (5), 0, NULL, NULL));
  listener = shmobj_listener_new (NULL, NULL);
  lock = shmobj_lock_new (NULL);
  event = shmobj_event_new (NULL);
  g_assert_true (shmobj_event_set (event, NULL));
  semaphore = shmobj_semaphore_new (1, 1, NULL);
}

static void
tear_down (void)
{
  g_object_unref (loan);
  g_object_unref (queue);
  g_object_unref (start);
  g_object_unref (end);
  g_object_unref (listener);
  g_object_unref (lock);
  g_object_unref (event);
  g_object_unref (semaphore);
}

/* ---- calls that block ---- */

#define CALL(name, expression)                                                                     \
  static gboolean name (gint64 timeout_us, GCancellable *cancellable, GError **error)              \
  {                                                                                                \
    return (expression) != 0;                                                                      \
  }
#define ENDS timeout_us, cancellable

static GVariant *one[1];
static gsize n;

CALL (get, shmobj_queue_get (queue, ENDS, error))
CALL (get_bytes, shmobj_queue_get_bytes (queue, ENDS, error))
CALL (get_many, shmobj_queue_get_many (queue, 1, ENDS, &n, error))
CALL (receive, shmobj_queue_receive (queue, ENDS, error))
CALL (take, shmobj_queue_take (queue, ENDS, error))
CALL (borrow, shmobj_queue_loan (queue, 1, ENDS, error))
CALL (put, shmobj_queue_put (queue, g_variant_new_int32 (1), ENDS, error))
CALL (put_data, shmobj_queue_put_data (queue, (const guint8 *) "x", 1, ENDS, error))
CALL (put_many, shmobj_queue_put_many (queue, one, 1, ENDS, error))
CALL (put_loan, shmobj_queue_put_loan (queue, loan, 1, ENDS, error))
CALL (join, shmobj_queue_join (queue, ENDS, error))
CALL (send, shmobj_connection_send (end, g_variant_new_int32 (1), ENDS, error))
CALL (receive_value, shmobj_connection_receive (end, ENDS, error))
CALL (receive_bytes, shmobj_connection_receive_bytes (end, ENDS, error))
CALL (receive_with_fds, shmobj_connection_receive_with_fds (end, ENDS, error))
CALL (poll_end, shmobj_connection_poll (end, ENDS, error))
CALL (wait_for_ends, shmobj_connection_wait (&end, 1, ENDS, &n, error))
CALL (accept_caller, shmobj_listener_accept (listener, ENDS, error))
CALL (call, shmobj_connection_new_for_name (shmobj_listener_get_name (listener), ENDS, error))
CALL (acquire, shmobj_lock_acquire (lock, ENDS, error))
CALL (wait_for_event, shmobj_event_wait (event, ENDS, error))
CALL (take_unit, shmobj_semaphore_acquire (semaphore, ENDS, error))

static gboolean (*const calls[]) (gint64, GCancellable *, GError **) = {
  get,           get_bytes,     get_many,         receive,   take,          borrow,
  put,           put_data,      put_many,         put_loan,  join,          send,
  receive_value, receive_bytes, receive_with_fds, poll_end,  wait_for_ends, accept_caller,
  call,          acquire,       wait_for_event,   take_unit,
};

static void
test_calls (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  set_up ();
  one[0] = g_variant_ref_sink (g_variant_new_int32 (1));
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < 2 * G_N_ELEMENTS (calls); i++)
    {
      g_assert_false (calls[i / 2](i % 2 ? -1 : 0, cancellable, &error));
      assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  g_variant_unref (one[0]);

  g_assert_cmpuint (shmobj_queue_get_size (queue), ==, 1);
  g_assert_cmpuint (shmobj_queue_get_held (queue), ==, 1);
  value = shmobj_connection_receive (end, 0, NULL, NULL);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 5);
  g_assert_false (shmobj_connection_poll (start, 0, NULL, NULL));
  g_assert_null (shmobj_listener_accept (listener, 0, NULL, NULL));
  g_assert_false (shmobj_lock_is_locked (lock));
  g_assert_cmpuint (shmobj_semaphore_get_value (semaphore), ==, 1);
  tear_down ();
}

/* ---- sources ---- */

static gboolean
on_source (gpointer calls_made)
{
  ++*(guint *) calls_made;
  return G_SOURCE_CONTINUE;
}

static void
check_source (GSource *source, GCancellable *cancellable)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint calls_made = 0;

  g_assert_nonnull (source);
  g_source_set_callback (source, on_source, &calls_made, NULL);
  g_source_attach (source, context);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_assert_cmpuint (calls_made, ==, 0);
  g_cancellable_cancel (cancellable);
  g_main_context_iteration (context, TRUE);
  g_assert_cmpuint (calls_made, ==, 1);
  g_source_destroy (source);
  g_source_unref (source);
}

static void
test_sources (void)
{
  const GIOCondition conditions[] = { G_IO_IN, G_IO_OUT };
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 4096, NULL);
  g_autoptr (ShmobjConnection) here = shmobj_pipe_steal_start (pipe, NULL),
                               there = shmobj_pipe_steal_end (pipe, NULL);

  g_assert_nonnull (there); /* it keeps the pipe open */
  while (shmobj_connection_send (here, g_variant_new_int32 (1), 0, NULL, NULL))
    ; /* no room left to send, and nothing to receive */
  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++)
    {
      g_autoptr (GCancellable) one_end = g_cancellable_new (), other_end = g_cancellable_new ();
      g_autoptr (ShmobjQueue) other = new_queue (1, 0);

      if (conditions[i] == G_IO_OUT)
        put_int (other, 1);
      check_source (shmobj_queue_create_source (other, conditions[i], one_end, NULL), one_end);
      check_source (shmobj_connection_create_source (here, conditions[i], other_end, NULL),
                    other_end);
      g_assert_cmpuint (shmobj_queue_get_size (other), ==, conditions[i] == G_IO_OUT);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cancelled/before-it-began", test_calls);
  g_test_add_func ("/cancelled/source-runs", test_sources);
  return g_test_run ();
}
