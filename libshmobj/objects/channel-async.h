/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel.h"

#include <gio/gunixfdlist.h>

/* Puts and gets that a main loop waits for (objects/channel-async.c). */

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

/* Both take @task over and complete it: put with a boolean, get with a GVariant, or @with_fds with
 * a ShmobjMessage. @value, and @fds (nullable) that go with it, are kept until then. */
void
channel_put_async (const ChannelAsync *channel, GTask *task, GVariant *value, GUnixFDList *fds);
void channel_get_async (const ChannelAsync *channel, GTask *task, gboolean with_fds);
