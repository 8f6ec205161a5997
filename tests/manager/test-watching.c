/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for changes of containers: in a call, in a main loop, by a descriptor. */

#include <shmobj.h>

#include "manager/container.h"
#include "manager/watchers.h"

#include "containers-fixture.h"

#include <poll.h>

#define LONG_US (60 * G_USEC_PER_SEC) /* longer than any test: whoever waits it out has failed */

static void
assert_times_out (gpointer container, guint64 since, gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (shmobj_container_wait (container, since, timeout_us, NULL, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
test_returns_at_once_what_is_new (Fixture *f, gconstpointer unused)
{
  gpointer all[] = { f->list, f->dict, f->value };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_assert_cmpuint (shmobj_container_wait (all[i], 0, LONG_US, NULL, NULL), ==, 1);
      assert_times_out (all[i], 1, 0);
      assert_times_out (all[i], 1, 1000);
      assert_times_out (all[i], G_MAXUINT64, 1000);
    }

  append (f->list, 1);
  append (f->list, 2);
  g_assert_cmpuint (shmobj_container_wait (SHMOBJ_CONTAINER (f->list), 1, LONG_US, NULL, NULL), ==,
                    3);
  assert_times_out (f->list, 3, 0);
}

static void
test_says_what_did_not_come (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  shmobj_container_wait (SHMOBJ_CONTAINER (f->list), 1, 2000, NULL, &error);
  g_assert_cmpstr (error->message, ==, "The container did not change within 0.002 s");
  g_clear_error (&error);
  g_assert_null (
      shmobj_dict_wait_key (f->dict, g_variant_new_string ("k"), NULL, 2000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, "The key did not come within 0.002 s");
}

typedef struct
{
  ShmobjContainer *container;
  GCancellable *cancellable;
  guint64 since, got;
  int code;
} Waiter;

static gpointer
wait_in_thread (gpointer data)
{
  Waiter *waiter = data;
  g_autoptr (GError) error = NULL;

  waiter->got = shmobj_container_wait (waiter->container, waiter->since, LONG_US,
                                       waiter->cancellable, &error);
  waiter->code = error != NULL ? error->code : -1;
  return NULL;
}

/* Until somebody waits for @container: then its bit is set, and its word or bell is asked for. */
static void
until_asleep (ShmobjContainer *container, gboolean by_bell)
{
  Store *store = manager_get_store (shmobj_container_get_manager (container), NULL);
  Watchers *watchers = store_get_watchers (store);
  guint number = container_get_id (container) % WATCHERS_SLOTS;
  WatchersSlot *slot = &watchers->gate->watchers->slots[number];

  while (by_bell ? slot->listening == 0 : !(slot->word & WAIT_SLEEPER))
    g_usleep (100);
  while (!(watchers->gate->watchers->armed[number / 64] & (G_GUINT64_CONSTANT (1) << number % 64)))
    g_usleep (100);
}

static void
test_change_wakes_all (Fixture *f, gconstpointer unused)
{
  for (int round = 0; round < 20; round++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Waiter waiters[4];
      GThread *threads[4];

      for (guint i = 0; i < 4; i++)
        {
          waiters[i] = (Waiter){ .container = SHMOBJ_CONTAINER (f->list),
                                 .cancellable = i % 2 == 1 ? cancellable : NULL,
                                 .since = round + 1 };
          threads[i] = g_thread_new ("waiter", wait_in_thread, &waiters[i]);
        }
      if (round % 2 == 0)
        {
          until_asleep (waiters[0].container, FALSE);
          until_asleep (waiters[1].container, TRUE);
        }
      append (f->list, round);
      for (guint i = 0; i < 4; i++)
        {
          g_thread_join (threads[i]);
          g_assert_cmpuint (waiters[i].got, ==, round + 2);
        }
    }
}

static void
test_change_of_another_does_not_end_it (Fixture *f, gconstpointer unused)
{
  Waiter waiter = { .container = SHMOBJ_CONTAINER (f->list), .since = 1 };
  GThread *thread = g_thread_new ("waiter", wait_in_thread, &waiter);

  until_asleep (waiter.container, FALSE);
  for (int i = 0; i < 100; i++)
    set_key (f->dict, "k", i);
  append (f->list, 1);
  g_thread_join (thread);
  g_assert_cmpuint (waiter.got, ==, 2);
}

static void
test_failed_write_wakes_nobody_for_good (Fixture *f, gconstpointer unused)
{
  Waiter waiter = { .container = SHMOBJ_CONTAINER (f->list), .since = 1 };
  GThread *thread = g_thread_new ("waiter", wait_in_thread, &waiter);

  until_asleep (waiter.container, FALSE);
  g_assert_null (shmobj_list_pop (f->list, -1, NULL));
  append (f->list, 1);
  g_thread_join (thread);
  g_assert_cmpuint (waiter.got, ==, 2);
}

static void
test_close_ends_a_wait (Fixture *f, gconstpointer by_bell)
{
  g_autoptr (GCancellable) cancellable = by_bell != NULL ? g_cancellable_new () : NULL;
  Waiter waiter = { .container = SHMOBJ_CONTAINER (f->list),
                    .cancellable = cancellable,
                    .since = 1 };
  GThread *thread = g_thread_new ("waiter", wait_in_thread, &waiter);

  until_asleep (waiter.container, by_bell != NULL);
  shmobj_container_close (waiter.container);
  g_thread_join (thread);
  g_assert_cmpuint (waiter.got, ==, 0);
  g_assert_cmpint (waiter.code, ==, SHMOBJ_ERROR_CLOSED);
}

static void
test_cancelling_ends_a_wait (Fixture *f, gconstpointer unused)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiter waiter = { .container = SHMOBJ_CONTAINER (f->list),
                    .cancellable = cancellable,
                    .since = 1 };
  GThread *thread = g_thread_new ("waiter", wait_in_thread, &waiter);

  until_asleep (waiter.container, TRUE);
  g_cancellable_cancel (cancellable);
  g_thread_join (thread);
  g_assert_cmpint (waiter.code, ==, G_IO_ERROR_CANCELLED);
  wait_in_thread (&waiter); /* before it even began */
  g_assert_cmpint (waiter.code, ==, G_IO_ERROR_CANCELLED);
}

static gpointer
append_thousands (gpointer data)
{
  for (int i = 0; i < 5000; i++)
    append (data, i);
  return NULL;
}

/* Never silent: a writer at full speed, and a waiter that stops at each revision that it is told.
 */
static void
test_no_change_is_missed (Fixture *f, gconstpointer by_bell)
{
  g_autoptr (GCancellable) cancellable = by_bell != NULL ? g_cancellable_new () : NULL;
  GThread *thread = g_thread_new ("writer", append_thousands, f->list);
  guint64 revision = 1;

  while (revision < 5001)
    {
      guint64 next =
          shmobj_container_wait (SHMOBJ_CONTAINER (f->list), revision, LONG_US, cancellable, NULL);

      g_assert_cmpuint (next, >, revision);
      revision = next;
    }
  g_thread_join (thread);
}

static void
finish_wait (GObject *source, GAsyncResult *result, gpointer data)
{
  Waiter *waiter = data;
  g_autoptr (GError) error = NULL;

  waiter->got = shmobj_container_wait_finish (SHMOBJ_CONTAINER (source), result, &error);
  waiter->code = error != NULL ? error->code : -1;
  waiter->container = NULL;
}

static void
iterate_until_done (Waiter *waiter)
{
  while (waiter->container != NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_async_forms (Fixture *f, gconstpointer unused)
{
  ShmobjContainer *list = SHMOBJ_CONTAINER (f->list);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiter new = { list }, late = { list }, cancelled = { list }, woken = { list };

  shmobj_container_wait_async (list, 0, LONG_US, NULL, finish_wait, &new);
  shmobj_container_wait_async (list, 1, 5000, NULL, finish_wait, &late);
  shmobj_container_wait_async (list, 1, LONG_US, cancellable, finish_wait, &cancelled);
  shmobj_container_wait_async (list, 1, -1, NULL, finish_wait, &woken);
  g_assert_nonnull (new.container); /* nothing is called before the main loop runs */
  iterate_until_done (&new);
  g_assert_cmpuint (new.got, ==, 1);
  iterate_until_done (&late);
  g_assert_cmpint (late.code, ==, G_IO_ERROR_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  iterate_until_done (&cancelled);
  g_assert_cmpint (cancelled.code, ==, G_IO_ERROR_CANCELLED);
  g_assert_nonnull (woken.container);

  append (f->list, 1);
  iterate_until_done (&woken);
  g_assert_cmpuint (woken.got, ==, 2);
}

static void
test_async_is_woken_from_another_thread (Fixture *f, gconstpointer unused)
{
  for (guint64 revision = 1; revision < 5001;)
    {
      Waiter waiter = { SHMOBJ_CONTAINER (f->list) };
      GThread *thread = NULL;

      shmobj_container_wait_async (waiter.container, revision, LONG_US, NULL, finish_wait, &waiter);
      if (revision == 1)
        thread = g_thread_new ("writer", append_thousands, f->list);
      iterate_until_done (&waiter);
      g_assert_cmpuint (waiter.got, >, revision);
      revision = waiter.got;
      if (thread != NULL)
        g_thread_unref (thread);
    }
}

static void
test_async_close_ends_it (Fixture *f, gconstpointer unused)
{
  Waiter waiter = { SHMOBJ_CONTAINER (f->list) };

  shmobj_container_wait_async (waiter.container, 1, LONG_US, NULL, finish_wait, &waiter);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  shmobj_container_close (waiter.container);
  iterate_until_done (&waiter);
  g_assert_cmpint (waiter.code, ==, SHMOBJ_ERROR_CLOSED);

  waiter.container = SHMOBJ_CONTAINER (f->list);
  shmobj_container_wait_async (waiter.container, 1, LONG_US, NULL, finish_wait, &waiter);
  iterate_until_done (&waiter);
  g_assert_cmpint (waiter.code, ==, SHMOBJ_ERROR_CLOSED);
}

static gboolean
is_readable (int fd)
{
  struct pollfd one = { .fd = fd, .events = POLLIN };

  return poll (&one, 1, 0) == 1;
}

static void
test_descriptor (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  ShmobjContainer *list = SHMOBJ_CONTAINER (f->list);
  int fd = shmobj_container_get_fd (list, &error);

  g_assert_no_error (error);
  g_assert_cmpint (fd, ==, shmobj_container_get_fd (list, NULL));
  assert_times_out (list, 1, 0);
  g_assert_false (is_readable (fd));

  append (f->list, 1);
  g_assert_true (is_readable (fd));
  append (f->list, 2);
  g_assert_true (is_readable (fd));
  g_assert_cmpuint (shmobj_container_wait (list, 1, 0, NULL, NULL), ==, 3);
  g_assert_false (is_readable (fd));
  append (f->list, 3);
  g_assert_true (is_readable (fd));
  g_assert_cmpuint (shmobj_container_wait (list, 3, 0, NULL, NULL), ==, 4);
  assert_times_out (list, 4, 0);
  g_assert_false (is_readable (fd));
}

static void
test_descriptor_never_misses (Fixture *f, gconstpointer unused)
{
  ShmobjContainer *list = SHMOBJ_CONTAINER (f->list);
  struct pollfd one = { .fd = shmobj_container_get_fd (list, NULL), .events = POLLIN };
  GThread *thread = g_thread_new ("writer", append_thousands, f->list);
  guint64 revision = 1;

  while (revision < 5001)
    {
      guint64 next;

      g_assert_cmpint (poll (&one, 1, LONG_US / 1000), ==, 1);
      next = shmobj_container_wait (list, revision, 0, NULL, NULL);
      if (next != 0)
        revision = next;
    }
  g_thread_join (thread);
}

static gpointer
set_keys (gpointer dict)
{
  set_key (dict, "other", 1);
  set_key (dict, "mine", 1);
  set_key (dict, "mine", 2);
  return NULL;
}

static void
test_wait_for_a_key (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("writer", set_keys, f->dict);
  g_autoptr (GVariant) value = NULL;

  do
    {
      g_autoptr (GVariant) last = g_steal_pointer (&value);

      value = shmobj_dict_wait_key (f->dict, g_variant_new_string ("mine"), last, LONG_US, NULL,
                                    &error);
      g_assert_no_error (error);
    }
  while (g_variant_get_int32 (value) < 2);
  g_thread_join (thread);

  g_assert_null (shmobj_dict_wait_key (f->dict, g_variant_new_string ("mine"),
                                       g_variant_new_int64 (2), 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT); /* all integers of 2 are the same */
  g_clear_error (&error);
  g_assert_null (
      shmobj_dict_wait_key (f->dict, g_variant_new ("(ah)", NULL), NULL, 0, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
}

static void
finish_key (GObject *source, GAsyncResult *result, gpointer data)
{
  GVariant **value = data;
  g_autoptr (GError) error = NULL;

  *value = shmobj_dict_wait_key_finish (SHMOBJ_DICT (source), result, &error);
  if (*value == NULL)
    *value = g_variant_ref_sink (g_variant_new_string (g_quark_to_string (error->domain)));
}

static int
await_number (GVariant **value)
{
  int number;

  while (*value == NULL)
    g_main_context_iteration (NULL, TRUE);
  number = g_variant_is_of_type (*value, G_VARIANT_TYPE_INT32) ? g_variant_get_int32 (*value) : -1;
  g_clear_pointer (value, g_variant_unref);
  return number;
}

static void
test_wait_for_a_key_async (Fixture *f, gconstpointer unused)
{
  GVariant *value = NULL, *wrong = NULL;

  shmobj_dict_wait_key_async (f->dict, g_variant_new_string ("mine"), g_variant_new_int32 (1),
                              LONG_US, NULL, finish_key, &value);
  shmobj_dict_wait_key_async (f->dict, g_variant_new ("(ah)", NULL), NULL, LONG_US, NULL,
                              finish_key, &wrong);
  g_assert_cmpint (await_number (&wrong), ==, -1);
  set_key (f->dict, "other", 1);
  set_key (f->dict, "mine", 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (value);
  set_key (f->dict, "mine", 2);
  g_assert_cmpint (await_number (&value), ==, 2);
}

static void
test_not_inside_of_a_transaction (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjTransaction) transaction = shmobj_manager_begin (f->manager, -1, NULL, &error);

  g_assert_no_error (error);
  append (f->list, 1);
  g_assert_cmpuint (shmobj_container_wait (SHMOBJ_CONTAINER (f->list), 1, LONG_US, NULL, NULL), ==,
                    2);
  g_assert_cmpuint (shmobj_container_wait (SHMOBJ_CONTAINER (f->list), 2, LONG_US, NULL, &error),
                    ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_false (shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  shmobj_transaction_rollback (transaction);
}

/* What is rolled back was never told, and what then comes with the same revision is. */
static void
test_loop_inside_of_a_transaction (Fixture *f, gconstpointer unused)
{
  g_autoptr (ShmobjTransaction) transaction = NULL;
  Waiter waiter = { SHMOBJ_CONTAINER (f->list) };

  shmobj_container_wait_async (waiter.container, 1, LONG_US, NULL, finish_wait, &waiter);
  dispatch ();
  transaction = shmobj_manager_begin (f->manager, -1, NULL, NULL);
  append (f->list, 1);
  for (int i = 0; i < 5; i++)
    {
      g_usleep (1500);
      dispatch ();
    }
  g_assert_nonnull (waiter.container);
  shmobj_transaction_rollback (transaction);
  append (f->list, 2);
  iterate_until_done (&waiter);
  g_assert_cmpuint (waiter.got, ==, 2);
}

/* More objects than there are slots: those that share one wake each other and look, no more. */
static void
test_objects_that_share_a_slot (Fixture *f, gconstpointer unused)
{
  g_autoptr (ShmobjList) same = NULL;
  Waiter waiter = { .container = SHMOBJ_CONTAINER (f->list), .since = 1 };
  GThread *thread;

  do
    {
      g_clear_object (&same);
      same = shmobj_manager_open_list (f->manager, NULL, 0, NULL, NULL);
    }
  while (container_get_id (same) % WATCHERS_SLOTS != container_get_id (f->list) % WATCHERS_SLOTS);

  thread = g_thread_new ("waiter", wait_in_thread, &waiter);
  until_asleep (waiter.container, FALSE);
  append (same, 1);
  until_asleep (waiter.container, FALSE);
  append (f->list, 1);
  g_thread_join (thread);
  g_assert_cmpuint (waiter.got, ==, 2);
}

static void
test_touched (void)
{
  Touched touched = { 0 };

  touched_add (&touched, 5);
  touched_add (&touched, 5);
  touched_add (&touched, 6);
  g_assert_cmpuint (touched.n, ==, 2);
  for (guint64 id = 0; id < 100; id++)
    touched_add (&touched, id);
  g_assert_cmpuint (touched.n, ==, TOUCHED_MAX + 1);
}

/* A writer that dies in its commit has woken before: then it is waited for no longer than it lives.
 */
static void
test_turn_that_was_left_odd (Fixture *f, gconstpointer unused)
{
  Watchers *watchers = store_get_watchers (manager_get_store (f->manager, NULL));
  guint64 id = container_get_id (f->list);
  Touched touched = { .n = 1, .ids = { id } };
  guint32 seen, again;

  g_assert_true (watchers_arm (watchers, id, WATCHERS_AWAKE, &seen));
  g_assert_true (gate_enter (watchers->gate, -1, NULL, NULL));
  watchers_begin_commit (watchers, &touched);
  g_assert_true (watchers_is_stirred (watchers, id, seen));
  g_assert_false (watchers_arm (watchers, id, WATCHERS_AWAKE, &again));
  assert_times_out (f->list, 1, 2000);

  gate_leave (watchers->gate); /* as if it had died: the turn stays odd */
  g_assert_true (watchers_arm (watchers, id, WATCHERS_AWAKE, &seen));
  assert_times_out (f->list, 1, 2000);
  append (f->list, 1);
  g_assert_true (watchers_is_stirred (watchers, id, seen));
  g_assert_cmpuint (watchers->gate->watchers->turn % 2, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, data, func) g_test_add (path, Fixture, data, set_up, func, tear_down)
  ADD ("/watching/returns-at-once-what-is-new", NULL, test_returns_at_once_what_is_new);
  ADD ("/watching/says-what-did-not-come", NULL, test_says_what_did_not_come);
  ADD ("/watching/change-wakes-all", NULL, test_change_wakes_all);
  ADD ("/watching/change-of-another-does-not-end-it", NULL, test_change_of_another_does_not_end_it);
  ADD ("/watching/failed-write-wakes-nobody-for-good", NULL,
       test_failed_write_wakes_nobody_for_good);
  ADD ("/watching/close-ends-a-wait", NULL, test_close_ends_a_wait);
  ADD ("/watching/close-ends-a-wait-by-bell", "bell", test_close_ends_a_wait);
  ADD ("/watching/cancelling-ends-a-wait", NULL, test_cancelling_ends_a_wait);
  ADD ("/watching/no-change-is-missed", NULL, test_no_change_is_missed);
  ADD ("/watching/no-change-is-missed-by-bell", "bell", test_no_change_is_missed);
  ADD ("/watching/async-forms", NULL, test_async_forms);
  ADD ("/watching/async-is-woken-from-another-thread", NULL,
       test_async_is_woken_from_another_thread);
  ADD ("/watching/async-close-ends-it", NULL, test_async_close_ends_it);
  ADD ("/watching/descriptor", NULL, test_descriptor);
  ADD ("/watching/descriptor-never-misses", NULL, test_descriptor_never_misses);
  ADD ("/watching/wait-for-a-key", NULL, test_wait_for_a_key);
  ADD ("/watching/wait-for-a-key-async", NULL, test_wait_for_a_key_async);
  ADD ("/watching/not-inside-of-a-transaction", NULL, test_not_inside_of_a_transaction);
  ADD ("/watching/loop-inside-of-a-transaction", NULL, test_loop_inside_of_a_transaction);
  ADD ("/watching/objects-that-share-a-slot", NULL, test_objects_that_share_a_slot);
  ADD ("/watching/turn-that-was-left-odd", NULL, test_turn_that_was_left_odd);
#undef ADD
  g_test_add_func ("/watching/touched", test_touched);
  return g_test_run ();
}
