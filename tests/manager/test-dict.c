/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Dicts: keys in normal form, order, and what cannot be a key. */

#include <shmobj.h>

#include <math.h>
#include <string.h>

typedef struct
{
  ShmobjManager *manager;
  ShmobjDict *dict;
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->manager = shmobj_manager_new (NULL, NULL, &f->error);
  g_assert_no_error (f->error);
  f->dict = shmobj_manager_open_dict (f->manager, "d", SHMOBJ_OPEN_DEFAULT, NULL, &f->error);
  g_assert_no_error (f->error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_no_error (f->error);
  g_object_unref (f->dict);
  g_object_unref (f->manager);
}

static void
set (Fixture *f, const char *key, const char *value)
{
  shmobj_dict_set (f->dict, g_variant_new_parsed (key), g_variant_new_parsed (value), &f->error);
  g_assert_no_error (f->error);
}

static void
assert_value (Fixture *f, const char *key, const char *expected)
{
  g_autoptr (GVariant) value = shmobj_dict_lookup (f->dict, g_variant_new_parsed (key), &f->error);
  g_autofree char *text = value != NULL ? g_variant_print (value, TRUE) : NULL;

  g_assert_no_error (f->error);
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_failed (Fixture *f, gboolean done, GQuark domain, int code)
{
  g_assert_false (done);
  g_assert_error (f->error, domain, code);
  g_clear_error (&f->error);
}

static void
test_same_key_from_everybody (Fixture *f, gconstpointer data)
{
  set (f, "1", "'one'");
  assert_value (f, "byte 1", "'one'");
  assert_value (f, "uint64 1", "'one'");
  assert_value (f, "int16 1", "'one'");
  assert_value (f, "<int32 1>", "'one'");
  assert_value (f, "true", NULL);
  assert_value (f, "1.0", NULL);

  set (f, "('eu', 3)", "'tuple'");
  assert_value (f, "('eu', uint16 3)", "'tuple'");
  assert_value (f, "(<'eu'>, <uint64 3>)", "'tuple'");
  assert_value (f, "('eu', 3, 3)", NULL);

  set (f, "-0.0", "'zero'");
  assert_value (f, "0.0", "'zero'");
  set (f, "uint64 18446744073709551615", "'most'");
  assert_value (f, "int64 -1", NULL);
  set (f, "b'bytes'", "'bytes'");
  assert_value (f, "'bytes'", NULL);
  set (f, "objectpath '/a'", "'path'");
  assert_value (f, "'/a'", "'path'");
  set (f, "@ms nothing", "'nothing'");
  assert_value (f, "@ms nothing", "'nothing'");
  g_assert_cmpint (shmobj_dict_get_length (f->dict, NULL), ==, 7);
}

static void
test_nan_is_itself (Fixture *f, gconstpointer data)
{
  g_autoptr (GVariant) value = NULL;

  g_assert_true (
      shmobj_dict_set (f->dict, g_variant_new_double (NAN), g_variant_new_int32 (1), NULL));
  value = shmobj_dict_get (f->dict, g_variant_new_double (-NAN), NULL);
  g_assert_nonnull (value);
}

static void
test_keeps_the_order (Fixture *f, gconstpointer data)
{
  g_autoptr (GVariant) items = NULL;
  g_autofree char *text = NULL;
  GVariant **keys;
  gsize n;

  set (f, "'z'", "1");
  set (f, "'a'", "2");
  set (f, "5", "3");
  set (f, "'z'", "'replaced'");
  g_assert_true (shmobj_dict_remove (f->dict, g_variant_new_string ("a"), NULL));
  set (f, "'a'", "'last'");

  items = shmobj_dict_items (f->dict, &f->error);
  text = g_variant_print (items, FALSE);
  g_assert_cmpstr (text, ==, "[(<'z'>, <'replaced'>), (<int64 5>, <3>), (<'a'>, <'last'>)]");

  keys = shmobj_dict_keys (f->dict, &n, &f->error);
  g_assert_cmpuint (n, ==, 3);
  g_assert_true (g_variant_is_of_type (keys[1], G_VARIANT_TYPE_INT64));
  for (gsize i = 0; i < n; i++)
    g_variant_unref (keys[i]);
  g_free (keys);
}

static void
test_what_cannot_be_a_key (Fixture *f, gconstpointer data)
{
  static const char *const keys[] = { "[1, 2]",     "{'a': 1}",     "@h 0",
                                      "('a', [1])", "('a', <[1]>)", "@as []" };
  ShmobjFrame pickle, value;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      assert_failed (f,
                     shmobj_dict_set (f->dict, g_variant_new_parsed (keys[i]),
                                      g_variant_new_int32 (1), &f->error),
                     SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
      assert_failed (f, shmobj_dict_contains (f->dict, g_variant_new_parsed (keys[i]), &f->error),
                     SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
    }
  shmobj_frame_set_pickle (&pickle, "\x80\x04N.", 4);
  shmobj_frame_set_bytes (&value, "v", 1);
  assert_failed (f, shmobj_dict_set_frame (f->dict, &pickle, &value, &f->error), SHMOBJ_ERROR,
                 SHMOBJ_ERROR_NOT_REPRESENTABLE);
  assert_failed (
      f, shmobj_dict_set (f->dict, g_variant_new_int32 (1), g_variant_new_handle (1), &f->error),
      SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_assert_cmpint (shmobj_dict_get_length (f->dict, NULL), ==, 0);
}

static void
test_no_such_key (Fixture *f, gconstpointer data)
{
  set (f, "'there'", "1");
  assert_failed (f, shmobj_dict_get (f->dict, g_variant_new_string ("away"), &f->error) != NULL,
                 G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_failed (f, shmobj_dict_pop (f->dict, g_variant_new_string ("away"), &f->error) != NULL,
                 G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_failed (f, shmobj_dict_remove (f->dict, g_variant_new_string ("away"), &f->error),
                 G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_false (shmobj_dict_contains (f->dict, g_variant_new_string ("away"), &f->error));
  g_assert_true (shmobj_dict_contains (f->dict, g_variant_new_string ("there"), &f->error));
}

static void
test_long_keys (Fixture *f, gconstpointer data)
{
  for (gsize size = 400; size < 100000; size = size < 600 ? size + 1 : size * 3)
    {
      g_autofree char *key = g_strnfill (size, 'k');
      g_autoptr (GVariant) value = NULL;

      g_assert_true (
          shmobj_dict_set (f->dict, g_variant_new_string (key), g_variant_new_uint64 (size), NULL));
      key[size - 1] = 'l';
      g_assert_false (shmobj_dict_contains (f->dict, g_variant_new_string (key), NULL));
      key[size - 1] = 'k';
      value = shmobj_dict_get (f->dict, g_variant_new_string (key), NULL);
      g_assert_cmpuint (g_variant_get_uint64 (value), ==, size);
    }
}

static void
test_updates_all_or_nothing (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autoptr (GVariant) items = NULL;

  g_assert_true (shmobj_dict_update (f->dict, g_variant_new_parsed ("{'a': <1>, 'b': <2>}"), NULL));
  g_assert_true (
      shmobj_dict_update (f->dict, g_variant_new_parsed ("[(<'b'>, <'two'>), (<3>, <3>)]"), NULL));
  assert_failed (f,
                 shmobj_dict_update (f->dict, g_variant_new_parsed ("[(<'b'>, <9>), (<[1]>, <3>)]"),
                                     &f->error),
                 SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  assert_failed (f, shmobj_dict_update (f->dict, g_variant_new_parsed ("['a']"), &f->error),
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);

  items = shmobj_dict_items (f->dict, NULL);
  text = g_variant_print (items, FALSE);
  g_assert_cmpstr (text, ==, "[(<'a'>, <1>), (<'b'>, <'two'>), (<int64 3>, <3>)]");
}

/* Of all widths of offsets, and with values of every kind of alignment. */
static void
test_items_are_what_glib_makes_of_them (Fixture *f, gconstpointer data)
{
  static const gsize sizes[] = { 0, 1, 7, 30, 100, 180, 255, 256, 300, 5000, 65500, 65536, 70000 };
  static const char *const others[] = { "@y 7",         "(byte 1, 2)", "true",          "[1, 2]",
                                        "{'a': <2>}",   "@av []",      "'x'",           "1.5",
                                        "(b'ab', 'c')", "@() ()",      "uint64 7",      "<<3>>",
                                        "@mv nothing",  "int16 -3",    "[@ms 'a', 'b']" };
  g_autoptr (GVariant) empty = shmobj_dict_items (f->dict, NULL);
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  g_assert_cmpuint (g_variant_n_children (empty), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sizes) + G_N_ELEMENTS (others); i++)
    {
      gsize size = i < G_N_ELEMENTS (sizes) ? sizes[i] : 0;
      g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size + 1), size);
      GVariant *value = i < G_N_ELEMENTS (sizes)
                            ? g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE)
                            : g_variant_new_parsed (others[i - G_N_ELEMENTS (sizes)]);
      GVariant *key = i % 2 == 0
                          ? g_variant_new_int64 (i)
                          : g_variant_new_take_string (g_strnfill (MIN (size, 400) + i, 'k'));
      g_autoptr (GVariant) items = NULL, wanted = NULL;

      g_variant_ref_sink (value);
      g_variant_ref_sink (key);
      g_assert_true (shmobj_dict_set (f->dict, key, value, NULL));
      g_ptr_array_add (pairs, g_variant_new ("(vv)", key, value));
      g_variant_ref_sink (pairs->pdata[i]);
      wanted =
          g_variant_ref_sink (g_variant_new_array (NULL, (GVariant **) pairs->pdata, pairs->len));
      items = shmobj_dict_items (f->dict, NULL);
      g_assert_true (g_variant_is_normal_form (items));
      g_assert_cmpvariant (items, wanted);
      g_variant_unref (value);
      g_variant_unref (key);
    }
}

static void
test_pops_the_last_item (Fixture *f, gconstpointer data)
{
  static const char *const expected[] = { "(<int64 3>, <'c'>)", "(<'a'>, <'again'>)" };

  set (f, "'a'", "'a'");
  set (f, "'b'", "'b'");
  set (f, "3", "'c'");
  set (f, "'a'", "'again'");
  g_assert_true (shmobj_dict_remove (f->dict, g_variant_new_string ("b"), &f->error));
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (GVariant) item = shmobj_dict_pop_item (f->dict, &f->error);
      g_autofree char *text = NULL;

      g_assert_no_error (f->error);
      text = g_variant_print (item, TRUE);
      g_assert_cmpstr (text, ==, expected[i]);
    }
  assert_failed (f, shmobj_dict_pop_item (f->dict, &f->error) != NULL, G_IO_ERROR,
                 G_IO_ERROR_NOT_FOUND);
}

static void
test_sets_what_is_not_there (Fixture *f, gconstpointer data)
{
  for (int i = 1; i <= 2; i++)
    {
      g_autoptr (GVariant) value = shmobj_dict_set_default (f->dict, g_variant_new_string ("key"),
                                                            g_variant_new_int32 (i), &f->error);

      g_assert_no_error (f->error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, 1);
    }
}

static void
test_does_what_a_hash_table_does (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) model =
      g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_variant_unref);
  GHashTableIter iter;
  gpointer key, value;

  for (guint i = 0; i < 20000; i++)
    {
      int number = g_test_rand_int_range (0, 3000);
      int choice = g_test_rand_int_range (0, 10);

      if (choice < 6)
        {
          g_autofree char *text =
              g_strnfill (g_test_rand_int_range (0, choice == 0 ? 5000 : 50), 'x');
          GVariant *kept = g_variant_ref_sink (g_variant_new_string (text));

          g_hash_table_insert (model, GINT_TO_POINTER (number), kept);
          g_assert_true (shmobj_dict_set (f->dict, g_variant_new_int32 (number), kept, NULL));
        }
      else if (choice < 9)
        g_assert_cmpint (shmobj_dict_remove (f->dict, g_variant_new_int32 (number), NULL), ==,
                         g_hash_table_remove (model, GINT_TO_POINTER (number)));
      else if (number == 0)
        {
          g_hash_table_remove_all (model);
          g_assert_true (shmobj_dict_clear (f->dict, NULL));
        }
    }

  g_assert_cmpint (shmobj_dict_get_length (f->dict, NULL), ==, g_hash_table_size (model));
  g_hash_table_iter_init (&iter, model);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_autoptr (GVariant) stored =
          shmobj_dict_get (f->dict, g_variant_new_int32 (GPOINTER_TO_INT (key)), NULL);

      g_assert_true (g_variant_equal (stored, value));
    }
}

#define ADD(name, func) g_test_add ("/dict/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("the-same-key-from-everybody", test_same_key_from_everybody);
  ADD ("nan-is-itself", test_nan_is_itself);
  ADD ("keeps-the-order-of-first-setting", test_keeps_the_order);
  ADD ("what-cannot-be-a-key", test_what_cannot_be_a_key);
  ADD ("no-such-key", test_no_such_key);
  ADD ("long-keys", test_long_keys);
  ADD ("updates-all-or-nothing", test_updates_all_or_nothing);
  ADD ("items-are-what-glib-makes-of-them", test_items_are_what_glib_makes_of_them);
  ADD ("pops-the-last-item", test_pops_the_last_item);
  ADD ("sets-what-is-not-there", test_sets_what_is_not_there);
  ADD ("does-what-a-hash-table-does", test_does_what_a_hash_table_does);
  return g_test_run ();
}
