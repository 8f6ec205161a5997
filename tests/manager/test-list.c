/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists against a model: a plain array that undergoes the same calls. */

#include "list-fixture.h"

#include <string.h>

/* Small ones mostly, some that nearly fill a chunk, some with rows of their own. */
static GVariant *
random_value (GRand *random)
{
  int choice = g_rand_int_range (random, 0, 20);
  gsize size = choice == 0  ? g_rand_int_range (random, 400, 9000)
               : choice < 4 ? g_rand_int_range (random, 100, 480)
                            : g_rand_int_range (random, 0, 20);
  g_autofree char *text = g_malloc (size + 1);

  if (choice == 19)
    return g_variant_new ("(ix)", g_rand_int (random), (gint64) choice);
  memset (text, 'a' + choice, size);
  text[size] = '\0';
  return g_variant_new_string (text);
}

typedef struct
{
  ShmobjList *list;
  GPtrArray *model;
  GRand *random;
} Pair;

static void
insert_somewhere (Pair *pair)
{
  gint64 position = g_rand_int_range (pair->random, 0, pair->model->len + 1);
  GVariant *value = g_variant_ref_sink (random_value (pair->random));

  if (g_rand_boolean (pair->random))
    position = pair->model->len;
  if ((guint) position == pair->model->len && g_rand_boolean (pair->random))
    g_assert_true (shmobj_list_append (pair->list, value, NULL));
  else
    g_assert_true (shmobj_list_insert (pair->list, position, value, NULL));
  g_ptr_array_insert (pair->model, position, value);
}

static void
extend_it (Pair *pair)
{
  GVariant *values[200];
  gsize n = g_rand_int_range (pair->random, 0, G_N_ELEMENTS (values));

  for (gsize i = 0; i < n; i++)
    {
      values[i] = g_variant_ref_sink (random_value (pair->random));
      g_ptr_array_add (pair->model, values[i]);
    }
  g_assert_true (shmobj_list_extend (pair->list, values, n, NULL));
}

static void
set_one (Pair *pair)
{
  gint64 position = g_rand_int_range (pair->random, 0, pair->model->len);
  GVariant *value = g_variant_ref_sink (random_value (pair->random));

  g_assert_true (shmobj_list_set (pair->list, position - pair->model->len, value, NULL));
  g_variant_unref (pair->model->pdata[position]);
  pair->model->pdata[position] = value;
}

static void
pop_one (Pair *pair)
{
  gint64 position = g_rand_int_range (pair->random, 0, pair->model->len);
  g_autoptr (GVariant) value = NULL;

  if (g_rand_boolean (pair->random))
    position = g_rand_boolean (pair->random) ? 0 : pair->model->len - 1;
  value = shmobj_list_pop (pair->list, position, NULL);
  g_assert_true (g_variant_equal (value, pair->model->pdata[position]));
  g_ptr_array_remove_index (pair->model, position);
}

static void
delete_some (Pair *pair)
{
  guint start = g_rand_int_range (pair->random, 0, pair->model->len);
  guint end = g_rand_int_range (pair->random, start, pair->model->len + 1);

  if (g_rand_int_range (pair->random, 0, 4) != 0)
    end = MIN (end, start + 40);
  g_assert_true (shmobj_list_delete_range (pair->list, start, end, NULL));
  if (end > start)
    g_ptr_array_remove_range (pair->model, start, end - start);
}

static void
read_one (Pair *pair)
{
  gint64 position = g_rand_int_range (pair->random, 0, pair->model->len);
  g_autoptr (GVariant) value = shmobj_list_get (pair->list, position, NULL);

  g_assert_true (g_variant_equal (value, pair->model->pdata[position]));
}

static void
one_step (Pair *pair)
{
  int choice = g_rand_int_range (pair->random, 0, 1000);

  if (choice == 0)
    {
      g_assert_true (shmobj_list_clear (pair->list, NULL));
      g_ptr_array_set_size (pair->model, 0);
    }
  else if (choice < 450 || pair->model->len == 0)
    insert_somewhere (pair);
  else if (choice < 460)
    extend_it (pair);
  else if (choice < 600)
    set_one (pair);
  else if (choice < 900)
    pop_one (pair);
  else if (choice < 905)
    delete_some (pair);
  else
    read_one (pair);
}

static void
test_does_what_an_array_does (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (GPtrArray) model = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  Pair pair = { list, model, random };

  for (guint i = 0; i < 30000 / slower (); i++)
    {
      one_step (&pair);
      if (i % 500 == 0)
        assert_equals (list, model);
    }
  assert_equals (list, model);
}

