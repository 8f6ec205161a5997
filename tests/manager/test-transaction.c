/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions in one process: what they see, what they leave, and who ends them. */

#include <shmobj.h>

#include "manager/container.h"
#include "manager/manager-private.h"
#include "manager/store-private.h"
#include "transaction-fixture.h"

#include <string.h>

/* One change of each; afterwards the three agree on @n. */
static gboolean
change_all (Fixture *self, int n, GError **error)
{
  return shmobj_list_append (self->list, g_variant_new_int32 (n), error) &&
         shmobj_dict_set (self->dict, g_variant_new_string ("n"), g_variant_new_int32 (n), error) &&
         shmobj_value_set (self->value, g_variant_new_int32 (n), error);
}

static int
get_value (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_value_get (self->value, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (value);
}

/* @n was the last change of all three, 0: there was none. */
static void
assert_all (Fixture *self, int n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) entry = NULL, item = NULL;

  g_assert_cmpint (get_value (self), ==, n);
  g_assert_cmpint (shmobj_list_get_length (self->list, &error), ==, n);
  g_assert_no_error (error);
  entry = shmobj_dict_lookup (self->dict, g_variant_new_string ("n"), &error);
  g_assert_no_error (error);
  if (n == 0)
    {
      g_assert_null (entry);
      return;
    }
  g_assert_cmpint (g_variant_get_int32 (entry), ==, n);
  item = shmobj_list_get (self->list, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (item), ==, n);
}

static gpointer
look_from_outside (gpointer data)
{
  assert_all (((gpointer *) data)[0], GPOINTER_TO_INT (((gpointer *) data)[1]));
  return NULL;
}

/* What another thread sees. */
static void
assert_all_outside (Fixture *self, int n)
{
  gpointer args[] = { self, GINT_TO_POINTER (n) };

  g_thread_join (g_thread_new ("outside", look_from_outside, args));
}

static gboolean
change_and_look (ShmobjManager *manager, gpointer data, GError **error)
{
  Fixture *self = data;

  g_assert_true (manager == self->manager);
  if (!change_all (self, 1, error))
    return FALSE;
  assert_all (self, 1);
  assert_all_outside (self, 0);
  return TRUE;
}

static gboolean
change_and_fail (ShmobjManager *manager, gpointer data, GError **error)
{
  g_assert_true (change_and_look (manager, data, error));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "changed my mind");
  return FALSE;
}

static void
test_all_or_nothing (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_manager_transact (self->manager, 0, change_and_fail, self, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_clear_error (&error);
  assert_all (self, 0);

  g_assert_true (shmobj_manager_transact (self->manager, 0, change_and_look, self, NULL, &error));
  g_assert_no_error (error);
  assert_all (self, 1);
  assert_all_outside (self, 1);

  /* the gate is open again */
  shmobj_manager_set_write_timeout_us (self->manager, 0);
  g_assert_true (change_all (self, 2, &error));
  assert_all (self, 2);
}

static void
test_other_handles_take_part (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) one = shmobj_manager_new ("twice", NULL, &error);
  g_autoptr (ShmobjManager) other = shmobj_manager_new ("twice", NULL, &error);
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (one, "list", 0, NULL, &error);
  g_autoptr (ShmobjList) same = NULL;
  g_autoptr (ShmobjTransaction) transaction = shmobj_manager_begin (one, 0, NULL, &error);

  g_assert_no_error (error);
  same = shmobj_manager_open_list (other, "list", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_list_append (same, g_variant_new_int32 (1), &error));
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  shmobj_transaction_rollback (transaction);
  g_assert_cmpint (shmobj_list_get_length (same, NULL), ==, 0);
  g_assert_true (change_all (self, 1, NULL)); /* another manager */
}

