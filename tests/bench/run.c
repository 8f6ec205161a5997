/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes for the benchmark. Workers say that they are ready, spin until all are, and note when
 * they end: starting them is no part of what is measured. Where there are CPUs enough, each has one
 * of its own: which of them share one is else a matter of luck, and decides more than anything that
 * is measured. A worker dies with its parent, so an interrupted run leaves nothing behind. */

#include "run.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 8 /* that part of the messages goes before */

typedef struct
{
  _Atomic (int) ready, go;
  _Atomic (long) ended_ns;
} Start;

static long
clock_ns (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

void
run_fail (const char *what)
{
  perror (what);
  _exit (3);
}

void *
run_shared (unsigned long size)
{
  void *memory =
      mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

  if (memory == MAP_FAILED)
    run_fail ("mmap");
  return memory;
}

int
run_fork (void)
{
  pid_t parent = getpid (), child = fork ();

  if (child < 0)
    run_fail ("fork");
  if (child == 0 && (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid () != parent))
    _exit (3);
  return child;
}

void
run_wait (int children)
{
  int status;

  for (; children > 0; children--)
    if (wait (&status) < 0 || status != 0)
      run_fail ("a worker failed");
}

static void
wait_for (_Atomic (int) *word, int value)
{
  while (atomic_load (word) != value)
    sched_yield ();
}

/* Number @i of @all goes to the CPU of that number among those that we may use. */
static void
take_own_cpu (int i, int all)
{
  cpu_set_t allowed, own;

  if (sched_getaffinity (0, sizeof allowed, &allowed) != 0 || CPU_COUNT (&allowed) < all)
    return;
  CPU_ZERO (&own);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET (cpu, &allowed) && i-- == 0)
      CPU_SET (cpu, &own);
  if (sched_setaffinity (0, sizeof own, &own) != 0)
    run_fail ("sched_setaffinity");
}

static void
work_in_child (Start *start, int i, int all, RunWork work, void *data, long n)
{
  long now, seen;

  if (run_fork () != 0)
    return;
  take_own_cpu (i, all);
  atomic_fetch_add (&start->ready, 1);
  wait_for (&start->go, 1);
  work (data, n);
  now = clock_ns (CLOCK_MONOTONIC);
  seen = atomic_load (&start->ended_ns);
  while (now > seen && !atomic_compare_exchange_weak (&start->ended_ns, &seen, now))
    ;
  _exit (0);
}

static double
one_round (RunWork write, int writers, RunWork read, int readers, void *data, long total)
{
  Start *start = run_shared (sizeof *start);
  long started_ns;
  double took;

  for (int i = 0; i < readers; i++)
    work_in_child (start, i, writers + readers, read, data, total / readers);
  for (int i = 0; i < writers; i++)
    work_in_child (start, readers + i, writers + readers, write, data, total / writers);
  wait_for (&start->ready, writers + readers);
  started_ns = clock_ns (CLOCK_MONOTONIC);
  atomic_store (&start->go, 1);
  run_wait (writers + readers);
  took = (double) (atomic_load (&start->ended_ns) - started_ns) / total;
  munmap (start, sizeof *start);
  return took;
}

double
run_workers (RunWork write, int writers, RunWork read, int readers, void *data, long total)
{
  long whole = (long) writers * readers, warm_up = total / WARM_UP;

  one_round (write, writers, read, readers, data, (warm_up + whole - 1) / whole * whole);
  return one_round (write, writers, read, readers, data, (total + whole - 1) / whole * whole);
}

double
run_pair (RunWork here, RunWork there, void *data, long n)
{
  Start *start = run_shared (sizeof *start);
  cpu_set_t allowed;
  long took_ns;

  work_in_child (start, 1, 2, there, data, n);
  if (sched_getaffinity (0, sizeof allowed, &allowed) != 0)
    run_fail ("sched_getaffinity");
  take_own_cpu (0, 2);
  wait_for (&start->ready, 1);
  atomic_store (&start->go, 1);
  took_ns = clock_ns (CLOCK_MONOTONIC);
  here (data, n);
  took_ns = clock_ns (CLOCK_MONOTONIC) - took_ns;
  run_wait (1);
  sched_setaffinity (0, sizeof allowed, &allowed);
  munmap (start, sizeof *start);
  return (double) took_ns / n;
}

static double
run_by (clockid_t clock, RunWork work, void *data, long n)
{
  long started_ns;

  work (data, (n + WARM_UP - 1) / WARM_UP);
  started_ns = clock_ns (clock);
  work (data, n);
  return (double) (clock_ns (clock) - started_ns) / n;
}

double
run_solo (RunWork work, void *data, long n)
{
  return run_by (CLOCK_PROCESS_CPUTIME_ID, work, data, n);
}

double
run_served (RunWork work, void *data, long n)
{
  return run_by (CLOCK_MONOTONIC, work, data, n);
}

void
run_on_one_cpu (void)
{
  cpu_set_t one;

  CPU_ZERO (&one);
  CPU_SET (sched_getcpu (), &one);
  if (sched_setaffinity (0, sizeof one, &one) != 0)
    run_fail ("sched_setaffinity");
}

long
run_number (int argc, char **argv, int i, long otherwise)
{
  return i < argc ? atol (argv[i]) : otherwise;
}
