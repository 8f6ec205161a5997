/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"

/* For the manager: a lock or event at a known place of an arena that is open (kinds CELL_LOCK and
 * CELL_EVENT of arena_take_cell()). */
ShmobjLock *shmobj_lock_new_in_arena (Arena *arena, guint64 offset, GError **error);
/* The token of the one who holds it, who may be dead; 0: nobody. */
guint32 shmobj_lock_get_owner_token (ShmobjLock *self);
/* Does @who say that it waits for the lock? Only after the token was asked for. */
gboolean shmobj_lock_is_waited_for (ShmobjLock *self, const ParticipantInfo *who);
ShmobjEvent *shmobj_event_new_in_arena (Arena *arena, guint64 offset, GError **error);
