/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every container has: a name, a manager, handles, and an end. */

#include <shmobj.h>

#include "manager/manager-private.h"
#include "manager/names.h"

#include <string.h>

static void
assert_failed (gboolean done, GError **error, GQuark domain, int code)
{
  g_assert_false (done);
  g_assert_error (*error, domain, code);
  g_clear_error (error);
}

static ShmobjManager *
new_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (NULL, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static ShmobjContainer *
open_kind (ShmobjManager *manager, GType kind, const char *name)
{
  g_autoptr (GError) error = NULL;
  gpointer opened;

  if (kind == SHMOBJ_TYPE_LIST)
    opened = shmobj_manager_open_list (manager, name, 0, NULL, &error);
  else if (kind == SHMOBJ_TYPE_DICT)
    opened = shmobj_manager_open_dict (manager, name, 0, NULL, &error);
  else
    opened = shmobj_manager_open_value (manager, name, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  return SHMOBJ_CONTAINER (opened);
}

static void
test_has_name_and_manager (gconstpointer kind)
{
  g_autoptr (ShmobjManager) manager = new_manager (), seen = NULL;
  g_autoptr (ShmobjContainer) named = open_kind (manager, *(GType *) kind, "n");
  g_autoptr (ShmobjContainer) nameless = open_kind (manager, *(GType *) kind, NULL);
  g_autofree char *name = NULL;

  g_object_get (named, "name", &name, "manager", &seen, NULL);
  g_assert_cmpstr (name, ==, "n");
  g_assert_true (seen == manager);
  g_assert_cmpstr (shmobj_container_get_name (named), ==, "n");
  g_assert_null (shmobj_container_get_name (nameless));
  g_assert_true (shmobj_container_get_manager (nameless) == manager);
  g_assert_cmpuint (shmobj_container_get_revision (nameless, NULL), ==, 1);
}

static gboolean
is_there (ShmobjManager *manager, guint64 after)
{
  guint64 id;
  StoreTxn txn;
  gboolean found;

  g_assert_true (store_read_begin (manager_get_store (manager, NULL), &txn, NULL));
  found = names_next_nameless (&txn, after, &id);
  g_assert_true (store_read_end (&txn, NULL));
  return found;
}

static void
test_close_ends_this_handle (gconstpointer kind)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjContainer) one = open_kind (manager, *(GType *) kind, "n");
  g_autoptr (ShmobjContainer) other = open_kind (manager, *(GType *) kind, "n");
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  GError *error = NULL;

  shmobj_container_close (one);
  shmobj_container_close (one);
  assert_failed (shmobj_container_get_revision (one, &error) != 0, &error, SHMOBJ_ERROR,
                 SHMOBJ_ERROR_CLOSED);
  assert_failed (shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (one), fds, &error) != NULL, &error,
                 SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_assert_cmpint (g_unix_fd_list_get_length (fds), ==, 0);
  g_assert_cmpstr (shmobj_container_get_name (one), ==, "n");

  g_assert_cmpuint (shmobj_container_get_revision (other, &error), ==, 1);
  g_assert_no_error (error);
}

static void
test_close_ends_a_nameless_one (gconstpointer kind)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjContainer) nameless = open_kind (manager, *(GType *) kind, NULL), same = NULL;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL;
  g_autoptr (GError) error = NULL;

  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (nameless), fds, &error);
  g_assert_no_error (error);
  same = SHMOBJ_CONTAINER (
      shmobj_shareable_new_from_handle (SHMOBJ_TYPE_CONTAINER, handle, fds, &error));
  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (same) == *(GType *) kind);
  g_clear_object (&fds);

  shmobj_container_close (nameless);
  g_assert_true (is_there (manager, 0));
  shmobj_container_close (same);
  g_assert_false (is_there (manager, 0));
}

static void
test_handle_of_another_kind (gconstpointer kind)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjContainer) container = open_kind (manager, *(GType *) kind, "n");
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL, properties = NULL, indexes = NULL, lie = NULL;
  GError *error = NULL;

  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (container), fds, &error);
  g_assert_no_error (error);
  g_variant_get (handle, "(s@a{sv}@ah)", NULL, &properties, &indexes);
  lie = g_variant_ref_sink (g_variant_new (
      "(s@a{sv}@ah)", *(GType *) kind == SHMOBJ_TYPE_LIST ? "Dict" : "List", properties, indexes));
  assert_failed (shmobj_shareable_new_from_handle (SHMOBJ_TYPE_CONTAINER, lie, fds, &error) != NULL,
                 &error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
}

static void
test_of_no_manager (gconstpointer kind)
{
  g_autoptr (ShmobjContainer) orphan = g_object_new (*(GType *) kind, NULL);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  GError *error = NULL;

  assert_failed (shmobj_container_get_revision (orphan, &error) != 0, &error, SHMOBJ_ERROR,
                 SHMOBJ_ERROR_CLOSED);
  assert_failed (shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (orphan), fds, &error) != NULL,
                 &error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  shmobj_container_close (orphan);
}

typedef struct
{
  ShmobjContainer *container;
  gint done; /* calls */
} Reader;

/* Until it is closed under our hands; nothing else may go wrong. */
static gpointer
read_until_closed (gpointer data)
{
  Reader *reader = data;
  GError *error = NULL;

  while (shmobj_container_get_revision (reader->container, &error) != 0)
    g_atomic_int_inc (&reader->done);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED);
  g_clear_error (&error);
  return NULL;
}

static void
test_close_beside_a_reader (gconstpointer kind)
{
  g_autoptr (ShmobjManager) manager = new_manager ();

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (ShmobjContainer) nameless = open_kind (manager, *(GType *) kind, NULL);
      Reader reader = { nameless, 0 };
      GThread *thread = g_thread_new ("reader", read_until_closed, &reader);

      while (g_atomic_int_get (&reader.done) == 0)
        g_thread_yield ();
      shmobj_container_close (nameless);
      g_thread_join (thread);
      g_assert_false (is_there (manager, 0));
    }
}

int
main (int argc, char **argv)
{
  static GType kinds[3];

  g_test_init (&argc, &argv, NULL);
  kinds[0] = SHMOBJ_TYPE_LIST;
  kinds[1] = SHMOBJ_TYPE_DICT;
  kinds[2] = SHMOBJ_TYPE_VALUE;
  g_assert_true (G_TYPE_IS_ABSTRACT (SHMOBJ_TYPE_CONTAINER));

#define ADD(title, function)                                                                       \
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)                                                 \
    {                                                                                              \
      g_autofree char *path = g_strdup_printf ("/container/%s/" title, g_type_name (kinds[i]));    \
                                                                                                   \
      g_test_add_data_func (path, &kinds[i], function);                                            \
    }
  ADD ("has-a-name-and-a-manager", test_has_name_and_manager)
  ADD ("close-ends-this-handle-only", test_close_ends_this_handle)
  ADD ("close-ends-a-nameless-one-with-its-last-holder", test_close_ends_a_nameless_one)
  ADD ("a-handle-that-lies-about-the-kind-is-refused", test_handle_of_another_kind)
  ADD ("of-no-manager-every-call-says-so", test_of_no_manager)
  ADD ("close-beside-a-reader", test_close_beside_a_reader)
  return g_test_run ();
}
