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

typedef struct
{
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

static const struct
{
  const char *name;
  RunWork work, prepare;
} cases[] = {
  { "list-append", list_append, list_append },
  { "list-read", list_read, list_append },
  { "dict-set", dict_set, dict_set },
  { "dict-get", dict_get, dict_set },
};

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, &error);
  Bench b = { NULL };
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
        cases[i].prepare (&b, KEYS);
        run_print (run_served (cases[i].work, &b, run_number (argc, argv, 2, 10000)));
        status = 0;
      }
  for (int i = 0; i < KEYS; i++)
    g_variant_unref (b.keys[i]);
  g_object_unref (b.list);
  g_object_unref (b.dict);
  return status;
}
