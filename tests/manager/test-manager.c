/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses, names, kinds, and directories that are not what they should be. */

#include <shmobj.h>

#include "../remove-folder.h"
#include "manager/address.h"
#include "manager/manager-private.h"
#include "manager/names.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
assert_failed (gboolean done, GError **error, GQuark domain, int code, const char *says)
{
  g_assert_false (done);
  g_assert_error (*error, domain, code);
  if (says != NULL && strstr ((*error)->message, says) == NULL)
    g_error ("“%s” does not say “%s”", (*error)->message, says);
  g_clear_error (error);
}

static ShmobjManager *
open_manager (const char *address)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (address, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static void
cannot_open (const char *address, GQuark domain, int code, const char *says)
{
  GError *error = NULL;

  assert_failed (shmobj_manager_new (address, NULL, &error) != NULL, &error, domain, code, says);
}

static void
test_private_goes_with_its_user (void)
{
  ShmobjManager *manager = open_manager (NULL), *other = open_manager (NULL);
  g_autofree char *path = g_strdup (shmobj_manager_get_path (manager));

  g_assert_null (shmobj_manager_get_address (manager));
  g_assert_cmpstr (path, !=, shmobj_manager_get_path (other));
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  g_object_unref (manager);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_object_unref (other);
}

static void
test_named_is_one (void)
{
  g_autoptr (ShmobjManager) first = open_manager ("session"), second = open_manager ("session");
  g_autoptr (ShmobjList) list = NULL, same = NULL;
  g_autofree char *path = g_strdup (shmobj_manager_get_path (first));

  list = shmobj_manager_open_list (first, "l", SHMOBJ_OPEN_EXCLUSIVE, NULL, NULL);
  same = shmobj_manager_open_list (second, "l", SHMOBJ_OPEN_EXISTING, NULL, NULL);
  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (1), NULL));
  g_assert_cmpint (shmobj_list_get_length (same, NULL), ==, 1);
  g_assert_true (shmobj_container_get_manager (SHMOBJ_CONTAINER (same)) == second);
  g_assert_cmpstr (shmobj_container_get_name (SHMOBJ_CONTAINER (same)), ==, "l");

  g_clear_object (&list);
  g_clear_object (&same);
  g_clear_object (&first);
  g_clear_object (&second);

  first = open_manager ("session");
  list = shmobj_manager_open_list (first, "l", SHMOBJ_OPEN_EXISTING, NULL, NULL);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  remove_folder (path);
}

static void
test_durable_keeps (void)
{
  g_autofree char *root = g_dir_make_tmp (NULL, NULL), *path = g_build_filename (root, "m", NULL);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (ShmobjManager) manager = open_manager (path);
      g_autoptr (ShmobjList) list =
          shmobj_manager_open_list (manager, "l", SHMOBJ_OPEN_DEFAULT, NULL, NULL);

      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, i);
      g_assert_true (shmobj_list_append (list, g_variant_new_uint32 (i), NULL));
    }
  remove_folder (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_object_unref (open_manager (path)); /* an empty directory will do */
  remove_folder (path);
  rmdir (root);
}

static void
test_names_are_checked (void)
{
  static const char *const names[] = { "", "a/b", ".hidden", "a\nb", "\xff" };
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autofree char *longest = g_strnfill (250, 'n'), *too_long = g_strnfill (251, 'n');
  g_autoptr (ShmobjList) list = NULL;
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      assert_failed (shmobj_manager_open_list (manager, names[i], 0, NULL, &error) != NULL, &error,
                     G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "name of a list");
      cannot_open (names[i], G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "name of a manager");
    }
  cannot_open ("tls://host:1", G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "tls://host:1");
  assert_failed (shmobj_manager_open_list (manager, too_long, 0, NULL, &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "250");
  list = shmobj_manager_open_list (manager, longest, 0, NULL, &error);
  g_assert_no_error (error);
}

