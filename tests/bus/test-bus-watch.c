/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Watch, and the signal Changed: copies that clients keep of what other processes change. */

#include "bus-fixture.h"

#define OPERATIONS 1500
#define REMOVED(name) bus_expect (bus, ROOT, SERVICE ".RemoveObject", "('" name "',)", "()")

static GDBusConnection *bus;
static const char *program;

/* A client's copy of an object: what it read, and every Changed behind that. */
typedef struct
{
  GDBusConnection *client;
  const char *read; /* GetRange, Items or Read */
  char *path, *interface;
  guint subscription, signals;
  GPtrArray *items;  /* of a list */
  GHashTable *pairs; /* of a dict: printed keys and values */
  gboolean has_read, must_reread;
  guint reads; /* answered */
  GVariant *last;
} Copy;

static void
take_list (Copy *copy, GVariant *body)
{
  g_autoptr (GVariant) added = NULL;
  guint64 position, removed;
  gboolean reread;

  g_variant_get (body, "(tt@avb)", &position, &removed, &added, &reread);
  copy->must_reread |= reread;
  if (copy->must_reread)
    return;
  g_assert_cmpuint (position + removed, <=, copy->items->len);
  if (removed > 0)
    g_ptr_array_remove_range (copy->items, position, removed);
  for (gsize i = 0; i < g_variant_n_children (added); i++)
    g_ptr_array_insert (copy->items, position + i, g_variant_get_child_value (added, i));
}

static void
set_pairs (Copy *copy, GVariant *pairs)
{
  for (gsize i = 0; i < g_variant_n_children (pairs); i++)
    {
      g_autoptr (GVariant) key = NULL, value = NULL;

      g_variant_get_child (pairs, i, "(vv)", &key, &value);
      g_hash_table_replace (copy->pairs, g_variant_print (key, TRUE),
                            g_variant_print (value, TRUE));
    }
}

static void
take_dict (Copy *copy, GVariant *body)
{
  g_autoptr (GVariant) set = NULL, removed = NULL;
  gboolean reread;

  g_variant_get (body, "(@a(vv)@avb)", &set, &removed, &reread);
  copy->must_reread |= reread;
  if (copy->must_reread)
    return;
  set_pairs (copy, set);
  for (gsize i = 0; i < g_variant_n_children (removed); i++)
    {
      g_autoptr (GVariant) key = NULL;
      g_autofree char *text = NULL;

      g_variant_get_child (removed, i, "v", &key);
      text = g_variant_print (key, TRUE);
      g_assert_true (g_hash_table_remove (copy->pairs, text));
    }
}

static void
on_signal (GDBusConnection *client,
           const char *sender,
           const char *path,
           const char *interface,
           const char *signal,
           GVariant *body,
           gpointer user_data)
{
  Copy *copy = user_data;

  copy->signals++;
  g_clear_pointer (&copy->last, g_variant_unref);
  copy->last = g_variant_ref (body);
  if (!copy->has_read || copy->must_reread)
    return;
  if (copy->items != NULL)
    take_list (copy, body);
  else if (copy->pairs != NULL)
    take_dict (copy, body);
}

static void
copy_init (Copy *copy, GDBusConnection *client, const char *kind, const char *name)
{
  *copy =
      (Copy){ .client = client,
              .path = bus_open (client, kind, name, "{}"),
              .interface = g_strdup_printf (SERVICE ".%c%s", g_ascii_toupper (kind[0]), kind + 1) };
  copy->read = g_str_equal (kind, "list") ? "GetRange" : "Items";
  if (g_str_equal (kind, "list"))
    copy->items = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  else if (g_str_equal (kind, "dict"))
    copy->pairs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  copy->subscription =
      g_dbus_connection_signal_subscribe (client, SERVICE, copy->interface, "Changed", copy->path,
                                          NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, copy, NULL);
}

static void
copy_clear (Copy *copy)
{
  g_dbus_connection_signal_unsubscribe (copy->client, copy->subscription);
  g_clear_pointer (&copy->items, g_ptr_array_unref);
  g_clear_pointer (&copy->pairs, g_hash_table_unref);
  g_clear_pointer (&copy->last, g_variant_unref);
  g_free (copy->path);
  g_free (copy->interface);
}

static guint64
watch (Copy *copy)
{
  g_autoptr (GVariant) reply = bus_call (copy->client, copy->path, IFACE ("Object.Watch"), "()");
  guint64 revision;

  g_variant_get (reply, "(t)", &revision);
  return revision;
}

