/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ours: values through a queue, and a lock, through the public C API, for
 * tools/bench. Prints nanoseconds.
 *
 *     bench-objects CASE [ROUNDS]
 */

#include "run.h"

#include <shmobj.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 64

typedef struct
{
  ShmobjQueue *queue;
  GVariant *values[MANY];
  ShmobjLock *lock;
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
new_queue (void)
{
  GError *error = NULL;
  ShmobjQueue *queue = shmobj_queue_new (0, 0, &error);

  must (queue != NULL, error);
  return queue;
}

static void
pair_of_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    {
      GVariant *value = g_variant_new ("(isd)", 1, "two", 3.0);

      must (shmobj_queue_put (b->queue, value, -1, NULL, &error), error);
      value = shmobj_queue_get (b->queue, -1, NULL, &error);
      must (value != NULL, error);
      g_variant_unref (value);
    }
}

static RunResult
case_pair_variant (Bench *b, int argc, char **argv)
{
  b->queue = new_queue ();
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

static RunResult
case_variant (Bench *b, int argc, char **argv)
{
  return run_solo (values_alone, b, run_number (argc, argv, 2, 100000));
}

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
        must (shmobj_queue_put (b->queue, values[i], -1, NULL, &error), error);
      for (guint i = 0; i < MANY; i++)
        {
          GVariant *value = shmobj_queue_get (b->queue, -1, NULL, &error);

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
      must (shmobj_queue_put_many (b->queue, values, MANY, -1, NULL, &error) == MANY, error);
      got = shmobj_queue_get_many (b->queue, MANY, -1, NULL, &n_got, &error);
      must (got != NULL && n_got == MANY, error);
      for (gsize i = 0; i < n_got; i++)
        g_variant_unref (got[i]);
      g_free (got);
    }
}

static RunResult
case_pair_variants (Bench *b, int argc, char **argv)
{
  b->queue = new_queue ();
  return run_solo (values_one_by_one, b, run_number (argc, argv, 2, 100000));
}

static RunResult
case_many_variants (Bench *b, int argc, char **argv)
{
  b->queue = new_queue ();
  return run_solo (values_together, b, run_number (argc, argv, 2, 100000));
}

/* ---- the same from one process to another; the values are there before ---- */

#define BYTES 64

static void
put_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    must (shmobj_queue_put (b->queue, b->values[n % MANY], -1, NULL, &error), error);
}

static void
get_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    {
      GVariant *value = shmobj_queue_get (b->queue, -1, NULL, &error);

      must (value != NULL, error);
      g_variant_unref (value);
    }
}

static void
put_many_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  gsize put;

  for (; n > 0; n -= put)
    {
      put = shmobj_queue_put_many (b->queue, b->values, MIN (n, MANY), -1, NULL, &error);
      must (put > 0, error);
    }
}

static void
get_many_values (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  gsize got;

  for (; n > 0; n -= got)
    {
      GVariant **values = shmobj_queue_get_many (b->queue, MIN (n, MANY), -1, NULL, &got, &error);

      must (values != NULL, error);
      for (gsize i = 0; i < got; i++)
        g_variant_unref (values[i]);
      g_free (values);
    }
}

static RunResult
flow (Bench *b, RunWork put, RunWork get, long n)
{
  static const guint8 bytes[BYTES];

  for (guint i = 0; i < MANY; i++)
    b->values[i] = g_variant_ref_sink (
        g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, BYTES, TRUE, NULL, NULL));
  b->queue = new_queue ();
  /* The first wait counts the CPUs: here, before a worker has only one. */
  shmobj_queue_wait (b->queue, G_IO_IN, 1);
  return run_workers (put, 1, get, 1, b, n);
}

static RunResult
case_flow_variants (Bench *b, int argc, char **argv)
{
  return flow (b, put_values, get_values, run_number (argc, argv, 2, 300000));
}

static RunResult
case_flow_many (Bench *b, int argc, char **argv)
{
  return flow (b, put_many_values, get_many_values, run_number (argc, argv, 2, 300000));
}

/* ---- a lock ---- */

static void
lock_and_release (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (; n > 0; n--)
    must (shmobj_lock_acquire (b->lock, -1, NULL, &error) && shmobj_lock_release (b->lock, &error),
          error);
}

static RunResult
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
  RunResult (*run) (Bench *b, int argc, char **argv);
} cases[] = {
  { "pair-variant", case_pair_variant },
  { "variant", case_variant },
  { "pair-variants", case_pair_variants },
  { "many-variants", case_many_variants },
  { "flow-variants", case_flow_variants },
  { "flow-many", case_flow_many },
  { "lock", case_lock },
};

int
main (int argc, char **argv)
{
  Bench b = { 0 };

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (cases); i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        run_print (cases[i].run (&b, argc, argv));
        return 0;
      }
  fprintf (stderr, "bench-objects: no such case\n");
  return 2;
}
