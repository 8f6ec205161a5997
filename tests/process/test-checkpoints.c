/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Durable managers that are synchronised at intervals: what a crash of the machine leaves.
 *
 * The machine does not crash here. A writer is killed before its n-th call of those that matter
 * (--wrap), for each n; then its directory is made to look as a disk may: names that were not
 * synchronised are as they were, data.mdb is a mix of pages, a copy that was not synchronised is
 * rubbish, and “unsynced” has another kernel's boot id. An interval of 1 us makes each change
 * synchronise those before it.
 */

#include <shmobj.h>

#include "../remove-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define BEFORE_SYNC 3
#define AFTER_SYNC 2
#define FOR_EVER G_MAXINT64

/* What a writer that dies leaves to us, in shared memory. */
typedef struct
{
  int step, die_at; /* 0: it does not */
  int started, done, promised;
  gboolean data_dirty; /* changed since data.mdb was synchronised */
  ino_t copy_dirty;    /* a copy that was not */
  gboolean full;       /* the disk is */
} Tale;

typedef struct
{
  char *root, *path, *data, *shadow;
} Place;

static const char *const names[] = { "checkpoint.mdb", "unsynced" };
static Tale *tale;
static Place place;

int __real_fsync (int fd);
int __wrap_fsync (int fd);
int __real_renameat (int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat (int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat (int fd, const char *name, int flags);
int __wrap_unlinkat (int fd, const char *name, int flags);
ssize_t
__real_copy_file_range (int from, off_t *at, int to, off_t *to_at, size_t size, unsigned flags);
ssize_t
__wrap_copy_file_range (int from, off_t *at, int to, off_t *to_at, size_t size, unsigned flags);

static void
step (void)
{
  if (++tale->step == tale->die_at)
    kill (getpid (), SIGKILL);
}

/* The names in @from of the two files, in @to. */
static void
copy_names (const char *from, const char *to)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *source = g_build_filename (from, names[i], NULL);
      g_autofree char *target = g_build_filename (to, names[i], NULL);

      unlink (target);
      g_assert_true (link (source, target) == 0 || errno == ENOENT);
    }
}

static ino_t
inode_of (int fd)
{
  struct stat seen;

  return fstat (fd, &seen) == 0 ? seen.st_ino : 0;
}

int
__wrap_fsync (int fd)
{
  struct stat directory = { 0 }, data = { 0 };
  int rc;

  step ();
  rc = __real_fsync (fd);
  if (place.path == NULL || stat (place.path, &directory) != 0 || stat (place.data, &data) != 0)
    return rc;
  if (inode_of (fd) == directory.st_ino)
    copy_names (place.path, place.shadow);
  if (inode_of (fd) == data.st_ino)
    tale->data_dirty = FALSE;
  if (inode_of (fd) == tale->copy_dirty)
    tale->copy_dirty = 0;
  return rc;
}

int
__wrap_renameat (int from_fd, const char *from, int to_fd, const char *to)
{
  step ();
  return __real_renameat (from_fd, from, to_fd, to);
}

int
__wrap_unlinkat (int fd, const char *name, int flags)
{
  step ();
  return __real_unlinkat (fd, name, flags);
}

ssize_t
__wrap_copy_file_range (int from, off_t *at, int to, off_t *to_at, size_t size, unsigned flags)
{
  step ();
  tale->copy_dirty = inode_of (to);
  if (tale->full)
    {
      errno = ENOSPC;
      return -1;
    }
  return __real_copy_file_range (from, at, to, to_at, size, flags);
}

static ShmobjManager *
open_manager (gint64 interval_us)
{
  GError *error = NULL;
  ShmobjManager *manager = g_initable_new (SHMOBJ_TYPE_MANAGER, NULL, &error, "address", place.path,
                                           "sync-interval-us", interval_us, NULL);

  g_assert_no_error (error);
  return manager;
}

