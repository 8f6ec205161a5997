/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"

/* For the manager: a lock or event at a known place of an arena that is open (kinds CELL_LOCK and
 * CELL_EVENT of arena_take_cell()). */
ShmobjLock *shmobj_lock_new_in_arena (Arena *arena, guint64 offset, GError **error);
ShmobjEvent *shmobj_event_new_in_arena (Arena *arena, guint64 offset, GError **error);
