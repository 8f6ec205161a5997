/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The descriptors of messages, between the ring's parcels (base/parcel.c) and GIO's lists, and what
 * is said when they cannot go or did not come. */

#include "objects/message-fds.h"

#include "base/shmobj-error.h"
#include "objects/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* EAGAIN: the socket is full; ETOOMANYREFS: the user's processes have too many under way. */
gboolean
message_fds_may_go_later (int code)
{
  return code == EAGAIN || code == ETOOMANYREFS || code == ENOBUFS || code == ENOMEM;
}

gboolean
message_fds_is_over (int code)
{
  return code == EPIPE || code == ECONNRESET || code == ENOTCONN;
}

void
message_fds_set_unsent_error (int code, GError **error)
{
  struct rlimit limit = { 0 };

  getrlimit (RLIMIT_NOFILE, &limit);
  if (message_fds_is_over (code))
    channel_set_over_error ("pipe", error);
  else if (code == EAGAIN)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "The pipe had no room for more messages with descriptors in time");
  else if (code == ETOOMANYREFS)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "More descriptors are under way between this user's processes than its limit of "
                 "open files allows (%" G_GUINT64_FORMAT "), and nobody received some in time",
                 (guint64) limit.rlim_cur);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                 "Cannot send a message's descriptors: %s", g_strerror (code));
}

void
message_fds_set_bad_error (const Parcel *parcel, GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "The descriptors of the pipe's message with descriptors number %" G_GUINT64_FORMAT
               " are missing, or not as many as it says; it is lost, others are not",
               parcel->id);
}

gboolean
message_fds_lend (GUnixFDList *fds, Parcel *parcel, GError **error)
{
  gint n = 0;
  const int *peeked = g_unix_fd_list_peek_fds (fds, &n);

  if (n > PARCEL_FDS_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "The message has %d descriptors; one message takes %d at the most", n,
                   PARCEL_FDS_MAX);
      return FALSE;
    }
  parcel->n_fds = n;
  memcpy (parcel->fds, peeked, n * sizeof (int));
  return TRUE;
}

GUnixFDList *
message_fds_take (Parcel *parcel)
{
  return parcel->n_fds > 0 ? g_unix_fd_list_new_from_array (parcel->fds, parcel->n_fds) : NULL;
}
