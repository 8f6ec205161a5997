/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening and closing of stores: one LMDB environment per directory and process.
 *
 * Why one: LMDB knows its processes by fcntl locks on lock.mdb, and any close of that file in a
 * process drops them. A second environment on the same directory, closed, would let the next
 * newcomer reset the lock file under the feet of the first: two writers at once. So stores are
 * shared through a registry by device and inode.
 *
 * Forks. The environment of the parent is unusable in the child and must not be closed there by
 * LMDB's own means (that would disturb the parent's). The child closes the inherited descriptors
 * before anything else (a fork hook): once it has an environment of its own, their close would
 * drop its locks. It opens that one at its first use; the old mapping stays mapped and unused.
 *
 * Death. A process killed at any instruction leaves the last committed state: LMDB's writers copy
 * pages and publish by one of two alternating headers (store-header.c). What a dead reader pinned
 * is freed when somebody needs room (store-growth.c). What a dead opener half made has a temporary
 * name (directory.c).
 *
 * On tmpfs the map is written directly (MDB_WRITEMAP) and never synchronised; on a disk pages are
 * written and every commit is synchronised, or some are (store-checkpoint.c).
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static Store *registry; /* every store of this process, not owned; whole at any instant */
static GMutex registry_mutex;
static GMutex opening_mutex; /* long: held while an environment is opened */

/* The locks of all stores together: threads that held one are not in the child. */
static void
free_locks_in_child (ForkHook *hook)
{
  g_mutex_init (&registry_mutex);
  g_mutex_init (&opening_mutex);
}

static void
close_in_child (ForkHook *hook)
{
  Store *store = (Store *) ((guint8 *) hook - G_STRUCT_OFFSET (Store, hook));

  for (guint i = 0; i < STORE_FDS; i++)
    if (store->fds[i] >= 0)
      close (store->fds[i]);
}

static ForkHook locks_hook = { .in_child = free_locks_in_child };

__attribute__ ((constructor)) static void
watch_forks (void)
{
  fork_hook_add (&locks_hook);
}

guint
store_data_version (void)
{
  int major, minor, patch;

  mdb_version (&major, &minor, &patch);
  return major == 0 && minor == 9 && patch < 90 ? 1 : 2;
}

const char *
store_library_version (void)
{
  return mdb_version (NULL, NULL, NULL);
}

static void
set_error (int rc, const char *path, const char *doing, GError **error)
{
  const char *why = mdb_strerror (rc);

  switch (rc)
    {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "%s in “%s”: no room is left; remove something, or give its file system more",
                   doing, path);
      return;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_BAD_TXN:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT, "%s in “%s”: %s", doing, path, why);
      return;
    case MDB_VERSION_MISMATCH:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE, "%s in “%s”: %s", doing, path,
                   why);
      return;
    case MDB_READERS_FULL:
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
                   "%s in “%s”: %d processes and threads read it already, the most there can be",
                   doing, path, STORE_READERS_MAX);
      return;
    case MDB_BAD_VALSIZE:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "%s in “%s”: %s", doing, path,
                   why);
      return;
    default:
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (rc), "%s in “%s”: %s", doing, path,
                   why);
      return;
    }
}

gboolean
store_fail (Store *store, int rc, const char *doing, GError **error)
{
  set_error (rc, store->path, doing, error);
  return FALSE;
}

