/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Does to shared objects what it is told, by the C API, for the tests of this folder (workers.py).
 *
 *     oracle-worker MY-NUMBER
 *
 * It inherits the objects "list", "dict" and "value", and "meeting", the memory where workers wait
 * for each other. A line of its input is a request, a GVariant `(ta(sav)a(sav))`: the meeting's
 * number, what to do before it begins, and what is timed; an operation is its kind and name, and
 * its arguments. For each of the latter it answers with a line: when it began and ended, "done" and
 * the result, or what kind of error it was and its message. */

#include <shmobj.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct
{
  ShmobjList *list;
  ShmobjDict *dict;
  ShmobjValue *value;
  ShmobjSharedMemory *meeting;
  _Atomic (guint64) *words; /* in it, one of each worker */
  gsize n_words, me;
} Things;

/* The result, floating or not; NULL with @error. */
typedef GVariant *(*Action) (Things *things, GVariant **arguments, GError **error);

static GVariant *
nothing (gboolean done)
{
  return done ? g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL) : NULL;
}

static GVariant *
number (gint64 n)
{
  return n >= 0 ? g_variant_new_int64 (n) : NULL;
}

/* Only an error tells "no" from "failed". */
static GVariant *
answer (gboolean yes, GError **error)
{
  return *error == NULL ? g_variant_new_boolean (yes) : NULL;
}

/* Takes @values. */
static GVariant *
boxed (GVariant **values, gsize n)
{
  GVariantBuilder builder;

  if (values == NULL)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; i < n; i++)
    {
      g_variant_builder_add (&builder, "v", values[i]);
      g_variant_unref (values[i]);
    }
  g_free (values);
  return g_variant_builder_end (&builder);
}

static GVariant **
unboxed (GVariant *array, gsize *n)
{
  GVariant **values;

  *n = g_variant_n_children (array);
  values = g_new0 (GVariant *, *n + 1);
  for (gsize i = 0; i < *n; i++)
    g_variant_get_child (array, i, "v", &values[i]);
  return values;
}

static void
free_values (GVariant **values)
{
  for (GVariant **value = values; *value != NULL; value++)
    g_variant_unref (*value);
  g_free (values);
}

static GVariant *
list_append (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_append (t->list, a[0], error));
}

static GVariant *
list_extend (Things *t, GVariant **a, GError **error)
{
  gsize n;
  GVariant **values = unboxed (a[0], &n);
  gboolean done = shmobj_list_extend (t->list, values, n, error);

  free_values (values);
  return nothing (done);
}

static GVariant *
list_insert (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_insert (t->list, g_variant_get_int64 (a[0]), a[1], error));
}

static GVariant *
list_pop (Things *t, GVariant **a, GError **error)
{
  return shmobj_list_pop (t->list, g_variant_get_int64 (a[0]), error);
}

static GVariant *
list_remove (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_remove_value (t->list, a[0], error));
}

static GVariant *
list_index (Things *t, GVariant **a, GError **error)
{
  return number (shmobj_list_index (t->list, a[0], error));
}

static GVariant *
list_count (Things *t, GVariant **a, GError **error)
{
  return number (shmobj_list_count (t->list, a[0], error));
}

static GVariant *
list_in (Things *t, GVariant **a, GError **error)
{
  return answer (shmobj_list_contains (t->list, a[0], error), error);
}

static GVariant *
list_get (Things *t, GVariant **a, GError **error)
{
  return shmobj_list_get (t->list, g_variant_get_int64 (a[0]), error);
}

static GVariant *
list_set (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_set (t->list, g_variant_get_int64 (a[0]), a[1], error));
}

static GVariant *
list_get_slice (Things *t, GVariant **a, GError **error)
{
  gsize n;
  GVariant **values = shmobj_list_get_range (t->list, g_variant_get_int64 (a[0]),
                                             g_variant_get_int64 (a[1]), &n, error);

  return boxed (values, n);
}

static GVariant *
list_set_slice (Things *t, GVariant **a, GError **error)
{
  gint64 start = g_variant_get_int64 (a[1]), end = g_variant_get_int64 (a[2]);
  gint64 step = g_variant_get_int64 (a[3]);
  gsize n;
  GVariant **values = unboxed (a[0], &n);
  gboolean done = step == 1 ? shmobj_list_set_range (t->list, start, end, values, n, error)
                            : shmobj_list_set_slice (t->list, start, end, step, values, n, error);

  free_values (values);
  return nothing (done);
}

