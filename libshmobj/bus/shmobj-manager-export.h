/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-manager.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

SHMOBJ_AVAILABLE_IN_1_0
guint shmobj_manager_export (ShmobjManager *self, GDBusConnection *connection, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_unexport (ShmobjManager *self, guint export_id);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_set_export_limit (
    ShmobjManager *self, guint export_id, const char *limit, guint64 most, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_manager_export_is_idle (ShmobjManager *self, guint export_id, gint64 for_us);

G_END_DECLS
