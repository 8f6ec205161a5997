/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Memory of an overlay, given back all at once in the end. */

#define POOL_CLASSES 6 /* 32, 64, … 1024 bytes; what is larger is malloc's */

typedef struct _PoolBlock PoolBlock;

typedef struct
{
  PoolBlock *blocks; /* (owned) */
  guint8 *at, *end;  /* what is left of the latest one */
  gpointer unused[POOL_CLASSES];
} Pool;

void pool_clear (Pool *self);
/* For good; aligned for everything. NULL without memory. */
gpointer pool_keep (Pool *self, gsize size);
/* NULL without memory. */
gpointer pool_take (Pool *self, gsize size);
/* What pool_take() gave for that size, or NULL. What is larger than the classes must come back
 * before pool_clear(). */
void pool_give (Pool *self, gpointer data, gsize size);
