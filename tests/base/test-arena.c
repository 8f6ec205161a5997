/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arenas: few descriptors for many objects, no cell that two objects have, and nothing believed
 * that another process says. */

#include "../objects/lock-fixture.h"

#include "base/arena.h"
#include "base/shmobj-error.h"
#include "base/sys.h"

#include <glib/gstdio.h>

static void
make (ArenaObject *object, gboolean own_segment)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (arena_object_new (object, CELL_LOCK, own_segment, &error));
  g_assert_no_error (error);
}

static void
test_few_descriptors (void)
{
  static ArenaObject objects[10000];
  g_autoptr (GHashTable) places = g_hash_table_new (NULL, NULL);
  guint before = count_fds ();

  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    {
      _Atomic (guint32) *word;

      make (&objects[i], FALSE);
      word = arena_object_content (&objects[i]);
      g_assert_cmpuint (*word, ==, 0);
      *word = i + 1;
      g_assert_true (g_hash_table_add (places, (gpointer) word));
    }
  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    g_assert_cmpuint (*(guint32 *) arena_object_content (&objects[i]), ==, i + 1);
  g_assert_cmpuint (count_fds () - before, <=, 9); /* three arenas, three descriptors each */

  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    arena_object_clear (&objects[i]);
  g_assert_cmpuint (count_fds () - before, <=, 3); /* the one in use stays */
}

static void
test_reuse (void)
{
  ArenaObject object, next;
  int fds[2];
  guint32 offset;
  pid_t pid;

  make (&object, FALSE);
  *(guint64 *) arena_object_content (&object) = 1;
  offset = object.offset;
  arena_object_clear (&object);
  make (&next, FALSE);
  g_assert_cmpuint (next.offset, ==, offset); /* only we had it */
  g_assert_cmpuint (*(guint64 *) arena_object_content (&next), ==, 0);

  arena_object_export (&next, &fds[0], &fds[1]);
  arena_object_clear (&next);
  make (&object, FALSE);
  g_assert_cmpuint (object.offset, !=, offset); /* somebody may have a handle */

  offset = object.offset;
  IN_CHILD (pid)
  {
    Arena *arena = object.arena;

    arena_object_clear (&object);
    make (&next, FALSE);
    _exit (next.arena != arena ? 0 : 1); /* a child has an arena of its own */
  }
  assert_exit (pid, 0);
  arena_object_clear (&object);
  make (&next, FALSE);
  g_assert_cmpuint (next.offset, !=, offset); /* a child had it */
  arena_object_clear (&next);
}

/* The descriptors of @object, copied. */
static void
copy_fds (ArenaObject *object, int *fds)
{
  arena_object_export (object, &fds[0], &fds[1]);
  fds[0] = dup (fds[0]);
  fds[1] = dup (fds[1]);
}

static void
test_mapped_once (void)
{
  ArenaObject object, again;
  g_autoptr (GError) error = NULL;
  guint before;
  int fds[2];

  make (&object, TRUE);
  before = count_fds ();
  copy_fds (&object, fds);
  g_assert_true (arena_object_open (&again, fds[0], fds[1], object.offset, CELL_LOCK, &error));
  g_assert_no_error (error);
  g_assert_true (again.arena == object.arena);
  g_assert_true (arena_object_content (&again) == arena_object_content (&object));
  g_assert_cmpuint (count_fds (), ==, before);
  arena_object_clear (&object);
  *(guint32 *) arena_object_content (&again) = 7; /* lives as long as either */
  arena_object_clear (&again);
  g_assert_cmpuint (count_fds (), ==, before - 3);
}

static void
assert_refused (ArenaObject *object, int fds[2], guint64 offset, CellKind kind, gint code)
{
  g_autoptr (GError) error = NULL;
  ArenaObject lie;

  g_assert_false (arena_object_open (&lie, dup (fds[0]), dup (fds[1]), offset, kind, &error));
  g_assert_error (error, SHMOBJ_ERROR, code);
  g_assert_null (lie.arena);
}

