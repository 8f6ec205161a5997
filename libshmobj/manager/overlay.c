/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The overlay of a transaction: what it has put and deleted, while the store stays as it is.
 *
 * Rows by key, in order (overlay-order.c). A row that is put, deleted or put again changes in
 * place; none is taken out before the end, so keys stay where they are and a walk may change rows
 * as it goes. What is written was mostly looked up just before, and with each row of an object its
 * record is written, so the latest two are remembered.
 *
 * Going back. Each call in a transaction, and each transaction inside another, is whole or has not
 * happened. So a change first notes in a log what the row was; undoing reads the log backwards. A
 * call that is done gives its notes to the savepoint outside of it, which keeps the first of each
 * row: what the row was when that one began. Where there is none outside they are dropped, so a
 * long transaction has a short log.
 *
 * Nothing here is shared between processes: a death leaves nothing, and a forked child has a copy
 * that nobody will apply.
 *
 * Memory is cut from blocks (overlay-pool.c). For values it is asked for so that there may be none:
 * that is an error of the transaction.
 */

#include "manager/overlay-order.h"
#include "manager/overlay-pool.h"

#include <string.h>

struct _Overlay
{
  Order rows;
  Pool pool;
  OverlayRow *latest[2]; /* (nullable): rows that were found or added */
  guint replaced;        /* the one of them that goes next */
  GArray *log;           /* of Before */
  guint64 last_id;
  gsize bytes;
};

typedef struct
{
  OverlayRow *row;
  OverlayState state;
  guint8 *data; /* (owned): of the pool */
  gsize size;
} Before;

int
overlay_compare (const void *a, gsize a_size, const void *b, gsize b_size)
{
  int order = memcmp (a, b, MIN (a_size, b_size));

  return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

Overlay *
overlay_new (void)
{
  Overlay *self = g_new0 (Overlay, 1);

  self->log = g_array_sized_new (FALSE, FALSE, sizeof (Before), 16);
  return self;
}

static Before *
before_at (Overlay *self, guint i)
{
  return &g_array_index (self->log, Before, i);
}

void
overlay_free (Overlay *self)
{
  OverlayRow *row;

  for (guint i = 0; i < self->log->len; i++)
    pool_give (&self->pool, before_at (self, i)->data, before_at (self, i)->size);
  g_array_unref (self->log);
  for (OrderPlace place = { 0 }; (row = order_get (&self->rows, place)) != NULL;
       order_step (&self->rows, &place))
    pool_give (&self->pool, row->data, row->size);
  order_clear (&self->rows);
  pool_clear (&self->pool);
  g_free (self);
}

gsize
overlay_get_bytes (Overlay *self)
{
  return self->bytes;
}

gboolean
overlay_is_empty (Overlay *self)
{
  return self->rows.n_rows == 0;
}

/* One of the latest rows, if it is that. */
static OverlayRow *
recall (Overlay *self, const void *key, gsize key_size)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->latest); i++)
    {
      OverlayRow *row = self->latest[i];

      if (row != NULL && row->key_size == key_size && memcmp (row->key, key, key_size) == 0)
        {
          self->replaced = 1 - i;
          return row;
        }
    }
  return NULL;
}

static OverlayRow *
remember (Overlay *self, OverlayRow *row)
{
  self->latest[self->replaced] = row;
  self->replaced = 1 - self->replaced;
  return row;
}

const OverlayRow *
overlay_find (Overlay *self, const void *key, gsize key_size)
{
  OverlayRow *row = recall (self, key, key_size);
  OrderPlace place;
  gboolean exact;

  if (row != NULL)
    return row;
  place = order_find (&self->rows, key, key_size, &exact);
  return exact ? remember (self, order_get (&self->rows, place)) : NULL;
}

