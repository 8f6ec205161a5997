/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parcels: messages with descriptors. Bytes go through the ring, descriptors cannot; they go as a
 * packet through a socket beside it (SOCK_SEQPACKET, SCM_RIGHTS).
 *
 *     ring      [ header: FRAME_PARCEL ][ id, the message's own header, how many ][ message ]
 *     socket    [ id ] + descriptors
 *
 * Ids. A word in shared memory counts up, under the write guard and before the packet is sent, so
 * no two packets ever have the same one, and packets lie in the socket in the order of their ids
 * and of their records. (The record's number would not do: the dead one's packet has the number of
 * the next one's record.) So a reader needs no store for what it met on its way: in front of its
 * packet lie only smaller ids, which no record leads to any more.
 *
 * Sending, all under the write guard: the record is written; the bell is rung; the id is counted;
 * the packet is sent; the record is published. Without room in the socket nothing is published.
 *
 * Receiving, all under the read guard: the id is looked at (MSG_PEEK), packets with smaller ones
 * are dropped; a second look copies the descriptors (a peek hands out copies, and the packet stays
 * as it is); con is published; the packet is dropped. So who cannot have the descriptors, for want
 * of numbers, has taken nothing, and says so.
 *
 * Death. Of the sender, before it published: the packet has no record. Of the receiver, before con:
 * message and packet are as they were, its copies died with it. After con: the packet has no record
 * any more. A packet without a record is dropped by the next reader of a parcel, or by the next who
 * finds the ring empty and arms the bell: under both guards, an empty ring makes every packet in
 * the socket one of these. Two words, ids given out and ids dealt with, tell that there may be one,
 * so nobody asks the kernel for nothing. The bell rings before the packet goes, so that a sleeper
 * comes and looks even if nothing is ever published: what a dead one had on its way is not held
 * open by that.
 *
 * The other side may lie. A missing packet, one with another number of descriptors, or one that is
 * no packet of ours, makes the message bad: it is taken, and said so; those behind it are as good
 * as they were. Descriptors that are too many for the process make the message stay.
 */

#include "base/parcel.h"

#include "base/ring-private.h"
#include "base/sys.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define DROPS_MAX 100000 /* more packets than any socket holds */

typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (PARCEL_FDS_MAX * sizeof (int))];
} Control;

/* ---- sending ---- */

gboolean
parcel_wrap (const ShmobjFrame *frame, guint n_fds, ShmobjFrame *wrapped)
{
  gsize stored = frame_stored_size (frame), message = frame->size + frame->type_length;
  ParcelRecord record = { .header = frame_header_pack (frame), .n_fds = n_fds };
  guint8 *data;

  *wrapped = (ShmobjFrame){ .kind = FRAME_PARCEL, .size = G_MAXSIZE };
  if (stored == 0)
    return TRUE; /* too large for any ring, which says so */
  data = g_try_malloc (sizeof record + message);
  if (data == NULL)
    return FALSE;
  memcpy (data, &record, sizeof record);
  if (frame->size > 0)
    memcpy (data + sizeof record, frame->data, frame->size);
  if (frame->type_length > 0)
    memcpy (data + sizeof record + frame->size, frame->type, frame->type_length);
  wrapped->data = wrapped->owned = data;
  wrapped->size = sizeof record + message;
  return TRUE;
}

void
parcel_name (Ring *ring, ShmobjFrame *wrapped)
{
  if (wrapped->owned != NULL)
    ((ParcelRecord *) wrapped->owned)->id = load (&ring->shared->parcels_sent) + 1;
}

RingStatus
parcel_send (Ring *ring, Parcel *parcel)
{
  gsize size = parcel->n_fds * sizeof (int);
  guint64 id = load (&ring->shared->parcels_sent) + 1;
  Control control = { 0 };
  struct iovec part = { &id, sizeof id };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE (size)
  };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (size);
  memcpy (CMSG_DATA (header), parcel->fds, size);
  store (&ring->shared->parcels_sent, id);
  if (sys.sendmsg (ring->parcels, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
    return RING_OK;
  parcel->code = errno;
  return RING_UNSENT;
}

/* ---- receiving ---- */

static gboolean
is_hung_up (int socket)
{
  struct pollfd fd = { .fd = socket };

  return poll (&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR)) != 0;
}

/* The id of the first packet; FALSE: there is none. One that is none of ours, even an empty one,
 * counts as older than all. */
