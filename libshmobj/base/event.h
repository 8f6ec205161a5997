/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/layout.h"

/* A flag to wait for (base/event.c). What one process has of it: */
typedef struct
{
  EventShared *shared;   /* (unowned): in a segment */
  const Broadcast *bell; /* (unowned) (nullable): for those who wait by descriptor */
  WaitHabit habit;
} Event;

void event_set (Event *event);   /* never waits */
void event_clear (Event *event); /* never waits */
gboolean event_is_set (const Event *event);

/* What a wait remembers from its beginning. */
guint32 event_begin (const Event *event);
/* Is it set, or was it since @begun? Else the bell will ring when it is. */
gboolean event_look (Event *event, guint32 begun);

typedef enum
{
  EVENT_SET, /* it is, or it was for a moment */
  EVENT_TIMED_OUT,
  EVENT_INTERRUPTED, /* a signal handler ran */
  EVENT_CANCELLED,   /* the other descriptor became readable */
  EVENT_FAILED,      /* no descriptor to wait by; errno is set */
} EventResult;

EventResult event_wait (Event *event, gint64 deadline_us, gboolean interruptible);
/* The same by the bell, so that @other_fd can end the wait. */
EventResult event_wait_or_fd (Event *event, gint64 deadline_us, int other_fd);