/* NULL when there is no memory. */
static OverlayRow *
find_or_add (Overlay *self, const void *key, gsize key_size)
{
  OverlayRow *row = recall (self, key, key_size);
  OrderPlace place;
  gboolean exact;

  if (row != NULL)
    return row;
  place = order_find (&self->rows, key, key_size, &exact);
  if (exact)
    return remember (self, order_get (&self->rows, place));
  row = pool_keep (&self->pool, sizeof *row + key_size);
  if (row == NULL)
    return NULL;
  *row = (OverlayRow){ .key_size = key_size };
  memcpy (row->key, key, key_size);
  order_insert (&self->rows, place, row);
  return remember (self, row);
}

/* Gives the row another content, whose old one is returned. */
static guint8 *
exchange (Overlay *self, OverlayRow *row, OverlayState state, guint8 *data, gsize size)
{
  guint8 *old = row->data;

  if (row->state == OVERLAY_PUT)
    self->bytes -= row->key_size + row->size;
  row->state = state;
  row->data = data;
  row->size = size;
  if (state == OVERLAY_PUT)
    self->bytes += row->key_size + size;
  return old;
}

static void
change (Overlay *self, OverlayRow *row, OverlayState state, guint8 *data, gsize size)
{
  Before before = { .row = row, .state = row->state, .size = row->size };

  before.data = exchange (self, row, state, data, size);
  g_array_append_val (self->log, before);
}

gpointer
overlay_put (Overlay *self, const void *key, gsize key_size, gsize size)
{
  OverlayRow *row = find_or_add (self, key, key_size);
  guint8 *data = row != NULL ? pool_take (&self->pool, MAX (size, 1)) : NULL;

  if (data != NULL)
    change (self, row, OVERLAY_PUT, data, size);
  return data;
}

gboolean
overlay_delete (Overlay *self, const void *key, gsize key_size)
{
  OverlayRow *row = find_or_add (self, key, key_size);

  if (row != NULL)
    change (self, row, OVERLAY_DELETED, NULL, 0);
  return row != NULL;
}

const OverlayRow *
overlay_next (Overlay *self, const void *key, gsize key_size, gboolean or_at)
{
  gboolean exact;
  OrderPlace place = order_find (&self->rows, key, key_size, &exact);

  if (exact && !or_at)
    order_step (&self->rows, &place);
  return order_get (&self->rows, place);
}

const OverlayRow *
overlay_previous (Overlay *self, const void *key, gsize key_size)
{
  gboolean exact;
  OrderPlace place = order_find (&self->rows, key, key_size, &exact);

  return order_step_back (&self->rows, &place) ? order_get (&self->rows, place) : NULL;
}

void
overlay_each (Overlay *self, OverlayVisit visit, gpointer data)
{
  const OverlayRow *row;

  for (OrderPlace place = { 0 }; (row = order_get (&self->rows, place)) != NULL;
       order_step (&self->rows, &place))
    if (!visit (row, data))
      return;
}

OverlaySavepoint
overlay_begin (Overlay *self)
{
  return (OverlaySavepoint){ ++self->last_id, self->log->len };
}

void
overlay_undo (Overlay *self, const OverlaySavepoint *savepoint)
{
  for (guint i = self->log->len; i > savepoint->mark; i--)
    {
      Before *before = before_at (self, i - 1);
      gsize size = before->row->size;

      pool_give (&self->pool,
                 exchange (self, before->row, before->state, before->data, before->size), size);
    }
  g_array_set_size (self->log, MIN (self->log->len, savepoint->mark));
}

void
overlay_keep (Overlay *self, const OverlaySavepoint *savepoint, const OverlaySavepoint *outer)
{
  guint kept = savepoint->mark;

  for (guint i = savepoint->mark; i < self->log->len; i++)
    {
      Before *before = before_at (self, i);

      if (outer != NULL && before->row->logged != outer->id)
        {
          before->row->logged = outer->id;
          *before_at (self, kept++) = *before;
        }
      else
        pool_give (&self->pool, before->data, before->size);
    }
  g_array_set_size (self->log, kept);
}
