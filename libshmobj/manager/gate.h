/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/guard.h"

#include <gio/gio.h>

/* The writers' gate: one thread of one process, of all that use a manager's directory. */
typedef struct
{
  Segment segment; /* the file “gate” */
  Participants participants;
  Guard *guard; /* in the segment */
  GuardStatistics *statistics;
  WatchersShared *watchers; /* those who wait for what passes the gate (watchers.c) */
} Gate;

/* Makes the file, in a directory where nobody else is yet. */
gboolean gate_create (int directory_fd, GError **error);
gboolean gate_open (Gate *gate, int directory_fd, GError **error);
void gate_close (Gate *gate);

/* Errors: CANCELLED; BUSY when @timeout_us have passed (names who is inside). */
gboolean gate_enter (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error);
void gate_leave (Gate *gate);
/* Is somebody inside who lives? TRUE also when we cannot ask. */
gboolean gate_is_busy (Gate *gate);
