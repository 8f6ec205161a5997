/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of a writer in the stores by which a commit becomes visible: into the header of the
 * store's file and into lock.mdb. The writer is stepped by instructions and killed after each of
 * them; then others go on, who have the store open, or nobody has it open and a newcomer opens it.
 *
 * And readers that sleep at any instruction between reading which header counts and having copied
 * it, while others commit, and one dies in that.
 */

#include "ring-place.h"
#include "stepper.h"

#include <shmobj.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS "headers"
#define PAGE 4096 /* LMDB's header is in the first bytes of the first two */
#define HEADER 160
#define HEADER_NUMBER 144
#define HEADER_ROOT 128
#define READERS (PAGE - 128) /* where some of them are, in lock.mdb */
#define LOCK_FILE_HEAD 64    /* up to the first reader, less the mutex of writers */

typedef struct
{
  guint8 *data, *lock; /* the files, mapped */
  int lock_fd;         /* never closed while the store is open here */
} Files;

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
} Things;

typedef struct
{
  gint64 length;    /* what a child found */
  gboolean renewed; /* a stepped reader has its view */
} Shared;

static Shared *shared;
static gboolean stops; /* in the process that is stepped */

static void
open_things (Things *things)
{
  GError *error = NULL;

  things->manager = shmobj_manager_new (ADDRESS, NULL, &error);
  g_assert_no_error (error);
  things->list = shmobj_manager_open_list (things->manager, "list", 0, NULL, &error);
  g_assert_no_error (error);
}

static void
close_things (Things *things)
{
  g_object_unref (things->list);
  g_object_unref (things->manager);
}

static void
append (Things *things)
{
  GError *error = NULL;

  shmobj_list_append (things->list, g_variant_new_string ("what is written, and read again"),
                      &error);
  g_assert_no_error (error);
}

static gint64
length_of (Things *things)
{
  GError *error = NULL;
  gint64 length = shmobj_list_get_length (things->list, &error);

  g_assert_no_error (error);
  return length;
}

/* LMDB's own, found behind ours. */
static gpointer
real (const char *name)
{
  gpointer function = dlsym (RTLD_NEXT, name);

  g_assert_nonnull (function);
  return function;
}

/* Where stepping begins. */
int
mdb_txn_commit (MDB_txn *txn)
{
  static int (*commit) (MDB_txn * txn);

  if (commit == NULL)
    *(gpointer *) &commit = real ("mdb_txn_commit");
  if (stops)
    raise (SIGSTOP);
  return commit (txn);
}

/* The same for readers, who do it once. */
int
mdb_txn_renew (MDB_txn *txn)
{
  static int (*renew) (MDB_txn * txn);
  int rc;

  if (renew == NULL)
    *(gpointer *) &renew = real ("mdb_txn_renew");
  if (!stops)
    return renew (txn);
  stops = FALSE;
  raise (SIGSTOP);
  rc = renew (txn);
  shared->renewed = TRUE;
  return rc;
}

/* All of it is there, and it can be changed. */
static gint64
use (Things *things)
{
  GError *error = NULL;
  gint64 before = length_of (things);
  GVariant **items;
  gsize n;

  for (guint i = 0; i < 4; i++)
    append (things);
  items = shmobj_list_get_range (things->list, 0, G_MAXINT64, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, before + 4);
  for (gsize i = 0; i < n; i++)
    g_variant_unref (items[i]);
  g_free (items);
  return before;
}

static guint8 *
map_file (const char *name, gsize size, int *fd)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "shmobj", ADDRESS, name, NULL);
  guint8 *map;

  *fd = open (path, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (*fd, >=, 0);
  map = mmap (NULL, size, PROT_READ, MAP_SHARED, *fd, 0);
  g_assert_true (map != MAP_FAILED);
  return map;
}

static void
watch (Stepper *stepper, Files *files)
{
  int fd;

  files->data = map_file ("data.mdb", 2 * PAGE, &fd);
  close (fd);
  files->lock = map_file ("lock.mdb", PAGE, &files->lock_fd);
  stepper_watch (stepper, files->data, HEADER);
  stepper_watch (stepper, files->data + PAGE, HEADER);
  stepper_watch (stepper, files->lock, LOCK_FILE_HEAD);
}

static void
unwatch (Files *files, Things *survivor)
{
  munmap (files->data, 2 * PAGE);
  munmap (files->lock, PAGE);
  if (survivor == NULL)
    close (files->lock_fd);
}

/* In the child: it opens the store before it is watched. */
static void
get_ready (gpointer data)
{
  Things *things = data;

  if (things->manager == NULL)
    open_things (things);
  append (things);
}

static void
act (gpointer data)
{
  stops = TRUE;
  append (data);
}

