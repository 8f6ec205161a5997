/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list model keeps GListModel's contract: what it tells is what it has, and an item that stayed
 * is the same object. */

#include <shmobj.h>

#include "manager/list-diff.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjListModel *model;
  GPtrArray *mirror;   /* of the items, made from what the signals tell */
  guint signals, told; /* how many came, with how many items in them */
} Fixture;

/* What was told, and nothing else, is what the model has now. */
static void
assert_mirror_is_right (Fixture *f)
{
  GListModel *model = G_LIST_MODEL (f->model);

  g_assert_cmpuint (g_list_model_get_n_items (model), ==, f->mirror->len);
  for (guint i = 0; i < f->mirror->len; i++)
    {
      g_autoptr (ShmobjItem) item = g_list_model_get_item (model, i);

      g_assert_true (item == f->mirror->pdata[i]);
    }
  g_assert_null (g_list_model_get_item (model, f->mirror->len));
}

static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, gpointer data)
{
  Fixture *f = data;

  f->signals++;
  f->told += removed + added;
  g_assert_cmpuint (removed + added, >, 0);
  g_assert_cmpuint (position + removed, <=, f->mirror->len);
  if (removed > 0)
    g_ptr_array_remove_range (f->mirror, position, removed);
  for (guint i = 0; i < added; i++)
    g_ptr_array_insert (f->mirror, position + i, g_list_model_get_item (model, position + i));
  assert_mirror_is_right (f);
}

static void
set_up (Fixture *f, gconstpointer start)
{
  g_autoptr (GError) error = NULL;

  f->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  f->list = shmobj_manager_open_list (f->manager, "list", 0, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < GPOINTER_TO_INT (start); i++)
    shmobj_list_append (f->list, g_variant_new_int32 (i), NULL);
  f->model = shmobj_list_model_new (f->list, &error);
  g_assert_no_error (error);
  f->mirror = g_ptr_array_new_with_free_func (g_object_unref);
  for (int i = 0; i < GPOINTER_TO_INT (start); i++)
    g_ptr_array_add (f->mirror, g_list_model_get_item (G_LIST_MODEL (f->model), i));
  g_signal_connect (f->model, "items-changed", G_CALLBACK (on_items_changed), f);
  assert_mirror_is_right (f);
}

static void
tear_down (Fixture *f, gconstpointer start)
{
  g_ptr_array_unref (f->mirror);
  g_object_unref (f->model);
  g_object_unref (f->list);
  g_object_unref (f->manager);
}

