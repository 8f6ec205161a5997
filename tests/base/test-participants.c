/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is alive, and who is not: killed, stopped, forked, cloned, in another pid namespace. */

#include "../objects/lock-fixture.h"

#include "base/participants.h"
#include "base/sys.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

typedef struct
{
  Segment segment;
  Participants participants;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const guint64 parameter[4] = { 0 };
  g_autoptr (GError) error = NULL;

  segment_new (&fixture->segment, SEGMENT_QUEUE, "test", OBJECT_OFFSET, OBJECT_OFFSET, parameter,
               &error);
  g_assert_no_error (error);
  participants_init (&fixture->participants, &fixture->segment);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  participants_clear (&fixture->participants);
  segment_close (&fixture->segment);
}

static guint32
me (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  guint32 token = participants_me (&fixture->participants, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (token, !=, 0);
  g_assert_cmpuint (token & ~TOKEN_MASK, ==, 0);
  return token;
}

/* A child that has joined; its token is in *@token. It does nothing until it is killed. */
static pid_t
start_other (Fixture *fixture, _Atomic (guint32) *token)
{
  pid_t pid;

  *token = 0;
  IN_CHILD (pid)
  {
    *token = participants_me (&fixture->participants, NULL);
    for (;;)
      pause ();
  }
  while (*token == 0)
    g_usleep (50);
  return pid;
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  guint32 mine = me (fixture);

  for (guint i = rounds (SLOT_COUNT + 100); i > 0;
       i--) /* so that slots of dead ones are used again */
    {
      pid_t pid = start_other (fixture, token);

      g_assert_cmpuint (*token, !=, mine);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (*token))); /* never the same token */
      g_assert_false (participants_is_dead (&fixture->participants, *token));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      g_assert_true (participants_is_dead (&fixture->participants, *token));
    }
  g_assert_false (participants_is_dead (&fixture->participants, mine));
  g_assert_cmpuint (me (fixture), ==, mine);
}

static void
test_stopped (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096);
  pid_t pid;

  me (fixture);
  pid = start_other (fixture, token);
  kill (pid, SIGSTOP);
  waitpid (pid, NULL, WUNTRACED);
  g_assert_false (participants_is_dead (&fixture->participants, *token));
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  g_assert_true (participants_is_dead (&fixture->participants, *token));
}

static void
test_company (Fixture *fixture, gconstpointer data)
{
  Participants *participants = &fixture->participants;
  _Atomic (guint32) *token = shared_memory (4096);

  me (fixture);
  for (int i = 0; i < 3; i++)
    {
      pid_t pid;

      g_assert_false (participants_in_company (participants));
      g_assert_false (participants_in_company (participants));
      pid = start_other (fixture, token);
      g_assert_true (participants_in_company (participants));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      atomic_store (&participants->company_until_us, 0); /* a second later */
    }
}

/* Two mappings of one segment are two participants; who leaves in good order is gone at once. */
static void
test_leaves (Fixture *fixture, gconstpointer data)
{
  Segment segment;
  Participants other;
  guint32 mine = me (fixture), others;

  g_assert_true (segment_open (&segment, dup (fixture->segment.fd), SEGMENT_QUEUE, NULL));
  participants_init (&other, &segment);
  others = participants_me (&other, NULL);
  g_assert_cmpuint (others, !=, mine);
  g_assert_false (participants_is_dead (&fixture->participants, others));
  g_assert_false (participants_is_dead (&other, mine));
  participants_clear (&other);
  segment_close (&segment);
  g_assert_true (participants_is_dead (&fixture->participants, others));
}

/* A child that outlives its parent and never calls us does not keep him alive. */
static void
test_orphan (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096), *orphan = token + 1;
  pid_t parent, child;

  me (fixture);
  IN_CHILD (parent)
  {
    token[0] = participants_me (&fixture->participants, NULL);
    child = fork ();
    while (child == 0)
      pause ();
    *orphan = child;
    _exit (0);
  }
  assert_exit (parent, 0);
  g_assert_cmpuint (*orphan, !=, 0);
  g_assert_cmpint (kill (*orphan, 0), ==, 0);
  /* it closes its parent's description as soon as it runs */
  for (gint64 until_us = sys_now_us () + LONG_US;
       !participants_is_dead (&fixture->participants, token[0]);)
    {
      g_assert_cmpint (sys_now_us (), <, until_us);
      g_usleep (100);
    }
  g_assert_cmpint (kill (*orphan, 0), ==, 0);
  kill (*orphan, SIGKILL);
}

