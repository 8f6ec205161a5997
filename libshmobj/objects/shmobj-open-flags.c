/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "objects/shmobj-open-flags.h"

/* By hand: a generated file for four lines would be one more thing to build. */
GType
shmobj_open_flags_get_type (void)
{
  static gsize type = 0;
  static const GFlagsValue values[] = {
    { SHMOBJ_OPEN_DEFAULT, "SHMOBJ_OPEN_DEFAULT", "default" },
    { SHMOBJ_OPEN_EXISTING, "SHMOBJ_OPEN_EXISTING", "existing" },
    { SHMOBJ_OPEN_EXCLUSIVE, "SHMOBJ_OPEN_EXCLUSIVE", "exclusive" },
    { SHMOBJ_OPEN_READ_ONLY, "SHMOBJ_OPEN_READ_ONLY", "read-only" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("ShmobjOpenFlags", values));
  return type;
}
