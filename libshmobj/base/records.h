/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"

/* What each process has of a small object, so that others know when it dies (base/records.c). All
 * zero but for what records_init() sets. */
typedef struct _RecordsKnown RecordsKnown;

typedef struct
{
  Arena *arena;                   /* (unowned): outlives us */
  RecordsShared *first;           /* (unowned): in the object's cell */
  _Atomic (RecordsKnown *) known; /* (owned): further cells, checked */
  _Atomic (guint32) mine;         /* 1 + the number of our record, as we last knew */
} Records;

/* One process's. Only its owner changes the note while it lives, if the object does not say
 * otherwise. */
typedef struct
{
  guint32 number;
  _Atomic (guint64) *note;
  _Atomic (guint32) *owner;
} Record;

#define RECORDS_MAX 1024

void records_init (Records *self, Arena *arena, RecordsShared *first);
void records_clear (Records *self);

/* FALSE: there are not so many. */
gboolean records_at (Records *self, guint32 number, Record *record);

/* The record of @me. FALSE: it has none. */
gboolean records_find (Records *self, guint32 me, Record *record);
/* The same, and gives it one: one that nobody has, or of a dead one whose note @is_free. FALSE with
 * an error when the arena is full. */
gboolean records_take (
    Records *self, guint32 me, gboolean (*is_free) (guint64 note), Record *record, GError **error);
