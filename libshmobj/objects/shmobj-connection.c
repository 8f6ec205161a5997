/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjConnection:
 *
 * One end of a pipe. What is sent at one end is received at the other, in order.
 *
 * [class@Shmobj.Pipe] makes two of them. An end goes to another process by fork() or as a handle
 * ([iface@Shmobj.Shareable]). Several threads and processes may use one end; each message arrives
 * once.
 *
 * When the last process that holds an end has closed it or ended, in whatever way, the other side
 * receives what was sent before, and then `SHMOBJ_ERROR_PEER_GONE`. That needs every holder to let
 * go: a process that forked and keeps an end open that it does not use hides the end of the others,
 * as with any pipe.
 *
 * Since: 1.0
 */

/* A pipe's segment has one ring per direction; ring 0 leads to the start, ring 1 (absent in a
 * one-way pipe) to the end.
 *
 *     handle     ("Connection", {"start": b},
 *                 [segment, socket, socket for parcels, room bell of ring 0, of ring 1 (duplex)])
 *
 * The socket is half of a socketpair. It carries no data: a byte in it says "look into the ring"
 * (base/doorbell.c), and its hang-up is the kernel's word that nobody holds the other end. Only who
 * polls, or waits for long, asks for a byte, so two sides that keep each other awake make no system
 * call, and two that take turns sleep on the ring's word (objects/connection-call.c).
 *
 * Its bell begins armed: so the first message rings it, and a silent bell is always an armed one.
 * Who asks for a descriptor to poll while messages wait could not ring his own end.
 *
 * Sending to nobody. A ring takes a message whether or not anybody is there to read it, and asking
 * the kernel costs more than the send. So it is asked when another one says that it closed the
 * other end (a count in shared memory), and when the last sends have not been read: at the 1st,
 * 2nd, 4th, 8th … of them. A killed reader is thus noticed at the second send at the latest.
 *
 * close() from one thread while another is in a call: the descriptors go with the last one inside.
 * A count that never rises from 0 makes sure that nobody enters after that.
 */

#include "objects/connection-private.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/handle.h"
#include "objects/shmobj-shareable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RINGS_OFFSET OBJECT_OFFSET
#define DATA_OFFSET (OBJECT_OFFSET + 2 * LAYOUT_PAGE)

enum
{
  PARAMETER_CAPACITY,
  PARAMETER_DUPLEX,
};

static void shmobj_connection_shareable_init (ShmobjShareableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjConnection,
                               shmobj_connection,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                      shmobj_connection_shareable_init))

static RingShared *
ring_number (const Segment *segment, guint number)
{
  return segment_at (segment, RINGS_OFFSET + number * LAYOUT_PAGE, sizeof (RingShared));
}

static guint64
data_offset (guint number, guint64 capacity)
{
  return DATA_OFFSET + number * ring_data_size (capacity);
}

static void
attach_ring (ShmobjConnection *self, Ring *ring, guint number, guint64 capacity)
{
  gboolean reading = ring == &self->read;

  ring_attach (ring, ring_number (&self->segment, number), data_offset (number, capacity), capacity,
               0, &self->segment, &self->participants);
  ring->in = (Doorbell){ reading ? -1 : self->socket, reading ? self->socket : -1 };
  ring->out = (Doorbell){ self->room[number], self->room[number] };
  ring->parcels = self->parcels;
}

static ShmobjConnection *
connection_new (const Segment *segment,
                gboolean start,
                int socket,
                int parcels,
                const int room[2],
                guint64 capacity,
                gboolean duplex)
{
  ShmobjConnection *self = g_object_new (SHMOBJ_TYPE_CONNECTION, NULL);

  self->start = start;
  self->segment = *segment;
  self->socket = socket;
  self->parcels = parcels;
  self->room[0] = room[0];
  self->room[1] = room[1];
  participants_init (&self->participants, &self->segment);
  if (start || duplex)
    attach_ring (self, &self->read, start ? 0 : 1, capacity);
  if (!start || duplex)
    attach_ring (self, &self->write, start ? 1 : 0, capacity);
  atomic_store (&self->users, 1);
  return self;
}

/* ---- making a pipe ---- */

/* The ends of the sockets and the room bells, and copies of all but the sockets for the second
 * connection. */
typedef struct
{
  int socket[2];
  int parcels[2];
  int room[2][2];
  int segment;
} PairFds;

static gboolean
open_pair_fds (PairFds *fds, int segment_fd, gboolean duplex)
{
  *fds = (PairFds){ { -1, -1 }, { -1, -1 }, { { -1, -1 }, { -1, -1 } }, -1 };
  if (sys.socketpair (fds->socket) < 0 || sys.packet_pair (fds->parcels) < 0)
    return FALSE;
  for (int ring = 0; ring < (duplex ? 2 : 1); ring++)
    if ((fds->room[0][ring] = sys.eventfd ()) < 0 ||
        (fds->room[1][ring] = fcntl (fds->room[0][ring], F_DUPFD_CLOEXEC, 0)) < 0)
      return FALSE;
  fds->segment = fcntl (segment_fd, F_DUPFD_CLOEXEC, 0);
  return fds->segment >= 0;
}

