/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A manager under kill -9: writers append and move things about while they are killed one after the
 * other, growth included, and nothing that was acknowledged is lost.
 *
 *     torture-store              1000 kills
 *     torture-store ROUNDS SEED [ADDRESS]  five kills a round, for longer runs by hand
 *
 * Each writer appends (writer, number) to one list and tells shared memory when the call returned;
 * in the same breath it keeps a dict of counters and a second list that it inserts into and pops
 * from. Afterwards each writer's numbers must be 1, 2, 3 … without a gap, up to the acknowledged
 * one or one more, in the order in which they were written.
 */

#include <shmobj.h>

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 4
#define PROCESSES 5 /* the last one only reads */
#define ROUNDS 200
#define ITEMS_MAX 60000 /* then the lists begin anew */

typedef struct
{
  atomic_ulong acknowledged[WRITERS];
  atomic_ulong started[WRITERS]; /* numbers before it are of a list that was cleared */
  atomic_ulong reads;
} Tally;

static Tally *tally;
static guint rounds = ROUNDS;
static guint seed;
static const char *address = "torture";

static void
give_up (const char *what, GError *error)
{
  g_printerr ("%d: %s: %s\n", (int) getpid (), what, error != NULL ? error->message : "");
  _exit (1);
}

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *journal, *shuffled;
  ShmobjDict *counters;
} Things;

static void
open_things (Things *things)
{
  GError *error = NULL;

  things->manager = shmobj_manager_new (address, NULL, &error);
  if (things->manager == NULL)
    give_up ("opening the manager", error);
  things->journal = shmobj_manager_open_list (things->manager, "journal", 0, NULL, &error);
  if (things->journal != NULL)
    things->shuffled = shmobj_manager_open_list (things->manager, "shuffled", 0, NULL, &error);
  if (error == NULL)
    things->counters = shmobj_manager_open_dict (things->manager, "counters", 0, NULL, &error);
  if (error != NULL)
    give_up ("opening an object", error);
}

static void
close_things (Things *things)
{
  g_object_unref (things->journal);
  g_object_unref (things->shuffled);
  g_object_unref (things->counters);
  g_object_unref (things->manager);
}

/* Items of all sizes, so that chunks, leaves and rows of their own take part. */
static GVariant *
entry (guint writer, guint64 number)
{
  gsize size = number % 50 == 0 ? number % 7 * 700 : number % 40;
  g_autofree char *padding = g_strnfill (size, 'a' + number % 26);

  return g_variant_new ("(uts)", writer, number, padding);
}

static void
write_for_ever (guint writer, GRand *random)
{
  GError *error = NULL;
  Things things;

  open_things (&things);
  for (guint64 number = tally->acknowledged[writer] + 1;; number++)
    {
      if (!shmobj_list_append (things.journal, entry (writer, number), &error))
        give_up ("append", error);
      tally->acknowledged[writer] = number;

      if (!shmobj_dict_set (things.counters, g_variant_new_uint32 (writer),
                            g_variant_new_uint64 (number), &error) ||
          !shmobj_list_insert (things.shuffled, g_rand_int_range (random, 0, 300),
                               entry (writer, number), &error))
        give_up ("set or insert", error);
      if (number % 8 != 0)
        {
          GVariant *popped =
              shmobj_list_pop (things.shuffled, g_rand_int_range (random, -100, 100), NULL);

          g_clear_pointer (&popped, g_variant_unref);
        }
    }
}

static guint64
check_entry (GVariant *value, guint *writer)
{
  guint64 number;
  const char *padding;
  gsize size;

  g_variant_get (value, "(ut&s)", writer, &number, &padding);
  size = number % 50 == 0 ? number % 7 * 700 : number % 40;
  if (strlen (padding) != size || (size > 0 && padding[size - 1] != (char) ('a' + number % 26)))
    give_up ("an entry is torn", NULL);
  return number;
}

static void
check_journal (Things *things, guint64 last[WRITERS])
{
  GError *error = NULL;
  gsize n;
  GVariant **values = shmobj_list_get_range (things->journal, 0, G_MAXINT64, &n, &error);

  if (values == NULL)
    give_up ("reading the journal", error);
  memset (last, 0, WRITERS * sizeof *last);
  for (gsize i = 0; i < n; i++)
    {
      guint writer;
      guint64 number = check_entry (values[i], &writer);

      if (last[writer] != 0 && number != last[writer] + 1)
        give_up ("the journal has a gap, or is out of order", NULL);
      last[writer] = number;
      g_variant_unref (values[i]);
    }
  g_free (values);
}

