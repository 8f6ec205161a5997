/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/holds.h"
#include "manager/manager-private.h"
#include "manager/names.h"

/* The end of containers that nothing keeps: no name, no reference, no holder. */

/* Removes object @id if nothing keeps it, and what then is kept no more. */
void nameless_end (Store *store, Holds *holds, guint64 id, gint64 timeout_us);
/* Does so for the @n objects that a write has left (Orphans in references.h), and for the next two
 * that others may have left; in a transaction, after its end. */
void nameless_end_all (ShmobjManager *manager, const guint64 *ids, guint n);
/* Gives up one hold that this process has of an object; removes it if that was the last. */
void nameless_let_go (ShmobjManager *manager, guint64 id);
/* Does so for all that the dead have left. */
void nameless_sweep (Store *store, Holds *holds, gint64 timeout_us);
