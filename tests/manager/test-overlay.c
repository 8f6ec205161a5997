/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a transaction shows of the store, against models that undergo the same: rows, one by one and
 * in order, and the lists and dicts that are made of them. */

#include <shmobj.h>

#include "manager/manager-private.h"
#include "manager/rows.h"
#include "manager/store-private.h"

#include <stdlib.h>
#include <string.h>

#define KEYS 60
#define DEPTH 3

/* A row is there if its value is not 0. */
typedef struct
{
  GRand *random;
  Store *store;
  guint32 rows[KEYS];
  guint32 changed[KEYS]; /* in the write that is just made */
  gboolean fails;
} Rows;

static int
rounds (int n)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");

  return MAX (n / (slower != NULL ? MAX (atoi (slower), 1) : 1), 3);
}

/* Two prefixes with keys of several lengths, one a beginning of another. */
static gsize
make_key (guint n, guint8 key[ROW_KEY_NUMBER + 8])
{
  gsize extra = n % 4;

  row_key_number (key, G_MAXUINT32, n % 2 ? ROW_ORDER : ROW_TREE, n / 4);
  memcpy (key + ROW_KEY_NUMBER, "abc", extra);
  return ROW_KEY_NUMBER + extra;
}

static guint32
value_of (const StoreBytes *bytes)
{
  guint32 value;

  g_assert_cmpuint (bytes->size, >=, sizeof value);
  memcpy (&value, bytes->data, sizeof value);
  return value;
}

static guint
index_of (const StoreBytes *key)
{
  guint8 made[ROW_KEY_NUMBER + 8];

  for (guint i = 0; i < KEYS; i++)
    if (make_key (i, made) == key->size && memcmp (made, key->data, key->size) == 0)
      return i;
  g_assert_not_reached ();
}

/* The keys with one tag that are there, in order. */
static guint
model_order (const guint32 *rows, RowTag tag, guint order[KEYS])
{
  guint8 a[ROW_KEY_NUMBER + 8], b[ROW_KEY_NUMBER + 8];
  guint n = 0;

  for (guint i = 0; i < KEYS; i++)
    if (rows[i] != 0 && make_key (i, a) > 0 && a[8] == tag)
      {
        guint at = n++;

        for (; at > 0; at--)
          {
            gsize size = make_key (order[at - 1], b), own = make_key (i, a);

            if (overlay_compare (b, size, a, own) < 0)
              break;
            order[at] = order[at - 1];
          }
        order[at] = i;
      }
  return n;
}

static void
assert_scans (StoreTxn *txn, const guint32 *rows, RowTag tag, guint after)
{
  guint8 prefix[ROW_KEY_PREFIX], key[ROW_KEY_NUMBER + 8];
  guint order[KEYS], n = model_order (rows, tag, order), i = 0;
  gsize size = make_key (after, key);
  StoreScan scan;

  row_key (prefix, G_MAXUINT32, tag);
  store_scan_begin (&scan, txn, prefix, sizeof prefix);
  for (i = 0; store_scan_next (&scan); i++)
    {
      g_assert_cmpuint (i, <, n);
      g_assert_cmpuint (index_of (&scan.key), ==, order[i]);
      g_assert_cmpuint (value_of (&scan.value), ==, rows[order[i]]);
    }
  g_assert_cmpuint (i, ==, n);
  store_scan_end (&scan);

  store_scan_begin (&scan, txn, prefix, sizeof prefix);
  g_assert_true (store_scan_last (&scan) == (n > 0));
  if (n > 0)
    g_assert_cmpuint (index_of (&scan.key), ==, order[n - 1]);
  store_scan_end (&scan);

  if (key[8] != tag)
    return;
  for (i = 0; i < n; i++)
    {
      guint8 other[ROW_KEY_NUMBER + 8];

      if (overlay_compare (other, make_key (order[i], other), key, size) > 0)
        break;
    }
  store_scan_begin_after (&scan, txn, prefix, sizeof prefix, key, size);
  g_assert_true (store_scan_next (&scan) == (i < n));
  if (i < n)
    g_assert_cmpuint (index_of (&scan.key), ==, order[i]);
  store_scan_end (&scan);
}

static gboolean
look (StoreTxn *txn, const guint32 *rows, guint after)
{
  guint8 key[ROW_KEY_NUMBER + 8];
  StoreBytes value;

  for (guint i = 0; i < KEYS; i++)
    if (store_get (txn, key, make_key (i, key), &value))
      g_assert_cmpuint (value_of (&value), ==, rows[i]);
    else
      g_assert_cmpuint (rows[i], ==, 0);
  assert_scans (txn, rows, ROW_ORDER, after);
  assert_scans (txn, rows, ROW_TREE, after);
  return TRUE;
}

