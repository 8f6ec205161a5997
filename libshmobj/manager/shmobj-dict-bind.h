/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "manager/shmobj-dict.h"
#include "shmobj-version-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_BIND_FLAGS (shmobj_bind_flags_get_type ())

/**
 * ShmobjBindFlags:
 * @SHMOBJ_BIND_DEFAULT: both directions, as %SHMOBJ_BIND_GET and %SHMOBJ_BIND_SET together
 * @SHMOBJ_BIND_GET: the property becomes what the key is, now and whenever that changes
 * @SHMOBJ_BIND_SET: the key becomes what the property is, whenever that changes
 * @SHMOBJ_BIND_GET_NO_CHANGES: with %SHMOBJ_BIND_GET: now, and not when the key changes
 * @SHMOBJ_BIND_INVERT_BOOLEAN: the one is true when the other is false
 *
 * Which way [method@Shmobj.Dict.bind] binds; as `GSettingsBindFlags`.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  SHMOBJ_BIND_DEFAULT = 0,
  SHMOBJ_BIND_GET = 1 << 0,
  SHMOBJ_BIND_SET = 1 << 1,
  SHMOBJ_BIND_GET_NO_CHANGES = 1 << 2,
  SHMOBJ_BIND_INVERT_BOOLEAN = 1 << 3,
} ShmobjBindFlags;

SHMOBJ_AVAILABLE_IN_1_0
GType shmobj_bind_flags_get_type (void) G_GNUC_CONST;

SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_dict_bind (ShmobjDict *self,
                           const char *key,
                           gpointer object,
                           const char *property,
                           ShmobjBindFlags flags,
                           GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_dict_unbind (gpointer object, const char *property);

G_END_DECLS