/* Finds what LMDB opened: it tells only one of its descriptors. */
static void
find_descriptors (Store *store)
{
  static const char *const files[] = { "data.mdb", "lock.mdb" };
  struct dirent *entry;
  guint found = 0;
  DIR *fds = opendir ("/proc/self/fd");

  memset (store->fds, -1, sizeof store->fds);
  while (fds != NULL && (entry = readdir (fds)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (files); i++)
      {
        g_autofree char *path = g_build_filename (store->path, files[i], NULL);
        struct stat wanted, seen;

        if (g_ascii_isdigit (entry->d_name[0]) && found < STORE_FDS && stat (path, &wanted) == 0 &&
            fstat (atoi (entry->d_name), &seen) == 0 && seen.st_dev == wanted.st_dev &&
            seen.st_ino == wanted.st_ino)
          store->fds[found++] = atoi (entry->d_name);
      }
  if (fds != NULL)
    closedir (fds);
}

static guint
environment_flags (StoreFlags flags)
{
  return MDB_NOTLS | ((flags & STORE_DURABLE) ? 0 : MDB_WRITEMAP | MDB_NOSYNC);
}

/* Opens the environment of @path with a map of exactly @size bytes. */
static int
open_environment (const char *path, StoreFlags flags, guint64 size, MDB_env **env, MDB_dbi *rows)
{
  MDB_txn *txn;
  int rc;

  if ((rc = mdb_env_create (env)) != 0)
    return rc;

  mdb_env_set_mapsize (*env, size);
  mdb_env_set_maxreaders (*env, STORE_READERS_MAX);
  rc = mdb_env_open (*env, path, environment_flags (flags), 0600);
  if (rc == 0)
    rc = mdb_txn_begin (*env, NULL, MDB_RDONLY, &txn);
  if (rc == 0)
    {
      rc = mdb_dbi_open (txn, NULL, 0, rows);
      if (rc == 0)
        rc = mdb_txn_commit (txn);
      else
        mdb_txn_abort (txn);
    }
  if (rc != 0)
    {
      mdb_env_close (*env);
      *env = NULL;
    }
  return rc;
}

/* Reserves the lock file's pages before LMDB maps it: a full tmpfs is an error here, not SIGBUS
 * there. Closing the file is harmless as long as nobody has opened the environment. */
static int
reserve_lock_file (const char *path)
{
  g_autofree char *file = g_build_filename (path, "lock.mdb", NULL);
  int fd = open (file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int rc;

  if (fd < 0)
    return errno;
  rc = posix_fallocate (fd, 0, 64 * (STORE_READERS_MAX + 2));
  close (fd);
  return rc;
}

/* Commits once and leaves nothing: no published number in use is 0 (store-header.c). */
static int
commit_once (MDB_env *env, MDB_dbi rows)
{
  char row = 0;
  MDB_val value = { 1, &row };
  MDB_txn *txn;
  int rc = mdb_txn_begin (env, NULL, 0, &txn);

  if (rc != 0)
    return rc;
  rc = mdb_put (txn, rows, &value, &value, 0);
  if (rc == 0)
    rc = mdb_del (txn, rows, &value, NULL);
  if (rc == 0)
    return mdb_txn_commit (txn);
  mdb_txn_abort (txn);
  return rc;
}

gboolean
store_create (const char *path, StoreFlags flags, GError **error)
{
  MDB_env *env = NULL;
  MDB_dbi rows;
  int fd, rc;

  rc = reserve_lock_file (path);
  if (rc == 0)
    rc = open_environment (path, flags, STORE_FIRST_SIZE, &env, &rows);
  if (rc == 0)
    {
      mdb_env_get_fd (env, &fd);
      rc = posix_fallocate (fd, 0, STORE_FIRST_SIZE);
      if (rc == 0)
        rc = commit_once (env, rows);
      if (rc == 0 && (flags & STORE_DURABLE))
        rc = mdb_env_sync (env, 1);
      mdb_env_close (env);
    }
  if (rc != 0)
    set_error (rc, path, "Making a store", error);
  return rc == 0;
}

/* Under the size lock. */
static gboolean
open_files (Store *store, GError **error)
{
  gboolean whole;
  guint64 size;
  int rc = store_headers_open (&store->headers, store->path, store->flags);

  if (rc != 0)
    return store_fail (store, rc, "Opening the store", error);
  if (store->headers.alone && (store->flags & STORE_DURABLE) && !checkpoint_recover (store, error))
    {
      store_headers_close (&store->headers);
      return FALSE;
    }
  whole = store->headers.alone && !store_take_clean (store->path);
  if (store_check_file (store->path, whole, &size, error))
    {
      rc = open_environment (store->path, store->flags, size, &store->env, &store->rows);
      if (rc == 0)
        {
          store_headers_opened (&store->headers);
          return TRUE;
        }
      store_fail (store, rc, "Opening the store", error);
    }
  store_headers_close (&store->headers);
  return FALSE;
}

/* Opens what belongs to this process alone. Under opening_mutex. */
static gboolean
open_here (Store *store, GError **error)
{
  MDB_stat stat;
  gboolean opened;
  int lock;

  lock = store_size_lock (store->path);
  if (lock < 0)
    return store_fail (store, -lock, "Opening the store", error);
  opened = open_files (store, error);
  store_size_unlock (lock);
  if (!opened)
    return FALSE;

  mdb_env_stat (store->env, &stat);
  store->page_size = stat.ms_psize;
  find_descriptors (store);
  store->generation = fork_generation ();
  return TRUE;
}

gboolean
store_open_after_fork (Store *store, GError **error)
{
  gboolean opened;

  g_mutex_lock (&opening_mutex);
  opened = store->generation == fork_generation ();
  if (!opened)
    {
      g_mutex_init (&store->mapping);
      g_mutex_init (&store->transacting);
      store->transactions = store->reserver = NULL;
      store->n_transactions = 0;
      store->readers = store->remapping = 0;
      readers_free (store, TRUE);
      opened = open_here (store, error);
    }
  g_mutex_unlock (&opening_mutex);
  return opened;
}

/* A store that is registered, with a new reference, or NULL. */
static Store *
find_open (const guint64 identity[2])
{
  Store *store;

  g_mutex_lock (&registry_mutex);
  for (store = registry; store != NULL; store = store->next)
    if (store->identity[0] == identity[0] && store->identity[1] == identity[1])
      {
        store_ref (store);
        break;
      }
  g_mutex_unlock (&registry_mutex);
  return store;
}

static void
enlist (Store *store)
{
  g_mutex_lock (&registry_mutex);
  store->next = registry;
  registry = store;
  g_mutex_unlock (&registry_mutex);
}

static void
delist (Store *store)
{
  Store **link = &registry;

  while (*link != store)
    link = &(*link)->next;
  *link = store->next;
}

/* Those who leave without closing. */
__attribute__ ((destructor)) static void
sync_at_exit (void)
{
  if (!g_mutex_trylock (&registry_mutex))
    return;
  for (Store *store = registry; store != NULL; store = store->next)
    checkpoint_at_exit (store);
  g_mutex_unlock (&registry_mutex);
}

static gboolean
open_gate (Store *store, GError **error)
{
  int fd = open (store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean opened;

  if (fd < 0)
    return store_fail (store, errno, "Opening the manager", error);
  opened = gate_open (&store->gate, fd, error);
  close (fd);
  if (opened)
    watchers_init (&store->watchers, &store->gate, store->path);
  return opened;
}

static Store *
store_new (const char *path, StoreFlags flags, const guint64 identity[2], GError **error)
{
  Store *store = g_new0 (Store, 1);

  g_atomic_ref_count_init (&store->references);
  store->path = g_strdup (path);
  store->flags = flags;
  store->sync_interval_us = -1;
  store->identity[0] = identity[0];
  store->identity[1] = identity[1];
  store->hook.in_child = close_in_child;
  g_mutex_init (&store->mapping);
  g_mutex_init (&store->transacting);

  if (open_gate (store, error))
    {
      if (open_here (store, error))
        {
          fork_hook_add (&store->hook);
          return store;
        }
      gate_close (&store->gate);
    }
  g_free (store->path);
  g_free (store);
  return NULL;
}

Store *
store_open (const char *path, StoreFlags flags, GError **error)
{
  g_autofree char *file = g_build_filename (path, "data.mdb", NULL);
  guint64 identity[2];
  struct stat seen;
  Store *store;

  if (stat (file, &seen) != 0)
    {
      set_error (errno, path, "Opening the store", error);
      return NULL;
    }
  identity[0] = seen.st_dev;
  identity[1] = seen.st_ino;

  g_mutex_lock (&opening_mutex);
  store = find_open (identity);
  if (store == NULL)
    {
      store = store_new (path, flags, identity, error);
      if (store != NULL)
        enlist (store);
    }
  g_mutex_unlock (&opening_mutex);
  return store;
}

Store *
store_ref (Store *store)
{
  g_atomic_ref_count_inc (&store->references);
  return store;
}

/* In a child that never used it there is nothing of its own to close. */
static void
store_free (Store *store)
{
  if (store->generation == fork_generation ())
    {
      readers_free (store, FALSE);
      mdb_env_close (store->env);
      store_headers_close (&store->headers);
      store_leave_clean (store->path);
    }
  fork_hook_remove (&store->hook);
  watchers_clear (&store->watchers);
  gate_close (&store->gate);
  g_mutex_clear (&store->mapping);
  g_mutex_clear (&store->transacting);
  g_free (store->path);
  g_free (store);
}

void
store_unref (Store *store)
{
  gboolean last;

  /* Under both, so that nobody finds it in the registry on its way out, nor opens the same files
   * before they are closed. */
  g_mutex_lock (&opening_mutex);
  g_mutex_lock (&registry_mutex);
  last = g_atomic_ref_count_dec (&store->references);
  if (last)
    delist (store);
  g_mutex_unlock (&registry_mutex);
  if (last)
    store_free (store);
  g_mutex_unlock (&opening_mutex);
}

Watchers *
store_get_watchers (Store *store)
{
  return &store->watchers;
}

guint64
store_file_size (Store *store)
{
  struct stat seen;
  int fd;

  mdb_env_get_fd (store->env, &fd);
  return fstat (fd, &seen) == 0 ? seen.st_size : 0;
}

guint64
store_get_size (Store *store)
{
  return store_enter (store, NULL) ? store_file_size (store) : 0;
}

void
store_set_patience (Store *store, gint64 patience_us)
{
  atomic_store (&store->gate.patience_us, patience_us);
}

gint64
store_get_patience (Store *store)
{
  return atomic_load (&store->gate.patience_us);
}
