/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Durable stores that are on the disk at intervals.
 *
 *     checkpoint.mdb    the used pages of data.mdb as one commit left them; always whole
 *     unsynced          boot id of the kernel that has what data.mdb lacks on the disk
 *
 * A commit that is not synchronised costs a tenth, but after a crash of the machine data.mdb is a
 * mix of old and new pages, which no order of ours can mend. So beside it there is a copy of one
 * commit, and a store is in one of two states:
 *
 *   synced      no “unsynced”: data.mdb on the disk is whole by itself
 *   unsynced    checkpoint.mdb on the disk is whole; data.mdb is good under this boot id only
 *
 * To unsynced: the copy is made under a temporary name, fsync, rename, fsync of the directory; then
 * “unsynced” likewise; then the first commit without a sync. A new checkpoint replaces the old one
 * in the same way. Back to synced: fsync of data.mdb, “unsynced” removed, fsync of the directory;
 * then checkpoint.mdb is of no use and is removed. At each step in between a crash of the machine
 * finds either state whole, and a process killed there has changed nothing that others see.
 *
 * All of it happens inside the gate, so nobody writes meanwhile: others who write wait for the
 * copy, readers do not. Or it happens when nobody is inside, under the size lock: at the last
 * close, and at an opening that finds another boot id. That one copies the checkpoint into
 * data.mdb, where it is; killed or crashed in between it begins again, since “unsynced” goes last.
 *
 * Who may skip what is told by a word in the gate's segment, so a write looks at no file:
 *
 *      0    not known: so at the first opening, and during a change of state
 *     +t    unsynced, and the last checkpoint was made at t
 *     -t    synced, since t
 *
 * Stricter wins. A process that synchronises each commit makes the store synced before its own, and
 * for as long as their interval those who do not then synchronise theirs as well: so the store is
 * copied once per interval at most, whoever writes.
 *
 * What the boot id does not tell: a disk that is pulled out, and mounted again by the same kernel.
 */

#include "manager/store-private.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "manager/format-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define FILE_DATA "data.mdb"
#define FILE_CHECKPOINT "checkpoint.mdb"
#define FILE_NEW "checkpoint.new"
#define FILE_UNSYNCED "unsynced"
#define BUFFER_SIZE (256 << 10)
#define AT_EXIT_US G_USEC_PER_SEC
#define DOING_CHECKPOINT "Making a checkpoint"
#define DOING_SYNC "Synchronising"
#define DOING_RECOVER "Going back to the checkpoint"

