/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names under kill -9: objects of all kinds come and go by a few names, some have none, and whoever
 * makes, opens or removes them, one by one or in transactions, may be killed while at it.
 *
 *     torture-names [ROUNDS [SEED]]   four kills a round
 *
 * Nobody ever sees anything but the object, or an error that the situation explains. When all are
 * dead every name still opens, and the next one who comes finds nothing that nobody could have: no
 * nameless object, no file without a record.
 */

#include <shmobj.h>

#include "../fork-child.h"
#include "manager/container.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4

static guint rounds = 100;
static guint seed;

static ShmobjManager *
open_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new ("names", NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static gpointer
open_some_kind (ShmobjManager *manager,
                const char *name,
                ObjectKind kind,
                ShmobjOpenFlags flags,
                GError **error)
{
  switch (kind)
    {
    case KIND_LIST:
      return shmobj_manager_open_list (manager, name, flags, NULL, error);
    case KIND_DICT:
      return shmobj_manager_open_dict (manager, name, flags, NULL, error);
    case KIND_QUEUE:
      return shmobj_manager_open_queue (manager, name, flags, 0, 65536, NULL, error);
    case KIND_LOCK:
      return shmobj_manager_open_lock (manager, name, flags, NULL, error);
    case KIND_EVENT:
      return shmobj_manager_open_event (manager, name, flags, NULL, error);
    case KIND_SEMAPHORE:
      return shmobj_manager_open_semaphore (manager, name, flags, 1, 0, TRUE, NULL, error);
    case KIND_VALUE:
      return shmobj_manager_open_value (manager, name, flags, g_variant_new_int32 (0), NULL, error);
    default:
      return shmobj_manager_open_memory (manager, name, flags, 5000, NULL, error);
    }
}

/* What can be done with it at once. */
static void
use (gpointer object, GError **error)
{
  if (SHMOBJ_IS_LIST (object))
    shmobj_list_append (object, g_variant_new_int32 (1), error);
  else if (SHMOBJ_IS_DICT (object))
    shmobj_dict_set (object, g_variant_new_int32 (1), g_variant_new_int32 (1), error);
  else if (SHMOBJ_IS_VALUE (object))
    {
      GVariant *sum = shmobj_value_add (object, g_variant_new_int32 (1), error);

      g_clear_pointer (&sum, g_variant_unref);
    }
  else if (SHMOBJ_IS_QUEUE (object))
    {
      g_autoptr (GVariant) value = NULL;

      if (shmobj_queue_put (object, g_variant_new_int32 (1), 0, NULL, NULL))
        value = shmobj_queue_get (object, 0, NULL, NULL);
    }
  else if (SHMOBJ_IS_EVENT (object))
    shmobj_event_set (object, error);
  else if (SHMOBJ_IS_SEMAPHORE (object))
    shmobj_semaphore_release (object, 1, error);
}

static void
accept (GError **error)
{
  if (*error != NULL && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) &&
      !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_EXISTS) &&
      !g_error_matches (*error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND))
    {
      g_printerr ("%s\n", (*error)->message);
      _exit (1);
    }
  g_clear_error (error);
}

static void
one_step (ShmobjManager *manager, GRand *random)
{
  static const ShmobjOpenFlags flags[] = { SHMOBJ_OPEN_DEFAULT, SHMOBJ_OPEN_DEFAULT,
                                           SHMOBJ_OPEN_EXISTING, SHMOBJ_OPEN_EXCLUSIVE };
  ObjectKind kind = g_rand_int_range (random, KIND_LIST, KIND_SEMAPHORE + 1);
  char name[] = { 'a' + g_rand_int_range (random, 0, 6), '\0' };
  gboolean nameless = g_rand_int_range (random, 0, 3) == 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) object = NULL;

  object = open_some_kind (manager, nameless ? NULL : name, kind,
                           nameless ? 0 : flags[g_rand_int_range (random, 0, 4)], &error);
  if (object != NULL)
    use (object, &error);
  if (error != NULL && object != NULL && nameless)
    g_error ("lost a nameless object: %s", error->message);
  accept (&error);

  if (g_rand_int_range (random, 0, 3) == 0)
    shmobj_manager_remove (manager, name, &error);
  accept (&error);
  if (object != NULL && !SHMOBJ_IS_LOCK (object))
    use (object, &error); /* it was open: it still works, name or not */
  if (error != NULL)
    g_error ("lost what was open: %s", error->message);
}

