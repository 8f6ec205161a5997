/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows that somebody scribbled over: calls fail or give odd values, and nothing worse. Most of this
 * test's worth is in a run with the address sanitizer. */

#include <shmobj.h>

#include "manager/container.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  guint64 id;
  GRand *random;
} Scribble;

static guint
count_rows (StoreTxn *txn, const guint8 *prefix)
{
  StoreScan scan;
  guint n = 0;

  store_scan_begin (&scan, txn, prefix, 8);
  while (store_scan_next (&scan))
    n++;
  store_scan_end (&scan);
  return n;
}

/* A copy of the object's n-th row. */
static void
copy_row (StoreTxn *txn, const guint8 *prefix, guint n, GByteArray *key, GByteArray *value)
{
  StoreScan scan;

  store_scan_begin (&scan, txn, prefix, 8);
  for (guint i = 0; i <= n; i++)
    g_assert_true (store_scan_next (&scan));
  g_byte_array_append (key, scan.key.data, scan.key.size);
  g_byte_array_append (value, scan.value.data, scan.value.size);
  store_scan_end (&scan);
}

static guint8
odd_byte (GRand *random)
{
  static const guint8 odd[] = { 0, 1, 0xff, 0x7f, 0x80 };

  return g_rand_boolean (random) ? odd[g_rand_int_range (random, 0, G_N_ELEMENTS (odd))]
                                 : g_rand_int_range (random, 0, 256);
}

static void
spoil (GByteArray *value, GRand *random)
{
  gsize most = g_rand_boolean (random) ? MIN (value->len, 64) : value->len; /* headers, rather */
  int n = g_rand_int_range (random, 1, 9);

  if (g_rand_int_range (random, 0, 8) == 0)
    {
      guint before = value->len;

      g_byte_array_set_size (value, g_rand_int_range (random, 0, before + 100));
      for (guint i = before; i < value->len; i++)
        value->data[i] = odd_byte (random);
    }
  for (int i = 0; i < n && most > 0 && most <= value->len; i++)
    value->data[g_rand_int_range (random, 0, most)] = odd_byte (random);
}

static gboolean
do_scribble (StoreTxn *txn, gpointer data, GError **error)
{
  Scribble *scribble = data;
  g_autoptr (GByteArray) key = g_byte_array_new (), value = g_byte_array_new ();
  guint8 prefix[ROW_KEY_PREFIX];
  guint rows;

  row_key (prefix, scribble->id, ROW_RECORD);
  rows = count_rows (txn, prefix);
  if (rows == 0) /* its record was removed before */
    return TRUE;
  copy_row (txn, prefix, g_rand_int_range (scribble->random, 0, MIN (rows, 12)), key, value);
  if (g_rand_int_range (scribble->random, 0, 12) == 0)
    store_delete (txn, key->data, key->len);
  else
    {
      spoil (value, scribble->random);
      store_put (txn, key->data, key->len, value->data, value->len);
    }
  return TRUE;
}

static void
scribble_on (gpointer container, GRand *random)
{
  Scribble scribble = { container_get_id (container), random };
  g_autoptr (GError) error = NULL;

  container_write (container, do_scribble, &scribble, 10000, &error);
  g_assert_no_error (error);
}

static GVariant *
some_value (GRand *random)
{
  g_autofree char *text = g_strnfill (g_rand_int_range (random, 0, 100), 'v');

  if (g_rand_int_range (random, 0, 10) == 0)
    return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, text, strlen (text), 1);
  if (g_rand_int_range (random, 0, 20) == 0)
    {
      g_autofree char *large = g_strnfill (2000, 'l');

      return g_variant_new ("(vs)", g_variant_new_int32 (1), large);
    }
  return g_variant_new ("(sx)", text, (gint64) g_rand_int (random));
}

