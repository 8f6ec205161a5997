/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel-async.h"

#include <gio/gunixfdlist.h>

/* Messages put and got by a main loop (objects/channel-work.c). All take @task over and complete
 * it, and keep what is put until then. */

/* With a boolean. @fds (nullable) go with @value. */
void
channel_put_async (const ChannelAsync *channel, GTask *task, GVariant *value, GUnixFDList *fds);
void channel_put_bytes_async (const ChannelAsync *channel, GTask *task, GBytes *bytes);
/* With the number of those of @values (GVariants) that were put, by g_task_return_int(). */
void channel_put_many_async (const ChannelAsync *channel, GTask *task, GPtrArray *values);

/* With a GVariant. */
void channel_get_async (const ChannelAsync *channel, GTask *task);
/* With a GBytes. */
void channel_get_bytes_async (const ChannelAsync *channel, GTask *task);
/* With a ShmobjMessage, and the descriptors that came. */
void channel_get_with_fds_async (const ChannelAsync *channel, GTask *task);
/* With a GPtrArray of up to @most GVariants, at least one. */
void channel_get_many_async (const ChannelAsync *channel, GTask *task, guint most);