static void
test_lies (void)
{
  const guint64 offsets[] = { 0,
                              8,
                              OBJECT_OFFSET,
                              ARENA_CELLS_OFFSET + 8,
                              ARENA_CELLS_OFFSET + 64, /* not handed out */
                              ARENA_CELLS_OFFSET - 64,
                              G_MAXUINT64 - 63,
                              G_MAXUINT64 };
  guint before = count_fds ();
  ArenaObject object;
  int fds[2];

  make (&object, TRUE);
  arena_object_export (&object, &fds[0], &fds[1]);
  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    assert_refused (&object, fds, offsets[i], CELL_LOCK, SHMOBJ_ERROR_CORRUPT);
  assert_refused (&object, fds, object.offset, CELL_EVENT, SHMOBJ_ERROR_WRONG_KIND);

  /* a count of cells beyond the segment's end: only what exists is looked at */
  {
    ArenaShared *shared =
        (ArenaShared *) ((guint8 *) arena_object_content (&object) - 8 - LAYOUT_PAGE);

    shared->used = G_MAXUINT32;
    assert_refused (&object, fds, ARENA_CELLS_OFFSET + 64 * 64, CELL_LOCK, SHMOBJ_ERROR_CORRUPT);
    assert_refused (&object, fds, ARENA_CELLS_OFFSET + 63 * 64, CELL_LOCK, SHMOBJ_ERROR_WRONG_KIND);
  }
  arena_object_clear (&object);
  g_assert_cmpuint (count_fds (), ==, before);
}

