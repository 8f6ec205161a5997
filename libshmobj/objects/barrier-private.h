/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/shmobj-barrier.h"

/* For the manager: can a barrier be for so many? */
gboolean barrier_check_parties (guint parties, GError **error);
