/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-item.h"
#include "manager/shmobj-list.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_LIST_MODEL (shmobj_list_model_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjListModel, shmobj_list_model, SHMOBJ, LIST_MODEL, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjListModel *shmobj_list_model_new (ShmobjList *list, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
ShmobjList *shmobj_list_model_get_list (ShmobjListModel *self);

G_END_DECLS
