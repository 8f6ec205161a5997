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

/* shmobj-dict.c: emit the signals. */
void shmobj_dict_tell_change (ShmobjDict *self, GQuark detail, GVariant *key);
void shmobj_dict_tell_failure (ShmobjDict *self, const char *key, const GError *error);

/* shmobj-dict-changes.c: tells what has changed since the last time. */
gboolean shmobj_dict_follow (ShmobjContainer *container, GError **error);
/* Somebody here knows the key as it is now, which was perhaps not told yet. So it will be told
 * again when the dict has changed, even if the key is then what was told last. */
void shmobj_dict_doubt (ShmobjDict *self, GVariant *key);
