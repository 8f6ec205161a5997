/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The commands that only look: what managers hold, what an object holds, who uses it. */

#include "shmobj-command.h"

static gboolean
add_objects (GVariantBuilder *rows, const char *address, ShmobjManager *manager, GError **error)
{
  g_autoptr (GVariant) objects = shmobj_manager_list_objects (manager, error);
  GVariantIter iter;
  const char *name, *kind;
  guint64 size;

  if (objects == NULL)
    return FALSE;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "(&s&st)", &name, &kind, &size))
    g_variant_builder_add (rows, "(ssst)", address, name, kind, size);
  return TRUE;
}

/* A manager that cannot be opened is told of, and the others are listed all the same. */
gboolean
run_list (char **words, GError **error)
{
  static const char *const titles[] = { "manager", "name", "kind", "size", NULL };
  GVariantBuilder rows = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(ssst)"));
  g_auto (GStrv) addresses = NULL;
  gboolean good = TRUE;

  if (options.manager != NULL)
    addresses = g_strdupv ((char *[]){ options.manager, NULL });
  else if ((addresses = shmobj_manager_list_addresses (error)) == NULL)
    good = FALSE;

  for (char **address = addresses; address != NULL && *address != NULL; address++)
    {
      g_autoptr (GError) local_error = NULL;
      g_autoptr (ShmobjManager) manager = NULL;

      options.manager = *address;
      manager = open_manager (FALSE, &local_error);
      if (manager == NULL || !add_objects (&rows, *address, manager, &local_error))
        {
          good = FALSE;
          g_printerr ("shmobj: %s: %s\n", *address, local_error->message);
        }
    }
  options.manager = NULL;
  print_table (g_variant_builder_end (&rows), titles);
  return good;
}

static gboolean
show_list (ShmobjList *list, GError **error)
{
  GVariantBuilder array = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("av"));
  g_autoptr (GVariant) all = NULL;
  gsize n_items;
  GVariant **items = shmobj_list_get_range (list, 0, G_MAXINT64, &n_items, error);
  gboolean good = items != NULL;

  for (gsize i = 0; i < n_items; i++)
    {
      g_variant_builder_add (&array, "v", items[i]);
      if (!options.as_json)
        print_value (items[i]);
      g_variant_unref (items[i]);
    }
  g_free (items);
  all = g_variant_ref_sink (g_variant_builder_end (&array));
  if (good && options.as_json)
    print_json (all);
  return good;
}

static gboolean
show_value (ShmobjValue *value, GError **error)
{
  g_autoptr (GVariant) now = shmobj_value_get (value, error);

  if (now != NULL)
    print_value (now);
  return now != NULL;
}

static gboolean
has_string_keys (GVariant *items)
{
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) key = NULL;

      g_variant_get_child (items, i, "(vv)", &key, NULL);
      if (!g_variant_is_of_type (key, G_VARIANT_TYPE_STRING))
        return FALSE;
    }
  return TRUE;
}

/* As JSON an object, or, when not all of its keys are strings, an array of pairs. */
static void
print_items_as_json (GVariant *items)
{
  GVariantBuilder object = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) dict = NULL;

  if (!has_string_keys (items))
    {
      g_variant_builder_clear (&object);
      print_json (items);
      return;
    }
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) key = NULL;
      g_autoptr (GVariant) value = NULL;

      g_variant_get_child (items, i, "(vv)", &key, &value);
      g_variant_builder_add (&object, "{sv}", g_variant_get_string (key, NULL), value);
    }
  dict = g_variant_ref_sink (g_variant_builder_end (&object));
  print_json (dict);
}

static void
print_items (GVariant *items)
{
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) key = NULL;
      g_autoptr (GVariant) value = NULL;
      g_autofree char *text = NULL;

      g_variant_get_child (items, i, "(vv)", &key, &value);
      text = g_variant_print (key, TRUE);
      g_print ("%s: ", text);
      print_value (value);
    }
}

static gboolean
show_dict (ShmobjDict *dict, GError **error)
{
  g_autoptr (GVariant) items = shmobj_dict_items (dict, error);

  if (items == NULL)
    return FALSE;
  if (options.as_json)
    print_items_as_json (items);
  else
    print_items (items);
  return TRUE;
}

/* ---- what there is to know of one of the other kinds ---- */

static void
add_lock (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjLock) lock =
      shmobj_manager_open_lock (manager, name, SHMOBJ_OPEN_EXISTING, NULL, error);

  if (lock != NULL)
    g_variant_dict_insert (facts, "locked", "b", shmobj_lock_is_locked (lock));
}

static void
add_event (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjEvent) event =
      shmobj_manager_open_event (manager, name, SHMOBJ_OPEN_EXISTING, NULL, error);

  if (event != NULL)
    g_variant_dict_insert (facts, "set", "b", shmobj_event_is_set (event));
}