static int
open_directory (const char *path)
{
  return open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static gboolean
boot_id (Store *store, char text[FILE_SIZE_MAX], GError **error)
{
  int code;

  return format_read_small (AT_FDCWD, BOOT_ID, text, &code) ||
         store_fail (store, code, "Reading “" BOOT_ID "” for the store", error);
}

/* Where the kernel cannot copy by itself. */
static int
copy_by_hand (int from, int to, guint64 done, guint64 size)
{
  g_autofree char *buffer = g_malloc (BUFFER_SIZE);

  while (done < size)
    {
      gssize n = pread (from, buffer, MIN (size - done, BUFFER_SIZE), done);

      if (n > 0)
        n = pwrite (to, buffer, n, done);
      if (n == 0)
        return EIO; /* shorter than it says */
      if (n < 0 && errno != EINTR)
        return errno;
      done += MAX (n, 0);
    }
  return 0;
}

/* File systems that can share pages between files do. */
static int
copy_bytes (int from, int to, guint64 size)
{
  off_t read_at = 0, write_at = 0;

  while ((guint64) write_at < size)
    {
      gssize n = copy_file_range (from, &read_at, to, &write_at, size - write_at, 0);

      if (n == 0)
        return EIO;
      if (n < 0 && (errno == ENOSYS || errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP))
        return copy_by_hand (from, to, write_at, size);
      if (n < 0 && errno != EINTR)
        return errno;
    }
  return 0;
}

/* The first @size bytes of @data as the checkpoint on the disk. 0 or errno. */
static int
write_checkpoint (int directory, int data, guint64 size)
{
  int fd = openat (directory, FILE_NEW, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  int code;

  if (fd < 0)
    return errno;
  code = copy_bytes (data, fd, size);
  if (code == 0 && fsync (fd) != 0)
    code = errno;
  close (fd);
  if (code == 0 && renameat (directory, FILE_NEW, directory, FILE_CHECKPOINT) != 0)
    code = errno;
  if (code != 0)
    unlinkat (directory, FILE_NEW, 0);
  return code != 0 || fsync (directory) == 0 ? code : errno;
}

static gboolean
write_unsynced (Store *store, int directory, GError **error)
{
  char text[FILE_SIZE_MAX];

  return boot_id (store, text, error) &&
         format_write_small (directory, FILE_UNSYNCED, text, error) &&
         (fsync (directory) == 0 || store_fail (store, errno, DOING_CHECKPOINT, error));
}

/* Inside the gate, under the mapping mutex: afterwards the store is unsynced, and all that was
 * committed is in the checkpoint. */
static gboolean
make_checkpoint (Store *store, GError **error)
{
  CheckpointShared *shared = &store->gate.shared->checkpoint;
  int directory = open_directory (store->path), data, code;
  gboolean made = directory >= 0;
  MDB_envinfo info;

  if (!made)
    return store_fail (store, errno, DOING_CHECKPOINT, error);

  mdb_env_info (store->env, &info);
  mdb_env_get_fd (store->env, &data);
  code = write_checkpoint (directory, data, (guint64) (info.me_last_pgno + 1) * store->page_size);
  if (code != 0)
    made = store_fail (store, code, DOING_CHECKPOINT, error);
  else if (atomic_load (&shared->state_us) <= 0)
    {
      atomic_store (&shared->state_us, 0);
      made = write_unsynced (store, directory, error);
    }
  close (directory);

  if (made)
    {
      atomic_store (&shared->commit, info.me_last_txnid);
      atomic_store (&shared->state_us, sys_now_us ());
    }
  return made;
}

static gboolean
has_new_commits (Store *store)
{
  MDB_envinfo info;

  mdb_env_info (store->env, &info);
  return info.me_last_txnid != atomic_load (&store->gate.shared->checkpoint.commit);
}

/* The directory's files become synced. 0 or errno. */
static int
settle_files (int directory, int data)
{
  if (fsync (data) != 0 || (unlinkat (directory, FILE_UNSYNCED, 0) != 0 && errno != ENOENT) ||
      fsync (directory) != 0)
    return errno;
  unlinkat (directory, FILE_CHECKPOINT, 0);
  return 0;
}

/* Inside the gate: afterwards the store is synced. */
static gboolean
settle (Store *store, GError **error)
{
  CheckpointShared *shared = &store->gate.shared->checkpoint;
  int directory = open_directory (store->path), data, code;

  if (directory < 0)
    return store_fail (store, errno, DOING_SYNC, error);
  atomic_store (&shared->state_us, 0);
  mdb_env_get_fd (store->env, &data);
  code = settle_files (directory, data);
  close (directory);
  if (code != 0)
    return store_fail (store, code, DOING_SYNC, error);
  atomic_store (&shared->state_us, -sys_now_us ());
  return TRUE;
}

static gint64
interval_of (Store *store)
{
  return MAX (atomic_load (&store->sync_interval_us), 0);
}

static gboolean
is_recent (gint64 state_us, gint64 interval_us)
{
  gint64 age_us = sys_now_us () - ABS (state_us);

  return state_us != 0 && age_us >= 0 && age_us < interval_us;
}

gboolean
checkpoint_before_write (Store *store, const StoreWrite *write, GError **error)
{
  CheckpointShared *shared = &store->gate.shared->checkpoint;
  gint64 state_us = atomic_load (&shared->state_us), interval_us = interval_of (store);
  GError *local_error = NULL;
  gboolean ready = TRUE;

  if (interval_us == 0)
    ready = state_us < 0 || settle (store, error);
  else if (is_recent (state_us, interval_us))
    ;
  else if (state_us > 0 && !has_new_commits (store))
    atomic_store (&shared->state_us, sys_now_us ());
  else if (!make_checkpoint (store, &local_error))
    {
      ready = write->bytes == 0 && settle (store, NULL); /* so that removing still works */
      if (ready)
        g_error_free (local_error);
      else
        g_propagate_error (error, local_error);
    }

  if (ready)
    mdb_env_set_flags (store->env, MDB_NOSYNC, atomic_load (&shared->state_us) > 0);
  return ready;
}

/* Inside the gate, under the mapping mutex. */
static gboolean
sync_now (Store *store, GError **error)
{
  gint64 state_us = atomic_load (&store->gate.shared->checkpoint.state_us);

  if (state_us < 0 || (state_us > 0 && !has_new_commits (store)))
    return TRUE;
  return interval_of (store) > 0 ? make_checkpoint (store, error) : settle (store, error);
}

gboolean
store_sync (Store *store, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  gboolean entered, synced;

  if (!(store->flags & STORE_DURABLE))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "“%s” is in memory and on no disk; a manager at a path is", store->path);
      return FALSE;
    }
  if (!store_enter (store, error))
    return FALSE;
  entered = store_thread_has_transaction (store)
                ? gate_enter_reserved (&store->gate, timeout_us, cancellable, error)
                : gate_enter (&store->gate, timeout_us, cancellable, error);
  if (!entered)
    return FALSE;

  g_mutex_lock (&store->mapping);
  synced = sync_now (store, error);
  g_mutex_unlock (&store->mapping);
  gate_leave (&store->gate);
  return synced;
}

