/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A message whose holder is killed comes back although everybody else sleeps and nothing is put or
 * got: to every kind of sleeper, and by looking no more often than promised. */

#include "redelivery-fixture.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>

/* In a child of its own; TRUE once it seems to sleep. */
static gboolean
is_asleep (pid_t child)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) child), *text = NULL;
  const char *state;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  state = strrchr (text, ')');
  return state != NULL && state[2] == 'S';
}

static void
wait_until_asleep (pid_t child)
{
  for (int seen = 0; seen < 4; seen = is_asleep (child) ? seen + 1 : 0)
    g_usleep (3000);
}

/* ---- how often one looks, whatever the machine's load: a sleep is over at once ---- */

static guint sleeps, looks, sleeps_after_death;

static long
sleep_no_time (_Atomic (guint32) *word,
               int operation,
               guint32 value,
               const struct timespec *timeout,
               _Atomic (guint32) *word2,
               guint32 value3)
{
  if (operation != FUTEX_WAIT)
    return real.futex (word, operation, value, timeout, word2, value3);
  g_assert_nonnull (timeout);
  g_assert_cmpint (timeout->tv_sec, ==, 0);
  g_assert_cmpint (timeout->tv_nsec, <=, 100000000);
  if (holder == 0)
    sleeps_after_death++;
  else if (++sleeps == 5)
    {
      end (holder);
      holder = 0;
    }
  errno = ETIMEDOUT;
  return -1;
}

static int
count_look (int fd, int command, struct flock *lock)
{
  looks += command == F_OFD_GETLK;
  return real.lock (fd, command, lock);
}

static void
test_each_look (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);

  sleeps = looks = sleeps_after_death = 0;
  holder = start_holder (queue, 7);
  real = sys;
  sys.futex = sleep_no_time;
  sys.lock = count_look;
  g_assert_cmpint (get_int (queue), ==, 7);
  sys = real;
  g_assert_cmpuint (sleeps, ==, 5); /* each of at most 100 ms */
  g_assert_cmpuint (sleeps_after_death, ==, 0);
  g_assert_cmpuint (looks, >=, 5);
  g_assert_cmpuint (looks, <=, 20); /* one or two for each sleep */
}

/* ---- how long a main loop would sleep ---- */

typedef struct
{
  GMainContext *context;
  GSource *source;
  int got, timeout_ms, n_fds;
  GPollFD fds[8];
  int priority;
} Loop;

static gboolean
on_source (gpointer data)
{
  ShmobjQueue *queue = ((gpointer *) data)[0];
  Loop *loop = ((gpointer *) data)[1];
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, NULL);

  if (value != NULL)
    loop->got = g_variant_get_int32 (value);
  return G_SOURCE_CONTINUE;
}

static void
loop_start (Loop *loop, ShmobjQueue *queue)
{
  gpointer *data = g_new (gpointer, 2);

  *loop = (Loop){ .context = g_main_context_new () };
  data[0] = queue;
  data[1] = loop;
  loop->source = shmobj_queue_create_source (queue, G_IO_IN, NULL, NULL);
  g_source_set_callback (loop->source, on_source, data, g_free);
  g_source_attach (loop->source, loop->context);
  g_assert_true (g_main_context_acquire (loop->context));
  g_main_context_iteration (loop->context, FALSE); /* it woke itself when the source came */
}

static void
loop_end (Loop *loop)
{
  g_main_context_release (loop->context);
  g_source_destroy (loop->source);
  g_source_unref (loop->source);
  g_main_context_unref (loop->context);
}

/* Up to where it would sleep; how long, in milliseconds. */
static int
loop_prepare (Loop *loop)
{
  g_assert_false (g_main_context_prepare (loop->context, &loop->priority));
  loop->n_fds = g_main_context_query (loop->context, loop->priority, &loop->timeout_ms, loop->fds,
                                      G_N_ELEMENTS (loop->fds));
  return loop->timeout_ms;
}

static void
loop_sleep (Loop *loop)
{
  g_poll (loop->fds, loop->n_fds, loop->timeout_ms);
  if (g_main_context_check (loop->context, loop->priority, loop->fds, loop->n_fds))
    g_main_context_dispatch (loop->context);
}

