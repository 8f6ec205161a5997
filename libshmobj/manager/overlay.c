/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The overlay of a transaction: what it has put and deleted, while the store stays as it is.
 *
 * A balanced tree of rows by key. A row that is put, deleted or put again changes in place; none is
 * taken out of the tree before its end, so keys stay where they are and a walk may change rows as
 * it goes.
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
 * Memory for values is asked for so that there may be none: that is an error of the transaction.
 */

#include "manager/overlay.h"

#include <string.h>

struct _Overlay
{
  GTree *rows;
  GArray *log; /* of Before */
  guint64 last_id;
  gsize bytes;
};

typedef struct
{
  OverlayRow *row;
  OverlayState state;
  guint8 *data; /* (owned) */
  gsize size;
} Before;

/* What is looked for, in place of a row. */
typedef struct
{
  const void *key;
  gsize size;
} Probe;

int
overlay_compare (const void *a, gsize a_size, const void *b, gsize b_size)
{
  int order = memcmp (a, b, MIN (a_size, b_size));

  return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* The tree's keys are Probes: of a row, the first thing behind its OverlayRow. */
static int
compare_probes (gconstpointer a, gconstpointer b, gpointer data)
{
  const Probe *one = a, *other = b;

  return overlay_compare (one->key, one->size, other->key, other->size);
}

static void
free_row (gpointer data)
{
  OverlayRow *row = data;

  g_free (row->data);
  g_free (row);
}

Overlay *
overlay_new (void)
{
  Overlay *self = g_new0 (Overlay, 1);

  self->rows = g_tree_new_full (compare_probes, NULL, g_free, free_row);
  self->log = g_array_new (FALSE, FALSE, sizeof (Before));
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
  for (guint i = 0; i < self->log->len; i++)
    g_free (before_at (self, i)->data);
  g_array_unref (self->log);
  g_tree_unref (self->rows);
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
  return g_tree_nnodes (self->rows) == 0;
}

static OverlayRow *
find (Overlay *self, const void *key, gsize key_size)
{
  return g_tree_lookup (self->rows, &(Probe){ key, key_size });
}

const OverlayRow *
overlay_find (Overlay *self, const void *key, gsize key_size)
{
  return find (self, key, key_size);
}

static OverlayRow *
find_or_add (Overlay *self, const void *key, gsize key_size)
{
  OverlayRow *row = find (self, key, key_size);
  Probe *probe;

  if (row != NULL)
    return row;
  row = g_malloc0 (sizeof *row + key_size);
  row->key_size = key_size;
  memcpy (row->key, key, key_size);
  probe = g_new (Probe, 1);
  *probe = (Probe){ row->key, key_size };
  g_tree_insert (self->rows, probe, row);
  return row;
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
  guint8 *data = g_try_malloc (MAX (size, 1));

  if (data != NULL)
    change (self, find_or_add (self, key, key_size), OVERLAY_PUT, data, size);
  return data;
}

void
overlay_delete (Overlay *self, const void *key, gsize key_size)
{
  change (self, find_or_add (self, key, key_size), OVERLAY_DELETED, NULL, 0);
}

static const OverlayRow *
row_of (GTreeNode *node)
{
  return node != NULL ? g_tree_node_value (node) : NULL;
}

const OverlayRow *
overlay_next (Overlay *self, const void *key, gsize key_size, gboolean or_at)
{
  Probe probe = { key, key_size };

  return row_of (or_at ? g_tree_lower_bound (self->rows, &probe)
                       : g_tree_upper_bound (self->rows, &probe));
}

const OverlayRow *
overlay_previous (Overlay *self, const void *key, gsize key_size)
{
  GTreeNode *node = g_tree_lower_bound (self->rows, &(Probe){ key, key_size });

  return row_of (node != NULL ? g_tree_node_previous (node) : g_tree_node_last (self->rows));
}

void
overlay_each (Overlay *self, OverlayVisit visit, gpointer data)
{
  for (GTreeNode *node = g_tree_node_first (self->rows); node != NULL;
       node = g_tree_node_next (node))
    if (!visit (row_of (node), data))
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

      g_free (exchange (self, before->row, before->state, before->data, before->size));
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
        g_free (before->data);
    }
  g_array_set_size (self->log, kept);
}
