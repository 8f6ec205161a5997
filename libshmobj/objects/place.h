/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

/* Where a small object of GObject's kind lives (objects/place.c): embedded in Lock, Event and their
 * like. */
typedef struct
{
  ArenaObject object; /* (owned) */
  CellKind kind;
  gboolean own_segment;
} Place;

void place_init (Place *place, CellKind kind);
void place_clear (Place *place);

/* Makes the object, unless @place has one: what LazyInit calls at its first use. */
gboolean place_make (Place *place, GError **error);
/* For an object that exists already; before anybody else knows @place. */
gboolean place_open (Place *place, Arena *arena, guint64 offset, GError **error);
gboolean
place_from_handle (Place *place, GVariant *properties, int *fds, gsize n_fds, GError **error);
/* For a place that has its object. */
GVariant *place_to_handle (Place *place, const char *class_name, GUnixFDList *list, GError **error);

/* A microsecond time as people read it: "1.5 s". Free it. */
char *place_describe_time (gint64 time_us);
