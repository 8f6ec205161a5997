/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames: what goes in comes out, and bytes that no honest writer stores are refused. */

#include "base/frame.h"
#include "base/shmobj-error.h"

#include <string.h>

/* Stores @frame at an odd address, as a store does, and loads it from there. */
static void
round_trip (const ShmobjFrame *frame, ShmobjFrame *loaded)
{
  gsize size = frame_stored_size (frame);
  g_autofree guint8 *place = g_malloc0 (size + 3);

  memset (place, 0xaa, size + 3);
  frame_store (frame, place + 1);
  g_assert_cmphex (place[0], ==, 0xaa);
  g_assert_cmphex (place[size + 1], ==, 0xaa);
  g_assert_true (frame_load (place + 1, size, loaded));
}

static void
variant_comes_back (const char *text)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (text));
  g_autoptr (GVariant) back = NULL;
  g_autoptr (GError) error = NULL;
  ShmobjFrame frame, loaded;

  shmobj_frame_set_variant (&frame, value);
  round_trip (&frame, &loaded);
  back = shmobj_frame_steal_variant (&loaded, &error);
  g_assert_no_error (error);
  g_assert_nonnull (back);
  g_assert_false (g_variant_is_floating (back));
  g_assert_true (g_variant_equal (value, back));
  g_assert_null (loaded.owned);
}

static void
test_variants (void)
{
  static const char *const values[] = {
    "true",
    "7",
    "int64 -9223372036854775808",
    "1e300",
    "''",
    "'grüße'",
    "@ay []",
    "b'bytes'",
    "(1, 'two', 3.0)",
    "@() ()",
    "@a{sv} {}",
    "{'a': <1>, 'b': <[<'x'>, <@mi nothing>]>}",
    "<<<'deep'>>>",
    "[(uint64 18446744073709551615, byte 0xff)]",
  };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    variant_comes_back (values[i]);
}

static void
test_bytes (void)
{
  for (gsize size = 0; size < 70; size++)
    {
      g_autofree guint8 *data = g_malloc (size + 1);
      g_autoptr (GVariant) value = NULL;
      ShmobjFrame frame, loaded;
      gsize length = 0;
      const void *back;

      memset (data, (int) size, size);
      shmobj_frame_set_bytes (&frame, data, size);
      round_trip (&frame, &loaded);
      g_assert_cmpint (loaded.kind, ==, SHMOBJ_FRAME_BYTES);
      value = shmobj_frame_steal_variant (&loaded, NULL);
      g_assert_cmpstr (g_variant_get_type_string (value), ==, "ay");
      back = g_variant_get_fixed_array (value, &length, 1);
      g_assert_cmpmem (back, length, data, size);

      shmobj_frame_set_variant (&frame, value);
      g_assert_cmpint (frame.kind, ==, SHMOBJ_FRAME_BYTES);
      g_assert_cmpmem (frame.data, frame.size, data, size);
    }
}

