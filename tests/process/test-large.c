/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of 100 MiB, and many items, in shared memory and on the disk; others read them.
 *
 * $SHMOBJ_ITEMS says how many items; 10 000 000 take some minutes on a disk. */

#include <shmobj.h>

#include "../fork-child.h"
#include "../remove-folder.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (100 * 1024 * 1024)
#define RUN 10000

static char *on_disk; /* the address of a manager that is to be made */

static void
set_up (void)
{
  g_autofree char *folder = g_dir_make_tmp ("large-XXXXXX", NULL);

  on_disk = g_build_filename (folder, "state", NULL);
}

static void
tear_down (void)
{
  g_autofree char *folder = g_path_get_dirname (on_disk);

  remove_folder (on_disk);
  g_assert_cmpint (rmdir (folder), ==, 0);
  g_clear_pointer (&on_disk, g_free);
}

static ShmobjManager *
open_manager (const char *address)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (address, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static GVariant *
large (guint8 mark)
{
  guint8 *bytes = g_malloc (LARGE);

  memset (bytes, mark, LARGE);
  memcpy (bytes + LARGE - 4, "end", 4);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, LARGE, TRUE, g_free, bytes);
}

/* Takes @value. */
static gboolean
is_large (GVariant *value, guint8 mark)
{
  gsize size = 0;
  const guint8 *bytes =
      value != NULL ? g_variant_get_fixed_array (value, &size, sizeof *bytes) : NULL;
  gboolean good = size == LARGE && bytes[0] == mark && bytes[LARGE / 2] == mark &&
                  memcmp (bytes + LARGE - 4, "end", 4) == 0;

  g_clear_pointer (&value, g_variant_unref);
  return good;
}

/* What the store has of the disk or of memory. */
static guint64
backing (ShmobjManager *manager)
{
  g_autofree char *path = g_build_filename (shmobj_manager_get_path (manager), "data.mdb", NULL);
  struct stat seen;

  g_assert_cmpint (stat (path, &seen), ==, 0);
  return (guint64) seen.st_blocks * 512;
}

typedef struct
{
  ShmobjList *list;
  ShmobjDict *dict;
  ShmobjValue *value;
} Containers;

static Containers
open_containers (ShmobjManager *manager)
{
  g_autoptr (GError) error = NULL;
  Containers opened = {
    .list = shmobj_manager_open_list (manager, "l", SHMOBJ_OPEN_DEFAULT, NULL, &error),
    .dict = shmobj_manager_open_dict (manager, "d", SHMOBJ_OPEN_DEFAULT, NULL, &error),
    .value = shmobj_manager_open_value (manager, "v", SHMOBJ_OPEN_DEFAULT, NULL, NULL, &error),
  };

  g_assert_no_error (error);
  return opened;
}

static void
clear_containers (Containers *opened)
{
  g_clear_object (&opened->list);
  g_clear_object (&opened->dict);
  g_clear_object (&opened->value);
}

static void
read_in_child (ShmobjManager *manager, guint8 mark)
{
  pid_t pid = fork_child ();
  int status;

  if (pid == 0)
    {
      Containers read = open_containers (manager);

      _exit (
          is_large (shmobj_list_get (read.list, -1, NULL), mark) &&
                  is_large (shmobj_dict_get (read.dict, g_variant_new_string ("k"), NULL), mark) &&
                  is_large (shmobj_value_get (read.value, NULL), mark)
              ? 0
              : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

/* Written over and over they take no more room than the first two times. */
static void
write_large (const char *address)
{
  g_autoptr (ShmobjManager) manager = open_manager (address);
  g_autoptr (GError) error = NULL;
  Containers written = open_containers (manager);
  guint64 settled = 0;

  g_assert_true (shmobj_list_append (written.list, g_variant_new_int32 (0), &error));
  for (guint8 mark = 1; mark <= 3; mark++)
    {
      shmobj_list_set (written.list, 0, large (mark), &error);
      g_assert_no_error (error);
      shmobj_dict_set (written.dict, g_variant_new_string ("k"), large (mark), &error);
      g_assert_no_error (error);
      shmobj_value_set (written.value, large (mark), &error);
      g_assert_no_error (error);
      read_in_child (manager, mark);
      if (mark == 2)
        settled = backing (manager);
    }
  g_assert_cmpuint (backing (manager), <=, settled + LARGE);
  clear_containers (&written);
}

static void
test_large_values (void)
{
  write_large (NULL);
  set_up ();
  write_large (on_disk);
  tear_down ();
}

static gint64
number_of_items (void)
{
  const char *items = g_getenv ("SHMOBJ_ITEMS"), *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  return items != NULL ? g_ascii_strtoll (items, NULL, 10)
                       : 400000 / (slower != NULL ? atoi (slower) : 1);
}

static void
append_numbers (ShmobjList *list, gint64 n)
{
  g_autoptr (GError) error = NULL;
  GVariant *run[RUN];

  for (gint64 i = 0; i < n; i += RUN)
    {
      gint64 end = MIN (n, i + RUN);

      for (gint64 k = i; k < end; k++)
        run[k - i] = g_variant_new_int64 (k);
      shmobj_list_extend (list, run, end - i, &error);
      g_assert_no_error (error);
    }
}

static gint64
number_at (ShmobjList *list, gint64 index)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_list_get (list, index, &error);

  g_assert_no_error (error);
  return g_variant_get_int64 (value);
}

/* What is on the disk is there when all have gone, and can be changed anywhere. */
static void
test_many_items (void)
{
  gint64 n = number_of_items ();
  ShmobjManager *manager;
  Containers opened;

  set_up ();
  manager = open_manager (on_disk);
  opened = open_containers (manager);
  append_numbers (opened.list, n);
  clear_containers (&opened);
  g_object_unref (manager);

  manager = open_manager (on_disk);
  opened = open_containers (manager);
  g_assert_cmpint (shmobj_list_get_length (opened.list, NULL), ==, n);
  for (gint64 i = 0; i < n; i += MAX (1, n / 1000))
    g_assert_cmpint (number_at (opened.list, i), ==, i);
  g_assert_cmpint (number_at (opened.list, -1), ==, n - 1);
  g_assert_true (shmobj_list_insert (opened.list, n / 2, g_variant_new_int64 (-5), NULL));
  g_assert_cmpint (number_at (opened.list, n / 2), ==, -5);
  g_assert_cmpint (number_at (opened.list, n / 2 + 1), ==, n / 2);
  g_assert_true (shmobj_list_delete_range (opened.list, 10, n - 9, NULL));
  g_assert_cmpint (shmobj_list_get_length (opened.list, NULL), ==, 20);
  g_assert_cmpint (number_at (opened.list, 10), ==, n - 10);
  clear_containers (&opened);
  g_object_unref (manager);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/large/values-of-100-MiB", test_large_values);
  g_test_add_func ("/large/many-items-on-the-disk", test_many_items);
  return g_test_run ();
}
