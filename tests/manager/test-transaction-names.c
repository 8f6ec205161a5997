/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects that are made and removed inside of transactions: who finds them when, and what is left
 * of those that come to nothing. */

#include <shmobj.h>

#include "../fork-child.h"
#include "manager/container.h"
#include "manager/manager-private.h"
#include "manager/store-private.h"
#include "transaction-fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#define MANY 100 /* more than are numbered at a time */

static const char *const kinds[] = { "list", "dict",  "value",        "queue",
                                     "lock", "event", "shared-memory" };

static gpointer
try_open (Fixture *self, const char *kind, const char *name, ShmobjOpenFlags flags, GError **error)
{
  ShmobjManager *manager = self->manager;

  if (g_str_equal (kind, "list"))
    return shmobj_manager_open_list (manager, name, flags, NULL, error);
  if (g_str_equal (kind, "dict"))
    return shmobj_manager_open_dict (manager, name, flags, NULL, error);
  if (g_str_equal (kind, "value"))
    return shmobj_manager_open_value (manager, name, flags, g_variant_new_int32 (7), NULL, error);
  if (g_str_equal (kind, "queue"))
    return shmobj_manager_open_queue (manager, name, flags, 0, 65536, NULL, error);
  if (g_str_equal (kind, "lock"))
    return shmobj_manager_open_lock (manager, name, flags, NULL, error);
  if (g_str_equal (kind, "event"))
    return shmobj_manager_open_event (manager, name, flags, NULL, error);
  return shmobj_manager_open_memory (manager, name, flags, 5000, NULL, error);
}

static gpointer
open_kind (Fixture *self, const char *kind, const char *name)
{
  g_autoptr (GError) error = NULL;
  gpointer object = try_open (self, kind, name, SHMOBJ_OPEN_DEFAULT, &error);

  g_assert_no_error (error);
  return object;
}

static gpointer
open_list (Fixture *self, const char *name)
{
  return open_kind (self, "list", name);
}

static void
remove_name (Fixture *self, const char *name)
{
  g_autoptr (GError) error = NULL;

  shmobj_manager_remove (self->manager, name, &error);
  g_assert_no_error (error);
}

static void
assert_kind (Fixture *self, const char *name, const char *kind)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (shmobj_manager_lookup (self->manager, name, &error), ==, kind);
  g_assert_no_error (error);
}

static gpointer
look_from_outside (gpointer data)
{
  assert_kind (((gpointer *) data)[0], ((gpointer *) data)[1], ((gpointer *) data)[2]);
  return NULL;
}

static void
assert_kind_outside (Fixture *self, const char *name, const char *kind)
{
  gpointer args[] = { self, (gpointer) name, (gpointer) kind };

  g_thread_join (g_thread_new ("outside", look_from_outside, args));
}

static void
assert_gone (gpointer list)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (shmobj_list_get_length (list, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Objects that have files: no file may be left of others. */
static guint
count_files (Fixture *self)
{
  GDir *entries = g_dir_open (shmobj_manager_get_path (self->manager), 0, NULL);
  g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    if (g_ascii_isdigit (*name))
      g_hash_table_add (ids, GUINT_TO_POINTER (g_ascii_strtoull (name, NULL, 10)));
  g_dir_close (entries);
  return g_hash_table_size (ids);
}

static void
use_queue (gpointer queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) got = NULL;

  g_assert_true (shmobj_queue_put (queue, g_variant_new_int32 (3), 0, NULL, &error));
  got = shmobj_queue_get (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (got), ==, 3);
}

static void
test_made (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  GObject *made[G_N_ELEMENTS (kinds)];

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *name = g_strdup_printf ("new %s", kinds[i]);
      g_autoptr (GObject) again = NULL;

      made[i] = open_kind (self, kinds[i], name);
      again = open_kind (self, kinds[i], name);
      assert_kind (self, name, kinds[i]);
      assert_kind_outside (self, name, NULL);
    }
  append (made[0], 1);
  use_queue (made[3]);
  g_assert_cmpuint (count_files (self), ==, 2);
  commit (transaction);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *name = g_strdup_printf ("new %s", kinds[i]);
      g_autoptr (GObject) again = open_kind (self, kinds[i], name);

      assert_kind_outside (self, name, kinds[i]);
      if (i == 0)
        g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (again), NULL), ==, 1);
      g_object_unref (made[i]);
    }
  g_assert_cmpuint (count_files (self), ==, 2);
}

