/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library's error domain. It lives on the lowest floor because every floor reports with it; the
 * names that its codes have on D-Bus are given by the bus floor (bus/names.c), when the library is
 * loaded. */

#include "base/shmobj-error.h"

/* Not G_DEFINE_QUARK: clang-format puts spaces into the name there. */

/**
 * shmobj_error_quark:
 *
 * The number of the library's error domain; write `SHMOBJ_ERROR`.
 *
 * Returns: the domain
 *
 * Since: 1.0
 */
GQuark
shmobj_error_quark (void)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("shmobj-error-quark");
  return quark;
}
