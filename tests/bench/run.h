/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How every program of the benchmark runs what it measures: in worker processes, as a round trip
 * between two, or alone (tests/bench/run.c). C and C++. */

#ifdef __cplusplus
extern "C"
{
#endif

  /* Does @n rounds. A worker is first called with 0: time to open what it needs. */
  typedef void (*RunWork) (void *data, long n);

  /* For one message or round. What was not measured is -1. */
  typedef struct
  {
    double ns;                /* by the clock; of run_solo() CPU time */
    double cpu_ns;            /* CPU time of all that took part */
    double sleeps;            /* how often one of them slept: voluntary context switches */
    double median_ns, p99_ns; /* of single rounds, each between two readings of the clock */
  } RunResult;

  /* @total messages through @writers and @readers, or none of these, that start together, until the
   * last is done. A shorter round that is not counted goes before, in the same processes. */
  RunResult
  run_workers (RunWork write, int writers, RunWork read, int readers, void *data, long total);

  /* @n round trips: @here in this process, @there in another. */
  RunResult run_pair (RunWork here, RunWork there, void *data, long n);

  /* @n rounds in this process alone, its CPU time: others on the machine do not count. */
  RunResult run_solo (RunWork work, void *data, long n);

  /* The same by the clock on the wall: what somebody else does for us counts. */
  RunResult run_served (RunWork work, void *data, long n);

  /* What single workers get done while all of them run for a second, as a share of the mean of
   * their side: that of the worst writer, and of the worst reader. Each work does @step at a time.
   */
  void run_shares (RunWork write,
                   int writers,
                   RunWork read,
                   int readers,
                   void *data,
                   long step,
                   double *worst_writer,
                   double *worst_reader);

  /* Prints a result for tools/bench. */
  void run_print (RunResult result);

  /* This process and its children stay on one CPU from now on. */
  void run_on_one_cpu (void);

  /* Zeroed memory that children share. */
  void *run_shared (unsigned long size);

  /* A child that dies with us; 0 in the child. Ends the program when there can be none. */
  int run_fork (void);

  /* An argument as a number, or what it is when left out. */
  long run_number (int argc, char **argv, int i, long otherwise);

  /* Ends the program with a message. */
  void run_fail (const char *what) __attribute__ ((noreturn));

#ifdef __cplusplus
}
#endif