static void
test_a_failed_call_leaves_nothing (Fixture *self, gconstpointer data)
{
  GVariant *bad[] = { g_variant_new_string ("x"), g_variant_new_handle (0) };
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = begin (self);

  g_assert_true (change_all (self, 1, &error));
  g_assert_false (shmobj_list_extend (self->list, bad, 2, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_clear_error (&error);
  g_assert_null (shmobj_value_add (self->value, g_variant_new_string ("no number"), &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_null (shmobj_list_pop (self->list, 7, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_all (self, 1);
  commit (transaction);
  assert_all (self, 1);
}

static void
test_parts (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *outer = begin (self), *part, *inner;

  g_assert_true (change_all (self, 1, NULL));
  part = begin (self);
  g_assert_true (change_all (self, 2, NULL));
  inner = begin (self);
  g_assert_true (change_all (self, 3, NULL));
  commit (inner);
  assert_all (self, 3);
  roll_back (part); /* and with it what was committed to it */
  assert_all (self, 1);

  part = begin (self);
  g_assert_true (change_all (self, 2, NULL));
  inner = begin (self);
  g_assert_true (change_all (self, 3, NULL));
  roll_back (inner);
  assert_all (self, 2);
  commit (part);
  assert_all (self, 2);
  assert_all_outside (self, 0);

  part = begin (self);
  g_assert_true (change_all (self, 3, NULL));
  commit (outer); /* what is inside was not committed */
  assert_all (self, 2);
  g_assert_false (shmobj_transaction_commit (part, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  roll_back (part);
  assert_all_outside (self, 2);
}

static gpointer
finish (gpointer transaction)
{
  g_object_unref (transaction);
  return NULL;
}

/* As a garbage collector does. */
static void
test_another_thread_lets_it_go (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);

  g_assert_true (change_all (self, 1, NULL));
  g_thread_join (g_thread_new ("collector", finish, transaction));
  assert_all (self, 0);
  g_assert_true (change_all (self, 1, NULL));
  assert_all_outside (self, 1);
}

static gpointer
begin_and_go (gpointer data)
{
  Fixture *self = data;
  ShmobjTransaction *transaction = begin (self);

  g_assert_true (change_all (self, 1, NULL));
  return transaction;
}

/* A later thread, though it may be given the same number by the system, is outside. */
static void
test_its_thread_has_ended (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = g_thread_join (g_thread_new ("leaver", begin_and_go, self));

  for (int i = 0; i < 10; i++)
    assert_all_outside (self, 0);
  commit (transaction);
  assert_all_outside (self, 1);
}

static gpointer
write_outside (gpointer data)
{
  Fixture *self = data;
  g_autoptr (GError) error = NULL;

  g_assert_true (change_all (self, get_value (self) + 1, &error));
  return NULL;
}

static void
test_overtaken (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = begin (self), *part;

  shmobj_manager_set_patience_us (self->manager, 1000);
  g_assert_true (change_all (self, 1, NULL));
  g_thread_join (g_thread_new ("hasty", write_outside, self));
  assert_all_outside (self, 1);

  /* each call says so, and nothing gets in */
  g_assert_null (shmobj_value_get (self->value, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (change_all (self, 2, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_clear_error (&error);
  part = shmobj_manager_begin (self->manager, 0, NULL, NULL);
  g_assert_nonnull (part);
  g_assert_false (shmobj_transaction_commit (part, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_clear_error (&error);
  g_object_unref (part);
  g_assert_false (shmobj_transaction_commit (transaction, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_object_unref (transaction);
  assert_all (self, 1);

  transaction = begin (self);
  g_assert_true (change_all (self, 2, NULL));
  commit (transaction);
  assert_all_outside (self, 2);
}

static gpointer
reserve_outside (gpointer data)
{
  ShmobjTransaction *transaction = begin (data);

  g_usleep (1000);
  g_object_unref (transaction);
  return NULL;
}

/* Who has lost the gate loses, even if nobody has written. */
static void
test_overtaken_by_nothing (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjTransaction) transaction = begin (self);

  shmobj_manager_set_patience_us (self->manager, 1000);
  g_assert_true (change_all (self, 1, NULL));
  g_thread_join (g_thread_new ("hasty", reserve_outside, self));
  assert_all (self, 1);
  g_assert_false (shmobj_transaction_commit (transaction, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  assert_all (self, 0);
}

static gpointer
wait_in_vain (gpointer data)
{
  Fixture *self = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_manager_begin (self->manager, 0, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "process "));
  g_clear_error (&error);
  g_assert_null (shmobj_manager_begin (self->manager, 1000, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (shmobj_list_append (self->list, g_variant_new_int32 (1), &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_null (shmobj_manager_begin (self->manager, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  return NULL;
}

static void
test_others_wait (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction;

  shmobj_manager_set_write_timeout_us (self->manager, 1000);
  transaction = begin (self);
  g_thread_join (g_thread_new ("waiter", wait_in_vain, self));
  shmobj_manager_set_write_timeout_us (self->manager, WAIT_US);
  commit (transaction);
  g_assert_true (change_all (self, 1, NULL));
}

typedef struct
{
  Fixture *fixture;
  int each;
} Counting;

static gpointer
count (gpointer data)
{
  Counting *counting = data;
  Fixture *self = counting->fixture;

  for (int i = 0; i < counting->each; i++)
    {
      ShmobjTransaction *transaction = begin (self);
      g_autoptr (GError) error = NULL;
      int n = get_value (self);

      if (i % 3 == 0)
        g_thread_yield ();
      g_assert_true (change_all (self, n + 1, &error));
      if (i % 5 == 0)
        {
          g_assert_true (change_all (self, n + 2, &error));
          roll_back (transaction);
        }
      else
        commit (transaction);
    }
  return NULL;
}

/* Read, think, write: nothing that others do comes in between. */
static void
test_threads_count (Fixture *self, gconstpointer data)
{
  Counting counting = { self, 200 };
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("counter", count, &counting);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  assert_all (self, 4 * 160);
}

static void
test_two_managers (Fixture *self, gconstpointer data)
{
  Fixture other;
  ShmobjTransaction *one, *two;

  set_up (&other, NULL);
  one = begin (self);
  two = begin (&other);
  g_assert_true (change_all (self, 1, NULL));
  g_assert_true (change_all (&other, 1, NULL));
  roll_back (one);
  assert_all (self, 0);
  assert_all (&other, 1);
  commit (two);
  assert_all_outside (&other, 1);
  tear_down (&other, NULL);
}

static gboolean
is_there (Fixture *self, guint64 id)
{
  ObjectHeader header;
  gboolean there;
  StoreTxn txn;

  g_assert_true (store_read_begin (manager_get_store (self->manager, NULL), &txn, NULL));
  there = names_get_header (&txn, id, &header);
  g_assert_true (store_read_end (&txn, NULL));
  return there;
}

/* The last reference goes, and so does the last handle; but only the commit counts. */
static void
test_what_it_leaves (Fixture *self, gconstpointer data)
{
  g_autoptr (ShmobjList) inner = shmobj_manager_open_list (self->manager, NULL, 0, NULL, NULL);
  g_autoptr (GVariant) reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (inner), NULL);
  guint64 id = container_get_id (inner);
  ShmobjTransaction *transaction;

  g_assert_true (shmobj_list_append (self->list, reference, NULL));
  g_clear_pointer (&reference, g_variant_unref);
  transaction = begin (self);
  g_clear_object (&inner);
  g_assert_true (shmobj_list_clear (self->list, NULL));
  g_assert_true (is_there (self, id));
  shmobj_transaction_rollback (transaction);
  roll_back (transaction); /* which it was already */
  g_assert_true (is_there (self, id));

  reference = shmobj_list_get (self->list, 0, NULL);
  inner = (ShmobjList *) shmobj_manager_open_reference (self->manager, reference, 0, NULL);
  g_assert_cmpint (shmobj_list_get_length (inner, NULL), ==, 0);
  g_clear_pointer (&reference, g_variant_unref);
  transaction = begin (self);
  g_assert_true (shmobj_list_clear (self->list, NULL));
  g_clear_object (&inner);
  g_assert_true (is_there (self, id));
  commit (transaction);
  g_assert_false (is_there (self, id));
}

static gpointer
wait_for_change (gpointer data)
{
  Fixture *self = data;

  return GINT_TO_POINTER (
      shmobj_container_wait (SHMOBJ_CONTAINER (self->dict), 1, WAIT_US, NULL, NULL));
}

/* What is in the overlay wakes nobody. */
static void
test_waiters_hear_the_commit (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  GThread *thread = g_thread_new ("waiter", wait_for_change, self);

  g_assert_true (change_all (self, 1, NULL));
  g_usleep (2000);
  g_assert_true (change_all (self, 2, NULL));
  commit (transaction);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, 3);
}

static gpointer
append_in_vain (gpointer data)
{
  Fixture *self = data;
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_list_append (self->list, g_variant_new_int32 (9), &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "process"));
  return NULL;
}

static void
count_notify (GObject *manager, GParamSpec *pspec, gpointer data)
{
  ++*(guint *) data;
}

static void
test_patience (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  guint notified = 0;
  gint64 patience;

  g_object_get (self->manager, "patience-us", &patience, NULL);
  g_assert_cmpint (patience, ==, 10 * G_USEC_PER_SEC);
  g_signal_connect (self->manager, "notify::patience-us", G_CALLBACK (count_notify), &notified);
  g_object_set (self->manager, "patience-us", (gint64) -1, NULL);
  g_object_set (self->manager, "patience-us", (gint64) -1, NULL);
  g_assert_cmpint (shmobj_manager_get_patience_us (self->manager), ==, -1);
  g_assert_cmpuint (notified, ==, 1);

  /* nobody goes ahead of it, however often he tries */
  g_assert_true (change_all (self, 1, NULL));
  shmobj_manager_set_write_timeout_us (self->manager, 2000);
  for (int i = 0; i < 5; i++)
    g_thread_join (g_thread_new ("impatient", append_in_vain, self));
  commit (transaction);
  assert_all (self, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/transaction/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("all-or-nothing", test_all_or_nothing);
  ADD ("other-handles-take-part", test_other_handles_take_part);
  ADD ("a-failed-call-leaves-nothing", test_a_failed_call_leaves_nothing);
  ADD ("parts", test_parts);
  ADD ("another-thread-lets-it-go", test_another_thread_lets_it_go);
  ADD ("its-thread-has-ended", test_its_thread_has_ended);
  ADD ("overtaken", test_overtaken);
  ADD ("overtaken-by-nothing", test_overtaken_by_nothing);
  ADD ("patience", test_patience);
  ADD ("others-wait", test_others_wait);
  ADD ("threads-count", test_threads_count);
  ADD ("two-managers", test_two_managers);
  ADD ("what-it-leaves", test_what_it_leaves);
  ADD ("waiters-hear-the-commit", test_waiters_hear_the_commit);
  return g_test_run ();
}