static void
test_hundred_thousand (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  gint64 n = 100000 / slower ();
  GVariant **values;
  gsize n_values;

  for (gint64 i = 0; i < n; i++)
    g_assert_true (shmobj_list_append (list, g_variant_new_int64 (i), NULL));
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, n);

  for (gint64 i = 0; i < n; i += 997)
    {
      g_autoptr (GVariant) value = shmobj_list_get (list, i - n, NULL);

      g_assert_cmpint (g_variant_get_int64 (value), ==, i);
    }

  values = shmobj_list_get_range (list, -1000, n, &n_values, NULL);
  g_assert_cmpuint (n_values, ==, 1000);
  for (gsize i = 0; i < n_values; i++)
    {
      g_assert_cmpint (g_variant_get_int64 (values[i]), ==, n - 1000 + i);
      g_variant_unref (values[i]);
    }
  g_free (values);

  for (gint64 i = n - 1; i >= 0; i--)
    {
      g_autoptr (GVariant) value = shmobj_list_pop (list, -1, NULL);

      g_assert_cmpint (g_variant_get_int64 (value), ==, i);
    }
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
}

static void
test_indexes_outside (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  GError *error = NULL;
  gsize n;

  assert_error (shmobj_list_get (list, 0, &error) != NULL, &error, G_IO_ERROR,
                G_IO_ERROR_NOT_FOUND);
  assert_error (shmobj_list_pop (list, -1, &error) != NULL, &error, G_IO_ERROR,
                G_IO_ERROR_NOT_FOUND);
  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (7), NULL));
  assert_error (shmobj_list_get (list, 1, &error) != NULL, &error, G_IO_ERROR,
                G_IO_ERROR_NOT_FOUND);
  assert_error (shmobj_list_set (list, -2, g_variant_new_int32 (7), &error), &error, G_IO_ERROR,
                G_IO_ERROR_NOT_FOUND);
  assert_error (shmobj_list_get (list, G_MININT64, &error) != NULL, &error, G_IO_ERROR,
                G_IO_ERROR_NOT_FOUND);

  /* where the ends are meant */
  g_assert_true (shmobj_list_insert (list, -100, g_variant_new_int32 (6), NULL));
  g_assert_true (shmobj_list_insert (list, 100, g_variant_new_int32 (8), NULL));
  g_assert_cmpint (shmobj_list_index (list, g_variant_new_int32 (6), NULL), ==, 0);
  g_assert_cmpint (shmobj_list_index (list, g_variant_new_int32 (8), NULL), ==, 2);
  g_free (shmobj_list_get_range (list, 5, 2, &n, NULL));
  g_assert_cmpuint (n, ==, 0);
  g_assert_true (shmobj_list_delete_range (list, -100, 100, NULL));
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
}

static void
test_finds_equal_values (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  GError *error = NULL;

  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (5), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_byte (5), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_double (5), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_parsed ("[1, 2]"), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_boolean (TRUE), NULL));

  g_assert_cmpint (shmobj_list_count (list, g_variant_new_uint64 (5), NULL), ==, 2);
  g_assert_cmpint (shmobj_list_index (list, g_variant_new_double (5), NULL), ==, 2);
  g_assert_cmpint (shmobj_list_index (list, g_variant_new_parsed ("@at [1, 2]"), NULL), ==, 3);
  g_assert_false (shmobj_list_contains (list, g_variant_new_int32 (1), &error));
  g_assert_no_error (error);
  assert_error (shmobj_list_index (list, g_variant_new_string ("5"), &error) >= 0, &error,
                G_IO_ERROR, G_IO_ERROR_NOT_FOUND);

  g_assert_true (shmobj_list_remove_value (list, g_variant_new_int16 (5), NULL));
  g_assert_true (shmobj_list_remove_value (list, g_variant_new_int16 (5), NULL));
  assert_error (shmobj_list_remove_value (list, g_variant_new_int16 (5), &error), &error,
                G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 3);
}

static void
test_large_value (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  gsize size = 20 << 20;
  guint8 *bytes = g_malloc (size);
  g_autoptr (GVariant) value = NULL;
  gsize n;

  for (gsize i = 0; i < size; i++)
    bytes[i] = i * 7 >> 8;
  g_assert_true (shmobj_list_append (
      list, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1), NULL));
  value = shmobj_list_get (list, 0, NULL);
  g_assert_cmpmem (g_variant_get_fixed_array (value, &n, 1), n, bytes, size);
  g_free (bytes);
}

static void
test_counts_revisions (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager), again = new_list (manager);
  guint64 first = shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL);

  g_assert_cmpuint (first, >, 0);
  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (1), NULL));
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (again), NULL), ==, first + 1);
  g_assert_false (shmobj_list_remove_value (list, g_variant_new_int32 (2), NULL));
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (again), NULL), ==, first + 1);
  g_assert_true (shmobj_list_clear (again, NULL));
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL), ==, first + 2);
}

