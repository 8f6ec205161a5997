/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a frame: refused, or a value that can be looked at, and what is a value goes through
 * a frame unchanged. */

#include "fuzz.h"

#include "base/frame.h"

/* What was read as a value, stored and loaded again, is the same bytes of the same type. */
static void
expect_round_trip (GVariant *value)
{
  ShmobjFrame frame, again;
  g_autoptr (GVariant) copy = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *stored = NULL;

  shmobj_frame_set_variant (&frame, value);
  stored = g_malloc (frame_stored_size (&frame));
  frame_store (&frame, stored);
  g_assert_true (frame_load (stored, frame_stored_size (&frame), &again));
  copy = shmobj_frame_steal_variant (&again, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (copy), ==, g_variant_get_type_string (value));
  g_assert_cmpmem (g_variant_get_data (copy), g_variant_get_size (copy), g_variant_get_data (value),
                   g_variant_get_size (value));
}

/* Random bytes hardly ever say their own length: half of the inputs get a header that does. */
static guint8 *
make_frame (Input *input, gsize *size)
{
  static const char *const types[] = {
    "v", "s", "as", "a{sv}", "(isd)", "mmi", "ay", "aaay", "(a(sv)mv)", "{vs}", "a{s*}", "",
  };
  guint choice = input_byte (input);
  const char *type = types[choice / 2 % G_N_ELEMENTS (types)];
  gsize type_length = strlen (type);
  FrameHeader header = { input->size, input_byte (input) % 4, type_length };
  guint8 *bytes;

  if (choice % 2 == 0)
    {
      *size = input->size;
      return g_memdup2 (input->data, input->size);
    }
  header.size = input->size;
  *size = sizeof header + header.size + type_length;
  bytes = g_malloc (*size);
  memcpy (bytes, &header, sizeof header);
  if (header.size > 0)
    memcpy (bytes + sizeof header, input->data, header.size);
  memcpy (bytes + sizeof header + header.size, type, type_length);
  return bytes;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Input input = { data, size };
  gsize available;
  g_autofree guint8 *bytes = make_frame (&input, &available);
  GVariant *value;
  GError *error = NULL;
  FrameHeader header;
  ShmobjFrame frame;

  if (!frame_load (bytes, available, &frame))
    {
      g_assert_false (frame_check_header (bytes, available, &header));
      return 0;
    }
  g_assert_cmpuint (frame_stored_size (&frame), <=, available);
  g_assert_cmpmem (frame.data, frame.size, bytes + sizeof header, frame.size);
  value = shmobj_frame_steal_variant (&frame, &error);
  if (value == NULL)
    shmobj_frame_clear (&frame);
  else
    expect_round_trip (value);
  expect_value (value, &error);
  return 0;
}
