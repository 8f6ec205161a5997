/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's own channels, for tools/bench: a pipe, a socketpair, a POSIX message queue. Several
 * may write to a pipe and read from it as long as a message is at most PIPE_BUF bytes; a socketpair
 * is for one and one. Prints nanoseconds.
 *
 *     bench-kernel pipe|socketpair|packets|mqueue CASE SIZE WRITERS READERS DEPTH MESSAGES
 */

#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int writing[2], reading[2];
static mqd_t queues[2];

static void
must (int good, const char *what)
{
  if (!good)
    run_fail (what);
}

/* ---- streams ---- */

static void
pipe_create (void)
{
  for (int i = 0; i < channel_plan.lanes; i++)
    {
      int ends[2];

      must (pipe2 (ends, O_CLOEXEC) == 0, "pipe");
      fcntl (ends[1], F_SETPIPE_SZ, 1024 * 1024); /* if we may */
      reading[i] = ends[0];
      writing[i] = ends[1];
    }
}

/* Both lanes are the two directions of one. */
static void
sockets_create (int type)
{
  int ends[2], size = 1024 * 1024;

  must (socketpair (AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  for (int i = 0; i < 2; i++)
    setsockopt (ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  writing[0] = reading[1] = ends[0];
  reading[0] = writing[1] = ends[1];
}

static void
socketpair_create (void)
{
  sockets_create (SOCK_STREAM);
}

static void
packets_create (void)
{
  sockets_create (SOCK_SEQPACKET);
}

static void
stream_put (int lane, long n)
{
  for (; n > 0; n--)
    for (size_t at = 0; at < channel_plan.size;)
      {
        ssize_t done = write (writing[lane], channel_plan.buffer + at, channel_plan.size - at);

        must (done > 0, "write");
        at += done;
      }
}

static void
stream_get (int lane, long n)
{
  for (; n > 0; n--)
    for (size_t at = 0; at < channel_plan.size;)
      {
        ssize_t done = read (reading[lane], channel_plan.buffer + at, channel_plan.size - at);

        must (done > 0, "read");
        at += done;
      }
}

/* ---- message queues ---- */

#define USUAL_DEPTH 10 /* what /proc/sys/fs/mqueue allows everybody */

static void
mqueue_create (void)
{
  struct mq_attr attributes = { .mq_maxmsg =
                                    channel_plan.depth > 0 ? channel_plan.depth : USUAL_DEPTH,
                                .mq_msgsize = channel_plan.size };

  for (int i = 0; i < channel_plan.lanes; i++)
    {
      char name[64];

      snprintf (name, sizeof name, "/bench-mqueue-%d-%d", getpid (), i);
      queues[i] = mq_open (name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
      must (queues[i] != (mqd_t) -1, "mq_open");
      mq_unlink (name);
    }
}

static void
mqueue_put (int lane, long n)
{
  for (; n > 0; n--)
    must (mq_send (queues[lane], channel_plan.buffer, channel_plan.size, 0) == 0, "mq_send");
}

static void
mqueue_get (int lane, long n)
{
  for (; n > 0; n--)
    must (mq_receive (queues[lane], channel_plan.buffer, channel_plan.size, NULL) >= 0,
          "mq_receive");
}

static const Channel channels[] = {
  { "pipe", pipe_create, NULL, NULL, stream_put, stream_get },
  { "socketpair", socketpair_create, NULL, NULL, stream_put, stream_get },
  { "packets", packets_create, NULL, NULL, stream_put, stream_get },
  { "mqueue", mqueue_create, NULL, NULL, mqueue_put, mqueue_get },
};

int
main (int argc, char **argv)
{
  return channel_main (argc, argv, channels, sizeof channels / sizeof channels[0]);
}
