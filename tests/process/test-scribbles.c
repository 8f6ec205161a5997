/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of a store that somebody wrote over or cut off: who opens and uses them gets an error or
 * odd values, and lives.
 *
 *     test-scribbles [NUMBER]     400 of them
 */

#include <shmobj.h>

#include "../remove-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIBBLES 400
#define ADDRESS "scribbled"
#define PAGE 4096
#define PATIENCE 60 /* seconds until a child that does not end is killed */

enum
{
  OPENED,
  DAMAGED,
  OTHER, /* another error: that is a finding */
};

typedef struct
{
  char *directory, *data, *clean;
  char *whole; /* the data file, undamaged */
  gsize size;
} Place;

static guint scribbles = SCRIBBLES;

static ShmobjManager *
open_manager (void)
{
  GError *error = NULL;
  ShmobjManager *manager = shmobj_manager_new (ADDRESS, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

/* Several levels of pages, values with pages of their own, free pages. */
static void
fill (ShmobjManager *manager)
{
  g_autofree char *large = g_strnfill (20000, 'x');
  GError *error = NULL;
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "list", 0, NULL, &error);
  g_autoptr (ShmobjList) gone = shmobj_manager_open_list (manager, "gone", 0, NULL, &error);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "dict", 0, NULL, &error);

  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *key = g_strdup_printf ("key-%u", i * 7919);

      shmobj_list_append (list, g_variant_new_string (key), &error);
      shmobj_list_append (gone, g_variant_new_uint32 (i), &error);
      shmobj_dict_set (dict, g_variant_new_string (key), g_variant_new_uint32 (i), &error);
    }
  for (guint i = 0; i < 5; i++)
    shmobj_list_append (list, g_variant_new_string (large), &error);
  shmobj_list_clear (gone, &error);
  g_assert_no_error (error);
}

static void
place_init (Place *place)
{
  ShmobjManager *manager = open_manager ();

  fill (manager);
  g_object_unref (manager);

  place->directory = g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "shmobj", ADDRESS, NULL);
  place->data = g_build_filename (place->directory, "data.mdb", NULL);
  place->clean = g_build_filename (place->directory, "clean", NULL);
  g_assert_true (g_file_get_contents (place->data, &place->whole, &place->size, NULL));
}

static void
place_clear (Place *place)
{
  remove_folder (place->directory);
  g_free (place->directory);
  g_free (place->data);
  g_free (place->clean);
  g_free (place->whole);
}

/* In place: another inode would be another store. */
static void
write_file (Place *place, const char *data, gsize size)
{
  int fd = open (place->data, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, data, size, 0), ==, size);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  close (fd);
  g_unlink (place->clean);
}

static void
read_list (ShmobjList *list)
{
  gsize n = 0;
  GVariant **items = shmobj_list_get_range (list, 0, G_MAXINT64, &n, NULL);

  for (gsize i = 0; items != NULL && i < n; i++)
    g_variant_unref (items[i]);
  g_free (items);
}

/* Errors are expected here. */
static void
use (ShmobjManager *manager)
{
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "list", 0, NULL, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "dict", 0, NULL, NULL);

  if (list != NULL)
    {
      read_list (list);
      for (guint i = 0; i < 50; i++)
        {
          GVariant *popped;

          shmobj_list_insert (list, i * 31, g_variant_new_uint32 (i), NULL);
          popped = shmobj_list_pop (list, 0, NULL);
          g_clear_pointer (&popped, g_variant_unref);
        }
      shmobj_list_clear (list, NULL);
    }
  if (dict != NULL)
    {
      gsize n = 0;
      GVariant **keys = shmobj_dict_keys (dict, &n, NULL);

      for (gsize i = 0; keys != NULL && i < n; i++)
        {
          shmobj_dict_set (dict, keys[i], g_variant_new_uint32 (i), NULL);
          g_variant_unref (keys[i]);
        }
      g_free (keys);
    }
}

static int
open_and_use (void)
{
  GError *error = NULL;
  ShmobjManager *manager = shmobj_manager_new (ADDRESS, NULL, &error);

  if (manager == NULL)
    {
      if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT) ||
          g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE))
        return DAMAGED;
      g_printerr ("%s\n", error->message);
      return OTHER;
    }
  use (manager);
  g_object_unref (manager);
  return OPENED;
}

