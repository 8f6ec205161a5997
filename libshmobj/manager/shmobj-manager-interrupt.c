/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits for a manager's gate that a language may end (shmobj-manager-bindings.h). */

#include "manager/gate.h"
#include "manager/shmobj-manager-bindings.h"

void
shmobj_manager_set_interrupt (gboolean (*interrupt) (void))
{
  atomic_store (&gate_interrupt, interrupt);
}