static void
test_open_flags (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjDict) dict = NULL;
  GError *error = NULL;

  assert_failed (shmobj_manager_open_dict (manager, "d", SHMOBJ_OPEN_EXISTING, NULL, &error) !=
                     NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "“d”");
  assert_failed (shmobj_manager_open_dict (manager, "d", SHMOBJ_OPEN_READ_ONLY, NULL, &error) !=
                     NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "“d”");
  assert_failed (shmobj_manager_open_dict (manager, "d",
                                           SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_EXCLUSIVE, NULL,
                                           &error) != NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "exclude");
  dict = shmobj_manager_open_dict (manager, "d", SHMOBJ_OPEN_EXCLUSIVE, NULL, &error);
  g_assert_no_error (error);
  assert_failed (shmobj_manager_open_dict (manager, "d", SHMOBJ_OPEN_EXCLUSIVE, NULL, &error) !=
                     NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_EXISTS, "“d”");
  assert_failed (shmobj_manager_open_list (manager, "d", SHMOBJ_OPEN_DEFAULT, NULL, &error) != NULL,
                 &error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND, "“d” is a dict, not a list");
}

static void
test_removed_lives_for_its_holders (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
  g_autoptr (ShmobjList) next = NULL, nameless = NULL;
  GError *error = NULL;

  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (1), NULL));
  g_assert_true (shmobj_manager_remove (manager, "l", NULL));
  assert_failed (shmobj_manager_remove (manager, "l", &error), &error, G_IO_ERROR,
                 G_IO_ERROR_NOT_FOUND, "“l”");
  g_assert_null (shmobj_manager_lookup (manager, "l", &error));
  g_assert_no_error (error);

  next = shmobj_manager_open_list (manager, "l", SHMOBJ_OPEN_EXCLUSIVE, NULL, NULL);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  g_assert_cmpint (shmobj_list_get_length (next, NULL), ==, 0);
  g_assert_cmpstr (shmobj_manager_lookup (manager, "l", NULL), ==, "list");

  nameless = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL);
  g_assert_null (shmobj_container_get_name (SHMOBJ_CONTAINER (nameless)));
  g_assert_true (shmobj_list_append (nameless, g_variant_new_int32 (1), NULL));
  g_assert_cmpint (shmobj_list_get_length (next, NULL), ==, 0);
}

static guint
count_nameless (ShmobjManager *manager)
{
  guint64 id = 0;
  StoreTxn txn;
  guint n = 0;

  g_assert_true (store_read_begin (manager_get_store (manager, NULL), &txn, NULL));
  while (names_next_nameless (&txn, id, &id))
    n++;
  g_assert_true (store_read_end (&txn, NULL));
  return n;
}

static void
test_nameless_ends_with_its_last_holder (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  ShmobjList *list = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL), *same;
  ShmobjDict *dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new (), no_fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  GError *error = NULL;

  g_assert_true (shmobj_list_append (list, g_variant_new_int32 (1), NULL));
  g_assert_cmpuint (count_nameless (manager), ==, 1);
  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (list), fds, NULL);
  g_object_unref (list);
  g_assert_cmpuint (count_nameless (manager), ==, 1); /* the handle holds it */

  same = (ShmobjList *) shmobj_shareable_new_from_handle (SHMOBJ_TYPE_LIST, handle, fds, &error);
  g_assert_no_error (error);
  g_clear_object (&fds);
  g_assert_cmpint (shmobj_list_get_length (same, NULL), ==, 1);
  g_object_unref (same);
  g_assert_cmpuint (count_nameless (manager), ==, 0);

  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (g_unix_fd_list_append (no_fds, 0, NULL), ==, i);
  assert_failed (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_LIST, handle, no_fds, &error) !=
                     NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "removed");

  g_assert_true (shmobj_manager_remove (manager, "d", NULL));
  g_assert_cmpuint (count_nameless (manager), ==, 1);
  g_object_unref (dict);
  g_assert_cmpuint (count_nameless (manager), ==, 0);
  g_object_unref (shmobj_manager_open_dict (manager, "e", 0, NULL, NULL));
  g_assert_true (shmobj_manager_remove (manager, "e", NULL));
  g_assert_cmpuint (count_nameless (manager), ==, 0);
}

/* A child that is killed cannot let go. */
static void
make_nameless_and_die (ShmobjManager *manager, guint n)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    {
      for (guint i = 0; i < n; i++)
        if (shmobj_manager_open_list (manager, NULL, 0, NULL, NULL) == NULL)
          _exit (1);
      kill (getpid (), SIGKILL);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
}