static void
assert_rows (Rows *self)
{
  GError *error = NULL;
  StoreTxn txn;

  g_assert_true (store_read_begin (self->store, &txn, &error));
  look (&txn, self->rows, g_rand_int_range (self->random, 0, KEYS));
  g_assert_true (store_read_end (&txn, &error));
}

/* Removes some of what it meets, as lists do. */
static void
scan_and_delete (Rows *self, StoreTxn *txn)
{
  guint8 prefix[ROW_KEY_PREFIX];
  StoreScan scan;

  row_key (prefix, G_MAXUINT32, g_rand_boolean (self->random) ? ROW_ORDER : ROW_TREE);
  store_scan_begin (&scan, txn, prefix, sizeof prefix);
  while (store_scan_next (&scan))
    if (g_rand_int_range (self->random, 0, 3) == 0)
      {
        self->changed[index_of (&scan.key)] = 0;
        store_scan_delete (&scan);
      }
  store_scan_end (&scan);
}

static gboolean
do_write (StoreTxn *txn, gpointer data, GError **error)
{
  Rows *self = data;
  int n = g_rand_int_range (self->random, 0, 8);

  memcpy (self->changed, self->rows, sizeof self->rows);
  for (int i = 0; i < n; i++)
    {
      guint at = g_rand_int_range (self->random, 0, KEYS);
      guint8 key[ROW_KEY_NUMBER + 8], bytes[64] = { 0 };
      gsize size = make_key (at, key);
      guint32 value = g_rand_int (self->random) | 1;

      memcpy (bytes, &value, sizeof value);
      if (g_rand_int_range (self->random, 0, 3) == 0)
        {
          g_assert_true (store_delete (txn, key, size) == (self->changed[at] != 0));
          self->changed[at] = 0;
          continue;
        }
      store_put (txn, key, size, bytes, g_rand_int_range (self->random, 4, 64));
      self->changed[at] = value;
    }
  if (n == 7)
    scan_and_delete (self, txn);
  look (txn, self->changed, g_rand_int_range (self->random, 0, KEYS));
  self->fails = n == 6;
  if (!self->fails)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "as it happens");
  return FALSE;
}

static void
write_some (Rows *self)
{
  StoreWrite write = {
    .func = do_write, .data = self, .timeout_us = -1, .bytes = g_rand_boolean (self->random)
  };
  g_autoptr (GError) error = NULL;

  g_assert_true (store_write (self->store, &write, &error) == !self->fails);
  if (!self->fails)
    memcpy (self->rows, self->changed, sizeof self->rows);
  assert_rows (self);
}

static void
transact_rows (Rows *self, int depth)
{
  g_autoptr (GError) error = NULL;
  StoreTransaction *transaction = store_transaction_begin (self->store, 0, NULL, &error);
  guint32 before[KEYS];

  g_assert_no_error (error);
  memcpy (before, self->rows, sizeof before);
  for (int n = g_rand_int_range (self->random, 0, 6); n > 0; n--)
    if (depth < DEPTH && g_rand_int_range (self->random, 0, 4) == 0)
      transact_rows (self, depth + 1);
    else
      write_some (self);

  if (g_rand_boolean (self->random))
    g_assert_true (store_transaction_commit (transaction, -1, &error));
  else
    memcpy (self->rows, before, sizeof before);
  store_transaction_free (transaction);
  assert_rows (self);
}

static void
test_rows (void)
{
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  Rows rows = { .random = random, .store = manager_get_store (manager, NULL) };

  for (int i = rounds (800); i > 0; i--)
    if (g_rand_int_range (random, 0, 4) == 0)
      write_some (&rows);
    else
      transact_rows (&rows, 1);
}

/* A list and a dict, and what they should be. */
typedef struct
{
  GRand *random;
  ShmobjManager *manager;
  ShmobjList *list;
  ShmobjDict *dict;
  GPtrArray *items; /* of GVariant */
  GPtrArray *keys;  /* in the dict's order; each key is its value, too */
} Pair;

static GVariant *
new_item (GRand *random)
{
  int choice = g_rand_int_range (random, 0, 12);
  gsize size =
      choice == 0 ? g_rand_int_range (random, 400, 9000) : g_rand_int_range (random, 0, 200);
  g_autofree char *text = g_strnfill (size, 'a' + choice);

  return g_variant_ref_sink (g_variant_new_string (text));
}

static GPtrArray *
copy_of (GPtrArray *values)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (guint i = 0; i < values->len; i++)
    g_ptr_array_add (copy, g_variant_ref (values->pdata[i]));
  return copy;
}

