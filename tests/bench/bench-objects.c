/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ours: one measurement of the objects through the public C API, for tools/bench. Prints
 * nanoseconds.
 *
 *     bench-objects CASE [NUMBER…]
 */

#include "run.h"

#include <shmobj.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE 64
#define LARGE (1024 * 1024)

typedef struct
{
  ShmobjQueue *there, *back;
  ShmobjConnection *start, *end;
  ShmobjLock *lock;
  gsize size;
  guint8 *buffer;
} Bench;

static void
must (gboolean good, GError *error)
{
  if (!good)
    {
      fprintf (stderr, "%s\n", error != NULL ? error->message : "it failed");
      exit (3);
    }
}

static ShmobjQueue *
new_queue (guint maxsize, guint64 capacity)
{
  GError *error = NULL;
  ShmobjQueue *queue = shmobj_queue_new (maxsize, capacity, &error);

  must (queue != NULL, error);
  return queue;
}

/* The library counts the CPUs once, when it first waits: here, before a worker has only one. */
static void
wait_once (ShmobjQueue *queue)
{
  guint8 byte;

  shmobj_queue_get_into (queue, &byte, sizeof byte, 1, NULL);
}

/* ---- one way ---- */

static void
put_data (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    if (G_UNLIKELY (!shmobj_queue_put_data (b->there, b->buffer, b->size, -1, NULL, &error)))
      must (FALSE, error);
}

static void
get_into (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    if (G_UNLIKELY (shmobj_queue_get_into (b->there, b->buffer, b->size, -1, &error) < 0))
      must (FALSE, error);
}

static double
case_queue (Bench *b, int argc, char **argv)
{
  int writers = run_number (argc, argv, 2, 1), readers = run_number (argc, argv, 3, 1);
  guint maxsize = run_number (argc, argv, 4, 0);

  b->there = new_queue (maxsize, run_number (argc, argv, 6, 0));
  wait_once (b->there);
  return run_workers (put_data, writers, get_into, readers, b, run_number (argc, argv, 5, 1000000));
}

/* ---- round trips ---- */

static void
queue_here (void *data, long n)
{
  Bench *b = data;

  for (; n > 0; n--)
    must (shmobj_queue_put_data (b->there, b->buffer, b->size, -1, NULL, NULL) &&
              shmobj_queue_get_into (b->back, b->buffer, b->size, -1, NULL) >= 0,
          NULL);
}

static void
queue_there (void *data, long n)
{
  Bench *b = data;

  for (; n > 0; n--)
    must (shmobj_queue_get_into (b->there, b->buffer, b->size, -1, NULL) >= 0 &&
              shmobj_queue_put_data (b->back, b->buffer, b->size, -1, NULL, NULL),
          NULL);
}

static double
case_trip (Bench *b, int argc, char **argv)
{
  b->there = new_queue (0, 0);
  b->back = new_queue (0, 0);
  wait_once (b->there);
  return run_pair (queue_here, queue_there, b, run_number (argc, argv, 2, 100000));
}

static double
case_trip_asleep (Bench *b, int argc, char **argv)
{
  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  run_on_one_cpu ();
  return case_trip (b, argc, argv);
}

static void
send_and_receive (ShmobjConnection *connection, GBytes *bytes, gboolean first)
{
  GError *error = NULL;
  GBytes *got;

  if (first)
    must (shmobj_connection_send_bytes (connection, bytes, -1, NULL, &error), error);
  got = shmobj_connection_receive_bytes (connection, -1, NULL, &error);
  must (got != NULL, error);
  if (!first)
    must (shmobj_connection_send_bytes (connection, got, -1, NULL, &error), error);
  g_bytes_unref (got);
}

static void
pipe_here (void *data, long n)
{
  Bench *b = data;
  GBytes *bytes = g_bytes_new_static (b->buffer, b->size);

  for (; n > 0; n--)
    send_and_receive (b->start, bytes, TRUE);
  g_bytes_unref (bytes);
}

static void
pipe_there (void *data, long n)
{
  Bench *b = data;

  for (; n > 0; n--)
    send_and_receive (b->end, NULL, FALSE);
}

static double
case_pipe_asleep (Bench *b, int argc, char **argv)
{
  g_autoptr (ShmobjPipe) pipe = NULL;
  GError *error = NULL;

  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  run_on_one_cpu ();
  pipe = shmobj_pipe_new (TRUE, 0, &error);
  must (pipe != NULL, error);
  b->start = shmobj_pipe_steal_start (pipe, &error);
  b->end = shmobj_pipe_steal_end (pipe, &error);
  return run_pair (pipe_here, pipe_there, b, run_number (argc, argv, 2, 20000));
}

/* ---- one process ---- */

static void
pair_of_data (void *data, long n)
{
  for (; n > 0; n--)
    {
      put_data (data, 1);
      get_into (data, 1);
    }
}

