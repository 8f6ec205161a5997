/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a store grows: the map is exactly as large as the bytes reserved for its file.
 *
 * Tried: a large map over a file that is reserved step by step. A transaction that outgrows the
 * step touches a page that is not there, and on a full tmpfs that is SIGBUS. With map size =
 * reserved bytes LMDB itself says MDB_MAP_FULL; the writer, inside the gate, reserves more,
 * remaps, and runs its transaction again. Others meet MDB_MAP_RESIZED and adopt the file's size.
 *
 * The size lock (flock on the format file) orders everything that looks at the file's size and
 * then maps: LMDB with MDB_WRITEMAP truncates the file to its map, so an opener who looked just
 * before somebody grew it would cut it off. It is held for the time of a reservation.
 *
 * In one process remapping moves the memory that other threads read. They are counted in and out
 * (store-txn.c); the one who remaps raises a flag and waits until none is left.
 *
 * The reserve. A full store could not even delete, because a change copies pages first. So who
 * adds is refused as soon as fewer than reserve() pages would be left, and who frees may use them.
 *
 * Death: a grower that dies leaves a file larger than anybody's map, which the next one adopts.
 */

#include "manager/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEP_MIN (G_GUINT64_CONSTANT (64) << 10)
#define STEP_MAX (G_GUINT64_CONSTANT (64) << 20)
#define SIZE_LOCK_US (20 * G_USEC_PER_SEC)
#define HELD_MAX 16      /* threads of a process that open or grow stores at the same time */
#define PAGES_PER_TXN 32 /* copies of inner pages and of the free list, generously */

/* Descriptors with a size lock, or on the way to one. A forked child closes its copies: a lock ends
 * with the last copy, and a child that waits for the lock it has itself waits in vain. */
static int held_fds[HELD_MAX] = { [0 ... HELD_MAX - 1] = -1 };

static void
close_held_in_child (ForkHook *hook)
{
  for (guint i = 0; i < HELD_MAX; i++)
    {
      if (held_fds[i] >= 0)
        close (held_fds[i]);
      held_fds[i] = -1;
    }
}

static ForkHook held_hook = { .in_child = close_held_in_child };

__attribute__ ((constructor)) static void
watch_forks (void)
{
  fork_hook_add (&held_hook);
}

static gboolean
exchange_held (int old_fd, int new_fd)
{
  for (guint i = 0; i < HELD_MAX; i++)
    if (held_fds[i] == old_fd)
      {
        held_fds[i] = new_fd;
        return TRUE;
      }
  return FALSE;
}

/* The descriptor that holds the lock, or -errno. A stopped holder makes us give up in the end. */
int
store_size_lock (const char *path)
{
  g_autofree char *file = g_build_filename (path, "format", NULL);
  gint64 deadline = g_get_monotonic_time () + SIZE_LOCK_US;
  int fd, failure;

  fork_hold ();
  fd = open (file, O_RDONLY | O_CLOEXEC);
  failure = fd < 0 ? errno : exchange_held (-1, fd) ? 0 : EAGAIN;
  fork_release ();

  for (gulong nap = 50; failure == 0 && flock (fd, LOCK_EX | LOCK_NB) != 0;
       nap = MIN (nap * 2, 10000))
    {
      if (errno != EWOULDBLOCK && errno != EINTR)
        failure = errno;
      else if (g_get_monotonic_time () > deadline)
        failure = EBUSY;
      else
        g_usleep (nap);
    }
  if (failure != 0 && fd >= 0)
    store_size_unlock (fd);
  return failure == 0 ? fd : -failure;
}

void
store_size_unlock (int lock)
{
  fork_hold ();
  exchange_held (lock, -1);
  close (lock);
  fork_release ();
}

static int
remap (Store *store, guint64 size)
{
  int rc;

  atomic_store (&store->remapping, 1);
  while (atomic_load (&store->readers) > 0)
    sched_yield ();
  rc = mdb_env_set_mapsize (store->env, size);
  atomic_fetch_add (&store->mappings, 1);
  atomic_store (&store->remapping, 0);
  return rc;
}

/* Under the mapping mutex, no write transaction open. */
int
store_adopt_locked (Store *store)
{
  int lock = store_size_lock (store->path);
  int rc;

  if (lock < 0)
    return -lock;
  rc = remap (store, store_file_size (store));
  store_size_unlock (lock);
  return rc;
}