static void
test_undone (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  g_autoptr (GObject) list = open_list (self, "new");
  g_autoptr (GObject) nameless = open_list (self, NULL);
  g_autoptr (GObject) queue = open_kind (self, "queue", "new queue");
  g_autoptr (GObject) memory = open_kind (self, "shared-memory", "new memory");
  g_autoptr (GObject) lock = open_kind (self, "lock", "new lock");
  g_autoptr (GObject) next = NULL;
  g_autoptr (GError) error = NULL;

  append (list, 1);
  append (nameless, 1);
  g_assert_cmpuint (count_files (self), ==, 2);
  roll_back (transaction);

  g_assert_cmpuint (count_files (self), ==, 0);
  assert_kind (self, "new", NULL);
  assert_kind (self, "new queue", NULL);
  assert_kind (self, "new memory", NULL);
  assert_kind (self, "new lock", NULL);
  for (int i = 0; i < MANY; i++) /* no number is given twice */
    {
      g_clear_object (&next);
      next = open_list (self, NULL);
      assert_gone (list);
      assert_gone (nameless);
    }
  use_queue (queue); /* who has it, has it */
  g_assert_cmpuint (shmobj_shared_memory_get_size (SHMOBJ_SHARED_MEMORY (memory)), ==, 5000);
  g_assert_true (shmobj_lock_acquire (SHMOBJ_LOCK (lock), 0, NULL, &error));
  g_assert_true (shmobj_lock_release (SHMOBJ_LOCK (lock), &error));
  g_clear_object (&next);
  next = open_kind (self, "dict", "new");
  assert_gone (list);
}

static void
test_removed (Fixture *self, gconstpointer data)
{
  g_autoptr (GObject) queue = open_kind (self, "queue", "queue");
  g_autoptr (GObject) again = NULL;
  ShmobjTransaction *transaction = begin (self);

  remove_name (self, "list");
  remove_name (self, "queue");
  assert_kind (self, "list", NULL);
  assert_kind (self, "queue", NULL);
  assert_kind_outside (self, "list", "list");
  assert_kind_outside (self, "queue", "queue");
  g_assert_cmpuint (count_files (self), ==, 1);
  append (self->list, 1); /* it is open */
  roll_back (transaction);
  g_assert_cmpuint (count_files (self), ==, 1);
  g_assert_cmpint (shmobj_list_get_length (self->list, NULL), ==, 0);
  again = open_kind (self, "queue", "queue");
  use_queue (again);

  transaction = begin (self);
  remove_name (self, "list");
  remove_name (self, "queue");
  commit (transaction);
  g_assert_cmpuint (count_files (self), ==, 0);
  assert_kind_outside (self, "list", NULL);
  assert_kind_outside (self, "queue", NULL);
  append (self->list, 1);
  use_queue (queue);
}

