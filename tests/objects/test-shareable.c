/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Handles and inheritance, with two small classes of our own: what a handle carries, and what
 * happens to one that lies. */

#include "../count-fds.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A note is a number and some descriptors. */
#define NOTE_TYPE (note_get_type ())
G_DECLARE_FINAL_TYPE (Note, note, , NOTE, GObject)

struct _Note
{
  GObject parent_instance;
  guint64 number;
  int fds[HANDLE_FDS_MAX];
  gsize n_fds;
};

#define OTHER_TYPE (other_get_type ())
G_DECLARE_FINAL_TYPE (Other, other, , OTHER, GObject)

struct _Other
{
  GObject parent_instance;
};

static GVariant *
note_to_handle (ShmobjShareable *shareable, GUnixFDList *list, GError **error)
{
  Note *self = (Note *) shareable;

  return handle_new ("Note", g_variant_new_parsed ("{'number': <%t>}", self->number), list,
                     self->fds, self->n_fds, error);
}

static void
note_finalize (GObject *object)
{
  Note *self = (Note *) object;

  for (gsize i = 0; i < self->n_fds; i++)
    sys_close (self->fds[i]);
  G_OBJECT_CLASS (g_type_class_peek (G_TYPE_OBJECT))->finalize (object);
}

static void
note_shareable (ShmobjShareableInterface *iface)
{
  iface->to_handle = note_to_handle;
}

static void
other_shareable (ShmobjShareableInterface *iface)
{
}

G_DEFINE_FINAL_TYPE_WITH_CODE (Note,
                               note,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE, note_shareable))
G_DEFINE_FINAL_TYPE_WITH_CODE (Other,
                               other,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE, other_shareable))

static void
note_init (Note *self)
{
}

static void
note_class_init (NoteClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = note_finalize;
}

static void
other_init (Other *self)
{
}

static void
other_class_init (OtherClass *klass)
{
}

static GObject *
note_from_handle (GVariant *properties, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (Note) note = g_object_new (NOTE_TYPE, NULL);

  if (!handle_check_fds (n_fds, 1, 3, error) ||
      !handle_get_uint64 (properties, "number", &note->number, error))
    return NULL;
  for (; note->n_fds < n_fds; note->n_fds++)
    note->fds[note->n_fds] = handle_steal_fd (&fds[note->n_fds]);
  return G_OBJECT (g_steal_pointer (&note));
}

HANDLE_CLASS (note, "Note", note_get_type, note_from_handle)
HANDLE_CLASS (other, "Other", other_get_type, note_from_handle)

static Note *
note_new (guint64 number, gsize n_fds)
{
  Note *note = g_object_new (NOTE_TYPE, NULL);

  note->number = number;
  for (; note->n_fds < n_fds; note->n_fds++)
    {
      note->fds[note->n_fds] = sys_memfd ("note");
      g_assert_cmpint (write (note->fds[note->n_fds], "0123456789", note->n_fds + 1), >, 0);
    }
  return note;
}

/* Is descriptor @i the file that note_new() made as its @i-th? */
static void
assert_note (Note *note, guint64 number, gsize n_fds)
{
  g_assert_cmpuint (note->number, ==, number);
  g_assert_cmpuint (note->n_fds, ==, n_fds);
  for (gsize i = 0; i < n_fds; i++)
    {
      g_assert_cmpint (lseek (note->fds[i], 0, SEEK_END), ==, i + 1);
      g_assert_cmpint (fcntl (note->fds[i], F_GETFD), ==, FD_CLOEXEC);
    }
}

static void
test_round_trip (void)
{
  g_autoptr (Note) one = note_new (G_MAXUINT64, 3), two = note_new (7, 1);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GVariant) first = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (one), list, NULL);
  g_autoptr (GVariant) second = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (two), list, NULL);
  g_autoptr (ShmobjShareable) one_again = NULL, two_again = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, 4);
  g_assert_false (g_variant_is_floating (first));

  two_again = shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHAREABLE, second, list, &error);
  g_assert_no_error (error);
  one_again = shmobj_shareable_new_from_handle (NOTE_TYPE, first, list, &error);
  g_assert_no_error (error);
  assert_note ((Note *) one_again, G_MAXUINT64, 3);
  assert_note ((Note *) two_again, 7, 1);
}

typedef struct
{
  const char *text;
  GQuark domain;
  gint code;
  const char *says;
} Lie;

