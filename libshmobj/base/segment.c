/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Segments: descriptor, mapping, seals, and the checks at the door.
 *
 * An anonymous segment is a memfd. It gets its whole size at once and is then sealed (no shrinking,
 * no growing, no more seals), so a peer cannot take the ground from under our feet: SIGBUS by
 * truncation is excluded, and a receiver checks the seals before it maps. Backing is another
 * matter: a sparse file on a full machine is SIGBUS at first touch. So nothing is touched that was
 * not reserved (fallocate) before; only the beginning is reserved at creation.
 *
 * A named segment is a file in a manager's directory. Such files cannot be sealed; they are
 * accepted when they belong to us and nobody else may write them. They are made without a name
 * (O_TMPFILE), filled, and then linked: nobody ever finds half of one, and a death in between
 * leaves nothing.
 *
 * A memfd is born with mode 0777, and whoever can see it in /proc may open it: hence fchmod before
 * anything else.
 */

#include "base/segment.h"

#include "base/shmobj-error.h"
#include "base/sys.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS_WANTED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const char *
kind_name (guint32 kind)
{
  switch (kind)
    {
    case SEGMENT_QUEUE:
      return "queue";
    case SEGMENT_PIPE:
      return "pipe";
    case SEGMENT_ARENA:
      return "arena of locks";
    case SEGMENT_GATE:
      return "manager's gate";
    default:
      return "segment of unknown kind";
    }
}

static gboolean
fail_errno (GError **error, int code, const char *what)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", what, g_strerror (code));
  return FALSE;
}

/* What a segment may well come to use. A channel has addresses for its capacity several times over
 * (in the ring, in flight, in loans), and for memory only what is used of them. */
static guint64
usual_size (SegmentKind kind, guint64 size, const guint64 parameter[4])
{
  gboolean channel = kind == SEGMENT_QUEUE || kind == SEGMENT_PIPE;

  return channel ? MAX (MIN (parameter[0], size), size / 4) : size;
}

static gboolean
refuse_size (guint64 size, GError **error)
{
  guint64 limit = 0;
  const char *of = sys_size_exceeds (size, &limit);

  if (of == NULL && size <= G_MAXINT64)
    return FALSE;
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
      "%" G_GUINT64_FORMAT " bytes of shared memory are more than %s (%" G_GUINT64_FORMAT " bytes)",
      size, of != NULL ? of : "any machine has", of != NULL ? limit : (guint64) G_MAXINT64);
  return TRUE;
}

static gboolean
map (Segment *segment, GError **error)
{
  void *base = sys.mmap (segment->size, segment->fd, 0);

  if (base == MAP_FAILED)
    {
      g_autofree char *what = g_strdup_printf (
          "Cannot map %" G_GUINT64_FORMAT " bytes of shared memory", segment->size);

      return fail_errno (error, errno, what);
    }
  segment->base = base;
  return TRUE;
}

/* Size, backing of the beginning, mapping and header of a new file; the magic last. */
static gboolean
prepare (Segment *segment,
         SegmentKind kind,
         guint64 size,
         guint64 reserve,
         const guint64 parameter[4],
         GError **error)
{
  SegmentHeader *header;

  if (fchmod (segment->fd, 0600) < 0 || sys.ftruncate (segment->fd, size) < 0)
    return fail_errno (error, errno, "Cannot size a new segment");
  if (sys_reserve (segment->fd, 0, reserve) < 0)
    {
      g_autofree char *what = g_strdup_printf (
          "Cannot reserve %" G_GUINT64_FORMAT " bytes for a new %s", reserve, kind_name (kind));
      return fail_errno (error, errno, what);
    }

  segment->size = size;
  if (!map (segment, error))
    return FALSE;

  header = (SegmentHeader *) segment->base;
  header->byte_order = LAYOUT_BYTE_ORDER;
  header->version = LAYOUT_VERSION;
  header->kind = kind;
  header->slot_count = SLOT_COUNT;
  header->size = size;
  memcpy (header->parameter, parameter, sizeof header->parameter);
  atomic_thread_fence (memory_order_release);
  header->magic = LAYOUT_MAGIC;
  return TRUE;
}

gboolean
segment_new (Segment *segment,
             SegmentKind kind,
             const char *label,
             guint64 size,
             guint64 reserve,
             const guint64 parameter[4],
             GError **error)
{
  *segment = SEGMENT_INIT;
  if (refuse_size (usual_size (kind, size, parameter), error))
    return FALSE;

  segment->fd = sys_memfd (label);
  if (segment->fd < 0)
    return fail_errno (error, errno, "Cannot make a memory file (memfd)");

  if (!prepare (segment, kind, size, reserve, parameter, error) ||
      (fcntl (segment->fd, F_ADD_SEALS, SEALS_WANTED) < 0 &&
       !fail_errno (error, errno, "Cannot seal a new segment")))
    {
      segment_close (segment);
      return FALSE;
    }
  return TRUE;
}

