/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "manager/directory.h"
#include "manager/holds.h"
#include "manager/shmobj-container.h"
#include "manager/shmobj-transaction.h"
#include "manager/store.h"

/* What a manager is for the objects that it opens, and for the bus. */

/* manager/shmobj-manager.c */
Store *manager_get_store (ShmobjManager *self, GError **error);
gboolean manager_enter (ShmobjManager *self, GError **error);
gint64 manager_get_timeout (ShmobjManager *self);
/* No change that this thread makes waits for longer, whatever its manager says; -1: no such bound.
 */
void manager_bound_waits (gint64 most_us);
Directory *manager_get_directory (ShmobjManager *self);
Holds *manager_get_holds (ShmobjManager *self);
Arena *manager_get_arena (ShmobjManager *self, GError **error);
/* A handle: its properties, and the descriptors that keep the directory and the object alive.
 * @container is NULL for the manager's own. */
GVariant *manager_handle_of (ShmobjManager *self,
                             const char *class_name,
                             ShmobjContainer *container,
                             GUnixFDList *fds,
                             GError **error);
/* From a handle: its manager. */
ShmobjManager *manager_from_handle (GVariant *properties, GError **error);

/* manager/shmobj-transaction.c: runs @func, and commits if it says so. Frees @transaction. */
gboolean manager_run_in (ShmobjManager *self,
                         StoreTransaction *transaction,
                         ShmobjTransactionFunc func,
                         gpointer user_data,
                         GError **error);

/* manager/making.c */
gboolean manager_remove_name (ShmobjManager *self, const char *name, GError **error);
/* When nobody else is there: removes what nobody can have any more. */
gboolean
manager_sweep (Store *store, Holds *holds, int directory_fd, gint64 timeout_us, GError **error);