static GVariant *
list_del_slice (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_delete_slice (t->list, g_variant_get_int64 (a[0]),
                                            g_variant_get_int64 (a[1]), g_variant_get_int64 (a[2]),
                                            error));
}

static GVariant *
list_reverse (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_reverse (t->list, error));
}

static GVariant *
list_repeat (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_repeat (t->list, g_variant_get_int64 (a[0]), error));
}

static GVariant *
list_iterate (Things *t, GVariant **a, GError **error)
{
  g_autoptr (ShmobjListIter) iter = shmobj_list_iterator (t->list);
  GVariantBuilder builder;
  GVariant *value;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  while ((value = shmobj_list_iter_next_value (iter, error)) != NULL)
    {
      g_variant_builder_add (&builder, "v", value);
      g_variant_unref (value);
    }
  if (*error == NULL)
    return g_variant_builder_end (&builder);
  g_variant_builder_clear (&builder);
  return NULL;
}

static GVariant *
list_clear (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_list_clear (t->list, error));
}

static GVariant *
list_len (Things *t, GVariant **a, GError **error)
{
  return number (shmobj_list_get_length (t->list, error));
}

static GVariant *
dict_get_item (Things *t, GVariant **a, GError **error)
{
  return shmobj_dict_get (t->dict, a[0], error);
}

static GVariant *
dict_get (Things *t, GVariant **a, GError **error)
{
  GVariant *value = shmobj_dict_lookup (t->dict, a[0], error);

  return value != NULL ? value : nothing (*error == NULL);
}

static GVariant *
dict_in (Things *t, GVariant **a, GError **error)
{
  return answer (shmobj_dict_contains (t->dict, a[0], error), error);
}

static GVariant *
dict_set (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_dict_set (t->dict, a[0], a[1], error));
}

static GVariant *
dict_pop (Things *t, GVariant **a, GError **error)
{
  return shmobj_dict_pop (t->dict, a[0], error);
}

static GVariant *
dict_del (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_dict_remove (t->dict, a[0], error));
}

static GVariant *
dict_update (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_dict_update (t->dict, a[0], error));
}

static GVariant *
dict_set_default (Things *t, GVariant **a, GError **error)
{
  return shmobj_dict_set_default (t->dict, a[0], a[1], error);
}

static GVariant *
dict_pop_item (Things *t, GVariant **a, GError **error)
{
  return shmobj_dict_pop_item (t->dict, error);
}

static GVariant *
dict_clear (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_dict_clear (t->dict, error));
}

static GVariant *
dict_len (Things *t, GVariant **a, GError **error)
{
  return number (shmobj_dict_get_length (t->dict, error));
}

static GVariant *
dict_keys (Things *t, GVariant **a, GError **error)
{
  gsize n;
  GVariant **keys = shmobj_dict_keys (t->dict, &n, error);

  return boxed (keys, n);
}

static GVariant *
dict_items (Things *t, GVariant **a, GError **error)
{
  return shmobj_dict_items (t->dict, error);
}

static GVariant *
value_get (Things *t, GVariant **a, GError **error)
{
  return shmobj_value_get (t->value, error);
}

static GVariant *
value_set (Things *t, GVariant **a, GError **error)
{
  return nothing (shmobj_value_set (t->value, a[0], error));
}

static GVariant *
value_add (Things *t, GVariant **a, GError **error)
{
  return shmobj_value_add (t->value, a[0], error);
}

static GVariant *
value_compare_and_set (Things *t, GVariant **a, GError **error)
{
  return answer (shmobj_value_compare_and_set (t->value, a[0], a[1], error), error);
}

static const struct
{
  const char *name;
  Action action;
} actions[] = {
  { "list append", list_append },
  { "list extend", list_extend },
  { "list insert", list_insert },
  { "list pop", list_pop },
  { "list remove", list_remove },
  { "list index", list_index },
  { "list count", list_count },
  { "list in", list_in },
  { "list get", list_get },
  { "list set", list_set },
  { "list get_slice", list_get_slice },
  { "list set_slice", list_set_slice },
  { "list del_slice", list_del_slice },
  { "list reverse", list_reverse },
  { "list *=", list_repeat },
  { "list iterate", list_iterate },
  { "list clear", list_clear },
  { "list len", list_len },
  { "dict []", dict_get_item },
  { "dict get", dict_get },
  { "dict in", dict_in },
  { "dict set", dict_set },
  { "dict pop", dict_pop },
  { "dict del", dict_del },
  { "dict update", dict_update },
  { "dict setdefault", dict_set_default },
  { "dict popitem", dict_pop_item },
  { "dict clear", dict_clear },
  { "dict len", dict_len },
  { "dict keys", dict_keys },
  { "dict items", dict_items },
  { "value get", value_get },
  { "value set", value_set },
  { "value add", value_add },
  { "value compare_and_set", value_compare_and_set },
};

