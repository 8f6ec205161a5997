/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arenas: small objects share a segment, so that a thousand locks cost a handful of descriptors.
 *
 *     0                          69632              73728
 *     [ header, participants    ][ ArenaShared     ][ cell 0 ][ cell 1 ] ...      64 bytes each
 *                                  guard, used
 *
 * An object is a cell; a handle of it is the descriptors of the segment and of its doorbell
 * (base/broadcast.c), and the cell's offset. Each process makes its objects in an arena of its own,
 * a forked child in a new one; when it is full, in the next one.
 *
 * Handing out. Under the guard: back the cell with memory (a step at a time), store its kind, then
 * `used` + 1, which publishes it. A death before that leaves a cell that the next one is given,
 * wiped.
 *
 * Giving back. A cell is used again only when nobody else can have it: it was never exported, and
 * the process has not forked since before it was made. Then its maker keeps it in a list in its own
 * memory. All others stay taken until the segment goes, which is when the last process that holds
 * one of its objects lets go of it. (A raw clone() is not noticed; such a child may use only
 * objects that its parent keeps.)
 *
 * In a process there is one Arena per segment, found by device and inode, however often its
 * descriptors arrive. It becomes a participant when it first needs to be one.
 *
 * Forks. The list of arenas is changed by single stores, so a child finds it whole; the mutex is
 * made new there, because a thread that the child does not have may hold it.
 */

#include "base/arena.h"

#include "base/guard.h"
#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/wait.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELLS_SHARED 4096     /* of the arena in which a process makes its objects: 256 KiB */
#define CELLS_OWN (4096 / 64) /* of one for a single object */
#define CELLS_BACKED 16384    /* bytes that are backed at a time */
#define GUARD_US G_USEC_PER_SEC

struct _Arena
{
  guint refs; /* under registry_lock */
  Arena *next;

  Segment segment;
  dev_t device;
  ino_t inode;
  guint64 backed; /* under the arena's guard: up to here cells can be touched, as we know */
  int bell_fd;    /* (owned) */
  Broadcast bell;
  Participants participants;
};

static GMutex registry_lock;
static Arena *arenas;

/* Where this process makes its objects; under registry_lock. */
static struct
{
  Arena *arena;       /* (owned) */
  guint32 generation; /* fork_generation() of the one who made it */
  GArray *cells;      /* (owned): offsets that may be used again */
} current;

static void
renew_lock_in_child (ForkHook *hook)
{
  g_mutex_init (&registry_lock);
}

static ForkHook registry_hook = { .in_child = renew_lock_in_child };

__attribute__ ((constructor)) static void
arena_start (void)
{
  fork_hook_add (&registry_hook);
}

static void
lock_registry (void)
{
  fork_generation (); /* in a raw clone the hook has not run yet */
  g_mutex_lock (&registry_lock);
}

static ArenaShared *
shared_of (Arena *arena)
{
  return segment_at (&arena->segment, OBJECT_OFFSET, sizeof (ArenaShared));
}

static guint32
cells_of (Arena *arena)
{
  guint64 room = (arena->segment.size - ARENA_CELLS_OFFSET) / sizeof (ArenaCell);

  return MIN (room, segment_header (&arena->segment)->parameter[0]);
}

/* The only way from an offset to a cell: NULL when there is none, or it was never handed out. */
static ArenaCell *
cell_at (Arena *arena, guint64 offset)
{
  guint32 used =
      MIN (atomic_load_explicit (&shared_of (arena)->used, memory_order_acquire), cells_of (arena));

  if (offset < ARENA_CELLS_OFFSET || offset % sizeof (ArenaCell) != 0 ||
      (offset - ARENA_CELLS_OFFSET) / sizeof (ArenaCell) >= used)
    return NULL;
  return segment_at (&arena->segment, offset, sizeof (ArenaCell));
}

/* The same for an offset of ours, which was checked: whatever the shared words say by now. */
static ArenaCell *
own_cell (const ArenaObject *object)
{
  return segment_at (&object->arena->segment, object->offset, sizeof (ArenaCell));
}

static void
arena_free (Arena *arena)
{
  participants_clear (&arena->participants);
  segment_close (&arena->segment);
  sys_close (arena->bell_fd);
  g_free (arena);
}

