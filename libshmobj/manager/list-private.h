/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/container.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/stored.h"

/* shmobj-list-frames.c, for shmobj-list.c */
gboolean
shmobj_list_clear_items (ShmobjList *self, gint64 start, gint64 end, gboolean all, GError **error);
/* What @may_leave (nullable) refuses stays in the list. */
gboolean shmobj_list_pop_frame_for (
    ShmobjList *self, gint64 index, StoredCheck may_leave, ShmobjFrame *out, GError **error);
