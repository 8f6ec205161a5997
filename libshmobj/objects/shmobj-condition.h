/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-lock.h"

G_BEGIN_DECLS

#define SHMOBJ_TYPE_CONDITION (shmobj_condition_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjCondition, shmobj_condition, SHMOBJ, CONDITION, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjCondition *shmobj_condition_new (ShmobjLock *lock, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjLock *shmobj_condition_get_lock (ShmobjCondition *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_wait (ShmobjCondition *self,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_condition_wait_async (ShmobjCondition *self,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_wait_finish (ShmobjCondition *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_notify_one (ShmobjCondition *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_notify_many (ShmobjCondition *self, guint n, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_notify_all (ShmobjCondition *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_condition_get_waiters (ShmobjCondition *self);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_condition_begin_wait (ShmobjCondition *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_check_wait (ShmobjCondition *self, guint64 wait);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_condition_end_wait (ShmobjCondition *self, guint64 wait);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_condition_get_fd (ShmobjCondition *self, GError **error);

G_END_DECLS