static void
close_pair_fds (PairFds *fds)
{
  for (int i = 0; i < 2; i++)
    {
      sys_close (fds->socket[i]);
      sys_close (fds->parcels[i]);
      sys_close (fds->room[i][0]);
      sys_close (fds->room[i][1]);
    }
  sys_close (fds->segment);
}

gboolean
connection_new_pair (gboolean duplex,
                     guint64 capacity,
                     ShmobjConnection **start,
                     ShmobjConnection **end,
                     GError **error)
{
  guint rings = duplex ? 2 : 1;
  Segment segment, other = SEGMENT_INIT;
  PairFds fds;

  if (!channel_check_capacity (&capacity, error) ||
      !segment_new (&segment, SEGMENT_PIPE, "shmobj:pipe", data_offset (rings, capacity),
                    DATA_OFFSET, (guint64[4]){ capacity, duplex }, error))
    return FALSE;

  for (guint i = 0; i < rings; i++)
    {
      guint64 from = data_offset (i, capacity);
      int code = segment_reserve (&segment, from, from + ring_first_reserve (capacity));

      ring_create (ring_number (&segment, i), capacity);
      ring_number (&segment, i)->in_bell = DOORBELL_ARMED;
      if (code != 0)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                       "Cannot reserve memory for a new pipe: %s", g_strerror (code));
          segment_close (&segment);
          return FALSE;
        }
    }

  if (!open_pair_fds (&fds, segment.fd, duplex))
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot open the descriptors of a new pipe: %s", g_strerror (errno));
  else if (segment_open (&other, handle_steal_fd (&fds.segment), SEGMENT_PIPE, error))
    {
      *start = connection_new (&segment, TRUE, fds.socket[0], fds.parcels[0], fds.room[0], capacity,
                               duplex);
      *end = connection_new (&other, FALSE, fds.socket[1], fds.parcels[1], fds.room[1], capacity,
                             duplex);
      return TRUE;
    }
  close_pair_fds (&fds);
  segment_close (&segment);
  return FALSE;
}

/* ---- handles ---- */

static gboolean
is_socket_of (int type, int fd)
{
  int domain = 0, found = 0, flags = fcntl (fd, F_GETFL);
  socklen_t length = sizeof found;

  return flags >= 0 && (flags & O_NONBLOCK) &&
         getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
         getsockopt (fd, SOL_SOCKET, SO_TYPE, &found, &length) == 0 && found == type;
}

/* What cannot be a socket or a bell of a pipe of ours would make us block, or read from
 * elsewhere. */
static gboolean
check_descriptors (int socket, int parcels, const int *room, gsize n_room, GError **error)
{
  gboolean good = is_socket_of (SOCK_STREAM, socket) && is_socket_of (SOCK_SEQPACKET, parcels);
  struct stat st;

  for (gsize i = 0; good && i < n_room; i++)
    {
      int flags = fcntl (room[i], F_GETFL);

      good = flags >= 0 && (flags & O_NONBLOCK) && fstat (room[i], &st) == 0 &&
             !S_ISREG (st.st_mode) && !S_ISDIR (st.st_mode);
    }
  if (!good)
    g_set_error_literal (
        error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
        "The handle's descriptors are not the sockets and the doorbells of a pipe");
  return good;
}

static GObject *
connection_from_handle (GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  int room[2] = { -1, -1 };
  guint64 capacity, duplex;
  gboolean start;
  Segment segment;

  if (!handle_get_boolean (handle_properties, "start", &start, error) ||
      !handle_check_fds (n_fds, 4, 5, error) ||
      !check_descriptors (fds[1], fds[2], fds + 3, n_fds - 3, error) ||
      !segment_open (&segment, handle_steal_fd (&fds[0]), SEGMENT_PIPE, error))
    return NULL;

  capacity = segment_header (&segment)->parameter[PARAMETER_CAPACITY];
  duplex = segment_header (&segment)->parameter[PARAMETER_DUPLEX];
  if (capacity < RING_SIZE_MIN || capacity > RING_CAPACITY_MAX || capacity % 8 != 0 || duplex > 1 ||
      n_fds != 4 + duplex || segment.size != data_offset (1 + duplex, capacity))
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The pipe says that its capacity is %" G_GUINT64_FORMAT
                   " bytes, which does not go with its %" G_GUINT64_FORMAT " bytes",
                   capacity, segment.size);
      segment_close (&segment);
      return NULL;
    }

  for (guint i = 0; i <= duplex; i++)
    room[i] = handle_steal_fd (&fds[3 + i]);
  return G_OBJECT (connection_new (&segment, start, handle_steal_fd (&fds[1]),
                                   handle_steal_fd (&fds[2]), room, capacity, duplex));
}