static gboolean
look_at_first (Ring *ring, guint64 *id)
{
  struct iovec part = { id, sizeof *id };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  ssize_t size = sys.recvmsg (ring->parcels, &message, MSG_PEEK | MSG_DONTWAIT);

  if (size != sizeof *id || (message.msg_flags & MSG_TRUNC))
    *id = 0;
  return size > 0 || (size == 0 && !is_hung_up (ring->parcels));
}

/* Without room for its descriptors, which the kernel then closes. */
static void
drop_first (Ring *ring)
{
  guint64 id;
  struct iovec part = { &id, sizeof id };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  sys.recvmsg (ring->parcels, &message, MSG_DONTWAIT);
}

/* Is this the first packet now, with nothing in front of it? */
static gboolean
find_packet (Ring *ring, guint64 wanted)
{
  guint64 id;

  for (guint i = 0; i < DROPS_MAX && look_at_first (ring, &id) && id <= wanted; i++)
    {
      if (id == wanted)
        return TRUE;
      drop_first (ring);
    }
  return FALSE;
}

static void
close_all (Parcel *parcel)
{
  for (guint i = 0; i < parcel->n_fds; i++)
    sys_close (parcel->fds[i]);
  parcel->n_fds = 0;
}

static void
collect (struct msghdr *message, Parcel *parcel)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL;
       header = CMSG_NXTHDR (message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
      {
        gsize n = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);

        n = MIN (n, PARCEL_FDS_MAX - parcel->n_fds);
        memcpy (parcel->fds + parcel->n_fds, CMSG_DATA (header), n * sizeof (int));
        parcel->n_fds += n;
      }
}

/* Copies of the descriptors in the first packet. */
static RingStatus
copy_descriptors (Ring *ring, guint n_fds, Parcel *parcel)
{
  guint64 id;
  Control control;
  struct iovec part = { &id, sizeof id };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };

  if (sys.recvmsg (ring->parcels, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0)
    collect (&message, parcel);
  if (parcel->n_fds == n_fds && !(message.msg_flags & MSG_CTRUNC))
    return RING_OK;
  parcel->bad = parcel->n_fds >= n_fds || !(message.msg_flags & MSG_CTRUNC);
  close_all (parcel);
  return parcel->bad ? RING_OK : RING_NO_NUMBERS;
}

static RingStatus
take_packet (Ring *ring, const ParcelRecord *record, Parcel *parcel)
{
  parcel->n_fds = 0;
  parcel->id = record->id;
  parcel->found = find_packet (ring, record->id);
  parcel->bad = !parcel->found;
  return parcel->bad ? RING_OK : copy_descriptors (ring, record->n_fds, parcel);
}

RingStatus
parcel_read (Ring *ring, RingGet *get, guint64 word, const void *record, gsize available)
{
  gsize size = (guint32) word, message;
  ParcelRecord copy;
  guint64 header;

  if (ring->parcels < 0 || word >> 32 != FRAME_PARCEL || size > available || size < sizeof copy)
    return RING_CORRUPT;
  memcpy (&copy, record, sizeof copy);
  __asm__ volatile("" : "+m"(copy)); /* what is checked is this copy */
  header = copy.header;
  message = size - sizeof copy;
  if (!frame_header_unpack (header, message + sizeof (FrameHeader), &get->header) ||
      (gsize) get->header.size + get->header.type_length != message || copy.n_fds == 0 ||
      copy.n_fds > PARCEL_FDS_MAX)
    return RING_CORRUPT;
  if (!(get->accept & RING_ACCEPT (get->header.kind)))
    return RING_REFUSED;
  if (get->parcel == NULL)
    {
      get->header.kind = FRAME_PARCEL;
      return RING_REFUSED;
    }
  if (message > get->size)
    return RING_TOO_SMALL;
  memcpy (get->buffer, (const guint8 *) record + sizeof copy, message);
  return take_packet (ring, &copy, get->parcel);
}

void
parcel_end (Ring *ring, const Parcel *parcel)
{
  if (!parcel->found)
    return;
  drop_first (ring);
  store (&ring->shared->parcels_settled, parcel->id);
}

void
parcel_settle (Ring *ring)
{
  guint64 sent = load (&ring->shared->parcels_sent), id;

  if (ring->parcels < 0 || load (&ring->shared->parcels_settled) == sent)
    return;
  for (guint i = 0; i < DROPS_MAX && look_at_first (ring, &id); i++)
    drop_first (ring);
  store (&ring->shared->parcels_settled, sent);
}
