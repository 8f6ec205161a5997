/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a queue is made of: a ring in a segment of its own, two doorbells, and our seat among the
 * participants. Made anew, taken from a handle, or found by its name in a manager's directory.
 *
 *     handle     ("Queue", {}, [segment, bell "something to get", bell "room to put"])
 *     directory  FILE, FILE.in, FILE.out
 *
 * Capacity and maxsize are parameters in the segment's header, so that no two processes disagree on
 * them.
 *
 * Death: a segment with a name gets it at last (segment_publish()), so a name leads to a whole
 * queue; bells without a segment are opened again by whoever makes it.
 */

#include "objects/queue-private.h"

#include "base/flight.h"
#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_OFFSET (OBJECT_OFFSET + LAYOUT_PAGE)
#define FLIGHT_OFFSET(capacity) (DATA_OFFSET + ring_data_size (capacity))
#define POOL_OFFSET(capacity) (FLIGHT_OFFSET (capacity) + flight_area_size (capacity))

enum
{
  PARAMETER_CAPACITY,
  PARAMETER_MAXSIZE,
};

static guint64
segment_size (guint64 capacity)
{
  return POOL_OFFSET (capacity) + pool_area_size (capacity);
}

static void
attach (ShmobjQueue *self)
{
  participants_init (&self->participants, &self->segment);
  ring_attach (&self->ring, segment_at (&self->segment, OBJECT_OFFSET, sizeof (RingShared)),
               DATA_OFFSET, self->capacity, self->maxsize, &self->segment, &self->participants);
  flight_attach (&self->ring, FLIGHT_OFFSET (self->capacity));
  pool_attach (&self->pool, &self->segment, POOL_OFFSET (self->capacity), self->capacity,
               &self->ring.shared->pool_ready, &self->participants);
  self->ring.pool = &self->pool;
  self->ring.in = (Doorbell){ self->in_bell, self->in_bell };
  self->ring.out = (Doorbell){ self->out_bell, self->out_bell };
}

static gboolean
check_parameters (ShmobjQueue *self, GError **error)
{
  if (self->maxsize > QUEUE_MAXSIZE_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A maxsize of %u messages is more than %u", self->maxsize, QUEUE_MAXSIZE_MAX);
      return FALSE;
    }
  return channel_check_capacity (&self->capacity, error);
}

/* An anonymous queue's two bells. */
static gboolean
make_bells (ShmobjQueue *self, GError **error)
{
  self->in_bell = sys.eventfd ();
  self->out_bell = self->in_bell < 0 ? -1 : sys.eventfd ();
  if (self->out_bell >= 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "Cannot make the queue's doorbells: %s", g_strerror (errno));
  sys_close (self->in_bell);
  self->in_bell = -1;
  return FALSE;
}

gboolean
queue_create (gpointer data, GError **error)
{
  ShmobjQueue *self = data;

  if (!check_parameters (self, error) || !make_bells (self, error))
    return FALSE;
  if (!segment_new (&self->segment, SEGMENT_QUEUE, "shmobj:queue", segment_size (self->capacity),
                    DATA_OFFSET + ring_first_reserve (self->capacity),
                    (guint64[4]){ self->capacity, self->maxsize }, error))
    {
      sys_close (self->in_bell);
      sys_close (self->out_bell);
      self->in_bell = self->out_bell = -1;
      return FALSE;
    }
  ring_create (segment_at (&self->segment, OBJECT_OFFSET, sizeof (RingShared)), self->capacity);
  attach (self);
  return TRUE;
}

/* What another process wrote in the header is copied once and checked against the size that the
 * file really has. */
static gboolean
adopt_parameters (ShmobjQueue *self, GError **error)
{
  const SegmentHeader *header = segment_header (&self->segment);
  guint64 capacity = header->parameter[PARAMETER_CAPACITY],
          maxsize = header->parameter[PARAMETER_MAXSIZE];

  if (capacity < RING_SIZE_MIN || capacity > RING_CAPACITY_MAX || capacity % 8 != 0 ||
      maxsize > QUEUE_MAXSIZE_MAX || self->segment.size != segment_size (capacity))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The queue says that its capacity is %" G_GUINT64_FORMAT
                   " bytes and its maxsize %" G_GUINT64_FORMAT
                   ", which does not go with its %" G_GUINT64_FORMAT " bytes",
                   capacity, maxsize, self->segment.size);
      return FALSE;
    }
  self->capacity = capacity;
  self->maxsize = maxsize;
  return TRUE;
}