static void
test_lies (void)
{
  const Lie lies[] = {
    { "('Note', {'number': <uint64 1>}, [handle 3])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
      "names descriptor 3, and 2 came" },
    { "('Note', {'number': <uint64 1>}, [handle 0, -1])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
      "names descriptor -1" },
    { "('Note', {'number': <uint64 1>}, @ah [])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
      "has 0 descriptors" },
    { "('Note', {'number': <uint64 1>}, [handle 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0])", SHMOBJ_ERROR,
      SHMOBJ_ERROR_CORRUPT, "has 17 descriptors" },
    { "('Note', {'nummer': <uint64 1>}, [handle 0])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
      "lacks the property “number”" },
    { "('Note', {'number': <'1'>}, [handle 0])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
      "“number” of the handle has type “s”, “t” was expected" },
    { "('Nose', {'number': <uint64 1>}, [handle 0])", SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
      "class “Nose”" },
    { "('', @a{sv} {}, @ah [])", SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "class “”" },
    { "('Other', {'number': <uint64 1>}, [handle 0])", SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
      "A Note was expected, and the handle is for a Other" },
    { "('Note', [handle 0])", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "its type is “(sah)”" },
    { "'Note'", SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "its type is “s”" },
  };
  g_autoptr (Note) note = note_new (1, 2);
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GVariant) good = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (note), list, NULL);
  guint before = count_fds ();

  g_assert_nonnull (good);
  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GVariant) lie = g_variant_parse (NULL, lies[i].text, NULL, NULL, NULL);
      g_autoptr (GError) error = NULL;

      g_assert_nonnull (lie);
      g_assert_null (shmobj_shareable_new_from_handle (NOTE_TYPE, lie, list, &error));
      g_assert_error (error, lies[i].domain, lies[i].code);
      g_assert_nonnull (strstr (error->message, lies[i].says));
    }
  g_assert_cmpuint (count_fds (), ==, before);
}

static void
test_wrong_arguments (void)
{
  g_autoptr (GVariant) handle =
      g_variant_parse (NULL, "('Note', {'number': <uint64 1>}, [handle 0])", NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_shareable_new_from_handle (G_TYPE_CANCELLABLE, handle, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (shmobj_shareable_new_from_handle (NOTE_TYPE, handle, NULL, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT); /* no list came with it */
}

/* What the child of the next test does: 0 when all is as it should be, else a line number. */
static int
be_child (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) note = NULL, other_note = NULL, nothing = NULL;
  guint before = count_fds ();

#define CHECK(what)                                                                                \
  if (!(what))                                                                                     \
    {                                                                                              \
      g_printerr ("%d: %s: %s\n", __LINE__, #what, error != NULL ? error->message : "");           \
      return 1;                                                                                    \
    }

  CHECK (shmobj_shareable_take_inherited ("my jobs", OTHER_TYPE, &error) == NULL);
  CHECK (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND));
  g_clear_error (&error);
  note = shmobj_shareable_take_inherited ("my jobs", NOTE_TYPE, &error);
  CHECK (note != NULL);
  other_note = shmobj_shareable_take_inherited ("my_jobs", NOTE_TYPE, &error);
  CHECK (other_note != NULL);
  assert_note ((Note *) note, 1, 3);
  assert_note ((Note *) other_note, 2, 1);
  CHECK (count_fds () == before);

  nothing = shmobj_shareable_take_inherited ("my jobs", NOTE_TYPE, &error);
  CHECK (nothing == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  g_clear_error (&error);
  nothing = shmobj_shareable_take_inherited ("myjobs", NOTE_TYPE, &error);
  CHECK (nothing == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  return 0;
}

static void
test_inheritance (void)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GError) error = NULL;

  {
    g_autoptr (Note) replaced = note_new (9, 2), one = note_new (1, 3), two = note_new (2, 1);

    g_assert_true (
        shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (replaced), launcher, "my jobs", &error));
    g_assert_true (shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (one), launcher, "my jobs", &error));
    g_assert_true (shmobj_shareable_pass_to (SHMOBJ_SHAREABLE (two), launcher, "my_jobs", &error));
  }

  for (guint i = 0; i < 2; i++) /* a launcher may start many */
    {
      g_autoptr (GSubprocess) child =
          g_subprocess_launcher_spawn (launcher, &error, self, "--child", NULL);

      g_assert_no_error (error);
      g_assert_true (g_subprocess_wait_check (child, NULL, &error));
      g_assert_no_error (error);
    }
}

static void
test_inherited_lies (void)
{
  static const char *const texts[] = { "", "('Note', 3)",
                                       "('Note', {'number': <uint64 1>}, [handle 1])",
                                       "('Note', {'number': <uint64 1>}, [handle 1000])" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_setenv ("SHMOBJ_INHERIT_lie", texts[i], TRUE);
      g_assert_null (shmobj_shareable_take_inherited ("lie", NOTE_TYPE, &error));
      g_assert_nonnull (error);
      g_assert_cmpint (fcntl (1, F_GETFD), ==, 0);
    }
  g_unsetenv ("SHMOBJ_INHERIT_lie");
}

int
main (int argc, char *argv[])
{
  if (argc > 1 && g_str_equal (argv[1], "--child"))
    return be_child ();

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/shareable/handle-makes-the-same-object", test_round_trip);
  g_test_add_func ("/shareable/every-lie-in-a-handle-is-an-error", test_lies);
  g_test_add_func ("/shareable/wrong-arguments-are-errors", test_wrong_arguments);
  g_test_add_func ("/shareable/child-takes-what-it-was-passed-once", test_inheritance);
  g_test_add_func ("/shareable/lying-environment-is-an-error", test_inherited_lies);

  return g_test_run ();
}
