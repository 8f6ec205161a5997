/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a stored value is as a property: each row is read, and written again. */

#include "manager/property-value.h"

#include <shmobj.h>

typedef struct
{
  const char *stored;
  const char *written; /* NULL: it is refused */
} Row;

static void
check (GType type, const Row *rows, gsize n)
{
  g_assert_true (property_value_is_known (type));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) variant = g_variant_parse (NULL, rows[i].stored, NULL, NULL, NULL);
      g_autoptr (GVariant) written = NULL;
      g_autofree char *text = NULL;
      g_autoptr (GError) error = NULL;
      g_auto (GValue) value = G_VALUE_INIT;

      g_assert_nonnull (variant);
      g_value_init (&value, type);
      if (property_value_read (variant, &value, &error))
        {
          written = property_value_write (&value, &error);
          g_assert_no_error (error);
          text = g_variant_print (written, TRUE);
        }
      else
        g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
      g_assert_cmpstr (text, ==, rows[i].written);
    }
}

#define CHECK(type, ...)                                                                           \
  G_STMT_START                                                                                     \
  {                                                                                                \
    const Row rows[] = { __VA_ARGS__ };                                                            \
    check (type, rows, G_N_ELEMENTS (rows));                                                       \
  }                                                                                                \
  G_STMT_END

static void
test_numbers (void)
{
  CHECK (G_TYPE_BOOLEAN, { "true", "true" }, { "1", NULL }, { "'true'", NULL });
  CHECK (G_TYPE_CHAR, { "int64 -128", "int16 -128" }, { "-129", NULL }, { "128", NULL });
  CHECK (G_TYPE_UCHAR, { "255", "byte 0xff" }, { "256", NULL }, { "-1", NULL });
  CHECK (G_TYPE_INT, { "byte 0x05", "5" }, { "uint64 2147483648", NULL }, { "5.0", NULL },
         { "'5'", NULL }, { "@mi nothing", NULL });
  CHECK (G_TYPE_UINT, { "int64 4294967295", "uint32 4294967295" }, { "-1", NULL },
         { "int64 4294967296", NULL });
  CHECK (G_TYPE_LONG, { "int16 -3", "int64 -3" });
  CHECK (G_TYPE_ULONG, { "7", "uint64 7" });
  CHECK (G_TYPE_INT64, { "uint64 9223372036854775807", "int64 9223372036854775807" },
         { "uint64 9223372036854775808", NULL });
  CHECK (G_TYPE_UINT64, { "uint64 18446744073709551615", "uint64 18446744073709551615" },
         { "int64 -1", NULL });
  CHECK (G_TYPE_DOUBLE, { "1.5", "1.5" }, { "int64 3", "3.0" }, { "'1.5'", NULL });
  CHECK (G_TYPE_FLOAT, { "1.5", "1.5" }, { "1e300", NULL }, { "-1e300", NULL }, { "inf", "inf" });
}

static void
test_texts (void)
{
  CHECK (G_TYPE_STRING, { "'a'", "'a'" }, { "objectpath '/a'", "'/a'" },
         { "@mv nothing", "@mv nothing" }, { "1", NULL }, { "just 'a'", NULL });
  CHECK (G_TYPE_STRV, { "['a', 'b']", "['a', 'b']" }, { "[<'a'>]", "['a']" },
         { "@av []", "@as []" }, { "[<1>]", NULL }, { "('a', 'b')", NULL }, { "'a'", NULL },
         { "@mv nothing", "@mv nothing" });
  CHECK (G_TYPE_BYTES, { "[byte 0x01, 0x02]", "[byte 0x01, 0x02]" }, { "@ay []", "@ay []" },
         { "[1]", NULL }, { "@mv nothing", "@mv nothing" });
  CHECK (G_TYPE_VARIANT, { "(1, 'a')", "(1, 'a')" });
  g_assert_false (property_value_is_known (G_TYPE_OBJECT));
  g_assert_false (property_value_is_known (G_TYPE_DATE_TIME));
}

static void
test_enumerations (void)
{
  CHECK (G_TYPE_CONVERTER_RESULT, { "'converted'", "'converted'" }, { "byte 0x02", "'finished'" },
         { "'no nick'", NULL }, { "-5", NULL }, { "int64 1099511627776", NULL }, { "1.0", NULL });
  CHECK (SHMOBJ_TYPE_OPEN_FLAGS, { "['existing', 'read-only']", "['existing', 'read-only']" },
         { "5", "['existing', 'read-only']" }, { "@as []", "@as []" }, { "@av []", "@as []" },
         { "0", "@as []" }, { "['no nick']", NULL }, { "64", NULL }, { "-1", NULL },
         { "uint64 4294967297", NULL }, { "'existing'", NULL });
}

static void
test_what_cannot_be_written (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (GValue) text = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_value_init (&value, SHMOBJ_TYPE_OPEN_FLAGS);
  g_value_set_flags (&value, 1 << 10);
  g_assert_null (property_value_write (&value, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_clear_error (&error);
  g_value_init (&text, G_TYPE_STRING);
  g_value_set_static_string (&text, "\xff");
  g_assert_null (property_value_write (&text, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/property-value/numbers", test_numbers);
  g_test_add_func ("/property-value/texts", test_texts);
  g_test_add_func ("/property-value/enumerations", test_enumerations);
  g_test_add_func ("/property-value/what-cannot-be-written", test_what_cannot_be_written);
  return g_test_run ();
}
