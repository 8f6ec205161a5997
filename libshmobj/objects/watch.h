/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"

#include <gio/gio.h>

/* Waiting for an object in an arena without a thread (objects/watch.c). */

typedef enum
{
  WATCH_LOOK,      /* something may have changed: look, and if it is so, return the task */
  WATCH_TIMED_OUT, /* look once more was in vain: return the task with that error */
  WATCH_CANCELLED, /* return the task with that error, and take nothing */
} WatchReason;

/* Called in the task's main context. TRUE: the task has returned, and the watch is over. */
typedef gboolean (*WatchFunc) (GTask *task, WatchReason reason);

/* Takes @task over. On failure it returns the error by the task. */
void watch_start (GTask *task, Arena *arena, gint64 deadline_us, WatchFunc look);
