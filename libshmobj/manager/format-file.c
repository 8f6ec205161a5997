/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known about a manager's directory before anything in it is mapped.
 *
 *     format       shmobj manager
 *                  layout 2              of our rows and files (directory.h)
 *                  store lmdb 1          data version of the store's files
 *                  durable no
 *                  made by LMDB 0.9.24: (July 24, 2019)
 *
 *     namespace    4 4026531836          device and inode of /proc/self/ns/pid
 *
 * The store's own header cannot say it: LMDB 1 and 0.9 refuse each other's files as "not an LMDB
 * file", and a directory must never look damaged, let alone be made anew, because another version
 * made it. So format is read first, and a difference is INCOMPATIBLE and names both versions.
 *
 * LMDB knows its readers by pid: processes of two pid namespaces in one store would take each
 * other's for their own, or for dead ones. So the namespace is written by a user who is alone, and
 * others must have the same.
 */

#include "manager/format-file.h"

#include "base/shmobj-error.h"
#include "manager/directory.h"
#include "manager/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
fail (const char *path, const char *file, int code, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "The file “%s” of manager “%s”: %s",
               file, path, g_strerror (code));
  return FALSE;
}

/* Under another name first, so that nobody reads half of it. */
gboolean
format_write_small (int directory_fd, const char *file, const char *text, GError **error)
{
  gsize size = strlen (text);
  int code = 0, fd = openat (directory_fd, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  if (fd < 0)
    return fail ("new", file, errno, error);
  errno = ENOSPC; /* what a short write means */
  if (write (fd, text, size) != (gssize) size || fsync (fd) != 0)
    code = errno;
  close (fd);
  if (code == 0 && renameat (directory_fd, ".new", directory_fd, file) != 0)
    code = errno;
  return code == 0 || fail ("new", file, code, error);
}

gboolean
format_read_small (int directory_fd, const char *file, char text[FILE_SIZE_MAX], int *code)
{
  int fd = openat (directory_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gssize n = fd < 0 ? -1 : pread (fd, text, FILE_SIZE_MAX - 1, 0);

  *code = n < 0 ? errno : 0;
  if (fd >= 0)
    close (fd);
  text[MAX (n, 0)] = '\0';
  return n >= 0;
}

gboolean
format_file_write (int directory_fd, gboolean durable, GError **error)
{
  g_autofree char *text = g_strdup_printf ("shmobj manager\n"
                                           "layout %u\n"
                                           "store lmdb %u\n"
                                           "durable %s\n"
                                           "made by %s\n",
                                           DIRECTORY_LAYOUT, store_data_version (),
                                           durable ? "yes" : "no", store_library_version ());

  return format_write_small (directory_fd, "format", text, error);
}

gboolean
format_file_check (int directory_fd, const char *path, gboolean *durable, GError **error)
{
  char text[FILE_SIZE_MAX], yes_or_no[8], maker[65] = "an unknown library";
  guint layout, data;
  int code;

  if (!format_read_small (directory_fd, "format", text, &code) && code != ENOENT)
    return fail (path, "format", code, error);
  if (code == ENOENT || sscanf (text, "shmobj manager\nlayout %u\n", &layout) != 1)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "“%s” is not a manager's directory: it has no file “format” that says so", path);
      return FALSE;
    }
  if (layout != DIRECTORY_LAYOUT)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The manager “%s” has layout %u, this version of the library has layout %u; "
                   "nothing in it was touched",
                   path, layout, DIRECTORY_LAYOUT);
      return FALSE;
    }
  if (sscanf (text, "shmobj manager\nlayout %*u\nstore lmdb %u\ndurable %7s\nmade by %64[^\n]",
              &data, yes_or_no, maker) < 2)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The file “format” of manager “%s” is damaged", path);
      return FALSE;
    }
  if (data != store_data_version ())
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The manager “%s” has store version %u (made by %s), here is version %u (%s); "
                   "nothing in it was touched",
                   path, data, maker, store_data_version (), store_library_version ());
      return FALSE;
    }
  *durable = g_str_equal (yes_or_no, "yes");
  return TRUE;
}

static char *
own_namespace (void)
{
  struct stat seen = { 0 };

  if (stat ("/proc/self/ns/pid", &seen) != 0)
    return g_strdup ("unknown\n");
  return g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", (guint64) seen.st_dev,
                          (guint64) seen.st_ino);
}

gboolean
namespace_file_write (int directory_fd, GError **error)
{
  g_autofree char *own = own_namespace ();

  return format_write_small (directory_fd, "namespace", own, error);
}

gboolean
namespace_file_check (int directory_fd, const char *path, GError **error)
{
  g_autofree char *own = own_namespace ();
  char text[FILE_SIZE_MAX];
  int code;

  if (!format_read_small (directory_fd, "namespace", text, &code))
    return fail (path, "namespace", code, error);
  if (g_str_equal (text, own))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "The manager “%s” is in use by processes of another container (pid namespace "
               "%.*s, ours is %.*s); use D-Bus to reach it, or a manager of another name",
               path, (int) strcspn (text, "\n"), text, (int) strcspn (own, "\n"), own);
  return FALSE;
}