static gboolean
is_bell (int fd, GError **error)
{
  int flags = fcntl (fd, F_GETFL);
  struct stat st;

  if (flags >= 0 && (flags & O_NONBLOCK) && (flags & O_ACCMODE) == O_RDWR && fstat (fd, &st) == 0 &&
      !S_ISREG (st.st_mode) && !S_ISDIR (st.st_mode))
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "A queue's doorbell is a descriptor that could block us (flags 0x%x)", flags);
  return FALSE;
}

/* From a segment that exists. Takes the descriptors over, also on failure. */
static ShmobjQueue *
queue_adopt (Segment *segment, int in_bell, int out_bell, GError **error)
{
  g_autoptr (ShmobjQueue) self = g_object_new (SHMOBJ_TYPE_QUEUE, NULL);

  self->segment = *segment;
  self->in_bell = in_bell;
  self->out_bell = out_bell;
  if (!is_bell (in_bell, error) || !is_bell (out_bell, error) || !adopt_parameters (self, error))
    return NULL;
  attach (self);
  lazy_init_set_ready (&self->lazy);
  return g_steal_pointer (&self);
}

static GObject *
queue_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  Segment segment;

  if (!handle_check_fds (n_fds, 3, 3, error) ||
      !segment_open (&segment, handle_steal_fd (&fds[0]), SEGMENT_QUEUE, error))
    return NULL;
  return (GObject *) queue_adopt (&segment, handle_steal_fd (&fds[1]), handle_steal_fd (&fds[2]),
                                  error);
}

HANDLE_CLASS (queue, "Queue", shmobj_queue_get_type, queue_from_handle)

GVariant *
queue_to_handle (ShmobjShareable *shareable, GUnixFDList *list, GError **error)
{
  ShmobjQueue *self = SHMOBJ_QUEUE (shareable);

  if (!queue_ensure (self, error))
    return NULL;
  return handle_new ("Queue", NULL, list,
                     (int[]){ self->segment.fd, self->in_bell, self->out_bell }, 3, error);
}

/* ---- with a name, for the manager ---- */

static int
open_bell (int dirfd, const char *file, const char *suffix, gboolean make, GError **error)
{
  g_autofree char *name = g_strconcat (file, suffix, NULL);
  int fd = -1;

  if (!make || mkfifoat (dirfd, name, 0600) == 0 || errno == EEXIST)
    fd = openat (dirfd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot open the doorbell “%s” of a queue: %s", name, g_strerror (errno));
  return fd;
}

static ShmobjQueue *
adopt_in (Segment *segment, int dirfd, const char *file, gboolean make, GError **error)
{
  int in_bell = open_bell (dirfd, file, ".in", make, error);
  int out_bell = in_bell < 0 ? -1 : open_bell (dirfd, file, ".out", make, error);

  if (out_bell >= 0)
    return queue_adopt (segment, in_bell, out_bell, error);
  sys_close (in_bell);
  segment_close (segment);
  return NULL;
}

ShmobjQueue *
queue_create_in (int dirfd, const char *file, guint maxsize, guint64 capacity, GError **error)
{
  g_autoptr (ShmobjQueue) asked =
      g_object_new (SHMOBJ_TYPE_QUEUE, "maxsize", maxsize, "capacity", capacity, NULL);
  g_autoptr (ShmobjQueue) self = NULL;
  Segment segment;

  if (!check_parameters (asked, error) ||
      !segment_new_in (&segment, dirfd, SEGMENT_QUEUE, segment_size (asked->capacity),
                       DATA_OFFSET + ring_first_reserve (asked->capacity),
                       (guint64[4]){ asked->capacity, maxsize }, error))
    return NULL;
  ring_create (segment_at (&segment, OBJECT_OFFSET, sizeof (RingShared)), asked->capacity);
  self = adopt_in (&segment, dirfd, file, TRUE, error);
  if (self == NULL || !segment_publish (&self->segment, dirfd, file, error))
    return NULL;
  return g_steal_pointer (&self);
}

ShmobjQueue *
queue_open_in (int dirfd, const char *file, GError **error)
{
  Segment segment;

  if (!segment_open_in (&segment, dirfd, file, SEGMENT_QUEUE, error))
    return NULL;
  return adopt_in (&segment, dirfd, file, FALSE, error);
}

void
queue_remove_in (int dirfd, const char *file)
{
  g_autofree char *in_bell = g_strconcat (file, ".in", NULL),
                  *out_bell = g_strconcat (file, ".out", NULL);

  unlinkat (dirfd, file, 0);
  unlinkat (dirfd, in_bell, 0);
  unlinkat (dirfd, out_bell, 0);
}
