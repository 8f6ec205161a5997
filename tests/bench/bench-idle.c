/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What sleepers cost who wait for a queue that stays empty: how often each wakes, and what CPU time
 * each uses, in one second.
 *
 *     bench-idle SLEEPERS [SECONDS]
 */

#include "run.h"

#include <shmobj.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64
#define SETTLE_US 1200000

typedef struct
{
  long switches, cpu_ns;
} Cost;

/* The number behind a name in a file about a process. */
static long
number_in (int pid, const char *file, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", pid, file);
  FILE *stream = fopen (path, "r");
  char line[256];
  long number = -1;

  if (stream == NULL)
    run_fail (path);
  while (number < 0 && fgets (line, sizeof line, stream) != NULL)
    if (g_str_has_prefix (line, name))
      number = atol (line + strlen (name));
  fclose (stream);
  if (number < 0)
    run_fail (path);
  return number;
}

static Cost
cost_of (int pid)
{
  return (Cost){ number_in (pid, "status", "voluntary_ctxt_switches:"),
                 number_in (pid, "schedstat", "") };
}

static void
sleeper (ShmobjQueue *queue)
{
  guint8 buffer[64];

  shmobj_queue_get_into (queue, buffer, sizeof buffer, -1, NULL);
  _exit (3); /* nobody puts anything */
}

int
main (int argc, char **argv)
{
  int n = run_number (argc, argv, 1, 1), pids[MOST];
  double seconds = run_number (argc, argv, 2, 3);
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (0, 0, NULL);
  Cost sum = { 0, 0 }, before[MOST];

  if (queue == NULL || n < 1 || n > MOST)
    return 2;
  for (int i = 0; i < n; i++)
    if ((pids[i] = run_fork ()) == 0)
      sleeper (queue);
  g_usleep (SETTLE_US); /* until the pool's slices have grown to their longest */
  for (int i = 0; i < n; i++)
    before[i] = cost_of (pids[i]);
  g_usleep (seconds * G_USEC_PER_SEC);
  for (int i = 0; i < n; i++)
    {
      Cost after = cost_of (pids[i]);

      sum.switches += after.switches - before[i].switches;
      sum.cpu_ns += after.cpu_ns - before[i].cpu_ns;
      kill (pids[i], SIGKILL);
      waitpid (pids[i], NULL, 0);
    }
  printf ("{\"wakeups\": %.3f, \"cpu_us\": %.3f}\n", sum.switches / n / seconds,
          sum.cpu_ns / 1000.0 / n / seconds);
  return 0;
}
