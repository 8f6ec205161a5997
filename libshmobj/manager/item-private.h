/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/shmobj-item.h"

/* Takes @value over, which may be NULL. */
ShmobjItem *item_new (GVariant *value);
