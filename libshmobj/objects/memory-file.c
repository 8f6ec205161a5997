/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files whose bytes are shared as they are: no header, the user's first byte is the file's first.
 *
 * Anonymous: a memfd, sealed against shrinking and growing. Named: a file in a directory, for POSIX
 * names /dev/shm, where Python's multiprocessing.shared_memory has its segments too; byte for byte
 * the same thing, so each attaches the other's.
 *
 * Touching a mapped page that has no backing, on a full file system, is SIGBUS; touching one behind
 * the end of the file is too. So every byte is reserved before anybody can map it, here at creation
 * and when attaching what another made sparse (Python only truncates). The end stays where it is
 * for a sealed file. A file with a name cannot be sealed: whoever may write it may truncate it.
 * Such a file is accepted when it is ours and nobody else may write it; then only a process of the
 * same user can take the ground away. memory_file_check() before each copy turns the case that it
 * happened already into an error; that it happens during the copy remains SIGBUS.
 *
 * A named file is made without a name (O_TMPFILE), sized, reserved and then linked. Nobody finds
 * half of one, and a death or a full disk in between leaves nothing.
 */

#include "objects/memory-file.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/text.h"

#include <errno.h>
#include <gio/gio.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

#define SEALS_MADE (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALS_WRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

#define POSIX_NAMES "/dev/shm"
#define POSIX_NAME_MAX (NAME_MAX - 2) /* what shm_open() of the GNU C library takes */

static gboolean fail_errno (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* FALSE, with an error that @format and errno describe. */
static gboolean
fail_errno (GError **error, const char *format, ...)
{
  int code = errno;
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", what, g_strerror (code));
  return FALSE;
}

const char *
memory_file_check_name (const char *name, GError **error)
{
  const char *plain = name[0] == '/' ? name + 1 : name;
  const char *wrong = NULL;

  if (plain[0] == '\0')
    wrong = "is empty";
  else if (strchr (plain, '/') != NULL)
    wrong = "has a “/” inside";
  else if (strcmp (plain, ".") == 0 || strcmp (plain, "..") == 0)
    wrong = "is a directory's";
  else if (strlen (plain) > POSIX_NAME_MAX)
    wrong = "is too long";
  else if (!g_utf8_validate (plain, -1, NULL))
    wrong = "is not valid UTF-8";
  if (wrong == NULL)
    return plain;

  {
    g_autofree char *readable = text_readable (name, 300);

    g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "The name “%s” of shared memory %s: 1 to %d bytes of UTF-8 without “/” are allowed",
        readable, wrong, POSIX_NAME_MAX);
  }
  return NULL;
}

int
memory_file_open_names (GError **error)
{
  int fd = sys.open (POSIX_NAMES, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

  if (fd < 0)
    fail_errno (error, "Cannot look into %s", POSIX_NAMES);
  return fd;
}

static gboolean
check_size (guint64 size, GError **error)
{
  guint64 limit = G_MAXINT64;
  const char *of = size > limit ? "a file can have" : sys_size_exceeds (size, &limit);

  if (size == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "Shared memory of 0 bytes was asked for: it needs at least 1");
      return FALSE;
    }
  if (of != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "%" G_GUINT64_FORMAT " bytes of shared memory are more than %s "
                   "(%" G_GUINT64_FORMAT " bytes)",
                   size, of, limit);
      return FALSE;
    }
  return TRUE;
}

/* Gives a new file its size and its backing. */
static gboolean
fill (int fd, guint64 size, GError **error)
{
  if (fchmod (fd, 0600) < 0 || sys.ftruncate (fd, size) < 0)
    return fail_errno (error, "Cannot size shared memory to %" G_GUINT64_FORMAT " bytes", size);
  if (sys_reserve (fd, 0, size) < 0)
    return fail_errno (error, "Cannot reserve %" G_GUINT64_FORMAT " bytes of shared memory", size);
  return TRUE;
}

