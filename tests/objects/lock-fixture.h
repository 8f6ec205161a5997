/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of locks and events share. */

#include "../count-fds.h"

#include <gio/gio.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND G_USEC_PER_SEC
#define LONG_US (60 * SECOND) /* a deadline that only a bug reaches */

/* Memory that children see too, all zeros. */
static inline gpointer
shared_memory (gsize size)
{
  gpointer memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (memory != MAP_FAILED);
  return memory;
}

/* Runs in a child; it must end with _exit(). */
#define IN_CHILD(pid) if (((pid) = fork ()) == 0)

static inline void
assert_exit (pid_t pid, int expected_status)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, expected_status);
}

/* @n, or fewer under a tool that makes everything slow. */
static inline guint
rounds (guint n)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  return slower != NULL ? MAX (n / MAX (g_ascii_strtoull (slower, NULL, 10), 1), 10) : n;
}

/* Waits until the first thread of process @pid sleeps in the kernel. */
static inline void
await_sleep (pid_t pid)
{
  gint64 until_us = g_get_monotonic_time () + LONG_US;

  for (;;)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
      g_autofree char *stat = NULL;

      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_assert_true (g_file_get_contents (path, &stat, NULL, NULL));
      if (strrchr (stat, ')')[2] == 'S')
        return;
      g_usleep (500);
    }
}

static inline void
await (_Atomic (guint32) *word, guint32 value)
{
  gint64 until_us = g_get_monotonic_time () + LONG_US;

  while (*word != value)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (100);
    }
}

/* An asynchronous call and its outcome. */
typedef struct
{
  gboolean done, success;
  GError *error;
} Outcome;

static inline void
iterate_until (const gboolean *done)
{
  gint64 until_us = g_get_monotonic_time () + LONG_US;

  while (!*done)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_main_context_iteration (NULL, TRUE);
    }
}
