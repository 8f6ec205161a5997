/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Noticing that one is a forked child, however that was made. */

#include "../objects/lock-fixture.h"

#include "base/fork.h"

#include <sys/syscall.h>

typedef struct
{
  ForkHook hook;
  guint runs;
} Counting;

static void
count_run (ForkHook *hook)
{
  ((Counting *) hook)->runs++;
}

/* What is to be seen in a child: 0, or the number of what is wrong. */
static int
judge_child (guint32 parents_generation, Counting *kept, Counting *removed)
{
  guint32 generation = fork_generation ();
  pid_t grandchild;
  int status;

  if (generation == 0 || generation == parents_generation)
    return 1;
  if (fork_generation () != generation) /* it stays the same */
    return 2;
  if (kept->runs != 1 || removed->runs != 0)
    return 3;
  grandchild = fork ();
  if (grandchild == 0)
    _exit (fork_generation () != generation && fork_generation () != parents_generation &&
                   kept->runs == 2
               ? 0
               : 1);
  if (waitpid (grandchild, &status, 0) != grandchild || status != 0)
    return 4;
  return fork_generation () == generation && kept->runs == 1 ? 0 : 5;
}

static void
test_child (gconstpointer raw)
{
  Counting first = { { .in_child = count_run } }, kept = first, removed = first, last = first;
  guint32 generation = fork_generation (), forks = fork_count ();
  pid_t pid;

  g_assert_cmpuint (generation, !=, 0);
  fork_hook_add (&first.hook);
  fork_hook_add (&kept.hook);
  fork_hook_add (&removed.hook);
  fork_hook_add (&last.hook);
  fork_hook_remove (&removed.hook); /* of the middle, the newest and the oldest */
  fork_hook_remove (&last.hook);
  fork_hook_remove (&first.hook);

  pid = raw != NULL ? (pid_t) syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork ();
  if (pid == 0)
    _exit (judge_child (generation, &kept, &removed));
  assert_exit (pid, 0);
  g_assert_cmpuint (kept.runs, ==, 0);
  g_assert_cmpuint (fork_generation (), ==, generation);
  if (raw == NULL)
    g_assert_cmpuint (fork_count (), ==, forks + 1);
  fork_hook_remove (&kept.hook);
}

static gpointer
join_again_and_again (gpointer data)
{
  _Atomic (guint32) *stop = data;

  while (!*stop)
    {
      fork_hold ();
      fork_release ();
      fork_generation ();
    }
  return NULL;
}

/* Whatever other threads do with the hooks at the fork, the child can use them. */
static void
test_threads (void)
{
  _Atomic (guint32) stop = 0;
  GThread *thread = g_thread_new ("join", join_again_and_again, (gpointer) &stop);

  for (guint i = rounds (300); i > 0; i--)
    {
      pid_t pid = fork ();

      if (pid == 0)
        {
          Counting counting = { { .in_child = count_run } };

          fork_hook_add (&counting.hook);
          fork_hold ();
          fork_release ();
          fork_hook_remove (&counting.hook);
          _exit (0);
        }
      assert_exit (pid, 0);
    }
  stop = 1;
  g_thread_join (thread);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/fork/child-has-another-generation", NULL, test_child);
  g_test_add_data_func ("/fork/raw-clone-has-another-generation", GINT_TO_POINTER (1), test_child);
  g_test_add_func ("/fork/child-of-a-process-with-threads-goes-on", test_threads);

  return g_test_run ();
}