static void
test_what_the_killed_held_goes (void)
{
  ShmobjManager *manager = open_manager ("sweep");
  g_autofree char *path = g_strdup (shmobj_manager_get_path (manager));
  ShmobjList *mine = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL);

  make_nameless_and_die (manager, 20);
  g_assert_cmpuint (count_nameless (manager), ==, 21);
  for (guint i = 0; i < 12; i++) /* each looks at two others */
    g_object_unref (shmobj_manager_open_list (manager, NULL, 0, NULL, NULL));
  g_assert_cmpuint (count_nameless (manager), ==, 1);
  g_assert_cmpint (shmobj_list_get_length (mine, NULL), ==, 0);
  g_object_unref (mine);

  make_nameless_and_die (manager, 5);
  g_object_unref (manager);
  manager = open_manager ("sweep"); /* alone */
  g_assert_cmpuint (count_nameless (manager), ==, 0);
  g_object_unref (manager);
  remove_folder (path);
}

static void
test_other_kinds (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjQueue) queue = NULL, same_queue = NULL;
  g_autoptr (ShmobjLock) lock = NULL, same_lock = NULL;
  g_autoptr (ShmobjEvent) event = NULL, same_event = NULL;
  g_autoptr (ShmobjSharedMemory) memory = NULL, same_memory = NULL;
  g_autoptr (GVariant) value = NULL, objects = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;

  queue = shmobj_manager_open_queue (manager, "q", 0, 3, 1 << 16, NULL, &error);
  g_assert_no_error (error);
  same_queue = shmobj_manager_open_queue (manager, "q", 0, 99, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_queue_get_maxsize (same_queue), ==, 3);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, NULL));
  value = shmobj_queue_get (same_queue, 0, NULL, &error);
  g_assert_no_error (error);

  lock = shmobj_manager_open_lock (manager, "k", 0, NULL, &error);
  g_assert_no_error (error);
  same_lock = shmobj_manager_open_lock (manager, "k", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, NULL));
  g_assert_true (shmobj_lock_is_locked (same_lock));
  g_assert_true (shmobj_lock_release (lock, NULL));

  event = shmobj_manager_open_event (manager, "e", 0, NULL, &error);
  same_event = shmobj_manager_open_event (manager, "e", 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_event_set (event, NULL));
  g_assert_true (shmobj_event_is_set (same_event));

  memory = shmobj_manager_open_memory (manager, "m", 0, 5000, NULL, &error);
  g_assert_no_error (error);
  same_memory = shmobj_manager_open_memory (manager, "m", 0, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_shared_memory_get_size (same_memory), ==, 5000);

  assert_failed (shmobj_manager_open_queue (manager, "m", 0, 0, 0, NULL, &error) != NULL, &error,
                 SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND, "shared-memory");
  assert_failed (shmobj_manager_open_lock (manager, "k", SHMOBJ_OPEN_READ_ONLY, NULL, &error) !=
                     NULL,
                 &error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "lock");

  objects = shmobj_manager_list_objects (manager, &error);
  text = g_variant_print (objects, FALSE);
  g_assert_cmpstr (text, ==,
                   "[('e', 'event', 0), ('k', 'lock', 0), ('m', 'shared-memory', 5000), "
                   "('q', 'queue', 65536)]");
}

/* Two that open it have one condition and one lock, whoever used it first. */
static void
test_condition (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjCondition) first = NULL, second = NULL, third = NULL;
  ShmobjLock *lock, *same_lock;
  GError *error = NULL;
  guint64 wait;

  first = shmobj_manager_open_condition (manager, "c", 0, NULL, &error);
  g_assert_no_error (error);
  second = shmobj_manager_open_condition (manager, "c", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  lock = shmobj_condition_get_lock (first);
  same_lock = shmobj_condition_get_lock (second);
  g_assert_true (shmobj_lock_acquire (lock, 0, NULL, &error));
  g_assert_true (shmobj_lock_is_owned (same_lock));
  wait = shmobj_condition_begin_wait (first, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (shmobj_condition_get_waiters (second), ==, 1);
  g_assert_true (shmobj_condition_notify_all (second, &error));
  g_assert_true (shmobj_condition_end_wait (first, wait));

  g_assert_cmpstr (shmobj_manager_lookup (manager, "c", NULL), ==, "condition");
  assert_failed (shmobj_manager_open_event (manager, "c", 0, NULL, &error) != NULL, &error,
                 SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND, "condition");
  assert_failed (
      shmobj_manager_open_condition (manager, "c", SHMOBJ_OPEN_READ_ONLY, NULL, &error) != NULL,
      &error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "condition");
  third = shmobj_manager_open_condition (manager, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_manager_remove (manager, "c", &error));
  g_assert_true (shmobj_condition_notify_one (first, &error));
}

static guint
count_files (ShmobjManager *manager)
{
  GDir *entries = g_dir_open (shmobj_manager_get_path (manager), 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (entries)) != NULL)
    n += g_ascii_isdigit (*name);
  g_dir_close (entries);
  return n;
}

