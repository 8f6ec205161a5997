/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A look at a store's file before it is mapped.
 *
 * LMDB believes what it maps: of 400 scribbled stores 364 killed whoever opened them. What can be
 * seen without walking the whole tree is looked at here, at each opening: a length that is cut off,
 * a header that is none, a tree whose root or last page lies behind the end. The newest of the two
 * headers is the one that LMDB will use. After an unclean end (store-clean.c) all pages are walked
 * (store-walk.c).
 *
 * The form of the header is LMDB's data version 1 (0.9.x). For other versions only the length is
 * looked at: the format file (directory.c) has already said that the version is ours.
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_PAGE (~(guint64) 0)

gboolean
store_file_is_damaged (const char *path, const char *what, guint64 number, GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "The store “%s/data.mdb” is damaged: %s (%" G_GUINT64_FORMAT
               "); restore it from a copy, or remove the directory to begin anew",
               path, what, number);
  return FALSE;
}

static gboolean
check_header (const Header *header, const char *path, guint64 size, GError **error)
{
  guint64 page_size = header->trees[0].pad, pages;

  if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0)
    return store_file_is_damaged (path, "impossible page size", page_size, error);

  pages = size / page_size;
  if (header->last_page >= pages)
    return store_file_is_damaged (path, "the file ends before its last page", header->last_page,
                                  error);

  for (guint i = 0; i < G_N_ELEMENTS (header->trees); i++)
    if (header->trees[i].root != NO_PAGE &&
        (header->trees[i].root > header->last_page || header->trees[i].root < 2))
      return store_file_is_damaged (path, "a tree begins at an impossible page",
                                    header->trees[i].root, error);
  return TRUE;
}

static gboolean
check_headers (int fd, const char *path, gboolean whole, guint64 size, GError **error)
{
  const Header *newest;
  Header headers[2];
  guint64 page_size;

  if (pread (fd, &headers[0], sizeof (Header), HEADER_OFFSET) != sizeof (Header))
    return store_file_is_damaged (path, "it has no header", size, error);
  if (headers[0].magic != HEADER_MAGIC)
    return store_file_is_damaged (path, "its header is not a store's", headers[0].magic, error);
  if (headers[0].version != store_data_version ())
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The store “%s/data.mdb” has data version %u, %s reads version %u", path,
                   headers[0].version, store_library_version (), store_data_version ());
      return FALSE;
    }

  page_size = headers[0].trees[0].pad;
  if (page_size < 512 || page_size > 65536 ||
      pread (fd, &headers[1], sizeof (Header), page_size + HEADER_OFFSET) != sizeof (Header))
    return store_file_is_damaged (path, "its second header is missing", page_size, error);
  if (headers[1].magic != HEADER_MAGIC || headers[1].version != headers[0].version)
    return store_file_is_damaged (path, "its second header is not a store's", headers[1].magic,
                                  error);

  newest = &headers[headers[1].number > headers[0].number];
  return check_header (newest, path, size, error) &&
         (!whole || store_walk (fd, path, newest, error));
}

gboolean
store_check_file (const char *path, gboolean whole, guint64 *size, GError **error)
{
  g_autofree char *file = g_build_filename (path, "data.mdb", NULL);
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean sound;
  struct stat seen;

  if (fd < 0 || fstat (fd, &seen) != 0)
    {
      int failure = errno;

      if (fd >= 0)
        close (fd);
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (failure), "Opening “%s”: %s", file,
                   g_strerror (failure));
      return FALSE;
    }

  *size = seen.st_size;
  if (!S_ISREG (seen.st_mode) || *size < 2 * 512)
    sound = store_file_is_damaged (path, "it is too short", *size, error);
  else
    sound = store_data_version () != 1 || check_headers (fd, path, whole, *size, error);
  close (fd);
  return sound;
}
