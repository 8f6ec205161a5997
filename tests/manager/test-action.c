/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys of a dict as actions. */

#include "containers-fixture.h"

static void
count (GObject *object, GParamSpec *pspec, int *n)
{
  ++*n;
}

static void
on_failed (ShmobjDict *dict, const char *key, const GError *error, int *code)
{
  *code = error->code;
}

static void
assert_state (GAction *action, const char *expected)
{
  g_autoptr (GVariant) state = g_action_get_state (action);
  g_autofree char *text = g_variant_print (state, TRUE);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_a_boolean_toggles (Fixture *f, gconstpointer unused)
{
  g_autoptr (ShmobjDict) other = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAction) action = NULL;
  int n = 0;

  set_value (f->dict, "dark-mode", g_variant_new_boolean (FALSE));
  action = shmobj_dict_create_action (f->dict, "dark-mode", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_action_get_name (action), ==, "dark-mode");
  g_assert_null (g_action_get_parameter_type (action));
  g_assert_true (g_action_get_enabled (action));
  g_signal_connect (action, "notify::state", G_CALLBACK (count), &n);

  g_action_activate (action, NULL);
  assert_state (action, "true");
  assert_key (other, "dark-mode", "true");
  dispatch ();
  g_assert_cmpint (n, ==, 1);

  /* it toggles what is, not what was told */
  set_value (other, "dark-mode", g_variant_new_boolean (FALSE));
  assert_state (action, "true");
  g_action_activate (action, NULL);
  assert_key (other, "dark-mode", "true");
  set_value (other, "dark-mode", g_variant_new_boolean (FALSE));
  dispatch ();
  assert_state (action, "false");
  g_action_activate (action, NULL);
  set_value (other, "dark-mode", g_variant_new_boolean (FALSE));
  dispatch ();
  assert_state (action, "false");
}

static void
test_others_take_a_parameter (Fixture *f, gconstpointer unused)
{
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();
  g_autoptr (GAction) action = NULL;
  g_autoptr (GVariant) shown = NULL;

  set_value (f->dict, "volume", g_variant_new_int32 (1));
  action = shmobj_dict_create_action (f->dict, "volume", NULL);
  g_assert_true (g_variant_type_equal (g_action_get_parameter_type (action), G_VARIANT_TYPE_INT32));
  g_action_map_add_action (G_ACTION_MAP (group), action);
  g_action_group_activate_action (G_ACTION_GROUP (group), "volume", g_variant_new_int32 (2));
  assert_key (f->dict, "volume", "2");
  g_action_group_change_action_state (G_ACTION_GROUP (group), "volume", g_variant_new_int32 (3));
  assert_key (f->dict, "volume", "3");
  assert_state (action, "3");
  g_object_get (action, "state", &shown, NULL);
  g_assert_cmpint (g_variant_get_int32 (shown), ==, 3);

  /* another width of the same number */
  set_value (f->dict, "volume", g_variant_new_int64 (4));
  dispatch ();
  assert_state (action, "4");
}

static void
test_enabled_while_the_key_is_there (Fixture *f, gconstpointer unused)
{
  g_autoptr (ShmobjDict) read_only =
      shmobj_manager_open_dict (f->manager, "dict", SHMOBJ_OPEN_READ_ONLY, NULL, NULL);
  g_autoptr (GAction) action = NULL, viewing = NULL;
  int n = 0;

  set_value (f->dict, "k", g_variant_new_int32 (1));
  action = shmobj_dict_create_action (f->dict, "k", NULL);
  viewing = shmobj_dict_create_action (read_only, "k", NULL);
  g_assert_false (g_action_get_enabled (viewing));
  g_signal_connect (action, "notify::enabled", G_CALLBACK (count), &n);
  shmobj_dict_remove (f->dict, g_variant_new_string ("k"), NULL);
  dispatch ();
  g_assert_false (g_action_get_enabled (action));
  assert_state (action, "1");
  g_action_activate (action, g_variant_new_int32 (2));
  assert_key (f->dict, "k", "gone");
  set_value (f->dict, "k", g_variant_new_int32 (3));
  dispatch ();
  g_assert_true (g_action_get_enabled (action));
  assert_state (action, "3");
  assert_state (viewing, "3");
  set_value (f->dict, "k", g_variant_new_string ("no number"));
  dispatch ();
  g_assert_false (g_action_get_enabled (action));
  set_value (f->dict, "k", g_variant_new_uint64 (G_MAXUINT64));
  dispatch ();
  g_assert_false (g_action_get_enabled (action));
  assert_state (action, "3");
  g_assert_cmpint (n, ==, 3);
}

static void
test_what_fails (Fixture *f, gconstpointer unused)
{
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  g_autoptr (GAction) action = NULL;
  g_autoptr (GError) error = NULL;
  int code = -1;

  g_assert_null (shmobj_dict_create_action (dict, "k", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (shmobj_dict_create_action (dict, "no name", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);

  set_value (dict, "k", g_variant_new_boolean (TRUE));
  action = shmobj_dict_create_action (dict, "k", NULL);
  g_signal_connect (dict, "bind-failed", G_CALLBACK (on_failed), &code);
  set_value (dict, "k", g_variant_new_int32 (1));
  g_action_activate (action, NULL);
  g_assert_cmpint (code, ==, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  assert_key (dict, "k", "1");
  shmobj_container_close (SHMOBJ_CONTAINER (dict));
  g_action_change_state (action, g_variant_new_boolean (TRUE));
  g_assert_cmpint (code, ==, SHMOBJ_ERROR_CLOSED);
  assert_key (f->dict, "k", "1");
}

static void
test_ends (Fixture *f, gconstpointer unused)
{
  ShmobjDict *dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  gpointer weak = dict;
  GAction *action;

  g_object_add_weak_pointer (G_OBJECT (dict), &weak);
  set_value (dict, "k", g_variant_new_boolean (TRUE));
  action = shmobj_dict_create_action (dict, "k", NULL);
  g_object_unref (dict);
  g_assert_nonnull (weak);
  set_value (f->dict, "k", g_variant_new_boolean (FALSE));
  g_object_unref (action);
  g_assert_null (weak);
  dispatch ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/action/a-boolean-toggles", test_a_boolean_toggles);
  ADD ("/action/others-take-a-parameter", test_others_take_a_parameter);
  ADD ("/action/enabled-while-the-key-is-there", test_enabled_while_the_key_is_there);
  ADD ("/action/what-fails", test_what_fails);
  ADD ("/action/ends", test_ends);
#undef ADD
  return g_test_run ();
}