static void
assert_same_list (Copy *copy, GVariant *items)
{
  g_assert_cmpuint (copy->items->len, ==, g_variant_n_children (items));
  for (guint i = 0; i < copy->items->len; i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (items, i);

      g_assert_true (g_variant_equal (item, copy->items->pdata[i]));
    }
}

static void
assert_same_dict (Copy *copy, GVariant *pairs)
{
  g_assert_cmpuint (g_hash_table_size (copy->pairs), ==, g_variant_n_children (pairs));
  for (gsize i = 0; i < g_variant_n_children (pairs); i++)
    {
      g_autoptr (GVariant) key = NULL, value = NULL;
      g_autofree char *key_text = NULL, *text = NULL;

      g_variant_get_child (pairs, i, "(vv)", &key, &value);
      key_text = g_variant_print (key, TRUE);
      text = g_variant_print (value, TRUE);
      g_assert_cmpstr (g_hash_table_lookup (copy->pairs, key_text), ==, text);
    }
}

/* The first answer is the copy; every further one is what the copy is by then, at once. */
static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Copy *copy = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) whole = NULL;

  g_assert_no_error (error);
  whole = g_variant_get_child_value (reply, 0);
  if (copy->has_read && !copy->must_reread)
    (copy->items != NULL ? assert_same_list : assert_same_dict) (copy, whole);
  else if (copy->items != NULL)
    {
      g_ptr_array_set_size (copy->items, 0);
      for (gsize i = 0; i < g_variant_n_children (whole); i++)
        g_ptr_array_add (copy->items, g_variant_get_child_value (whole, i));
    }
  else
    {
      g_hash_table_remove_all (copy->pairs);
      set_pairs (copy, whole);
    }
  copy->has_read = TRUE;
  copy->must_reread = FALSE;
  copy->reads++;
}

static void
read_whole (Copy *copy)
{
  guint before = copy->reads;

  g_dbus_connection_call (copy->client, SERVICE, copy->path, copy->interface, copy->read,
                          copy->items != NULL ? g_variant_new ("(xx)", (gint64) 0, G_MAXINT64)
                                              : NULL,
                          NULL, G_DBUS_CALL_FLAGS_NONE, 60000, NULL, on_read, copy);
  bus_until (copy->reads > before);
}

static GVariant *
random_value (GRand *random)
{
  switch (g_rand_int_range (random, 0, 4))
    {
    case 0:
      return g_variant_new_string (g_rand_boolean (random) ? "yes" : "no");
    case 1:
      return g_variant_new_maybe (G_VARIANT_TYPE_INT64, NULL);
    case 2:
      return g_variant_new_double (g_rand_int_range (random, 0, 3));
    default:
      return g_variant_new_int64 (g_rand_int_range (random, 0, 5));
    }
}

static void
change_list (ShmobjList *list, GRand *random)
{
  gint64 length = shmobj_list_get_length (list, NULL);
  gint64 position = g_rand_int_range (random, 0, (gint32) length + 1);
  GVariant *popped;

  if (length > 40)
    g_assert_true (shmobj_list_delete_range (list, position / 2, position + 3, NULL));
  else if (length == 0 || g_rand_int_range (random, 0, 3) == 0)
    g_assert_true (shmobj_list_append (list, random_value (random), NULL));
  else if (g_rand_boolean (random))
    g_assert_true (shmobj_list_insert (list, position, random_value (random), NULL));
  else if (g_rand_boolean (random))
    g_assert_true (shmobj_list_set (list, position % length, random_value (random), NULL));
  else
    {
      popped = shmobj_list_pop (list, position % length, NULL);
      g_variant_unref (popped);
    }
}

static void
change_dict (ShmobjDict *dict, GRand *random)
{
  g_autoptr (GVariant) key =
      g_variant_ref_sink (g_variant_new_int64 (g_rand_int_range (random, 0, 30)));

  if (g_rand_int_range (random, 0, 3) > 0)
    g_assert_true (shmobj_dict_set (dict, key, random_value (random), NULL));
  else if (shmobj_dict_contains (dict, key, NULL))
    g_assert_true (shmobj_dict_remove (dict, key, NULL));
}

