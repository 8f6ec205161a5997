/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/barrier.h"
#include "objects/placed.h"
#include "objects/shmobj-barrier.h"

struct _ShmobjBarrier
{
  Placed placed;
  Barrier barrier; /* what base/barrier.c needs, pointing into the place */
  guint parties;
};

/* For the manager: can a barrier be for so many? */
gboolean barrier_check_parties (guint parties, GError **error);
/* Our token, or 0 with an error. */
guint32 barrier_enter (ShmobjBarrier *self, GError **error);