static void
test_timers (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0);
  g_autoptr (ShmobjMessage) message = NULL;
  Loop loop;

  loop_start (&loop, queue);
  g_assert_cmpint (loop_prepare (&loop), ==, -1);
  put_int (queue, 1);
  message = shmobj_queue_receive (queue, 0, NULL, NULL);
  g_assert_cmpint (loop_prepare (&loop), ==, -1); /* a lone process need not look after itself */
  g_assert_true (shmobj_message_done (message, NULL));
  holder = start_holder (queue, 2);
  g_assert_cmpint (loop_prepare (&loop), <=, 100);
  g_assert_cmpint (loop.timeout_ms, >, 0);
  end (holder);
  while (loop.got != 2)
    {
      if (g_main_context_prepare (loop.context, &loop.priority))
        g_main_context_dispatch (loop.context);
      g_main_context_iteration (loop.context, TRUE);
    }
  loop_end (&loop);
}

static int
look_for_message (ShmobjQueue *queue)
{
  g_autoptr (ShmobjMessage) message = shmobj_queue_receive (queue, 0, NULL, NULL);

  return message != NULL;
}

static int
look_for_value (ShmobjQueue *queue)
{
  g_autoptr (GVariant) value = shmobj_queue_get (queue, 0, NULL, NULL);

  return value != NULL;
}

/* Another one silences the bell and dies, before we who polled it have run at all; also when we
 * fell asleep before anything was ever received. */
static void
test_bell_silenced (gconstpointer data)
{
  int (*join) (ShmobjQueue *) = (int (*) (ShmobjQueue *)) data;
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0), go = new_queue (0, 0), done = new_queue (0, 0);
  pid_t child = fork ();
  Loop loop;

  if (child == 0)
    {
      g_autoptr (ShmobjMessage) message = NULL;
      int fd;

      put_int (done, join (queue));
      get_int (go);
      put_int (queue, 3);
      message = shmobj_queue_receive (queue, 0, NULL, NULL);
      fd = shmobj_queue_get_fd (queue, G_IO_IN, NULL);
      put_int (done, message != NULL && fd >= 0);
      for (;;)
        pause ();
    }
  get_int (done);
  loop_start (&loop, queue);
  g_assert_cmpint (loop_prepare (&loop), >, 0);
  g_assert_cmpint (loop.timeout_ms, <=, 1000);
  put_int (go, 0);
  g_assert_cmpint (get_int (done), ==, TRUE);
  g_assert_cmpint (g_poll (loop.fds, loop.n_fds, 0), ==, 0);
  end (child);
  loop_sleep (&loop);
  while (loop.got != 3)
    g_main_context_iteration (loop.context, TRUE);
  loop_end (&loop);
}

/* The kernel is asked for company once a second, however often a loop goes to sleep, and not at all
 * by who is alone. */
static void
test_looks_of_a_busy_loop (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0), done = new_queue (0, 0);
  gint64 begin_us;
  pid_t child;
  Loop loop;

  loop_start (&loop, queue);
  g_assert_cmpint (shmobj_queue_get_fd (queue, G_IO_IN, NULL), >=, 0);
  real = sys;
  sys.lock = count_look;
  looks = 0;
  for (int i = 0; i < 50; i++)
    {
      g_assert_false (look_for_value (queue));
      g_assert_cmpint (loop_prepare (&loop), ==, -1);
    }
  g_assert_cmpuint (looks, ==, 0);
  child = fork ();
  if (child == 0)
    {
      put_int (done, look_for_value (queue));
      for (;;)
        pause ();
    }
  get_int (done);
  begin_us = g_get_monotonic_time ();
  looks = 0;
  for (int i = 0; i < 50; i++)
    {
      g_assert_false (look_for_message (queue));
      g_assert_cmpint (loop_prepare (&loop), >, 0);
    }
  g_assert_cmpuint (looks, >=, 1);
  g_assert_cmpint (looks, <=, 2 + (g_get_monotonic_time () - begin_us) / G_USEC_PER_SEC);
  sys = real;
  end (child);
  loop_end (&loop);
}

/* ---- every kind of sleeper, for real ---- */

static int
by_get (ShmobjQueue *queue)
{
  return get_int (queue);
}

static int
number_of (ShmobjMessage *message)
{
  g_autoptr (GVariant) value = shmobj_message_get_value (message, NULL);

  g_assert_true (shmobj_message_done (message, NULL));
  shmobj_message_unref (message);
  return g_variant_get_int32 (value);
}

