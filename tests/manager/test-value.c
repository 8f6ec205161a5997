/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Value: what it holds, sums of all number types, comparing, and what it refuses. */

#include <shmobj.h>

#include <string.h>

#define THREADS 4
#define EACH 500

static void
assert_failed (gboolean done, GError **error, GQuark domain, int code)
{
  g_assert_false (done);
  g_assert_error (*error, domain, code);
  g_clear_error (error);
}

static ShmobjManager *
new_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (NULL, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static ShmobjValue *
open_value (ShmobjManager *manager, const char *name, GVariant *initial)
{
  g_autoptr (GError) error = NULL;
  ShmobjValue *value =
      shmobj_manager_open_value (manager, name, SHMOBJ_OPEN_DEFAULT, initial, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static void
assert_is (ShmobjValue *value, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) now = shmobj_value_get (value, &error);
  g_autofree char *printed = NULL;

  g_assert_no_error (error);
  printed = g_variant_print (now, TRUE);
  g_assert_cmpstr (printed, ==, text);
}

static void
test_keeps_what_it_is_given (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) nothing = open_value (manager, NULL, NULL);
  g_autoptr (ShmobjValue) value = open_value (manager, "v", g_variant_new_string ("first"));
  g_autoptr (ShmobjValue) again = open_value (manager, "v", g_variant_new_string ("ignored"));

  assert_is (nothing, "@mv nothing");
  assert_is (again, "'first'");
  g_assert_true (shmobj_value_set (again, g_variant_new_parsed ("{'a': <(1, 2.5)>}"), NULL));
  assert_is (value, "{'a': <(1, 2.5)>}");
  g_assert_true (shmobj_value_set (value, g_variant_new_byte (7), NULL));
  assert_is (again, "byte 0x07");
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (value), NULL), ==, 3);
  g_assert_cmpstr (shmobj_manager_lookup (manager, "v", NULL), ==, "value");
}

static void
test_large (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autofree char *text = g_strnfill (20 << 20, 'x');
  g_autoptr (ShmobjValue) value = open_value (manager, "v", g_variant_new_string (text));
  g_autoptr (GVariant) now = shmobj_value_get (value, NULL), objects = NULL;
  guint64 size;

  g_assert_cmpstr (g_variant_get_string (now, NULL), ==, text);
  objects = shmobj_manager_list_objects (manager, NULL);
  g_variant_get_child (objects, 0, "(sst)", NULL, NULL, &size);
  g_assert_cmpuint (size, ==, strlen (text) + 1);
  for (int i = 0; i < 20; i++) /* what it was before is not kept */
    g_assert_true (shmobj_value_set (value, now, NULL));
}

static void
test_add (void)
{
  static const struct
  {
    const char *number, *amount, *sum; /* NULL: not representable */
  } rows[] = {
    { "int64 5", "int64 -7", "int64 -2" },
    { "5", "int64 1", "6" },
    { "byte 0xfe", "1", "byte 0xff" },
    { "byte 0xff", "1", "int64 256" },
    { "byte 0x00", "-1", "int64 -1" },
    { "int16 32767", "int16 1", "int64 32768" },
    { "int16 -32768", "int16 -1", "int64 -32769" },
    { "uint16 65535", "1", "int64 65536" },
    { "2147483647", "1", "int64 2147483648" },
    { "uint32 4294967295", "-1", "uint32 4294967294" },
    { "uint32 4294967295", "1", "int64 4294967296" },
    { "int64 9223372036854775807", "1", "uint64 9223372036854775808" },
    { "uint64 18446744073709551615", "int64 -1", "uint64 18446744073709551614" },
    { "uint64 1", "-2", "int64 -1" },
    { "uint64 18446744073709551615", "1", NULL },
    { "int64 -9223372036854775808", "-1", NULL },
    { "uint64 18446744073709551615", "uint64 18446744073709551615", NULL },
    { "1.5", "2", "3.5" },
    { "2", "0.25", "2.25" },
    { "uint64 18446744073709551615", "0.0", "1.8446744073709552e+19" },
  };
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) sum = NULL;
      g_autofree char *printed = NULL;
      GError *error = NULL;

      g_assert_true (shmobj_value_set (value, g_variant_new_parsed (rows[i].number), NULL));
      sum = shmobj_value_add (value, g_variant_new_parsed (rows[i].amount), &error);
      if (rows[i].sum == NULL)
        {
          assert_failed (sum != NULL, &error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
          assert_is (value, rows[i].number);
          continue;
        }
      g_assert_no_error (error);
      printed = g_variant_print (sum, TRUE);
      g_assert_cmpstr (printed, ==, rows[i].sum);
      assert_is (value, rows[i].sum);
    }
}