static void
dispatch (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
assert_follows (Fixture *f)
{
  GVariant **values;
  gsize n;

  dispatch ();
  assert_mirror_is_right (f);
  values = shmobj_list_get_range (f->list, 0, G_MAXINT64, &n, NULL);
  g_assert_cmpuint (n, ==, f->mirror->len);
  for (gsize i = 0; i < n; i++)
    {
      g_assert_true (g_variant_equal (values[i], shmobj_item_get_value (f->mirror->pdata[i])));
      g_variant_unref (values[i]);
    }
  g_free (values);
}

static void
test_shows_the_list (Fixture *f, gconstpointer start)
{
  g_autoptr (ShmobjItem) item = g_list_model_get_item (G_LIST_MODEL (f->model), 7);
  g_autoptr (GVariant) value = NULL;
  ShmobjList *list;
  GType type;
  guint n;

  g_assert_true (g_list_model_get_item_type (G_LIST_MODEL (f->model)) == SHMOBJ_TYPE_ITEM);
  g_assert_true (shmobj_list_model_get_list (f->model) == f->list);
  g_object_get (f->model, "list", &list, "item-type", &type, "n-items", &n, NULL);
  g_assert_true (list == f->list && type == SHMOBJ_TYPE_ITEM && n == 10);
  g_object_unref (list);
  g_object_get (item, "value", &value, NULL);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
  dispatch ();
  g_assert_cmpuint (f->signals, ==, 0);
}

static void
test_changes_only_from_a_dispatch (Fixture *f, gconstpointer start)
{
  dispatch ();
  shmobj_list_append (f->list, g_variant_new_int32 (99), NULL);
  shmobj_list_clear (f->list, NULL);
  assert_mirror_is_right (f);
  g_assert_cmpuint (f->signals, ==, 0);
  assert_follows (f);
  g_assert_cmpuint (f->signals, ==, 1);
  g_assert_cmpuint (f->told, ==, 10);
}

/* Deleting at the front, changing in the middle, appending: three changes told, nothing more. */
static void
test_keeps_items_that_stayed (Fixture *f, gconstpointer start)
{
  gpointer third = f->mirror->pdata[3], last = f->mirror->pdata[9];

  dispatch ();
  g_variant_unref (shmobj_list_pop (f->list, 0, NULL));
  shmobj_list_set (f->list, 4, g_variant_new_string ("five"), NULL);
  shmobj_list_append (f->list, g_variant_new_int32 (10), NULL);
  assert_follows (f);
  g_assert_cmpuint (f->told, ==, 4);
  g_assert_cmpuint (f->signals, ==, 3);
  g_assert_true (f->mirror->pdata[2] == third && f->mirror->pdata[8] == last);
}

static void
test_one_that_is_set_to_what_it_was_stays (Fixture *f, gconstpointer start)
{
  shmobj_list_set (f->list, 4, g_variant_new_int32 (4), NULL);
  assert_follows (f);
  g_assert_cmpuint (f->signals, ==, 0);
}

static GVariant *
random_value (void)
{
  int number = g_test_rand_int_range (0, 12); /* few, so that equal ones lie side by side */
  g_autofree char *large = NULL;

  if (number < 10)
    return g_variant_new_int32 (number);
  large = g_strnfill (g_test_rand_int_range (0, 3000), 'x');
  return g_variant_new_string (large);
}

static void
change_somehow (ShmobjList *list)
{
  gint64 length = shmobj_list_get_length (list, NULL);
  gint64 at = g_test_rand_int_range (0, length + 1);
  GVariant *values[] = { random_value (), random_value (), random_value () };

  for (guint i = 0; i < 3; i++)
    g_variant_ref_sink (values[i]);
  switch (g_test_rand_int_range (0, length > 100 ? 6 : 5))
    {
    case 0:
      shmobj_list_insert (list, at, values[0], NULL);
      break;
    case 1:
      shmobj_list_extend (list, values, 3, NULL);
      break;
    case 2:
      shmobj_list_delete_range (list, at, at + 2, NULL);
      break;
    case 3:
      if (at < length)
        shmobj_list_set (list, at, values[0], NULL);
      break;
    case 4:
      shmobj_list_append (list, values[1], NULL);
      break;
    default:
      shmobj_list_delete_range (list, 0, length - 5, NULL);
    }
  for (guint i = 0; i < 3; i++)
    g_variant_unref (values[i]);
}

static void
test_follows_whatever_happens (Fixture *f, gconstpointer start)
{
  for (guint round = 0; round < 500; round++)
    {
      guint changes = g_test_rand_int_range (1, 6);

      for (guint i = 0; i < changes; i++)
        change_somehow (f->list);
      assert_follows (f);
    }
}

static void
test_follows_another_process (Fixture *f, gconstpointer start)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    {
      for (guint i = 0; i < 3000; i++)
        change_somehow (f->list);
      _exit (shmobj_list_append (f->list, g_variant_new_string ("end"), NULL) ? 0 : 1);
    }
  while (waitpid (pid, &status, WNOHANG) == 0)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (status, ==, 0);
  assert_follows (f);
  g_assert_cmpuint (f->signals, >, 0);
}

/* Nobody polls: the main loop sleeps, and is woken. */
static void
test_wakes_the_main_loop (Fixture *f, gconstpointer start)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    {
      for (guint i = 0; i < 200; i++)
        {
          shmobj_list_append (f->list, g_variant_new_int32 (i), NULL);
          g_usleep (100);
        }
      _exit (0);
    }
  while (f->mirror->len < 210)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  assert_follows (f);
}

static void
test_many_changes_at_once (Fixture *f, gconstpointer start)
{
  GVariant *values[2000];

  for (int i = 0; i < (int) G_N_ELEMENTS (values); i++)
    values[i] = g_variant_new_int32 (i % 2 == 0 ? i : -1);
  shmobj_list_extend (f->list, values, G_N_ELEMENTS (values), NULL);
  assert_follows (f);
  for (int i = 0; i < 1000; i++)
    shmobj_list_delete_range (f->list, i, i + 1, NULL);
  assert_follows (f);
}