/* Descriptors that are no arena, and arenas with a bell that is none. */
static void
test_wrong_files (void)
{
  const guint64 parameter[4] = { 64 };
  guint before = count_fds ();
  ArenaObject object, lie;
  int fds[2], segment_fd;
  Segment segment;
  GError *error = NULL;

  make (&object, TRUE);
  arena_object_export (&object, &fds[0], &fds[1]);
  g_assert_false (
      arena_object_open (&lie, dup (fds[1]), dup (fds[1]), object.offset, CELL_LOCK, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT); /* an eventfd is no memory */
  g_clear_error (&error);

  g_assert_true (segment_new (&segment, SEGMENT_ARENA, "lie", ARENA_CELLS_OFFSET + 4096,
                              ARENA_CELLS_OFFSET + 4096, parameter, NULL));
  segment_fd = dup (segment.fd);
  segment_close (&segment);
  g_assert_false (arena_object_open (&lie, dup (segment_fd), dup (segment_fd), ARENA_CELLS_OFFSET,
                                     CELL_LOCK, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT); /* a memory file is no bell */
  g_clear_error (&error);
  g_assert_false (
      arena_object_open (&lie, segment_fd, dup (fds[1]), ARENA_CELLS_OFFSET, CELL_LOCK, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT); /* there is no object in it */
  g_clear_error (&error);

  g_assert_true (segment_new (&segment, SEGMENT_ARENA, "short", OBJECT_OFFSET, OBJECT_OFFSET,
                              parameter, NULL));
  segment_fd = dup (segment.fd);
  segment_close (&segment);
  g_assert_false (
      arena_object_open (&lie, segment_fd, dup (fds[1]), ARENA_CELLS_OFFSET, CELL_LOCK, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT); /* too short */
  g_clear_error (&error);
  arena_object_clear (&object);
  g_assert_cmpuint (count_fds (), ==, before);
}

/* Several processes that open or make a named arena at the same time get the same one. */
static void
test_named (void)
{
  enum
  {
    PROCESSES = 6,
    CELLS = 200
  };
  g_autofree char *dir = g_dir_make_tmp (NULL, NULL);
  int dirfd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  _Atomic (guint32) *taken = shared_memory (PROCESSES * CELLS * sizeof *taken);
  g_autoptr (GHashTable) places = g_hash_table_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  pid_t pids[PROCESSES];
  ArenaObject object;
  guint before = count_fds ();
  Arena *arena;

  for (guint i = 0; i < PROCESSES; i++)
    IN_CHILD (pids[i])
    {
      arena = arena_open_in (dirfd, "locks", NULL);
      for (guint k = 0; arena != NULL && k < CELLS; k++)
        taken[i * CELLS + k] = arena_take_cell (arena, CELL_LOCK, NULL);
      _exit (arena != NULL ? 0 : 1);
    }
  for (guint i = 0; i < PROCESSES; i++)
    assert_exit (pids[i], 0);

  arena = arena_open_in (dirfd, "locks", &error);
  g_assert_no_error (error);
  for (guint i = 0; i < PROCESSES * CELLS; i++)
    {
      g_assert_true (g_hash_table_add (places, GUINT_TO_POINTER (taken[i])));
      g_assert_true (arena_object_at (&object, arena, taken[i], CELL_LOCK, &error));
      arena_object_clear (&object);
    }
  g_assert_true (arena_bell (arena)->is_fifo);
  g_assert_false (arena_object_at (&object, arena, 64, CELL_LOCK, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
  arena_unref (arena);
  g_assert_cmpuint (count_fds (), ==, before);

  unlinkat (dirfd, "locks", 0);
  unlinkat (dirfd, "locks.bell", 0);
  g_rmdir (dir);
  close (dirfd);
}

/* Makers are killed at random: the survivors go on, and no cell is given to two. */
static void
test_killed_makers (void)
{
  enum
  {
    ROUNDS = 60,
    CELLS = 60000
  };
  g_autofree char *dir = g_dir_make_tmp (NULL, NULL);
  int dirfd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  _Atomic (guint32) *owner = shared_memory ((CELLS + 6000) * sizeof *owner);
  Arena *arena = arena_open_in (dirfd, "locks", NULL);

  g_assert_nonnull (arena);
  for (guint round = 1; round <= ROUNDS; round++)
    {
      pid_t pids[2];

      for (guint i = 0; i < 2; i++)
        IN_CHILD (pids[i])
        {
          for (guint n = 0; n < CELLS / ROUNDS / 2; n++)
            {
              guint64 offset = arena_take_cell (arena, CELL_EVENT, NULL);
              guint32 nobody = 0;

              if (offset == 0 || !atomic_compare_exchange_strong (
                                     &owner[(offset - ARENA_CELLS_OFFSET) / 64], &nobody, round))
                _exit (1);
            }
          _exit (0);
        }
      g_usleep (g_random_int_range (0, 400));
      kill (pids[0], SIGKILL);
      waitpid (pids[0], NULL, 0);
      assert_exit (pids[1], 0);
    }
  arena_unref (arena);
  unlinkat (dirfd, "locks", 0);
  unlinkat (dirfd, "locks.bell", 0);
  g_rmdir (dir);
  close (dirfd);
}

static void
test_named_full (void)
{
  g_autofree char *dir = g_dir_make_tmp (NULL, NULL);
  int dirfd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Arena *arena = arena_open_in (dirfd, "locks", NULL);
  g_autoptr (GError) error = NULL;
  guint cells = 0;

  while (arena_take_cell (arena, CELL_LOCK, &error) != 0)
    cells++;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_cmpuint (cells, ==, 262144);
  arena_unref (arena);
  unlinkat (dirfd, "locks", 0);
  unlinkat (dirfd, "locks.bell", 0);
  g_rmdir (dir);
  close (dirfd);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/arena/ten-thousand-objects-cost-nine-descriptors", test_few_descriptors);
  g_test_add_func ("/arena/cell-is-used-again-only-if-nobody-has-it", test_reuse);
  g_test_add_func ("/arena/mapped-once-per-process", test_mapped_once);
  g_test_add_func ("/arena/lying-handle-is-refused", test_lies);
  g_test_add_func ("/arena/wrong-files-are-refused", test_wrong_files);
  g_test_add_func ("/arena/named-one-is-made-once", test_named);
  g_test_add_func ("/arena/killed-makers-leave-no-cell-to-two", test_killed_makers);
  g_test_add_func ("/arena/named-one-ends-with-an-error", test_named_full);

  return g_test_run ();
}
