/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ours: a list and a dict of a private manager, from C, for tools/bench. Prints nanoseconds per
 * call.
 *
 *     bench-manager CASE [ROUNDS]
 */

#include "run.h"

#include <shmobj.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 1000
#define MANY 10000
#define TOGETHER 10 /* writes of a transaction */
#define LONG_LIST 1000000

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjDict *dict;
  GVariant *keys[KEYS];
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

static void
list_append (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    must (shmobj_list_append (b->list, g_variant_new_int64 (i), &error), error);
}

static void
list_read (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    {
      GVariant *value = shmobj_list_get (b->list, i % KEYS, &error);

      must (value != NULL, error);
      g_variant_unref (value);
    }
}

static void
list_set (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    must (shmobj_list_set (b->list, i % KEYS, g_variant_new_int64 (i), &error), error);
}

static void
list_insert (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    must (shmobj_list_insert (b->list, LONG_LIST / 2 + i * 7919 % (LONG_LIST / 4),
                              g_variant_new_int64 (i), &error),
          error);
}

static void
list_extend (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  GVariant **values = g_new (GVariant *, MANY);

  for (long i = 0; i < n; i += MANY)
    {
      for (long j = 0; j < MANY; j++)
        values[j] = g_variant_new_int64 (i + j);
      must (shmobj_list_extend (b->list, values, MANY, &error), error);
    }
  g_free (values);
}

static void
list_copy (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;
  gsize n_values;

  for (long i = 0; i < n; i++)
    {
      GVariant **values = shmobj_list_get_range (b->list, 0, G_MAXINT64, &n_values, &error);

      must (values != NULL && n_values == MANY, error);
      for (gsize j = 0; j < n_values; j++)
        g_variant_unref (values[j]);
      g_free (values);
    }
}

static void
dict_fill (void *data, long n)
{
  Bench *b = data;
  GVariantBuilder items;
  GError *error = NULL;

  g_variant_builder_init (&items, G_VARIANT_TYPE ("a{sv}"));
  for (long i = 0; i < n; i++)
    {
      g_autofree char *key = g_strdup_printf ("key %ld", i);

      g_variant_builder_add (&items, "{sv}", key, g_variant_new_int64 (i));
    }
  must (shmobj_dict_update (b->dict, g_variant_builder_end (&items), &error), error);
}

static void
dict_copy (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    {
      GVariant *items = shmobj_dict_items (b->dict, &error);

      must (items != NULL, error);
      g_variant_unref (items);
    }
}

static void
dict_set (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    must (shmobj_dict_set (b->dict, b->keys[i % KEYS], g_variant_new_int64 (i), &error), error);
}

static void
dict_get (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    {
      GVariant *value = shmobj_dict_get (b->dict, b->keys[i % KEYS], &error);

      must (value != NULL, error);
      g_variant_unref (value);
    }
}

static void
dict_set_10 (void *data, long n)
{
  dict_set (data, n * TOGETHER);
}

static void
transact (void *data, long n)
{
  Bench *b = data;
  GError *error = NULL;

  for (long i = 0; i < n; i++)
    {
      ShmobjTransaction *transaction = shmobj_manager_begin (b->manager, -1, NULL, &error);

      must (transaction != NULL, error);
      for (long j = 0; j < TOGETHER; j++)
        must (shmobj_dict_set (b->dict, b->keys[(i * TOGETHER + j) % KEYS], g_variant_new_int64 (i),
                               &error),
              error);
      must (shmobj_transaction_commit (transaction, &error), error);
      g_object_unref (transaction);
    }
}

static const struct
{
  const char *name;
  RunWork work, prepare;
  long first;    /* so much is prepared */
  int processes; /* that do it at the same time; 0: this one, alone */
} cases[] = {
  { "list-append", list_append, list_append, KEYS },
  { "list-read", list_read, list_append, KEYS },
  { "list-set", list_set, list_append, KEYS },
  { "list-copy", list_copy, list_extend, MANY },
  { "list-insert", list_insert, list_extend, LONG_LIST },
  { "list-append-long", list_append, list_extend, LONG_LIST },
  { "dict-set", dict_set, dict_set, KEYS },
  { "dict-get", dict_get, dict_set, KEYS },
  { "dict-copy", dict_copy, dict_fill, MANY },
  { "transact", transact, dict_set, KEYS },
  { "dict-set-10", dict_set_10, dict_set, KEYS },
  { "list-append-by-4", list_append, list_append, KEYS, 4 },
  { "dict-set-by-4", dict_set, dict_set, KEYS, 4 },
};

/* One process's calls, or those of several: then for one of all calls. */
static RunResult
run_case (Bench *b, guint i, long n)
{
  cases[i].prepare (b, cases[i].first);
  if (cases[i].processes > 0)
    return run_workers (cases[i].work, cases[i].processes, NULL, 0, b, n);
  return run_served (cases[i].work, b, n);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  Bench b = { manager };
  int status = 2;

  must (manager != NULL, error);
  b.list = shmobj_manager_open_list (manager, "list", SHMOBJ_OPEN_DEFAULT, NULL, &error);
  must (b.list != NULL, error);
  b.dict = shmobj_manager_open_dict (manager, "dict", SHMOBJ_OPEN_DEFAULT, NULL, &error);
  must (b.dict != NULL, error);
  for (int i = 0; i < KEYS; i++)
    b.keys[i] = g_variant_ref_sink (g_variant_new_take_string (g_strdup_printf ("key %d", i)));

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (cases); i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        run_print (run_case (&b, i, run_number (argc, argv, 2, 10000)));
        status = 0;
      }
  for (int i = 0; i < KEYS; i++)
    g_variant_unref (b.keys[i]);
  g_object_unref (b.list);
  g_object_unref (b.dict);
  return status;
}