/* Remembers what @file->fd is, for a file that was found good. */
static void
note (MemoryFile *file, const struct stat *st, int seals)
{
  file->size = st->st_size;
  file->device = st->st_dev;
  file->inode = st->st_ino;
  file->sealed = seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
  file->read_only = (fcntl (file->fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

gboolean
memory_file_new (MemoryFile *file, guint64 size, GError **error)
{
  struct stat st;

  *file = MEMORY_FILE_INIT;
  if (!check_size (size, error))
    return FALSE;

  file->fd = sys_memfd ("shmobj:memory");
  if (file->fd < 0)
    return fail_errno (error, "Cannot make a memory file (memfd)");

  if (!fill (file->fd, size, error) ||
      ((fcntl (file->fd, F_ADD_SEALS, SEALS_MADE) < 0 || fstat (file->fd, &st) < 0) &&
       !fail_errno (error, "Cannot seal new shared memory")))
    {
      memory_file_close (file);
      return FALSE;
    }
  note (file, &st, SEALS_MADE);
  return TRUE;
}

/* May we map this without fear of a stranger who truncates it? */
static gboolean
check_ground (int seals, const struct stat *st, GError **error)
{
  if (!S_ISREG (st->st_mode))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                   "Not a file that can be mapped, so not shared memory (mode 0%o)", st->st_mode);
      return FALSE;
    }
  if (seals >= 0 && (seals & F_SEAL_SHRINK) != 0)
    return TRUE;
  if (st->st_nlink > 0 && st->st_uid == geteuid () && (st->st_mode & 022) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "The memory is neither sealed against shrinking nor a private file of ours (seals "
               "0x%x, owner %u, mode 0%o, links %u): another could truncate it and so crash us",
               seals < 0 ? 0U : (unsigned) seals, (unsigned) st->st_uid, st->st_mode & 07777,
               (unsigned) st->st_nlink);
  return FALSE;
}

/* A file that another one made may be sparse. Reserves what is missing, for a reader too: reading a
 * hole of a mapped tmpfs file allocates a page. */
static gboolean
fill_holes (int fd, const struct stat *st, GError **error)
{
  int writable;
  int result;

  if ((guint64) st->st_blocks * 512 >= (guint64) st->st_size)
    return TRUE;

  writable = sys_reopen (fd, O_RDWR);
  if (writable < 0)
    return fail_errno (error, "Cannot reserve the memory that others left sparse");
  result = sys_reserve (writable, 0, st->st_size);
  sys_close (writable);
  if (result < 0)
    return fail_errno (error,
                       "Cannot reserve the %" G_GINT64_FORMAT " bytes of memory that others made",
                       (gint64) st->st_size);
  return TRUE;
}

/* A file sealed against writing must be mapped through a descriptor that cannot write. */
static gboolean
lower_rights (MemoryFile *file, GError **error)
{
  int fd = sys_reopen (file->fd, O_RDONLY);

  if (fd < 0)
    return fail_errno (error, "Cannot open memory that is sealed against writing");
  sys_close (file->fd);
  file->fd = fd;
  return TRUE;
}

static gboolean
check_descriptor (MemoryFile *file, GError **error)
{
  int seals = fcntl (file->fd, F_GET_SEALS);
  struct stat st;

  if (fstat (file->fd, &st) < 0)
    return fail_errno (error, "Cannot look at descriptor %d", file->fd);
  if (!check_ground (seals, &st, error))
    return FALSE;
  if (st.st_size == 0)
    {
      g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                           "The shared memory has 0 bytes: who creates it has not come to sizing "
                           "it, or died before. Try again, or remove it");
      return FALSE;
    }
  if (seals >= 0 && (seals & SEALS_WRITE) != 0 && !lower_rights (file, error))
    return FALSE;
  if ((seals < 0 || (seals & SEALS_WRITE) == 0) && !fill_holes (file->fd, &st, error))
    return FALSE;
  note (file, &st, seals);
  return TRUE;
}

gboolean
memory_file_adopt (MemoryFile *file, int fd, GError **error)
{
  *file = MEMORY_FILE_INIT;
  file->fd = fd;
  if (check_descriptor (file, error))
    return TRUE;
  memory_file_close (file);
  return FALSE;
}

