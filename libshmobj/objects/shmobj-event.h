/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_EVENT (shmobj_event_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjEvent, shmobj_event, SHMOBJ, EVENT, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjEvent *shmobj_event_new (GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_event_set (ShmobjEvent *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_event_clear (ShmobjEvent *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_event_is_set (ShmobjEvent *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_event_wait (ShmobjEvent *self, gint64 timeout_us, GCancellable *cancellable, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_event_wait_async (ShmobjEvent *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_event_wait_finish (ShmobjEvent *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_event_get_fd (ShmobjEvent *self, GError **error);

G_END_DECLS
