/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-list.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LIST_ITER (shmobj_list_iter_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjListIter, shmobj_list_iter, SHMOBJ, LIST_ITER, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjListIter *shmobj_list_iterator (ShmobjList *self) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_list_iter_next_value (ShmobjListIter *self,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
