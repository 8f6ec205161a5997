/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-queue.h"

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LOAN (shmobj_loan_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjLoan, shmobj_loan, SHMOBJ, LOAN, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjLoan *shmobj_queue_loan (ShmobjQueue *self,
                               guint64 size,
                               gint64 timeout_us,
                               GCancellable *cancellable,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_loan (ShmobjQueue *self,
                                ShmobjLoan *loan,
                                guint64 used,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjLoan *shmobj_queue_take (ShmobjQueue *self,
                               gint64 timeout_us,
                               GCancellable *cancellable,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_loan_async (ShmobjQueue *self,
                              guint64 size,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjLoan *shmobj_queue_loan_finish (ShmobjQueue *self,
                                      GAsyncResult *result,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_put_loan_async (ShmobjQueue *self,
                                  ShmobjLoan *loan,
                                  guint64 used,
                                  gint64 timeout_us,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_queue_put_loan_finish (ShmobjQueue *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_queue_take_async (ShmobjQueue *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjLoan *shmobj_queue_take_finish (ShmobjQueue *self,
                                      GAsyncResult *result,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gpointer shmobj_loan_get_data (ShmobjLoan *self, gsize *size);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_loan_get_address (ShmobjLoan *self);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_loan_get_size (ShmobjLoan *self);
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_loan_get_bytes (ShmobjLoan *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_loan_write_bytes (ShmobjLoan *self, guint64 offset, GBytes *bytes, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_loan_write_data (
    ShmobjLoan *self, guint64 offset, const guint8 *data, gsize n_data, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_loan_is_taken (ShmobjLoan *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_loan_get_redelivered (ShmobjLoan *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_loan_release (ShmobjLoan *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_loan_give_back (ShmobjLoan *self, GError **error);

G_END_DECLS
