/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several processes at each end of a pipe, in every way to wait, some of which are killed all the
 * time. What was sent arrives once, whole, and in each writer's order; at most the message that a
 * killed reader had in its hands is gone; and when the last writer is dead, the readers get what is
 * left, and then the end. The same when every third message comes with descriptors. */

#include <shmobj.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 400
#define WRITERS 3
#define READERS 3
#define LIVES (KILLS + WRITERS) /* of writers; each has a number of its own */
#define MESSAGES 4000           /* of one writer at the most */
#define WAYS 3

typedef struct
{
  _Atomic (guint32) sent[LIVES];          /* sends that returned */
  _Atomic (guint8) seen[LIVES][MESSAGES]; /* how often it arrived */
} Tally;

typedef struct
{
  ShmobjConnection *start, *end;
  Tally *tally;
  pid_t writers[WRITERS], readers[READERS];
  guint lives, killed_readers;
  gboolean with_fds;
} Run;

static GVariant *
message (guint32 life, guint32 number)
{
  g_autofree char *text = g_strnfill (number % 400, 'a' + life % 26);

  return g_variant_new ("(uus)", life, number, text);
}

/* Files that say which message they belong to; the message says how many there are. */
static GUnixFDList *
files_of (guint32 life, guint32 number)
{
  GUnixFDList *list = g_unix_fd_list_new ();
  const guint32 words[2] = { life, number };

  for (guint i = 0; number % 3 == 0 && i < 1 + number % 4; i++)
    {
      int fd = memfd_create ("belongs", MFD_CLOEXEC);

      g_assert_cmpint (write (fd, words, sizeof words), ==, sizeof words);
      g_assert_cmpint (g_unix_fd_list_append (list, fd, NULL), ==, i);
      close (fd);
    }
  return list;
}

static void
expect_files (GUnixFDList *list, guint32 life, guint32 number)
{
  gint n = 0;
  const int *fds = list != NULL ? g_unix_fd_list_peek_fds (list, &n) : NULL;

  g_assert_cmpint (n, ==, number % 3 == 0 ? 1 + number % 4 : 0);
  for (gint i = 0; i < n; i++)
    {
      guint32 words[2];

      g_assert_cmpint (pread (fds[i], words, sizeof words, 0), ==, sizeof words);
      g_assert_cmpuint (words[0], ==, life);
      g_assert_cmpuint (words[1], ==, number);
    }
}

static void
write_on (Run *run, guint32 life)
{
  g_autoptr (GCancellable) never = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_clear_object (&run->start);
  for (guint32 i = 0; i < MESSAGES; i++)
    {
      g_autoptr (GUnixFDList) files = run->with_fds ? files_of (life, i) : NULL;

      shmobj_connection_send_with_fds (run->end, message (life, i), files, -1,
                                       life % 2 ? never : NULL, &error);
      g_assert_no_error (error);
      atomic_fetch_add (&run->tally->sent[life], 1);
    }
  for (;;)
    pause ();
}

static GVariant *
take (Run *run, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  g_autoptr (ShmobjMessage) got = NULL;
  guint32 life, number;
  GVariant *value;

  if (!run->with_fds)
    return shmobj_connection_receive (run->start, timeout_us, cancellable, error);
  got = shmobj_connection_receive_with_fds (run->start, timeout_us, cancellable, error);
  if (got == NULL)
    return NULL;
  value = shmobj_message_get_value (got, error);
  g_variant_get (value, "(uu&s)", &life, &number, NULL);
  expect_files (shmobj_message_get_fd_list (got), life, number);
  return value;
}

