/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys of a dict bound to properties. The other side is a dict of its own handle, or a child. */

#include "containers-fixture.h"

#include "thing.h"

#include <sys/wait.h>
#include <unistd.h>

static void
bind (ShmobjDict *dict, const char *key, Thing *thing, const char *property, ShmobjBindFlags flags)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_dict_bind (dict, key, thing, property, flags, &error));
  g_assert_no_error (error);
}

static guint64
revision_of (Fixture *f)
{
  return shmobj_container_get_revision (SHMOBJ_CONTAINER (f->dict), NULL);
}

static void
on_failed (ShmobjDict *dict, const char *key, const GError *error, GString *told)
{
  g_string_append_printf (told, "%s: %s/%d; ", key,
                          error->domain == SHMOBJ_ERROR ? "shmobj" : "other", error->code);
  g_assert_nonnull (strstr (error->message, "Thing"));
}

static GString *
hear_failures (ShmobjDict *dict)
{
  GString *told = g_string_new (NULL);

  g_signal_connect (dict, "bind-failed", G_CALLBACK (on_failed), told);
  return told;
}

static void
assert_failed (GString *told, GQuark domain, int code)
{
  g_autofree char *expected =
      g_strdup_printf ("k: %s/%d; ", domain == SHMOBJ_ERROR ? "shmobj" : "other", code);

  g_assert_cmpstr (told->str, ==, expected);
  g_string_truncate (told, 0);
}

static void
test_both_ways (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  g_autoptr (ShmobjDict) other = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  guint64 revision;

  set_value (f->dict, "k", g_variant_new_int64 (5));
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  g_assert_cmpint (thing->number, ==, 5);
  dispatch ();

  set_value (other, "k", g_variant_new_byte (6));
  revision = revision_of (f);
  g_assert_cmpint (thing->number, ==, 5); /* not before the main loop runs */
  dispatch ();
  g_assert_cmpint (thing->number, ==, 6);
  g_assert_cmpuint (revision_of (f), ==, revision); /* nothing was written back */

  g_object_set (thing, "number", 7, NULL);
  assert_key (other, "k", "7");
  revision = revision_of (f);
  thing->n_sets = 0;
  dispatch ();
  g_assert_cmpuint (revision_of (f), ==, revision);
  g_assert_cmpint (thing->n_sets, ==, 0);

  /* a key that is gone leaves the property, which brings it back */
  shmobj_dict_remove (other, g_variant_new_string ("k"), NULL);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 7);
  g_object_set (thing, "number", 7, NULL);
  assert_key (other, "k", "7");
}

static void
test_another_process (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  int status;
  pid_t pid;

  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  g_object_set (thing, "number", 1, NULL);
  pid = fork ();
  if (pid == 0)
    {
      g_autoptr (GVariant) value = shmobj_dict_get (f->dict, g_variant_new_string ("k"), NULL);

      _exit (value != NULL && g_variant_get_int32 (value) == 1 &&
                     shmobj_dict_set (f->dict, g_variant_new_string ("k"), g_variant_new_int32 (2),
                                      NULL)
                 ? 0
                 : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  while (thing->number != 2)
    g_main_context_iteration (NULL, TRUE);
  assert_key (f->dict, "k", "2");
}

/* A notification that comes when the key is another's already is not written. */
static void
test_late_notifications (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();

  bind (f->dict, "k", thing, "even", SHMOBJ_BIND_DEFAULT);
  set_value (f->dict, "k", g_variant_new_int32 (7));
  dispatch ();
  g_assert_cmpint (thing->even, ==, 6);
  assert_key (f->dict, "k", "7");

  g_object_freeze_notify (G_OBJECT (thing));
  set_value (f->dict, "k", g_variant_new_int32 (9));
  dispatch ();
  set_value (f->dict, "k", g_variant_new_int32 (100));
  g_object_thaw_notify (G_OBJECT (thing));
  assert_key (f->dict, "k", "100");
  dispatch ();
  g_assert_cmpint (thing->even, ==, 100);
}

/* What it was before is news to who has seen what was in between. */
static void
test_taken_back_by_another (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();

  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), NULL));
  set_key (f->dict, "k", 1);
  dispatch ();
  set_key (f->dict, "k", 2);
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  set_key (f->dict, "k", 1);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);
  g_object_set (thing, "number", 3, NULL);
  set_key (f->dict, "k", 1);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);
}