void
store_set_sync_interval (Store *store, gint64 interval_us)
{
  gint64 current_us = atomic_load (&store->sync_interval_us);

  while ((current_us < 0 || interval_us < current_us) &&
         !atomic_compare_exchange_weak (&store->sync_interval_us, &current_us, interval_us))
    ;
}

void
checkpoint_at_exit (Store *store)
{
  if (interval_of (store) == 0 || store->generation != fork_generation () ||
      atomic_load (&store->gate.shared->checkpoint.state_us) < 0 ||
      !gate_enter (&store->gate, AT_EXIT_US, NULL, NULL))
    return;
  settle (store, NULL);
  gate_leave (&store->gate);
}

/* ---- when nobody is inside ---- */

/* Opens both; FALSE with errno. */
static gboolean
open_both (const char *path, int flags, int *directory, int *data)
{
  *directory = open_directory (path);
  *data = *directory < 0 ? -1 : openat (*directory, FILE_DATA, flags | O_CLOEXEC | O_NOFOLLOW);
  if (*data < 0)
    sys_close (*directory);
  return *data >= 0;
}

gboolean
checkpoint_close (const char *path)
{
  int directory, data, code = 0;

  if (!open_both (path, O_RDWR, &directory, &data))
    return FALSE;
  if (faccessat (directory, FILE_UNSYNCED, F_OK, 0) == 0)
    code = settle_files (directory, data);
  close (data);
  close (directory);
  return code == 0;
}

/* Into the file that is there: stores are known by its inode. 0 or errno. */
static int
restore (int directory, int data)
{
  int fd = openat (directory, FILE_CHECKPOINT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), code;
  struct stat seen;

  if (fd < 0)
    return errno;
  code = fstat (fd, &seen) == 0 && ftruncate (data, seen.st_size) == 0
             ? copy_bytes (fd, data, seen.st_size)
             : errno;
  close (fd);
  return code == 0 ? settle_files (directory, data) : code;
}

gboolean
checkpoint_recover (Store *store, GError **error)
{
  char text[FILE_SIZE_MAX], own[FILE_SIZE_MAX];
  int directory, data, code = 0;
  gboolean known;

  atomic_store (&store->gate.shared->checkpoint.state_us, 0);
  if (!open_both (store->path, O_RDWR, &directory, &data))
    return store_fail (store, errno, DOING_RECOVER, error);

  known = format_read_small (directory, FILE_UNSYNCED, text, &code) && boot_id (store, own, error);
  if (known && !g_str_equal (text, own))
    code = restore (directory, data);
  else if (code == ENOENT)
    known = TRUE, code = 0;
  close (data);
  close (directory);

  if (code == ENOENT)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The store “%s/" FILE_DATA "” was not on the disk when the machine ended, and "
                   "its “" FILE_CHECKPOINT "” is missing; restore the directory from a copy",
                   store->path);
      return FALSE;
    }
  return code == 0 ? known : store_fail (store, code, DOING_RECOVER, error);
}