/* Another process, which uses the library: at full speed, with a breath now and then. */
static int
write_randomly (const char *kind, const char *name, guint32 seed)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjContainer) object =
      g_str_equal (kind, "list")
          ? SHMOBJ_CONTAINER (shmobj_manager_open_list (manager, name, 0, NULL, NULL))
          : SHMOBJ_CONTAINER (shmobj_manager_open_dict (manager, name, 0, NULL, NULL));
  GRand *random = g_rand_new_with_seed (seed);

  for (guint i = 0; i < OPERATIONS; i++)
    {
      if (SHMOBJ_IS_LIST (object))
        change_list (SHMOBJ_LIST (object), random);
      else
        change_dict ((ShmobjDict *) object, random);
      if (i % 16 == 0)
        g_usleep (200);
    }
  g_rand_free (random);
  return 0;
}

static void
on_writer_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (g_subprocess_wait_check_finish (G_SUBPROCESS (source), result, &error));
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}

/* Two copies, one of them by who comes later, each compared again and again while another process
 * writes. */
static void
test_copies (gconstpointer user_data)
{
  const char *kind = user_data;
  g_autoptr (GDBusConnection) other = bus_connect ();
  g_autofree char *seed = g_strdup_printf ("%d", g_test_rand_int_range (0, G_MAXINT));
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) writer = NULL;
  gboolean is_done = FALSE;
  Copy early, late;

  g_test_message ("seed %s", seed);
  copy_init (&early, bus, kind, "copied");
  copy_init (&late, other, kind, "copied");
  (void) watch (&early);
  writer = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program, "--writer", kind, "copied",
                             seed, NULL);
  g_assert_no_error (error);
  g_subprocess_wait_check_async (writer, NULL, on_writer_done, &is_done);
  read_whole (&early);
  bus_until (early.signals > 5 || is_done);
  (void) watch (&late);
  while (!is_done)
    {
      read_whole (&late);
      read_whole (&early);
    }
  read_whole (&early);
  read_whole (&late);
  g_assert_cmpuint (early.signals, >, 0);
  g_assert_cmpuint (early.signals, <=, OPERATIONS * 4);
  copy_clear (&early);
  copy_clear (&late);
  REMOVED ("copied");
}

static void
expect_last (Copy *copy, const char *expected)
{
  g_autoptr (GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (expected));
  guint before = copy->signals;
  g_autofree char *text = NULL;

  bus_until (copy->signals > before);
  text = g_variant_print (copy->last, TRUE);
  if (!g_variant_equal (copy->last, wanted))
    g_error ("Changed %s, expected %s", text, expected);
}

/* Only who watches is told, and from the revision on that the answer says. */
static void
test_who_is_told (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "told", 0, NULL, NULL);
  g_autoptr (GDBusConnection) other = bus_connect ();
  Copy copy, silent;

  copy_init (&copy, bus, "list", "told");
  copy_init (&silent, other, "list", "told");
  g_assert_true (shmobj_list_append (list, g_variant_new_int64 (1), NULL));
  g_assert_cmpuint (watch (&copy), ==,
                    shmobj_container_get_revision (SHMOBJ_CONTAINER (list), NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_int64 (2), NULL));
  expect_last (&copy, "(uint64 1, uint64 0, [<int64 2>], false)");
  g_assert_cmpuint (copy.signals, ==, 1);

  (void) watch (&silent);
  bus_expect (bus, copy.path, IFACE ("Object.Unwatch"), "()", "()");
  bus_expect (bus, copy.path, IFACE ("Object.Unwatch"), "()", "()");
  g_assert_true (shmobj_list_delete_range (list, 0, 1, NULL));
  expect_last (&silent, "(uint64 0, uint64 1, @av [], false)");
  bus_expect (bus, copy.path, IFACE ("List.GetItem"), "(int64 0,)", "(<int64 2>,)");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (copy.signals, ==, 1);

  /* who leaves takes only his own watch along */
  (void) watch (&copy);
  copy_clear (&silent);
  g_assert_true (g_dbus_connection_close_sync (other, NULL, NULL));
  g_assert_true (shmobj_list_append (list, g_variant_new_string ("x"), NULL));
  expect_last (&copy, "(uint64 1, uint64 0, [<'x'>], false)");
  copy_clear (&copy);
  REMOVED ("told");
}

static GVariant *
large (void)
{
  return g_variant_new_take_string (g_strnfill (2 * 1024 * 1024, 'x'));
}