static GVariant *
receive (Run *run, guint way, GError **error)
{
  g_autoptr (GCancellable) never = g_cancellable_new ();

  if (way == 0)
    return take (run, -1, NULL, error);
  if (way == 1)
    return take (run, -1, never, error);
  for (;;)
    {
      g_autoptr (GError) faster = NULL;
      GVariant *value;

      if (!shmobj_connection_poll (run->start, -1, NULL, error))
        return NULL;
      value = take (run, 0, NULL, &faster);
      if (value != NULL)
        return value;
      if (!g_error_matches (faster, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        {
          g_propagate_error (error, g_steal_pointer (&faster));
          return NULL;
        }
    }
}

static void
expect_whole (GVariant *value, guint32 life, guint32 number)
{
  g_autoptr (GVariant) whole = g_variant_ref_sink (message (life, number));

  g_assert_true (g_variant_equal (value, whole));
}

static void
read_on (Run *run, guint way)
{
  g_autofree gint64 *last = g_new (gint64, LIVES);
  g_autoptr (GError) error = NULL;
  GVariant *value;

  for (guint i = 0; i < LIVES; i++)
    last[i] = -1;
  g_clear_object (&run->end);
  while ((value = receive (run, way, &error)) != NULL)
    {
      guint32 life, number;

      g_assert_cmpstr (g_variant_get_type_string (value), ==, "(uus)");
      g_variant_get (value, "(uu&s)", &life, &number, NULL);
      g_assert_cmpuint (life, <, LIVES);
      g_assert_cmpuint (number, <, MESSAGES);
      atomic_fetch_add (&run->tally->seen[life][number], 1);
      expect_whole (value, life, number);
      g_assert_cmpint (number, >, last[life]);
      last[life] = number;
      g_variant_unref (value);
    }
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_PEER_GONE);
  _exit (0);
}

static pid_t
new_writer (Run *run)
{
  guint32 life = run->lives++;
  pid_t child = fork ();

  if (child == 0)
    write_on (run, life);
  return child;
}

static pid_t
new_reader (Run *run, guint way)
{
  pid_t child = fork ();

  if (child == 0)
    read_on (run, way);
  return child;
}

static void
kill_one (pid_t child)
{
  int status;

  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

static void
kill_and_replace (Run *run, guint i)
{
  g_usleep (g_test_rand_int_range (0, 2000));
  if (g_test_rand_bit ())
    {
      kill_one (run->writers[i % WRITERS]);
      run->writers[i % WRITERS] = new_writer (run);
      return;
    }
  kill_one (run->readers[i % READERS]);
  run->killed_readers++;
  run->readers[i % READERS] = new_reader (run, i % WAYS);
}

static void
judge (Run *run)
{
  guint missing = 0, arrived = 0;

  for (guint life = 0; life < run->lives; life++)
    {
      guint32 sent = atomic_load (&run->tally->sent[life]);

      for (guint i = 0; i < MESSAGES; i++)
        {
          guint seen = atomic_load (&run->tally->seen[life][i]);

          g_assert_cmpuint (seen, <=, i <= sent); /* the one that it was sending, perhaps */
          arrived += seen;
          missing += i < sent && seen == 0;
        }
    }
  g_test_message ("%u arrived; %u of %u killed readers had one in their hands", arrived, missing,
                  run->killed_readers);
  g_assert_cmpuint (missing, <=, run->killed_readers);
  g_assert_cmpuint (arrived, >, 0);
}

typedef struct
{
  gboolean duplex, with_fds;
} Kind;

static void
test_crowd (gconstpointer data)
{
  const Kind *kind = data;
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint kills = KILLS / MAX (slower != NULL ? atoi (slower) : 1, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (kind->duplex, 16384, &error);
  Run run = { shmobj_pipe_steal_start (pipe, &error), shmobj_pipe_steal_end (pipe, &error) };

  g_assert_no_error (error);
  run.with_fds = kind->with_fds;
  run.tally =
      mmap (NULL, sizeof *run.tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (run.tally != MAP_FAILED);
  for (guint i = 0; i < READERS; i++)
    run.readers[i] = new_reader (&run, i % WAYS);
  for (guint i = 0; i < WRITERS; i++)
    run.writers[i] = new_writer (&run);
  for (guint i = 0; i < kills; i++)
    kill_and_replace (&run, i);

  g_clear_object (&run.end);
  for (guint i = 0; i < WRITERS; i++)
    kill_one (run.writers[i]);
  for (guint i = 0; i < READERS; i++)
    {
      int status;

      g_assert_cmpint (waitpid (run.readers[i], &status, 0), ==, run.readers[i]);
      g_assert_cmpint (status, ==, 0);
    }
  judge (&run);
  munmap (run.tally, sizeof *run.tally);
  g_clear_object (&run.start);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/pipe-deaths/one-way", &(Kind){ FALSE, FALSE }, test_crowd);
  g_test_add_data_func ("/pipe-deaths/two-way", &(Kind){ TRUE, FALSE }, test_crowd);
  g_test_add_data_func ("/pipe-deaths/with-descriptors", &(Kind){ TRUE, TRUE }, test_crowd);
  return g_test_run ();
}