static void
insert_block (Pair *self, guint at)
{
  guint n = g_rand_int_range (self->random, 1, 60);

  for (guint i = 0; i < n; i++)
    {
      GVariant *item = new_item (self->random);

      g_assert_true (shmobj_list_insert (self->list, at + i, item, NULL));
      g_ptr_array_insert (self->items, at + i, item);
    }
}

static void
change_list (Pair *self)
{
  guint length = self->items->len, at = g_rand_int_range (self->random, 0, length + 1);
  guint end = at + g_rand_int_range (self->random, 0, length - at + 1);
  g_autoptr (GVariant) item = new_item (self->random), popped = NULL;
  g_autoptr (GError) error = NULL;

  switch (g_rand_int_range (self->random, 0, 8))
    {
    case 0:
      g_assert_true (shmobj_list_delete_range (self->list, at, end, &error));
      if (end > at)
        g_ptr_array_remove_range (self->items, at, end - at);
      break;
    case 1:
      popped = shmobj_list_pop (self->list, at, &error);
      g_assert_true ((popped != NULL) == (at < length));
      g_clear_error (&error);
      if (at < length)
        g_ptr_array_remove_index (self->items, at);
      break;
    case 2:
      if (at == length)
        break;
      g_assert_true (shmobj_list_set (self->list, at, item, &error));
      g_variant_unref (self->items->pdata[at]);
      self->items->pdata[at] = g_steal_pointer (&item);
      break;
    case 3:
      if (g_rand_int_range (self->random, 0, 10) > 0)
        break;
      g_assert_true (shmobj_list_clear (self->list, &error));
      g_ptr_array_set_size (self->items, 0);
      break;
    default:
      insert_block (self, g_rand_boolean (self->random) ? at : length);
    }
  g_assert_no_error (error);
}

static void
change_dict (Pair *self)
{
  g_autoptr (GVariant) key =
      g_variant_ref_sink (g_variant_new_int64 (g_rand_int_range (self->random, 0, 50)));
  g_autoptr (GVariant) popped = NULL;
  guint at;
  gboolean there = g_ptr_array_find_with_equal_func (self->keys, key, g_variant_equal, &at);

  if (g_rand_int_range (self->random, 0, 30) == 0)
    {
      g_assert_true (shmobj_dict_clear (self->dict, NULL));
      g_ptr_array_set_size (self->keys, 0);
    }
  else if (g_rand_boolean (self->random))
    {
      g_assert_true (shmobj_dict_set (self->dict, key, key, NULL));
      if (!there)
        g_ptr_array_add (self->keys, g_steal_pointer (&key));
    }
  else
    {
      popped = shmobj_dict_pop (self->dict, key, NULL);
      g_assert_true ((popped != NULL) == there);
      if (there)
        g_ptr_array_remove_index (self->keys, at);
    }
}

static void
assert_values (GVariant **values, gsize n, GPtrArray *expected)
{
  g_assert_nonnull (values);
  g_assert_cmpuint (n, ==, expected->len);
  for (gsize i = 0; i < n; i++)
    {
      g_assert_true (g_variant_equal (values[i], expected->pdata[i]));
      g_variant_unref (values[i]);
    }
  g_free (values);
}

static void
assert_pair (Pair *self)
{
  GVariant **values;
  gsize n;

  values = shmobj_list_get_range (self->list, 0, G_MAXINT64, &n, NULL);
  assert_values (values, n, self->items);
  values = shmobj_dict_keys (self->dict, &n, NULL);
  assert_values (values, n, self->keys);
  g_assert_cmpint (shmobj_list_get_length (self->list, NULL), ==, self->items->len);
  g_assert_cmpint (shmobj_dict_get_length (self->dict, NULL), ==, self->keys->len);
}

static void
transact_pair (Pair *self, int depth)
{
  g_autoptr (GPtrArray) items = copy_of (self->items), keys = copy_of (self->keys);
  g_autoptr (ShmobjTransaction) transaction = shmobj_manager_begin (self->manager, 0, NULL, NULL);

  g_assert_nonnull (transaction);
  for (int n = g_rand_int_range (self->random, 0, 12); n > 0; n--)
    if (depth < DEPTH && g_rand_int_range (self->random, 0, 5) == 0)
      transact_pair (self, depth + 1);
    else if (g_rand_boolean (self->random))
      change_list (self);
    else
      change_dict (self);
  assert_pair (self);

  if (g_rand_int_range (self->random, 0, 3) > 0)
    g_assert_true (shmobj_transaction_commit (transaction, NULL));
  else
    {
      shmobj_transaction_rollback (transaction);
      g_ptr_array_unref (self->items);
      g_ptr_array_unref (self->keys);
      self->items = g_steal_pointer (&items);
      self->keys = g_steal_pointer (&keys);
    }
  if (depth == 1)
    assert_pair (self);
}

