/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/store.h"

#include <stdio.h>

/* A store as a stream (tools/shmobj-dump.c). */

/* One moment of @store. @left_out: takes the names of what is not carried. */
gboolean dump_write (Store *store, FILE *file, GPtrArray *left_out, GError **error);
/* Reads all of it and checks it. CORRUPT names the offset; INCOMPATIBLE. */
gboolean dump_check (FILE *file, GError **error);
/* Puts what has been checked into @store, which is new. */
gboolean dump_load (FILE *file, Store *store, GError **error);
