/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Managers that several processes use: forks, handles, and those who stop or die. */

#include <shmobj.h>

#include "../fork-child.h"
#include "sanitizer.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_US (30 * G_USEC_PER_SEC)
#define WHO G_GINT64_CONSTANT (100000000)

static ShmobjManager *
open_manager (const char *address)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (address, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static ShmobjList *
open_list (ShmobjManager *manager, const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjList *list = shmobj_manager_open_list (manager, name, SHMOBJ_OPEN_DEFAULT, NULL, &error);

  g_assert_no_error (error);
  return list;
}

static void
assert_ends_well (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
assert_ends (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
}

static void
append (ShmobjList *list, int who, int number)
{
  g_autoptr (GError) error = NULL;

  /* one of GLib's basic types: for others it takes a lock, which may be taken in a forked child */
  shmobj_list_append (list, g_variant_new_int64 (who * WHO + number), &error);
  g_assert_no_error (error);
}

/* Everybody's numbers, in order and without gaps. */
static void
assert_whole (ShmobjList *list, int writers, int each)
{
  int next[16] = { 0 };
  gsize n;
  GVariant **values = shmobj_list_get_range (list, 0, G_MAXINT64, &n, NULL);

  g_assert_cmpuint (n, ==, (gsize) writers * each);
  for (gsize i = 0; i < n; i++)
    {
      gint64 value = g_variant_get_int64 (values[i]);

      g_assert_cmpint (value % WHO, ==, next[value / WHO]++);
      g_variant_unref (values[i]);
    }
  g_free (values);
}

static void
test_two_append (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = open_list (manager, "l");
  pid_t pids[3];

  for (int who = 0; who < 3; who++)
    if ((pids[who] = fork_child ()) == 0)
      {
        for (int i = 0; i < 5000; i++)
          append (list, who, i);
        _exit (0);
      }
  for (int who = 0; who < 3; who++)
    assert_ends_well (pids[who]);
  assert_whole (list, 3, 5000);
}

static void
test_grandchildren (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = open_list (manager, "l");

  for (int depth = 0;; depth++)
    {
      pid_t pid;

      append (list, 0, depth);
      if (depth == 5)
        _exit (0);
      pid = fork_child ();
      if (pid != 0)
        {
          assert_ends_well (pid);
          if (depth > 0)
            _exit (0);
          break;
        }
    }
  assert_whole (list, 1, 6);
}

static gpointer
append_until_told (gpointer data)
{
  gpointer *args = data;

  for (int i = 0; g_atomic_int_get ((gint *) args[1]) == 0; i++)
    append (args[0], 9, i);
  return NULL;
}

/* The child is made at any moment of the other thread's writing, growth included. */
static void
test_fork_beside_a_writing_thread (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = open_list (manager, "l"), own = open_list (manager, "own");
  gint stop = 0;
  gpointer args[] = { list, &stop };
  GThread *thread = g_thread_new ("writer", append_until_told, args);

  for (int i = 0; i < 100; i++)
    {
      pid_t pid = fork_child ();

      if (pid == 0)
        {
          append (own, 0, i);
          _exit (0);
        }
      assert_ends_well (pid);
    }
  g_atomic_int_set (&stop, 1);
  g_thread_join (thread);
  assert_whole (own, 1, 100);
}

static void
test_private_outlives_its_maker (void)
{
  ShmobjManager *manager = open_manager (NULL);
  ShmobjList *list = open_list (manager, "l");
  g_autofree char *path = g_strdup (shmobj_manager_get_path (manager));
  int go[2], status;
  char byte;
  pid_t pid;

  g_assert_cmpint (pipe (go), ==, 0);
  pid = fork_child ();
  if (pid == 0)
    {
      close (go[1]);
      g_assert_cmpint (read (go[0], &byte, 1), ==, 0);
      append (list, 0, 0); /* its first use, after the parent has left */
      g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
      g_object_unref (list);
      g_object_unref (manager);
      _exit (g_file_test (path, G_FILE_TEST_EXISTS));
    }
  g_object_unref (list);
  g_object_unref (manager);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  close (go[1]);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  close (go[0]);
}

static void
test_exit_removes_private (void)
{
  g_autofree char *root = g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "shmobj", NULL);
  pid_t pid = fork_child ();
  GDir *entries;
  const char *name;

  if (pid == 0)
    {
      static ShmobjList *list; /* in use until the end, and no leak */

      list = open_list (open_manager (NULL), "l");
      exit (list == NULL);
    }
  assert_ends_well (pid);

  entries = g_dir_open (root, 0, NULL);
  while ((name = g_dir_read_name (entries)) != NULL)
    g_assert_false (g_str_has_prefix (name, ".private"));
  g_dir_close (entries);
}

static void
test_killed_leave_nothing (void)
{
  int says[2];
  char buffer[500] = "";
  pid_t pid;

  g_assert_cmpint (pipe (says), ==, 0);
  pid = fork_child ();
  if (pid == 0)
    {
      ShmobjManager *manager = open_manager (NULL);
      const char *own = shmobj_manager_get_path (manager);

      g_assert_cmpint (write (says[1], own, strlen (own)), >, 0);
      pause ();
    }
  g_assert_cmpint (read (says[0], buffer, sizeof buffer - 1), >, 0);
  g_assert_true (g_file_test (buffer, G_FILE_TEST_IS_DIR));

  g_object_unref (open_manager (NULL));
  g_assert_true (g_file_test (buffer, G_FILE_TEST_IS_DIR)); /* it lives */
  kill (pid, SIGKILL);
  assert_ends (pid);
  g_object_unref (open_manager (NULL));
  g_assert_false (g_file_test (buffer, G_FILE_TEST_EXISTS));
  close (says[0]);
  close (says[1]);
}

/* As over a socket: the receiver inherits nothing that it could use instead. */
static void
test_handle_reaches_others (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = open_list (manager, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) list_handle = NULL, dict_handle = NULL, manager_handle = NULL;
  pid_t pid;

  list_handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (list), fds, NULL);
  dict_handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (dict), fds, NULL);
  manager_handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (manager), fds, NULL);

  pid = fork_child ();
  if (pid == 0)
    {
      g_autoptr (GError) error = NULL;
      ShmobjList *its_list = (ShmobjList *) shmobj_shareable_new_from_handle (
          SHMOBJ_TYPE_LIST, list_handle, fds, &error);
      ShmobjDict *its_dict = (ShmobjDict *) shmobj_shareable_new_from_handle (
          SHMOBJ_TYPE_DICT, dict_handle, fds, &error);
      ShmobjManager *its_manager = (ShmobjManager *) shmobj_shareable_new_from_handle (
          SHMOBJ_TYPE_MANAGER, manager_handle, fds, &error);

      g_assert_no_error (error);
      append (its_list, 0, 0);
      g_assert_true (
          shmobj_dict_set (its_dict, g_variant_new_int32 (1), g_variant_new_int32 (2), NULL));
      append (open_list (its_manager, "by name"), 0, 0);
      g_assert_null (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_DICT, list_handle, fds, &error));
      g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
      _exit (0);
    }
  assert_ends_well (pid);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  g_assert_true (shmobj_dict_contains (dict, g_variant_new_int32 (1), NULL));
  g_assert_cmpstr (shmobj_manager_lookup (manager, "by name", NULL), ==, "list");
}