/* What became of a process that opened it. */
static int
try (const char *what, guint number)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (PATIENCE);
      _exit (open_and_use ());
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (!WIFEXITED (status) || WEXITSTATUS (status) == OTHER)
    g_error ("%s %u: status %x", what, number, status);
  return WEXITSTATUS (status);
}

/* Some bytes, or a word that may be a page, a size or an offset; half of them where structure is.
 */
static void
scribble (char *data, gsize size, GRand *random)
{
  guint pages = size / PAGE;
  gsize page = g_rand_int_range (random, 0, pages);
  gsize at = page * PAGE;
  guint64 word;

  switch (g_rand_int_range (random, 0, 4))
    {
    case 0: /* a page is another one */
      memcpy (data + at, data + (gsize) g_rand_int_range (random, 0, pages) * PAGE, PAGE);
      return;
    case 1: /* noise */
      for (guint i = 0; i < 64; i++)
        data[at + g_rand_int_range (random, 0, PAGE)] = (char) g_rand_int (random);
      return;
    case 2: /* a word of a page's head, or of a header */
      at = g_rand_boolean (random) ? at : (gsize) g_rand_int_range (random, 0, 2) * PAGE;
      at += (gsize) g_rand_int_range (random, 0, 40) * 4;
      word = g_rand_int_range (random, -4, 2 * pages);
      memcpy (data + at, &word, g_rand_boolean (random) ? 8 : 4);
      return;
    default: /* one byte of it */
      data[at + g_rand_int_range (random, 0, 160)] ^= (char) (1 << g_rand_int_range (random, 0, 8));
      return;
    }
}

static void
test_scribbles (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  guint outcomes[2] = { 0 };
  Place place;

  place_init (&place);
  for (guint i = 0; i < scribbles; i++)
    {
      g_autofree char *data = g_memdup2 (place.whole, place.size);

      scribble (data, place.size, random);
      write_file (&place, data, place.size);
      outcomes[try ("scribble", i)]++;
    }
  g_test_message ("%u scribbles: %u opened, %u damaged", scribbles, outcomes[OPENED],
                  outcomes[DAMAGED]);
  g_assert_cmpuint (outcomes[DAMAGED], >, 0);
  place_clear (&place);
}

/* At each of some lengths, in and between pages. */
static void
test_cut (void)
{
  guint outcomes[2] = { 0 };
  Place place;

  place_init (&place);
  for (gsize size = 0; size < place.size; size += place.size / 60 + 1)
    {
      write_file (&place, place.whole, size);
      outcomes[try ("cut at", size)]++;
    }
  g_assert_cmpuint (outcomes[DAMAGED], >, 20);
  place_clear (&place);
}

/* The same file, not damaged, is whole after any end. */
static void
test_whole (void)
{
  GError *error = NULL;
  ShmobjManager *manager;
  Place place;
  pid_t pid;

  place_init (&place);
  g_assert_true (g_file_test (place.clean, G_FILE_TEST_EXISTS));
  write_file (&place, place.whole, place.size);
  g_assert_cmpint (try ("whole", 0), ==, OPENED);
  g_assert_true (g_file_test (place.clean, G_FILE_TEST_EXISTS));

  pid = fork ();
  if (pid == 0)
    {
      manager = shmobj_manager_new (ADDRESS, NULL, &error);
      use (manager);
      _exit (g_file_test (place.clean, G_FILE_TEST_EXISTS));
    }
  g_assert_cmpint (waitpid (pid, &(int){ 0 }, 0), ==, pid);
  g_assert_false (g_file_test (place.clean, G_FILE_TEST_EXISTS));
  g_assert_cmpint (try ("whole", 1), ==, OPENED);
  place_clear (&place);
}

int
main (int argc, char **argv)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  g_test_init (&argc, &argv, NULL);
  if (slower != NULL)
    scribbles /= MAX (atoi (slower), 1);
  if (argc > 1)
    scribbles = atoi (argv[1]);
  g_test_add_func ("/store/whole-after-any-end", test_whole);
  g_test_add_func ("/store/a-scribbled-file-ends-nobody", test_scribbles);
  g_test_add_func ("/store/a-file-that-was-cut-off-ends-nobody", test_cut);
  return g_test_run ();
}