gboolean
segment_new_in (Segment *segment,
                int dirfd,
                SegmentKind kind,
                guint64 size,
                guint64 reserve,
                const guint64 parameter[4],
                GError **error)
{
  char path[40];

  *segment = SEGMENT_INIT;
  if (refuse_size (usual_size (kind, size, parameter), error))
    return FALSE;

  snprintf (path, sizeof path, "/proc/self/fd/%d", dirfd);
  segment->fd = sys.open (path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (segment->fd < 0)
    return fail_errno (error, errno, "Cannot make a file in the manager's directory");

  if (!prepare (segment, kind, size, reserve, parameter, error))
    {
      segment_close (segment);
      return FALSE;
    }
  return TRUE;
}

gboolean
segment_publish (Segment *segment, int dirfd, const char *name, GError **error)
{
  char path[40];

  snprintf (path, sizeof path, "/proc/self/fd/%d", segment->fd);
  if (linkat (AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "Cannot give a new segment the file name “%s”: %s", name, g_strerror (errno));
  return FALSE;
}

/* May we map this without fear of a peer that truncates it? */
static gboolean
check_ground (int fd, const struct stat *st, GError **error)
{
  int seals = fcntl (fd, F_GET_SEALS);

  if (!S_ISREG (st->st_mode))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The descriptor is not a file that can be mapped (mode %o)", st->st_mode);
      return FALSE;
    }
  if (seals >= 0 && (seals & SEALS_WANTED) == SEALS_WANTED)
    return TRUE;
  if (st->st_nlink > 0 && st->st_uid == geteuid () && (st->st_mode & 077) == 0)
    return TRUE; /* a named segment: a private file of ours */

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "The segment is not sealed against truncation (seals 0x%x, owner %d, mode %o): its "
               "sender could crash us",
               seals < 0 ? 0 : seals, (int) st->st_uid, st->st_mode & 07777);
  return FALSE;
}

/* The header is another one's: it was copied once and the copy is checked, each rung with its own
 * message. */
static gboolean
check_header (const SegmentHeader *header, guint64 size, SegmentKind kind, GError **error)
{
  if (header->magic != LAYOUT_MAGIC)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "Not a segment of this library: it begins with 0x%016" G_GINT64_MODIFIER "x",
                   header->magic);
      return FALSE;
    }
  if (header->byte_order != LAYOUT_BYTE_ORDER || header->version != LAYOUT_VERSION ||
      header->slot_count != SLOT_COUNT)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                   "The segment was made by another version of this library: layout %u with %u "
                   "slots, here %u with %u",
                   header->version, header->slot_count, LAYOUT_VERSION, SLOT_COUNT);
      return FALSE;
    }
  if (header->size != size)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The segment says that it has %" G_GUINT64_FORMAT
                   " bytes and has %" G_GUINT64_FORMAT,
                   header->size, size);
      return FALSE;
    }
  if (header->kind != (guint32) kind)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                   "A %s was expected, and this is a %s", kind_name (kind),
                   kind_name (header->kind));
      return FALSE;
    }
  return TRUE;
}

static gboolean
open_checked (Segment *segment, SegmentKind kind, GError **error)
{
  SegmentHeader header;
  struct stat st;

  if (fstat (segment->fd, &st) < 0)
    return fail_errno (error, errno, "Cannot look at the descriptor of a segment");
  if (!check_ground (segment->fd, &st, error))
    return FALSE;
  if (st.st_size < OBJECT_OFFSET)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The segment is truncated: %" G_GINT64_FORMAT " bytes, at least %d are needed",
                   (gint64) st.st_size, OBJECT_OFFSET);
      return FALSE;
    }

  segment->size = st.st_size;
  if (!map (segment, error))
    return FALSE;
  memcpy (&header, segment->base, sizeof header);
  atomic_thread_fence (memory_order_acquire);
  return check_header (&header, segment->size, kind, error);
}

gboolean
segment_open (Segment *segment, int fd, SegmentKind kind, GError **error)
{
  *segment = SEGMENT_INIT;
  segment->fd = fd;
  if (open_checked (segment, kind, error))
    return TRUE;
  segment_close (segment);
  return FALSE;
}

gboolean
segment_open_in (Segment *segment, int dirfd, const char *name, SegmentKind kind, GError **error)
{
  int fd = openat (dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

  *segment = SEGMENT_INIT;
  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot open the segment file “%s”: %s", name, g_strerror (errno));
      return FALSE;
    }
  return segment_open (segment, fd, kind, error);
}

void
segment_close (Segment *segment)
{
  if (segment->base != NULL)
    munmap (segment->base, segment->size);
  sys_close (segment->fd);
  *segment = SEGMENT_INIT;
}

int
segment_reserve (Segment *segment, guint64 from, guint64 to)
{
  if (from > to || to > segment->size)
    return EINVAL;
  return sys_reserve (segment->fd, from, to) < 0 ? errno : 0;
}

int
segment_punch (Segment *segment, guint64 from, guint64 to)
{
  to = MIN (to, segment->size);
  return from >= to || sys.punch (segment->fd, from, to - from) == 0 ? 0 : errno;
}

const SegmentHeader *
segment_header (const Segment *segment)
{
  return (const SegmentHeader *) segment->base;
}

gpointer
segment_at (const Segment *segment, guint64 offset, guint64 size)
{
  if (offset % 8 != 0 || offset > segment->size || size > segment->size - offset)
    return NULL;
  return segment->base + offset;
}