/* The parent lets go at once; the child comes in much later. */
static void
test_child_holds_what_it_inherits (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);

  for (int i = 0; i < 50; i++)
    {
      ShmobjList *list = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL);
      pid_t pid;

      append (list, 0, i);
      pid = fork_child ();
      if (pid == 0)
        {
          g_usleep (g_random_int_range (0, 1000));
          append (list, 0, i + 1);
          g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 2);
          _exit (0);
        }
      g_object_unref (list);
      assert_ends_well (pid);
    }
}

static void
test_stopped_writer (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  g_autoptr (ShmobjList) list = open_list (manager, "l");
  g_autoptr (GError) error = NULL;
  g_autofree char *who = NULL;
  gint64 deadline = g_get_monotonic_time () + WAIT_US;
  pid_t pid = fork_child ();
  int status;

  if (pid == 0)
    for (int i = 0;; i++)
      append (list, 0, i);

  shmobj_manager_set_write_timeout_us (manager, 1000);
  while (error == NULL && g_get_monotonic_time () < deadline)
    {
      g_usleep (g_random_int_range (100, 2000));
      kill (pid, SIGSTOP);
      g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
      shmobj_list_append (list, g_variant_new_int32 (1), &error);
      if (error == NULL)
        kill (pid, SIGCONT);
    }
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY);
  who = g_strdup_printf ("process %d (", (int) pid);
  g_assert_nonnull (strstr (error->message, who));

  /* readers do not care, and its death frees the others */
  g_assert_cmpint (shmobj_list_get_length (list, NULL), >, 0);
  kill (pid, SIGKILL);
  assert_ends (pid);
  g_clear_error (&error);
  shmobj_manager_set_write_timeout_us (manager, WAIT_US);
  shmobj_list_append (list, g_variant_new_int32 (1), &error);
  g_assert_no_error (error);
}

/* One process makes, one removes, one opens: nobody ever gets anything but the object or NOT_FOUND.
 */