/* All of an arena but its place in the list. Takes over what it is given, also on failure. */
static Arena *
arena_new (Segment *segment, int bell_fd, GError **error)
{
  Arena *arena = g_new0 (Arena, 1);
  struct stat st;

  arena->refs = 1;
  arena->segment = *segment;
  arena->bell_fd = bell_fd;
  participants_init (&arena->participants, &arena->segment);

  if (fstat (arena->segment.fd, &st) < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "Cannot look at the descriptor of an arena: %s", g_strerror (errno));
  else if (arena->segment.size < ARENA_CELLS_OFFSET)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                 "The arena is truncated: %" G_GUINT64_FORMAT " bytes, at least %d are needed",
                 arena->segment.size, ARENA_CELLS_OFFSET);
  else if (broadcast_init (&arena->bell, bell_fd, error))
    {
      arena->device = st.st_dev;
      arena->inode = st.st_ino;
      return arena;
    }
  arena_free (arena);
  return NULL;
}

/* Under registry_lock, as all that touches the list. */
static Arena *
enlist (Arena *arena)
{
  if (arena != NULL)
    {
      arena->next = arenas;
      arenas = arena;
    }
  return arena;
}

static Arena *
find (int segment_fd)
{
  struct stat st;

  if (fstat (segment_fd, &st) == 0)
    for (Arena *arena = arenas; arena != NULL; arena = arena->next)
      if (arena->device == st.st_dev && arena->inode == st.st_ino)
        {
          arena->refs++;
          return arena;
        }
  return NULL;
}

Arena *
arena_ref (Arena *arena)
{
  lock_registry ();
  arena->refs++;
  g_mutex_unlock (&registry_lock);
  return arena;
}

static void
unref_locked (Arena *arena)
{
  Arena **link = &arenas;

  if (--arena->refs > 0)
    return;
  while (*link != NULL && *link != arena)
    link = &(*link)->next;
  if (*link != NULL)
    *link = arena->next;
  arena_free (arena);
}

void
arena_unref (Arena *arena)
{
  lock_registry ();
  unref_locked (arena);
  g_mutex_unlock (&registry_lock);
}

Participants *
arena_participants (Arena *arena)
{
  return &arena->participants;
}

const Broadcast *
arena_bell (const Arena *arena)
{
  return &arena->bell;
}

static Arena *
make_anonymous (guint32 cells, GError **error)
{
  const guint64 parameter[4] = { cells };
  int bell_fd = sys.eventfd ();
  Segment segment;

  if (bell_fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "Cannot make a doorbell (eventfd): %s", g_strerror (errno));
      return NULL;
    }
  if (segment_new (&segment, SEGMENT_ARENA, "shmobj-arena",
                   ARENA_CELLS_OFFSET + cells * sizeof (ArenaCell), ARENA_CELLS_OFFSET, parameter,
                   error))
    return enlist (arena_new (&segment, bell_fd, error));
  sys_close (bell_fd);
  return NULL;
}

/* Makes the @size bytes around @offset safe to touch, from a multiple of @size on. */
static gboolean
back (Arena *arena, guint64 offset, guint64 size, GError **error)
{
  guint64 start = ARENA_CELLS_OFFSET + (offset - ARENA_CELLS_OFFSET) / size * size;
  guint64 end = MIN (start + size, arena->segment.size);
  int code = segment_reserve (&arena->segment, start, end);

  if (code == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Cannot reserve %" G_GUINT64_FORMAT " bytes for small objects: %s", end - start,
               g_strerror (code));
  return FALSE;
}

/* Under the arena's guard. 0: full, without an error, or no memory, with one. */
static guint64
publish_cell (Arena *arena, CellKind kind, GError **error)
{
  ArenaShared *shared = shared_of (arena);
  guint32 used = atomic_load_explicit (&shared->used, memory_order_relaxed);
  guint64 offset = ARENA_CELLS_OFFSET + used * (guint64) sizeof (ArenaCell);
  guint64 end = offset + sizeof (ArenaCell);
  ArenaCell *cell;

  if (used >= cells_of (arena))
    return 0;
  if (end > arena->backed)
    {
      if (!back (arena, offset, CELLS_BACKED, error))
        return 0;
      arena->backed = end + (ARENA_CELLS_OFFSET - end) % CELLS_BACKED;
    }

  cell = segment_at (&arena->segment, offset, sizeof *cell);
  memset (cell->content, 0, sizeof cell->content);
  atomic_store_explicit (&cell->kind, kind, memory_order_release);
  atomic_store_explicit (&shared->used, used + 1, memory_order_release);
  return offset;
}

