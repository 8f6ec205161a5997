/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transactions beside other processes: those who wait, stop, die and fork in the middle. Money is
 * moved between a list, a dict and a value, and there must always be as much as there was. */

#include <shmobj.h>

#include "../fork-child.h"
#include "manager/manager-private.h"
#include "manager/store-private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_US (60 * G_USEC_PER_SEC)
#define MONEY 1000

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;   /* MONEY items, or fewer */
  ShmobjDict *dict;   /* "d": an amount */
  ShmobjValue *value; /* an amount */
  int says[2];        /* a byte for each step that a child has come to */
} Bank;

static void
set_up (Bank *bank, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  bank->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  bank->list = shmobj_manager_open_list (bank->manager, "l", 0, NULL, &error);
  bank->dict = shmobj_manager_open_dict (bank->manager, "d", 0, NULL, &error);
  bank->value =
      shmobj_manager_open_value (bank->manager, "v", 0, g_variant_new_int64 (0), NULL, &error);
  g_assert_no_error (error);
  g_assert_true (
      shmobj_dict_set (bank->dict, g_variant_new_string ("d"), g_variant_new_int64 (0), &error));
  for (int i = 0; i < MONEY; i++)
    g_assert_true (shmobj_list_append (bank->list, g_variant_new_int64 (1), &error));
  g_assert_cmpint (pipe (bank->says), ==, 0);
}

static void
tear_down (Bank *bank, gconstpointer data)
{
  close (bank->says[0]);
  close (bank->says[1]);
  g_object_unref (bank->list);
  g_object_unref (bank->dict);
  g_object_unref (bank->value);
  g_object_unref (bank->manager);
}

static void
say (Bank *bank)
{
  g_assert_cmpint (write (bank->says[1], "x", 1), ==, 1);
}

static void
hear (Bank *bank)
{
  char byte;

  g_assert_cmpint (read (bank->says[0], &byte, 1), ==, 1);
}

static void
assert_ends_well (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
end (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static ShmobjTransaction *
begin (Bank *bank)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = shmobj_manager_begin (bank->manager, WAIT_US, NULL, &error);

  g_assert_no_error (error);
  return transaction;
}

static gint64
dict_amount (Bank *bank)
{
  g_autoptr (GVariant) amount = shmobj_dict_get (bank->dict, g_variant_new_string ("d"), NULL);

  return g_variant_get_int64 (amount);
}

/* @n from the list, to the dict and the value by halves; back when there is not enough. */
static gboolean
move (Bank *bank, int n, GError **error)
{
  gint64 half = n / 2;
  g_autoptr (GVariant) sum = NULL;

  if (shmobj_list_get_length (bank->list, error) < n)
    {
      n = -n;
      half = -half;
    }
  for (int i = 0; i < ABS (n); i++)
    {
      g_autoptr (GVariant) popped = NULL;

      if (n > 0)
        popped = shmobj_list_pop (bank->list, i % 2 ? 0 : -1, error);
      if (n > 0 ? popped == NULL
                : !shmobj_list_insert (bank->list, i, g_variant_new_int64 (1), error))
        return FALSE;
    }
  sum = shmobj_value_add (bank->value, g_variant_new_int64 (half), error);
  return sum != NULL &&
         shmobj_dict_set (bank->dict, g_variant_new_string ("d"),
                          g_variant_new_int64 (dict_amount (bank) + n - half), error);
}

/* In one transaction, thus of one state. */
static void
assert_balance (Bank *bank)
{
  ShmobjTransaction *transaction = begin (bank);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_value_get (bank->value, &error);

  g_assert_no_error (error);
  g_assert_cmpint (shmobj_list_get_length (bank->list, NULL) + dict_amount (bank) +
                       g_variant_get_int64 (value),
                   ==, MONEY);
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  g_object_unref (transaction);
}

static void
test_death_rolls_back (Bank *bank, gconstpointer data)
{
  for (int n = 2; n < 20; n++)
    {
      pid_t pid = fork_child ();

      if (pid == 0)
        {
          ShmobjTransaction *transaction = begin (bank);

          g_assert_true (move (bank, n, NULL));
          g_assert_true (shmobj_list_pop (bank->list, 0, NULL) !=
                         NULL); /* the other half is not done */
          say (bank);
          pause ();
          g_object_unref (transaction);
        }
      hear (bank);
      g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY);
      end (pid);
      assert_balance (bank);
      g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY);
    }
}

static void
test_busy_names_the_holder (Bank *bank, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *who = NULL;
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      ShmobjTransaction *transaction = begin (bank);

      say (bank);
      pause ();
      g_object_unref (transaction);
    }
  hear (bank);
  who = g_strdup_printf ("process %d (", (int) pid);
  g_assert_null (shmobj_manager_begin (bank->manager, 1000, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, who));
  g_clear_error (&error);

  shmobj_manager_set_write_timeout_us (bank->manager, 1000);
  g_assert_false (shmobj_list_append (bank->list, g_variant_new_int64 (1), &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, who));
  g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY); /* reading goes on */
  end (pid);
}

