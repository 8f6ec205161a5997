/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks beside the C library's own: one process, several threads, several processes. Prints one
 * table; each row is the median of several runs. */

#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 7
#define ROUNDS 1000000

typedef struct
{
  pthread_mutex_t mutex;
  _Atomic (guint32) go;
  guint64 counter; /* what the locks protect */
} Shared;

static Shared *shared;
static ShmobjLock *lock;

static void
with_lock (guint rounds)
{
  for (guint i = 0; i < rounds; i++)
    {
      shmobj_lock_acquire (lock, -1, NULL, NULL);
      shared->counter++;
      shmobj_lock_release (lock, NULL);
    }
}

static void
with_mutex (guint rounds)
{
  for (guint i = 0; i < rounds; i++)
    {
      pthread_mutex_lock (&shared->mutex);
      shared->counter++;
      pthread_mutex_unlock (&shared->mutex);
    }
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Nanoseconds per round, over all processes. */
static double
measure (void (*what) (guint), guint processes)
{
  double took[RUNS];

  for (guint run = 0; run < RUNS; run++)
    {
      gint64 start_us;

      shared->go = 0;
      for (guint i = 1; i < processes; i++)
        if (fork () == 0)
          {
            while (!shared->go)
              ;
            what (ROUNDS / processes);
            _exit (0);
          }
      start_us = g_get_monotonic_time ();
      shared->go = 1;
      what (ROUNDS / processes);
      for (guint i = 1; i < processes; i++)
        wait (NULL);
      took[run] = (g_get_monotonic_time () - start_us) * 1000.0 / ROUNDS;
    }
  qsort (took, RUNS, sizeof took[0], compare);
  return took[RUNS / 2];
}

int
main (void)
{
  static const guint processes[] = { 1, 2, 4, 8 };
  pthread_mutexattr_t attributes;

  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init (&shared->mutex, &attributes);
  lock = shmobj_lock_new (NULL);

  printf ("acquire + release, ns            ShmobjLock   robust pthread mutex\n");
  for (guint i = 0; i < G_N_ELEMENTS (processes); i++)
    printf ("%u process%s %26.1f %22.1f\n", processes[i], processes[i] == 1 ? "  " : "es",
            measure (with_lock, processes[i]), measure (with_mutex, processes[i]));
  return 0;
}
