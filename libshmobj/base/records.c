/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records: beside a small object, one note for each process that has something of it.
 *
 *     the object's cell   [ … 2 records, more ] --> [ 4 records, more ] --> [ 4 records, more ] ...
 *
 * A record is an owner (a token) and a note of 64 bits, whose meaning is the object's. The further
 * cells are of the same arena, appended when all records are taken, and stay. So an object that two
 * processes use needs none, and one that all 1024 use needs 256.
 *
 * Owner. Stored by a compare-and-swap of the one who takes the record: from 0, or from a dead one
 * whose note says that nothing is left to do for it. Only once per process and object, and for the
 * process's life: its threads share it. A death before leaves the record as it was, one after it a
 * dead one's with a note that is free.
 *
 * More. Stored by a compare-and-swap from 0 of the one who appends a cell that it took from the
 * arena. A death in between leaves a cell that nobody uses. Two at once: the second one appends its
 * cell behind the first one's.
 *
 * What is read from shared memory is checked once: an offset must be one of a cell of this kind,
 * and is then remembered as a pointer in a list of our own that has the same order. It only grows,
 * by single stores, so threads and forked children find it whole.
 */

#include "base/records.h"

#include "base/fork.h"

#include <gio/gio.h>

struct _RecordsKnown
{
  RecordsCell *cell; /* (unowned): in the arena */
  _Atomic (RecordsKnown *) next;
};

void
records_init (Records *self, Arena *arena, RecordsShared *first)
{
  *self = (Records){ .arena = arena, .first = first };
}

void
records_clear (Records *self)
{
  RecordsKnown *known = atomic_load (&self->known), *next;

  for (; known != NULL; known = next)
    {
      next = atomic_load (&known->next);
      g_free (known);
    }
  atomic_store (&self->known, NULL);
}

/* The cell at @offset as the next one of our list. */
static RecordsKnown *
get_to_know (Records *self, _Atomic (RecordsKnown *) *link, guint32 offset)
{
  RecordsCell *cell =
      offset != 0 ? arena_content_at (self->arena, offset, CELL_RECORDS, FALSE) : NULL;
  RecordsKnown *known, *seen = NULL;

  if (cell == NULL)
    return NULL;
  known = g_new0 (RecordsKnown, 1);
  known->cell = cell;
  if (atomic_compare_exchange_strong (link, &seen, known))
    return known;
  g_free (known); /* another thread was first */
  return seen;
}

gboolean
records_at (Records *self, guint32 number, Record *record)
{
  _Atomic (guint32) *more = &self->first->more;
  _Atomic (RecordsKnown *) *link = &self->known;

  if (number < RECORDS_FIRST)
    {
      *record = (Record){ number, &self->first->note[number], &self->first->owner[number] };
      return TRUE;
    }
  if (number >= RECORDS_MAX)
    return FALSE;
  for (guint32 left = number - RECORDS_FIRST;; left -= RECORDS_CELL)
    {
      RecordsKnown *known = atomic_load_explicit (link, memory_order_acquire);

      if (known == NULL)
        known = get_to_know (self, link, atomic_load_explicit (more, memory_order_acquire));
      if (known == NULL)
        return FALSE;
      if (left < RECORDS_CELL)
        {
          *record = (Record){ number, &known->cell->note[left], &known->cell->owner[left] };
          return TRUE;
        }
      more = &known->cell->more;
      link = &known->next;
    }
}

gboolean
records_find (Records *self, guint32 me, Record *record)
{
  guint32 mine = atomic_load_explicit (&self->mine, memory_order_relaxed);

  if (mine != 0 && records_at (self, mine - 1, record) &&
      atomic_load_explicit (record->owner, memory_order_relaxed) == me)
    return TRUE;
  for (guint32 i = 0; records_at (self, i, record); i++)
    if (atomic_load_explicit (record->owner, memory_order_relaxed) == me)
      {
        atomic_store_explicit (&self->mine, i + 1, memory_order_relaxed);
        return TRUE;
      }
  return FALSE;
}

static gboolean
take_one (Records *self, guint32 me, gboolean (*is_free) (guint64 note))
{
  Record record;

  for (guint32 i = 0; records_at (self, i, &record); i++)
    {
      guint32 owner = atomic_load_explicit (record.owner, memory_order_acquire);

      if ((owner == 0 || participants_is_dead (arena_participants (self->arena), owner)) &&
          is_free (atomic_load_explicit (record.note, memory_order_acquire)) &&
          atomic_compare_exchange_strong (record.owner, &owner, me))
        return TRUE;
    }
  return FALSE;
}

/* Appends a cell. FALSE with an error. */
static gboolean
append (Records *self, GError **error)
{
  guint64 offset = arena_take_cell (self->arena, CELL_RECORDS, error);
  _Atomic (guint32) *more = &self->first->more;
  guint32 none = 0, n = RECORDS_FIRST;
  Record record;

  if (offset == 0)
    return FALSE;
  while (!atomic_compare_exchange_strong (more, &none, offset))
    {
      RecordsCell *cell = arena_content_at (self->arena, none, CELL_RECORDS, FALSE);

      n += RECORDS_CELL;
      if (cell == NULL || n >= RECORDS_MAX)
        break;
      more = &cell->more;
      none = 0;
    }
  if (records_at (self, n, &record))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "The object is in use by %d processes already, which is the limit", RECORDS_MAX);
  return FALSE;
}

/* fork_hold() keeps other threads of ours from taking a second one. */
gboolean
records_take (
    Records *self, guint32 me, gboolean (*is_free) (guint64 note), Record *record, GError **error)
{
  gboolean found = records_find (self, me, record);

  if (G_LIKELY (found))
    return TRUE;
  fork_hold ();
  while (!(found = records_find (self, me, record)) &&
         (take_one (self, me, is_free) || append (self, error)))
    ;
  fork_release ();
  return found;
}
