/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads of one process in one store, while it grows: growing moves the memory that others read.
 */

#include <shmobj.h>

#include <stdlib.h>

#define WRITERS 2
#define READERS 3

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjDict *dict;
  gint64 each;
  gint writers_left; /* atomic */
} Shared;

static gpointer
write_some (gpointer data)
{
  Shared *shared = data;
  g_autofree char *text = g_strnfill (200, 't');

  for (gint64 i = 0; i < shared->each; i++)
    {
      g_autoptr (GError) error = NULL;

      shmobj_list_append (shared->list, g_variant_new_string (text), &error);
      g_assert_no_error (error);
      shmobj_dict_set (shared->dict, g_variant_new_int64 (i), g_variant_new_int64 (i), &error);
      g_assert_no_error (error);
    }
  g_atomic_int_add (&shared->writers_left, -1);
  return NULL;
}

static gpointer
read_all_the_while (gpointer data)
{
  Shared *shared = data;
  gint64 before = 0;

  for (gint64 i = 0; g_atomic_int_get (&shared->writers_left) > 0; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 length = shmobj_list_get_length (shared->list, &error);
      g_autoptr (GVariant) value = NULL;
      gsize size;

      g_assert_no_error (error);
      g_assert_cmpint (length, >=, before);
      before = length;
      if (length == 0)
        continue;

      value = shmobj_list_get (shared->list, i % length, &error);
      g_assert_no_error (error);
      g_variant_get_string (value, &size);
      g_assert_cmpuint (size, ==, 200);
      g_clear_pointer (&value, g_variant_unref);

      value = shmobj_dict_lookup (shared->dict, g_variant_new_int64 (i % shared->each), &error);
      g_assert_no_error (error);
      g_assert_true (value == NULL || g_variant_get_int64 (value) == i % shared->each);
    }
  return NULL;
}

static void
test_growing_beside_readers (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  Shared shared = { .manager = shmobj_manager_new (NULL, NULL, NULL),
                    .each = 30000 / (slower != NULL ? MAX (atoi (slower), 1) : 1),
                    .writers_left = WRITERS };
  GThread *threads[WRITERS + READERS];

  shared.list = shmobj_manager_open_list (shared.manager, "l", 0, NULL, NULL);
  shared.dict = shmobj_manager_open_dict (shared.manager, "d", 0, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, i < WRITERS ? write_some : read_all_the_while, &shared);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (shmobj_list_get_length (shared.list, NULL), ==, WRITERS * shared.each);
  g_assert_cmpint (shmobj_dict_get_length (shared.dict, NULL), ==, shared.each);
  g_object_unref (shared.list);
  g_object_unref (shared.dict);
  g_object_unref (shared.manager);
}

static gpointer
open_and_close (gpointer data)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ShmobjManager) manager = shmobj_manager_new (data, NULL, &error);
      g_autoptr (ShmobjList) list = NULL;

      g_assert_no_error (error);
      list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
      g_assert_no_error (error);
      shmobj_list_append (list, g_variant_new_int32 (1), &error);
      g_assert_no_error (error);
    }
  return NULL;
}

/* One store per directory and process, opened by the first and closed with the last. */
static void
test_opening_and_closing (void)
{
  g_autoptr (ShmobjManager) manager = NULL;
  g_autoptr (ShmobjList) list = NULL;
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, open_and_close, (gpointer) "threads");
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  manager = shmobj_manager_new ("threads", NULL, NULL);
  list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 100 * G_N_ELEMENTS (threads));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/threads/a-store-grows-beside-its-readers", test_growing_beside_readers);
  g_test_add_func ("/threads/opening-and-closing-the-same", test_opening_and_closing);
  return g_test_run ();
}
