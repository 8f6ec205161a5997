/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is done to containers that refer to each other, at random. */

#include <shmobj.h>

static ShmobjList *
new_list (ShmobjManager *manager, const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjList *list = shmobj_manager_open_list (manager, name, 0, NULL, &error);

  g_assert_no_error (error);
  return list;
}

static ShmobjDict *
new_dict (ShmobjManager *manager, const char *name)
{
  g_autoptr (GError) error = NULL;
  ShmobjDict *dict = shmobj_manager_open_dict (manager, name, 0, NULL, &error);

  g_assert_no_error (error);
  return dict;
}

static ShmobjValue *
new_value (ShmobjManager *manager, const char *name, GVariant *initial)
{
  g_autoptr (GError) error = NULL;
  ShmobjValue *value = shmobj_manager_open_value (manager, name, 0, initial, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static GVariant *
refer (gpointer container)
{
  g_autoptr (GError) error = NULL;
  GVariant *reference = shmobj_container_get_reference (container, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (reference, G_VARIANT_TYPE_OBJECT_PATH));
  return reference;
}

static void
append (ShmobjList *list, gpointer container)
{
  g_autoptr (GVariant) reference = refer (container);
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_list_append (list, reference, &error));
  g_assert_no_error (error);
}

/* A new list that is in @list, and nowhere else. */
static void
append_new (ShmobjList *list)
{
  g_autoptr (ShmobjList) inner =
      new_list (shmobj_container_get_manager (SHMOBJ_CONTAINER (list)), NULL);

  append (list, inner);
}

/* Everything that is done to containers, at random, and now and then a look at all of it. */
typedef struct
{
  ShmobjManager *manager;
  ShmobjList *lists[3];
  ShmobjDict *dicts[3];
  ShmobjValue *values[3];
} Place;

static gpointer
any_container (Place *place)
{
  int i = g_test_rand_int_range (0, 3);

  switch (g_test_rand_int_range (0, 3))
    {
    case 0:
      return place->lists[i];
    case 1:
      return place->dicts[i];
    default:
      return place->values[i];
    }
}

/* A reference to a list that is in a dict, which is in the list. */
static GVariant *
refer_to_circle (ShmobjManager *manager)
{
  g_autoptr (ShmobjList) list = new_list (manager, NULL);
  g_autoptr (ShmobjDict) dict = new_dict (manager, NULL);
  g_autoptr (GVariant) reference = refer (list);

  append (list, dict);
  append (list, list);
  g_assert_true (shmobj_dict_set (dict, g_variant_new_int32 (1), reference, NULL));
  return g_steal_pointer (&reference);
}

/* A reference to a new object, or to one that is there; or something else, small or large. */
static GVariant *
any_item (Place *place)
{
  int what = g_test_rand_int_range (0, 9);

  if (what == 0)
    return g_variant_new_take_string (g_strnfill (g_test_rand_int_range (0, 2000), 'x'));
  if (what == 1)
    return g_variant_new_int32 (what);
  if (what < 5)
    return refer (any_container (place));
  if (what == 8)
    return refer_to_circle (place->manager);
  if (what == 5)
    {
      g_autoptr (ShmobjDict) dict = new_dict (place->manager, NULL);
      g_autoptr (GVariant) inside = refer (any_container (place));

      g_assert_true (shmobj_dict_set (dict, g_variant_new_int32 (1), inside, NULL));
      return refer (dict);
    }
  else
    {
      g_autoptr (ShmobjList) list = new_list (place->manager, NULL);

      append_new (list);
      return refer (list);
    }
}

/* What changes many items in one step. */
static void
change_part (Place *place, ShmobjList *list, gint64 at, gint64 end, GVariant *item)
{
  GVariant *many[] = { item, item, item }, **taken;
  gsize n;

  switch (g_test_rand_int_range (0, 6))
    {
    case 0:
      g_assert_true (shmobj_list_set_range (list, at, MIN (end, at + 9), many, 3, NULL));
      break;
    case 1:
      shmobj_list_set_slice (list, at, MIN (end, at + 8), 4, many, 2, NULL);
      break;
    case 2:
      g_assert_true (shmobj_list_delete_slice (list, at, end, 3, NULL));
      break;
    case 3:
      g_assert_true (shmobj_list_reverse (list, NULL));
      break;
    case 4:
      if (shmobj_list_get_length (list, NULL) < 20)
        g_assert_true (shmobj_list_repeat (list, 2, NULL));
      break;
    default:
      taken = shmobj_list_splice (list, at, MIN (end - at, 9), many, 3, &n, NULL);
      g_assert_nonnull (taken);
      for (gsize i = 0; i < n; i++)
        g_variant_unref (taken[i]);
      g_free (taken);
    }
}

static void
change_list (Place *place, ShmobjList *list)
{
  gint64 length = shmobj_list_get_length (list, NULL);
  gint64 at = g_test_rand_int_range (0, length + 1), end = g_test_rand_int_range (at, length + 1);
  g_autoptr (GVariant) item = g_variant_take_ref (any_item (place)), popped = NULL;
  GVariant *many[100];

  switch (g_test_rand_int_range (0, 13))
    {
    case 7:
    case 8:
    case 9:
      change_part (place, list, at, end, item);
      break;
    case 0:
      popped = shmobj_list_pop (list, at, NULL);
      break;
    case 1:
      shmobj_list_set (list, at, item, NULL);
      break;
    case 2:
      shmobj_list_remove_value (list, item, NULL);
      break;
    case 3:
      shmobj_list_delete_range (list, at, MIN (end, at + 60), NULL);
      break;
    case 4:
      if (g_test_rand_int_range (0, 20) == 0)
        shmobj_list_clear (list, NULL);
      break;
    case 5:
      for (guint i = 0; i < G_N_ELEMENTS (many); i++)
        many[i] = item;
      g_assert_true (shmobj_list_extend (list, many, G_N_ELEMENTS (many), NULL));
      break;
    case 6:
      g_assert_true (shmobj_list_append (list, item, NULL));
      break;
    default:
      g_assert_true (shmobj_list_insert (list, at, item, NULL));
    }
}

static void
change_dict (Place *place, ShmobjDict *dict)
{
  g_autoptr (GVariant) key =
      g_variant_ref_sink (g_variant_new_int32 (g_test_rand_int_range (0, 30)));
  g_autoptr (GVariant) item = g_variant_take_ref (any_item (place)), popped = NULL;

  switch (g_test_rand_int_range (0, 7))
    {
    case 0:
      popped = shmobj_dict_pop (dict, key, NULL);
      break;
    case 1:
      popped = shmobj_dict_pop_item (dict, NULL);
      break;
    case 2:
      popped = shmobj_dict_set_default (dict, key, item, NULL);
      break;
    case 3:
      shmobj_dict_remove (dict, key, NULL);
      break;
    case 4:
      g_assert_true (shmobj_dict_update (
          dict, g_variant_new_parsed ("{1: <%@o>, 2: <3>}", refer (dict)), NULL));
      break;
    case 5:
      if (g_test_rand_int_range (0, 10) == 0)
        shmobj_dict_clear (dict, NULL);
      break;
    default:
      g_assert_true (shmobj_dict_set (dict, key, item, NULL));
    }
}

static void
change_value (Place *place, ShmobjValue *value)
{
  g_autoptr (GVariant) item = g_variant_take_ref (any_item (place)), now = NULL;

  if (g_test_rand_bit ())
    {
      g_assert_true (shmobj_value_set (value, item, NULL));
      return;
    }
  now = shmobj_value_get (value, NULL);
  shmobj_value_compare_and_set (value, now, item, NULL);
}

static void
change_something (Place *place)
{
  gpointer container = any_container (place);

  if (SHMOBJ_IS_LIST (container))
    change_list (place, container);
  else if (SHMOBJ_IS_DICT (container))
    change_dict (place, container);
  else
    change_value (place, container);
}

/* Three of each, with names. */
static Place
place_open (ShmobjManager *manager)
{
  Place place = { .manager = manager };

  for (guint i = 0; i < 3; i++)
    {
      char name[] = { 'a' + i, '\0' };

      place.lists[i] = new_list (manager, name);
      name[0] += 3;
      place.dicts[i] = new_dict (manager, name);
      name[0] += 3;
      place.values[i] = new_value (manager, name, NULL);
    }
  return place;
}

static void
place_empty (Place *place)
{
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (shmobj_list_clear (place->lists[i], NULL));
      g_assert_true (shmobj_dict_clear (place->dicts[i], NULL));
      g_assert_true (shmobj_value_set (place->values[i], g_variant_new_int32 (0), NULL));
    }
  g_assert_cmpint (shmobj_manager_clean_objects (place->manager, FALSE, NULL), >=, 0);
}

static void
place_close (Place *place)
{
  for (guint i = 0; i < 3; i++)
    {
      g_object_unref (place->lists[i]);
      g_object_unref (place->dicts[i]);
      g_object_unref (place->values[i]);
    }
}