int
store_adopt (Store *store)
{
  int rc;

  g_mutex_lock (&store->mapping);
  rc = store_adopt_locked (store);
  g_mutex_unlock (&store->mapping);
  return rc;
}

/* How much may be taken from the file system. A stopped reader pins what it sees, and then a store
 * grows by all that is written: it must not take the last page of the directory in which a whole
 * desktop has its sockets. */
static guint64
allowance (Store *store, int fd)
{
  guint share = (store->flags & STORE_DURABLE) ? 64 : 8; /* of which one is left to others */
  guint64 available;
  struct statvfs fs;

  if (fstatvfs (fd, &fs) != 0 || fs.f_blocks == 0)
    return STEP_MAX;
  available = (guint64) fs.f_bavail * fs.f_frsize;
  return available - MIN (available, (guint64) fs.f_blocks * fs.f_frsize / share);
}

static int
reserve_bytes (int fd, guint64 from, guint64 to)
{
  int rc;

  do
    rc = fallocate (fd, 0, from, to - from) == 0 ? 0 : errno;
  while (rc == EINTR);

  return rc == EOPNOTSUPP ? posix_fallocate (fd, from, to - from) : rc;
}

/* Doubles the file while it is small, adds a step later, at least what @bytes need; takes less when
 * there is less. Inside the gate, under the mapping mutex, no transaction open. */
int
store_grow_locked (Store *store, gsize bytes)
{
  int lock = store_size_lock (store->path);
  guint64 size, least, step, allowed;
  int fd, rc = ENOSPC;

  if (lock < 0)
    return -lock;

  mdb_env_get_fd (store->env, &fd);
  size = store_file_size (store);
  least = (bytes + bytes / 8 + STEP_MIN - 1) / STEP_MIN * STEP_MIN;
  least = MAX (least, STEP_MIN);
  step = MAX (CLAMP (size, STEP_MIN, STEP_MAX), least);
  allowed = allowance (store, fd);

  for (; rc == ENOSPC && step >= least; step = step == least ? 0 : MAX (step / 2, least))
    if (step <= allowed)
      rc = reserve_bytes (fd, size, size + step);

  if (rc == 0)
    rc = remap (store, store_file_size (store));
  store_size_unlock (lock);
  return rc;
}

/* LMDB shows its free list to reading transactions only. */
static guint64
free_list_pages (Store *store)
{
  MDB_val key, value;
  MDB_cursor *cursor;
  MDB_txn *txn;
  guint64 pages = 0;

  if (mdb_txn_begin (store->env, NULL, MDB_RDONLY, &txn) != 0)
    return 0;
  if (mdb_cursor_open (txn, 0, &cursor) == 0)
    {
      while (mdb_cursor_get (cursor, &key, &value, MDB_NEXT) == 0)
        {
          gsize count; /* each list begins with its length */

          if (value.mv_size < sizeof count)
            break;
          memcpy (&count, value.mv_data, sizeof count);
          pages += count;
        }
      mdb_cursor_close (cursor);
    }
  mdb_txn_abort (txn);
  return pages;
}

/* TRUE when what adds @bytes leaves the reserve untouched. Normally this costs a few loads. Near
 * the end of the map the free list is counted, and then not again for as many writes as surely fit,
 * in this and some other processes: a store that once was large has thousands of entries there.
 * Inside the gate, before the transaction. */
gboolean
store_has_room (Store *store, gsize bytes)
{
  guint64 pages, wanted, room;
  MDB_envinfo info;

  mdb_env_info (store->env, &info);
  pages = info.me_mapsize / store->page_size;
  wanted = 2 * PAGES_PER_TXN + pages / 64 + bytes / store->page_size;

  if (G_LIKELY (pages >= info.me_last_pgno + wanted))
    return TRUE;
  if (store->writes_that_fit > 0 && bytes < store->page_size)
    {
      store->writes_that_fit--;
      return TRUE;
    }

  room = pages - MIN (pages, info.me_last_pgno + 1) + free_list_pages (store);
  if (room < wanted)
    return FALSE;
  store->writes_that_fit = MIN ((room - wanted) / (4 * PAGES_PER_TXN), 1000);
  return TRUE;
}
