/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/condition.h"
#include "objects/placed.h"
#include "objects/shmobj-condition.h"

struct _ShmobjCondition
{
  Placed placed;
  Condition condition; /* what base/condition.c needs, pointing into the place */
  ShmobjLock *lock;    /* (owned) (nullable): given, or since we were attached */
};

/* Does @who say that it waits for the condition? */
gboolean shmobj_condition_is_waited_for (ShmobjCondition *self, const ParticipantInfo *who);
/* Our token, or 0 with an error. */
guint32 condition_enter (ShmobjCondition *self, GError **error);