static void
test_pickle (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjFrame frame, loaded;

  shmobj_frame_set_pickle (&frame, "\x80\x04N.", 4);
  round_trip (&frame, &loaded);
  g_assert_null (shmobj_frame_steal_variant (&loaded, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE);

  /* the frame is as it was, so another reader can still have it */
  g_assert_cmpint (loaded.kind, ==, SHMOBJ_FRAME_PICKLE);
  g_assert_cmpmem (loaded.data, loaded.size, "\x80\x04N.", 4);
  shmobj_frame_clear (&loaded);
}

static void
test_borrowed (void)
{
  g_autoptr (GVariant) value = NULL;
  guint8 data[3] = { 1, 2, 3 };
  ShmobjFrame frame;

  shmobj_frame_set_bytes (&frame, data, sizeof data);
  value = shmobj_frame_steal_variant (&frame, NULL);
  data[0] = 9;
  g_assert_cmpint (*(const guint8 *) g_variant_get_data (value), ==, 1);
}

static void
refused (FrameHeader header, gsize available)
{
  guint8 place[64] = { 0 };
  FrameHeader seen;
  ShmobjFrame loaded;

  memcpy (place, &header, sizeof header);
  g_assert_false (frame_check_header (place, available, &seen));
  g_assert_false (frame_load (place, available, &loaded));
}

static void
test_lies (void)
{
  refused ((FrameHeader){ 0, 0, 0 }, 64);
  refused ((FrameHeader){ 0, SHMOBJ_FRAME_PICKLE + 1, 0 }, 64);
  refused ((FrameHeader){ 0, G_MAXUINT16, 0 }, 64);
  refused ((FrameHeader){ 57, SHMOBJ_FRAME_BYTES, 0 }, 64);
  refused ((FrameHeader){ G_MAXUINT32, SHMOBJ_FRAME_BYTES, 0 }, 64);
  refused ((FrameHeader){ G_MAXUINT32, SHMOBJ_FRAME_VARIANT, G_MAXUINT16 }, 64);
  refused ((FrameHeader){ 56, SHMOBJ_FRAME_VARIANT, 1 }, 64);
  refused ((FrameHeader){ 4, SHMOBJ_FRAME_VARIANT, 0 }, 64); /* a variant without a type */
  refused ((FrameHeader){ 4, SHMOBJ_FRAME_BYTES, 1 }, 64);   /* bytes with one */
  refused ((FrameHeader){ 0, SHMOBJ_FRAME_BYTES, 0 }, 7);    /* not even a header */
}

static void
test_lying_types (void)
{
  static const char *const types[] = { "", "a", "*", "ii", "(i", "a{vs}", "r" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;
      ShmobjFrame frame = { .kind = SHMOBJ_FRAME_VARIANT,
                            .data = (const guint8 *) "....",
                            .size = 4,
                            .type = types[i],
                            .type_length = strlen (types[i]) };

      g_assert_null (shmobj_frame_steal_variant (&frame, &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
    }
}

/* Any bytes at all, under a type that is valid: reading every part of the value must stay inside.
 */
static void
test_garbage (void)
{
  static const char *const types[] = { "v", "a{sv}", "(sxas)", "aay", "mas", "a(tv)" };

  for (guint round = 0; round < 2000; round++)
    {
      const char *type = types[round % G_N_ELEMENTS (types)];
      guint8 data[40];
      g_autoptr (GVariant) value = NULL;
      g_autofree char *printed = NULL;
      ShmobjFrame frame = { .kind = SHMOBJ_FRAME_VARIANT,
                            .data = data,
                            .size = g_test_rand_int_range (0, sizeof data + 1),
                            .type = type,
                            .type_length = strlen (type) };

      for (guint i = 0; i < sizeof data; i++)
        data[i] = g_test_rand_int_range (0, 8) == 0 ? g_test_rand_int_range (0, 256)
                                                    : g_test_rand_int_range (0, 12);
      value = shmobj_frame_steal_variant (&frame, NULL);
      g_assert_nonnull (value);
      printed = g_variant_print (value, TRUE);
      g_assert_nonnull (printed);
    }
}

static void
test_too_large (void)
{
  ShmobjFrame frame;

  shmobj_frame_set_bytes (&frame, "", FRAME_SIZE_MAX + 1);
  g_assert_cmpuint (frame_stored_size (&frame), ==, 0);
  shmobj_frame_set_bytes (&frame, "", FRAME_SIZE_MAX);
  g_assert_cmpuint (frame_stored_size (&frame), ==, FRAME_SIZE_MAX + sizeof (FrameHeader));

  frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_VARIANT, .type_length = G_MAXUINT16 + 1 };
  g_assert_cmpuint (frame_stored_size (&frame), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/frame/variants-come-back-as-they-were", test_variants);
  g_test_add_func ("/frame/bytes-of-every-length-come-back-as-such", test_bytes);
  g_test_add_func ("/frame/pickle-is-refused-and-kept", test_pickle);
  g_test_add_func ("/frame/borrowed-bytes-are-copied", test_borrowed);
  g_test_add_func ("/frame/lying-header-is-refused", test_lies);
  g_test_add_func ("/frame/impossible-type-is-corrupt", test_lying_types);
  g_test_add_func ("/frame/garbage-never-reads-outside", test_garbage);
  g_test_add_func ("/frame/too-large-has-no-size", test_too_large);

  return g_test_run ();
}
