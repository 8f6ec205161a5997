/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The cases of every channel. A worker opens its end when it is asked for 0 messages, and calls the
 * channel's own loop for many; a round trip calls it for one at a time. */

#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARES_STEP 16

ChannelPlan channel_plan = { .size = 64, .writers = 1, .readers = 1, .lanes = 1 };

static const Channel *channel;

static void
open_writer (int lane)
{
  if (channel->open_writer != NULL)
    channel->open_writer (lane);
}

static void
open_reader (int lane)
{
  if (channel->open_reader != NULL)
    channel->open_reader (lane);
}

static void
put (void *data, long n)
{
  if (n == 0)
    open_writer (0);
  else
    channel->put (0, n);
}

static void
get (void *data, long n)
{
  if (n == 0)
    open_reader (0);
  else
    channel->get (0, n);
}

static void
here (void *data, long n)
{
  if (n == 0)
    {
      open_reader (1);
      open_writer (0);
    }
  for (; n > 0; n--)
    {
      channel->put (0, 1);
      channel->get (1, 1);
    }
}

static void
there (void *data, long n)
{
  if (n == 0)
    {
      open_reader (0);
      open_writer (1);
    }
  for (; n > 0; n--)
    {
      channel->get (0, 1);
      channel->put (1, 1);
    }
}

static void
put_and_get (void *data, long n)
{
  for (; n > 0; n--)
    {
      channel->put (0, 1);
      channel->get (0, 1);
    }
}

static void
case_flow (long n)
{
  run_print (run_workers (put, channel_plan.writers, get, channel_plan.readers, NULL, n));
}

static void
case_trip (long n)
{
  run_print (run_pair (here, there, NULL, n));
}

static void
case_pair (long n)
{
  open_reader (0);
  open_writer (0);
  run_print (run_solo (put_and_get, NULL, n));
}

static void
case_shares (long n)
{
  double writer, reader;

  run_shares (put, channel_plan.writers, get, channel_plan.readers, NULL, SHARES_STEP, &writer,
              &reader);
  printf ("{\"writer\": %.4f, \"reader\": %.4f}\n", writer, reader);
}

static const struct
{
  const char *name;
  int lanes, asleep;
  void (*run) (long n);
} cases[] = {
  { "flow", 1, 0, case_flow },        { "trip", 2, 0, case_trip },
  { "trip-asleep", 2, 1, case_trip }, /* both on one CPU */
  { "pair", 1, 0, case_pair },        { "shares", 1, 0, case_shares },
};

static int
find_case (const char *name)
{
  for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (strcmp (name, cases[i].name) == 0)
      return i;
  return -1;
}

int
channel_main (int argc, char **argv, const Channel *channels, int n_channels)
{
  int which = argc > 2 ? find_case (argv[2]) : -1;

  for (int i = 0; which >= 0 && i < n_channels; i++)
    if (strcmp (argv[1], channels[i].name) == 0)
      channel = &channels[i];
  if (channel == NULL)
    {
      fprintf (stderr, "%s: no such channel or case\n", argv[0]);
      return 2;
    }
  channel_plan.size = run_number (argc, argv, 3, 64);
  channel_plan.writers = run_number (argc, argv, 4, 1);
  channel_plan.readers = run_number (argc, argv, 5, 1);
  channel_plan.depth = run_number (argc, argv, 6, 0);
  channel_plan.lanes = cases[which].lanes;
  channel_plan.asleep = cases[which].asleep;
  channel_plan.buffer = malloc (channel_plan.size);
  if (channel_plan.buffer == NULL)
    run_fail ("malloc");
  memset (channel_plan.buffer, 1, channel_plan.size);
  if (channel_plan.asleep)
    run_on_one_cpu ();
  channel->create ();
  cases[which].run (run_number (argc, argv, 7, 1000));
  return 0;
}
