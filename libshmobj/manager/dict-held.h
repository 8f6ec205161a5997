/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/held.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-manager-bindings.h"

Held *shmobj_dict_get_held (ShmobjDict *self);
ShmobjDict *
shmobj_dict_new_held (ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags);
/* What the store keeps about it: revision and length. */
gboolean shmobj_dict_get_header (ShmobjDict *self, ObjectHeader *header, GError **error);
/* @pickles: FALSE leaves a pickle in the dict and says INCOMPATIBLE. @out may be NULL. */
gboolean shmobj_dict_pop_frame_for (
    ShmobjDict *self, const ShmobjFrame *key, gboolean pickles, ShmobjFrame *out, GError **error);
gboolean shmobj_dict_clear_items (ShmobjDict *self, GError **error);
