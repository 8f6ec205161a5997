/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* References to containers as items of others: they are live, they keep what they lead to, and
 * their counts are right after whatever is done. */

#include <shmobj.h>

#include "manager/nameless.h"
#include "references-acts.h"
#include "references-walk.h"

#include <stdlib.h>

static ShmobjManager *
new_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (NULL, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static gpointer
open_at (ShmobjList *list, gint64 index)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) item = shmobj_list_get (list, index, &error);
  gpointer opened;

  g_assert_no_error (error);
  opened = shmobj_manager_open_reference (shmobj_container_get_manager (SHMOBJ_CONTAINER (list)),
                                          item, SHMOBJ_OPEN_DEFAULT, &error);
  g_assert_no_error (error);
  return opened;
}

static void
sweep (ShmobjManager *manager)
{
  nameless_sweep (manager_get_store (manager, NULL), manager_get_holds (manager), -1);
}

static guint
containers (ShmobjManager *manager)
{
  return walk_store (manager).containers;
}

static void
test_live (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), list = new_list (manager, NULL);
  g_autoptr (ShmobjDict) dict = new_dict (manager, NULL);
  g_autoptr (ShmobjValue) value = new_value (manager, NULL, g_variant_new_int32 (7));
  g_autoptr (ShmobjList) same = NULL;
  g_autoptr (GObject) second = NULL, third = NULL;
  g_autoptr (GVariant) seven = NULL;

  append (outer, list);
  append (outer, dict);
  append (outer, value);
  g_clear_object (&dict);
  g_clear_object (&value);

  same = open_at (outer, 0);
  second = open_at (outer, 1);
  third = open_at (outer, -1);
  g_assert_true (SHMOBJ_IS_LIST (same) && SHMOBJ_IS_DICT (second) && SHMOBJ_IS_VALUE (third));
  g_assert_null (shmobj_container_get_name (SHMOBJ_CONTAINER (same)));
  g_assert_true (shmobj_list_append (list, g_variant_new_string ("seen"), NULL));
  g_assert_cmpint (shmobj_list_get_length (same, NULL), ==, 1);
  seven = shmobj_value_get (SHMOBJ_VALUE (third), NULL);
  g_assert_cmpint (g_variant_get_int32 (seven), ==, 7);
  g_assert_cmpuint (walk_store (manager).references, ==, 3);
}

static void
test_lives_until_its_last_reference (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) one = new_list (manager, "one"), two = new_list (manager, "two"), inner;

  append_new (one);
  inner = open_at (one, 0);
  append (two, inner);
  append (two, inner);
  g_clear_object (&inner);
  g_assert_cmpuint (containers (manager), ==, 3);

  g_assert_true (shmobj_list_delete_range (two, 0, 1, NULL));
  g_assert_true (shmobj_list_clear (one, NULL));
  g_assert_cmpuint (containers (manager), ==, 3);
  inner = open_at (two, 0);
  g_assert_true (shmobj_list_clear (two, NULL));
  g_assert_cmpuint (containers (manager), ==, 3);
  g_assert_cmpint (shmobj_list_get_length (inner, NULL), ==, 0);
  g_clear_object (&inner);
  g_assert_cmpuint (containers (manager), ==, 2);
}

static void
test_name_goes_first (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), inner = new_list (manager, "inner");
  g_autoptr (GError) error = NULL;

  append (outer, inner);
  g_assert_true (shmobj_list_append (inner, g_variant_new_int32 (1), NULL));
  g_clear_object (&inner);
  g_assert_true (shmobj_manager_remove (manager, "inner", &error));
  g_assert_null (shmobj_manager_lookup (manager, "inner", NULL));
  g_assert_cmpuint (containers (manager), ==, 2);
  inner = open_at (outer, 0);
  g_assert_cmpint (shmobj_list_get_length (inner, NULL), ==, 1);
  g_clear_object (&inner);

  g_assert_true (shmobj_manager_remove (manager, "outer", &error));
  g_clear_object (&outer);
  g_assert_cmpuint (containers (manager), ==, 0);
}

/* One with a name does not need its references. */
static void
test_reference_goes_first (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), inner = new_list (manager, "inner");

  append (outer, inner);
  g_clear_object (&inner);
  g_assert_true (shmobj_list_clear (outer, NULL));
  g_assert_cmpuint (containers (manager), ==, 2);
  g_assert_true (shmobj_manager_remove (manager, "inner", NULL));
  g_assert_cmpuint (containers (manager), ==, 1);
}