/* -1 with errno; a nameless file in @dirfd, complete but not linked yet, is -1 with @error. */
static int
make_nameless (int dirfd, guint64 size, GError **error)
{
  char path[40];
  int fd;

  snprintf (path, sizeof path, "/proc/self/fd/%d", dirfd);
  fd = sys.open (path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    {
      fail_errno (error, "Cannot make a file for shared memory");
      return -1;
    }
  if (fill (fd, size, error))
    return fd;
  sys_close (fd);
  return -1;
}

typedef enum
{
  FAILED,
  DONE,
  TAKEN, /* somebody else was first */
} Creation;

static Creation
create_in (MemoryFile *file, int dirfd, const char *name, guint64 size, GError **error)
{
  char path[40];
  struct stat st;

  file->fd = make_nameless (dirfd, size, error);
  if (file->fd < 0)
    return FAILED;

  snprintf (path, sizeof path, "/proc/self/fd/%d", file->fd);
  if (linkat (AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) == 0 && fstat (file->fd, &st) == 0)
    {
      note (file, &st, -1);
      return DONE;
    }
  if (errno != EEXIST)
    {
      fail_errno (error, "Cannot give new shared memory the name “%s”", name);
      memory_file_close (file);
      return FAILED;
    }
  memory_file_close (file);
  return TAKEN;
}

static gboolean
check_flags (ShmobjOpenFlags flags, GError **error)
{
  const guint known = SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_EXCLUSIVE | SHMOBJ_OPEN_READ_ONLY;

  if ((flags & ~known) == 0 && ((flags & SHMOBJ_OPEN_EXCLUSIVE) == 0 ||
                                (flags & (SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_READ_ONLY)) == 0))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "The flags 0x%x for opening shared memory contradict each other or are unknown: "
               "EXCLUSIVE creates, EXISTING and READ_ONLY do not",
               (guint) flags);
  return FALSE;
}

static gboolean
open_existing (MemoryFile *file, int dirfd, const char *name, gboolean read_only, GError **error)
{
  int fd =
      openat (dirfd, name,
              (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    return fail_errno (error, "Cannot open the shared memory “%s”", name);
  if (memory_file_adopt (file, fd, error))
    return TRUE;
  g_prefix_error (error, "“%s”: ", name);
  return FALSE;
}

gboolean
memory_file_open_in (MemoryFile *file,
                     int dirfd,
                     const char *name,
                     ShmobjOpenFlags flags,
                     guint64 size,
                     GError **error)
{
  gboolean creates = (flags & (SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_READ_ONLY)) == 0;

  *file = MEMORY_FILE_INIT;
  if (!check_flags (flags, error))
    return FALSE;

  for (;;)
    {
      g_autoptr (GError) local = NULL;
      Creation creation;

      if ((flags & SHMOBJ_OPEN_EXCLUSIVE) == 0)
        {
          if (open_existing (file, dirfd, name, (flags & SHMOBJ_OPEN_READ_ONLY) != 0, &local))
            return TRUE;
          if (!creates || !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
            {
              g_propagate_error (error, g_steal_pointer (&local));
              return FALSE;
            }
        }

      if (!check_size (size, error))
        return FALSE;
      creation = create_in (file, dirfd, name, size, error);
      if (creation != TAKEN)
        return creation == DONE;
      if ((flags & SHMOBJ_OPEN_EXCLUSIVE) != 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                       "There is shared memory “%s” already: open it without EXCLUSIVE, or choose "
                       "another name",
                       name);
          return FALSE;
        }
    }
}

gpointer
memory_file_map (const MemoryFile *file, GError **error)
{
  void *base =
      file->read_only ? sys.mmap_read (file->size, file->fd) : sys.mmap (file->size, file->fd, 0);

  if (base != MAP_FAILED)
    return base;
  fail_errno (error, "Cannot map %" G_GUINT64_FORMAT " bytes of shared memory", file->size);
  return NULL;
}

gboolean
memory_file_check (const MemoryFile *file, GError **error)
{
  struct stat st;

  if (file->sealed)
    return TRUE;
  if (fstat (file->fd, &st) < 0)
    return fail_errno (error, "Cannot look at descriptor %d", file->fd);
  if ((guint64) st.st_size >= file->size)
    return TRUE;

  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "Somebody truncated the shared memory from %" G_GUINT64_FORMAT
               " to %" G_GINT64_FORMAT " bytes",
               file->size, (gint64) st.st_size);
  return FALSE;
}

gboolean
memory_file_unlink_in (const MemoryFile *file, int dirfd, const char *name, GError **error)
{
  struct stat st;
  int result = fstatat (dirfd, name, &st, AT_SYMLINK_NOFOLLOW);

  if (result == 0 && (st.st_dev != file->device || st.st_ino != file->inode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "This shared memory has lost the name “%s”: another one has it now, which stays",
                   name);
      return FALSE;
    }
  if (result == 0)
    result = unlinkat (dirfd, name, 0);
  return result == 0 || fail_errno (error, "Cannot remove the shared memory “%s”", name);
}

void
memory_file_close (MemoryFile *file)
{
  sys_close (file->fd);
  file->fd = -1;
}