static void
test_removed_queue_leaves_no_file (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjQueue) queue = NULL, again = NULL;
  g_autoptr (ShmobjSharedMemory) memory = NULL;
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  queue = shmobj_manager_open_queue (manager, "q", 0, 0, 0, NULL, &error);
  memory = shmobj_manager_open_memory (manager, "m", 0, 100, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_files (manager), ==, 4);
  g_assert_true (shmobj_manager_remove (manager, "q", &error));
  g_assert_true (shmobj_manager_remove (manager, "m", &error));
  g_assert_cmpuint (count_files (manager), ==, 0);

  again = shmobj_manager_open_queue (manager, "q", 0, 0, 0, NULL, &error);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error));
  g_assert_true (shmobj_queue_is_empty (again));
  value = shmobj_queue_get (queue, 0, NULL, &error);
  g_assert_no_error (error);
}

static void
test_sandbox (void)
{
  g_autofree char *info = g_build_filename (g_get_tmp_dir (), "flatpak-info", NULL);
  const char *real = address_sandbox_file;
  ShmobjManager *manager;

  g_assert_true (g_file_set_contents (info, "[Application]\n", -1, NULL));
  address_sandbox_file = info;
  g_setenv ("FLATPAK_ID", "org.example.App", TRUE);

  cannot_open ("session", G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "D-Bus");
  manager = open_manager (NULL);
  g_assert_nonnull (strstr (shmobj_manager_get_path (manager), "/app/org.example.App/shmobj/"));
  g_object_unref (manager);

  g_unsetenv ("FLATPAK_ID");
  address_sandbox_file = real;
  unlink (info);
}

static void
rewrite (const char *path, const char *file, const char *text, gssize size)
{
  g_autofree char *name = g_build_filename (path, file, NULL);

  g_assert_true (g_file_set_contents (name, text, size, NULL));
  g_assert_cmpint (chmod (name, 0600), ==, 0);
}

static void
test_foreign_directories (void)
{
  g_autofree char *runtime = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autofree char *loose = g_build_filename (runtime, "shmobj", "loose", NULL);
  g_autofree char *foreign = g_dir_make_tmp (NULL, NULL), *link = NULL;

  g_mkdir_with_parents (loose, 0700);
  chmod (loose, 0755);
  rewrite (loose, "something", "", 0); /* an empty one would be replaced */
  cannot_open ("loose", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "755");
  remove_folder (loose);

  if (geteuid () == 0)
    {
      g_assert_cmpint (chown (foreign, 1, 1), ==, 0);
      g_setenv ("XDG_RUNTIME_DIR", foreign, TRUE);
      cannot_open ("x", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "user 1 (daemon)");
    }
  g_setenv ("XDG_RUNTIME_DIR", "/nowhere", TRUE);
  cannot_open ("x", G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "/nowhere");

  rmdir (foreign);
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  link = g_build_filename (runtime, "shmobj", "link", NULL);
  g_assert_cmpint (symlink (runtime, link), ==, 0);
  cannot_open ("link", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "link");
  unlink (link);
}

