/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SharedMemory: nothing that is touched can be missing, and Python's segments are ours. */

#include "objects/shmobj-shareable.h"
#include "shared-memory-fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Runs @script in a Python that knows nothing of us; its output. */
static char *
python (const char *script, const char *argument)
{
  g_autoptr (GError) error = NULL;
  const char *argv[] = { "python3", "-c", script, argument, NULL };
  char *out = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  g_assert_no_error (error);
  return g_strchomp (out);
}

static void
test_anonymous (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (100001, &error);
  g_autofree guint8 *data = NULL;
  gsize size, n_read;
  struct stat st;
  int fd;

  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_shared_memory_get_size (memory), ==, 100001);
  g_assert_null (shmobj_shared_memory_get_name (memory));
  g_assert_false (shmobj_shared_memory_is_read_only (memory));
  g_assert_nonnull (shmobj_shared_memory_get_data (memory, &size));
  g_assert_cmpuint (size, ==, 100001);
  g_assert_true (shmobj_shared_memory_get_address (memory) ==
                 (guintptr) shmobj_shared_memory_get_data (memory, NULL));

  assert_write (memory, 99996, "end..");
  assert_read (memory, 99996, "end..");
  data = shmobj_shared_memory_read_data (memory, 0, 8, &n_read, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, n_read, "\0\0\0\0\0\0\0\0", 8);

  fd = shmobj_shared_memory_dup_fd (memory, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 0), ==, -1);
  g_assert_cmpint (ftruncate (fd, 1 << 20), ==, -1);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (st.st_blocks * 512, >=, 100001);
  close (fd);

  assert_refused ((gpointer) (gsize) shmobj_shared_memory_unlink (memory, refusal), G_IO_ERROR,
                  G_IO_ERROR_NOT_SUPPORTED);
}

static void
test_ranges (void)
{
  static const guint64 bad[][2] = {
    { 0, 65 },          { 64, 1 },          { 65, 0 },
    { 1, G_MAXUINT64 }, { G_MAXUINT64, 1 }, { G_MAXUINT64, 0 },
    { G_MAXINT64, 64 }, { 32, 33 },         { G_MAXUINT64, G_MAXUINT64 },
  };
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (64, NULL);
  g_autoptr (GBytes) none = NULL;
  g_autofree guint8 *much = g_malloc0 (128);

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (shmobj_shared_memory_read_bytes (memory, bad[i][0], bad[i][1], refusal),
                    G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused ((gpointer) (gsize) shmobj_shared_memory_write_data (memory, 0, much, 65, refusal),
                  G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (
      (gpointer) (gsize) shmobj_shared_memory_write_data (memory, G_MAXUINT64, much, 1, refusal),
      G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);

  none = shmobj_shared_memory_read_bytes (memory, 64, 0, NULL);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  g_assert_true (shmobj_shared_memory_write_bytes (memory, 64, none, NULL));
}

static void
test_sizes (void)
{
  g_autoptr (ShmobjSharedMemory) lazy = g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, NULL);
  g_autofree char *name = unique_name ();

  assert_refused (shmobj_shared_memory_new (0, refusal), G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (shmobj_shared_memory_new (G_MAXUINT64, refusal), G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  assert_refused (shmobj_shared_memory_new (G_GUINT64_CONSTANT (1) << 62, refusal), G_IO_ERROR,
                  G_IO_ERROR_NO_SPACE);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 0, refusal),
                  G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (
      shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXCLUSIVE, G_MAXUINT64, refusal),
      G_IO_ERROR, G_IO_ERROR_NO_SPACE);

  /* made by g_object_new with no size: each call says why it cannot work */
  g_assert_cmpuint (shmobj_shared_memory_get_size (lazy), ==, 0);
  g_assert_null (shmobj_shared_memory_get_data (lazy, NULL));
  assert_refused (shmobj_shared_memory_read_bytes (lazy, 0, 0, refusal), G_IO_ERROR,
                  G_IO_ERROR_INVALID_ARGUMENT);
  shmobj_shared_memory_close (lazy);
}

static void
test_first_call_opens (void)
{
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) memory =
      g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "size", G_GUINT64_CONSTANT (10), NULL);
  g_autoptr (ShmobjSharedMemory) named =
      g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "name", name, "size", G_GUINT64_CONSTANT (10),
                    "open-flags", SHMOBJ_OPEN_EXCLUSIVE, NULL);

  assert_write (memory, 0, "lazy");
  assert_write (named, 0, "lazy");
  must_unlink (named);
}

