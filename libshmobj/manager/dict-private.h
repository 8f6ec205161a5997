/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/container.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/stored.h"

/* shmobj-dict-frames.c, for shmobj-dict.c */
gboolean shmobj_dict_clear_items (ShmobjDict *self, GError **error);
/* What @may_leave (nullable) refuses stays in the dict. @out may be NULL: then nobody is asked. */
gboolean shmobj_dict_pop_frame_for (ShmobjDict *self,
                                    const ShmobjFrame *key,
                                    StoredCheck may_leave,
                                    ShmobjFrame *out,
                                    GError **error);
