/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel.h"

/* Calls of a channel that a main loop waits for (objects/channel-async.c). */

typedef struct
{
  Ring *ring; /* (unowned): lives as long as the task's source object */
  const char *noun;
  gint64 timeout_us;
  GCancellable *closing; /* (unowned): cancelled when the task's source object is closed */
  int death_fd; /* readable or hung up when the other side may be gone; -1: there is no such thing
                 */
  gboolean (*is_over) (gpointer self); /* (nullable): nobody is left at the other side; asked of the
                                          task's source object */
  void (*done) (gpointer self); /* (nullable): the operation needs the ring no longer; told the
                                   task's source object */
  const char *late; /* (nullable): what TIMED_OUT says; without it, who gives up is told EMPTY or
                       FULL */
} ChannelAsync;

/* What is to be done: of which kind, and what that kind needs for it behind this. */
typedef struct _ChannelWork ChannelWork;

typedef struct
{
  gsize size;      /* of the whole */
  gboolean writes; /* waits for room, and not for a message */
  /* Never waits for the other side. RING_EMPTY, RING_FULL: nothing was done, try again later. */
  RingStatus (*attempt) (ChannelWork *work, Ring *ring, guint32 me);
  /* After RING_OK: gives @task its result. */
  void (*succeed) (ChannelWork *work, GTask *task);
  /* (nullable): before the task is told an error. TRUE: it was given a result after all. */
  gboolean (*give_up) (ChannelWork *work, GTask *task);
  /* (nullable): lets go of what it has behind this. */
  void (*clear) (ChannelWork *work);
} ChannelWorkKind;

struct _ChannelWork
{
  const ChannelWorkKind *kind;
  ShmobjFrame frame; /* (owned): what is put; what was got, or cannot be */
  gsize room;        /* what a put waits for, at the least */
  Parcel *parcel; /* (owned) (nullable): descriptors, lent to a put that sends some; a get with one
                     wants them */
};

/* Zeroed but for its kind. */
gpointer channel_work_new (const ChannelWorkKind *kind);
/* Takes @task and @work over. */
void channel_run_async (const ChannelAsync *channel, GTask *task, gpointer work);
/* The same, of work that cannot even begin; takes @error over, too. */
void channel_refuse_async (const ChannelAsync *channel, GTask *task, gpointer work, GError *error);
