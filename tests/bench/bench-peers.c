/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one could do without any library, for tools/bench: words in shared memory, futexes,
 * memcpy, a robust mutex, LMDB by hand. Prints nanoseconds.
 *
 *     bench-peers CASE [NUMBER…]
 */

#include "run.h"

#include <linux/futex.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGE (1024 * 1024)

/* ---- two words, each on lines of its own ---- */

typedef struct
{
  __attribute__ ((aligned (128))) _Atomic (uint32_t) there;
  __attribute__ ((aligned (128))) _Atomic (uint32_t) back;
} Words;

static void
spin_while (_Atomic (uint32_t) *word, uint32_t value)
{
  while (atomic_load_explicit (word, memory_order_acquire) == value)
    ;
}

static void
words_here (void *data, long n)
{
  Words *w = data;

  for (uint32_t now = w->there; n > 0; n--, now++)
    {
      atomic_store_explicit (&w->there, now + 1, memory_order_release);
      spin_while (&w->back, now);
    }
}

static void
words_there (void *data, long n)
{
  Words *w = data;

  for (uint32_t now = w->back; n > 0; n--, now++)
    {
      spin_while (&w->there, now);
      atomic_store_explicit (&w->back, now + 1, memory_order_release);
    }
}

static RunResult
case_words (int argc, char **argv)
{
  return run_pair (words_here, words_there, run_shared (sizeof (Words)),
                   run_number (argc, argv, 2, 100000));
}

/* ---- futexes ---- */

