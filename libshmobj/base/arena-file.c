/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arenas with a name: a file in a manager's directory, and a FIFO beside it as the bell.
 *
 * Whoever opens one that is not there makes it: without a name, then linked once it is whole, so of
 * several who do so at the same time one wins and the others open his. The FIFO is the kernel's own
 * and needs no such care. A death in between leaves a FIFO without an arena, which the next one
 * uses.
 */

#include "base/arena.h"

#include "base/sys.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/stat.h>

/* 16 MiB, of which only what is used takes memory. Many, because a cell that was given out stays
 * so. */
#define CELLS 262144

/* The FIFO beside a named arena. */
static int
open_fifo (int dirfd, const char *name, GError **error)
{
  g_autofree char *file = g_strconcat (name, ".bell", NULL);
  int fd = -1;

  if (mkfifoat (dirfd, file, 0600) == 0 || errno == EEXIST)
    fd = openat (dirfd, file, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Cannot open the FIFO “%s”: %s",
                 file, g_strerror (errno));
  return fd;
}

static gboolean
make_named (Segment *segment, int dirfd, const char *name, GError **error)
{
  const guint64 parameter[4] = { CELLS };
  GError *reason = NULL;

  if (!segment_new_in (segment, dirfd, SEGMENT_ARENA,
                       ARENA_CELLS_OFFSET + CELLS * sizeof (ArenaCell), ARENA_CELLS_OFFSET,
                       parameter, error))
    return FALSE;
  if (segment_publish (segment, dirfd, name, &reason))
    return TRUE;

  segment_close (segment);
  if (!g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      g_propagate_error (error, reason);
      return FALSE;
    }
  g_clear_error (&reason); /* another one was quicker */
  return segment_open_in (segment, dirfd, name, SEGMENT_ARENA, error);
}

static gboolean
open_or_make_named (Segment *segment, int dirfd, const char *name, GError **error)
{
  GError *reason = NULL;

  if (segment_open_in (segment, dirfd, name, SEGMENT_ARENA, &reason))
    return TRUE;
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      g_clear_error (&reason);
      return make_named (segment, dirfd, name, error);
    }
  g_propagate_error (error, reason);
  return FALSE;
}

Arena *
arena_open_in (int dirfd, const char *name, GError **error)
{
  Segment segment;
  int bell_fd;

  if (!open_or_make_named (&segment, dirfd, name, error))
    return NULL;
  bell_fd = open_fifo (dirfd, name, error);
  if (bell_fd >= 0)
    return arena_adopt (&segment, bell_fd, error);
  segment_close (&segment);
  return NULL;
}
