/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* iceoryx, for tools/bench: one publisher and one subscriber through its C binding, the publisher
 * waiting while the subscriber's queue is full. The message is copied into the loaned chunk and out
 * of it, as our put and get do. Who waits polls; to sleep it waits in a wait set. Its daemon,
 * RouDi, is started with memory for the messages asked for, and ended. Prints nanoseconds.
 *
 *     bench-iceoryx publish CASE SIZE 1 1 0 MESSAGES
 */

#include "channel.h"

#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES (16UL * 1024 * 1024) /* of chunks, if that is enough for the fewest */
#define FEWEST 4
#define MOST 250    /* a subscriber's queue holds 256 at most */
#define SPARE 2     /* chunks that are not in the queue: being written, being read */
#define TRIES 10000 /* of 1 ms, for the daemon and for the other side */

static int roudi, owner;
static char config[] = "/tmp/bench-iceoryx-XXXXXX";
static const char *lanes[2] = { "there", "back" };

static iox_pub_storage_t publisher_storage[2];
static iox_sub_storage_t subscriber_storage[2];
static iox_ws_storage_t wait_set_storage[2];
static iox_pub_t publishers[2];
static iox_sub_t subscribers[2];
static iox_ws_t wait_sets[2];

static void
must (int good, const char *what)
{
  if (good)
    return;
  fprintf (stderr, "iceoryx: %s\n", what);
  exit (3);
}

/* ---- the daemon ---- */

static unsigned long
n_chunks (void)
{
  unsigned long n = BYTES / channel_plan.size;

  return n < FEWEST ? FEWEST : n > MOST ? MOST : n;
}

static void
write_config (void)
{
  int fd = mkstemp (config);
  FILE *file = fd >= 0 ? fdopen (fd, "w") : NULL;

  must (file != NULL, "no file for its configuration");
  fprintf (file,
           "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = %zu\ncount = %lu\n",
           (channel_plan.size + 31) / 32 * 32, n_chunks ());
  fclose (file);
}

static void
end_roudi (void)
{
  if (getpid () != owner)
    return;
  kill (roudi, SIGTERM);
  waitpid (roudi, NULL, 0);
  unlink (config);
}

/* Returns when it says that it is ready. */
static void
start_roudi (void)
{
  int ends[2];
  char line[256];
  FILE *output;

  must (pipe (ends) == 0, "no pipe");
  roudi = run_fork ();
  if (roudi == 0)
    {
      dup2 (ends[1], STDOUT_FILENO);
      dup2 (ends[1], STDERR_FILENO);
      execlp ("iox-roudi", "iox-roudi", "-m", "off", "-c", config, NULL);
      _exit (3);
    }
  owner = getpid ();
  atexit (end_roudi);
  close (ends[1]);
  output = fdopen (ends[0], "r");
  do
    must (fgets (line, sizeof line, output) != NULL, "its daemon did not start");
  while (strstr (line, "ready for clients") == NULL);
  /* The pipe stays open: a daemon that cannot write dies. */
}

static void
create (void)
{
  write_config ();
  start_roudi ();
}

/* ---- ends ---- */

static void
start_runtime (void)
{
  static int started;
  char name[64];

  if (started++ > 0)
    return;
  snprintf (name, sizeof name, "bench-%d", getpid ());
  iox_set_loglevel (Iceoryx_LogLevel_Off);
  iox_runtime_init (name); /* the library says good-bye at exit() */
}

static void
open_writer (int lane)
{
  iox_pub_options_t options;
  int tries = TRIES;

  start_runtime ();
  iox_pub_options_init (&options);
  options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
  publishers[lane] =
      iox_pub_init (&publisher_storage[lane], "bench", lanes[lane], "data", &options);
  must (publishers[lane] != NULL, "no publisher");
  while (!iox_pub_has_subscribers (publishers[lane]))
    {
      must (tries-- > 0, "no subscriber came");
      usleep (1000);
    }
}

static void
open_reader (int lane)
{
  iox_sub_options_t options;

  start_runtime ();
  iox_sub_options_init (&options);
  options.queueCapacity = n_chunks () - SPARE;
  options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
  subscribers[lane] =
      iox_sub_init (&subscriber_storage[lane], "bench", lanes[lane], "data", &options);
  must (subscribers[lane] != NULL, "no subscriber");
  if (!channel_plan.asleep)
    return;
  wait_sets[lane] = iox_ws_init (&wait_set_storage[lane]);
  must (iox_ws_attach_subscriber_state (wait_sets[lane], subscribers[lane],
                                        SubscriberState_HAS_DATA, 0, NULL) == WaitSetResult_SUCCESS,
        "no wait set");
}

static void
put (int lane, long n)
{
  for (; n > 0; n--)
    {
      void *chunk;

      must (iox_pub_loan_chunk (publishers[lane], &chunk, channel_plan.size) ==
                AllocationResult_SUCCESS,
            "no chunk");
      memcpy (chunk, channel_plan.buffer, channel_plan.size);
      iox_pub_publish_chunk (publishers[lane], chunk);
    }
}

static void
wait_for_chunk (int lane)
{
  iox_notification_info_t info[1];
  uint64_t missed;

  if (channel_plan.asleep)
    iox_ws_wait (wait_sets[lane], info, 1, &missed);
}

static void
get (int lane, long n)
{
  for (; n > 0; n--)
    {
      const void *chunk;

      while (iox_sub_take_chunk (subscribers[lane], &chunk) != ChunkReceiveResult_SUCCESS)
        wait_for_chunk (lane);
      memcpy (channel_plan.buffer, chunk, channel_plan.size);
      iox_sub_release_chunk (subscribers[lane], chunk);
    }
}

int
main (int argc, char **argv)
{
  static const Channel channels[] = { { "publish", create, open_writer, open_reader, put, get } };

  return channel_main (argc, argv, channels, 1);
}
