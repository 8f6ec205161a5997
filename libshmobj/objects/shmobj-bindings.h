/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "base/shmobj-frame.h"
#include "objects/shmobj-condition.h"
#include "objects/shmobj-connection.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-message.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-semaphore.h"

/* For language bindings written in C; not introspected. Calls that wait come back when a signal
 * handler ran: they return FALSE with *@interrupted set and no error, having done nothing, so that
 * the language can run its own handlers (Ctrl-C) and call again with the time that is left.
 * @accept has bit 1 << kind for each ShmobjFrameKind that the caller reads. A frame that was got
 * owns its bytes: shmobj_frame_clear(). */

#ifndef __GI_SCANNER__

G_BEGIN_DECLS

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_acquire_interruptible (ShmobjLock *self,
                                            gint64 timeout_us,
                                            gboolean *interrupted,
                                            GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_event_wait_interruptible (ShmobjEvent *self,
                                          gint64 timeout_us,
                                          gboolean *interrupted,
                                          GError **error);
/* Of a wait that shmobj_condition_begin_wait() began; it stays begun. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_sleep_interruptible (
    ShmobjCondition *self, guint64 wait, gint64 timeout_us, gboolean *interrupted, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_semaphore_acquire_interruptible (ShmobjSemaphore *self,
                                                 gint64 timeout_us,
                                                 gboolean *interrupted,
                                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_frame (ShmobjQueue *self,
                                 const ShmobjFrame *frame,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_get_frame (ShmobjQueue *self,
                                 guint accept,
                                 ShmobjFrame *frame,
                                 gint64 timeout_us,
                                 gboolean *interrupted,
                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_queue_receive_interruptible (ShmobjQueue *self,
                                                   gint64 timeout_us,
                                                   gboolean *interrupted,
                                                   GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_join_interruptible (ShmobjQueue *self,
                                          gint64 timeout_us,
                                          gboolean *interrupted,
                                          GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send_frame (ShmobjConnection *self,
                                       const ShmobjFrame *frame,
                                       GUnixFDList *fds,
                                       gint64 timeout_us,
                                       gboolean *interrupted,
                                       GError **error);
/* @fds: (out) (nullable) (transfer full): what came with it; NULL refuses a message with some */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_receive_frame (ShmobjConnection *self,
                                          guint accept,
                                          ShmobjFrame *frame,
                                          GUnixFDList **fds,
                                          gint64 timeout_us,
                                          gboolean *interrupted,
                                          GError **error);
/* FALSE without an error: nothing to receive within the time. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_poll_interruptible (ShmobjConnection *self,
                                               gint64 timeout_us,
                                               gboolean *interrupted,
                                               GError **error);

G_END_DECLS

#endif
