/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/layout.h"

/* A piece of memory that processes share: a descriptor and its mapping (base/segment.c). */
typedef struct
{
  int fd;       /* (owned): the one to pass on; never carries a lock, close-on-exec */
  guint8 *base; /* (owned): the mapping; NULL when there is none */
  guint64 size;
} Segment;

#define SEGMENT_INIT ((Segment){ .fd = -1 })

/* A new anonymous one: memfd, mode 0600, sealed against shrinking and growing; its first @reserve
 * bytes can be touched. */
gboolean segment_new (Segment *segment,
                      SegmentKind kind,
                      const char *label,
                      guint64 size,
                      guint64 reserve,
                      const guint64 parameter[4],
                      GError **error);
/* The same as a nameless file in directory @dirfd, which others cannot find before
 * segment_publish(). */
gboolean segment_new_in (Segment *segment,
                         int dirfd,
                         SegmentKind kind,
                         guint64 size,
                         guint64 reserve,
                         const guint64 parameter[4],
                         GError **error);
/* Gives it a name, once all of it is ready. G_IO_ERROR_EXISTS if there is one. */
gboolean segment_publish (Segment *segment, int dirfd, const char *name, GError **error);
/* Maps what another one made. Takes @fd over, also on failure. Each thing that can be wrong has its
 * own message: SHMOBJ_ERROR_CORRUPT, INCOMPATIBLE, WRONG_KIND, G_IO_ERROR_PERMISSION_DENIED. */
gboolean segment_open (Segment *segment, int fd, SegmentKind kind, GError **error);
gboolean
segment_open_in (Segment *segment, int dirfd, const char *name, SegmentKind kind, GError **error);
void segment_close (Segment *segment);

/* Makes [from, to) safe to touch. Returns 0, or an errno (ENOSPC). */
int segment_reserve (Segment *segment, guint64 from, guint64 to);

/* Gives the whole pages of [from, to) back. Returns 0, or an errno. */
int segment_punch (Segment *segment, guint64 from, guint64 to);

const SegmentHeader *segment_header (const Segment *segment);
/* The only way from an offset to a pointer: NULL when [offset, offset + size) is not inside or
 * @offset not a multiple of 8. */
gpointer segment_at (const Segment *segment, guint64 offset, guint64 size);
