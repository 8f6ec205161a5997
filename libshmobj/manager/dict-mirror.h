/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/dict-rows.h"

/* A copy of a dict, to find out what has changed since (dict-mirror.c). */
GHashTable *dict_mirror_new (void);
/* Makes @mirror what the dict is now. Adds the keys (GBytes, each a frame as it is stored) that
 * were set, changed or removed to @keys. */
gboolean dict_mirror_update (GHashTable *mirror, Dict *dict, GPtrArray *keys);
/* A key (a frame as it is stored) that somebody has looked at since: whatever it is at the next
 * update, it is news. */
void dict_mirror_doubt (GHashTable *mirror, GBytes *key);
/* What @key has in it, a frame as it is stored; NULL: it is not there. Lives until the next update.
 */
GBytes *dict_mirror_lookup (GHashTable *mirror, GBytes *key);