/* What a child does with its copy does not disturb the parent. */
static void
test_child (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096);
  guint32 mine = me (fixture);
  Participants observer;
  Segment segment;
  pid_t pid;

  IN_CHILD (pid)
  {
    token[0] = participants_me (&fixture->participants, NULL);
    token[1] = participants_is_dead (&fixture->participants, mine);
    participants_clear (&fixture->participants);
    _exit (0);
  }
  assert_exit (pid, 0);
  g_assert_cmpuint (token[0], !=, 0);
  g_assert_cmpuint (token[0], !=, mine);
  g_assert_cmpuint (token[1], ==, 0);

  g_assert_true (segment_open (&segment, dup (fixture->segment.fd), SEGMENT_QUEUE, NULL));
  participants_init (&observer, &segment);
  g_assert_cmpuint (participants_me (&observer, NULL), !=, 0);
  g_assert_false (participants_is_dead (&observer, mine));
  participants_clear (&observer);
  segment_close (&segment);
}

/* No handler of ours runs in a child that was made by the bare system call. */
static void
test_raw_clone (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096);
  guint32 mine = me (fixture);
  pid_t pid = syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      token[0] = participants_me (&fixture->participants, NULL);
      _exit (token[0] != 0 && token[0] != mine &&
                     !participants_is_dead (&fixture->participants, mine)
                 ? 0
                 : 1);
    }
  assert_exit (pid, 0);
  g_assert_true (participants_is_dead (&fixture->participants, token[0]));
}

/* Pids mean nothing between namespaces; we never ask for them. Where the kernel lets nobody make
 * one (a container), this shows the same as the first test. */
static void
test_pid_namespace (Fixture *fixture, gconstpointer data)
{
  _Atomic (guint32) *token = shared_memory (4096);
  pid_t outer;

  me (fixture);
  IN_CHILD (outer)
  {
    pid_t inner;

    if (unshare (CLONE_NEWPID) < 0 && unshare (CLONE_NEWUSER | CLONE_NEWPID) < 0)
      token[1] = errno;
    inner = fork ();
    if (inner == 0)
      {
        token[2] = getpid ();
        token[0] = participants_me (&fixture->participants, NULL);
        for (;;)
          pause ();
      }
    while (token[0] == 0 || token[3] == 0)
      g_usleep (50);
    kill (inner, SIGKILL);
    waitpid (inner, NULL, 0);
    _exit (0);
  }
  while (token[0] == 0)
    g_usleep (50);
  g_test_message ("in the namespace it was process %u (%s)", token[2], g_strerror (token[1]));
  g_assert_false (participants_is_dead (&fixture->participants, token[0]));
  token[3] = 1;
  assert_exit (outer, 0);
  g_assert_true (participants_is_dead (&fixture->participants, token[0]));
}

static void
test_full (Fixture *fixture, gconstpointer data)
{
  int fd = sys_reopen (fixture->segment.fd, O_RDWR);
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = SLOT_COUNT };
  g_autoptr (GError) error = NULL;
  guint before;

  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
  before = count_fds ();
  g_assert_cmpuint (participants_me (&fixture->participants, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, "1024"));
  g_assert_cmpuint (count_fds (), ==, before);
  close (fd);
  me (fixture); /* as soon as one is free */
}

