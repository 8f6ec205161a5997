/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of which parts are replaced, and that are turned round, sorted and repeated, against a
 * plain array that undergoes the same; and what a walk meets meanwhile. */

#include "list-fixture.h"

#include <string.h>

typedef struct
{
  ShmobjList *list;
  GPtrArray *model;
  GRand *random;
} Pair;

static GPtrArray *
new_array (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
}

/* Integers, texts that nearly fill a chunk, and some with rows of their own. */
static GVariant *
random_value (GRand *random)
{
  int choice = g_rand_int_range (random, 0, 40);
  gsize size = choice == 0 ? 5000 : choice < 3 ? 470 : g_rand_int_range (random, 0, 30);
  g_autofree char *text = g_strnfill (size, 'a' + choice % 26);

  return g_variant_ref_sink (choice < 20 ? g_variant_new_int64 (g_rand_int_range (random, 0, 99))
                                         : g_variant_new_string (text));
}

static gsize
random_values (Pair *pair, GVariant **values, gsize most)
{
  gsize n = g_rand_int_range (pair->random, 0, most + 1);

  for (gsize i = 0; i < n; i++)
    values[i] = random_value (pair->random);
  return n;
}

static gint64
clamp (gint64 bound, gint64 length)
{
  return CLAMP (bound < 0 ? bound + length : bound, 0, length);
}

static void
give_back (GVariant **values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_variant_unref (values[i]);
}

static void
replace_in (GPtrArray *model, gint64 start, gint64 end, GVariant **values, gsize n)
{
  if (end > start)
    g_ptr_array_remove_range (model, start, end - start);
  for (gsize i = 0; i < n; i++)
    g_ptr_array_insert (model, start + i, g_variant_ref (values[i]));
}

static gint64
random_bound (Pair *pair)
{
  gint64 length = pair->model->len;

  switch (g_rand_int_range (pair->random, 0, 12))
    {
    case 0:
      return G_MININT64;
    case 1:
      return G_MAXINT64;
    case 2:
      return length;
    default:
      return g_rand_int_range (pair->random, -length - 3, length + 4);
    }
}

static void
set_range (Pair *pair)
{
  GVariant *values[300];
  gsize n = random_values (pair, values, g_rand_boolean (pair->random) ? 5 : 300);
  gint64 start = random_bound (pair), end = random_bound (pair);
  gint64 from = clamp (start, pair->model->len), to = clamp (end, pair->model->len);

  g_assert_true (shmobj_list_set_range (pair->list, start, end, values, n, NULL));
  replace_in (pair->model, from, to, values, n);
  give_back (values, n);
}

static void
splice (Pair *pair)
{
  GVariant *values[60], **taken;
  gsize n = random_values (pair, values, 60), n_taken;
  gint64 position = random_bound (pair), removals = random_bound (pair);
  gint64 from = clamp (position, pair->model->len);
  gint64 to = from + CLAMP (removals, 0, pair->model->len - from);

  taken = shmobj_list_splice (pair->list, position, removals, values, n, &n_taken, NULL);
  g_assert_nonnull (taken);
  g_assert_cmpuint (n_taken, ==, to - from);
  for (gsize i = 0; i < n_taken; i++)
    g_assert_true (g_variant_equal (taken[i], pair->model->pdata[from + i]));
  give_back (taken, n_taken);
  g_free (taken);
  replace_in (pair->model, from, to, values, n);
  give_back (values, n);
}

/* Which places a slice has, by counting. */
static gsize
places_of (gint64 start, gint64 end, gint64 step, gint64 length, gint64 *places)
{
  gint64 lowest = step < 0 ? -1 : 0;
  gint64 at = CLAMP (start < 0 ? start + length : start, lowest, length + lowest);
  gint64 stop = CLAMP (end < 0 ? end + length : end, lowest, length + lowest);
  gsize n = 0;

  for (; step < 0 ? at > stop : at < stop; at += step)
    {
      places[n++] = at;
      if (step > length || step < -length)
        break;
    }
  return n;
}

static gint64
random_step (Pair *pair)
{
  static const gint64 steps[] = { 2, 3, 7, -1, -2, -5, 100, G_MAXINT64, G_MININT64 };

  return steps[g_rand_int_range (pair->random, 0, G_N_ELEMENTS (steps))];
}

