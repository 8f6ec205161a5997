/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every death of one in a transaction: killed after each change of the gate and after each system
 * call, alone and with another one asleep behind him. What he moved is moved or is not, and whoever
 * waits goes on by himself. Likewise of one who makes and removes objects: all of them or none.
 *
 *     build/tests/torture/torture-transaction [-p PATH]
 */

#include "ring-place.h"
#include "stepper.h"

#include "base/sys.h"
#include "manager/manager-private.h"
#include "manager/store-private.h"

#include <shmobj.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_US (20 * G_USEC_PER_SEC)
#define MONEY 40

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;               /* MONEY items, some of them moved to the value */
  ShmobjValue *value;             /* how many */
  ShmobjTransaction *transaction; /* of the child that is killed */
  gint64 moved;                   /* before it began */
  guint committed;                /* deaths after the commit */
} Run;

static GateShared *
gate_of (Run *run)
{
  return manager_get_store (run->manager, NULL)->gate.shared;
}

static void
begin_and_move (gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) item = NULL, sum = NULL;

  run->transaction = shmobj_manager_begin (run->manager, -1, NULL, &error);
  g_assert_no_error (error);
  item = shmobj_list_pop (run->list, 0, &error);
  g_assert_no_error (error);
  sum = shmobj_value_add (run->value, item, &error);
  g_assert_no_error (error);
}

static void
commit (gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;

  shmobj_transaction_commit (run->transaction, &error);
  g_assert_no_error (error);
  g_clear_object (&run->transaction);
}

static void
all_of_it (gpointer data)
{
  begin_and_move (data);
  commit (data);
}

/* Once before it is stepped through, so that what is only done once is done. */
static void
warm_up (gpointer data)
{
  all_of_it (data);
}

static gint64
amount (Run *run)
{
  g_autoptr (GVariant) value = shmobj_value_get (run->value, NULL);

  return g_variant_get_int64 (value);
}

/* A single write, which waits for its turn. */
static void
give_back_one (Run *run)
{
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = shmobj_manager_begin (run->manager, LATE_US, NULL, &error);
  g_autoptr (GVariant) sum = NULL;

  g_assert_no_error (error);
  g_assert_cmpint (shmobj_list_get_length (run->list, NULL) + amount (run), ==, MONEY);
  sum = shmobj_value_add (run->value, g_variant_new_int64 (-1), &error);
  g_assert_true (shmobj_list_append (run->list, g_variant_new_int64 (1), &error));
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  g_object_unref (transaction);
}

static pid_t
start_waiter (Run *run)
{
  pid_t pid = fork_child ();

  if (pid != 0)
    {
      while (!(gate_of (run)->reserved.lock.word & LOCK_WAITERS) || state_of (pid) != 'S')
        g_usleep (50);
      return pid;
    }
  give_back_one (run);
  _exit (0);
}

