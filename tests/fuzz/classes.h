/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fuzz.h"

#include <shmobj.h>

/* Calls what the class of @object offers, as the input says, never waiting: each call succeeds or
 * gives an error. */
void use_object (ShmobjShareable *object, Input *input);
