/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/container.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-manager-bindings.h"

/* shmobj-dict-frames.c, for shmobj-dict.c */
gboolean shmobj_dict_clear_items (ShmobjDict *self, GError **error);
/* @pickles: FALSE leaves a pickle in the dict and says INCOMPATIBLE. @out may be NULL. */
gboolean shmobj_dict_pop_frame_for (
    ShmobjDict *self, const ShmobjFrame *key, gboolean pickles, ShmobjFrame *out, GError **error);