static void
test_directions (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();

  set_key (f->dict, "k", 1);
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_GET);
  g_object_set (thing, "number", 9, NULL);
  assert_key (f->dict, "k", "1");
  set_key (f->dict, "k", 2);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 2);

  /* the same property again: the one before is over */
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_SET);
  set_key (f->dict, "k", 3);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 2);
  g_object_notify (G_OBJECT (thing), "number");
  assert_key (f->dict, "k", "2");

  set_key (f->dict, "k", 4);
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_GET | SHMOBJ_BIND_GET_NO_CHANGES);
  set_key (f->dict, "k", 5);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 4);

  bind (f->dict, "b", thing, "flag", SHMOBJ_BIND_INVERT_BOOLEAN);
  g_object_set (thing, "flag", TRUE, NULL);
  assert_key (f->dict, "b", "false");
  g_object_set (thing, "flag", FALSE, NULL);
  set_value (f->dict, "b", g_variant_new_boolean (FALSE));
  dispatch ();
  g_assert_true (thing->flag);
}

static void
test_what_fails_is_told (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  g_autoptr (GString) told = hear_failures (f->dict);
  g_autoptr (GString) told_of_read_only = NULL;
  g_autoptr (ShmobjDict) read_only =
      shmobj_manager_open_dict (f->manager, "dict", SHMOBJ_OPEN_READ_ONLY, NULL, NULL);

  set_value (f->dict, "k", g_variant_new_string ("no number"));
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  assert_failed (told, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_assert_cmpint (thing->number, ==, 0);
  set_value (f->dict, "k", g_variant_new_int32 (101)); /* 100 is the most */
  dispatch ();
  assert_failed (told, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  set_value (f->dict, "k", g_variant_new_uint64 (G_MAXUINT64));
  dispatch ();
  assert_failed (told, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  g_assert_cmpint (thing->number, ==, 0);
  assert_key (f->dict, "k", "uint64 18446744073709551615");
  g_object_set (thing, "number", 3, NULL);
  assert_key (f->dict, "k", "3");

  bind (f->dict, "k", thing, "text", SHMOBJ_BIND_SET);
  g_object_set (thing, "text", "\xff", NULL);
  assert_failed (told, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE);
  shmobj_dict_unbind (thing, "text");

  told_of_read_only = hear_failures (read_only);
  bind (read_only, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  g_object_set (thing, "number", 4, NULL);
  assert_failed (told_of_read_only, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  assert_key (f->dict, "k", "3");
  g_assert_cmpstr (told->str, ==, "");
}

static void
set_again (ShmobjDict *dict, const char *key, const GError *error, Thing *thing)
{
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_object_set (thing, "number", thing->number + 1, NULL);
}

static void
test_a_failure_is_no_loop (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);

  bind (dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  g_signal_connect (dict, "bind-failed", G_CALLBACK (set_again), thing);
  shmobj_container_close (SHMOBJ_CONTAINER (dict));
  g_object_set (thing, "number", 1, NULL);
  g_assert_cmpint (thing->number, ==, 2);
  dispatch ();
  assert_key (f->dict, "k", "gone");
}

static gboolean
stay_busy (ShmobjManager *manager, gpointer data, GError **error)
{
  Fixture *f = data;
  g_autoptr (Thing) thing = thing_new ();

  /* the thread's own transaction takes it along */
  bind (f->dict, "rolled-back", thing, "number", SHMOBJ_BIND_SET);
  g_object_set (thing, "number", 3, NULL);
  assert_key (f->dict, "rolled-back", "3");
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "no");
  return FALSE;
}

static void
test_a_transaction_takes_it_along (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_manager_transact (f->manager, -1, stay_busy, f, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_key (f->dict, "rolled-back", "gone");
}

static void
test_ends_with_the_object (Fixture *f, gconstpointer unused)
{
  ShmobjDict *dict = shmobj_manager_open_dict (f->manager, "dict", 0, NULL, NULL);
  gpointer weak = dict;
  Thing *thing = thing_new ();

  g_object_add_weak_pointer (G_OBJECT (dict), &weak);
  bind (dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  bind (dict, "text", thing, "text", SHMOBJ_BIND_DEFAULT);
  g_object_unref (dict);
  g_assert_nonnull (weak);
  set_key (f->dict, "k", 1);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);

  shmobj_dict_unbind (thing, "number");
  shmobj_dict_unbind (thing, "number");
  shmobj_dict_unbind (thing, "no such property");
  set_key (f->dict, "k", 2);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);
  g_object_set (thing, "number", 8, NULL);
  assert_key (f->dict, "k", "2");
  g_assert_nonnull (weak);

  set_key (f->dict, "text", 1);
  g_object_unref (thing);
  g_assert_null (weak);
  dispatch ();
}

static void
end_it (Thing *thing, GParamSpec *pspec, gpointer data)
{
  shmobj_dict_unbind (thing, "number");
}

static void
test_unbound_by_its_own_change (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();

  g_signal_connect (thing, "notify::number", G_CALLBACK (end_it), NULL);
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  set_key (f->dict, "k", 1);
  dispatch ();
  set_key (f->dict, "k", 2);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);
}

static void
count (ShmobjDict *dict, GVariant *key, int *n)
{
  ++*n;
}

static void
test_watched_as_long_as_wanted (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  int n = 0;

  g_signal_connect (f->dict, "changed", G_CALLBACK (count), &n);
  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), NULL));
  bind (f->dict, "k", thing, "number", SHMOBJ_BIND_DEFAULT);
  shmobj_container_unwatch (SHMOBJ_CONTAINER (f->dict));
  set_key (f->dict, "k", 1);
  dispatch ();
  g_assert_cmpint (thing->number, ==, 1);
  g_assert_cmpint (n, ==, 1);
  g_assert_true (shmobj_container_watch (SHMOBJ_CONTAINER (f->dict), NULL));
  shmobj_dict_unbind (thing, "number");
  set_key (f->dict, "k", 2);
  dispatch ();
  g_assert_cmpint (n, ==, 2);
  shmobj_container_unwatch (SHMOBJ_CONTAINER (f->dict));
  set_key (f->dict, "k", 3);
  dispatch ();
  g_assert_cmpint (n, ==, 2);
}

