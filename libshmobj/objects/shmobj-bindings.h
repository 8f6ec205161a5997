/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

/* For the language bindings written in C: waits that a signal handler ends, so that the language
 * can run its own handlers (Ctrl-C) and wait again. Not introspected.
 *
 * Each is the function of the same name without _interruptible, except that it returns FALSE
 * without an error and sets *@interrupted when a signal handler ran. */

#include "shmobj-version-macros.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"

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

G_END_DECLS

#endif