static void
expect_end (pid_t pid)
{
  gint64 late_us = sys_now_us () + LATE_US;
  int status;

  while (waitpid (pid, &status, WNOHANG) != pid)
    {
      g_assert_cmpint (sys_now_us (), <, late_us);
      g_usleep (50);
    }
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

/* FALSE: the child came to its end before the @point-th point. */
static gboolean
die_at (Run *run, gboolean with_waiter, guint point)
{
  gint64 before = amount (run), after;
  pid_t waiter = 0;
  Stepper stepper;

  if (with_waiter)
    stepper_start (&stepper, begin_and_move, commit, run);
  else
    stepper_start (&stepper, warm_up, all_of_it, run);
  before += with_waiter ? 0 : 1;
  if (with_waiter)
    waiter = start_waiter (run);

  stepper_watch (&stepper, gate_of (run), sizeof (GateShared));
  while (stepper.points < point && stepper_next (&stepper) != STEPPER_ENDED)
    ;
  stepper_end (&stepper);
  if (with_waiter)
    {
      expect_end (waiter);
      before--;
    }

  after = amount (run);
  g_assert_cmpint (after, >=, before);
  g_assert_cmpint (after, <=, before + 1);
  run->committed += stepper.points >= point && after > before;
  g_assert_cmpint (shmobj_list_get_length (run->list, NULL), ==, MONEY - after);
  while (amount (run) > 5) /* and the next one goes on as well */
    give_back_one (run);
  return stepper.points >= point;
}

static void
die_everywhere (gboolean with_waiter)
{
  Run run = { .manager = shmobj_manager_new (NULL, NULL, NULL) };
  guint point = 1;

  run.list = shmobj_manager_open_list (run.manager, "list", 0, NULL, NULL);
  run.value =
      shmobj_manager_open_value (run.manager, "value", 0, g_variant_new_int64 (0), NULL, NULL);
  for (int i = 0; i < MONEY; i++)
    g_assert_true (shmobj_list_append (run.list, g_variant_new_int64 (1), NULL));
  for (int i = 0; i < 5; i++)
    all_of_it (&run);

  while (die_at (&run, with_waiter, point))
    point++;
  g_test_message ("%u deaths, %u of them after the commit", point - 1, run.committed);
  g_assert_cmpuint (run.committed, >=, 1);
  g_assert_cmpuint (run.committed, <, point);
  /* The gate changes three times. Alone there are more calls; with somebody asleep behind it, one
   * wakes him, unless he just looks by himself. */
  g_assert_cmpuint (point, >, with_waiter ? 3 : 4);

  g_object_unref (run.list);
  g_object_unref (run.value);
  g_object_unref (run.manager);
}

/* “old”, a queue, is there, or “list” and “queue” are. (Deaths in here: torture-names.) */
static void
make_and_remove (gpointer data)
{
  Run *run = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (ShmobjQueue) queue = NULL;

  run->transaction = shmobj_manager_begin (run->manager, -1, NULL, &error);
  g_assert_no_error (error);
  list = shmobj_manager_open_list (run->manager, "list", 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_list_append (list, g_variant_new_int64 (1), &error));
  queue = shmobj_manager_open_queue (run->manager, "queue", 0, 0, 65536, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_manager_remove (run->manager, "old", &error));
}

static gboolean
has (Run *run, const char *name)
{
  g_autoptr (GError) error = NULL;
  gboolean found = shmobj_manager_lookup (run->manager, name, &error) != NULL;

  g_assert_no_error (error);
  return found;
}

/* As it was before; TRUE: it had happened. */
static gboolean
settle_names (Run *run)
{
  g_autoptr (ShmobjQueue) queue = NULL;
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (has (run, "list"), ==, !has (run, "old"));
  g_assert_cmpint (has (run, "list"), ==, has (run, "queue"));
  if (has (run, "old"))
    return FALSE;
  list = shmobj_manager_open_list (run->manager, "list", SHMOBJ_OPEN_EXISTING, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 1);
  queue =
      shmobj_manager_open_queue (run->manager, "queue", SHMOBJ_OPEN_EXISTING, 0, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_queue_put (queue, g_variant_new_int64 (1), 0, NULL, &error));
  g_clear_object (&queue);
  g_assert_true (shmobj_manager_remove (run->manager, "list", &error));
  g_assert_true (shmobj_manager_remove (run->manager, "queue", &error));
  queue = shmobj_manager_open_queue (run->manager, "old", 0, 0, 65536, NULL, &error);
  g_assert_no_error (error);
  return TRUE;
}

static guint
count_files (const char *path)
{
  GDir *entries = g_dir_open (path, 0, NULL);
  g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    if (g_ascii_isdigit (*name))
      g_hash_table_add (ids, GUINT_TO_POINTER (g_ascii_strtoull (name, NULL, 10)));
  g_dir_close (entries);
  return g_hash_table_size (ids);
}

static void
test_names (void)
{
  Run run = { .manager = shmobj_manager_new ("named", NULL, NULL) };
  g_autofree char *path = g_strdup (shmobj_manager_get_path (run.manager));
  gboolean more = TRUE;
  guint point;

  g_clear_object (&run.manager);
  for (point = 1; more; point++)
    {
      Stepper stepper;

      /* who comes when all are dead finds no file without an object */
      run.manager = shmobj_manager_new ("named", NULL, NULL);
      if (!has (&run, "old"))
        g_object_unref (shmobj_manager_open_queue (run.manager, "old", 0, 0, 65536, NULL, NULL));
      g_assert_cmpuint (count_files (path), ==, 1);

      stepper_start (&stepper, make_and_remove, commit, &run);
      stepper_watch (&stepper, gate_of (&run), sizeof (GateShared));
      while (stepper.points < point && stepper_next (&stepper) != STEPPER_ENDED)
        ;
      stepper_end (&stepper);
      more = stepper.points >= point;
      run.committed += settle_names (&run) && more;
      g_clear_object (&run.manager);
    }
  g_test_message ("%u deaths, %u of them after the commit", point - 2, run.committed);
  g_assert_cmpuint (run.committed, >=, 1);
  g_assert_cmpuint (run.committed, <, point - 2);
}

static void
test_alone (void)
{
  die_everywhere (FALSE);
}

static void
test_before_another (void)
{
  die_everywhere (TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transaction/every-death-alone", test_alone);
  g_test_add_func ("/transaction/every-death-before-another", test_before_another);
  g_test_add_func ("/transaction/every-death-of-one-who-makes-and-removes", test_names);
  return g_test_run ();
}