static void
test_opening_what_comes_and_goes (void)
{
  g_autoptr (ShmobjManager) manager = open_manager (NULL);
  pid_t pids[3];

  for (int who = 0; who < 3; who++)
    if ((pids[who] = fork_child ()) == 0)
      {
        for (int i = 0; i < 1000; i++)
          {
            g_autoptr (GError) error = NULL;
            g_autoptr (ShmobjQueue) queue = NULL;

            if (who == 0)
              shmobj_manager_remove (manager, "q", &error);
            else
              queue = shmobj_manager_open_queue (
                  manager, "q", who == 1 ? SHMOBJ_OPEN_DEFAULT : SHMOBJ_OPEN_EXISTING, 0, 1 << 16,
                  NULL, &error);
            if (who == 1 || error != NULL)
              g_assert_true (error == NULL ||
                             g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
            g_assert_true (who != 1 || error == NULL);
          }
        _exit (0);
      }
  for (int who = 0; who < 3; who++)
    assert_ends_well (pids[who]);
}

static void
test_all_make_the_same_name (void)
{
  pid_t pids[8];
  g_autoptr (ShmobjManager) manager = NULL;
  g_autoptr (ShmobjList) list = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    if ((pids[i] = fork_child ()) == 0)
      {
        append (open_list (open_manager ("race"), "l"), i, 0);
        _exit (0);
      }
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    assert_ends_well (pids[i]);

  manager = open_manager ("race");
  list = open_list (manager, "l");
  assert_whole (list, G_N_ELEMENTS (pids), 1);
}

static void
test_few_descriptors (void)
{
  guint worked = 0, failed = 0;

  for (rlim_t limit = 3; limit < 40; limit++)
    {
      pid_t pid = fork_child ();
      int status;

      if (pid == 0)
        {
          g_autoptr (ShmobjManager) manager = NULL;
          g_autoptr (ShmobjList) list = NULL;
          g_autoptr (GError) error = NULL;

          g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &(struct rlimit){ limit, limit }), ==, 0);
          manager = shmobj_manager_new (NULL, NULL, &error);
          if (manager != NULL)
            list = shmobj_manager_open_list (manager, "l", 0, NULL, &error);
          if (list != NULL)
            shmobj_list_append (list, g_variant_new_int32 (1), &error);
          if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES))
            g_error ("with %d descriptors: %s", (int) limit, error->message);
          g_clear_object (&list);
          g_clear_object (&manager);
          _exit (error != NULL ? 2 : 0);
        }
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      g_assert_true (WIFEXITED (status) &&
                     (WEXITSTATUS (status) == 0 || WEXITSTATUS (status) == 2));
      if (WEXITSTATUS (status) == 0)
        worked++;
      else
        failed++;
    }
  g_assert_cmpuint (worked, >, 5);
  g_assert_cmpuint (failed, >, 2);
  g_object_unref (open_manager (NULL)); /* removes what had no descriptor left to be removed */
}

static void
test_other_pid_namespace (void)
{
  ShmobjManager *manager;
  pid_t pid;

  if (geteuid () != 0)
    {
      g_test_skip ("making a pid namespace takes root");
      return;
    }
  manager = open_manager ("ours");
  pid = fork_child ();
  if (pid == 0)
    {
      g_autoptr (GError) error = NULL;
      pid_t inside;

      if (unshare (CLONE_NEWPID) != 0)
        _exit (77);
      inside = fork ();
      if (inside != 0)
        {
          assert_ends_well (inside);
          _exit (0);
        }
      g_assert_cmpint (getpid (), ==, 1);
      g_assert_null (shmobj_manager_new ("ours", NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      _exit (0);
    }
  assert_ends_well (pid);
  g_object_unref (manager);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/managers/nothing-that-several-append-is-lost", test_two_append);
  g_test_add_func ("/managers/children-of-children", test_grandchildren);
  if (MAY_FORK_BESIDE_ALLOCATING_THREADS)
    g_test_add_func ("/managers/fork-beside-a-writing-thread", test_fork_beside_a_writing_thread);
  g_test_add_func ("/managers/private-outlives-its-maker", test_private_outlives_its_maker);
  g_test_add_func ("/managers/exit-removes-private", test_exit_removes_private);
  g_test_add_func ("/managers/the-killed-leave-nothing", test_killed_leave_nothing);
  g_test_add_func ("/managers/handles-reach-others", test_handle_reaches_others);
  g_test_add_func ("/managers/child-holds-what-it-inherits", test_child_holds_what_it_inherits);
  g_test_add_func ("/managers/stopped-writer-is-busy-and-named", test_stopped_writer);
  g_test_add_func ("/managers/opening-what-comes-and-goes", test_opening_what_comes_and_goes);
  g_test_add_func ("/managers/all-make-the-same-name", test_all_make_the_same_name);
  g_test_add_func ("/managers/few-descriptors-are-an-error", test_few_descriptors);
  g_test_add_func ("/managers/another-pid-namespace-is-refused", test_other_pid_namespace);
  return g_test_run ();
}