static void
test_dict_and_value (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);
  g_autoptr (ShmobjValue) value = shmobj_manager_open_value (manager, "v", 0, NULL, NULL, NULL);
  g_autoptr (ShmobjList) inner = shmobj_manager_open_list (manager, NULL, 0, NULL, NULL);
  g_autoptr (GVariant) reference = shmobj_container_get_reference (SHMOBJ_CONTAINER (inner), NULL);
  g_autofree char *printed = g_variant_print (reference, TRUE);
  g_autofree char *refers = g_strdup_printf ("([(<'k'>, <%s>)], @av [], false)", printed);
  Copy of_dict, of_value;

  copy_init (&of_dict, bus, "dict", "d");
  copy_init (&of_value, bus, "value", "v");
  (void) watch (&of_dict);
  (void) watch (&of_value);
  g_assert_true (shmobj_dict_set (dict, g_variant_new_string ("k"), reference, NULL));
  expect_last (&of_dict, refers);
  g_assert_true (shmobj_dict_remove (dict, g_variant_new_string ("k"), NULL));
  expect_last (&of_dict, "(@a(vv) [], [<'k'>], false)");
  g_assert_true (shmobj_dict_set (dict, g_variant_new_string ("k"), g_variant_new ("()"), NULL));
  expect_last (&of_dict, "(@a(vv) [], @av [], true)");
  g_assert_true (shmobj_dict_set (dict, g_variant_new_string ("k"), large (), NULL));
  expect_last (&of_dict, "(@a(vv) [], @av [], true)");

  g_assert_true (shmobj_value_set (value, g_variant_new_int32 (7), NULL));
  expect_last (&of_value, "(<7>, false)");
  g_assert_true (shmobj_value_set (value, large (), NULL));
  expect_last (&of_value, "(<signature ''>, true)");
  g_assert_true (shmobj_value_set (value, g_variant_new_maybe (G_VARIANT_TYPE_INT64, NULL), NULL));
  expect_last (&of_value, "(<signature ''>, false)");
  copy_clear (&of_dict);
  copy_clear (&of_value);
  REMOVED ("d");
  REMOVED ("v");
}

static void
test_reread_and_end (void)
{
  g_autoptr (ShmobjManager) manager = bus_manager ();
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "ends", 0, NULL, NULL);
  Copy copy;

  copy_init (&copy, bus, "list", "ends");
  (void) watch (&copy);
  read_whole (&copy);
  g_assert_true (shmobj_list_append (list, large (), NULL));
  expect_last (&copy, "(uint64 0, uint64 0, @av [], true)");
  g_assert_true (copy.must_reread);
  read_whole (&copy);
  g_assert_true (shmobj_list_insert (list, 0, g_variant_new_string ("a"), NULL));
  expect_last (&copy, "(uint64 0, uint64 0, [<'a'>], false)");
  read_whole (&copy);

  g_clear_object (&list);
  g_assert_true (shmobj_manager_remove (manager, "ends", NULL));
  expect_last (&copy, "(uint64 0, uint64 0, @av [], true)");
  bus_refuse (bus, copy.path, IFACE ("List.Clear"), "()",
              "org.freedesktop.DBus.Error.UnknownMethod");

  /* another one by that name is not watched */
  list = shmobj_manager_open_list (manager, "ends", 0, NULL, NULL);
  g_assert_true (shmobj_list_append (list, g_variant_new_string ("b"), NULL));
  bus_expect (bus, copy.path, IFACE ("List.GetItem"), "(int64 0,)", "(<'b'>,)");
  g_assert_cmpuint (watch (&copy), >, 0);
  g_assert_true (shmobj_list_append (list, g_variant_new_string ("c"), NULL));
  expect_last (&copy, "(uint64 1, uint64 0, [<'c'>], false)");
  copy_clear (&copy);
  REMOVED ("ends");
}

int
main (int argc, char *argv[])
{
  int result;

  if (argc == 5 && g_str_equal (argv[1], "--writer"))
    return write_randomly (argv[2], argv[3], (guint32) g_ascii_strtoull (argv[4], NULL, 10));
  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  bus = bus_connect ();
  g_test_add_func ("/bus/watch/who-is-told", test_who_is_told);
  g_test_add_func ("/bus/watch/dict-and-value", test_dict_and_value);
  g_test_add_func ("/bus/watch/reread-and-end", test_reread_and_end);
  g_test_add_data_func ("/bus/watch/copies-list", "list", test_copies);
  g_test_add_data_func ("/bus/watch/copies-dict", "dict", test_copies);
  result = g_test_run ();
  g_object_unref (bus);
  return result;
}