static void
test_keeps_what_it_has_when_the_list_is_closed (Fixture *f, gconstpointer start)
{
  g_autoptr (GError) error = NULL;

  dispatch ();
  shmobj_container_close (SHMOBJ_CONTAINER (f->list));
  dispatch ();
  assert_mirror_is_right (f);
  g_assert_cmpuint (f->mirror->len, ==, 10);
  g_assert_null (shmobj_list_model_new (f->list, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_null (g_initable_new (SHMOBJ_TYPE_LIST_MODEL, NULL, &error, NULL));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
drop_model (GListModel *model, guint position, guint removed, guint added, gpointer data)
{
  g_clear_object ((ShmobjListModel **) data);
}

static void
test_may_end_in_its_own_signal (Fixture *f, gconstpointer start)
{
  ShmobjListModel *model = g_object_new (SHMOBJ_TYPE_LIST_MODEL, "list", f->list, NULL);
  gpointer weak = model;

  g_object_add_weak_pointer (G_OBJECT (model), &weak);
  g_signal_connect (model, "items-changed", G_CALLBACK (drop_model), &model);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (model)), ==, 10);
  shmobj_list_append (f->list, g_variant_new_int32 (10), NULL);
  assert_follows (f);
  g_assert_null (model);
  g_assert_null (weak);
}

static void
test_items_that_refer_to_others (Fixture *f, gconstpointer start)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjList) row = shmobj_manager_open_list (f->manager, NULL, 0, NULL, NULL);
  g_autoptr (GVariant) reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (row), &error);
  g_autoptr (ShmobjContainer) again = NULL;
  g_autoptr (ShmobjItem) item = NULL;

  shmobj_list_append (row, g_variant_new_int32 (42), NULL);
  shmobj_list_append (f->list, reference, &error);
  g_assert_no_error (error);
  g_clear_pointer (&reference, g_variant_unref);
  g_clear_object (&row);
  assert_follows (f);

  item = g_object_ref (f->mirror->pdata[10]);
  shmobj_list_clear (f->list, NULL);
  assert_follows (f);
  again = shmobj_manager_open_reference (f->manager, shmobj_item_get_value (item), 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (again), NULL), ==, 1);
}

typedef struct
{
  const char *old, *new;
} Words;

static gboolean
letters_equal (gconstpointer data, guint old_at, guint new_at)
{
  const Words *words = data;

  return words->old[old_at] == words->new[new_at];
}

static guint
longest_common (const char *a, const char *b)
{
  guint n = strlen (a), m = strlen (b);
  g_autofree guint *row = g_new0 (guint, m + 1);

  for (guint i = 0; i < n; i++)
    for (guint j = 0, before = 0; j < m; j++)
      {
        guint above = row[j + 1];

        row[j + 1] = a[i] == b[j] ? before + 1 : MAX (row[j + 1], row[j]);
        before = above;
      }
  return row[m];
}

static void
check_difference (const char *old, const char *new)
{
  Words words = { old, new };
  g_autoptr (GArray) steps = list_diff (strlen (old), strlen (new), letters_equal, &words);
  g_autoptr (GString) text = g_string_new (old);
  guint changed = 0;

  for (guint i = 0; i < steps->len; i++)
    {
      const DiffStep *step = &g_array_index (steps, DiffStep, i);

      g_assert_cmpuint (step->removed + step->added, >, 0);
      g_assert_true (strncmp (text->str, new, step->new_at) == 0);
      g_string_erase (text, step->new_at, step->removed);
      g_string_insert_len (text, step->new_at, new + step->new_at, step->added);
      changed += step->removed + step->added;
    }
  g_assert_cmpstr (text->str, ==, new);
  if (changed < 200)
    g_assert_cmpuint (changed, ==, strlen (old) + strlen (new) - 2 * longest_common (old, new));
}

static void
random_word (char *word, guint most)
{
  guint length = g_test_rand_int_range (0, most);

  for (guint i = 0; i < length; i++)
    word[i] = 'a' + g_test_rand_int_range (0, 4);
  word[length] = 0;
}

static void
test_difference (void)
{
  char old[1000], new[1000];

  check_difference ("", "");
  check_difference ("a", "");
  check_difference ("", "abc");
  check_difference ("abcabba", "cbabac");
  check_difference ("abc", "abc");
  for (guint i = 0; i < 3000; i++)
    {
      random_word (old, i < 2980 ? 12 : 1000);
      random_word (new, i < 2980 ? 12 : 1000);
      check_difference (old, new);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, start, func)                                                                     \
  g_test_add ("/list-model/" name, Fixture, GINT_TO_POINTER (start), set_up, func, tear_down)
  ADD ("shows-the-list", 10, test_shows_the_list);
  ADD ("changes-only-from-a-dispatch", 10, test_changes_only_from_a_dispatch);
  ADD ("keeps-items-that-stayed", 10, test_keeps_items_that_stayed);
  ADD ("one-that-is-set-to-what-it-was-stays", 10, test_one_that_is_set_to_what_it_was_stays);
  ADD ("follows-whatever-happens", 0, test_follows_whatever_happens);
  ADD ("follows-another-process", 10, test_follows_another_process);
  ADD ("wakes-the-main-loop", 10, test_wakes_the_main_loop);
  ADD ("many-changes-at-once", 0, test_many_changes_at_once);
  ADD ("keeps-what-it-has-when-the-list-is-closed", 10,
       test_keeps_what_it_has_when_the_list_is_closed);
  ADD ("may-end-in-its-own-signal", 10, test_may_end_in_its_own_signal);
  ADD ("items-that-refer-to-others", 10, test_items_that_refer_to_others);
#undef ADD
  g_test_add_func ("/list-model/difference", test_difference);
  return g_test_run ();
}