static ShmobjList *
open_list (ShmobjManager *manager)
{
  GError *error = NULL;
  ShmobjList *list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);

  g_assert_no_error (error);
  return list;
}

static void
place_init (void)
{
  ShmobjManager *manager;

  place.root = g_build_filename (g_get_user_runtime_dir (), "checkpoints-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (place.root)); /* in memory: hundreds of fsync() cost nothing there */
  place.path = g_build_filename (place.root, "m", NULL);
  place.data = g_build_filename (place.path, "data.mdb", NULL);
  place.shadow = g_build_filename (place.root, "shadow", NULL);
  g_assert_cmpint (mkdir (place.shadow, 0700), ==, 0);
  *tale = (Tale){ 0 };

  manager = open_manager (0);
  g_object_unref (open_list (manager));
  g_object_unref (manager);
  tale->step = 0;
}

static void
place_clear (void)
{
  remove_folder (place.path);
  remove_folder (place.shadow);
  g_assert_cmpint (rmdir (place.root), ==, 0);
  g_free (place.root);
  g_free (place.path);
  g_free (place.data);
  g_free (place.shadow);
  place = (Place){ 0 };
}

static gboolean
is_there (const char *name)
{
  g_autofree char *file = g_build_filename (place.path, name, NULL);

  return g_file_test (file, G_FILE_TEST_EXISTS);
}

static void
append (ShmobjList *list)
{
  GError *error = NULL;

  tale->started++;
  shmobj_list_append (list, g_variant_new_int32 (tale->done), &error);
  g_assert_no_error (error);
  tale->data_dirty = TRUE;
  tale->promised = MAX (tale->promised, tale->done); /* those before it */
  tale->done++;
}

static void
sync_manager (ShmobjManager *manager)
{
  GError *error = NULL;

  shmobj_manager_sync (manager, NULL, &error);
  g_assert_no_error (error);
  tale->promised = tale->done;
}

static void
write_and_close (void)
{
  ShmobjManager *manager = open_manager (1);
  ShmobjList *list = open_list (manager);

  for (int i = 0; i < BEFORE_SYNC; i++)
    append (list);
  sync_manager (manager);
  for (int i = 0; i < AFTER_SYNC; i++)
    append (list);
  g_object_unref (list);
  g_object_unref (manager);
  tale->promised = tale->done;
}

static void
only_open (void)
{
  g_object_unref (open_manager (0));
}

/* FALSE: it was killed. */
static gboolean
run_in_child (void (*func) (void), int die_at)
{
  int status;
  pid_t pid;

  tale->step = 0;
  tale->die_at = die_at;
  pid = fork ();
  if (pid == 0)
    {
      func ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  tale->die_at = 0;
  g_assert_true (status == 0 || (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL));
  return status == 0;
}

/* A mix of pages, old ones, empty ones and rubbish. */
static void
scribble (const char *path, guint how)
{
  g_autofree char *bytes = NULL;
  gsize size;
  int fd;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  for (gsize page = 0; (page + 1) * PAGE <= size; page++)
    if ((page + how) % 3 != 0)
      memset (bytes + page * PAGE, (page + how) % 3 == 1 ? 0 : 'x', PAGE);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, bytes, size, 0), ==, size);
  close (fd);
}

static void
crash (gboolean names_too, guint how)
{
  g_autofree char *unsynced = g_build_filename (place.path, "unsynced", NULL);
  g_autofree char *checkpoint = g_build_filename (place.path, "checkpoint.mdb", NULL);
  struct stat seen;

  if (names_too)
    copy_names (place.shadow, place.path);
  if (is_there ("unsynced"))
    {
      unlink (unsynced);
      g_assert_true (
          g_file_set_contents (unsynced, "01234567-89ab-cdef-0123-456789abcdef\n", -1, NULL));
    }
  if (is_there ("unsynced") || tale->data_dirty)
    scribble (place.data, how);
  if (stat (checkpoint, &seen) == 0 && seen.st_ino == tale->copy_dirty)
    scribble (checkpoint, how);
}

