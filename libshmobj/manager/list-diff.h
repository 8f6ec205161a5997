/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What makes one sequence another one (list-diff.c): a step of it. Steps are in order, and what is
 * before one is equal by then, so it is at @new_at that it applies. */
typedef struct
{
  guint old_at, new_at;
  guint removed, added;
} DiffStep;

typedef gboolean (*DiffEqual) (gconstpointer data, guint old_at, guint new_at);

/* An array of DiffStep, as few items as possible in them; one step for all when that would take
 * long. */
GArray *list_diff (guint n_old, guint n_new, DiffEqual equal, gconstpointer data);
