/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/container.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-manager-bindings.h"

/* shmobj-list-frames.c, for shmobj-list.c */
gboolean
shmobj_list_clear_items (ShmobjList *self, gint64 start, gint64 end, gboolean all, GError **error);
/* @pickles: FALSE leaves a pickle in the list and says INCOMPATIBLE. */
gboolean shmobj_list_pop_frame_for (
    ShmobjList *self, gint64 index, gboolean pickles, ShmobjFrame *out, GError **error);
