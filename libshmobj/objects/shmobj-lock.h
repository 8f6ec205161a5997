/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LOCK (shmobj_lock_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjLock, shmobj_lock, SHMOBJ, LOCK, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjLock *shmobj_lock_new (GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_acquire (ShmobjLock *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_lock_acquire_async (ShmobjLock *self,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_acquire_finish (ShmobjLock *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_release (ShmobjLock *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_get_abandoned (ShmobjLock *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_is_locked (ShmobjLock *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_lock_is_owned (ShmobjLock *self);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_lock_get_fd (ShmobjLock *self, GError **error);

G_END_DECLS
