/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_BARRIER (shmobj_barrier_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjBarrier, shmobj_barrier, SHMOBJ, BARRIER, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjBarrier *shmobj_barrier_new (guint parties, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
gint shmobj_barrier_wait (ShmobjBarrier *self,
                          gint64 timeout_us,
                          GCancellable *cancellable,
                          GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_barrier_wait_async (ShmobjBarrier *self,
                                gint64 timeout_us,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
SHMOBJ_AVAILABLE_IN_1_0
gint shmobj_barrier_wait_finish (ShmobjBarrier *self, GAsyncResult *result, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gint shmobj_barrier_arrive (ShmobjBarrier *self, gboolean hold, guint *ticket, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_wait_ticket (ShmobjBarrier *self,
                                     guint ticket,
                                     gint64 timeout_us,
                                     GCancellable *cancellable,
                                     GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_give_up (ShmobjBarrier *self, guint ticket, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_open (ShmobjBarrier *self, guint ticket, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_abort (ShmobjBarrier *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_reset (ShmobjBarrier *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_barrier_get_parties (ShmobjBarrier *self);
SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_barrier_get_n_waiting (ShmobjBarrier *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_barrier_is_broken (ShmobjBarrier *self);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_barrier_get_fd (ShmobjBarrier *self, GError **error);

G_END_DECLS
