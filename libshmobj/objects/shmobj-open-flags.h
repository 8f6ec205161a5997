/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include <glib-object.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_OPEN_FLAGS (shmobj_open_flags_get_type ())

/**
 * ShmobjOpenFlags:
 * @SHMOBJ_OPEN_DEFAULT: open what has the name; create it if there is none
 * @SHMOBJ_OPEN_EXISTING: never create; without one it is `G_IO_ERROR_NOT_FOUND`
 * @SHMOBJ_OPEN_EXCLUSIVE: always create; if there is one already it is `G_IO_ERROR_EXISTS`
 * @SHMOBJ_OPEN_READ_ONLY: changing it through this handle is `G_IO_ERROR_PERMISSION_DENIED`; alone,
 *   it also means never create
 *
 * How to open an object by its name. %SHMOBJ_OPEN_EXISTING and %SHMOBJ_OPEN_EXCLUSIVE exclude each
 * other: both together are `G_IO_ERROR_INVALID_ARGUMENT`.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  SHMOBJ_OPEN_DEFAULT = 0,
  SHMOBJ_OPEN_EXISTING = 1 << 0,
  SHMOBJ_OPEN_EXCLUSIVE = 1 << 1,
  SHMOBJ_OPEN_READ_ONLY = 1 << 2,
} ShmobjOpenFlags;

SHMOBJ_AVAILABLE_IN_1_0
GType shmobj_open_flags_get_type (void) G_GNUC_CONST;

G_END_DECLS