static void
set_slice (Pair *pair)
{
  gint64 start = random_bound (pair), end = random_bound (pair), step = random_step (pair);
  g_autofree gint64 *places = g_new (gint64, pair->model->len + 1);
  gsize n = places_of (start, end, step, pair->model->len, places);
  g_autofree GVariant **values = g_new (GVariant *, n + 1);
  GError *error = NULL;

  for (gsize i = 0; i <= n; i++)
    values[i] = random_value (pair->random);
  assert_error (shmobj_list_set_slice (pair->list, start, end, step, values, n + 1, &error), &error,
                G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_true (shmobj_list_set_slice (pair->list, start, end, step, values, n, NULL));
  for (gsize i = 0; i < n; i++)
    {
      g_variant_unref (pair->model->pdata[places[i]]);
      pair->model->pdata[places[i]] = values[i];
    }
  g_variant_unref (values[n]);
}

static int
by_place (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x < y) - (x > y);
}

static void
delete_slice (Pair *pair)
{
  gint64 start = random_bound (pair), end = random_bound (pair), step = random_step (pair);
  g_autofree gint64 *places = g_new (gint64, pair->model->len + 1);
  gsize n = places_of (start, end, step, pair->model->len, places);

  g_assert_true (shmobj_list_delete_slice (pair->list, start, end, step, NULL));
  qsort (places, n, sizeof *places, by_place);
  for (gsize i = 0; i < n; i++)
    g_ptr_array_remove_index (pair->model, places[i]);
}

static void
reverse (Pair *pair)
{
  g_assert_true (shmobj_list_reverse (pair->list, NULL));
  for (guint i = 0, j = pair->model->len; i + 1 < j; i++)
    {
      gpointer item = pair->model->pdata[i];

      pair->model->pdata[i] = pair->model->pdata[--j];
      pair->model->pdata[j] = item;
    }
}

static void
repeat (Pair *pair)
{
  guint length = pair->model->len;
  int times = g_rand_int_range (pair->random, -1, 4);

  g_assert_true (shmobj_list_repeat (pair->list, times, NULL));
  if (times <= 0)
    g_ptr_array_set_size (pair->model, 0);
  for (int i = 1; i < times; i++)
    for (guint j = 0; j < length; j++)
      g_ptr_array_add (pair->model, g_variant_ref (pair->model->pdata[j]));
}

/* By the size alone, so that many are alike. */
static int
by_size (GVariant *a, GVariant *b, gpointer data)
{
  ++*(guint *) data;
  return (int) g_variant_get_size (a) - (int) g_variant_get_size (b);
}

static int
places_by_size (gconstpointer a, gconstpointer b)
{
  GVariant *x = *(GVariant **) a, *y = *(GVariant **) b;

  return (int) g_variant_get_size (x) - (int) g_variant_get_size (y);
}

static void
sort (Pair *pair)
{
  guint calls = 0;

  g_assert_true (shmobj_list_sort (pair->list, by_size, &calls, NULL));
  g_assert_true (calls > 0 || pair->model->len < 2);
  g_ptr_array_sort (pair->model, places_by_size); /* stable, too */
}

static void
test_does_what_an_array_does (void)
{
  static void (*const steps[]) (Pair *) = { set_range, set_range,    splice,  splice, set_slice,
                                            set_slice, delete_slice, reverse, sort,   repeat };
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (GPtrArray) model = new_array ();
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  Pair pair = { list, model, random };

  for (guint i = 0; i < 1500 / slower (); i++)
    {
      steps[g_rand_int_range (random, 0, G_N_ELEMENTS (steps))](&pair);
      if (model->len > 3000)
        {
          g_assert_true (shmobj_list_delete_range (list, 100, -100, NULL));
          g_ptr_array_remove_range (model, 100, model->len - 200);
        }
      assert_equals (list, model);
    }
}

static void
fill (ShmobjList *list, const char *numbers)
{
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_new_parsed (numbers));
  gsize n = g_variant_n_children (all);
  g_autofree GVariant **values = g_new (GVariant *, n + 1);

  for (gsize i = 0; i < n; i++)
    values[i] = g_variant_get_child_value (all, i);
  g_assert_true (shmobj_list_set_range (list, 0, G_MAXINT64, values, n, NULL));
  give_back (values, n);
}

static void
assert_is (ShmobjList *list, const char *numbers)
{
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_new_parsed (numbers));
  g_autoptr (GPtrArray) model = new_array ();

  for (gsize i = 0; i < g_variant_n_children (all); i++)
    g_ptr_array_add (model, g_variant_get_child_value (all, i));
  assert_equals (list, model);
}

