/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What changes of a long list cost, counted in what does not depend on the machine: rows that are
 * looked at and written, and bytes written. The linker gives us LMDB's calls (--wrap). */

#include "list-fixture.h"

#include <lmdb.h>

#define LENGTH 1000000
#define BATCH 10000
#define CALLS 500

typedef struct
{
  guint64 rows;
  guint64 bytes;
} Cost;

static Cost cost;

int __real_mdb_get (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __real_mdb_put (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags);
int __wrap_mdb_put (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags);
int __real_mdb_del (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_del (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __real_mdb_cursor_get (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op);
int __wrap_mdb_cursor_get (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op);
int __real_mdb_cursor_put (MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags);
int __wrap_mdb_cursor_put (MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags);

int
__wrap_mdb_get (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
  cost.rows++;
  return __real_mdb_get (txn, dbi, key, data);
}

int
__wrap_mdb_put (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags)
{
  cost.rows++;
  cost.bytes += key->mv_size + data->mv_size;
  return __real_mdb_put (txn, dbi, key, data, flags);
}

int
__wrap_mdb_del (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
  cost.rows++;
  return __real_mdb_del (txn, dbi, key, data);
}

int
__wrap_mdb_cursor_get (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op)
{
  cost.rows++;
  return __real_mdb_cursor_get (cursor, key, data, op);
}

int
__wrap_mdb_cursor_put (MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags)
{
  cost.rows++;
  cost.bytes += key->mv_size + data->mv_size;
  return __real_mdb_cursor_put (cursor, key, data, flags);
}

static ShmobjList *
long_list (ShmobjManager *manager, gint64 length)
{
  ShmobjList *list = new_list (manager);
  GVariant *values[BATCH];

  for (gint64 i = 0; i < length; i += BATCH)
    {
      for (int j = 0; j < BATCH; j++)
        values[j] = g_variant_new_int64 (i + j);
      g_assert_true (shmobj_list_extend (list, values, BATCH, NULL));
    }
  g_assert_cmpint (shmobj_list_get_length (list, NULL), ==, length);
  return list;
}

typedef void (*Act) (ShmobjList *list, gint64 n, gint64 length);

static void
append (ShmobjList *list, gint64 n, gint64 length)
{
  g_assert_true (shmobj_list_append (list, g_variant_new_int64 (n), NULL));
}

static void
insert (ShmobjList *list, gint64 n, gint64 length)
{
  gint64 place = length / 2 + n * 7919 % (length / 4);

  g_assert_true (shmobj_list_insert (list, place, g_variant_new_int64 (n), NULL));
}

static void
set (ShmobjList *list, gint64 n, gint64 length)
{
  gint64 place = n * 7919 % length;

  g_assert_true (shmobj_list_set (list, place, g_variant_new_int64 (n), NULL));
}

static void
take_out (ShmobjList *list, gint64 n, gint64 length)
{
  g_autoptr (GVariant) value = shmobj_list_pop (list, length / 3 + n * 7919 % (length / 4), NULL);

  g_assert_nonnull (value);
}

static void
read_one (ShmobjList *list, gint64 n, gint64 length)
{
  g_autoptr (GVariant) value = shmobj_list_get (list, n * 7919 % length, NULL);

  g_assert_nonnull (value);
}

static Cost
measure (Act act, ShmobjList *list, gint64 length)
{
  cost = (Cost){ 0 };
  for (gint64 n = 0; n < CALLS; n++)
    act (list, n, length);
  g_test_message ("%.2f rows, %.0f bytes", (double) cost.rows / CALLS, (double) cost.bytes / CALLS);
  return cost;
}

static void
test_middle (void)
{
  static const Act acts[] = { insert, set, take_out };
  gint64 length = LENGTH / slower () / BATCH * BATCH;
  g_autoptr (ShmobjManager) manager = new_manager ();
  g_autoptr (ShmobjList) list = long_list (manager, length);
  Cost appends = measure (append, list, length), reads;

  for (guint i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      Cost here = measure (acts[i], list, length);

      g_assert_cmpuint (here.rows, <=, 30 * appends.rows);
      g_assert_cmpuint (here.bytes, <=, 30 * appends.bytes);
    }
  reads = measure (read_one, list, length);
  g_assert_cmpuint (reads.rows, <=, 6 * CALLS);
  g_assert_cmpuint (reads.bytes, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/list-cost/the-middle-of-a-million-costs-at-most-thirty-appends", test_middle);
  return g_test_run ();
}
