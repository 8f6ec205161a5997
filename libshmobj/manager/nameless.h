/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/holds.h"
#include "manager/names.h"

/* The end of lists and dicts that have no name. */

/* Removes object @id if it has no name and nobody holds it. */
void nameless_end (Store *store, Holds *holds, guint64 id, gint64 timeout_us);
/* Does so for the next two that others may have left. */
void nameless_look_around (Store *store, Holds *holds, gint64 timeout_us);
/* Does so for all that the dead have left. */
void nameless_sweep (Store *store, Holds *holds, gint64 timeout_us);