/* Several of them at once, or none. */
static void
one_transaction (ShmobjManager *manager, GRand *random)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjTransaction) transaction = shmobj_manager_begin (manager, -1, NULL, &error);

  g_assert_no_error (error);
  for (int i = g_rand_int_range (random, 1, 5); i > 0; i--)
    one_step (manager, random);
  if (g_rand_boolean (random))
    shmobj_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

static pid_t
start (guint i, guint round)
{
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      GRand *random = g_rand_new_with_seed (seed + round * PROCESSES + i);
      ShmobjManager *manager;

      manager = open_manager ();
      for (;;)
        if (g_rand_int_range (random, 0, 4) == 0)
          one_transaction (manager, random);
        else
          one_step (manager, random);
    }
  return pid;
}

static void
assert_no_file_without_record (ShmobjManager *manager, StoreTxn *txn)
{
  GDir *entries = g_dir_open (shmobj_manager_get_path (manager), 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    {
      ObjectHeader header;

      if (g_ascii_isdigit (*name))
        g_assert_true (names_get_header (txn, g_ascii_strtoull (name, NULL, 10), &header));
    }
  g_dir_close (entries);
}

static void
check_when_alone (void)
{
  g_autoptr (ShmobjManager) manager = open_manager ();
  g_autoptr (GVariant) objects = NULL;
  GVariantIter iter;
  const char *name, *kind;
  guint64 size, id;
  StoreTxn txn;

  g_assert_true (store_read_begin (manager_get_store (manager, NULL), &txn, NULL));
  g_assert_false (names_next_nameless (&txn, 0, &id));
  assert_no_file_without_record (manager, &txn);
  g_assert_true (store_read_end (&txn, NULL));

  objects = shmobj_manager_list_objects (manager, NULL);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "(&s&st)", &name, &kind, &size))
    for (ObjectKind k = KIND_LIST; k <= KIND_SEMAPHORE; k++)
      if (g_str_equal (kind_to_string (k), kind))
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (GObject) object =
              open_some_kind (manager, name, k, SHMOBJ_OPEN_EXISTING, &error);

          g_assert_no_error (error);
          use (object, &error);
          g_assert_no_error (error);
        }
}

/* How many objects there ever were: ids are not used twice. */
static guint64
objects_made (void)
{
  g_autoptr (ShmobjManager) manager = open_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL);

  return container_get_id (list);
}

static void
test_kills (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  pid_t pids[PROCESSES];
  int status;

  for (guint round = 0; round < rounds; round++)
    {
      for (guint i = 0; i < PROCESSES; i++)
        pids[i] = start (i, round);
      g_usleep (g_rand_int_range (random, 5000, 60000));
      for (guint i = 0; i < PROCESSES; i++)
        {
          kill (pids[(i + round) % PROCESSES], SIGKILL);
          g_usleep (g_rand_int_range (random, 0, 2000));
        }
      for (guint i = 0; i < PROCESSES; i++)
        {
          g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
          g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
        }
      check_when_alone ();
    }
  g_test_message ("%u kills, %" G_GUINT64_FORMAT " objects", rounds * PROCESSES, objects_made ());
  g_assert_cmpuint (objects_made (), >, rounds);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  seed = argc > 2 ? (guint) atoi (argv[2]) : (guint) g_test_rand_int ();
  if (argc > 1)
    rounds = atoi (argv[1]);
  g_test_add_func ("/names/survive-the-death-of-those-who-make-and-remove", test_kills);
  return g_test_run ();
}
