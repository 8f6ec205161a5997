/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Segments: everything that can be wrong with one has its own error, and nothing is left behind
 * when making one fails half-way. */

#include "../objects/lock-fixture.h"

#include "base/segment.h"
#include "base/shmobj-error.h"
#include "base/sys.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE (OBJECT_OFFSET + 2 * LAYOUT_PAGE)

static const guint64 parameter[4] = { 1, 2, 3, G_MAXUINT64 };

static void
test_round_trip (void)
{
  Segment segment, again;
  g_autoptr (GError) error = NULL;

  g_assert_true (segment_new (&segment, SEGMENT_PIPE, "test", SIZE, SIZE, parameter, &error));
  g_assert_true (segment_open (&again, dup (segment.fd), SEGMENT_PIPE, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (again.size, ==, SIZE);
  g_assert_cmpint (memcmp (segment_header (&again)->parameter, parameter, sizeof parameter), ==, 0);
  *(guint64 *) segment_at (&segment, SIZE - 8, 8) = 42;
  g_assert_cmpuint (*(guint64 *) segment_at (&again, SIZE - 8, 8), ==, 42);
  segment_close (&segment);
  *(guint64 *) segment_at (&again, SIZE - 8, 8) = 43; /* each holds it by itself */
  segment_close (&again);
  segment_close (&again);
}

static void
test_sealed (void)
{
  Segment segment;
  struct stat st;

  g_assert_true (segment_new (&segment, SEGMENT_PIPE, "test", SIZE, LAYOUT_PAGE, parameter, NULL));
  g_assert_cmpint (ftruncate (segment.fd, 0), ==, -1);
  g_assert_cmpint (ftruncate (segment.fd, SIZE * 2), ==, -1);
  g_assert_cmpint (fcntl (segment.fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
  g_assert_cmpint (fcntl (segment.fd, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (fstat (segment.fd, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  segment_close (&segment);
}

static void
test_bounds (void)
{
  Segment segment;
  const struct
  {
    guint64 offset, size;
    gboolean inside;
  } ranges[] = {
    { 0, 0, TRUE },
    { 0, SIZE, TRUE },
    { SIZE, 0, TRUE },
    { 0, SIZE + 1, FALSE },
    { SIZE + 8, 0, FALSE },
    { 8, SIZE - 8, TRUE },
    { 8, SIZE - 7, FALSE },
    { 4, 4, FALSE }, /* not aligned */
    { G_MAXUINT64 - 7, 8, FALSE },
    { G_MAXUINT64 - 7, G_MAXUINT64, FALSE },
    { 8, G_MAXUINT64, FALSE },
  };

  g_assert_true (segment_new (&segment, SEGMENT_PIPE, "test", SIZE, SIZE, parameter, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    g_assert_true ((segment_at (&segment, ranges[i].offset, ranges[i].size) != NULL) ==
                   ranges[i].inside);
  g_assert_cmpint (segment_reserve (&segment, 0, SIZE), ==, 0);
  g_assert_cmpint (segment_reserve (&segment, 0, SIZE + 1), ==, EINVAL);
  g_assert_cmpint (segment_reserve (&segment, 8, 0), ==, EINVAL);
  segment_close (&segment);
}

static void
assert_refused (int fd, GQuark domain, gint code, const char *says)
{
  guint before = count_fds ();
  g_autoptr (GError) error = NULL;
  Segment segment;

  g_assert_false (segment_open (&segment, fd, SEGMENT_PIPE, &error));
  g_assert_error (error, domain, code);
  if (strstr (error->message, says) == NULL)
    g_error ("“%s” does not say “%s”", error->message, says);
  g_assert_cmpint (segment.fd, ==, -1);
  g_assert_null (segment.base);
  g_assert_cmpuint (count_fds (), ==, fd < 0 ? before : before - 1);
}

/* A memory file with this header and size, sealed unless @seals is 0. */
static int
forge (const SegmentHeader *header, guint64 size, int seals)
{
  int fd = sys_memfd ("forged");

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  if (header != NULL)
    g_assert_cmpint (pwrite (fd, header, sizeof *header, 0), ==, sizeof *header);
  if (seals != 0)
    g_assert_cmpint (fcntl (fd, F_ADD_SEALS, seals), ==, 0);
  return fd;
}

static void
test_forged (void)
{
  const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const SegmentHeader good = { LAYOUT_MAGIC, LAYOUT_BYTE_ORDER, LAYOUT_VERSION,
                               SEGMENT_PIPE, SLOT_COUNT,        SIZE,
                               { 0 } };
  SegmentHeader header = good;
  int fds[2];

  header.magic ^= 1;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                  "Not a segment of this library");
  header = good;
  header.byte_order = GUINT32_SWAP_LE_BE (LAYOUT_BYTE_ORDER);
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                  "another version");
  header = good;
  header.version++;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                  "another version");
  header = good;
  header.slot_count = 7;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                  "with 7 slots");
  header = good;
  header.size += 4096;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "says that");
  header = good;
  header.kind = SEGMENT_QUEUE;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                  "this is a queue");
  header.kind = 1000;
  assert_refused (forge (&header, SIZE, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                  "segment of unknown kind");
  assert_refused (forge (&good, SIZE, 0), G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "not sealed");
  assert_refused (forge (&good, SIZE, F_SEAL_GROW), G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                  "not sealed");
  assert_refused (forge (&good, OBJECT_OFFSET - 1, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                  "truncated");
  assert_refused (forge (NULL, 0, seals), SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "truncated");

  g_assert_cmpint (pipe (fds), ==, 0);
  close (fds[1]);
  assert_refused (fds[0], SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "not a file that can be mapped");
  assert_refused (-1, G_IO_ERROR, G_IO_ERROR_FAILED, "Cannot look");
}

static void
test_named (void)
{
  g_autofree char *dir = g_dir_make_tmp (NULL, NULL), *path = g_build_filename (dir, "one", NULL);
  int dirfd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  guint before = count_fds ();
  Segment segment, other;
  GError *error = NULL;

  g_assert_false (segment_open_in (&other, dirfd, "one", SEGMENT_PIPE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_true (segment_new_in (&segment, dirfd, SEGMENT_PIPE, SIZE, SIZE, parameter, &error));
  g_assert_cmpint (g_access (path, F_OK), ==, -1); /* nobody finds it before it is published */
  g_assert_true (segment_publish (&segment, dirfd, "one", &error));
  g_assert_false (segment_publish (&segment, dirfd, "one", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (segment_open_in (&other, dirfd, "one", SEGMENT_PIPE, &error));
  segment_close (&other);

  g_assert_cmpint (chmod (path, 0644), ==, 0);
  g_assert_true (segment_open_in (&other, dirfd, "one", SEGMENT_PIPE, &error) == FALSE);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED); /* others may reach it */
  g_clear_error (&error);
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
  g_assert_false (segment_open_in (&other, dirfd, "one", SEGMENT_PIPE, &error));
  g_assert_nonnull (error); /* links are not followed */
  g_clear_error (&error);
  segment_close (&segment);
  g_assert_cmpuint (count_fds (), ==, before);
  unlink (path);
  g_rmdir (dir);
  close (dirfd);
}

static void
test_too_large (void)
{
  const guint64 sizes[] = { G_GUINT64_CONSTANT (1) << 50, G_MAXINT64, G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) error = NULL;
      Segment segment;

      g_assert_false (
          segment_new (&segment, SEGMENT_QUEUE, "test", sizes[i], LAYOUT_PAGE, parameter, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
    }
}

static SysCalls real;
static gint calls, fail_at;

static int
fail_ftruncate (int fd, off_t size)
{
  errno = EFBIG;
  return ++calls == fail_at ? -1 : real.ftruncate (fd, size);
}

static int
fail_fallocate (int fd, off_t offset, off_t length)
{
  errno = ENOSPC;
  return ++calls == fail_at ? -1 : real.fallocate (fd, offset, length);
}

static void *
fail_mmap (size_t size, int fd, off_t offset)
{
  errno = ENOMEM;
  return ++calls == fail_at ? (void *) -1 : real.mmap (size, fd, offset);
}

static int
fail_memfd (const char *name, unsigned int flags)
{
  errno = ENFILE;
  return ++calls == fail_at ? -1 : real.memfd_create (name, flags);
}

static void
test_each_call_fails (void)
{
  guint before = count_fds (), errors = 0;

  real = sys;
  sys.ftruncate = fail_ftruncate;
  sys.fallocate = fail_fallocate;
  sys.mmap = fail_mmap;
  sys.memfd_create = fail_memfd;
  do
    {
      g_autoptr (GError) error = NULL;
      Segment segment;

      calls = 0;
      fail_at++;
      if (segment_new (&segment, SEGMENT_QUEUE, "test", SIZE, SIZE, parameter, &error))
        {
          g_assert_no_error (error);
          segment_close (&segment);
        }
      else
        {
          g_assert_true (error->domain == G_IO_ERROR);
          errors++;
        }
      g_assert_cmpuint (count_fds (), ==, before);
    }
  while (calls >= fail_at);
  sys = real;
  g_assert_cmpuint (errors, ==, 4);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/segment/opens-as-it-was-made", test_round_trip);
  g_test_add_func ("/segment/cannot-be-pulled-away", test_sealed);
  g_test_add_func ("/segment/no-pointer-leads-outside", test_bounds);
  g_test_add_func ("/segment/every-forgery-has-its-error", test_forged);
  g_test_add_func ("/segment/name-appears-when-it-is-whole", test_named);
  g_test_add_func ("/segment/too-large-is-refused-untried", test_too_large);
  g_test_add_func ("/segment/each-call-may-fail", test_each_call_fails);

  return g_test_run ();
}
