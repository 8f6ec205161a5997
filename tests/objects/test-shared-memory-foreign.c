/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SharedMemory on bad ground: files and handles of strangers, a full machine, no descriptors. */

#include "base/sys.h"
#include "objects/shmobj-shareable.h"
#include "shared-memory-fixture.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Names that somebody else put there, none of which can be used. */
static void
test_foreign_names (void)
{
  g_autofree char *name = unique_name ();
  g_autofree char *path = g_strconcat ("/dev/shm/", name, NULL);
  g_autoptr (ShmobjSharedMemory) memory = NULL;
  int fd = open (path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 10, refusal),
                  SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY); /* 0 bytes yet */

  g_assert_cmpint (ftruncate (fd, 100), ==, 0);
  g_assert_cmpint (fchmod (fd, 0666), ==, 0);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 10, refusal),
                  G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (fchmod (fd, 0600), ==, 0);

  memory = must_open (name, SHMOBJ_OPEN_DEFAULT, 10);
  assert_write (memory, 0, "whole");
  g_assert_cmpint (ftruncate (fd, 0), ==, 0); /* the owner takes the ground away: no SIGBUS here */
  assert_refused (shmobj_shared_memory_read_bytes (memory, 0, 1, refusal), SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CORRUPT);
  assert_refused (
      (gpointer) (gsize) shmobj_shared_memory_write_data (memory, 0, (guint8 *) "x", 1, refusal),
      SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  close (fd);
  g_assert_cmpint (unlink (path), ==, 0);

  g_assert_cmpint (symlink ("/etc/passwd", path), ==, 0);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXISTING, 10, refusal),
                  G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS);
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_READ_ONLY, 10, refusal),
                  SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  g_assert_cmpint (rmdir (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXISTING, 10, refusal),
                  SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  g_assert_cmpint (unlink (path), ==, 0);
}

static void
test_foreign_owner (void)
{
  g_autofree char *name = unique_name ();
  g_autofree char *path = g_strconcat ("/dev/shm/", name, NULL);
  int fd = open (path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, 100), ==, 0);
  if (fchown (fd, 12345, -1) == 0)
    assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXISTING, 0, refusal),
                    G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  else
    g_test_skip ("only root can give files away");
  close (fd);
  g_assert_cmpint (unlink (path), ==, 0);
}

static void
test_from_fd (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjSharedMemory) memory = NULL, frozen = NULL;
  int fd = memfd_create ("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int pipe_fds[2];

  assert_refused (shmobj_shared_memory_new_from_fd (-1, refusal), G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpint (pipe (pipe_fds), ==, 0);
  assert_refused (shmobj_shared_memory_new_from_fd (pipe_fds[0], refusal), SHMOBJ_ERROR,
                  SHMOBJ_ERROR_WRONG_KIND);
  close (pipe_fds[0]);
  close (pipe_fds[1]);

  g_assert_cmpint (ftruncate (fd, 300), ==, 0);
  assert_refused (shmobj_shared_memory_new_from_fd (fd, refusal), G_IO_ERROR,
                  G_IO_ERROR_PERMISSION_DENIED); /* not sealed */

  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
  memory = shmobj_shared_memory_new_from_fd (fd, &error);
  g_assert_no_error (error);
  assert_write (memory, 290, "dup");
  g_clear_object (&memory);

  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE), ==, 0);
  frozen = shmobj_shared_memory_new_from_fd (fd, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_shared_memory_is_read_only (frozen));
  assert_read (frozen, 290, "dup");
  g_assert_cmpint (fcntl (fd, F_GETFD), >=, 0); /* still ours */
  close (fd);
}

static void
refused_handle (const char *text, int fd, GQuark domain, int code)
{
  g_autoptr (GVariant) handle = g_variant_ref_sink (g_variant_new_parsed (text));
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

  g_assert_cmpint (g_unix_fd_list_append (fds, fd, NULL), ==, 0);
  assert_refused (
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_SHARED_MEMORY, handle, fds, refusal), domain,
      code);
}

