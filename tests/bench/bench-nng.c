/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* nng, for tools/bench: its pipeline (push to pull) over ipc, as it comes but for the limit on a
 * message's size. It starts threads, so each process opens its own. Prints nanoseconds.
 *
 *     bench-nng pipeline CASE SIZE 1 1 0 MESSAGES
 */

#include "channel.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TRIES 2000 /* of 1 ms, until the other side listens */

static char addresses[2][64];
static nng_socket writing[2], reading[2];

static void
must (int status)
{
  if (status == 0)
    return;
  fprintf (stderr, "%s\n", nng_strerror (status));
  exit (3);
}

static void
create (void)
{
  for (int i = 0; i < 2; i++)
    snprintf (addresses[i], sizeof addresses[i], "abstract://bench-nng-%d-%d", getpid (), i);
}

static void
open_writer (int lane)
{
  int status;

  must (nng_push0_open (&writing[lane]));
  for (int i = 0; (status = nng_dial (writing[lane], addresses[lane], NULL, 0)) == NNG_ECONNREFUSED;
       i++)
    {
      if (i == TRIES)
        must (status);
      usleep (1000);
    }
  must (status);
}

static void
open_reader (int lane)
{
  must (nng_pull0_open (&reading[lane]));
  must (nng_socket_set_size (reading[lane], NNG_OPT_RECVMAXSZ, 0)); /* any size */
  must (nng_listen (reading[lane], addresses[lane], NULL, 0));
}

static void
put (int lane, long n)
{
  for (; n > 0; n--)
    must (nng_send (writing[lane], channel_plan.buffer, channel_plan.size, 0));
}

static void
get (int lane, long n)
{
  for (; n > 0; n--)
    {
      size_t size = channel_plan.size;

      must (nng_recv (reading[lane], channel_plan.buffer, &size, 0));
    }
}

int
main (int argc, char **argv)
{
  static const Channel channels[] = { { "pipeline", create, open_writer, open_reader, put, get } };

  return channel_main (argc, argv, channels, 1);
}
