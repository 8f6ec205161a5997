/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of messages whose holder dies share. */

#include "../objects/queue-fixture.h"

#include "base/sys.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_US (60 * (gint64) G_USEC_PER_SEC)

static SysCalls real; /* while a test has its own in the place of some */
static pid_t holder;

static inline void
end (pid_t child)
{
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
}

/* A process that has received the message @number, and does nothing more. */
static inline pid_t
start_holder (ShmobjQueue *queue, int number)
{
  g_autoptr (ShmobjQueue) ready = new_queue (0, 0);
  pid_t child;

  put_int (queue, number);
  child = fork ();
  if (child == 0)
    {
      g_autoptr (ShmobjMessage) held = shmobj_queue_receive (queue, -1, NULL, NULL);

      put_int (ready, held != NULL);
      for (;;)
        pause ();
    }
  g_assert_cmpint (get_int (ready), ==, TRUE);
  return child;
}
