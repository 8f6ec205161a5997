/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of a value reaches the bus, and what comes back from there. */

#include "base/shmobj-error.h"
#include "bus/message-size.h"
#include "bus/values.h"

#include <string.h>

static const struct
{
  const char *store, *bus;
} rows[] = {
  { "@mv nothing", "signature ''" },
  { "@mi nothing", "signature ''" },
  { "@mmi just nothing", "signature ''" },
  { "@mi 5", "5" },
  { "true", "true" },
  { "int64 -5", "int64 -5" },
  { "uint64 9223372036854775808", "uint64 9223372036854775808" },
  { "2.5", "2.5" },
  { "'größe'", "'größe'" },
  { "b'\\001\\377'", "b'\\001\\377'" },
  { "@ay []", "@ay []" },
  { "(int64 1, 'a', 2.5)", "(int64 1, 'a', 2.5)" },
  { "(int64 1, @mv nothing)", "(int64 1, signature '')" },
  { "(int64 1, ['a'], {'k': <@mv nothing>})", "(int64 1, ['a'], {'k': <signature ''>})" },
  { "[<int64 1>, <'a'>, <@mv nothing>]", "[<int64 1>, <'a'>, <signature ''>]" },
  { "[@mi 1, nothing]", "[<1>, <signature ''>]" },
  { "@ami []", "@av []" },
  { "@amv [just <1>, nothing]", "[<1>, <signature ''>]" },
  { "{'a': @mi 1, 'b': nothing}", "{'a': <1>, 'b': <signature ''>}" },
  { "@a{smi} {}", "@a{sv} {}" },
  { "@a{smv} {'a': <'x'>, 'b': nothing}", "{'a': <'x'>, 'b': <signature ''>}" },
  { "{int64 1: <'a'>, -2: <@mv nothing>}", "{int64 1: <'a'>, -2: <signature ''>}" },
  { "{'a': (1, <@mi 7>)}", "{'a': (1, <7>)}" },
  { "[(1, @ms nothing), (2, 'x')]", "[<(1, signature '')>, <(2, 'x')>]" },
  { "[{'a': @mi nothing}]", "[<{'a': <signature ''>}>]" },
  { "@av []", "@av []" },
  { "<<<'deep'>>>", "<<<'deep'>>>" },
  { "objectpath '/a/b'", "objectpath '/a/b'" },
};

static GVariant *
parse (const char *text)
{
  return g_variant_ref_sink (g_variant_new_parsed (text));
}

static void
test_out (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) store = parse (rows[i].store);
      g_autoptr (GVariant) expected = parse (rows[i].bus);
      g_autoptr (GVariant) seen = bus_value_out (store, &error);
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      text = g_variant_print (seen, TRUE);
      g_test_message ("%s -> %s", rows[i].store, text);
      g_assert_true (g_variant_equal (seen, expected));
      g_assert_false (g_variant_is_floating (seen));
    }
}

static void
test_in (void)
{
  static const struct
  {
    const char *bus, *store;
  } sent[] = {
    { "signature ''", "@mv nothing" },
    { "signature 'as'", "signature 'as'" },
    { "[signature 'as', signature '']", "[<signature 'as'>, <@mv nothing>]" },
    { "[<1>, <signature ''>]", "[<1>, <@mv nothing>]" },
    { "(1, signature '')", "(1, @mv nothing)" },
    { "{'a': <signature ''>}", "{'a': <@mv nothing>}" },
    { "{'a': signature ''}", "{'a': <@mv nothing>}" },
    { "5", "5" },
    { "byte 0x05", "byte 0x05" },
    { "{'a': ('x', 1)}", "{'a': ('x', 1)}" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (sent); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) bus = parse (sent[i].bus);
      g_autoptr (GVariant) expected = parse (sent[i].store);
      g_autoptr (GVariant) kept = bus_value_in (bus, &error);
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      text = g_variant_print (kept, TRUE);
      g_test_message ("%s -> %s", sent[i].bus, text);
      g_assert_true (g_variant_equal (kept, expected));
    }
}