/* As publish_cell(), with the guard. */
static guint64
hand_out (Arena *arena, CellKind kind, GError **error)
{
  static GuardStatistics statistics;
  guint32 me = participants_me (&arena->participants, error);
  guint64 offset;

  if (me == 0)
    return 0;
  if (!guard_take (&shared_of (arena)->guard, &arena->participants, me, wait_deadline (GUARD_US),
                   &statistics))
    {
      g_autofree char *who = participants_describe (
          &arena->participants, atomic_load (&shared_of (arena)->guard) & TOKEN_MASK);

      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                   "A new object cannot get its place in shared memory, because %s is about to get "
                   "one and stopped",
                   who);
      return 0;
    }
  offset = publish_cell (arena, kind, error);
  guard_release (&shared_of (arena)->guard);
  return offset;
}

guint64
arena_take_cell (Arena *arena, CellKind kind, GError **error)
{
  GError *reason = NULL;
  guint64 offset = hand_out (arena, kind, &reason);

  if (offset == 0 && reason == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                 "All %u places for named locks and the like are taken", cells_of (arena));
  else if (reason != NULL)
    g_propagate_error (error, reason);
  return offset;
}

/* A cell that only we had, again. */
static guint64
recycle (CellKind kind)
{
  guint64 offset;
  ArenaCell *cell;

  if (current.cells->len == 0)
    return 0;
  offset = g_array_index (current.cells, guint32, current.cells->len - 1);
  g_array_set_size (current.cells, current.cells->len - 1);
  cell = segment_at (&current.arena->segment, offset, sizeof *cell);
  memset (cell->content, 0, sizeof cell->content);
  atomic_store_explicit (&cell->kind, kind, memory_order_release);
  return offset;
}

static gboolean
renew_current (GError **error)
{
  Arena *arena = make_anonymous (CELLS_SHARED, error);

  if (arena == NULL)
    return FALSE;
  if (current.arena != NULL)
    unref_locked (current.arena);
  if (current.cells != NULL && current.generation == fork_generation ())
    g_array_free (current.cells, TRUE); /* in a child: another thread may have been at it */
  current.cells = g_array_new (FALSE, FALSE, sizeof (guint32));
  current.arena = arena;
  current.generation = fork_generation ();
  return TRUE;
}

static guint64
take_from_current (CellKind kind, GError **error)
{
  GError *reason = NULL;
  guint64 offset = 0;

  if (current.arena == NULL || current.generation != fork_generation ())
    {
      if (!renew_current (error))
        return 0;
    }
  else
    {
      offset = recycle (kind);
      if (offset == 0)
        offset = hand_out (current.arena, kind, &reason);
      if (offset == 0 && reason == NULL && !renew_current (error))
        return 0;
    }
  if (offset == 0 && reason == NULL)
    offset = hand_out (current.arena, kind, &reason);
  if (reason != NULL)
    g_propagate_error (error, reason);
  return offset;
}

gboolean
arena_object_new (ArenaObject *object, CellKind kind, gboolean own_segment, GError **error)
{
  guint64 offset = 0;

  *object = (ArenaObject){ .forks = fork_count () };
  lock_registry ();
  if (!own_segment)
    {
      offset = take_from_current (kind, error);
      object->arena = offset != 0 ? current.arena : NULL;
      if (object->arena != NULL)
        object->arena->refs++;
    }
  else
    {
      object->arena = make_anonymous (CELLS_OWN, error);
      if (object->arena != NULL)
        offset = hand_out (object->arena, kind, error);
      if (offset == 0 && object->arena != NULL)
        unref_locked (g_steal_pointer (&object->arena));
    }
  g_mutex_unlock (&registry_lock);

  object->offset = offset;
  return object->arena != NULL;
}

