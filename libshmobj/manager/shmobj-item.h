/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_ITEM (shmobj_item_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjItem, shmobj_item, SHMOBJ, ITEM, GObject)

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_item_get_value (ShmobjItem *self);

G_END_DECLS
