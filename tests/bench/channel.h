/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the benchmark does with a channel, ours or a peer's: messages one way, round trips, put and
 * get in one process, shares (tests/bench/channel.c). A program has one or more of them and calls
 * channel_main(). C and C++. */

#include "run.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C"
{
#endif

  /* What is asked for. A round trip goes through lane 0 there and through lane 1 back. */
  typedef struct
  {
    size_t size; /* of each message */
    int writers, readers, lanes;
    long depth;   /* messages that fit, at most; 0: as many as is usual for the channel */
    int asleep;   /* who waits should sleep at once */
    char *buffer; /* of @size, one in each process */
  } ChannelPlan;

  extern ChannelPlan channel_plan;

  typedef struct
  {
    const char *name;
    void (*create) (void); /* before there are workers */
    /* In the process that will use it, before put and get: may be left out. */
    void (*open_writer) (int lane);
    void (*open_reader) (int lane);
    void (*put) (int lane, long n);
    void (*get) (int lane, long n);
  } Channel;

  /* PROGRAM CHANNEL CASE SIZE WRITERS READERS DEPTH MESSAGES */
  int channel_main (int argc, char **argv, const Channel *channels, int n_channels);

#ifdef __cplusplus
}
#endif
