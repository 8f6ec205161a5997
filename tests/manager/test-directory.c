/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who cleans up finds the directory of somebody who is just making a manager, and gets its lock
 * when that manager has its name and is in use. */

#include <shmobj.h>

#include "manager/address.h"
#include "manager/directory.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/file.h>

int __real_flock (int fd, int operation);
int __wrap_flock (int fd, int operation);

/* What happens before the next exclusive lock is asked for. */
static void (*before_exclusive) (void);

int
__wrap_flock (int fd, int operation)
{
  void (*act) (void) = before_exclusive;

  if ((operation & LOCK_EX) != 0 && act != NULL)
    {
      before_exclusive = NULL;
      act ();
    }
  return __real_flock (fd, operation);
}

static char *temporary, *final;

static void
rename_it (void)
{
  g_assert_cmpint (g_rename (temporary, final), ==, 0);
}

/* The folder of all managers of this user. */
static char *
get_root (void)
{
  AddressKind kind;
  g_autoptr (GError) error = NULL;
  g_autofree char *root = address_resolve (NULL, &kind, &error);

  g_assert_no_error (error);
  return g_steal_pointer (&root);
}

static void
test_renamed_while_cleaning (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ShmobjManager) manager = shmobj_manager_new ("kept", NULL, &error);
  g_autoptr (ShmobjManager) again = NULL;
  g_autoptr (ShmobjList) list = NULL;
  g_autofree char *root = get_root ();

  g_assert_no_error (error);
  final = g_strdup (shmobj_manager_get_path (manager));
  temporary = g_build_filename (root, ".new-ABCDEF", NULL);
  list = shmobj_manager_open_list (manager, "l", SHMOBJ_OPEN_DEFAULT, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&list);
  g_clear_object (&manager); /* nobody has the lock, as between making and opening it */
  g_assert_cmpint (g_rename (final, temporary), ==, 0);

  before_exclusive = rename_it;
  directory_clean (root, FALSE, paths);
  g_assert_null (before_exclusive);
  g_assert_cmpuint (paths->len, ==, 0);

  again = shmobj_manager_new ("kept", NULL, &error);
  g_assert_no_error (error);
  list = shmobj_manager_open_list (again, "l", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  g_clear_pointer (&temporary, g_free);
  g_clear_pointer (&final, g_free);
}

/* What is really left goes, and is told. */
static void
test_left_by_the_dead (void)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *root = get_root ();
  g_autofree char *left = g_build_filename (root, ".new-GHIJKL", NULL);

  g_assert_cmpint (g_mkdir_with_parents (left, 0700), ==, 0);
  directory_clean (root, TRUE, paths);
  g_assert_cmpuint (paths->len, ==, 1);
  g_assert_cmpstr (paths->pdata[0], ==, left);
  g_assert_true (g_file_test (left, G_FILE_TEST_IS_DIR));
  directory_clean (root, FALSE, paths);
  g_assert_cmpuint (paths->len, ==, 2);
  g_assert_false (g_file_test (left, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/directory/who-cleans-up-spares-what-was-renamed", test_renamed_while_cleaning);
  g_test_add_func ("/directory/what-the-dead-left-goes-and-is-told", test_left_by_the_dead);
  return g_test_run ();
}
