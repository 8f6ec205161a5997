/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_SEMAPHORE (shmobj_semaphore_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjSemaphore, shmobj_semaphore, SHMOBJ, SEMAPHORE, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjSemaphore *
shmobj_semaphore_new (guint value, guint maximum, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_semaphore_acquire (ShmobjSemaphore *self,
                                   gint64 timeout_us,
                                   GCancellable *cancellable,
                                   GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_semaphore_acquire_async (ShmobjSemaphore *self,
                                     gint64 timeout_us,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_semaphore_acquire_finish (ShmobjSemaphore *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_semaphore_release (ShmobjSemaphore *self, guint n, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_semaphore_get_value (ShmobjSemaphore *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_semaphore_get_maximum (ShmobjSemaphore *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_semaphore_get_recovers (ShmobjSemaphore *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_semaphore_get_held (ShmobjSemaphore *self);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_semaphore_get_fd (ShmobjSemaphore *self, GError **error);

G_END_DECLS