static void
sleep_while (_Atomic (uint32_t) *word, uint32_t value)
{
  while (atomic_load (word) == value)
    syscall (SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void
store_and_wake (_Atomic (uint32_t) *word, uint32_t value)
{
  atomic_store (word, value);
  syscall (SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void
futex_here (void *data, long n)
{
  Words *w = data;

  for (uint32_t now = w->there; n > 0; n--, now++)
    {
      store_and_wake (&w->there, now + 1);
      sleep_while (&w->back, now);
    }
}

static void
futex_there (void *data, long n)
{
  Words *w = data;

  for (uint32_t now = w->back; n > 0; n--, now++)
    {
      sleep_while (&w->there, now);
      store_and_wake (&w->back, now + 1);
    }
}

static RunResult
case_futex (int argc, char **argv)
{
  run_on_one_cpu ();
  return run_pair (futex_here, futex_there, run_shared (sizeof (Words)),
                   run_number (argc, argv, 2, 20000));
}

/* ---- memcpy ---- */

typedef struct
{
  char *own, *shared;
  size_t size;
} Copy;

static void
copy_twice (void *data, long n)
{
  Copy *copy = data;

  for (; n > 0; n--)
    {
      memcpy (copy->shared, copy->own, copy->size);
      __asm__ volatile("" ::: "memory");
      memcpy (copy->own, copy->shared, copy->size);
      __asm__ volatile("" ::: "memory");
    }
}

static RunResult
case_memcpy (int argc, char **argv)
{
  size_t size = run_number (argc, argv, 2, LARGE);
  Copy copy = { malloc (size), run_shared (size), size };

  if (copy.own == NULL)
    run_fail ("malloc");
  memset (copy.own, 1, size);
  return run_solo (copy_twice, &copy, run_number (argc, argv, 3, 200));
}

/* ---- a robust mutex ---- */

static void
mutex_pair (void *data, long n)
{
  for (; n > 0; n--)
    {
      pthread_mutex_lock (data);
      pthread_mutex_unlock (data);
    }
}

static RunResult
case_mutex (int argc, char **argv)
{
  pthread_mutex_t *mutex = run_shared (sizeof *mutex);
  pthread_mutexattr_t attributes;

  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init (mutex, &attributes);
  return run_solo (mutex_pair, mutex, run_number (argc, argv, 2, 1000000));
}

/* ---- LMDB by hand: one key to a value, a transaction each ---- */

#define KEYS 1000

typedef struct
{
  MDB_env *environment;
  MDB_dbi database;
} Store;

static void
must (int status)
{
  if (status != 0)
    {
      fprintf (stderr, "%s\n", mdb_strerror (status));
      exit (3);
    }
}

static void
lmdb_write (void *data, long n)
{
  Store *store = data;
  char value[16] = "";

  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t key = i % KEYS;
      MDB_txn *transaction;

      memcpy (value, &i, sizeof i);
      must (mdb_txn_begin (store->environment, NULL, 0, &transaction));
      must (mdb_put (transaction, store->database, &(MDB_val){ sizeof key, &key },
                     &(MDB_val){ sizeof value, value }, 0));
      must (mdb_txn_commit (transaction));
    }
}

/* Ten in one transaction. */
static void
lmdb_transact (void *data, long n)
{
  Store *store = data;
  char value[16] = "";

  for (uint32_t i = 0; i < n; i++)
    {
      MDB_txn *transaction;

      must (mdb_txn_begin (store->environment, NULL, 0, &transaction));
      for (uint32_t j = 0; j < 10; j++)
        {
          uint32_t key = (i * 10 + j) % KEYS;

          memcpy (value, &i, sizeof i);
          must (mdb_put (transaction, store->database, &(MDB_val){ sizeof key, &key },
                         &(MDB_val){ sizeof value, value }, 0));
        }
      must (mdb_txn_commit (transaction));
    }
}

static void
lmdb_read (void *data, long n)
{
  Store *store = data;
  MDB_txn *transaction;

  must (mdb_txn_begin (store->environment, NULL, MDB_RDONLY, &transaction));
  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t key = i % KEYS;
      MDB_val value;

      mdb_txn_reset (transaction);
      must (mdb_txn_renew (transaction));
      must (mdb_get (transaction, store->database, &(MDB_val){ sizeof key, &key }, &value));
    }
  mdb_txn_abort (transaction);
}

static RunResult
in_store (void (*work) (void *, long), long n)
{
  char folder[] = "/dev/shm/bench-lmdb-XXXXXX", *file;
  MDB_txn *transaction;
  Store store;
  RunResult took;

  if (mkdtemp (folder) == NULL)
    run_fail ("mkdtemp");
  must (mdb_env_create (&store.environment));
  must (mdb_env_set_mapsize (store.environment, 64 << 20));
  must (mdb_env_open (store.environment, folder, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600));
  must (mdb_txn_begin (store.environment, NULL, 0, &transaction));
  must (mdb_dbi_open (transaction, NULL, MDB_INTEGERKEY, &store.database));
  must (mdb_txn_commit (transaction));
  lmdb_write (&store, KEYS);
  took = run_served (work, &store, n); /* as ours, beside the servers */
  mdb_env_close (store.environment);
  for (int i = 0; i < 2; i++)
    {
      if (asprintf (&file, "%s/%s", folder, i == 0 ? "data.mdb" : "lock.mdb") < 0)
        run_fail ("asprintf");
      unlink (file);
      free (file);
    }
  rmdir (folder);
  return took;
}

static RunResult
case_lmdb_write (int argc, char **argv)
{
  return in_store (lmdb_write, run_number (argc, argv, 2, 20000));
}

static RunResult
case_lmdb_read (int argc, char **argv)
{
  return in_store (lmdb_read, run_number (argc, argv, 2, 100000));
}

static RunResult
case_lmdb_transact (int argc, char **argv)
{
  return in_store (lmdb_transact, run_number (argc, argv, 2, 5000));
}

static const struct
{
  const char *name;
  RunResult (*run) (int argc, char **argv);
} cases[] = {
  { "words", case_words },
  { "futex", case_futex },
  { "memcpy", case_memcpy },
  { "mutex", case_mutex },
  { "lmdb-write", case_lmdb_write },
  { "lmdb-read", case_lmdb_read },
  { "lmdb-transact", case_lmdb_transact },
};

int
main (int argc, char **argv)
{
  for (unsigned int i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        run_print (cases[i].run (argc, argv));
        return 0;
      }
  fprintf (stderr, "bench-peers: no such case\n");
  return 2;
}
