/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-dict.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

SHMOBJ_AVAILABLE_IN_1_0
GAction *shmobj_dict_create_action (ShmobjDict *self,
                                    const char *key,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