static void
test_names (void)
{
  static const char *const bad[] = { "", "/", "a/b", "//a", "a/", ".", "..", "/..", "\xff\xfe" };
  g_autofree char *longest = g_strnfill (253, 'n');
  g_autofree char *too_long = g_strnfill (254, 'n');
  g_autoptr (ShmobjSharedMemory) memory = must_open (longest, SHMOBJ_OPEN_EXCLUSIVE, 1);

  must_unlink (memory);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    assert_refused (shmobj_shared_memory_new_for_name (bad[i], SHMOBJ_OPEN_DEFAULT, 1, refusal),
                    G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (shmobj_shared_memory_new_for_name (too_long, SHMOBJ_OPEN_DEFAULT, 1, refusal),
                  G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
test_flags (void)
{
  g_autofree char *name = unique_name ();
  g_autofree char *with_slash = g_strconcat ("/", name, NULL);
  g_autoptr (ShmobjSharedMemory) first = NULL, second = NULL, reader = NULL;

  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXISTING, 1, refusal),
                  G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_READ_ONLY, 1, refusal),
                  G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_refused (shmobj_shared_memory_new_for_name (
                      name, SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_EXCLUSIVE, 1, refusal),
                  G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);

  first = must_open (with_slash, SHMOBJ_OPEN_DEFAULT, 5000);
  g_assert_cmpstr (shmobj_shared_memory_get_name (first), ==, name);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXCLUSIVE, 1, refusal),
                  G_IO_ERROR, G_IO_ERROR_EXISTS);

  second = must_open (name, SHMOBJ_OPEN_DEFAULT, 1);
  g_assert_cmpuint (shmobj_shared_memory_get_size (second), ==, 5000);
  assert_write (first, 4000, "seen");
  assert_read (second, 4000, "seen");

  reader = must_open (name, SHMOBJ_OPEN_READ_ONLY, 0);
  assert_read (reader, 4000, "seen");
  g_assert_true (shmobj_shared_memory_is_read_only (reader));
  assert_refused (
      (gpointer) (gsize) shmobj_shared_memory_write_data (reader, 0, (guint8 *) "x", 1, refusal),
      G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  must_unlink (second);
}

static void
test_unlink (void)
{
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) first = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 10);
  g_autoptr (ShmobjSharedMemory) same = must_open (name, SHMOBJ_OPEN_EXISTING, 0);
  g_autoptr (ShmobjSharedMemory) successor = NULL;

  shmobj_shared_memory_close (first); /* Python's order: close, then unlink */
  must_unlink (first);
  assert_refused ((gpointer) (gsize) shmobj_shared_memory_unlink (same, refusal), G_IO_ERROR,
                  G_IO_ERROR_NOT_FOUND);

  assert_write (same, 0, "lives on");
  successor = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 20);
  assert_refused ((gpointer) (gsize) shmobj_shared_memory_unlink (same, refusal), G_IO_ERROR,
                  G_IO_ERROR_NOT_FOUND);
  must_unlink (successor);
}

static void
test_close (void)
{
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (4096, NULL);
  char *view = shmobj_shared_memory_get_data (memory, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

  assert_write (memory, 0, "before");
  shmobj_shared_memory_close (memory);
  shmobj_shared_memory_close (memory);
  g_assert_cmpmem (view, 6, "before", 6);
  memcpy (view, "after!", 6);

  assert_refused (shmobj_shared_memory_read_bytes (memory, 0, 1, refusal), SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CLOSED);
  assert_refused (
      (gpointer) (gsize) shmobj_shared_memory_write_data (memory, 0, (guint8 *) "x", 1, refusal),
      SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  assert_refused (shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (memory), fds, refusal),
                  SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  assert_refused ((gpointer) (gsize) (shmobj_shared_memory_dup_fd (memory, refusal) + 1),
                  SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_null (shmobj_shared_memory_get_data (memory, NULL));
  g_assert_cmpuint (shmobj_shared_memory_get_address (memory), ==, 0);
}

/* What could not be opened is tried again by the next call. */
static void
test_opens_when_it_can (void)
{
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) late = g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "name", name,
                                                      "open-flags", SHMOBJ_OPEN_EXISTING, NULL);
  g_autoptr (ShmobjSharedMemory) memory = NULL;

  g_assert_cmpuint (shmobj_shared_memory_get_size (late), ==, 0);
  assert_refused (shmobj_shared_memory_read_bytes (late, 0, 1, refusal), G_IO_ERROR,
                  G_IO_ERROR_NOT_FOUND);
  memory = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 50);
  assert_write (memory, 0, "here");
  assert_read (late, 0, "here");
  g_assert_cmpuint (shmobj_shared_memory_get_size (late), ==, 50);
  must_unlink (late);
}