static void
test_containers (void)
{
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, NULL);
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  Pair pair = { .random = random,
                .manager = manager,
                .list = list,
                .dict = dict,
                .items = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref),
                .keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref) };

  for (int i = rounds (100); i > 0; i--)
    transact_pair (&pair, 1);
  g_ptr_array_unref (pair.items);
  g_ptr_array_unref (pair.keys);
}

/* More than the store has room for: it grows at the commit, under what others read. */
static void
test_large (void)
{
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (NULL, NULL, NULL);
  g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
  g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);
  g_autofree char *text = g_strnfill (1000, 't');
  g_autoptr (GError) error = NULL;
  ShmobjTransaction *transaction = shmobj_manager_begin (manager, 0, NULL, &error);

  for (int i = 0; i < 20000; i++)
    {
      g_assert_true (shmobj_list_append (list, g_variant_new_string (text), &error));
      if (i % 4 == 0)
        g_assert_true (
            shmobj_dict_set (dict, g_variant_new_int32 (i), g_variant_new_int32 (i), &error));
    }
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 20000);
  g_assert_true (shmobj_transaction_commit (transaction, &error));
  g_object_unref (transaction);
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 20000);
  g_assert_cmpint (shmobj_dict_get_length (dict, NULL), ==, 5000);

  transaction = shmobj_manager_begin (manager, 0, NULL, &error);
  g_assert_true (shmobj_list_clear (list, &error));
  g_assert_true (shmobj_dict_clear (dict, &error));
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 0);
  g_object_unref (transaction); /* rolls back */
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, 20000);
  g_assert_cmpint (shmobj_dict_get_length (dict, NULL), ==, 5000);
}

#define MANY 3000

static guint64
number_of (const OverlayRow *row)
{
  guint64 number;

  g_assert_cmpuint (row->key_size, ==, sizeof number);
  memcpy (&number, row->key, sizeof number);
  return GUINT64_FROM_BE (number);
}

static void
put_number (Overlay *overlay, guint64 number, gsize size)
{
  guint64 key = GUINT64_TO_BE (number);
  guint8 *room = overlay_put (overlay, &key, sizeof key, size);

  g_assert_nonnull (room);
  memset (room, number & 0xff, size);
}

/* Every other number is there: forward, and back from each one that is not. */
static void
assert_even (Overlay *overlay, gsize size)
{
  guint64 key = 0;
  const OverlayRow *row = overlay_next (overlay, &key, sizeof key, TRUE);

  for (guint64 i = 0; i < MANY; i++, row = overlay_next (overlay, row->key, row->key_size, FALSE))
    {
      g_assert_nonnull (row);
      g_assert_cmpuint (number_of (row), ==, 2 * i);
      g_assert_cmpuint (row->size, ==, size);
      g_assert_cmpuint (row->data[0], ==, 2 * i & 0xff);
      g_assert_cmpuint (row->data[size - 1], ==, 2 * i & 0xff);
      key = GUINT64_TO_BE (2 * i + 1);
      g_assert_null (overlay_find (overlay, &key, sizeof key));
      g_assert_true (overlay_previous (overlay, &key, sizeof key) == row);
    }
  g_assert_null (row);
}

/* In an order of no kind, over many blocks, in all sizes of values; then other ones, undone. */
static void
test_many (void)
{
  static const gsize sizes[] = { 1, 32, 33, 1024, 5000 };
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());
  guint64 numbers[MANY];

  for (guint i = 0; i < MANY; i++)
    numbers[i] = 2 * i;
  for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
    {
      g_autoptr (Overlay) overlay = overlay_new ();
      OverlaySavepoint before;

      for (guint i = MANY; j > 0 && i > 1; i--) /* the first time in order */
        {
          guint other = g_rand_int_range (random, 0, i);
          guint64 number = numbers[other];

          numbers[other] = numbers[i - 1];
          numbers[i - 1] = number;
        }
      before = overlay_begin (overlay);
      for (guint i = 0; i < MANY; i++)
        put_number (overlay, numbers[i], sizes[j]);
      assert_even (overlay, sizes[j]);
      overlay_keep (overlay, &before, NULL);

      before = overlay_begin (overlay);
      for (guint i = 0; i < MANY; i += 3)
        put_number (overlay, numbers[i], sizes[(j + i) % G_N_ELEMENTS (sizes)]);
      overlay_undo (overlay, &before);
      assert_even (overlay, sizes[j]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/overlay/many-rows-are-in-order", test_many);
  g_test_add_func ("/overlay/rows-as-the-model-has-them", test_rows);
  g_test_add_func ("/overlay/containers-as-the-model-has-them", test_containers);
  g_test_add_func ("/overlay/larger-than-the-store", test_large);
  return g_test_run ();
}