static const char *
kind_of (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return "not-found";
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return "invalid-argument";
  if (g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE))
    return "not-representable";
  return "failed";
}

static Action
find_action (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    if (strcmp (actions[i].name, name) == 0)
      return actions[i].action;
  g_error ("oracle-worker: what is “%s”?", name);
}

typedef struct
{
  Action action;
  GVariant **arguments; /* (owned) */
  GVariant *result;     /* (owned) */
  GError *error;
  gint64 start, end;
} Step;

static gint64
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

static void
act (Things *things, Step *steps, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      steps[i].start = now ();
      steps[i].result = steps[i].action (things, steps[i].arguments, &steps[i].error);
      steps[i].end = now ();
    }
}

static Step *
read_steps (GVariant *orders, gsize *n)
{
  Step *steps;

  *n = g_variant_n_children (orders);
  steps = g_new0 (Step, *n + 1);
  for (gsize i = 0; i < *n; i++)
    {
      g_autoptr (GVariant) arguments = NULL;
      const char *name;
      gsize n_arguments;

      g_variant_get_child (orders, i, "(&s@av)", &name, &arguments);
      steps[i].action = find_action (name);
      steps[i].arguments = unboxed (arguments, &n_arguments);
    }
  return steps;
}

static void
finish_step (Step *step, gboolean print)
{
  g_autoptr (GVariant) result = step->result != NULL ? g_variant_take_ref (step->result) : NULL;
  g_autofree char *text = result != NULL ? g_variant_print (result, TRUE) : NULL;

  if (print)
    printf ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s\n", step->start, step->end,
            text != NULL ? "done" : kind_of (step->error), text ? text : step->error->message);
  g_clear_error (&step->error);
  free_values (step->arguments);
}

static void
come (Things *things, guint64 number)
{
  atomic_store (&things->words[things->me], number);
  for (gsize i = 0; i < things->n_words; i++)
    while (atomic_load (&things->words[i]) < number)
      sched_yield ();
}

static void
obey (Things *things, const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) request =
      g_variant_parse (G_VARIANT_TYPE ("(ta(sav)a(sav))"), line, NULL, NULL, &error);
  g_autoptr (GVariant) before = NULL, timed = NULL;
  g_autofree Step *first = NULL, *steps = NULL;
  gsize n_first, n;
  guint64 meeting;

  if (request == NULL)
    g_error ("oracle-worker: %s", error->message);
  g_variant_get (request, "(t@a(sav)@a(sav))", &meeting, &before, &timed);
  first = read_steps (before, &n_first);
  steps = read_steps (timed, &n);

  if (meeting != 0)
    come (things, 2 * meeting - 1);
  act (things, first, n_first);
  if (meeting != 0)
    come (things, 2 * meeting);
  act (things, steps, n);

  for (gsize i = 0; i < n_first; i++)
    finish_step (&first[i], FALSE);
  for (gsize i = 0; i < n; i++)
    finish_step (&steps[i], TRUE);
  fflush (stdout);
}

static gpointer
inherited (const char *name, GType type)
{
  g_autoptr (GError) error = NULL;
  ShmobjShareable *object = shmobj_shareable_take_inherited (name, type, &error);

  if (object == NULL)
    g_error ("oracle-worker: %s", error->message);
  return object;
}

int
main (int argc, char **argv)
{
  Things things = { inherited ("list", SHMOBJ_TYPE_LIST), inherited ("dict", SHMOBJ_TYPE_DICT),
                    inherited ("value", SHMOBJ_TYPE_VALUE),
                    inherited ("meeting", SHMOBJ_TYPE_SHARED_MEMORY) };
  char *line = NULL;
  size_t room = 0;
  gsize size;

  things.words = shmobj_shared_memory_get_data (things.meeting, &size);
  things.n_words = size / sizeof *things.words;
  things.me = argc > 1 ? atoi (argv[1]) : 0;
  while (getline (&line, &room, stdin) > 0)
    obey (&things, line);

  free (line);
  g_object_unref (things.meeting);
  g_object_unref (things.value);
  g_object_unref (things.dict);
  g_object_unref (things.list);
  return 0;
}
