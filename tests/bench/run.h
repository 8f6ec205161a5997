/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How every program of the benchmark runs what it measures: in worker processes, as a round trip
 * between two, or alone (tests/bench/run.c). C and C++. */

#ifdef __cplusplus
extern "C"
{
#endif

  typedef void (*RunWork) (void *data, long n);

  /* Nanoseconds per message: @total of them through @writers and @readers that start together,
   * until the last one is done. A shorter round that is not counted goes before. */
  double
  run_workers (RunWork write, int writers, RunWork read, int readers, void *data, long total);

  /* Nanoseconds per round of @n: @here in this process, @there in another. */
  double run_pair (RunWork here, RunWork there, void *data, long n);

  /* Nanoseconds of this process's CPU time per round of @n: others on the machine do not count. */
  double run_solo (RunWork work, void *data, long n);

  /* The same by the clock on the wall: what somebody else does for us counts. */
  double run_served (RunWork work, void *data, long n);

  /* This process and its children stay on one CPU from now on. */
  void run_on_one_cpu (void);

  /* Zeroed memory that children share. */
  void *run_shared (unsigned long size);

  /* A child that dies with us; 0 in the child. Ends the program when there can be none. */
  int run_fork (void);
  /* Waits for so many children. Ends the program if one failed. */
  void run_wait (int children);

  /* An argument as a number, or what it is when left out. */
  long run_number (int argc, char **argv, int i, long otherwise);

  /* Ends the program with a message. */
  void run_fail (const char *what) __attribute__ ((noreturn));

#ifdef __cplusplus
}
#endif
