/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/connection-private.h"

/* One call that uses an end of a pipe and may wait (objects/connection-call.c). */

typedef struct
{
  ShmobjConnection *self;
  Ring *ring; /* the one it uses */
  gboolean sending;
  guint32 me;
  gint64 deadline_us;
  GCancellable *cancellable; /* (nullable) */
  gboolean *interrupted;     /* (nullable) */
  gboolean may_nap;          /* once */
} Call;

/* How a wait ended. */
typedef enum
{
  WAITED_AGAIN, /* look again */
  WAITED_OVER,  /* nobody holds the other end; look once more */
  WAITED_TIMED_OUT,
  WAITED_CANCELLED,
  WAITED_INTERRUPTED,
  WAITED_IN_VAIN, /* more waiting would not help */
} Waited;

#define CALL_LATE_TO_RECEIVE "Nothing came through the pipe in time"
#define CALL_LATE_TO_SEND "The pipe had no room in time"

/* Enters the connection; call_end() leaves it. */
gboolean call_begin (Call *call,
                     ShmobjConnection *self,
                     gboolean sending,
                     gint64 timeout_us,
                     GCancellable *cancellable,
                     gboolean *interrupted,
                     GError **error);
void call_end (Call *call);

/* After a try in vain: spins, then says in @patience that the next try naps, or arms the bell and
 * sleeps. @stored: what room is needed for. */
Waited call_wait (Call *call, gsize stored, RingPatience *patience);
/* After RING_UNSENT with that code. */
Waited call_wait_to_send (Call *call, int code);

/* The error of a call that came to nothing: @status is what the last try said. */
gboolean
call_fail (Call *call, Waited waited, RingStatus status, const ShmobjFrame *frame, GError **error);
gboolean call_fail_over (GError **error);

/* The object that a message is. */
ShmobjShareable *call_object_of (ShmobjMessage *message, GType expected, GError **error);
