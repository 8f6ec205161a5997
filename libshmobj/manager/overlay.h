/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a transaction has changed, before it is in the store: rows in the order of their keys, over
 * those of the store. In one process, for one thread at a time. */
typedef struct _Overlay Overlay;

typedef enum
{
  OVERLAY_SAME, /* as in the store: a change that was undone */
  OVERLAY_PUT,
  OVERLAY_DELETED,
} OverlayState;

typedef struct
{
  OverlayState state;
  guint8 *data; /* (owned): of OVERLAY_PUT */
  gsize size;
  guint64 logged; /* the latest savepoint that knows what it was before */
  gsize key_size;
  guint8 key[];
} OverlayRow;

/* A moment to which one can go back. Ended in the reverse order of their beginning. */
typedef struct
{
  guint64 id;
  guint mark; /* in the log of what rows were before */
} OverlaySavepoint;

Overlay *overlay_new (void);
void overlay_free (Overlay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Overlay, overlay_free)

/* How many bytes of keys and values are to be put, and whether there is any row that may differ. */
gsize overlay_get_bytes (Overlay *self);
gboolean overlay_is_empty (Overlay *self);

/* NULL: as in the store. What it points to is good until the next change of that row. */
const OverlayRow *overlay_find (Overlay *self, const void *key, gsize key_size);
/* Room for @size bytes to fill at once; NULL when there is no memory. */
gpointer overlay_put (Overlay *self, const void *key, gsize key_size, gsize size);
/* FALSE when there is no memory. */
gboolean overlay_delete (Overlay *self, const void *key, gsize key_size);

/* The next row behind @key, or the first at or behind it; in any state. */
const OverlayRow *overlay_next (Overlay *self, const void *key, gsize key_size, gboolean or_at);
/* The last one before @key. */
const OverlayRow *overlay_previous (Overlay *self, const void *key, gsize key_size);
/* All of them, in order; FALSE from @visit ends it. */
typedef gboolean (*OverlayVisit) (const OverlayRow *row, gpointer data);
void overlay_each (Overlay *self, OverlayVisit visit, gpointer data);

OverlaySavepoint overlay_begin (Overlay *self);
/* Makes everything as it was. */
void overlay_undo (Overlay *self, const OverlaySavepoint *savepoint);
/* Keeps what was done, which becomes part of @outer; NULL: nobody can undo it any more. */
void overlay_keep (Overlay *self, const OverlaySavepoint *savepoint, const OverlaySavepoint *outer);

int overlay_compare (const void *a, gsize a_size, const void *b, gsize b_size);