/* Opens the manager and sees that the list is 0, 1, 2 …; its length. */
static int
look (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (0);
  g_autoptr (ShmobjList) list = open_list (manager);
  GError *error = NULL;
  gsize n = 0;
  GVariant **items = shmobj_list_get_range (list, 0, G_MAXINT64, &n, &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < n; i++)
    {
      g_assert_cmpint (g_variant_get_int32 (items[i]), ==, (int) i);
      g_variant_unref (items[i]);
    }
  g_free (items);
  shmobj_list_append (list, g_variant_new_int32 (n), &error);
  g_assert_no_error (error);
  g_assert_false (is_there ("unsynced"));
  return n;
}

static void
test_machine_crashes_at_every_step (void)
{
  gboolean ended = FALSE;
  int step_number;

  for (step_number = 1; !ended; step_number++)
    for (int names_too = 0; names_too < 2; names_too++)
      {
        int n;

        place_init ();
        ended = run_in_child (write_and_close, step_number);
        crash (names_too, step_number);
        if (is_there ("unsynced") && !run_in_child (only_open, 1 + step_number % 5))
          if (is_there ("unsynced"))
            scribble (place.data, step_number + 1);
        n = look ();
        g_assert_cmpint (n, >=, tale->promised);
        g_assert_cmpint (n, <=, tale->started);
        g_assert_cmpint (look (), ==, n + 1);
        place_clear ();
      }
  g_assert_cmpint (step_number, >, 4 * (BEFORE_SYNC + AFTER_SYNC));
}

static void
test_killed_at_every_step (void)
{
  gboolean ended = FALSE;

  for (int step_number = 1; !ended; step_number++)
    {
      int n;

      place_init ();
      ended = run_in_child (write_and_close, step_number);
      n = look ();
      g_assert_cmpint (n, >=, tale->done);
      g_assert_cmpint (n, <=, tale->started);
      place_clear ();
    }
}

static void
append_and_die (void)
{
  ShmobjManager *manager = open_manager (FOR_EVER);
  ShmobjList *list = open_list (manager);

  for (int i = 0; i < 3; i++)
    append (list);
  sync_manager (manager);
  for (int i = 0; i < 3; i++)
    append (list);
  _exit (0);
}

/* Exactly the last one; and without it nothing is made up. */
static void
test_back_to_the_checkpoint (void)
{
  g_autofree char *checkpoint = NULL;
  g_autoptr (ShmobjManager) manager = NULL;
  GError *error = NULL;

  place_init ();
  run_in_child (append_and_die, 0);
  crash (FALSE, 1);
  g_assert_cmpint (look (), ==, 3);
  place_clear ();

  place_init ();
  run_in_child (append_and_die, 0);
  crash (FALSE, 1);
  checkpoint = g_build_filename (place.path, "checkpoint.mdb", NULL);
  g_assert_cmpint (unlink (checkpoint), ==, 0);
  manager = shmobj_manager_new (place.path, NULL, &error);
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "checkpoint.mdb"));
  g_error_free (error);
  place_clear ();
}

static void
append_and_exit (void)
{
  append (open_list (open_manager (FOR_EVER)));
  exit (0);
}

static void
test_exit_synchronises (void)
{
  place_init ();
  g_assert_true (run_in_child (append_and_exit, 0));
  g_assert_false (is_there ("unsynced"));
  g_assert_false (tale->data_dirty);
  g_assert_cmpint (look (), ==, 1);
  place_clear ();
}