static void
test_what_was_read_stays (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), inner = NULL;
  g_autoptr (GVariant) item = NULL, path = NULL;
  g_autoptr (GError) error = NULL;

  append_new (outer);
  item = shmobj_list_get (outer, 0, NULL);
  g_assert_true (shmobj_list_set (outer, 0, g_variant_new_int32 (0), NULL));
  inner = SHMOBJ_LIST (shmobj_manager_open_reference (manager, item, 0, &error));
  g_assert_no_error (error);
  append (outer, inner);
  g_assert_true (shmobj_list_delete_range (outer, 1, 2, NULL));
  g_clear_object (&inner);
  g_assert_cmpuint (containers (manager), ==, 2);

  path = g_variant_ref_sink (g_variant_new_object_path (g_variant_get_string (item, NULL)));
  g_clear_pointer (&item, g_variant_unref);
  g_assert_cmpuint (containers (manager), ==, 1);
  g_assert_null (shmobj_manager_open_reference (manager, path, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_what_is_popped_stays (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), inner = new_list (manager, NULL);
  g_autoptr (ShmobjDict) dict = new_dict (manager, "dict");
  g_autoptr (GVariant) from_list = NULL, from_dict = NULL, pair = NULL, reference = NULL;
  g_autoptr (GError) error = NULL;

  append (outer, inner);
  reference = refer (inner);
  g_assert_true (shmobj_dict_set (dict, g_variant_new_string ("k"), reference, NULL));
  g_assert_true (shmobj_dict_set (dict, g_variant_new_string ("l"), reference, NULL));
  g_clear_pointer (&reference, g_variant_unref);
  g_clear_object (&inner);

  from_dict = shmobj_dict_pop (dict, g_variant_new_string ("k"), &error);
  pair = shmobj_dict_pop_item (dict, &error);
  g_clear_pointer (&pair, g_variant_unref);
  from_list = shmobj_list_pop (outer, -1, &error);
  g_assert_no_error (error);
  g_clear_pointer (&from_dict, g_variant_unref);
  g_assert_cmpuint (containers (manager), ==, 3);
  inner = SHMOBJ_LIST (shmobj_manager_open_reference (manager, from_list, 0, &error));
  g_assert_no_error (error);
  g_clear_pointer (&from_list, g_variant_unref);
  g_clear_object (&inner);
  g_assert_cmpuint (containers (manager), ==, 2);
}

static void
assert_refused (ShmobjList *list, GVariant *value, const char *hint)
{
  g_autoptr (ShmobjDict) dict =
      new_dict (shmobj_container_get_manager (SHMOBJ_CONTAINER (list)), "d");
  g_autoptr (ShmobjValue) kept =
      new_value (shmobj_container_get_manager (SHMOBJ_CONTAINER (list)), "v", NULL);
  g_autoptr (GVariant) sunk = g_variant_ref_sink (value);
  gboolean done[5];
  GError *errors[5] = { NULL };
  GVariant *two[] = { kept != NULL ? g_variant_new_int32 (1) : NULL, sunk };

  done[0] = shmobj_list_append (list, sunk, &errors[0]);
  done[1] = shmobj_list_extend (list, two, 2, &errors[1]);
  done[2] = shmobj_dict_set (dict, g_variant_new_int32 (1), sunk, &errors[2]);
  done[3] = shmobj_value_set (kept, sunk, &errors[3]);
  done[4] = shmobj_manager_open_value (shmobj_container_get_manager (SHMOBJ_CONTAINER (list)), "w",
                                       0, sunk, NULL, &errors[4]) != NULL;
  for (guint i = 0; i < G_N_ELEMENTS (done); i++)
    {
      g_assert_false (done[i]);
      g_assert_error (errors[i], SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
      g_assert_nonnull (strstr (errors[i]->message, hint));
      g_clear_error (&errors[i]);
    }
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
  g_assert_cmpint (shmobj_dict_get_length (dict, NULL), ==, 0);
}

static void
test_refused (void)
{
  g_autoptr (ShmobjManager) manager = new_manager (), other = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager, "list"), strange = new_list (other, "strange");
  g_autoptr (GVariant) ours = refer (list), theirs = refer (strange);
  g_autofree char *base = g_strndup (g_variant_get_string (ours, NULL),
                                     strrchr (g_variant_get_string (ours, NULL), '_') -
                                         g_variant_get_string (ours, NULL) + 1);
  g_autofree char *unknown = g_strconcat (base, "99", NULL), *of_lock = NULL;
  g_autofree char *written_otherwise = g_strconcat (base, "01", NULL);
  ObjectKind kind;
  StoreTxn txn;
  guint64 id;

  g_object_unref (shmobj_manager_open_lock (manager, "lock", 0, NULL, NULL));
  g_assert_true (store_read_begin (manager_get_store (manager, NULL), &txn, NULL));
  g_assert_true (names_lookup (&txn, "lock", &kind, &id));
  g_assert_true (store_read_end (&txn, NULL));
  of_lock = g_strdup_printf ("%s%" G_GUINT64_FORMAT, base, id);

  assert_refused (list, theirs, "another manager");
  assert_refused (list, g_variant_new_object_path (unknown), "was removed");
  assert_refused (list, g_variant_new_object_path (of_lock), "is a lock");
  assert_refused (list, g_variant_new_object_path (written_otherwise), "is none");
  assert_refused (list, g_variant_new ("(i@o)", 1, ours), "inside");
  assert_refused (list, g_variant_new_variant (ours), "inside");
  assert_refused (list, g_variant_new_array (NULL, &ours, 1), "inside");
  assert_refused (list, g_variant_new_maybe (NULL, ours), "inside");
  g_assert_cmpuint (walk_store (manager).references, ==, 0);

  /* what only looks like one is a value like any other */
  g_assert_true (
      shmobj_list_append (list, g_variant_new ("(v)", g_variant_new_string (unknown)), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_string (unknown), NULL));
  g_assert_true (
      shmobj_list_append (list, g_variant_new_object_path ("/org/shmobj/Manager1/x"), NULL));
}

static void
test_no_key (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjDict) dict = new_dict (manager, "dict");
  g_autoptr (GVariant) reference = refer (dict);
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_dict_set (dict, reference, g_variant_new_int32 (1), &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
}

static void
test_wrong_references (void)
{
  g_autoptr (ShmobjManager) manager = new_manager (), other = new_manager ();
  g_autoptr (ShmobjList) list = new_list (manager, "list"), strange = new_list (other, "strange");
  g_autoptr (GVariant) ours = refer (list), theirs = refer (strange);
  g_autoptr (ShmobjContainer) opened = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_manager_open_reference (manager, theirs, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (shmobj_manager_open_reference (manager, g_variant_new_int32 (1), 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (
      shmobj_manager_open_reference (manager, g_variant_new_object_path ("/a"), 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (shmobj_manager_open_reference (manager, ours, SHMOBJ_OPEN_EXCLUSIVE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);

  opened = shmobj_manager_open_reference (manager, ours, SHMOBJ_OPEN_READ_ONLY, &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_container_get_read_only (opened));
  g_assert_false (shmobj_container_get_read_only (SHMOBJ_CONTAINER (list)));
  g_assert_false (shmobj_list_append (SHMOBJ_LIST (opened), ours, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_clear_error (&error);

  shmobj_container_close (opened);
  g_assert_null (shmobj_container_get_reference (opened, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

static void
test_equal_as_values (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) outer = new_list (manager, "outer"), inner = new_list (manager, NULL);
  g_autoptr (GVariant) reference = refer (inner), again = refer (inner), other = refer (outer);
  g_autoptr (ShmobjValue) value = new_value (manager, "value", reference);

  append_new (outer);
  append (outer, inner);
  g_assert_cmpint (shmobj_list_index (outer, reference, NULL), ==, 1);
  g_assert_true (shmobj_value_compare_and_set (value, again, other, NULL));
  g_assert_false (shmobj_value_compare_and_set (value, again, again, NULL));
  g_assert_true (shmobj_list_remove_value (outer, reference, NULL));
  g_assert_cmpuint (walk_store (manager).references, ==, 2);
}

static void
test_random (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  int rounds = 6000 / MAX (slower != NULL ? atoi (slower) : 1, 1);
  g_autoptr (ShmobjManager) manager = new_manager ();
  Place place = place_open (manager);
  Walk walk = { 0 };
  guint most = 0;

  for (int i = 0; i < rounds; i++)
    {
      change_something (&place);
      if (i % 50 == 0)
        {
          walk = walk_store (manager);
          most = MAX (most, walk.references);
        }
    }
  g_test_message ("at most %u references at a time", most);
  g_assert_cmpuint (most, >, 100);

  place_empty (&place);
  walk = walk_store (manager);
  g_assert_cmpuint (walk.containers, ==, 9);
  g_assert_cmpuint (walk.references, ==, 0);
  place_close (&place);
}

/* No stack grows with it, and no single call does it all. */
static void
test_deep (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjValue) top = new_value (manager, "top", NULL);
  guint before, after;

  for (int i = 0; i < 3000; i++)
    {
      g_autoptr (GVariant) deepest = shmobj_value_get (top, NULL), reference = NULL;
      g_autoptr (ShmobjValue) value = new_value (manager, NULL, deepest);

      reference = refer (value);
      g_assert_true (shmobj_value_set (top, reference, NULL));
    }
  before = containers (manager);
  g_assert_cmpuint (before, ==, 3001);
  g_assert_true (shmobj_value_set (top, g_variant_new_int32 (0), NULL));
  after = containers (manager);
  g_assert_cmpuint (after, <, before - 50);
  g_assert_cmpuint (after, >, 1);

  for (int i = 0; i < 100; i++) /* who comes by takes some along */
    g_object_unref (new_list (manager, NULL));
  g_assert_cmpuint (containers (manager), ==, 1);
}

static void
test_wide (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) top = new_list (manager, "top"), wide = new_list (manager, NULL);
  guint after;

  append (top, wide);
  for (int i = 0; i < 9000; i++)
    append_new (wide);
  g_clear_object (&wide);
  g_assert_cmpuint (containers (manager), ==, 9002);
  g_assert_true (shmobj_list_clear (top, NULL));
  after = containers (manager);
  g_assert_cmpuint (after, <, 8900);
  sweep (manager);
  g_assert_cmpuint (containers (manager), ==, 1);
}

static gint64
clean (ShmobjManager *manager, gboolean dry_run)
{
  g_autoptr (GError) error = NULL;
  gint64 n = shmobj_manager_clean_objects (manager, dry_run, &error);

  g_assert_no_error (error);
  return n;
}

static void
test_circles_are_found (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) top = new_list (manager, "top"), inner = NULL, held = NULL;
  g_autoptr (GVariant) circle = NULL;

  g_assert_cmpint (clean (manager, FALSE), ==, 0);
  append (top, top);
  circle = refer_to_circle (manager);
  g_assert_true (shmobj_list_append (top, circle, NULL));
  g_clear_pointer (&circle, g_variant_unref);
  append_new (top);
  g_assert_cmpint (clean (manager, FALSE), ==, 0); /* all of it is in use */
  g_assert_cmpuint (containers (manager), ==, 4);

  inner = open_at (top, 1);
  append_new (inner);
  g_assert_true (shmobj_list_delete_range (top, 1, 2, NULL));
  g_assert_cmpint (clean (manager, FALSE), ==, 0); /* somebody has it open */
  held = open_at (inner, 2);
  g_clear_object (&inner);
  g_assert_cmpint (clean (manager, TRUE), ==, 2);
  g_assert_cmpuint (containers (manager), ==, 5);
  g_assert_cmpint (clean (manager, FALSE), ==, 2);
  g_assert_cmpuint (containers (manager), ==, 3);
  g_assert_cmpint (shmobj_list_get_length (held, NULL), ==, 0);
  g_clear_object (&held);
  g_assert_cmpuint (containers (manager), ==, 2);
  g_assert_cmpuint (walk_store (manager).references, ==, 2);
}

/* A ring of so many that it takes several transactions, with what hangs from it. */
static void
test_long_circle (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) first = new_list (manager, NULL), last = g_object_ref (first);

  for (int i = 0; i < 3000; i++)
    {
      g_autoptr (ShmobjList) next = new_list (manager, NULL);

      append (last, next);
      if (i % 10 == 0)
        append_new (last);
      g_set_object (&last, next);
    }
  append (last, first);
  g_clear_object (&first);
  g_clear_object (&last);
  g_assert_cmpuint (containers (manager), ==, 3301);
  g_assert_cmpint (clean (manager, FALSE), ==, 3301);
  g_assert_cmpuint (containers (manager), ==, 0);
}

static gboolean
clean_inside (ShmobjManager *manager, gpointer data, GError **error)
{
  return shmobj_manager_clean_objects (manager, FALSE, error) >= 0;
}

static void
test_not_in_a_transaction (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_manager_transact (manager, -1, clean_inside, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/references/live", test_live);
  g_test_add_func ("/references/live-until-the-last-one", test_lives_until_its_last_reference);
  g_test_add_func ("/references/name-goes-first", test_name_goes_first);
  g_test_add_func ("/references/reference-goes-first", test_reference_goes_first);
  g_test_add_func ("/references/what-was-read-stays", test_what_was_read_stays);
  g_test_add_func ("/references/what-is-popped-stays", test_what_is_popped_stays);
  g_test_add_func ("/references/refused", test_refused);
  g_test_add_func ("/references/no-key", test_no_key);
  g_test_add_func ("/references/wrong-ones", test_wrong_references);
  g_test_add_func ("/references/equal-as-values", test_equal_as_values);
  g_test_add_func ("/references/any-change-keeps-the-counts", test_random);
  g_test_add_func ("/references/deep-nesting-ends-in-slices", test_deep);
  g_test_add_func ("/references/wide-one-ends", test_wide);
  g_test_add_func ("/references/circles-are-found", test_circles_are_found);
  g_test_add_func ("/references/long-circle", test_long_circle);
  g_test_add_func ("/references/no-cleaning-in-a-transaction", test_not_in_a_transaction);
  return g_test_run ();
}
