/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-connection.h"

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LISTENER (shmobj_listener_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjListener, shmobj_listener, SHMOBJ, LISTENER, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjListener *shmobj_listener_new (const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_listener_get_name (ShmobjListener *self);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_listener_accept (ShmobjListener *self,
                                          gint64 timeout_us,
                                          GCancellable *cancellable,
                                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_listener_accept_async (ShmobjListener *self,
                                   gint64 timeout_us,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_listener_accept_finish (ShmobjListener *self,
                                                 GAsyncResult *result,
                                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_listener_get_fd (ShmobjListener *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_listener_is_closed (ShmobjListener *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_listener_close (ShmobjListener *self);

G_END_DECLS