static const char *
cell_name (guint32 kind)
{
  static const char *const names[] = {
    [CELL_LOCK] = "lock",
    [CELL_EVENT] = "event",
    [CELL_CONDITION] = "condition",
    [CELL_SEATS] = "part of a condition",
    [CELL_SEMAPHORE] = "semaphore",
    [CELL_BARRIER] = "barrier",
    [CELL_RECORDS] = "part of a semaphore or barrier",
  };

  return kind < G_N_ELEMENTS (names) && names[kind] != NULL ? names[kind] : "free or unknown one";
}

gboolean
arena_object_at (ArenaObject *object, Arena *arena, guint64 offset, CellKind kind, GError **error)
{
  ArenaCell *cell = cell_at (arena, offset);
  guint32 found;

  *object = (ArenaObject){ 0 };
  if (cell != NULL && !back (arena, offset, LAYOUT_PAGE, error)) /* its maker did, or said so */
    return FALSE;
  found = cell != NULL ? atomic_load_explicit (&cell->kind, memory_order_acquire) : 0;

  if (cell == NULL)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                 "There is no object at offset %" G_GUINT64_FORMAT " of the arena", offset);
  else if (found != (guint32) kind)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND,
                 "The object at offset %" G_GUINT64_FORMAT " of the arena is no %s but a %s",
                 offset, cell_name (kind), cell_name (found));
  else
    *object = (ArenaObject){ .arena = arena_ref (arena), .offset = offset, .exported = TRUE };
  return object->arena != NULL;
}

gpointer
arena_content_at (Arena *arena, guint64 offset, CellKind kind, gboolean known)
{
  ArenaCell *cell = cell_at (arena, offset);

  if (cell == NULL || (!known && !back (arena, offset, LAYOUT_PAGE, NULL)) ||
      atomic_load_explicit (&cell->kind, memory_order_acquire) != (guint32) kind)
    return NULL;
  return cell->content;
}

/* The arena of these descriptors, with a reference. */
static Arena *
find_or_open (int segment_fd, int bell_fd, GError **error)
{
  Arena *arena;
  Segment segment;

  lock_registry ();
  arena = find (segment_fd);
  if (arena != NULL)
    sys_close (segment_fd);
  if (arena == NULL && segment_open (&segment, segment_fd, SEGMENT_ARENA, error))
    {
      arena = enlist (arena_new (&segment, bell_fd, error));
      bell_fd = -1;
    }
  g_mutex_unlock (&registry_lock);
  sys_close (bell_fd);
  return arena;
}

gboolean
arena_object_open (
    ArenaObject *object, int segment_fd, int bell_fd, guint64 offset, CellKind kind, GError **error)
{
  Arena *arena = find_or_open (segment_fd, bell_fd, error);
  gboolean opened;

  *object = (ArenaObject){ 0 };
  if (arena == NULL)
    return FALSE;
  opened = arena_object_at (object, arena, offset, kind, error);
  arena_unref (arena);
  return opened;
}

void
arena_object_clear (ArenaObject *object)
{
  if (object->arena == NULL)
    return;

  lock_registry ();
  if (!object->exported && object->arena == current.arena && object->forks == fork_count () &&
      current.generation == fork_generation ())
    {
      atomic_store (&own_cell (object)->kind, CELL_FREE);
      g_array_append_val (current.cells, object->offset);
    }
  unref_locked (object->arena);
  g_mutex_unlock (&registry_lock);
  *object = (ArenaObject){ 0 };
}

gpointer
arena_object_content (const ArenaObject *object)
{
  return own_cell (object)->content;
}

void
arena_object_export (ArenaObject *object, int *segment_fd, int *bell_fd)
{
  g_atomic_int_set (&object->exported, TRUE);
  *segment_fd = object->arena->segment.fd;
  *bell_fd = object->arena->bell_fd;
}

Arena *
arena_adopt (Segment *segment, int bell_fd, GError **error)
{
  Arena *arena;

  lock_registry ();
  arena = find (segment->fd);
  if (arena == NULL)
    arena = enlist (arena_new (segment, bell_fd, error));
  else
    {
      segment_close (segment);
      sys_close (bell_fd);
    }
  g_mutex_unlock (&registry_lock);
  return arena;
}
