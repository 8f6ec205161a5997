/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any GVariant as a handle, with descriptors that may be anything: an object of ours, or an error;
 * and no descriptor is lost. */

#include "fuzz.h"

#include "base/sys.h"
#include "objects/handle.h"
#include "classes.h"

#include <fcntl.h>
#include <unistd.h>

/* Descriptors of all kinds, the ones of a good queue among them. */
static GUnixFDList *
make_list (void)
{
  GUnixFDList *list = g_unix_fd_list_new ();
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 4096, NULL);
  GVariant *handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (queue), list, NULL);
  int other[] = { -1,
                  -1,
                  -1,
                  -1,
                  sys_memfd ("fuzz"),
                  open ("/dev/null", O_RDWR | O_CLOEXEC),
                  open ("/", O_RDONLY | O_CLOEXEC) };

  g_variant_unref (handle); /* only its descriptors are wanted */
  g_assert_cmpint (sys.socketpair (other), ==, 0);
  g_assert_cmpint (sys.packet_pair (other + 2), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (other); i++)
    {
      g_unix_fd_list_append (list, other[i], NULL);
      close (other[i]);
    }
  return list;
}

/* The rest of the input as a value. Aligned, as the library's own are: with others GLib 2.74 itself
 * fails an assertion. */
static GVariant *
rest_as (const Input *input, const GVariantType *type)
{
  guint8 *bytes = g_memdup2 (input->data, input->size);

  return g_variant_new_from_data (type, bytes, input->size, FALSE, g_free, bytes);
}

static GVariant *
make_properties (Input *input)
{
  static const char *const names[] = { "start", "offset", "size", "name" };
  guint choice = input_byte (input);
  GVariantDict dict;

  if (choice % 8 == 0)
    return rest_as (input, G_VARIANT_TYPE_VARDICT);
  g_variant_dict_init (&dict, NULL);
  for (guint i = choice % 4; i > 0; i--)
    {
      guint kind = input_byte (input);
      guint64 number = kind & 0x80 ? input_word (input) : 69632 + 4096 + kind / 4 * 64;
      const char *name = names[kind % G_N_ELEMENTS (names)];

      if (kind & 0x40)
        g_variant_dict_insert (&dict, name, "b", number & 1);
      else if (kind & 0x20)
        g_variant_dict_insert (&dict, name, "t", number);
      else
        g_variant_dict_insert (&dict, name, "s", kind & 0x10 ? "name" : "../ä");
    }
  return g_variant_dict_end (&dict);
}

static GVariant *
make_handle (Input *input)
{
  static const char *const names[] = {
    "Queue",
    "Connection",
    "Lock",
    "Event",
    "Semaphore",
    "SharedMemory",
    "Nothing of ours",
    "äöüäöüäöüäöüäöüäöüxäöüäöüäöüäöü", /* cut after 40 bytes it would end in half a letter */
  };
  guint choice = input_byte (input);
  GVariantBuilder indexes;

  if (choice % 4 == 0)
    return rest_as (input, choice & 4 ? HANDLE_TYPE : G_VARIANT_TYPE_VARIANT);
  g_variant_builder_init (&indexes, G_VARIANT_TYPE ("ah"));
  for (guint i = input_byte (input) % 6; i > 0; i--)
    {
      guint8 index = input_byte (input);

      g_variant_builder_add (&indexes, "h", index < 0xe0 ? index % 8 : (gint32) input_word (input));
    }
  return g_variant_new ("(s@a{sv}ah)", names[choice / 4 % G_N_ELEMENTS (names)],
                        make_properties (input), &indexes);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static GUnixFDList *list;
  Input input = { data, size };
  g_autoptr (GVariant) handle = g_variant_ref_sink (make_handle (&input));
  g_autoptr (ShmobjShareable) object = NULL;
  g_autoptr (GError) error = NULL;
  int before, after;

  if (list == NULL)
    list = make_list ();
  before = open ("/", O_PATH | O_CLOEXEC);
  close (before);
  object = shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHAREABLE, handle, list, &error);
  if (object != NULL)
    use_object (object, &input);
  expect_either (object != NULL, &error);
  g_clear_object (&object);
  after = open ("/", O_PATH | O_CLOEXEC); /* the lowest number that is free */
  close (after);
  g_assert_cmpint (after, ==, before);
  return 0;
}