static void
test_describe (Fixture *fixture, gconstpointer data)
{
  guint32 mine = me (fixture);
  g_autofree char *text = participants_describe (&fixture->participants, mine);
  g_autofree char *name = NULL, *expected = NULL;
  g_autofree char *unknown =
      participants_describe (&fixture->participants, mine + (1 << 10) * SLOT_COUNT);
  Slot *slot =
      segment_at (&fixture->segment, SLOTS_OFFSET + TOKEN_SLOT (mine) * sizeof *slot, sizeof *slot);
  g_autofree char *scribbled = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/comm", &name, NULL, NULL));
  expected = g_strdup_printf ("process %d (%s)", (int) getpid (), g_strchomp (name));
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpstr (unknown, ==, "a process that has ended");
  slot->command[0] = slot->command[1] = G_GUINT64_CONSTANT (0x1b411b411b41ff41);
  scribbled = participants_describe (&fixture->participants, mine);
  g_assert_true (g_utf8_validate (scribbled, -1, NULL)); /* it goes into messages */
  g_assert_null (strchr (scribbled, '\x1b'));
}

/* Tokens that nobody has: dead, whatever their slot, and nothing is read outside. */
static void
test_any_token (Fixture *fixture, gconstpointer data)
{
  me (fixture);
  for (guint i = 0; i < 2000; i++)
    {
      guint32 token = g_test_rand_int () | SLOT_COUNT << 8;

      g_assert_true (participants_is_dead (&fixture->participants, token));
    }
}

/* The generation goes round, and never gives a token of slot 0 that is 0. */
static void
test_generation_wraps (Fixture *fixture, gconstpointer data)
{
  Slot *slot = segment_at (&fixture->segment, SLOTS_OFFSET, sizeof *slot);
  guint32 last = TOKEN_MASK & ~(guint32) (SLOT_COUNT - 1);

  slot->token = last;
  g_assert_cmpuint (me (fixture), ==, SLOT_COUNT);
  g_assert_true (participants_is_dead (&fixture->participants, last));
}

/* Takes slots and leaves them until told to stop; what it had last is in token[0]. */
typedef struct
{
  Segment *segment;
  _Atomic (gboolean) over;
  _Atomic (guint32) token;
} Comer;

static gpointer
come_and_go (gpointer data)
{
  Comer *comer = data;

  while (!comer->over)
    {
      Participants participants;

      participants_init (&participants, comer->segment);
      comer->token = participants_me (&participants, NULL);
      participants_clear (&participants);
    }
  return NULL;
}

/* A child that is forked while another thread takes a slot neither keeps that slot nor hangs. */
static void
test_fork_while_joining (Fixture *fixture, gconstpointer data)
{
  me (fixture);
  for (guint i = 0; i < rounds (200); i++)
    {
      Comer comer = { .segment = &fixture->segment };
      GThread *thread = g_thread_new ("comer", come_and_go, &comer);
      _Atomic (guint32) *joined = shared_memory (4096);
      pid_t pid;

      g_usleep (g_test_rand_int_range (0, 200));
      IN_CHILD (pid)
      {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        *joined = participants_me (&fixture->participants, NULL) != 0;
        for (;;)
          pause ();
      }
      comer.over = TRUE;
      g_thread_join (thread);
      await (joined, 1);
      for (guint32 number = 0; number < 8; number++)
        {
          Slot *slot =
              segment_at (&fixture->segment, SLOTS_OFFSET + number * sizeof *slot, sizeof *slot);

          if (slot->pid == 0 && slot->token != 0)
            g_assert_true (participants_is_dead (&fixture->participants, slot->token));
        }
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      munmap ((void *) joined, 4096);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function)                                                                        \
  g_test_add ("/participants/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("killed-one-is-dead-and-its-token-never-comes-back", test_killed);
  ADD ("stopped-one-is-alive", test_stopped);
  ADD ("who-leaves-is-gone", test_leaves);
  ADD ("company-is-noticed-at-once", test_company);
  ADD ("orphan-does-not-keep-its-parent-alive", test_orphan);
  ADD ("child-does-not-disturb-its-parent", test_child);
  ADD ("raw-clone-is-another-participant", test_raw_clone);
  ADD ("works-across-pid-namespaces", test_pid_namespace);
  ADD ("full-table-is-an-error-that-names-the-limit", test_full);
  ADD ("described-for-people", test_describe);
  ADD ("token-of-nobody-is-dead", test_any_token);
  ADD ("generation-goes-round", test_generation_wraps);
  ADD ("child-forked-while-joining-keeps-no-slot", test_fork_while_joining);

  return g_test_run ();
}