static void
refused (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  g_autoptr (GError) error = NULL;

  g_assert_null (bus_value_out (owned, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_test_message ("%s", error->message);
}

static GVariant *
nested (guint levels, GVariant *core)
{
  for (; levels > 0; levels--)
    {
      GVariant *boxed = g_variant_new_variant (core);

      core = g_variant_new_array (NULL, &boxed, 1);
    }
  return core;
}

static void
test_refused (void)
{
  g_autofree char *deep = g_strnfill (40, 'a');
  g_autofree char *deep_type = g_strconcat (deep, "i", NULL);
  g_autofree char *wide = g_strnfill (300, 'i');
  g_autofree char *wide_type = g_strconcat ("a(", wide, ")", NULL);

  refused (g_variant_new_parsed ("()"));
  refused (g_variant_new_parsed ("(1, ())"));
  refused (g_variant_new_parsed ("[<()>]"));
  refused (g_variant_new_parsed ("@a() []"));
  refused (g_variant_new_parsed ("[<[()]>]"));
  refused (g_variant_new_parsed ("handle 0"));
  refused (g_variant_new_parsed ("{'a': <[handle 3]>}"));
  refused (g_variant_new_array (G_VARIANT_TYPE (deep_type + 1), NULL, 0));
  refused (g_variant_new_array (G_VARIANT_TYPE (wide_type + 1), NULL, 0));
  refused (nested (31, g_variant_new_int32 (1)));
  refused (nested (500, g_variant_new_int32 (1)));
  refused (nested (25, g_variant_new_array (G_VARIANT_TYPE ("aaaaaaaaaaai"), NULL, 0)));
}

static void
test_deepest (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = g_variant_ref_sink (nested (30, g_variant_new_string ("core")));
  g_autoptr (GVariant) seen = bus_value_out (value, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_equal (seen, value));
}

/* Bytes that say nothing sensible, as a hostile process may have put them. */
static void
test_garbage (void)
{
  static const char *const types[] = {
    "s", "as", "a{sv}", "(sv)", "v", "av", "mv", "o", "g", "amv"
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4711);

  for (guint round = 0; round < 20000; round++)
    {
      const char *type = types[round % G_N_ELEMENTS (types)];
      gsize size = g_rand_int_range (rand, 0, 60);
      guint8 *noise = g_malloc (size + 1);
      g_autoptr (GVariant) value = NULL, seen = NULL;
      g_autoptr (GError) error = NULL;

      for (gsize i = 0; i < size; i++)
        noise[i] = g_rand_int_range (rand, 0, 4) == 0
                       ? "sav(){}mg\0\1\2"[g_rand_int_range (rand, 0, 12)]
                       : (guint8) g_rand_int (rand);
      value = g_variant_ref_sink (
          g_variant_new_from_data (G_VARIANT_TYPE (type), noise, size, FALSE, g_free, noise));
      seen = bus_value_out (value, &error);
      if (seen == NULL)
        g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
      else
        {
          g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/", "a.b", "c");
          g_autofree guchar *blob = NULL;
          gsize blob_size;

          g_dbus_message_set_serial (message, 1);
          g_dbus_message_set_body (message, g_variant_new ("(v)", seen));
          blob = g_dbus_message_to_blob (message, &blob_size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
          g_assert_no_error (error);
        }
    }
}

/* What we reckon is what GDBus builds. */
static void
test_reckoning (void)
{
  static const char *const bodies[] = {
    "()",
    "(true,)",
    "(byte 1, 2)",
    "('a', signature 'as', objectpath '/x')",
    "(@at [],)",
    "([byte 1, 2, 3], int64 1)",
    "([true, false, true],)",
    "([(byte 1, 'x'), (2, 'yz')],)",
    "({'a': <1>, 'bc': <(byte 1, [2.5])>},)",
    "([<'x'>, <[<signature ''>, <int16 7>]>],)",
    "(@a{yb} {1: true, 2: false},)",
    "(@a{sv} {}, byte 1)",
    "([[[byte 1], [2]], [[3]]],)",
    "(<<<'x'>>>,)",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (GVariant) body = parse (bodies[i]);
      g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/", "a.b", "c");
      g_autofree guchar *blob = NULL;
      gsize size;

      g_dbus_message_set_serial (message, 1);
      g_dbus_message_set_body (message, body);
      blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
      g_assert_cmpuint (bus_message_size (body), ==, GUINT32_FROM_LE (((guint32 *) blob)[1]));
    }
}

static void
test_size (void)
{
  static const guint8 one = 1;
  g_autoptr (GError) error = NULL;
  gsize size = 64 * 1024 * 1024;
  g_autofree guint8 *zeros = g_malloc0 (size);
  g_autoptr (GVariant) fits = g_variant_ref_sink (g_variant_new (
      "(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, zeros, size - 8192, 1)));
  g_autoptr (GVariant) large = g_variant_ref_sink (
      g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, zeros, size, 1)));
  /* 20 MiB here, 80 MiB on the bus */
  g_autoptr (GVariant) swells = g_variant_ref_sink (g_variant_new (
      "(@ab)", g_variant_new_fixed_array (G_VARIANT_TYPE_BOOLEAN, zeros, size / 3, 1)));
  g_autoptr (GVariant) small = g_variant_ref_sink (
      g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, &one, 1, 1)));

  g_assert_true (bus_body_fits (small, &error));
  g_assert_true (bus_body_fits (fits, &error));
  g_assert_no_error (error);
  g_assert_false (bus_body_fits (large, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_clear_error (&error);
  g_assert_false (bus_body_fits (swells, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus-values/out-as-the-table-says", test_out);
  g_test_add_func ("/bus-values/in-as-the-table-says", test_in);
  g_test_add_func ("/bus-values/what-dbus-cannot-carry-is-refused", test_refused);
  g_test_add_func ("/bus-values/30-lists-in-one-another-pass", test_deepest);
  g_test_add_func ("/bus-values/garbage-becomes-sendable-or-refused", test_garbage);
  g_test_add_func ("/bus-values/size-is-reckoned-right", test_reckoning);
  g_test_add_func ("/bus-values/too-large-is-refused", test_size);
  return g_test_run ();
}