static void
test_lying_handles (void)
{
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (4096, NULL);
  int good = shmobj_shared_memory_dup_fd (memory, NULL);
  int unsealed = memfd_create ("unsealed", MFD_CLOEXEC);

  g_assert_cmpint (ftruncate (unsealed, 4096), ==, 0);
  refused_handle ("('SharedMemory', {'size': <uint64 4096>}, [handle 0])", unsealed, G_IO_ERROR,
                  G_IO_ERROR_PERMISSION_DENIED);
  refused_handle ("('SharedMemory', {'size': <uint64 4097>}, [handle 0])", good, SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CORRUPT);
  refused_handle ("('SharedMemory', {'size': <4096>}, [handle 0])", good, SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CORRUPT);
  refused_handle ("('SharedMemory', @a{sv} {}, [handle 0])", good, SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CORRUPT);
  refused_handle ("('SharedMemory', {'size': <uint64 4096>}, @ah [])", good, SHMOBJ_ERROR,
                  SHMOBJ_ERROR_CORRUPT);
  refused_handle ("('SharedMemory', {'size': <uint64 4096>}, [handle 0, handle 0])", good,
                  SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  refused_handle ("('SharedMemory', {'size': <uint64 4096>, 'name': <'../passwd'>}, [handle 0])",
                  good, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  close (good);
  close (unsealed);
}

static int
full_disk (int fd, off_t offset, off_t length)
{
  errno = ENOSPC;
  return -1;
}

static int
no_memfd (const char *name, unsigned int flags)
{
  errno = EMFILE;
  return -1;
}

static void
test_kernel_says_no (void)
{
  g_autofree char *name = unique_name ();
  g_autofree char *path = g_strconcat ("/dev/shm/", name, NULL);
  SysCalls real = sys;

  sys.fallocate = full_disk;
  assert_refused (shmobj_shared_memory_new (100, refusal), G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 100, refusal),
                  G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  sys = real;

  sys.memfd_create = no_memfd;
  assert_refused (shmobj_shared_memory_new (100, refusal), G_IO_ERROR,
                  G_IO_ERROR_TOO_MANY_OPEN_FILES);
  sys = real;
}

static void
test_no_descriptors (void)
{
  g_autofree char *name = unique_name ();
  struct rlimit limit, none;
  g_autoptr (ShmobjSharedMemory) memory = shmobj_shared_memory_new (100, NULL);

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = limit;
  none.rlim_cur = 3;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  assert_refused (shmobj_shared_memory_new (100, refusal), G_IO_ERROR,
                  G_IO_ERROR_TOO_MANY_OPEN_FILES);
  assert_refused (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 100, refusal),
                  G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_cmpint (shmobj_shared_memory_dup_fd (memory, NULL), ==, -1);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  assert_write (memory, 0, "goes on");
}

/* A /dev/shm of 1 MiB, in a child that has it for itself: 0 if all is as it should be, 77 when the
 * kernel does not let us. */
static int
on_a_full_tmpfs (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjSharedMemory) memory = NULL;
  int sparse;

  if (unshare (CLONE_NEWNS) != 0 && unshare (CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return 77;
  if (mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount ("small", "/dev/shm", "tmpfs", 0, "size=1m,mode=1777") != 0)
    return 77;

  if (shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_DEFAULT, 2 << 20, &error) != NULL ||
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    return 1;
  g_clear_error (&error);
  memory = shmobj_shared_memory_new_for_name (name, SHMOBJ_OPEN_EXISTING, 0, &error);
  if (memory != NULL || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return 2;
  g_clear_error (&error);

  /* as Python makes it: larger than there is backing for */
  sparse = open ("/dev/shm/sparse", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (sparse < 0 || ftruncate (sparse, 2 << 20) != 0)
    return 3;
  memory = shmobj_shared_memory_new_for_name ("sparse", SHMOBJ_OPEN_READ_ONLY, 0, &error);
  if (memory != NULL || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    return 4;
  return 0;
}

static void
test_full_tmpfs (void)
{
  g_autofree char *name = unique_name ();
  int status;
  pid_t child = fork ();

  if (child == 0)
    _exit (on_a_full_tmpfs (name));
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    g_test_skip ("no rights for a tmpfs of our own");
  else
    g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shared-memory/strange-files-are-refused", test_foreign_names);
  g_test_add_func ("/shared-memory/another-users-is-refused", test_foreign_owner);
  g_test_add_func ("/shared-memory/from-fd", test_from_fd);
  g_test_add_func ("/shared-memory/lying-handles-are-refused", test_lying_handles);
  g_test_add_func ("/shared-memory/nothing-is-left-of-a-failure", test_kernel_says_no);
  g_test_add_func ("/shared-memory/no-descriptors-is-an-error", test_no_descriptors);
  g_test_add_func ("/shared-memory/full-tmpfs-is-an-error-not-sigbus", test_full_tmpfs);
  return g_test_run ();
}
