/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One token before each public prototype says both "exported" and "since when". */

#include <glib.h>

#define _SHMOBJ_EXTERN __attribute__ ((visibility ("default"))) extern

#define SHMOBJ_AVAILABLE_IN_1_0 _SHMOBJ_EXTERN