static void
add_semaphore (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjSemaphore) semaphore =
      shmobj_manager_open_semaphore (manager, name, SHMOBJ_OPEN_EXISTING, 0, 0, TRUE, NULL, error);

  if (semaphore == NULL)
    return;
  g_variant_dict_insert (facts, "value", "u", shmobj_semaphore_get_value (semaphore));
  g_variant_dict_insert (facts, "maximum", "u", shmobj_semaphore_get_maximum (semaphore));
  g_variant_dict_insert (facts, "recovers", "b", shmobj_semaphore_get_recovers (semaphore));
}

static void
add_condition (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjCondition) condition =
      shmobj_manager_open_condition (manager, name, SHMOBJ_OPEN_EXISTING, NULL, error);

  if (condition != NULL)
    g_variant_dict_insert (facts, "waiters", "u", shmobj_condition_get_waiters (condition));
}

static void
add_barrier (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjBarrier) barrier =
      shmobj_manager_open_barrier (manager, name, SHMOBJ_OPEN_EXISTING, 0, NULL, error);

  if (barrier == NULL)
    return;
  g_variant_dict_insert (facts, "parties", "u", shmobj_barrier_get_parties (barrier));
  g_variant_dict_insert (facts, "waiting", "u", shmobj_barrier_get_n_waiting (barrier));
  g_variant_dict_insert (facts, "broken", "b", shmobj_barrier_is_broken (barrier));
}

static void
add_memory (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error)
{
  g_autoptr (ShmobjSharedMemory) memory = shmobj_manager_open_memory (
      manager, name, SHMOBJ_OPEN_EXISTING | SHMOBJ_OPEN_READ_ONLY, 0, NULL, error);

  if (memory != NULL)
    g_variant_dict_insert (facts, "size", "t", shmobj_shared_memory_get_size (memory));
}

/* An a{sv} (owned). */
static GVariant *
facts_of (ShmobjManager *manager, const char *kind, const char *name, GError **error)
{
  static const struct
  {
    const char *kind;
    void (*add) (GVariantDict *facts, ShmobjManager *manager, const char *name, GError **error);
  } kinds[] = {
    { "lock", add_lock },           { "event", add_event },     { "semaphore", add_semaphore },
    { "condition", add_condition }, { "barrier", add_barrier }, { "shared-memory", add_memory },
  };
  GVariantDict facts;

  if (g_str_equal (kind, "queue"))
    {
      g_autoptr (ShmobjQueue) queue =
          shmobj_manager_open_queue (manager, name, SHMOBJ_OPEN_EXISTING, 0, 0, NULL, error);

      return queue != NULL ? shmobj_queue_get_statistics (queue, error) : NULL;
    }

  g_variant_dict_init (&facts, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kind, kinds[i].kind))
      kinds[i].add (&facts, manager, name, error);
  return g_variant_ref_sink (g_variant_dict_end (&facts));
}

static gboolean
show_facts (ShmobjManager *manager, const char *kind, const char *name, GError **error)
{
  GError *local_error = NULL;
  g_autoptr (GVariant) facts = facts_of (manager, kind, name, &local_error);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (local_error != NULL)
    {
      g_propagate_error (error, local_error);
      return FALSE;
    }
  if (options.as_json)
    {
      print_json (facts);
      return TRUE;
    }
  g_variant_iter_init (&iter, facts);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *text = g_variant_print (value, FALSE);

      g_print ("%s: %s\n", key, text);
    }
  return TRUE;
}

static gboolean
not_found (const char *name, GError **error)
{
  if (error != NULL && *error == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Nothing in the manager is called “%s”",
                 name);
  return FALSE;
}

gboolean
run_show (char **words, GError **error)
{
  g_autoptr (ShmobjManager) manager = open_manager (FALSE, error);
  g_autoptr (ShmobjList) list = NULL;
  g_autoptr (ShmobjDict) dict = NULL;
  g_autoptr (ShmobjValue) value = NULL;
  const char *kind, *name = words[0];

  if (manager == NULL)
    return FALSE;
  kind = shmobj_manager_lookup (manager, name, error);
  if (kind == NULL)
    return not_found (name, error);
  if (g_str_equal (kind, "list"))
    return (list = shmobj_manager_open_list (manager, name, SHMOBJ_OPEN_EXISTING, NULL, error)) !=
               NULL &&
           show_list (list, error);
  if (g_str_equal (kind, "dict"))
    return (dict = shmobj_manager_open_dict (manager, name, SHMOBJ_OPEN_EXISTING, NULL, error)) !=
               NULL &&
           show_dict (dict, error);
  if (g_str_equal (kind, "value"))
    return (value = shmobj_manager_open_value (manager, name, SHMOBJ_OPEN_EXISTING, NULL, NULL,
                                               error)) != NULL &&
           show_value (value, error);
  return show_facts (manager, kind, name, error);
}

gboolean
run_who (char **words, GError **error)
{
  static const char *const titles[] = { "pid", "command", "role", NULL };
  g_autoptr (ShmobjManager) manager = open_manager (FALSE, error);
  g_autoptr (GVariant) rows =
      manager != NULL ? shmobj_manager_list_participants (manager, words[0], error) : NULL;

  if (rows == NULL)
    return FALSE;
  print_table (rows, titles);
  return TRUE;
}
