/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which values are equal, as values of a list and as keys of a dict. */

#include <shmobj.h>

#include "manager/normal.h"

#include <string.h>

/* Is @b, as it would be stored, equal to @a? */
static gboolean
are_equal (GVariant *a, GVariant *b)
{
  g_autoptr (GError) error = NULL;
  ShmobjFrame frame;
  g_autofree guint8 *stored = NULL;
  gboolean equal;
  Normal normal;

  shmobj_frame_set_variant (&frame, b);
  stored = g_malloc (frame_stored_size (&frame));
  frame_store (&frame, stored);
  shmobj_frame_set_variant (&frame, a);
  g_assert_true (normal_init (&normal, &frame, &error));
  g_assert_no_error (error);
  shmobj_frame_set_variant (&frame, b);
  equal = normal_equals (&normal, stored, frame_stored_size (&frame));
  normal_clear (&normal);
  return equal;
}

static void
check (const char *a_text, const char *b_text, gboolean expected)
{
  g_autoptr (GVariant) a = g_variant_ref_sink (g_variant_new_parsed (a_text));
  g_autoptr (GVariant) b = g_variant_ref_sink (g_variant_new_parsed (b_text));

  if (are_equal (a, b) != expected || are_equal (b, a) != expected)
    g_error ("%s and %s should %sbe equal", a_text, b_text, expected ? "" : "not ");
}

static void
test_equal (void)
{
  static const char *const pairs[][2] = {
    { "1", "byte 1" },
    { "uint64 1", "int64 1" },
    { "uint64 18446744073709551615", "uint64 18446744073709551615" },
    { "-1", "int16 -1" },
    { "<1>", "uint16 1" },
    { "0.0", "-0.0" },
    { "objectpath '/a'", "'/a'" },
    { "signature 'ai'", "'ai'" },
    { "[1, 2]", "@at [1, 2]" },
    { "@ai []", "@at []" },
    { "@ai []", "@an []" },
    { "@at [1, 18446744073709551615]", "@at [1, 18446744073709551615]" },
    { "(1, '/a')", "(uint64 1, objectpath '/a')" },
    { "{'a': 1, 'b': 2}", "{'b': uint16 2, 'a': 1}" },
    { "[<1>, <'a'>]", "[<uint64 1>, <'a'>]" },
    { "@mi 1", "@mt 1" },
    { "@mi nothing", "@mx nothing" },
    { "[(1, @ai [2])]", "[(uint32 1, @ax [2])]" },
    { "b'abc'", "[byte 0x61, 0x62, 0x63, 0]" },
    { "{1: 'a'}", "{byte 1: 'a'}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    check (pairs[i][0], pairs[i][1], TRUE);
}

static void
test_not_equal (void)
{
  static const char *const pairs[][2] = {
    { "1", "true" },        { "1", "1.0" },
    { "1", "'1'" },         { "1", "2" },
    { "1", "[1]" },         { "int64 -1", "uint64 18446744073709551615" },
    { "[1, 2]", "[2, 1]" }, { "[1, 2]", "(1, 2)" },
    { "@ai []", "@as []" }, { "@mi nothing", "@ms nothing" },
    { "b'abc'", "'abc'" },  { "{'a': 1}", "{'a': 1, 'b': 2}" },
    { "[<1>]", "[1]" },     { "(1,)", "1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    check (pairs[i][0], pairs[i][1], FALSE);
}

/* The normal form of a normal form is itself, whatever the type: nothing is lost or confused. */
static GVariant *
random_value (GRand *random, guint depth)
{
  GVariantBuilder builder;
  GVariant *key, *value;

  switch (g_rand_int_range (random, 0, depth > 0 ? 14 : 9))
    {
    case 0:
      return g_variant_new_boolean (g_rand_boolean (random));
    case 1:
      return g_variant_new_byte (g_rand_int (random));
    case 2:
      return g_variant_new_int16 (g_rand_int (random));
    case 3:
      return g_variant_new_uint32 (g_rand_int (random));
    case 4:
      return g_variant_new_uint64 ((guint64) g_rand_int (random)
                                   << g_rand_int_range (random, 0, 33));
    case 5:
      return g_variant_new_int64 (g_rand_int (random));
    case 6:
      return g_variant_new_double (g_rand_double (random));
    case 7:
      return g_variant_new_string (g_rand_boolean (random) ? "" : "text");
    case 8:
      return g_variant_new_object_path ("/a");
    case 9:
      return g_variant_new_variant (random_value (random, depth - 1));
    case 10:
      return g_variant_new_maybe (NULL, random_value (random, depth - 1));
    case 11:
      value = random_value (random, depth - 1);
      return g_variant_new_array (NULL, &value, 1);
    case 12:
      key = g_variant_new_uint64 (g_rand_int (random));
      value = g_variant_new_dict_entry (key, random_value (random, depth - 1));
      return g_variant_new_array (NULL, &value, 1);
    default:
      g_variant_builder_init (&builder, G_VARIANT_TYPE_TUPLE);
      for (guint i = g_rand_int_range (random, 0, 4); i > 0; i--)
        g_variant_builder_add_value (&builder, random_value (random, depth - 1));
      return g_variant_builder_end (&builder);
    }
}

static void
test_twice_is_once (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());

  for (guint i = 0; i < 5000; i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (random_value (random, 4));
      g_autoptr (GError) error = NULL;
      Normal once, twice;
      ShmobjFrame frame;

      shmobj_frame_set_variant (&frame, value);
      g_assert_true (normal_init (&once, &frame, &error));
      g_assert_true (normal_init (&twice, &once.frame, &error));
      g_assert_cmpmem (once.frame.data, once.frame.size, twice.frame.data, twice.frame.size);
      g_assert_cmpmem (once.frame.type, once.frame.type_length, twice.frame.type,
                       twice.frame.type_length);
      g_assert_true (are_equal (value, value));
      normal_clear (&once);
      normal_clear (&twice);
    }
}

static void
test_pickles (void)
{
  ShmobjFrame pickle, bytes;
  guint8 stored[64];
  Normal normal;

  shmobj_frame_set_pickle (&pickle, "ab", 2);
  shmobj_frame_set_bytes (&bytes, "ab", 2);
  g_assert_true (normal_init (&normal, &pickle, NULL));
  frame_store (&pickle, stored);
  g_assert_true (normal_equals (&normal, stored, frame_stored_size (&pickle)));
  frame_store (&bytes, stored);
  g_assert_false (normal_equals (&normal, stored, frame_stored_size (&bytes)));
  normal_clear (&normal);

  g_assert_true (normal_init_key (&normal, &bytes, NULL));
  g_assert_true (normal_equals (&normal, stored, frame_stored_size (&bytes)));
  g_assert_false (normal_equals (&normal, stored, 5));
  normal_clear (&normal);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/normal/equal", test_equal);
  g_test_add_func ("/normal/not-equal", test_not_equal);
  g_test_add_func ("/normal/twice-is-once", test_twice_is_once);
  g_test_add_func ("/normal/pickles-and-bytes", test_pickles);
  return g_test_run ();
}
