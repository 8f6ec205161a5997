/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/overlay.h"

/* Rows in the order of their keys: blocks of pointers, all that are there in order. */
typedef struct _OrderBlock OrderBlock;

typedef struct
{
  OrderBlock **blocks; /* (owned) */
  guint n_blocks, room;
  gsize n_rows;
} Order;

/* Where a row is, or would be; the end is behind the last block. */
typedef struct
{
  guint block, at;
} OrderPlace;

void order_clear (Order *self);
/* The first row at or behind @key; @exact: it has that key. */
OrderPlace order_find (const Order *self, const void *key, gsize key_size, gboolean *exact);
/* NULL at the end. */
OverlayRow *order_get (const Order *self, OrderPlace place);
/* FALSE: there is none before it. */
gboolean order_step_back (const Order *self, OrderPlace *place);
void order_step (const Order *self, OrderPlace *place);
/* Before the row at @place. */
void order_insert (Order *self, OrderPlace place, OverlayRow *row);
