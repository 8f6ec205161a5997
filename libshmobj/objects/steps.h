/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Something that is tried again whenever a descriptor is ready, until it gives an object: in a call
 * that waits, or without a thread (objects/steps.c). */

typedef enum
{
  STEP_WAIT, /* until @fd is readable or hangs up; if that is -1, for @look_us */
  STEP_DONE,
  STEP_FAILED,
} StepResult;

typedef struct _Steps Steps;

struct _Steps
{
  /* Never blocks. */
  StepResult (*step) (Steps *steps, GObject **result, GError **error);
  void (*done) (Steps *steps); /* (nullable): frees what @data is, before the result is told */
  gpointer data;
  int fd;
  gint64 look_us;        /* how long to wait where there is no descriptor; 0: a moment */
  GCancellable *closing; /* (unowned) (nullable): the object was closed; lives as long as the task's
                            source object */
  const char *closed;    /* what is said then */
  const char *late;      /* and when the time ran out: this, with TIMED_OUT */
  void (*set_late) (Steps *steps, GError **error); /* (nullable): says so instead */
};

/* For what no descriptor tells: how long to wait for the next look at it. Soon at first, then after
 * a quarter of the time that it has lasted, and 50 times a second in the end. */
static inline gint64
steps_next_look_us (gint64 begun_us)
{
  return CLAMP ((g_get_monotonic_time () - begun_us) / 4, 1000, 20000);
}

/* NULL with @error: CANCELLED, TIMED_OUT, SHMOBJ_ERROR_CLOSED, or what a step said. */
GObject *steps_run (Steps *steps, gint64 timeout_us, GCancellable *cancellable, GError **error);

/* The same; completes @task, which it takes over. @steps is copied. */
void steps_run_async (const Steps *steps, gint64 timeout_us, GTask *task);

/* @source is dispatched when @cancellable (nullable) is cancelled, too. Returns: (nullable): what
 * does that, @source's own; it may be removed. */
GSource *steps_add_cancellable (GSource *source, GCancellable *cancellable);
