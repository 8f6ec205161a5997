/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_QUEUE (shmobj_queue_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjQueue, shmobj_queue, SHMOBJ, QUEUE, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjQueue *
shmobj_queue_new (guint maxsize, guint64 capacity, GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put (ShmobjQueue *self,
                           GVariant *value,
                           gint64 timeout_us,
                           GCancellable *cancellable,
                           GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_put_async (ShmobjQueue *self,
                             GVariant *value,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_finish (ShmobjQueue *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_bytes (
    ShmobjQueue *self, GBytes *bytes, gint64 timeout_us, GCancellable *cancellable, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_put_bytes_async (ShmobjQueue *self,
                                   GBytes *bytes,
                                   gint64 timeout_us,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_bytes_finish (ShmobjQueue *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_data (ShmobjQueue *self,
                                const guint8 *data,
                                gsize size,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gsize shmobj_queue_put_many (ShmobjQueue *self,
                             GVariant **values,
                             gsize n_values,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_put_many_async (ShmobjQueue *self,
                                  GVariant **values,
                                  gsize n_values,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gsize shmobj_queue_put_many_finish (ShmobjQueue *self, GAsyncResult *result, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
GVariant **shmobj_queue_get_many (ShmobjQueue *self,
                                  guint most,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  gsize *n_values,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_get_many_async (ShmobjQueue *self,
                                  guint most,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GVariant **shmobj_queue_get_many_finish (ShmobjQueue *self,
                                         GAsyncResult *result,
                                         gsize *n_values,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_queue_get (ShmobjQueue *self,
                            gint64 timeout_us,
                            GCancellable *cancellable,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_get_async (ShmobjQueue *self,
                             gint64 timeout_us,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_queue_get_finish (ShmobjQueue *self,
                                   GAsyncResult *result,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_queue_get_bytes (ShmobjQueue *self,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_get_bytes_async (ShmobjQueue *self,
                                   gint64 timeout_us,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_queue_get_bytes_finish (ShmobjQueue *self,
                                       GAsyncResult *result,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gssize shmobj_queue_get_into (
    ShmobjQueue *self, guint8 *buffer, gsize size, gint64 timeout_us, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_wait (ShmobjQueue *self, GIOCondition condition, gint64 timeout_us);
SHMOBJ_AVAILABLE_IN_1_0
GSource *shmobj_queue_create_source (ShmobjQueue *self,
                                     GIOCondition condition,
                                     GCancellable *cancellable,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_queue_get_fd (ShmobjQueue *self, GIOCondition condition, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_queue_get_size (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_is_empty (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_is_full (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_is_closed (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_queue_get_maxsize (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_queue_get_capacity (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_queue_get_statistics (ShmobjQueue *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_queue_get_in_use (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_queue_get_held (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_trim (ShmobjQueue *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_shutdown (ShmobjQueue *self, gboolean immediate, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_is_shut_down (ShmobjQueue *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_close (ShmobjQueue *self, GError **error);

G_END_DECLS