static void
run_in_child (void (*func) (gpointer data), gpointer data)
{
  pid_t pid = fork_child ();
  int status;

  if (pid == 0)
    {
      func (data);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static void
append_once (gpointer data)
{
  Things things;

  open_things (&things);
  append (&things);
  shared->length = length_of (&things);
  close_things (&things);
}

static void
come_and_use (gpointer data)
{
  Things things;

  open_things (&things);
  shared->length = use (&things);
  close_things (&things);
  open_things (&things);
  g_assert_cmpint (use (&things), ==, shared->length + 4);
  close_things (&things);
}

/* The number of the last commit. */
static guint64
last_commit (const Files *files)
{
  guint64 number[2];

  memcpy (&number[0], files->data + HEADER_NUMBER, sizeof number[0]);
  memcpy (&number[1], files->data + PAGE + HEADER_NUMBER, sizeof number[1]);
  return MAX (number[0], number[1]);
}

/* A death at the @point-th store or system call of a commit into the header of this @parity. With
 * @survivor the store stays open in this process. FALSE: it came to its end before that. */
static gboolean
die_at (guint point, guint parity, Things *survivor)
{
  Things things = survivor != NULL ? *survivor : (Things){ 0 };
  StepperState state = STEPPER_STOPPED;
  gint64 before, after;
  Stepper stepper;
  Files files;

  do
    {
      run_in_child (append_once, NULL);
      before = shared->length;
      stepper_start (&stepper, get_ready, act, &things);
      stepper_skip (&stepper);
      watch (&stepper, &files);
      if ((last_commit (&files) + 1) % 2 == parity)
        break;
      stepper_end (&stepper);
      unwatch (&files, survivor);
      run_in_child (append_once, NULL);
    }
  while (TRUE);

  while (state == STEPPER_STOPPED && stepper.points < point)
    state = stepper_next (&stepper);
  g_assert_cmpint (state, !=, STEPPER_ASLEEP);
  stepper_end (&stepper);
  unwatch (&files, survivor);

  if (survivor != NULL)
    after = use (survivor);
  run_in_child (come_and_use, NULL);
  if (survivor == NULL)
    after = shared->length;

  /* get_ready()'s append had returned; that of the dead one may have happened or not */
  g_assert_cmpint (after, >=, before + 1);
  g_assert_cmpint (after, <=, before + 2);
  if (state == STEPPER_ENDED)
    g_assert_cmpint (after, ==, before + 2);
  return state != STEPPER_ENDED;
}

static void
die_everywhere (Things *survivor)
{
  guint deaths = 0;

  for (guint parity = 0; parity < 2; parity++)
    {
      guint point = 1;

      while (die_at (point, parity, survivor))
        point++;
      g_assert_cmpuint (point, >, 3); /* number, root, published number */
      deaths += point;
    }
  g_test_message ("%u deaths", deaths);
}

static void
test_newcomer (void)
{
  die_everywhere (NULL);
}

static void
test_survivor (void)
{
  Things things;

  open_things (&things);
  die_everywhere (&things);
  close_things (&things);
}

static void
read_once (gpointer data)
{
  length_of (data);
}

static void
act_reader (gpointer data)
{
  stops = TRUE;
  shared->length = length_of (data);
}

/* @writer has filled its header but for the last steps, and dies. */
static void
die_unpublished (Stepper *writer)
{
  guint64 last, root;
  Files files;
  guint8 *header;

  stepper_skip (writer);
  watch (writer, &files);
  last = last_commit (&files);
  header = files.data + (last + 1) % 2 * PAGE;
  memcpy (&root, header + HEADER_ROOT, sizeof root);
  while (last_commit (&files) == last || memcmp (header + HEADER_ROOT, &root, sizeof root) == 0)
    g_assert_cmpint (stepper_next (writer), ==, STEPPER_STOPPED);
  stepper_end (writer);
  munmap (files.data, 2 * PAGE);
  munmap (files.lock, PAGE);
}

/* A reader sleeps @steps instructions after it said that it reads, for one commit and for most of
 * another one, whose writer dies: that one must not be seen. FALSE: it did not sleep. */
static gboolean
sleep_at (guint steps, Things *things, const guint8 *readers)
{
  Stepper reader, writer;
  gboolean renewed;
  gint64 before;

  shared->renewed = FALSE;
  stepper_start (&writer, get_ready, act, things);
  before = length_of (things);
  stepper_start (&reader, read_once, act_reader, things);
  stepper_skip (&reader);
  stepper_watch (&reader, readers, READERS);
  g_assert_cmpint (stepper_next (&reader), ==, STEPPER_STOPPED);
  for (guint i = 0; i < steps && !shared->renewed; i++)
    stepper_one (&reader);
  renewed = shared->renewed;

  append (things);
  die_unpublished (&writer);
  stepper_release (&reader);
  stepper_end (&reader);
  g_assert_cmpint (shared->length, >=, before);
  g_assert_cmpint (shared->length, <=, before + 1);
  append (things);
  return !renewed;
}

static void
test_reader (void)
{
  guint steps = 0;
  Things things;
  guint8 *lock;
  int fd; /* never closed while the store is open here */

  open_things (&things);
  lock = map_file ("lock.mdb", PAGE, &fd);
  while (sleep_at (steps, &things, lock + PAGE - READERS))
    steps++;
  g_test_message ("a reader slept at %u instructions", steps);
  g_assert_cmpuint (steps, >, 10);
  close_things (&things);
  munmap (lock, PAGE);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (shared != MAP_FAILED);
  g_test_add_func ("/store/a-newcomer-finds-every-death-in-a-commit-mended", test_newcomer);
  g_test_add_func ("/store/survivors-find-every-death-in-a-commit-mended", test_survivor);
  g_test_add_func ("/store/a-reader-that-slept-sees-no-commit-of-the-dead", test_reader);
  return g_test_run ();
}
