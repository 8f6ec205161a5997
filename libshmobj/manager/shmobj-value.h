/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-container.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_VALUE (shmobj_value_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
SHMOBJ_DECLARE_CONTAINER (ShmobjValue, shmobj_value, VALUE)

SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_value_get (ShmobjValue *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_value_set (ShmobjValue *self, GVariant *value, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_value_add (ShmobjValue *self, GVariant *amount, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_value_compare_and_set (ShmobjValue *self,
                                       GVariant *expected,
                                       GVariant *value,
                                       GError **error);

G_END_DECLS