static void
test_refuses_nonsense (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager), reader = NULL;
  guint64 twice[] = { 0, 2, 2 }, beyond[] = { 0, 1, 3 }, good[] = { 2, 0, 1 };
  GError *error = NULL;
  guint64 revision;

  fill (list, "[1, 2, 3]");
  revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL);
  assert_error (shmobj_list_reorder (list, revision, twice, 3, &error), &error, G_IO_ERROR,
                G_IO_ERROR_INVALID_ARGUMENT);
  assert_error (shmobj_list_reorder (list, revision, beyond, 3, &error), &error, G_IO_ERROR,
                G_IO_ERROR_INVALID_ARGUMENT);
  assert_error (shmobj_list_reorder (list, revision, good, 0, &error), &error, G_IO_ERROR,
                G_IO_ERROR_INVALID_ARGUMENT);
  assert_error (shmobj_list_set_slice (list, 0, 3, 0, NULL, 0, &error), &error, G_IO_ERROR,
                G_IO_ERROR_INVALID_ARGUMENT);
  assert_error (shmobj_list_delete_slice (list, 0, 3, 0, &error), &error, G_IO_ERROR,
                G_IO_ERROR_INVALID_ARGUMENT);
  assert_error (shmobj_list_repeat (list, G_MAXINT64, &error), &error, G_IO_ERROR,
                G_IO_ERROR_NO_SPACE);
  reader = shmobj_manager_open_list (manager, "items", SHMOBJ_OPEN_READ_ONLY, NULL, NULL);
  assert_error (shmobj_list_reverse (reader, &error), &error, G_IO_ERROR,
                G_IO_ERROR_PERMISSION_DENIED);
  assert_error (shmobj_list_set_range (reader, 0, 1, NULL, 0, &error), &error, G_IO_ERROR,
                G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL), ==, revision);
  assert_is (list, "[1, 2, 3]");
}

static void
test_reorders_one_revision (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  guint64 order[] = { 2, 0, 1 }, same[] = { 0, 1, 2 };
  GError *error = NULL;
  guint64 revision;

  fill (list, "[1, 2, 3]");
  revision = shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL);
  g_assert_true (shmobj_list_reorder (list, revision, order, 3, &error));
  assert_is (list, "[3, 1, 2]");
  g_assert_false (shmobj_list_reorder (list, revision, order, 3, &error));
  g_assert_no_error (error);
  assert_is (list, "[3, 1, 2]");

  /* what is in order already is no change for those who watch */
  g_assert_true (shmobj_list_reorder (list, revision + 1, same, 3, &error));
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL), ==,
                    revision + 1);
}

typedef struct
{
  ShmobjList *list;
  int changes; /* how many items it appends while the list is sorted; -1: sets one with each call */
} Meddler;

static int
compare_and_meddle (GVariant *a, GVariant *b, gpointer data)
{
  Meddler *meddler = data;

  if (meddler->changes > 0)
    {
      meddler->changes--;
      g_assert_true (shmobj_list_append (meddler->list, g_variant_new_int32 (0), NULL));
    }
  else if (meddler->changes < 0)
    g_assert_true (shmobj_list_set (meddler->list, 0, g_variant_new_int32 (3), NULL));
  return g_variant_get_int32 (a) - g_variant_get_int32 (b);
}

static void
test_sorts_what_others_change (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  Meddler meddler = { list, 3 };
  GError *error = NULL;

  fill (list, "[3, 1, 2]");
  g_assert_true (shmobj_list_sort (list, compare_and_meddle, &meddler, &error));
  g_assert_no_error (error);
  assert_is (list, "[0, 0, 0, 1, 2, 3]");

  fill (list, "[3, 1, 2]");
  meddler.changes = -1;
  assert_error (shmobj_list_sort (list, compare_and_meddle, &meddler, &error), &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_BUSY);
  assert_is (list, "[3, 1, 2]");
}

/* Only pickles stay for Python; and what moves is not written anew. */
static void
test_pickles (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  ShmobjFrame frame;
  GError *error = NULL;
  guint calls = 0;
  gsize n;

  fill (list, "[1, 2]");
  shmobj_frame_set_pickle (&frame, "\x80\x04N.", 4);
  g_assert_true (shmobj_list_append_frame (list, &frame, NULL));
  g_assert_null (shmobj_list_splice (list, 1, 5, NULL, 0, &n, &error));
  assert_error (FALSE, &error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  assert_error (shmobj_list_sort (list, by_size, &calls, &error), &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 3);
  g_assert_true (shmobj_list_reverse (list, NULL));
  g_assert_cmpint (shmobj_list_index_frame (list, &frame, NULL), ==, 0);
}

static int
walk_on (ShmobjListIter *iter)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_list_iter_next_value (iter, &error);

  g_assert_no_error (error);
  return value != NULL ? g_variant_get_int32 (value) : -1;
}

