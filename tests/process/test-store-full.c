/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A manager on a file system that is full: errors, never a signal, and removing makes room. */

#include <shmobj.h>

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static char *mount_point;

static GVariant *
value_of_size (gsize size)
{
  g_autofree char *text = g_strnfill (size, 'x');

  return g_variant_new_string (text);
}

static ShmobjManager *
open_manager (GError **error)
{
  return shmobj_manager_new ("full", NULL, error);
}

/* Appends until there is no room; returns how many went in. */
static gint64
fill (ShmobjList *list, gsize size)
{
  g_autoptr (GError) error = NULL;
  gint64 n = 0;

  while (shmobj_list_append (list, value_of_size (size), &error))
    n++;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  return n;
}

static void
fill_and_empty (gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = open_manager (&error);
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (ShmobjDict) dict = NULL;
  gint64 first = 0;

  g_assert_no_error (error);
  list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
  dict = shmobj_manager_open_dict (manager, "d", 0, NULL, &error);
  g_assert_no_error (error);

  for (guint round = 0; round < 30; round++)
    {
      gint64 n = fill (list, size), length = shmobj_list_get_length (list, NULL);
      g_autoptr (GVariant) last = NULL;

      if (round == 0)
        first = n;
      g_assert_cmpint (length, >=, n);

      /* other things fail as cleanly, and what is there stays */
      while (shmobj_dict_set (dict, g_variant_new_int32 (round), value_of_size (100000), &error))
        g_assert_cmpuint (++round, <, 1000);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      g_clear_error (&error);
      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, length);

      for (guint i = 0; i < 5; i++)
        {
          g_clear_pointer (&last, g_variant_unref);
          last = shmobj_list_pop (list, i % 2 ? 0 : -1, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (strlen (g_variant_get_string (last, NULL)), ==, size);
        }
      g_assert_true (shmobj_list_delete_range (list, 0, length / 2, &error));
      g_assert_no_error (error);
      g_assert_true (round % 3 != 0 || shmobj_list_clear (list, &error));
      g_assert_true (shmobj_dict_clear (dict, &error));
      g_assert_no_error (error);
    }
  g_assert_true (shmobj_list_clear (list, &error));
  g_assert_cmpint (fill (list, size), >, first / 2);
  g_assert_true (shmobj_list_clear (list, &error));
  g_assert_no_error (error);
}

/* Somebody else takes all the space, to the last page, while we have a store. */
static void
filled_by_others (gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = open_manager (&error);
  g_autoptr (ShmobjList) list = NULL;
  g_autofree char *file = g_build_filename (mount_point, "others", NULL);
  int fd = open (file, O_CREAT | O_WRONLY, 0600);
  char page[4096] = "x";
  gint64 n;

  list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
  g_assert_no_error (error);
  while (write (fd, page, sizeof page) == sizeof page)
    ;
  n = fill (list, size);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, n);
  g_assert_true (shmobj_list_clear (list, &error));

  g_assert_null (shmobj_manager_new ("another", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
  g_assert_null (shmobj_manager_open_queue (manager, "q", 0, 0, 1 << 20, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_null (shmobj_manager_lookup (manager, "q", NULL));
  close (fd);
  unlink (file);
}

/* A transaction for which there is no room leaves nothing; one that removes needs none. */
static void
transactions (gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = open_manager (&error);
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
  g_autoptr (ShmobjValue) value =
      shmobj_manager_open_value (manager, "v", 0, g_variant_new_int32 (0), NULL, &error);

  g_assert_no_error (error);
  for (int round = 0; round < 5; round++)
    {
      ShmobjTransaction *transaction = shmobj_manager_begin (manager, 0, NULL, &error);
      g_autoptr (GVariant) is = NULL;
      gint64 n;

      for (n = 0; n * size < 4 << 20; n++)
        g_assert_true (shmobj_list_append (list, value_of_size (size), &error));
      g_assert_true (shmobj_value_set (value, g_variant_new_int32 (1), &error));
      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, n);
      g_assert_false (shmobj_transaction_commit (transaction, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      g_clear_error (&error);
      g_object_unref (transaction);
      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
      is = shmobj_value_get (value, NULL);
      g_assert_cmpint (g_variant_get_int32 (is), ==, 0);

      n = fill (list, size);
      transaction = shmobj_manager_begin (manager, 0, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (shmobj_list_delete_range (list, 0, n / 2, &error));
      g_assert_true (shmobj_list_clear (list, &error));
      g_assert_true (shmobj_transaction_commit (transaction, &error));
      g_assert_no_error (error);
      g_object_unref (transaction);
      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
    }
}

static void
run_in_small_tmpfs (void (*func) (gsize size), gsize size)
{
  int status;
  pid_t pid;

  if (geteuid () != 0)
    {
      g_test_skip ("mounting a small file system takes root");
      return;
    }

  mount_point = g_dir_make_tmp ("full-XXXXXX", NULL);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      g_assert_cmpint (unshare (CLONE_NEWNS), ==, 0);
      g_assert_cmpint (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
      g_assert_cmpint (mount ("tmpfs", mount_point, "tmpfs", 0, "size=2m,mode=700"), ==, 0);
      g_setenv ("XDG_RUNTIME_DIR", mount_point, TRUE);
      func (size);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (rmdir (mount_point), ==, 0);
  g_free (mount_point);
  g_assert_false (WIFSIGNALED (status));
  g_assert_cmpint (status, ==, 0);
}

static void
test_small (void)
{
  run_in_small_tmpfs (fill_and_empty, 20);
}

static void
test_medium (void)
{
  run_in_small_tmpfs (fill_and_empty, 3000);
}

static void
test_large (void)
{
  run_in_small_tmpfs (fill_and_empty, 200000);
}

static void
test_others (void)
{
  run_in_small_tmpfs (filled_by_others, 500);
}

static void
test_transactions (void)
{
  run_in_small_tmpfs (transactions, 700);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/full-of-small-items", test_small);
  g_test_add_func ("/store/full-of-medium-items", test_medium);
  g_test_add_func ("/store/full-of-large-items", test_large);
  g_test_add_func ("/store/filled-by-others", test_others);
  g_test_add_func ("/store/full-for-a-transaction", test_transactions);
  return g_test_run ();
}
