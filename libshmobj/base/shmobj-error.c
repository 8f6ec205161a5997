/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library's error domain. It lives on the lowest floor because every floor reports with it; the
 * names that its codes have on D-Bus are given by the bus floor (bus/names.c), when the library is
 * loaded. */

#include "base/shmobj-error.h"

G_DEFINE_QUARK (shmobj - error - quark, shmobj_error)