static void
test_walk (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (ShmobjListIter) iter = NULL, left = NULL, late = shmobj_list_iterator (list);

  for (int i = 0; i < 600; i++)
    g_assert_true (shmobj_list_append (list, g_variant_new_int32 (i), NULL));
  iter = shmobj_list_iterator (list);
  left = shmobj_list_iterator (list);
  for (int i = 0; i < 600; i++)
    {
      g_assert_cmpint (walk_on (iter), ==, i);
      if (i == 0)
        g_assert_true (shmobj_list_reverse (list, NULL));
      else if (i % 100 == 0)
        g_assert_true (shmobj_list_append (list, g_variant_new_int32 (1000), NULL));
      else if (i == 350)
        g_assert_true (shmobj_list_clear (list, NULL));
    }
  g_assert_cmpint (walk_on (iter), ==, -1);
  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (7), NULL));
  g_assert_cmpint (walk_on (iter), ==, -1);

  /* what comes before the first item is asked for */
  g_assert_cmpint (walk_on (late), ==, 1000);
  g_assert_cmpint (walk_on (late), ==, 1000);
  g_assert_cmpint (walk_on (late), ==, 7);
  g_assert_cmpint (walk_on (late), ==, -1);

  /* one that ends in the middle gives back what it had read */
  g_assert_cmpint (walk_on (left), ==, 1000);
}

static void
test_walk_over_pickles (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (ShmobjListIter) iter = shmobj_list_iterator (list);
  ShmobjFrame frame;
  GError *error = NULL;

  fill (list, "[1, 2]");
  shmobj_frame_set_pickle (&frame, "\x80\x04N.", 4);
  g_assert_true (shmobj_list_insert_frame (list, 1, &frame, NULL));
  g_assert_cmpint (walk_on (iter), ==, 1);
  assert_error (shmobj_list_iter_next_value (iter, &error) != NULL, &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (walk_on (iter), ==, 2);
  g_assert_cmpint (walk_on (iter), ==, -1);
}

/* What a splice takes out leads on to its object, though nothing else does. */
static void
test_references_are_taken_out (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager), inner = NULL;
  g_autoptr (ShmobjContainer) again = NULL;
  g_autoptr (GVariant) reference = NULL;
  GVariant *two[2], **taken;
  gsize n;

  inner = shmobj_manager_open_list (manager, NULL, SHMOBJ_OPEN_DEFAULT, NULL, NULL);
  g_assert_true (shmobj_list_append (inner, g_variant_new_int32 (7), NULL));
  reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (inner), NULL);
  two[0] = two[1] = reference;
  g_assert_true (shmobj_list_extend (list, two, 2, NULL));
  g_assert_true (shmobj_list_repeat (list, 2, NULL));
  g_assert_true (shmobj_list_reverse (list, NULL));
  g_clear_pointer (&reference, g_variant_unref);
  g_clear_object (&inner);

  taken = shmobj_list_splice (list, 0, 9, NULL, 0, &n, NULL);
  g_assert_cmpuint (n, ==, 4);
  again = shmobj_manager_open_reference (manager, taken[3], SHMOBJ_OPEN_DEFAULT, NULL);
  g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (again), NULL), ==, 1);
  give_back (taken, n);
  g_free (taken);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/list-order/does-what-an-array-does", test_does_what_an_array_does);
  g_test_add_func ("/list-order/refuses-nonsense-and-changes-nothing", test_refuses_nonsense);
  g_test_add_func ("/list-order/reorders-one-revision-only", test_reorders_one_revision);
  g_test_add_func ("/list-order/sorts-what-others-change-or-says-busy",
                   test_sorts_what_others_change);
  g_test_add_func ("/list-order/a-pickle-stays-for-python-and-moves", test_pickles);
  g_test_add_func ("/list-order/a-walk-meets-one-state", test_walk);
  g_test_add_func ("/list-order/a-walk-goes-on-behind-a-pickle", test_walk_over_pickles);
  g_test_add_func ("/list-order/references-are-taken-out-alive", test_references_are_taken_out);
  return g_test_run ();
}
