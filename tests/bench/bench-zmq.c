/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ZeroMQ, for tools/bench: PUSH to PULL over ipc://, as it comes. A process has a context of its
 * own: one does not survive a fork. Prints nanoseconds.
 *
 *     bench-zmq push-pull CASE SIZE 1 1 0 MESSAGES
 */

#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#define RETRY_MS 1

static char addresses[2][64];
static void *context, *writing[2], *reading[2];

static void
must (int good)
{
  if (good)
    return;
  fprintf (stderr, "%s\n", zmq_strerror (zmq_errno ()));
  exit (3);
}

static void
create (void)
{
  for (int i = 0; i < 2; i++)
    snprintf (addresses[i], sizeof addresses[i], "ipc://@bench-zmq-%d-%d", getpid (), i);
}

static void *
new_socket (int type)
{
  void *socket;

  if (context == NULL)
    context = zmq_ctx_new ();
  must (context != NULL);
  socket = zmq_socket (context, type);
  must (socket != NULL);
  return socket;
}

static void
open_writer (int lane)
{
  int retry = RETRY_MS;

  writing[lane] = new_socket (ZMQ_PUSH);
  must (zmq_setsockopt (writing[lane], ZMQ_RECONNECT_IVL, &retry, sizeof retry) == 0);
  must (zmq_connect (writing[lane], addresses[lane]) == 0);
}

static void
open_reader (int lane)
{
  reading[lane] = new_socket (ZMQ_PULL);
  must (zmq_bind (reading[lane], addresses[lane]) == 0);
}

static void
put (int lane, long n)
{
  for (; n > 0; n--)
    must (zmq_send (writing[lane], channel_plan.buffer, channel_plan.size, 0) >= 0);
}

static void
get (int lane, long n)
{
  for (; n > 0; n--)
    must (zmq_recv (reading[lane], channel_plan.buffer, channel_plan.size, 0) >= 0);
}

int
main (int argc, char **argv)
{
  static const Channel channels[] = { { "push-pull", create, open_writer, open_reader, put, get } };

  return channel_main (argc, argv, channels, 1);
}