HANDLE_CLASS (connection, "Connection", shmobj_connection_get_type, connection_from_handle)

static GVariant *
shmobj_connection_to_handle (ShmobjShareable *shareable, GUnixFDList *list, GError **error)
{
  ShmobjConnection *self = SHMOBJ_CONNECTION (shareable);
  GVariantDict properties;
  GVariant *handle;

  if (!connection_enter (self, error))
    return NULL;
  g_variant_dict_init (&properties, NULL);
  g_variant_dict_insert (&properties, "start", "b", self->start);
  handle = handle_new (
      "Connection", g_variant_dict_end (&properties), list,
      (int[]){ self->segment.fd, self->socket, self->parcels, self->room[0], self->room[1] },
      self->room[1] >= 0 ? 5 : 4, error);
  connection_leave (self);
  return handle;
}

/* ---- open and closed ---- */

static void
release (ShmobjConnection *self)
{
  if (self->participants.segment != NULL)
    participants_clear (&self->participants);
  self->participants.segment = NULL;
  segment_close (&self->segment);
  sys_close (self->socket);
  sys_close (self->parcels);
  sys_close (self->room[0]);
  sys_close (self->room[1]);
  self->socket = self->parcels = self->room[0] = self->room[1] = -1;
}

gboolean
connection_enter (ShmobjConnection *self, GError **error)
{
  guint users = atomic_load_explicit (&self->users, memory_order_relaxed);

  while (users != 0)
    if (atomic_compare_exchange_weak_explicit (&self->users, &users, users + 1,
                                               memory_order_acquire, memory_order_relaxed))
      {
        if (G_LIKELY (!self->closed))
          return TRUE;
        connection_leave (self);
        break;
      }
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                       "This end of a pipe is not open: it was closed, or not made by a Pipe");
  return FALSE;
}

void
connection_leave (ShmobjConnection *self)
{
  if (atomic_fetch_sub_explicit (&self->users, 1, memory_order_acq_rel) == 1)
    release (self);
}

void
connection_done (gpointer data)
{
  connection_leave (data);
}

gboolean
connection_is_over (gpointer data)
{
  ShmobjConnection *self = data;
  struct pollfd fd = { .fd = self->socket };

  return poll (&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void
shmobj_connection_finalize (GObject *object)
{
  ShmobjConnection *self = SHMOBJ_CONNECTION (object);

  shmobj_connection_close (self);
  g_object_unref (self->closing);

  G_OBJECT_CLASS (shmobj_connection_parent_class)->finalize (object);
}

static void
shmobj_connection_class_init (ShmobjConnectionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = shmobj_connection_finalize;
}

static void
shmobj_connection_init (ShmobjConnection *self)
{
  self->segment = SEGMENT_INIT;
  self->socket = self->parcels = self->room[0] = self->room[1] = -1;
  self->closing = g_cancellable_new ();
}

static void
shmobj_connection_shareable_init (ShmobjShareableInterface *iface)
{
  iface->to_handle = shmobj_connection_to_handle;
}

/**
 * shmobj_connection_is_readable:
 * @self: a connection
 *
 * Whether this end receives: both ends of a two-way pipe do, and the start of a one-way pipe.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_is_readable (ShmobjConnection *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return self->read.shared != NULL;
}

/**
 * shmobj_connection_is_writable:
 * @self: a connection
 *
 * Whether this end sends: both ends of a two-way pipe do, and the end of a one-way pipe.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_is_writable (ShmobjConnection *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), FALSE);

  return self->write.shared != NULL;
}

/**
 * shmobj_connection_is_closed:
 * @self: a connection
 *
 * Whether [method@Shmobj.Connection.close] was called on this object.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_connection_is_closed (ShmobjConnection *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONNECTION (self), TRUE);

  return self->closed;
}

/**
 * shmobj_connection_close:
 * @self: a connection
 *
 * Closes this process's hold of the end: every later call on it is `SHMOBJ_ERROR_CLOSED`, and so is
 * the outcome of what a main loop waits for on it. When no process holds the end any more, the
 * other side receives what was sent, then `SHMOBJ_ERROR_PEER_GONE`. Calling it again does nothing.
 *
 * A thread that is inside a call on it goes on; the descriptors are closed when it returns.
 *
 * Since: 1.0
 */
void
shmobj_connection_close (ShmobjConnection *self)
{
  g_return_if_fail (SHMOBJ_IS_CONNECTION (self));

  if (atomic_load (&self->users) == 0 || atomic_exchange (&self->closed, TRUE))
    return;
  if (self->read.shared != NULL)
    atomic_fetch_add (&self->read.shared->closes,
                      1); /* who sends here asks the kernel whether we were the last */
  g_cancellable_cancel (self->closing);
  connection_leave (self);
}
