/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/guard.h"
#include "base/lock.h"

#include <gio/gio.h>

/* What all processes share of it, in the segment. */
typedef struct
{
  LockShared lock;
  _Atomic (guint32) turn; /* tells one time that somebody has it from another */
} GateLockShared;

/* How far the store is on the disk (store-checkpoint.c). Stored inside the gate. */
typedef struct
{
  _Atomic (gint64) state_us;
  _Atomic (guint64) commit; /* the one that the checkpoint has, when there is one */
} CheckpointShared;

typedef struct
{
  LAYOUT_LINE Guard guard;
  LAYOUT_LINE GuardStatistics statistics;
  LAYOUT_LINE GateLockShared reserved; /* by one in a transaction over several objects */
  LAYOUT_LINE GateLockShared next;     /* by the next who will have `reserved` */
  LAYOUT_LINE CheckpointShared checkpoint;
} GateShared;

/* What one process has of either. */
typedef struct
{
  Lock lock;
  _Atomic (guint32) *turn;
  _Atomic (guint64) seen; /* in the way: turn << 32 | owner */
  _Atomic (gint64) since; /* stored before `seen` */
} GateLock;

#define GATE_PATIENCE_US (10 * G_USEC_PER_SEC) /* in the beginning */

/* The writers' gate: one thread of one process, of all that use a manager's directory. */
typedef struct
{
  Segment segment; /* the file “gate” */
  Participants participants;
  GateShared *shared;       /* in the segment */
  WatchersShared *watchers; /* those who wait for what passes the gate (watchers.c) */
  GateLock reserved, next;
  _Atomic (gint64) patience_us; /* that we have with one who keeps it reserved; -1: no end */
  _Atomic (guintptr) in_line;   /* the thread that keeps `next` between two attempts; 0: none */
} Gate;

/* Asked now and then by whoever waits at any gate, where it is not NULL: should the wait end? (A
 * language whose Ctrl-C is only a mark until somebody looks.) Stored once, when the process begins.
 */
typedef gboolean (*GateInterrupt) (void);
extern _Atomic (GateInterrupt) gate_interrupt;

/* Makes the file, in a directory where nobody else is yet. */
gboolean gate_create (int directory_fd, GError **error);
gboolean gate_open (Gate *gate, int directory_fd, GError **error);
void gate_close (Gate *gate);

/* For one write. Errors: CANCELLED (also by gate_interrupt); BUSY when @timeout_us have passed
 * (names who is inside, or has it reserved). */
gboolean gate_enter (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error);
void gate_leave (Gate *gate);
/* Is somebody inside who lives? TRUE also when we cannot ask. */
gboolean gate_is_busy (Gate *gate);

/* Keeps the writes of all others out until gate_unreserve(), while ours come in. After patience_us
 * somebody may take the reservation away: gate_is_reserved() says whether it still is this
 * process's. Which of its threads has it, the caller knows. Errors as above. */
gboolean gate_reserve (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error);
/* One attempt that does not wait, for a main loop: BUSY when it is not this process's turn yet.
 * Whoever is the next one keeps his turn until his next attempt. */
gboolean gate_reserve_in_line (Gate *gate, GError **error);
/* Gives that turn up. */
void gate_leave_line (Gate *gate);
void gate_unreserve (Gate *gate);
gboolean gate_is_reserved (Gate *gate);
/* In place of gate_enter(), for the one who reserved it. */
gboolean
gate_enter_reserved (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error);
