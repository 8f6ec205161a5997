/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals of containers that are watched. */

#include "containers-fixture.h"

#include <string.h>

static void
on_notify (ShmobjValue *value, GParamSpec *pspec, int *last)
{
  g_autoptr (GVariant) now = NULL;

  g_object_get (value, "value", &now, NULL);
  *last = g_variant_get_int32 (now);
}

static void
test_value_notifies (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  int last = -1;

  g_signal_connect (f->value, "notify::value", G_CALLBACK (on_notify), &last);
  shmobj_container_watch (SHMOBJ_CONTAINER (f->value), &error);
  g_assert_no_error (error);
  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (f->value), NULL));
  dispatch ();
  g_assert_cmpint (last, ==, -1);
  shmobj_value_set (f->value, g_variant_new_int32 (5), NULL);
  g_assert_cmpint (last, ==, -1);
  dispatch ();
  g_assert_cmpint (last, ==, 5);

  shmobj_container_unwatch (SHMOBJ_CONTAINER (f->value));
  shmobj_value_set (f->value, g_variant_new_int32 (6), NULL);
  dispatch ();
  g_assert_cmpint (last, ==, 5);
}

static void
on_changed (ShmobjDict *dict, GVariant *key, GString *told)
{
  g_autoptr (GVariant) value = shmobj_dict_lookup (dict, key, NULL);
  g_autofree char *key_text = g_variant_print (key, FALSE);
  g_autofree char *text = value != NULL ? g_variant_print (value, FALSE) : g_strdup ("gone");

  g_string_append_printf (told, "%s: %s; ", key_text, text);
}

static void
assert_told (GString *told, const char *what)
{
  dispatch ();
  g_assert_cmpstr (told->str, ==, what);
  g_string_truncate (told, 0);
}

static void
test_dict_tells_of_keys (Fixture *f, gconstpointer unused)
{
  g_autoptr (GString) all = g_string_new (NULL), volume = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  set_key (f->dict, "old", 0);
  g_signal_connect (f->dict, "changed", G_CALLBACK (on_changed), all);
  g_signal_connect (f->dict, "changed::volume", G_CALLBACK (on_changed), volume);
  set_key (f->dict, "old", 1);
  assert_told (all, ""); /* nobody watches */
  shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), &error);
  g_assert_no_error (error);
  assert_told (all, "");

  set_key (f->dict, "volume", 10);
  set_key (f->dict, "volume", 11);
  shmobj_dict_set (f->dict, g_variant_new_int32 (7), g_variant_new_string ("seven"), NULL);
  g_assert_cmpstr (all->str, ==, "");
  assert_told (all, "'volume': 11; 7: 'seven'; ");
  assert_told (volume, "'volume': 11; ");
  set_key (f->dict, "volume", 11);
  assert_told (all, ""); /* it is what it was */
  shmobj_dict_remove (f->dict, g_variant_new_string ("old"), NULL);
  assert_told (all, "'old': gone; ");
  shmobj_dict_clear (f->dict, NULL);
  set_key (f->dict, "no quark of this", 1);
  dispatch ();
  g_assert_cmpuint (g_quark_try_string ("no quark of this"), ==, 0);
  g_assert_nonnull (strstr (all->str, "'volume': gone; "));
  assert_told (volume, "'volume': gone; ");
}

static void
set_and_see (ShmobjDict *dict, GVariant *key, GString *told)
{
  if (told->len == 0)
    set_key (dict, "k", 2);
  on_changed (dict, key, told);
}

/* What a handler has seen, and was not there for long, is told when it is over. */
static void
test_changed_while_it_is_told (Fixture *f, gconstpointer unused)
{
  g_autoptr (GString) told = g_string_new (NULL);

  g_signal_connect (f->dict, "changed", G_CALLBACK (set_and_see), told);
  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), NULL));
  set_key (f->dict, "k", 1);
  g_main_context_iteration (NULL, FALSE);
  while (told->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (told->str, ==, "'k': 2; ");
  set_key (f->dict, "k", 1);
  dispatch ();
  g_assert_cmpstr (told->str, ==, "'k': 2; 'k': 1; ");
}

static void
test_watch_ends_with_the_object (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  ShmobjDict *dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  gpointer weak = dict;

  g_object_add_weak_pointer (G_OBJECT (dict), &weak);
  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (dict), NULL));
  g_object_unref (dict);
  g_assert_null (weak);
  set_key (f->dict, "k", 1);
  dispatch ();

  g_assert_false (shmobj_container_watch (SHMOBJ_CONTAINER (f->list), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  shmobj_container_close (SHMOBJ_CONTAINER (f->value));
  g_assert_false (shmobj_container_watch (SHMOBJ_CONTAINER (f->value), &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/signals/value-notifies", test_value_notifies);
  ADD ("/signals/dict-tells-of-keys", test_dict_tells_of_keys);
  ADD ("/signals/changed-while-it-is-told", test_changed_while_it_is_told);
  ADD ("/signals/watch-ends-with-the-object", test_watch_ends_with_the_object);
#undef ADD
  return g_test_run ();
}