static void
test_other_versions_are_not_touched (void)
{
  g_autofree char *root = g_dir_make_tmp (NULL, NULL), *path = g_build_filename (root, "m", NULL);
  g_autofree char *format = g_build_filename (path, "format", NULL), *before = NULL, *after = NULL;

  g_object_unref (open_manager (path));
  g_assert_true (g_file_get_contents (format, &before, NULL, NULL));

  rewrite (path, "format", "shmobj manager\nlayout 7\nstore other\n", -1);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "layout 7");
  g_assert_true (g_file_get_contents (format, &after, NULL, NULL));
  g_assert_nonnull (strstr (after, "layout 7"));

  rewrite (path, "format",
           "shmobj manager\nlayout 2\nstore lmdb 2\ndurable yes\nmade by LMDB 1.0.1\n", -1);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "LMDB 1.0.1");
  rewrite (path, "format", "", 0);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "not a manager");
  unlink (format);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "not a manager");

  rewrite (path, "format", before, -1);
  g_object_unref (open_manager (path));
  remove_folder (path);
  rmdir (root);
}

static void
test_damaged_stores_are_refused (void)
{
  g_autofree char *root = g_dir_make_tmp (NULL, NULL), *path = g_build_filename (root, "m", NULL);
  g_autofree char *data = g_build_filename (path, "data.mdb", NULL), *good = NULL, *bad = NULL;
  ShmobjManager *manager = open_manager (path);
  gsize size;

  g_object_unref (shmobj_manager_open_list (manager, "l", 0, NULL, NULL));
  g_object_unref (manager);
  g_assert_true (g_file_get_contents (data, &good, &size, NULL));

  g_assert_cmpint (truncate (data, 0), ==, 0);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "too short");
  g_assert_cmpint (truncate (data, 5000), ==, 0);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "damaged");
  rewrite (path, "data.mdb", good, 8192);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "ends before");

  bad = g_memdup2 (good, size);
  memset (bad, 'x', 4096);
  rewrite (path, "data.mdb", bad, size);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "header");
  memcpy (bad, good, 4096);
  memset (bad + 4096, 0, 4096);
  rewrite (path, "data.mdb", bad, size);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "second header");

  rewrite (path, "data.mdb", good, size);
  g_object_unref (open_manager (path));
  rewrite (path, "gate", "x", 1);
  cannot_open (path, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, NULL);
  remove_folder (path);
  rmdir (root);
}

static void
test_works_as_it_is_constructed (void)
{
  g_autoptr (ShmobjManager) manager =
      g_object_new (SHMOBJ_TYPE_MANAGER, "write-timeout-us", G_GINT64_CONSTANT (1000000), NULL);
  g_autoptr (ShmobjManager) impossible = g_object_new (SHMOBJ_TYPE_MANAGER, "address", "a/b", NULL);
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  GError *error = NULL;

  list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shmobj_manager_get_write_timeout_us (manager), ==, 1000000);
  assert_failed (shmobj_manager_open_list (impossible, "l", 0, NULL, &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "a/b");
  g_cancellable_cancel (cancelled);
  assert_failed (shmobj_manager_open_list (manager, "l", 0, cancelled, &error) != NULL, &error,
                 G_IO_ERROR, G_IO_ERROR_CANCELLED, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manager/private-goes-with-its-last-user", test_private_goes_with_its_user);
  g_test_add_func ("/manager/one-for-a-name", test_named_is_one);
  g_test_add_func ("/manager/durable-keeps", test_durable_keeps);
  g_test_add_func ("/manager/names-are-checked", test_names_are_checked);
  g_test_add_func ("/manager/open-flags", test_open_flags);
  g_test_add_func ("/manager/removed-lives-for-its-holders", test_removed_lives_for_its_holders);
  g_test_add_func ("/manager/nameless-ends-with-its-last-holder",
                   test_nameless_ends_with_its_last_holder);
  g_test_add_func ("/manager/what-the-killed-held-goes", test_what_the_killed_held_goes);
  g_test_add_func ("/manager/opens-other-kinds", test_other_kinds);
  g_test_add_func ("/manager/condition", test_condition);
  g_test_add_func ("/manager/removed-queue-leaves-no-file", test_removed_queue_leaves_no_file);
  g_test_add_func ("/manager/no-session-inside-a-sandbox", test_sandbox);
  g_test_add_func ("/manager/foreign-directories-are-refused", test_foreign_directories);
  g_test_add_func ("/manager/other-versions-are-not-touched", test_other_versions_are_not_touched);
  g_test_add_func ("/manager/damaged-stores-are-refused", test_damaged_stores_are_refused);
  g_test_add_func ("/manager/works-as-it-is-constructed", test_works_as_it_is_constructed);
  return g_test_run ();
}
