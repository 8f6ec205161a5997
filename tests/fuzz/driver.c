/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target as an ordinary test, without libFuzzer: a fixed number of inputs, each made
 * from its own number, so that every run and every machine tries the same ones.
 *
 *     build/tests/fuzz/fuzz-attach                  as the test does
 *     build/tests/fuzz/fuzz-attach 1000000          so many inputs
 *     build/tests/fuzz/fuzz-attach 1 4711           number 4711 alone, after it was reported
 *     build/tests/fuzz/fuzz-attach crash-0123…      a file that libFuzzer left
 */

#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZE_MAX_TRIED 1024

static guint64 inputs = FUZZ_INPUTS, first;
static const char *file;
static volatile guint64 current;

/* In a signal handler: no printf(). */
static void
say_which (int number)
{
  char text[] = "input number 00000000000000000000 did it\n";
  char *digit = strchr (text, 'd') - 2;

  for (guint64 rest = current; rest > 0; rest /= 10)
    *digit-- = '0' + rest % 10;
  if (write (STDERR_FILENO, text, sizeof text - 1) < 0)
    _exit (1);
  signal (number, SIG_DFL);
  raise (number);
}

/* Bytes of different kinds: any, small ones, and runs of one. */
static gsize
make_input (guint64 number, guint8 *data)
{
  GRand *dice = g_rand_new_with_seed ((guint32) number);
  gsize size = g_rand_int_range (dice, 0, 8) == 0 ? g_rand_int_range (dice, 0, SIZE_MAX_TRIED + 1)
                                                  : g_rand_int_range (dice, 0, 129);

  for (gsize i = 0; i < size;)
    {
      gsize end = i + 1 + g_rand_int_range (dice, 0, 24);
      int kind = g_rand_int_range (dice, 0, 4);
      guint8 same = g_rand_int (dice);

      for (end = MIN (end, size); i < end; i++)
        data[i] = kind < 2 ? g_rand_int (dice) : kind == 2 ? g_rand_int (dice) % 9 : same;
    }
  g_rand_free (dice);
  return size;
}

static void
test_inputs (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint64 n = inputs / (slower != NULL ? MAX (atoi (slower), 1) : 1);
  gint64 worst_us = 0;

  n = MAX (n, 1);
  for (current = first; current < first + n; current++)
    {
      guint8 data[SIZE_MAX_TRIED];
      gsize size = make_input (current, data);
      g_autofree guint8 *exact = g_memdup2 (data, size); /* a read behind its end shows */
      gint64 start_us = g_get_monotonic_time ();

      LLVMFuzzerTestOneInput (exact, size);
      worst_us = MAX (worst_us, g_get_monotonic_time () - start_us);
    }
  g_test_message ("%" G_GUINT64_FORMAT " inputs from number %" G_GUINT64_FORMAT
                  " on; the slowest took %.1f ms",
                  n, first, worst_us / 1000.0);
}

static void
test_file (void)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents (file, &data, &size, &error);
  g_assert_no_error (error);
  LLVMFuzzerTestOneInput ((const guint8 *) data, size);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGABRT, say_which);
  signal (SIGSEGV, say_which);
  signal (SIGBUS, say_which);
  if (argc > 1 && g_file_test (argv[1], G_FILE_TEST_IS_REGULAR))
    file = argv[1];
  else if (argc > 1)
    inputs = g_ascii_strtoull (argv[1], NULL, 10);
  if (argc > 2)
    first = g_ascii_strtoull (argv[2], NULL, 10);

  g_test_add_func (FUZZ_TEST, file != NULL ? test_file : test_inputs);
  return g_test_run ();
}
