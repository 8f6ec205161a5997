/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "objects/shmobj-lock.h"

/* For the manager: the token of the one who holds it, who may be dead; 0: nobody. */
guint32 shmobj_lock_get_owner_token (ShmobjLock *self);
/* Does @who say that it waits for the lock? Only after the token was asked for. */
gboolean shmobj_lock_is_waited_for (ShmobjLock *self, const ParticipantInfo *who);
