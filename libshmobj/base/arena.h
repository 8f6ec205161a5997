/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/participants.h"

/* Many small objects in one segment (base/arena.c). One per segment and process, counted. */
typedef struct _Arena Arena;

/* One process's hold of one object. */
typedef struct
{
  Arena *arena;      /* (owned): NULL when there is none */
  guint32 offset;    /* of the cell */
  guint32 forks;     /* fork_count() before it existed */
  gboolean exported; /* somebody else may hold it: it is not ours alone to use the cell for another
                        one */
} ArenaObject;

/* A new object, its content all zeros: in the arena in which this process makes its objects, or, if
 * @own_segment, in one by itself. */
gboolean
arena_object_new (ArenaObject *object, CellKind kind, gboolean own_segment, GError **error);
/* One that another process made. Takes both descriptors over, also on failure. */
gboolean arena_object_open (ArenaObject *object,
                            int segment_fd,
                            int bell_fd,
                            guint64 offset,
                            CellKind kind,
                            GError **error);
/* One at a known place of an arena that is open already. */
gboolean
arena_object_at (ArenaObject *object, Arena *arena, guint64 offset, CellKind kind, GError **error);
void arena_object_clear (ArenaObject *object);

/* The object's bytes in shared memory: as long as ArenaCell's content. */
gpointer arena_object_content (const ArenaObject *object);
/* The same of another cell of the arena, for as long as @arena is kept: NULL when there is none of
 * that kind at @offset. @known: it was asked for before with success, which makes it quick. */
gpointer arena_content_at (Arena *arena, guint64 offset, CellKind kind, gboolean known);
/* The descriptors for a handle (unowned). From now on others may hold the object. */
void arena_object_export (ArenaObject *object, int *segment_fd, int *bell_fd);

Arena *arena_ref (Arena *arena);
void arena_unref (Arena *arena);
Participants *arena_participants (Arena *arena);
const Broadcast *arena_bell (const Arena *arena);

/* The arena of a segment and its bell; the same one if this process has it already. Takes both
 * over, also on failure. */
Arena *arena_adopt (Segment *segment, int bell_fd, GError **error);

/* The arena with the file name @name in directory @dirfd, and the FIFO “@name.bell” beside it; made
 * if there is none. */
Arena *arena_open_in (int dirfd, const char *name, GError **error);
/* A cell of it that nobody has: never 0, except with an error (G_IO_ERROR_NO_SPACE when all are
 * taken). It stays taken. */
guint64 arena_take_cell (Arena *arena, CellKind kind, GError **error);