static void
read_for_ever (void)
{
  guint64 last[WRITERS];
  Things things;

  open_things (&things);
  for (;;)
    {
      check_journal (&things, last);
      tally->reads++;
    }
}

static void
check_shuffled (Things *things)
{
  GError *error = NULL;
  gsize n;
  GVariant **values = shmobj_list_get_range (things->shuffled, 0, G_MAXINT64, &n, &error);
  guint writer;

  if (values == NULL)
    give_up ("reading what was shuffled", error);
  if ((gint64) n != shmobj_list_get_length (things->shuffled, NULL))
    give_up ("its length is not what is in it", NULL);
  for (gsize i = 0; i < n; i++)
    {
      check_entry (values[i], &writer);
      g_variant_unref (values[i]);
    }
  g_free (values);
}

/* When all are dead. */
static void
check_everything (void)
{
  guint64 last[WRITERS];
  GError *error = NULL;
  Things things;

  open_things (&things);
  check_journal (&things, last);
  for (guint i = 0; i < WRITERS; i++)
    {
      guint64 acknowledged = tally->acknowledged[i];

      if (last[i] != 0 && last[i] != acknowledged && last[i] != acknowledged + 1)
        give_up ("an acknowledged entry was lost", NULL);
      if (last[i] == 0 && acknowledged != tally->started[i])
        give_up ("all of a writer's entries were lost", NULL);
      tally->acknowledged[i] = MAX (last[i], acknowledged);
    }
  check_shuffled (&things);

  if (shmobj_list_get_length (things.journal, NULL) > ITEMS_MAX)
    {
      if (!shmobj_list_clear (things.journal, &error) ||
          !shmobj_list_clear (things.shuffled, &error))
        give_up ("clear", error);
      for (guint i = 0; i < WRITERS; i++)
        tally->started[i] = tally->acknowledged[i];
    }
  close_things (&things);
}

static pid_t
start (guint i, guint round)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (i < WRITERS)
    write_for_ever (i, g_rand_new_with_seed (seed + round * PROCESSES + i));
  read_for_ever ();
  return 0;
}

static void
run_in_child (void (*func) (void))
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      func ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static void
kill_one_after_the_other (pid_t pids[PROCESSES], guint round, GRand *random)
{
  int status;

  for (guint i = 0; i < PROCESSES; i++)
    {
      kill (pids[(i + round) % PROCESSES], SIGKILL);
      if (g_rand_boolean (random))
        g_usleep (g_rand_int_range (random, 0, 2000));
    }
  for (guint i = 0; i < PROCESSES; i++)
    {
      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    }
}

static guint64
all_acknowledged (void)
{
  guint64 entries = 0;

  for (guint i = 0; i < WRITERS; i++)
    entries += tally->acknowledged[i];
  return entries;
}

/* A while, and so long that something was written: on a busy machine that takes longer. */
static void
let_them_run (GRand *random)
{
  guint64 before = all_acknowledged ();

  g_usleep (g_rand_int_range (random, 2000, 40000));
  for (guint i = 0; i < 1000 && all_acknowledged () < before + 50; i++)
    g_usleep (1000);
}

static void
test_kills (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  pid_t pids[PROCESSES];

  tally = mmap (NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (tally != MAP_FAILED);

  for (guint round = 0; round < rounds; round++)
    {
      for (guint i = 0; i < PROCESSES; i++)
        pids[i] = start (i, round);
      let_them_run (random);
      kill_one_after_the_other (pids, round, random);
      run_in_child (check_everything);
    }
  g_assert_cmpuint (all_acknowledged (), >, rounds);
  g_test_message ("%u kills, %" G_GUINT64_FORMAT " entries, %lu checks by readers",
                  rounds * PROCESSES, all_acknowledged (), (gulong) tally->reads);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  seed = argc > 2 ? (guint) atoi (argv[2]) : (guint) g_test_rand_int ();
  if (argc > 1)
    rounds = atoi (argv[1]);
  if (argc > 3)
    address = argv[3];
  g_test_add_func ("/store/nothing-acknowledged-is-lost-to-a-thousand-kills", test_kills);
  return g_test_run ();
}
