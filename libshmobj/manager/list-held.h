/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/held.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-manager-bindings.h"

Held *shmobj_list_get_held (ShmobjList *self);
ShmobjList *
shmobj_list_new_held (ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags);
/* What the store keeps about it: revision and length. */
gboolean shmobj_list_get_header (ShmobjList *self, ObjectHeader *header, GError **error);
gboolean
shmobj_list_clear_items (ShmobjList *self, gint64 start, gint64 end, gboolean all, GError **error);
/* @pickles: FALSE leaves a pickle in the list and says INCOMPATIBLE. */
gboolean shmobj_list_pop_frame_for (
    ShmobjList *self, gint64 index, gboolean pickles, ShmobjFrame *out, GError **error);
