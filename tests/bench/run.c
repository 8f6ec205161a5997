/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes for the benchmark. Workers open what they need, run a little that is not counted, wait
 * until all have, and note when they end: starting them is no part of what is measured. None leaves
 * before all have ended, because a library may still be sending what its worker was rid of. Where
 * there are CPUs enough, each has one of its own: which of them share one is else a matter of luck,
 * and decides more than anything that is measured. A worker dies with its parent, so an interrupted
 * run leaves nothing behind. */

#include "run.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 8     /* that part of the messages goes before */
#define SAMPLES 20000 /* single rounds that are timed, at most */
#define YIELDS 200    /* before a worker sleeps until the others are ready */
#define NAP_US 50
#define SHARES_US 1000000

typedef struct
{
  long cpu_ns, sleeps;
} Used;

typedef struct
{
  _Atomic (int) arrived, stage; /* who has ended a stage; which one may begin */
  _Atomic (long) ended_ns, cpu_ns, sleeps;
} Start;

typedef struct
{
  RunWork work;
  void *data;
  int i, all; /* which one of how many */
  long warm_up, n;
} Worker;

static long
clock_ns (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

static Used
used_by_us (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (Used){ (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000L +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000L,
                 usage.ru_nvcsw };
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

/* ---- stages ---- */

/* For workers: says that a stage is over, and waits until the parent begins the next. */
static void
arrive (Start *start, int stage)
{
  int now;

  atomic_fetch_add (&start->arrived, 1);
  for (int i = 0; (now = atomic_load (&start->stage)) < stage; i++)
    if (i < YIELDS)
      sched_yield ();
    else
      syscall (SYS_futex, &start->stage, FUTEX_WAIT, now, NULL, NULL, 0);
}

/* For the parent: waits until so many have arrived, as they all live. */
static void
gather (Start *start, int workers)
{
  while (atomic_load (&start->arrived) < workers)
    {
      if (waitpid (-1, NULL, WNOHANG) > 0)
        run_fail ("a worker failed");
      usleep (NAP_US);
    }
  atomic_store (&start->arrived, 0);
}

static void
begin (Start *start, int stage)
{
  atomic_store (&start->stage, stage);
  syscall (SYS_futex, &start->stage, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void
wait_for_children (int children)
{
  int status;

  for (; children > 0; children--)
    if (wait (&status) < 0 || status != 0)
      run_fail ("a worker failed");
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
note_end (Start *start, Used before)
{
  long now = clock_ns (CLOCK_MONOTONIC), seen = atomic_load (&start->ended_ns);
  Used after;

  while (now > seen && !atomic_compare_exchange_weak (&start->ended_ns, &seen, now))
    ;
  arrive (start, 3);
  after = used_by_us ();
  atomic_fetch_add (&start->cpu_ns, after.cpu_ns - before.cpu_ns);
  atomic_fetch_add (&start->sleeps, after.sleeps - before.sleeps);
}

static void
start_worker (Start *start, Worker worker)
{
  Used before;

  if (run_fork () != 0)
    return;
  take_own_cpu (worker.i, worker.all);
  worker.work (worker.data, 0);
  arrive (start, 1);
  worker.work (worker.data, worker.warm_up);
  arrive (start, 2);
  before = used_by_us ();
  worker.work (worker.data, worker.n);
  note_end (start, before);
  exit (0);
}

RunResult
run_workers (RunWork write, int writers, RunWork read, int readers, void *data, long total)
{
  Start *start = run_shared (sizeof *start);
  long whole = (long) writers * (readers > 0 ? readers : 1), warm_up, started_ns;
  int all = writers + readers;
  RunResult result;

  warm_up = (total / WARM_UP / whole + 1) * whole; /* never 0, which means to open */
  total = (total + whole - 1) / whole * whole;
  for (int i = 0; i < all; i++)
    {
      int side = i < readers ? readers : writers;

      start_worker (start, (Worker){ i < readers ? read : write, data, i, all, warm_up / side,
                                     total / side });
    }
  gather (start, all);
  begin (start, 1);
  gather (start, all);
  started_ns = clock_ns (CLOCK_MONOTONIC);
  begin (start, 2);
  gather (start, all);
  begin (start, 3);
  wait_for_children (all);
  result = (RunResult){ (double) (start->ended_ns - started_ns) / total,
                        (double) start->cpu_ns / total, (double) start->sleeps / total, -1, -1 };
  munmap (start, sizeof *start);
  return result;
}

/* ---- round trips ---- */

static int
compare (const void *a, const void *b)
{
  long first = *(const long *) a, second = *(const long *) b;

  return (first > second) - (first < second);
}

static void
time_single_rounds (RunWork here, void *data, long n, RunResult *result)
{
  long *took_ns = calloc (n, sizeof *took_ns);

  if (took_ns == NULL)
    run_fail ("calloc");
  for (long i = 0; i < n; i++)
    {
      took_ns[i] = -clock_ns (CLOCK_MONOTONIC);
      here (data, 1);
      took_ns[i] += clock_ns (CLOCK_MONOTONIC);
    }
  qsort (took_ns, n, sizeof *took_ns, compare);
  result->median_ns = took_ns[n / 2];
  result->p99_ns = took_ns[n * 99 / 100];
  free (took_ns);
}

/* The other side: as many rounds as we, in step with us, so it needs no signs between the stages.
 */
static void
answer (Start *start, RunWork there, void *data, long warm_up, long n, long samples)
{
  Used before, after;

  if (run_fork () != 0)
    return;
  take_own_cpu (1, 2);
  there (data, 0);
  arrive (start, 1);
  there (data, warm_up);
  before = used_by_us ();
  there (data, n);
  after = used_by_us ();
  there (data, samples);
  atomic_store (&start->cpu_ns, after.cpu_ns - before.cpu_ns);
  atomic_store (&start->sleeps, after.sleeps - before.sleeps);
  arrive (start, 2);
  exit (0);
}

RunResult
run_pair (RunWork here, RunWork there, void *data, long n)
{
  Start *start = run_shared (sizeof *start);
  long warm_up = (n + WARM_UP - 1) / WARM_UP, samples = n < SAMPLES ? n : SAMPLES, took_ns;
  cpu_set_t allowed;
  Used before, after;
  RunResult result;

  answer (start, there, data, warm_up, n, samples);
  if (sched_getaffinity (0, sizeof allowed, &allowed) != 0)
    run_fail ("sched_getaffinity");
  take_own_cpu (0, 2);
  here (data, 0);
  gather (start, 1);
  begin (start, 1);
  here (data, warm_up);
  before = used_by_us ();
  took_ns = -clock_ns (CLOCK_MONOTONIC);
  here (data, n);
  took_ns += clock_ns (CLOCK_MONOTONIC);
  after = used_by_us ();
  time_single_rounds (here, data, samples, &result);
  gather (start, 1);
  begin (start, 2);
  wait_for_children (1);
  sched_setaffinity (0, sizeof allowed, &allowed);
  result.ns = (double) took_ns / n;
  result.cpu_ns = (double) (after.cpu_ns - before.cpu_ns + start->cpu_ns) / n;
  result.sleeps = (double) (after.sleeps - before.sleeps + start->sleeps) / n;
  munmap (start, sizeof *start);
  return result;
}

/* ---- alone ---- */

static RunResult
run_by (clockid_t clock, RunWork work, void *data, long n)
{
  long took_ns;

  work (data, (n + WARM_UP - 1) / WARM_UP);
  took_ns = -clock_ns (clock);
  work (data, n);
  took_ns += clock_ns (clock);
  return (RunResult){ (double) took_ns / n, -1, -1, -1, -1 };
}

RunResult
run_solo (RunWork work, void *data, long n)
{
  return run_by (CLOCK_PROCESS_CPUTIME_ID, work, data, n);
}

RunResult
run_served (RunWork work, void *data, long n)
{
  return run_by (CLOCK_MONOTONIC, work, data, n);
}

/* ---- shares ---- */

static double
worst_share (const long *done, int n)
{
  long least = LONG_MAX, sum = 0;

  for (int i = 0; i < n; i++)
    {
      sum += done[i];
      least = done[i] < least ? done[i] : least;
    }
  return sum > 0 ? (double) least * n / sum : 0;
}

void
run_shares (RunWork write,
            int writers,
            RunWork read,
            int readers,
            void *data,
            long step,
            double *worst_writer,
            double *worst_reader)
{
  int all = writers + readers;
  _Atomic (long) *done = run_shared (all * sizeof *done);
  Start *start = run_shared (sizeof *start);
  long *count = calloc (all, sizeof *count);

  if (count == NULL)
    run_fail ("calloc");
  for (int i = 0; i < all; i++)
    if (run_fork () == 0)
      {
        RunWork work = i < readers ? read : write;

        work (data, 0);
        for (arrive (start, 1);; atomic_fetch_add (&done[i], step))
          work (data, step);
      }
  gather (start, all);
  begin (start, 1);
  usleep (SHARES_US / WARM_UP);
  for (int i = 0; i < all; i++)
    count[i] = -atomic_load (&done[i]);
  usleep (SHARES_US);
  for (int i = 0; i < all; i++)
    count[i] += atomic_load (&done[i]);
  *worst_reader = worst_share (count, readers);
  *worst_writer = worst_share (count + readers, writers);
  free (count); /* the workers die with us */
}

/* ---- the rest ---- */

static void
print_if_known (const char *name, double value)
{
  if (value >= 0)
    printf (", \"%s\": %.6f", name, value);
}

void
run_print (RunResult result)
{
  printf ("{\"ns\": %.3f", result.ns);
  print_if_known ("cpu_ns", result.cpu_ns);
  print_if_known ("sleeps", result.sleeps);
  print_if_known ("median_ns", result.median_ns);
  print_if_known ("p99_ns", result.p99_ns);
  printf ("}\n");
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