static int
by_receive (ShmobjQueue *queue)
{
  return number_of (shmobj_queue_receive (queue, LONG_US, NULL, NULL));
}

static int
by_cancellable (ShmobjQueue *queue)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  return number_of (shmobj_queue_receive (queue, LONG_US, cancellable, NULL));
}

static int
by_many (ShmobjQueue *queue)
{
  gsize n = 0;
  g_autofree GVariant **values = shmobj_queue_get_many (queue, 10, LONG_US, NULL, &n, NULL);
  g_autoptr (GVariant) value = values[0];

  return g_variant_get_int32 (value);
}

static int
by_wait (ShmobjQueue *queue)
{
  g_autoptr (GVariant) value = NULL;

  g_assert_true (shmobj_queue_wait (queue, G_IO_IN, LONG_US));
  value = shmobj_queue_get (queue, 0, NULL, NULL);
  return g_variant_get_int32 (value);
}

static void
on_got (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GVariant **) data = shmobj_queue_get_finish (SHMOBJ_QUEUE (source), result, NULL);
}

static int
by_async (ShmobjQueue *queue)
{
  g_autoptr (GVariant) value = NULL;

  shmobj_queue_get_async (queue, LONG_US, NULL, on_got, &value);
  while (value == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_variant_get_int32 (value);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static int
by_receive_async (ShmobjQueue *queue)
{
  g_autoptr (GAsyncResult) result = NULL;

  shmobj_queue_receive_async (queue, LONG_US, NULL, keep_result, &result);
  return number_of (shmobj_queue_receive_finish (queue, wait_for (&result), NULL));
}

static int
by_many_async (ShmobjQueue *queue)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree GVariant **values = NULL;
  g_autoptr (GVariant) value = NULL;
  gsize n;

  shmobj_queue_get_many_async (queue, 10, LONG_US, NULL, keep_result, &result);
  values = shmobj_queue_get_many_finish (queue, wait_for (&result), &n, NULL);
  value = values[0];
  return g_variant_get_int32 (value);
}

static int
by_source (ShmobjQueue *queue)
{
  Loop loop;

  loop_start (&loop, queue);
  while (loop.got == 0)
    g_main_context_iteration (loop.context, TRUE);
  loop_end (&loop);
  return loop.got;
}

static int
by_descriptor (ShmobjQueue *queue)
{
  struct pollfd fd = { .fd = shmobj_queue_get_fd (queue, G_IO_IN, NULL), .events = POLLIN };
  g_autoptr (GVariant) value = NULL;

  for (guint i = 0; value == NULL; i++)
    {
      value = shmobj_queue_get (queue, 0, NULL, NULL);
      g_assert_cmpint (value != NULL || poll (&fd, 1, LONG_US / 1000), ==, 1);
      g_assert_cmpuint (i, <, 100000); /* it is silent between looks */
    }
  return g_variant_get_int32 (value);
}

static void
test_sleeper (gconstpointer data)
{
  int (*sleeper) (ShmobjQueue *) = (int (*) (ShmobjQueue *)) data;

  for (int i = 1; i <= 3; i++)
    {
      g_autoptr (ShmobjQueue) queue = new_queue (0, 0), done = new_queue (0, 0);
      pid_t dies = start_holder (queue, i), child = fork ();
      g_autoptr (GVariant) value = NULL;

      if (child == 0)
        {
          put_int (done, sleeper (queue));
          pause ();
        }
      wait_until_asleep (child);
      end (dies);
      value = shmobj_queue_get (done, LONG_US / 2, NULL, NULL);
      g_assert_nonnull (value);
      g_assert_cmpint (g_variant_get_int32 (value), ==, i);
      end (child);
    }
}

static gboolean
join (ShmobjQueue *queue)
{
  return shmobj_queue_join (queue, LONG_US, NULL, NULL);
}

static gboolean
join_async (ShmobjQueue *queue)
{
  g_autoptr (GAsyncResult) result = NULL;

  shmobj_queue_join_async (queue, LONG_US, NULL, keep_result, &result);
  return shmobj_queue_join_finish (queue, wait_for (&result), NULL);
}

static void
test_join (gconstpointer data)
{
  gboolean (*how) (ShmobjQueue *) = (gboolean (*) (ShmobjQueue *)) data;
  g_autoptr (ShmobjQueue) queue = new_queue (0, 0), done = new_queue (0, 0);
  pid_t dies = start_holder (queue, 5), joins = fork (), works;
  g_autoptr (GVariant) value = NULL;

  if (joins == 0)
    {
      put_int (done, how (queue));
      pause ();
    }
  works = fork ();
  if (works == 0)
    {
      by_receive (queue);
      pause ();
    }
  wait_until_asleep (works);
  end (dies);
  value = shmobj_queue_get (done, LONG_US / 2, NULL, NULL);
  g_assert_nonnull (value);
  g_assert_cmpint (g_variant_get_int32 (value), ==, TRUE);
  end (joins);
  end (works);
}

/* What is taken and lent comes back in the same way: a message that lies in a block, and then the
 * block, to main loops that wait for them. */
static void
test_loans (void)
{
  g_autoptr (ShmobjQueue) queue = new_queue (0, 4096), ready = new_queue (0, 0);
  g_autoptr (ShmobjLoan) block = shmobj_queue_loan (queue, 4000, 0, NULL, NULL), taken = NULL;
  g_autoptr (GAsyncResult) took = NULL, lent = NULL;
  g_autoptr (GError) error = NULL;
  pid_t child;

  g_assert_true (shmobj_queue_put_loan (queue, block, 4000, 0, NULL, &error));
  child = fork ();
  if (child == 0)
    {
      taken = shmobj_queue_take (queue, 0, NULL, NULL);
      put_int (ready, taken != NULL);
      for (;;)
        pause ();
    }
  g_assert_cmpint (get_int (ready), ==, TRUE);
  shmobj_queue_take_async (queue, LONG_US, NULL, keep_result, &took);
  shmobj_queue_loan_async (queue, 4000, LONG_US, NULL, keep_result, &lent);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  end (child);
  taken = shmobj_queue_take_finish (queue, wait_for (&took), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_loan_get_redelivered (taken), ==, 1);
  g_assert_null (lent);

  child = fork ();
  if (child == 0)
    {
      g_autoptr (ShmobjLoan) other = shmobj_queue_loan (queue, 4000, LONG_US, NULL, NULL);

      put_int (ready, other != NULL);
      for (;;)
        pause ();
    }
  g_assert_true (shmobj_loan_release (taken, &error));
  g_assert_cmpint (get_int (ready), ==, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (lent);
  end (child);
  g_clear_object (&block);
  block = shmobj_queue_loan_finish (queue, wait_for (&lent), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_loan_get_size (block), ==, 4000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redelivery/looks-every-100-ms-and-no-oftener", test_each_look);
  g_test_add_func ("/redelivery/a-main-loop-has-a-timer-only-while-there-is-a-reason", test_timers);
  g_test_add_data_func ("/redelivery/a-bell-that-another-one-silenced", look_for_message,
                        test_bell_silenced);
  g_test_add_data_func ("/redelivery/a-bell-armed-before-anybody-received", look_for_value,
                        test_bell_silenced);
  g_test_add_func ("/redelivery/a-busy-loop-asks-for-company-once-a-second",
                   test_looks_of_a_busy_loop);
#define ADD(how, function) g_test_add_data_func ("/redelivery/" how, function, test_sleeper)
  ADD ("a-get-that-sleeps", by_get);
  ADD ("a-receive-that-sleeps", by_receive);
  ADD ("one-that-can-be-cancelled", by_cancellable);
  ADD ("one-for-several", by_many);
  ADD ("a-wait", by_wait);
  ADD ("a-main-loop-that-gets", by_async);
  ADD ("a-main-loop-that-receives", by_receive_async);
  ADD ("a-main-loop-that-gets-several", by_many_async);
  ADD ("a-main-loop-with-a-source", by_source);
  ADD ("who-polls-a-descriptor", by_descriptor);
  g_test_add_data_func ("/redelivery/join-does-not-wait-for-the-dead", join, test_join);
  g_test_add_data_func ("/redelivery/nor-does-it-in-a-main-loop", join_async, test_join);
  g_test_add_func ("/redelivery/main-loops-that-wait-for-loans", test_loans);
  return g_test_run ();
}