static void
test_same_name (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) dict = NULL, list = NULL;
  ShmobjTransaction *transaction = begin (self);

  append (self->list, 1);
  g_assert_null (try_open (self, "dict", "list", SHMOBJ_OPEN_DEFAULT, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  g_clear_error (&error);
  remove_name (self, "list");
  g_assert_null (try_open (self, "list", "list", SHMOBJ_OPEN_EXISTING, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  dict = open_kind (self, "dict", "list");
  g_assert_null (try_open (self, "list", "list", SHMOBJ_OPEN_DEFAULT, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND);
  g_clear_error (&error);
  g_assert_null (try_open (self, "dict", "list", SHMOBJ_OPEN_EXCLUSIVE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  remove_name (self, "list");
  list = open_list (self, "list");
  g_assert_cmpuint (container_get_id (list), !=, container_get_id (self->list));
  append (list, 1);
  append (list, 2);
  assert_kind_outside (self, "list", "list");
  commit (transaction);
  g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (list), NULL), ==, 2);
  g_assert_cmpint (shmobj_list_get_length (self->list, NULL), ==, 1);
  g_clear_object (&list);
  list = open_list (self, "list");
  g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (list), NULL), ==, 2);
}

static void
test_many (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);

  for (int i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%d", i);
      g_autoptr (GObject) list = open_list (self, name);

      append (list, i);
    }
  commit (transaction);
  for (int i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%d", i);
      g_autoptr (GObject) list = open_list (self, name);
      g_autoptr (GVariant) item = shmobj_list_get (SHMOBJ_LIST (list), 0, NULL);

      g_assert_cmpint (g_variant_get_int32 (item), ==, i);
    }
}

/* Those without a name end with their last holder, when all has ended. */
static void
test_references (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  g_autoptr (GObject) kept = open_list (self, NULL), lost = open_list (self, NULL), again = NULL;
  g_autoptr (GVariant) reference = NULL, lead = NULL;
  g_autoptr (GError) error = NULL;
  guint64 id = container_get_id (lost);
  ObjectHeader header;
  StoreTxn txn;

  reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (kept), &error);
  g_assert_no_error (error);
  append (kept, 5);
  g_assert_true (shmobj_list_append (self->list, reference, &error));
  g_clear_object (&kept);
  g_clear_object (&lost);
  commit (transaction);

  lead = shmobj_list_get (self->list, 0, &error);
  again = (GObject *) shmobj_manager_open_reference (self->manager, lead, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (shmobj_list_get_length (SHMOBJ_LIST (again), NULL), ==, 1);
  g_assert_true (store_read_begin (manager_get_store (self->manager, NULL), &txn, NULL));
  g_assert_false (names_get_header (&txn, id, &header));
  g_assert_true (store_read_end (&txn, NULL));
}

static void
test_parts (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *outer = begin (self), *part;
  g_autoptr (GObject) first = open_list (self, "first"), second = NULL, queue = NULL;

  part = begin (self);
  second = open_list (self, "second");
  queue = open_kind (self, "queue", "queue");
  remove_name (self, "first");
  roll_back (part);
  assert_kind (self, "first", "list");
  assert_kind (self, "second", NULL);
  assert_kind (self, "queue", NULL);
  assert_gone (second);
  append (first, 1);
  part = begin (self);
  g_object_unref (open_kind (self, "dict", "second"));
  commit (part);
  commit (outer);
  assert_kind_outside (self, "first", "list");
  assert_kind_outside (self, "second", "dict");
  assert_kind_outside (self, "queue", NULL);
  g_assert_cmpuint (count_files (self), ==, 0);
}

static gpointer
write_one (gpointer data)
{
  Fixture *self = data;

  append (self->list, 9);
  return NULL;
}

static void
test_overtaken (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) queue = NULL, list = NULL;
  ShmobjTransaction *transaction;

  shmobj_manager_set_patience_us (self->manager, 1000);
  transaction = begin (self);
  list = open_list (self, "new");
  queue = open_kind (self, "queue", "new queue");
  g_thread_join (g_thread_new ("overtaker", write_one, self));
  g_assert_null (try_open (self, "list", "another", 0, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (shmobj_transaction_commit (transaction, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  g_object_unref (transaction);
  assert_kind (self, "new", NULL);
  assert_kind (self, "new queue", NULL);
  assert_gone (list);
  g_assert_cmpuint (count_files (self), ==, 0);
}

/* Numbers are the store's at once; somebody who went ahead has perhaps taken some. */
static void
test_overtaken_before_the_first (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) next = NULL;
  ShmobjTransaction *transaction;

  shmobj_manager_set_patience_us (self->manager, 1000);
  transaction = begin (self);
  g_thread_join (g_thread_new ("overtaker", write_one, self));
  g_assert_null (try_open (self, "queue", "new", 0, &error));
  g_assert_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CONFLICT);
  roll_back (transaction);
  next = open_list (self, "next");
  append (next, 1);
  g_assert_cmpuint (count_files (self), ==, 0);
}

static void
test_forked (Fixture *self, gconstpointer data)
{
  ShmobjTransaction *transaction = begin (self);
  g_autoptr (GObject) queue = open_kind (self, "queue", "new queue");
  int status;
  pid_t pid = fork_child ();

  if (pid == 0)
    {
      assert_kind (self, "new queue", NULL);
      g_object_unref (transaction); /* the parent's, and its file */
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_assert_cmpuint (count_files (self), ==, 1);
  commit (transaction);
  g_clear_object (&queue);
  queue = open_kind (self, "queue", "new queue");
  use_queue (queue);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/transaction-names/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("made", test_made);
  ADD ("undone", test_undone);
  ADD ("removed", test_removed);
  ADD ("same-name", test_same_name);
  ADD ("many", test_many);
  ADD ("references", test_references);
  ADD ("parts", test_parts);
  ADD ("overtaken", test_overtaken);
  ADD ("overtaken-before-the-first", test_overtaken_before_the_first);
  ADD ("forked", test_forked);
  return g_test_run ();
}