static void
assert_no_space (GError **error)
{
  g_assert_error (*error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (error);
}

static void
test_full_disk (void)
{
  ShmobjManager *manager;
  ShmobjList *list;
  GError *error = NULL;

  place_init ();
  manager = open_manager (1);
  list = open_list (manager);
  append (list);
  append (list);

  tale->full = TRUE;
  g_assert_false (shmobj_list_append (list, g_variant_new_int32 (2), &error));
  assert_no_space (&error);
  g_assert_false (shmobj_manager_sync (manager, NULL, &error));
  assert_no_space (&error);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 2);
  g_assert_false (is_there ("checkpoint.new"));

  shmobj_list_clear (list, &error); /* makes room, so it may */
  g_assert_no_error (error);
  g_assert_false (is_there ("unsynced"));

  tale->full = FALSE;
  shmobj_list_append (list, g_variant_new_int32 (0), &error);
  g_assert_no_error (error);
  g_object_unref (list);
  g_object_unref (manager);
  g_assert_cmpint (look (), ==, 1);
  place_clear ();
}

/* One that synchronises each change, and one that does not. */
static void
test_stricter_wins (void)
{
  ShmobjManager *manager;
  ShmobjList *list;
  int go[2], did[2];
  char byte = 0;
  pid_t pid;

  place_init ();
  g_assert_cmpint (pipe (go), ==, 0);
  g_assert_cmpint (pipe (did), ==, 0);
  pid = fork ();
  if (pid == 0)
    {
      close (go[1]); /* so that it ends with us */
      list = open_list (open_manager (FOR_EVER));
      while (read (go[0], &byte, 1) == 1)
        {
          append (list);
          if (write (did[1], &byte, 1) != 1)
            break;
        }
      _exit (1);
    }
  g_assert_true (write (go[1], &byte, 1) == 1 && read (did[0], &byte, 1) == 1);
  g_assert_true (is_there ("unsynced"));

  manager = open_manager (0);
  list = open_list (manager);
  append (list);
  g_assert_false (is_there ("unsynced"));
  g_assert_true (write (go[1], &byte, 1) == 1 && read (did[0], &byte, 1) == 1);
  g_assert_false (is_there ("unsynced"));

  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &(int){ 0 }, 0), ==, pid);
  for (guint i = 0; i < 2; i++)
    {
      close (go[i]);
      close (did[i]);
    }
  g_object_unref (list);
  g_object_unref (manager);
  g_assert_cmpint (look (), ==, 3);
  place_clear ();
}

static void
test_two_managers_of_a_process (void)
{
  ShmobjManager *first, *second;
  ShmobjList *list;

  place_init ();
  first = open_manager (FOR_EVER);
  list = open_list (first);
  append (list);
  g_assert_true (is_there ("unsynced"));
  g_assert_cmpint (shmobj_manager_get_sync_interval_us (first), ==, FOR_EVER);

  second = open_manager (0);
  append (list);
  g_assert_false (is_there ("unsynced"));
  sync_manager (second);
  g_object_unref (list);
  g_object_unref (second);
  g_object_unref (first);
  g_assert_cmpint (look (), ==, 2);
  place_clear ();
}

static void
test_in_memory (void)
{
  g_autoptr (ShmobjManager) manager = NULL, refused = NULL;
  GError *error = NULL;

  refused = g_initable_new (SHMOBJ_TYPE_MANAGER, NULL, &error, "sync-interval-us",
                            G_GINT64_CONSTANT (1000), NULL);
  g_assert_null (refused);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);

  manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (shmobj_manager_sync (manager, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tale = mmap (NULL, sizeof *tale, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (tale != MAP_FAILED);
  g_test_add_func ("/checkpoints/a-crash-at-every-step", test_machine_crashes_at_every_step);
  g_test_add_func ("/checkpoints/a-kill-at-every-step", test_killed_at_every_step);
  g_test_add_func ("/checkpoints/back-to-the-last", test_back_to_the_checkpoint);
  g_test_add_func ("/checkpoints/exit-synchronises", test_exit_synchronises);
  g_test_add_func ("/checkpoints/full-disk", test_full_disk);
  g_test_add_func ("/checkpoints/stricter-wins", test_stricter_wins);
  g_test_add_func ("/checkpoints/two-managers-of-a-process", test_two_managers_of_a_process);
  g_test_add_func ("/checkpoints/in-memory", test_in_memory);
  return g_test_run ();
}
