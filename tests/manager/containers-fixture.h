/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A manager with a container of each kind. */

#include <shmobj.h>

typedef struct
{
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjDict *dict;
  ShmobjValue *value;
} Fixture;

static inline void
set_up (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  f->manager = shmobj_manager_new (NULL, NULL, &error);
  g_assert_no_error (error);
  f->list = shmobj_manager_open_list (f->manager, "list", 0, NULL, &error);
  f->dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, &error);
  f->value =
      shmobj_manager_open_value (f->manager, "value", 0, g_variant_new_int32 (0), NULL, &error);
  g_assert_no_error (error);
}

static inline void
tear_down (Fixture *f, gconstpointer unused)
{
  g_object_unref (f->value);
  g_object_unref (f->dict);
  g_object_unref (f->list);
  g_object_unref (f->manager);
}

static inline void
append (gpointer list, int number)
{
  g_autoptr (GError) error = NULL;

  shmobj_list_append (list, g_variant_new_int32 (number), &error);
  g_assert_no_error (error);
}

static inline void
set_value (ShmobjDict *dict, const char *key, GVariant *value)
{
  g_autoptr (GError) error = NULL;

  shmobj_dict_set (dict, g_variant_new_string (key), value, &error);
  g_assert_no_error (error);
}

static inline void
set_key (ShmobjDict *dict, const char *key, int number)
{
  set_value (dict, key, g_variant_new_int32 (number));
}

static inline void
assert_key (ShmobjDict *dict, const char *key, const char *expected)
{
  g_autoptr (GVariant) value = shmobj_dict_lookup (dict, g_variant_new_string (key), NULL);
  g_autofree char *text = value != NULL ? g_variant_print (value, TRUE) : g_strdup ("gone");

  g_assert_cmpstr (text, ==, expected);
}

static inline void
dispatch (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}
