/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-manager.h"

G_BEGIN_DECLS

#define SHMOBJ_TYPE_TRANSACTION (shmobj_transaction_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjTransaction, shmobj_transaction, SHMOBJ, TRANSACTION, GObject)

/**
 * ShmobjTransactionFunc:
 * @manager: the manager
 * @user_data: what was given with the function
 * @error: return location for an error
 *
 * What [method@Shmobj.Manager.transact] runs: reads and changes objects of @manager.
 *
 * Returns: %TRUE to commit; %FALSE with @error set to roll back
 *
 * Since: 1.0
 */
typedef gboolean (*ShmobjTransactionFunc) (ShmobjManager *manager,
                                           gpointer user_data,
                                           GError **error);

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_transact (ShmobjManager *self,
                                  gint64 timeout_us,
                                  ShmobjTransactionFunc func,
                                  gpointer user_data,
                                  GCancellable *cancellable,
                                  GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_manager_transact_async (ShmobjManager *self,
                                    gint64 timeout_us,
                                    ShmobjTransactionFunc func,
                                    gpointer func_data,
                                    GDestroyNotify func_data_free,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_transact_finish (ShmobjManager *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjTransaction *shmobj_manager_try_begin (ShmobjManager *self,
                                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjTransaction *shmobj_manager_begin (ShmobjManager *self,
                                         gint64 timeout_us,
                                         GCancellable *cancellable,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_manager_get_patience_us (ShmobjManager *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_manager_set_patience_us (ShmobjManager *self, gint64 patience_us);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_transaction_commit (ShmobjTransaction *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_transaction_rollback (ShmobjTransaction *self);

G_END_DECLS
