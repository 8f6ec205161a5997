/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-dict.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-value.h"
#include "objects/shmobj-condition.h"
#include "objects/shmobj-barrier.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-open-flags.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-semaphore.h"
#include "objects/shmobj-shared-memory.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_MANAGER (shmobj_manager_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjManager, shmobj_manager, SHMOBJ, MANAGER, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjManager *shmobj_manager_new (const char *address,
                                   GCancellable *cancellable,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_manager_get_address (ShmobjManager *self);
SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_manager_get_path (ShmobjManager *self);
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_manager_get_write_timeout_us (ShmobjManager *self);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_manager_set_write_timeout_us (ShmobjManager *self, gint64 timeout_us);
SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_manager_get_sync_interval_us (ShmobjManager *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_sync (ShmobjManager *self, GCancellable *cancellable, GError **error);

SHMOBJ_AVAILABLE_IN_1_0
ShmobjList *shmobj_manager_open_list (ShmobjManager *self,
                                      const char *name,
                                      ShmobjOpenFlags flags,
                                      GCancellable *cancellable,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjDict *shmobj_manager_open_dict (ShmobjManager *self,
                                      const char *name,
                                      ShmobjOpenFlags flags,
                                      GCancellable *cancellable,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
ShmobjValue *shmobj_manager_open_value (ShmobjManager *self,
                                        const char *name,
                                        ShmobjOpenFlags flags,
                                        GVariant *initial,
                                        GCancellable *cancellable,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gint64 shmobj_manager_clean_objects (ShmobjManager *self, gboolean dry_run, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjContainer *shmobj_manager_open_reference (ShmobjManager *self,
                                                GVariant *reference,
                                                ShmobjOpenFlags flags,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
ShmobjQueue *shmobj_manager_open_queue (ShmobjManager *self,
                                        const char *name,
                                        ShmobjOpenFlags flags,
                                        guint maxsize,
                                        guint64 capacity,
                                        GCancellable *cancellable,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjLock *shmobj_manager_open_lock (ShmobjManager *self,
                                      const char *name,
                                      ShmobjOpenFlags flags,
                                      GCancellable *cancellable,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjEvent *shmobj_manager_open_event (ShmobjManager *self,
                                        const char *name,
                                        ShmobjOpenFlags flags,
                                        GCancellable *cancellable,
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjSemaphore *shmobj_manager_open_semaphore (ShmobjManager *self,
                                                const char *name,
                                                ShmobjOpenFlags flags,
                                                guint value,
                                                guint maximum,
                                                gboolean recovers,
                                                GCancellable *cancellable,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjCondition *shmobj_manager_open_condition (ShmobjManager *self,
                                                const char *name,
                                                ShmobjOpenFlags flags,
                                                GCancellable *cancellable,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjBarrier *shmobj_manager_open_barrier (ShmobjManager *self,
                                            const char *name,
                                            ShmobjOpenFlags flags,
                                            guint parties,
                                            GCancellable *cancellable,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjSharedMemory *shmobj_manager_open_memory (ShmobjManager *self,
                                                const char *name,
                                                ShmobjOpenFlags flags,
                                                guint64 size,
                                                GCancellable *cancellable,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_remove (ShmobjManager *self, const char *name, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_manager_lookup (ShmobjManager *self, const char *name, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_manager_list_objects (ShmobjManager *self,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
char **shmobj_manager_list_addresses (GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
char **shmobj_manager_clean (gboolean dry_run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_manager_list_participants (ShmobjManager *self,
                                            const char *name,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
