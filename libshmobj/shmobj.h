/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* State shared between processes, as GObjects: the only header a program includes. */

#define SHMOBJ_INSIDE

#include "shmobj-version-macros.h"
#include "base/shmobj-error.h"
#include "base/shmobj-frame.h"
#include "objects/shmobj-condition.h"
#include "objects/shmobj-barrier.h"
#include "objects/shmobj-event.h"
#include "objects/shmobj-lock.h"
#include "objects/shmobj-connection.h"
#include "objects/shmobj-listener.h"
#include "objects/shmobj-loan.h"
#include "objects/shmobj-message.h"
#include "objects/shmobj-open-flags.h"
#include "objects/shmobj-pipe.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-semaphore.h"
#include "objects/shmobj-shareable.h"
#include "objects/shmobj-shared-memory.h"
#include "objects/shmobj-bindings.h"
#include "manager/shmobj-container.h"
#include "manager/shmobj-dict.h"
#include "manager/shmobj-dict-action.h"
#include "manager/shmobj-dict-bind.h"
#include "manager/shmobj-item.h"
#include "manager/shmobj-list-iter.h"
#include "manager/shmobj-list-model.h"
#include "manager/shmobj-list.h"
#include "manager/shmobj-manager-bindings.h"
#include "manager/shmobj-manager.h"
#include "manager/shmobj-transaction.h"
#include "manager/shmobj-value.h"
#include "bus/shmobj-manager-export.h"

#undef SHMOBJ_INSIDE
