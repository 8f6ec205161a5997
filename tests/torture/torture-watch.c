/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of one who changes what others wait for: killed after each change of the table of
 * watchers, while its commit is written, and after each system call. Whoever slept must learn of a
 * change that is in the store without anything else coming; and of the next one if there is none.
 *
 *     build/tests/torture/torture-watch [-p PATH]
 */

#include "ring-place.h"
#include "stepper.h"

#include "base/sys.h"
#include "manager/container.h"
#include "manager/watchers.h"

#include <fcntl.h>
#include <shmobj.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (20 * G_USEC_PER_SEC)
#define HEADER 4096 /* of the store: its two first pages, of which commits write one in turn */
#define NUMBER 144  /* in each, the number of its commit */

static guint told; /* deaths after the commit */

typedef enum
{
  BY_WORD,
  BY_BELL,
  WAYS,
} Way;

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  guint64 revision; /* that those who wait know */
  pid_t waiters[WAYS];
  const guint8 *headers;
} Run;

static WatchersShared *
shared_of (Run *run)
{
  return store_get_watchers (manager_get_store (run->manager, NULL))->gate->watchers;
}

static guint
slot_number (Run *run)
{
  return container_get_id (run->list) % WATCHERS_SLOTS;
}

static void
append (gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;

  shmobj_list_append (run->list, g_variant_new_int32 (1), &error);
  g_assert_no_error (error);
}

static guint64
revision_of (Run *run)
{
  return shmobj_container_get_revision (SHMOBJ_CONTAINER (run->list), NULL);
}

static pid_t
start_waiter (Run *run, Way way)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      g_autoptr (GCancellable) never = way == BY_BELL ? g_cancellable_new () : NULL;
      guint64 got =
          shmobj_container_wait (SHMOBJ_CONTAINER (run->list), run->revision, -1, never, NULL);

      _exit (got > run->revision ? 0 : 1);
    }
  return pid;
}

static void
until_asleep (Run *run, Way way)
{
  WatchersSlot *slot = &shared_of (run)->slots[slot_number (run)];

  while (way == BY_BELL ? slot->listening == 0 : !(slot->word & WAIT_SLEEPER))
    g_usleep (50);
  while (state_of (run->waiters[way]) != 'S')
    g_usleep (50);
}

static gboolean
has_ended (pid_t pid)
{
  int status;

  if (waitpid (pid, &status, WNOHANG) != pid)
    return FALSE;
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  return TRUE;
}

static void
expect_waiters (Run *run)
{
  for (Way way = 0; way < WAYS; way++)
    {
      gint64 late_us = sys_now_us () + PATIENCE_US;

      while (!has_ended (run->waiters[way]))
        {
          g_assert_cmpint (sys_now_us (), <, late_us);
          g_usleep (50);
        }
    }
}

static void
map_headers (Run *run)
{
  g_autofree char *file =
      g_build_filename (shmobj_manager_get_path (run->manager), "data.mdb", NULL);
  int fd = open (file, O_RDONLY | O_CLOEXEC);

  run->headers = mmap (NULL, 2 * HEADER, PROT_READ, MAP_SHARED, fd, 0);
  g_assert_true (run->headers != MAP_FAILED);
  close (fd);
}

/* FALSE: the child came to its end before the @point-th point. */
static gboolean
die_at (Run *run, guint point)
{
  WatchersShared *shared = shared_of (run);
  guint number = slot_number (run);
  Stepper stepper;

  run->revision = revision_of (run);
  stepper_start (&stepper, append, append, run);
  run->revision++; /* by what it did before it was ready */
  for (Way way = 0; way < WAYS; way++)
    {
      run->waiters[way] = start_waiter (run, way);
      until_asleep (run, way);
    }

  stepper_watch (&stepper, &shared->turn, sizeof shared->turn);
  stepper_watch (&stepper, &shared->armed[number / 64], sizeof shared->armed[0]);
  stepper_watch (&stepper, &shared->slots[number], sizeof shared->slots[0]);
  stepper_watch (&stepper, run->headers + NUMBER, sizeof (guint64));
  stepper_watch (&stepper, run->headers + HEADER + NUMBER, sizeof (guint64));
  while (stepper.points < point && stepper_next (&stepper) != STEPPER_ENDED)
    ;
  stepper_end (&stepper);

  if (revision_of (run) == run->revision)
    append (run);
  else
    told++;
  expect_waiters (run);
  return stepper.points >= point;
}

static void
test_every_death_of_a_writer (void)
{
  Run run = { .manager = shmobj_manager_new (NULL, NULL, NULL) };
  guint point = 1;

  run.list = shmobj_manager_open_list (run.manager, "list", 0, NULL, NULL);
  append (&run);
  map_headers (&run);
  while (die_at (&run, point))
    point++;
  g_test_message ("%u deaths, %u of them after the commit", point - 1, told);
  g_assert_cmpuint (told, >=, 1);
  g_assert_cmpuint (point, >, 6);

  munmap ((void *) run.headers, 2 * HEADER);
  g_object_unref (run.list);
  g_object_unref (run.manager);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/watch/every-death-of-a-writer", test_every_death_of_a_writer);
  return g_test_run ();
}