static void
assert_refused (Fixture *f, Thing *thing, const char *property, ShmobjBindFlags flags, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (shmobj_dict_bind (f->dict, "k", thing, property, flags, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, property));
}

static void
test_what_cannot_be_bound (Fixture *f, gconstpointer unused)
{
  g_autoptr (Thing) thing = thing_new ();
  g_autoptr (GError) error = NULL;

  assert_refused (f, thing, "nubmer", 0, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (f, thing, "number", SHMOBJ_BIND_INVERT_BOOLEAN, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (f, thing, "read-only", 0, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (f, thing, "object", 0, G_IO_ERROR_NOT_SUPPORTED);
  bind (f->dict, "k", thing, "read-only", SHMOBJ_BIND_SET);
  shmobj_container_close (SHMOBJ_CONTAINER (f->dict));
  g_assert_false (shmobj_dict_bind (f->dict, "k", thing, "number", SHMOBJ_BIND_SET, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/bind/both-ways", test_both_ways);
  ADD ("/bind/another-process", test_another_process);
  ADD ("/bind/late-notifications", test_late_notifications);
  ADD ("/bind/taken-back-by-another", test_taken_back_by_another);
  ADD ("/bind/directions", test_directions);
  ADD ("/bind/what-fails-is-told", test_what_fails_is_told);
  ADD ("/bind/a-failure-is-no-loop", test_a_failure_is_no_loop);
  ADD ("/bind/a-transaction-takes-it-along", test_a_transaction_takes_it_along);
  ADD ("/bind/ends-with-the-object", test_ends_with_the_object);
  ADD ("/bind/unbound-by-its-own-change", test_unbound_by_its_own_change);
  ADD ("/bind/watched-as-long-as-wanted", test_watched_as_long_as_wanted);
  ADD ("/bind/what-cannot-be-bound", test_what_cannot_be_bound);
#undef ADD
  return g_test_run ();
}