static double
case_pair (Bench *b, int argc, char **argv)
{
  b->there = new_queue (0, 0);
  return run_solo (pair_of_data, b, run_number (argc, argv, 2, 1000000));
}

static double
case_large (Bench *b, int argc, char **argv)
{
  b->size = LARGE;
  b->there = new_queue (0, 0);
  return run_solo (pair_of_data, b, run_number (argc, argv, 2, 200));
}

static void
pair_of_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    {
      GVariant *value = g_variant_new ("(isd)", 1, "two", 3.0);

      must (shmobj_queue_put (b->there, value, -1, NULL, &error), error);
      value = shmobj_queue_get (b->there, -1, NULL, &error);
      must (value != NULL, error);
      g_variant_unref (value);
    }
}

static double
case_pair_variant (Bench *b, int argc, char **argv)
{
  b->there = new_queue (0, 0);
  return run_solo (pair_of_values, b, run_number (argc, argv, 2, 100000));
}

/* What GLib alone takes to make such a value, serialise it, and make another from the bytes. */
static void
values_alone (void *data, long n)
{
  for (; n > 0; n--)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new ("(isd)", 1, "two", 3.0));
      gsize size = g_variant_get_size (value);
      gpointer copy = g_memdup2 (g_variant_get_data (value), size);
      g_autoptr (GVariant) other = g_variant_ref_sink (
          g_variant_new_from_data (G_VARIANT_TYPE ("(isd)"), copy, size, FALSE, g_free, copy));

      must (other != NULL, NULL);
    }
}

static double
case_variant (Bench *b, int argc, char **argv)
{
  return run_solo (values_alone, b, run_number (argc, argv, 2, 100000));
}

#define MANY 64

static void
new_values (GVariant **values)
{
  for (guint i = 0; i < MANY; i++)
    values[i] = g_variant_new ("(isd)", i, "two", 3.0);
}

static void
values_one_by_one (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  GVariant *values[MANY];

  for (; n > 0; n -= MANY)
    {
      new_values (values);
      for (guint i = 0; i < MANY; i++)
        must (shmobj_queue_put (b->there, values[i], -1, NULL, &error), error);
      for (guint i = 0; i < MANY; i++)
        {
          GVariant *value = shmobj_queue_get (b->there, -1, NULL, &error);

          must (value != NULL, error);
          g_variant_unref (value);
        }
    }
}

static void
values_together (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  GVariant *values[MANY], **got;
  gsize n_got;

  for (; n > 0; n -= MANY)
    {
      new_values (values);
      must (shmobj_queue_put_many (b->there, values, MANY, -1, NULL, &error) == MANY, error);
      got = shmobj_queue_get_many (b->there, MANY, -1, NULL, &n_got, &error);
      must (got != NULL && n_got == MANY, error);
      for (gsize i = 0; i < n_got; i++)
        g_variant_unref (got[i]);
      g_free (got);
    }
}

static double
case_pair_variants (Bench *b, int argc, char **argv)
{
  b->there = new_queue (0, 0);
  return run_solo (values_one_by_one, b, run_number (argc, argv, 2, 100000));
}

static double
case_many_variants (Bench *b, int argc, char **argv)
{
  b->there = new_queue (0, 0);
  return run_solo (values_together, b, run_number (argc, argv, 2, 100000));
}

static void
lock_and_release (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    must (shmobj_lock_acquire (b->lock, -1, NULL, &error) && shmobj_lock_release (b->lock, &error),
          error);
}

static double
case_lock (Bench *b, int argc, char **argv)
{
  GError *error = NULL;

  b->lock = shmobj_lock_new (&error);
  must (b->lock != NULL, error);
  return run_solo (lock_and_release, b, run_number (argc, argv, 2, 1000000));
}

static const struct
{
  const char *name;
  double (*run) (Bench *b, int argc, char **argv);
} cases[] = {
  { "queue", case_queue }, /* WRITERS READERS MAXSIZE MESSAGES CAPACITY */
  { "trip", case_trip },   /* ROUNDS, here and below */
  { "trip-asleep", case_trip_asleep },
  { "pipe-asleep", case_pipe_asleep },
  { "pair", case_pair },
  { "large", case_large },
  { "pair-variant", case_pair_variant },
  { "variant", case_variant },
  { "pair-variants", case_pair_variants },
  { "many-variants", case_many_variants },
  { "lock", case_lock },
};

int
main (int argc, char **argv)
{
  Bench b = { .size = MESSAGE, .buffer = g_malloc0 (LARGE) };

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (cases); i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        printf ("%.3f\n", cases[i].run (&b, argc, argv));
        return 0;
      }
  fprintf (stderr, "bench-objects: no such case\n");
  return 2;
}
