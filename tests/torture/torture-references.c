/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* References under kill -9: containers that refer to each other, and whoever changes them may be
 * killed while at it, and while they clean up after others.
 *
 *     torture-references [ROUNDS]   four kills a round
 *
 * After each round a walk through the whole store finds that every reference leads to an object,
 * and that the counts are the numbers of references that there are. In the end, when nothing is
 * referred to any more, nothing is left that has no name.
 */

#include <shmobj.h>

#include "../fork-child.h"
#include "../manager/references-acts.h"
#include "../manager/references-walk.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4

static guint rounds = 60;

static ShmobjManager *
open_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new ("references", NULL, &error);

  g_assert_no_error (error);
  return manager;
}

/* Follows what it finds, as deep as it goes. */
static void
follow_some (Place *place)
{
  g_autoptr (GVariant) item = shmobj_list_get (place->lists[0], -1, NULL);

  for (guint depth = 0;
       item != NULL && depth < 5 && g_variant_is_of_type (item, G_VARIANT_TYPE_OBJECT_PATH);
       depth++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ShmobjContainer) container =
          shmobj_manager_open_reference (place->manager, item, 0, &error);

      g_assert_no_error (error); /* what was read stays as long as the value */
      g_clear_pointer (&item, g_variant_unref);
      if (SHMOBJ_IS_LIST (container))
        item = shmobj_list_get (SHMOBJ_LIST (container), 0, NULL);
      else if (SHMOBJ_IS_DICT (container))
        item = shmobj_dict_get (SHMOBJ_DICT (container), g_variant_new_int32 (1), NULL);
      else
        item = shmobj_value_get (SHMOBJ_VALUE (container), &error);
      g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
    }
}

/* Circles too, of which the changes make some. */
static void
clean (ShmobjManager *manager)
{
  g_autoptr (GError) error = NULL;

  if (shmobj_manager_clean_objects (manager, FALSE, &error) < 0 &&
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    g_error ("cleaning: %s", error->message);
}

static pid_t
start (guint number)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      Place place;

      for (guint i = 0; i < number; i++) /* each draws other numbers than its sisters */
        g_test_rand_int ();
      place = place_open (open_manager ());
      for (;;)
        {
          change_something (&place);
          follow_some (&place);
          if (g_test_rand_int_range (0, 40) == 0)
            clean (place.manager);
        }
    }
  return pid;
}

static void
test_kills (void)
{
  pid_t pids[PROCESSES];
  guint64 seen = 0;
  int status;

  for (guint round = 0; round < rounds; round++)
    {
      g_autoptr (ShmobjManager) manager = NULL;

      for (guint i = 0; i < PROCESSES; i++)
        pids[i] = start (i);
      g_usleep (g_test_rand_int_range (5000, 60000));
      for (guint i = 0; i < PROCESSES; i++)
        {
          kill (pids[(i + round) % PROCESSES], SIGKILL);
          g_usleep (g_test_rand_int_range (0, 2000));
        }
      for (guint i = 0; i < PROCESSES; i++)
        {
          g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
          g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
        }
      manager = open_manager ();
      seen += walk_store (manager).references;
    }
  g_test_message ("%u kills, %" G_GUINT64_FORMAT " references looked at", rounds * PROCESSES, seen);
  g_assert_cmpuint (seen, >, rounds);
}

/* Nobody can have had anything else. */
static void
test_nothing_is_left (void)
{
  g_autoptr (ShmobjManager) manager = open_manager ();
  Place place = place_open (manager);
  Walk walk;

  place_empty (&place);
  walk = walk_store (manager);
  g_assert_cmpuint (walk.containers, ==, 9);
  g_assert_cmpuint (walk.references, ==, 0);
  place_close (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    rounds = atoi (argv[1]);
  g_test_add_func ("/references/counts-are-right-whoever-dies", test_kills);
  g_test_add_func ("/references/nothing-is-left", test_nothing_is_left);
  return g_test_run ();
}