/* Fine, or an error of those that a damaged store may give. */
static void
accept (GError **error)
{
  if (*error != NULL && !g_error_matches (*error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT) &&
      !g_error_matches (*error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE) &&
      !g_error_matches (*error, SHMOBJ_ERROR, SHMOBJ_ERROR_WRONG_KIND) &&
      !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_error ("%s", (*error)->message);
  g_clear_error (error);
}

static void
forget (GVariant *value, GError **error)
{
  if (value != NULL)
    {
      g_free (g_variant_print (value, TRUE)); /* reads all of it */
      g_variant_unref (value);
    }
  accept (error);
}

static void
forget_all (GVariant **values, const gsize *n, GError **error)
{
  for (gsize i = 0; values != NULL && i < *n; i++)
    forget (values[i], error);
  g_free (values);
  accept (error);
}

static void
use_list (ShmobjList *list, GRand *random)
{
  gint64 position = g_rand_int_range (random, -500, 1500);
  GError *error = NULL;
  gsize n = 0;

  switch (g_rand_int_range (random, 0, 9))
    {
    case 0:
      forget (shmobj_list_get (list, position, &error), &error);
      break;
    case 1:
      forget_all (shmobj_list_get_range (list, position, G_MAXINT64, &n, &error), &n, &error);
      break;
    case 2:
      shmobj_list_append (list, some_value (random), &error);
      break;
    case 3:
      shmobj_list_insert (list, position, some_value (random), &error);
      break;
    case 4:
      shmobj_list_set (list, position, some_value (random), &error);
      break;
    case 5:
      forget (shmobj_list_pop (list, position, &error), &error);
      break;
    case 6:
      shmobj_list_delete_range (list, position, position + 300, &error);
      break;
    case 7:
      shmobj_list_count (list, some_value (random), &error);
      break;
    default:
      shmobj_list_remove_value (list, some_value (random), &error);
    }
  accept (&error);
}

static void
use_dict (ShmobjDict *dict, GRand *random)
{
  GVariant *key = g_variant_new_int32 (g_rand_int_range (random, 0, 200));
  GError *error = NULL;
  gsize n = 0;

  if (g_rand_int_range (random, 0, 5) == 0)
    {
      g_autofree char *text = g_strnfill (700, 'k');

      g_variant_unref (g_variant_ref_sink (key));
      key = g_variant_new_string (text);
    }
  g_variant_ref_sink (key);

  switch (g_rand_int_range (random, 0, 6))
    {
    case 0:
      forget (shmobj_dict_get (dict, key, &error), &error);
      break;
    case 1:
      forget_all (shmobj_dict_keys (dict, &n, &error), &n, &error);
      break;
    case 2:
      forget (shmobj_dict_items (dict, &error), &error);
      break;
    case 3:
      forget (shmobj_dict_pop (dict, key, &error), &error);
      break;
    case 4:
      shmobj_dict_remove (dict, key, &error);
      break;
    default:
      shmobj_dict_set (dict, key, some_value (random), &error);
    }
  accept (&error);
  g_variant_unref (key);
}

static guint
rounds (guint n)
{
  const char *factor = g_getenv ("SHMOBJ_TEST_SLOWER");

  return n / (factor != NULL ? MAX (atoi (factor), 1) : 1);
}

static ShmobjManager *
new_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new (NULL, NULL, &error);

  g_assert_no_error (error);
  return manager;
}

static void
test_list (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());

  for (guint i = 0; i < rounds (400); i++)
    {
      g_autoptr (ShmobjList) list = shmobj_manager_open_list (manager, "l", 0, NULL, NULL);
      GVariant *values[1000];
      gsize n = g_rand_int_range (random, 1, G_N_ELEMENTS (values));

      for (gsize k = 0; k < n; k++)
        values[k] = some_value (random);
      g_assert_true (shmobj_list_extend (list, values, n, NULL));
      for (guint k = 0; k < 30; k++)
        {
          if (k % 10 == 0)
            scribble_on (list, random);
          use_list (list, random);
        }
      g_assert_true (shmobj_manager_remove (manager, "l", NULL));
    }
}

static void
test_dict (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());

  for (guint i = 0; i < rounds (400); i++)
    {
      g_autoptr (ShmobjDict) dict = shmobj_manager_open_dict (manager, "d", 0, NULL, NULL);

      for (guint k = 0; k < 60; k++)
        use_dict (dict, random);
      for (guint k = 0; k < 60; k++)
        {
          if (k % 10 == 0)
            scribble_on (dict, random);
          use_dict (dict, random);
        }
      g_assert_true (shmobj_manager_remove (manager, "d", NULL));
    }
}

static void
use_value (ShmobjValue *value, GRand *random)
{
  g_autoptr (GVariant) sum = NULL;
  GError *error = NULL;

  forget (shmobj_value_get (value, &error), &error);
  sum = shmobj_value_add (value, g_variant_new_int32 (1), &error);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT) &&
      !g_error_matches (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE))
    accept (&error);
  g_clear_error (&error);
  shmobj_value_compare_and_set (value, some_value (random), some_value (random), &error);
  accept (&error);
  if (g_rand_int_range (random, 0, 4) == 0)
    shmobj_value_set (
        value, g_rand_boolean (random) ? g_variant_new_int32 (1) : some_value (random), &error);
  accept (&error);
}

static void
test_value (void)
{
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (GRand) random = g_rand_new_with_seed (g_test_rand_int ());

  for (guint i = 0; i < rounds (2000); i++)
    {
      g_autoptr (ShmobjValue) value =
          shmobj_manager_open_value (manager, "v", 0, some_value (random), NULL, NULL);

      for (guint k = 0; k < 5; k++)
        {
          scribble_on (value, random);
          use_value (value, random);
        }
      g_assert_true (shmobj_manager_remove (manager, "v", NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rows/scribbled-list-harms-nobody", test_list);
  g_test_add_func ("/rows/scribbled-dict-harms-nobody", test_dict);
  g_test_add_func ("/rows/scribbled-value-harms-nobody", test_value);
  return g_test_run ();
}