static void
test_adds_only_numbers (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", NULL);
  GError *error = NULL;

  assert_failed (shmobj_value_add (value, g_variant_new_int32 (1), &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_true (shmobj_value_set (value, g_variant_new_int32 (1), NULL));
  assert_failed (shmobj_value_add (value, g_variant_new_string ("1"), &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_failed (shmobj_value_add (value, g_variant_new_boolean (TRUE), &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_is (value, "1");
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (value), NULL), ==, 2);
}

static gboolean
swap (ShmobjValue *value, const char *expected, const char *text)
{
  g_autoptr (GError) error = NULL;
  gboolean done = shmobj_value_compare_and_set (value, g_variant_new_parsed (expected),
                                                g_variant_new_parsed (text), &error);

  g_assert_no_error (error);
  return done;
}

static void
test_compare_and_set (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", NULL);

  g_assert_false (swap (value, "1", "2"));
  assert_is (value, "@mv nothing");
  g_assert_true (swap (value, "@mv nothing", "1"));
  g_assert_true (swap (value, "int64 1", "byte 0x02")); /* integers of every width are the same */
  g_assert_false (swap (value, "2.0", "3"));
  assert_is (value, "byte 0x02");
  g_assert_true (swap (value, "uint64 2", "['a', 'b']"));
  g_assert_false (swap (value, "['b', 'a']", "3"));
  g_assert_true (swap (value, "['a', 'b']", "{'k': <1>}"));
  g_assert_true (swap (value, "{'k': <uint16 1>}", "()"));
  assert_is (value, "()");
  g_assert_cmpuint (shmobj_container_get_revision (SHMOBJ_CONTAINER (value), NULL), ==, 6);
}

static void
test_refuses_what_it_cannot_hold (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", g_variant_new_int32 (1));
  g_autoptr (ShmobjValue) reader = NULL;
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
  GError *error = NULL;

  g_assert_nonnull (list);
  assert_failed (shmobj_value_set (value, g_variant_new_handle (1), &error), &error, SHMOBJ_ERROR,
                 SHMOBJ_ERROR_NOT_REPRESENTABLE);
  assert_failed (
      shmobj_manager_open_value (manager, "h", 0, g_variant_new_handle (1), NULL, &error) != NULL,
      &error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_assert_null (shmobj_manager_lookup (manager, "h", NULL));
  assert_failed (shmobj_manager_open_value (manager, "l", 0, NULL, NULL, &error) != NULL, &error,
                 SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);

  reader = shmobj_manager_open_value (manager, "v", SHMOBJ_OPEN_READ_ONLY, NULL, NULL, NULL);
  assert_failed (shmobj_value_add (reader, g_variant_new_int32 (1), &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  assert_failed (shmobj_value_compare_and_set (reader, g_variant_new_int32 (2),
                                               g_variant_new_int32 (3), &error),
                 &error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  assert_is (reader, "1");
}

static void
test_keeps_pickles_from_others (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", NULL);
  ShmobjFrame frame, out;
  GError *error = NULL;

  shmobj_frame_set_pickle (&frame, "\x80\x04N.", 4);
  g_assert_true (shmobj_value_set_frame (value, &frame, NULL));
  assert_failed (shmobj_value_get (value, &error) != NULL, &error, SHMOBJ_ERROR,
                 SHMOBJ_ERROR_INCOMPATIBLE);
  assert_failed (shmobj_value_add (value, g_variant_new_int32 (1), &error) != NULL, &error,
                 SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);
  g_assert_true (shmobj_value_get_frame (value, &out, NULL));
  g_assert_cmpmem (out.data, out.size, frame.data, frame.size);
  shmobj_frame_clear (&out);
  g_assert_cmpint (shmobj_value_compare_and_set_frame (value, &frame, &frame, NULL), ==, 1);
}

static gpointer
add_in_thread (gpointer data)
{
  for (int i = 0; i < EACH; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) sum = shmobj_value_add (data, g_variant_new_int32 (1), &error);

      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (sum), >, i);
    }
  return NULL;
}

static void
test_threads_add (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) value = open_value (manager, "v", g_variant_new_int32 (0));
  g_autoptr (GVariant) now = NULL;
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("adds", add_in_thread, value);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  now = shmobj_value_get (value, NULL);
  g_assert_cmpint (g_variant_get_int32 (now), ==, THREADS * EACH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/value/keeps-what-it-is-given", test_keeps_what_it_is_given);
  g_test_add_func ("/value/holds-a-large-one", test_large);
  g_test_add_func ("/value/sums-of-every-type", test_add);
  g_test_add_func ("/value/adds-only-numbers", test_adds_only_numbers);
  g_test_add_func ("/value/compare-and-set", test_compare_and_set);
  g_test_add_func ("/value/refuses-what-it-cannot-hold", test_refuses_what_it_cannot_hold);
  g_test_add_func ("/value/a-pickle-stays-for-python", test_keeps_pickles_from_others);
  g_test_add_func ("/value/threads-that-add-are-all-counted", test_threads_add);
  return g_test_run ();
}