/* It is stopped for longer than anybody has patience: a single write goes ahead, and when it goes
 * on it cannot commit. */
static void
test_stopped_is_overtaken (Bank *bank, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  pid_t pid = fork_child ();
  int status;

  if (pid == 0)
    {
      ShmobjTransaction *transaction = begin (bank);

      g_assert_true (move (bank, 10, NULL));
      say (bank);
      raise (SIGSTOP);
      g_assert_false (shmobj_transaction_commit (transaction, &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
      g_assert_true (move (bank, 10, NULL)); /* outside of it, and alone */
      _exit (0);
    }
  hear (bank);
  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
  shmobj_manager_set_write_timeout_us (bank->manager, WAIT_US);
  shmobj_manager_set_patience_us (bank->manager, 50000);
  g_assert_true (shmobj_list_append (bank->list, g_variant_new_int64 (1), &error));
  g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY + 1);
  g_assert_true (shmobj_list_delete_range (bank->list, 0, 1, &error)); /* at once, now */
  kill (pid, SIGCONT);
  assert_ends_well (pid);
  assert_balance (bank);
}

static void
test_fork_inside (Bank *bank, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = begin (bank);
  pid_t pid;

  g_assert_true (move (bank, 10, NULL));
  pid = fork_child ();
  if (pid == 0)
    {
      /* outside of it: sees what was before, and waits like everybody */
      g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY);
      shmobj_manager_set_write_timeout_us (bank->manager, 1000);
      g_assert_false (shmobj_list_append (bank->list, g_variant_new_int64 (1), &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
      g_clear_error (&error);
      g_assert_false (shmobj_transaction_commit (transaction, &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_FORKED);
      g_object_unref (transaction);
      say (bank);
      assert_balance (bank); /* as soon as the parent has done */
      g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY - 10);
      _exit (0);
    }
  hear (bank);
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  g_object_unref (transaction);
  assert_ends_well (pid);
}

static void
test_child_that_does_not_care (Bank *bank, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (bank);
  pid_t pid;

  g_assert_true (move (bank, 10, NULL));
  pid = fork_child ();
  if (pid == 0)
    {
      g_object_unref (transaction);
      _exit (0);
    }
  assert_ends_well (pid);
  g_assert_true (shmobj_transaction_commit (transaction, NULL));
  g_object_unref (transaction);
  assert_balance (bank);
  g_assert_cmpint (shmobj_list_get_length (bank->list, NULL), ==, MONEY - 10);
}

/* One begins the next as soon as the last has ended; the others come in nevertheless. */
static void
test_fair (Bank *bank, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  pid_t pid = fork_child ();

  if (pid == 0)
    for (int i = 0;; i++)
      {
        ShmobjTransaction *transaction = begin (bank);

        g_assert_true (move (bank, 4, NULL));
        g_assert_true (shmobj_transaction_commit (transaction, NULL));
        g_object_unref (transaction);
        if (i == 0)
          say (bank);
      }
  hear (bank);
  shmobj_manager_set_write_timeout_us (bank->manager, WAIT_US);
  for (int i = 0; i < 50; i++)
    {
      g_autoptr (GVariant) sum = shmobj_value_add (bank->value, g_variant_new_int64 (0), &error);

      g_assert_no_error (error);
      g_assert_nonnull (sum);
      assert_balance (bank);
    }
  end (pid);
}

static void
test_money_survives_kills (Bank *bank, gconstpointer data)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  int rounds = MAX (60 / (slower != NULL ? MAX (atoi (slower), 1) : 1), 5);
  pid_t pids[3];

  for (int i = 0; i < rounds; i++)
    {
      for (guint who = 0; who < G_N_ELEMENTS (pids); who++)
        if ((pids[who] = fork_child ()) == 0)
          for (guint n = 0;; n = (n + 1) % 40)
            {
              ShmobjTransaction *transaction = begin (bank);

              g_assert_true (move (bank, n, NULL));
              if (n % 5 > 0)
                g_assert_true (shmobj_transaction_commit (transaction, NULL));
              g_object_unref (transaction);
            }
      for (guint who = 0; who < G_N_ELEMENTS (pids); who++)
        {
          g_usleep (g_random_int_range (1000, 10000));
          end (pids[who]);
          assert_balance (bank);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/transactions/" name, Bank, NULL, set_up, function, tear_down)
  ADD ("death-rolls-back", test_death_rolls_back);
  ADD ("busy-names-the-holder", test_busy_names_the_holder);
  ADD ("stopped-is-overtaken", test_stopped_is_overtaken);
  ADD ("fork-inside", test_fork_inside);
  ADD ("child-that-does-not-care", test_child_that_does_not_care);
  ADD ("fair", test_fair);
  ADD ("money-survives-kills", test_money_survives_kills);
  return g_test_run ();
}