static void
test_refuses_what_it_cannot_hold (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager), reader = NULL, orphan = NULL;
  GError *error = NULL;

  assert_error (shmobj_list_append (list, g_variant_new_parsed ("(@h 1, 2)"), &error), &error,
                SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);

  reader = shmobj_manager_open_list (manager, "items", SHMOBJ_OPEN_READ_ONLY, NULL, NULL);
  assert_error (shmobj_list_append (reader, g_variant_new_int32 (1), &error), &error, G_IO_ERROR,
                G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (shmobj_list_get_length (reader, NULL), ==, 0);

  orphan = g_object_new (SHMOBJ_TYPE_LIST, NULL);
  assert_error (shmobj_list_append (orphan, g_variant_new_int32 (1), &error), &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_CLOSED);
}

static void
test_keeps_pickles_from_others (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  ShmobjFrame frame, out;
  GError *error = NULL;

  shmobj_frame_set_pickle (&frame, "\x80\x04N.", 4);
  g_assert_true (shmobj_list_append_frame (list, &frame, NULL));
  assert_error (shmobj_list_get (list, 0, &error) != NULL, &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_INCOMPATIBLE);
  assert_error (shmobj_list_pop (list, 0, &error) != NULL, &error, SHMOBJ_ERROR,
                SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  g_assert_cmpint (shmobj_list_index_frame (list, &frame, NULL), ==, 0);

  g_assert_true (shmobj_list_pop_frame (list, 0, TRUE, &out, NULL));
  g_assert_cmpmem (out.data, out.size, frame.data, frame.size);
  shmobj_frame_clear (&out);
}

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

/* What was put in with these texts, in one value of the type. */
static void
assert_packed (const char *type, const char *const *texts)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) packed = NULL;
  gsize n;

  for (n = 0; texts[n] != NULL; n++)
    {
      g_autoptr (GVariant) value = parse (texts[n]);

      g_assert_true (shmobj_list_append (list, value, &error));
    }
  packed = shmobj_list_get_packed (list, 0, G_MAXINT64, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (packed), ==, type);
  g_assert_true (g_variant_is_normal_form (packed));
  g_assert_cmpuint (g_variant_n_children (packed), ==, n);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (packed, i);
      g_autoptr (GVariant) item =
          g_str_equal (type, "av") ? g_variant_get_variant (child) : g_variant_ref (child);
      g_autoptr (GVariant) expected = parse (texts[i]);

      g_assert_true (g_variant_equal (item, expected));
    }
}

static void
test_packed (void)
{
  assert_packed ("ax", (const char *[]){ "int64 1", "int64 -2", "int64 3", NULL });
  assert_packed ("ad", (const char *[]){ "1.5", "-0.25", NULL });
  assert_packed ("ab", (const char *[]){ "true", "false", NULL });
  assert_packed ("as", (const char *[]){ "''", "'two'", "'ä'", NULL });
  assert_packed ("ai", (const char *[]){ "7", NULL });
  assert_packed ("av", (const char *[]){ "byte 1", "byte 2", NULL });
  assert_packed ("av", (const char *[]){ "int64 1", "2.5", NULL });
  assert_packed ("av", (const char *[]){ "(1, 'a')", "(2, 'b')", NULL });
  assert_packed ("av", (const char *[]){ NULL });
}

/* Long runs of one type, short ones, and large texts among small ones. */
static void
test_runs (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager);
  g_autoptr (GPtrArray) model = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autofree char *large = g_strnfill (20000, 'l');

  for (int i = 0; i < 3000; i++)
    {
      GVariant *value = i < 1200         ? g_variant_new_int64 (i)
                        : i % 700 == 0   ? g_variant_new_string (large)
                        : i < 2000       ? g_variant_new_take_string (g_strdup_printf ("%d", i))
                        : i / 5 % 3 == 0 ? g_variant_new_boolean (i % 2)
                        : i / 5 % 3 == 1 ? g_variant_new_double (i / 2.0)
                                         : g_variant_new_uint16 (i);

      g_ptr_array_add (model, g_variant_ref_sink (value));
      g_assert_true (shmobj_list_append (list, value, NULL));
    }
  assert_equals (list, model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/list/does-what-an-array-does", test_does_what_an_array_does);
  g_test_add_func ("/list/holds-a-hundred-thousand", test_hundred_thousand);
  g_test_add_func ("/list/indexes-outside-are-not-found", test_indexes_outside);
  g_test_add_func ("/list/integers-of-every-width-are-the-same", test_finds_equal_values);
  g_test_add_func ("/list/holds-a-large-value", test_large_value);
  g_test_add_func ("/list/each-change-is-a-revision", test_counts_revisions);
  g_test_add_func ("/list/refuses-what-it-cannot-hold", test_refuses_what_it_cannot_hold);
  g_test_add_func ("/list/comes-in-one-value", test_packed);
  g_test_add_func ("/list/runs-of-one-type-come-as-they-are", test_runs);
  g_test_add_func ("/list/a-pickle-stays-for-python", test_keeps_pickles_from_others);
  return g_test_run ();
}
