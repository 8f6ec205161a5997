/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a store was left: the file “clean” says that its last user closed it in order, and what the
 * data file looked like then. Who opens it as the only one removes it, and walks all pages of the
 * store (store-walk.c) if there was none or if it says otherwise.
 *
 *     clean    inode size modified-seconds nanoseconds commit commit
 *
 * A file of this name that came back from the dead in a power cut does not fit: the headers' commit
 * numbers go on with each write. Half of one does not fit either.
 */

#include "manager/store-private.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 160

/* What the data file looks like; FALSE when it cannot be said. */
static gboolean
describe (const char *path, char text[TEXT_MAX])
{
  g_autofree char *file = g_build_filename (path, "data.mdb", NULL);
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  Header headers[2] = { 0 };
  gboolean known;
  struct stat seen;

  if (fd < 0)
    return FALSE;
  known = fstat (fd, &seen) == 0 &&
          pread (fd, &headers[0], sizeof (Header), HEADER_OFFSET) == sizeof (Header) &&
          pread (fd, &headers[1], sizeof (Header), headers[0].trees[0].pad + HEADER_OFFSET) ==
              sizeof (Header);
  close (fd);

  if (known)
    g_snprintf (text, TEXT_MAX,
                "%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                " %ld %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
                (guint64) seen.st_ino, (gint64) seen.st_size, (gint64) seen.st_mtim.tv_sec,
                seen.st_mtim.tv_nsec, headers[0].number, headers[1].number);
  return known;
}

/* Under the size lock, when nobody has the store open. */
gboolean
store_take_clean (const char *path)
{
  g_autofree char *file = g_build_filename (path, "clean", NULL);
  char said[TEXT_MAX] = "", seen[TEXT_MAX];
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gssize n;

  if (fd < 0)
    return FALSE;
  n = read (fd, said, sizeof said - 1);
  close (fd);
  return unlink (file) == 0 && n > 0 && describe (path, seen) && g_str_equal (said, seen);
}

/* After LMDB has closed the store in this process. Says nothing if others still have it open. */
void
store_leave_clean (const char *path)
{
  g_autofree char *file = g_build_filename (path, "clean", NULL);
  int lock = store_size_lock (path), fd;
  char text[TEXT_MAX];

  if (lock < 0)
    return;
  if (store_headers_nobody_inside (path) && checkpoint_close (path) && describe (path, text))
    {
      gssize size = strlen (text);

      fd = open (file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (fd >= 0 && write (fd, text, size) != size)
        unlink (file);
      if (fd >= 0)
        close (fd);
    }
  store_size_unlock (lock);
}