static void
test_closed_keeps_name_and_size (void)
{
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) memory = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 50);
  g_autoptr (ShmobjSharedMemory) never = g_object_new (SHMOBJ_TYPE_SHARED_MEMORY, "name", name,
                                                       "open-flags", SHMOBJ_OPEN_EXISTING, NULL);
  g_autoptr (GError) error = NULL;

  shmobj_shared_memory_close (memory);
  g_assert_cmpuint (shmobj_shared_memory_get_size (memory), ==, 50);
  g_assert_cmpstr (shmobj_shared_memory_get_name (memory), ==, name);
  g_assert_null (shmobj_shared_memory_read_bytes (memory, 0, 1, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_nonnull (strstr (error->message, name));

  shmobj_shared_memory_close (never); /* before it was opened */
  g_assert_cmpuint (shmobj_shared_memory_get_size (never), ==, 0);
  assert_refused (shmobj_shared_memory_read_bytes (never, 0, 1, refusal), SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CLOSED);
  must_unlink (memory);
}

static void
test_python_attaches (void)
{
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) memory = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 1000);
  g_autofree char *out = NULL;

  assert_write (memory, 0, "from C");
  out = python ("import sys\n"
                "from multiprocessing import shared_memory, resource_tracker\n"
                "s = shared_memory.SharedMemory(sys.argv[1])\n"
                "resource_tracker.unregister(s._name, 'shared_memory')\n"
                "assert len(s.buf) == 1000, len(s.buf)\n"
                "print(bytes(s.buf[:6]).decode())\n"
                "s.buf[100:107] = b'from py'\n"
                "s.close()\n",
                name);
  g_assert_cmpstr (out, ==, "from C");
  assert_read (memory, 100, "from py");
  must_unlink (memory);
}

static void
test_attaches_pythons (void)
{
  g_autofree char *made = python ("from multiprocessing import shared_memory, resource_tracker\n"
                                  "s = shared_memory.SharedMemory(create=True, size=70000)\n"
                                  "resource_tracker.unregister(s._name, 'shared_memory')\n"
                                  "s.buf[69990:69998] = b'py first'\n"
                                  "print(s.name)\n",
                                  NULL);
  g_autofree char *out = NULL;
  g_autoptr (ShmobjSharedMemory) memory = must_open (made, SHMOBJ_OPEN_EXISTING, 0);
  struct stat st;
  int fd;

  g_assert_true (g_str_has_prefix (made, "psm_"));
  g_assert_cmpuint (shmobj_shared_memory_get_size (memory), ==, 70000);
  assert_read (memory, 69990, "py first");
  fd = shmobj_shared_memory_dup_fd (memory, NULL);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (st.st_blocks * 512, >=, 70000); /* it was sparse */
  close (fd);

  assert_write (memory, 0, "C second");
  out = python ("import sys\n"
                "from multiprocessing import shared_memory\n"
                "s = shared_memory.SharedMemory(sys.argv[1])\n"
                "print(bytes(s.buf[:8]).decode())\n"
                "s.close(); s.unlink()\n",
                made);
  g_assert_cmpstr (out, ==, "C second");
  assert_refused (shmobj_shared_memory_new_for_name (made, SHMOBJ_OPEN_EXISTING, 0, refusal),
                  G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_forked_child (void)
{
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (4096, NULL);
  int status;
  pid_t child = fork ();

  if (child == 0)
    {
      gboolean written =
          shmobj_shared_memory_write_data (memory, 10, (const guint8 *) "child", 5, NULL);

      g_object_unref (g_steal_pointer (&memory));
      _exit (written ? 0 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  assert_read (memory, 10, "child");
}

static void
test_handle (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = unique_name ();
  g_autoptr (ShmobjSharedMemory) named = must_open (name, SHMOBJ_OPEN_EXCLUSIVE, 50);
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (77, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (memory), fds, &error);
  g_autoptr (GVariant) named_handle =
      shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (named), fds, &error);
  g_autoptr (ShmobjShareable) other = NULL, other_named = NULL;

  other = shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHARED_MEMORY, handle, fds, &error);
  g_assert_no_error (error);
  other_named =
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHARED_MEMORY, named_handle, fds, &error);
  g_assert_no_error (error);

  assert_write (memory, 0, "same");
  assert_read (SHMOBJ_SHARED_MEMORY (other), 0, "same");
  assert_write (SHMOBJ_SHARED_MEMORY (other_named), 3, "named");
  assert_read (named, 3, "named");
  g_assert_cmpstr (shmobj_shared_memory_get_name (SHMOBJ_SHARED_MEMORY (other_named)), ==, name);
  must_unlink (SHMOBJ_SHARED_MEMORY (other_named));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shared-memory/anonymous-is-sealed-and-reserved", test_anonymous);
  g_test_add_func ("/shared-memory/outside-is-refused", test_ranges);
  g_test_add_func ("/shared-memory/impossible-sizes-are-refused-first", test_sizes);
  g_test_add_func ("/shared-memory/first-call-opens", test_first_call_opens);
  g_test_add_func ("/shared-memory/bad-names-are-refused", test_names);
  g_test_add_func ("/shared-memory/flags", test_flags);
  g_test_add_func ("/shared-memory/unlink-removes-only-its-own", test_unlink);
  g_test_add_func ("/shared-memory/views-survive-close", test_close);
  g_test_add_func ("/shared-memory/a-failed-opening-is-tried-again", test_opens_when_it_can);
  g_test_add_func ("/shared-memory/closed-keeps-name-and-size", test_closed_keeps_name_and_size);
  g_test_add_func ("/shared-memory/python-attaches-ours", test_python_attaches);
  g_test_add_func ("/shared-memory/we-attach-pythons", test_attaches_pythons);
  g_test_add_func ("/shared-memory/forked-child-shares-it", test_forked_child);
  g_test_add_func ("/shared-memory/handle", test_handle);
  return g_test_run ();
}
