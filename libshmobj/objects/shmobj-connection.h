/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-message.h"
#include "objects/shmobj-shareable.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_CONNECTION (shmobj_connection_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjConnection, shmobj_connection, SHMOBJ, CONNECTION, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_connection_new_for_name (const char *name,
                                                  gint64 timeout_us,
                                                  GCancellable *cancellable,
                                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_new_for_name_async (const char *name,
                                           gint64 timeout_us,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_connection_new_for_name_finish (GAsyncResult *result,
                                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send (ShmobjConnection *self,
                                 GVariant *value,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_send_async (ShmobjConnection *self,
                                   GVariant *value,
                                   gint64 timeout_us,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_connection_send_finish (ShmobjConnection *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send_bytes (ShmobjConnection *self,
                                       GBytes *bytes,
                                       gint64 timeout_us,
                                       GCancellable *cancellable,
                                       GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_send_bytes_async (ShmobjConnection *self,
                                         GBytes *bytes,
                                         gint64 timeout_us,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_connection_send_bytes_finish (ShmobjConnection *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send_with_fds (ShmobjConnection *self,
                                          GVariant *value,
                                          GUnixFDList *fds,
                                          gint64 timeout_us,
                                          GCancellable *cancellable,
                                          GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_send_with_fds_async (ShmobjConnection *self,
                                            GVariant *value,
                                            GUnixFDList *fds,
                                            gint64 timeout_us,
                                            GCancellable *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send_with_fds_finish (ShmobjConnection *self,
                                                 GAsyncResult *result,
                                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_send_object (ShmobjConnection *self,
                                        ShmobjShareable *object,
                                        gint64 timeout_us,
                                        GCancellable *cancellable,
                                        GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_send_object_async (ShmobjConnection *self,
                                          ShmobjShareable *object,
                                          gint64 timeout_us,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean
shmobj_connection_send_object_finish (ShmobjConnection *self, GAsyncResult *result, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_connection_receive (ShmobjConnection *self,
                                     gint64 timeout_us,
                                     GCancellable *cancellable,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_receive_async (ShmobjConnection *self,
                                      gint64 timeout_us,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_connection_receive_finish (ShmobjConnection *self,
                                            GAsyncResult *result,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_connection_receive_bytes (ShmobjConnection *self,
                                         gint64 timeout_us,
                                         GCancellable *cancellable,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_receive_bytes_async (ShmobjConnection *self,
                                            gint64 timeout_us,
                                            GCancellable *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_connection_receive_bytes_finish (ShmobjConnection *self,
                                                GAsyncResult *result,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_connection_receive_with_fds (ShmobjConnection *self,
                                                   gint64 timeout_us,
                                                   GCancellable *cancellable,
                                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_receive_with_fds_async (ShmobjConnection *self,
                                               gint64 timeout_us,
                                               GCancellable *cancellable,
                                               GAsyncReadyCallback callback,
                                               gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjMessage *shmobj_connection_receive_with_fds_finish (ShmobjConnection *self,
                                                          GAsyncResult *result,
                                                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjShareable *shmobj_connection_receive_object (ShmobjConnection *self,
                                                   GType expected,
                                                   gint64 timeout_us,
                                                   GCancellable *cancellable,
                                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_receive_object_async (ShmobjConnection *self,
                                             GType expected,
                                             gint64 timeout_us,
                                             GCancellable *cancellable,
                                             GAsyncReadyCallback callback,
                                             gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjShareable *shmobj_connection_receive_object_finish (ShmobjConnection *self,
                                                          GAsyncResult *result,
                                                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_poll (ShmobjConnection *self,
                                 gint64 timeout_us,
                                 GCancellable *cancellable,
                                 GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GSource *shmobj_connection_create_source (ShmobjConnection *self,
                                          GIOCondition condition,
                                          GCancellable *cancellable,
                                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_connection_get_fd (ShmobjConnection *self, GIOCondition condition, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection **shmobj_connection_wait (ShmobjConnection **connections,
                                           gsize n_connections,
                                           gint64 timeout_us,
                                           GCancellable *cancellable,
                                           gsize *n_ready,
                                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_is_readable (ShmobjConnection *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_is_writable (ShmobjConnection *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_connection_is_closed (ShmobjConnection *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_connection_close (ShmobjConnection *self);

G_END_DECLS
