/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Holding objects, by the kernel's word: a shared open-file-description lock on the byte of the
 * file “holds” that has the object's number. (The file is empty; locks need no bytes.)
 *
 * The kernel drops a process's locks when it ends, however it ends. Who gets the exclusive lock of
 * a byte knows that nobody has the object, and nobody can take it while he removes it. A handle
 * carries a descriptor with a lock of its own, so what travels is held, too.
 *
 * In the process objects are counted; the lock is taken with the first and given back with the
 * last. Locks of neighbours are one range for the kernel, so a thousand lists made in a row cost
 * little.
 *
 * Forks. A child shares its parent's description: what the parent then gives up, the child loses.
 * To lock anew in the child is too late: a parent may drop what it passed on before the child has
 * run at all. So the description of the child is made and locked before the fork. Without
 * descriptors for that the child keeps the shared one and unlocks nothing through it. One that held
 * nothing when it was made shares a description without locks: it opens its own with the first.
 */

#include "manager/holds.h"

#include "base/fork.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define EXCLUSIVE G_MAXUINT /* in place of a count: we are removing it */

static Holds *all_holds; /* under holds_mutex, which is held over a fork */
static GMutex holds_mutex;

static gboolean
set_lock (int fd, short type, guint64 id)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = id, .l_len = 1 };

  return sys.lock (fd, F_OFD_SETLK, &lock) == 0;
}

/* A new description that has what @holds has. */
static int
open_copy (Holds *holds)
{
  int fd = sys_reopen (holds->fd, O_RDWR);
  GHashTableIter iter;
  gpointer key, count;

  if (fd < 0)
    return -1;
  g_hash_table_iter_init (&iter, holds->counts);
  while (g_hash_table_iter_next (&iter, &key, &count))
    if (GPOINTER_TO_UINT (count) != EXCLUSIVE && !set_lock (fd, F_RDLCK, *(guint64 *) key))
      {
        sys_close (fd);
        return -1;
      }
  return fd;
}

static void
before_fork (void)
{
  g_mutex_lock (&holds_mutex);
  for (Holds *holds = all_holds; holds != NULL; holds = holds->next)
    holds->spare = g_hash_table_size (holds->counts) > 0 ? open_copy (holds) : -1;
}

static void
after_fork_in_parent (void)
{
  for (Holds *holds = all_holds; holds != NULL; holds = holds->next)
    {
      sys_close (holds->spare);
      holds->spare = -1;
    }
  g_mutex_unlock (&holds_mutex);
}

/* The removing goes on in the parent. */
static gboolean
is_exclusive (gpointer key, gpointer count, gpointer data)
{
  return GPOINTER_TO_UINT (count) == EXCLUSIVE;
}

static void
after_fork_in_child (void)
{
  for (Holds *holds = all_holds; holds != NULL; holds = holds->next)
    {
      if (holds->spare >= 0)
        {
          sys_close (holds->fd);
          holds->fd = holds->spare;
        }
      else if (g_hash_table_size (holds->counts) > 0)
        holds->borrowed = TRUE;
      else
        holds->inherited = TRUE;
      holds->spare = -1;
      g_hash_table_foreach_remove (holds->counts, is_exclusive, NULL);
    }
  g_mutex_unlock (&holds_mutex);
}

__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
}

gboolean
holds_open (Holds *holds, int directory_fd, GError **error)
{
  int fd = openat (directory_fd, "holds", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "The file “holds” of a manager: %s", g_strerror (errno));
      return FALSE;
    }
  *holds = (Holds){ .fd = fd, .spare = -1 };
  holds->counts = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  g_mutex_lock (&holds_mutex);
  holds->next = all_holds;
  if (all_holds != NULL)
    all_holds->previous = holds;
  all_holds = holds;
  g_mutex_unlock (&holds_mutex);
  return TRUE;
}

void
holds_close (Holds *holds)
{
  if (holds->counts == NULL)
    return;

  g_mutex_lock (&holds_mutex);
  if (holds->previous != NULL)
    holds->previous->next = holds->next;
  else
    all_holds = holds->next;
  if (holds->next != NULL)
    holds->next->previous = holds->previous;
  g_mutex_unlock (&holds_mutex);

  sys_close (holds->fd);
  g_clear_pointer (&holds->counts, g_hash_table_unref);
}

static guint
count_of (Holds *holds, guint64 id)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (holds->counts, &id));
}

static void
set_count (Holds *holds, guint64 id, guint count)
{
  if (count == 0)
    g_hash_table_remove (holds->counts, &id);
  else
    g_hash_table_insert (holds->counts, g_memdup2 (&id, sizeof id), GUINT_TO_POINTER (count));
}

/* Before the first lock of a child that inherited none. */
static void
own_description (Holds *holds)
{
  int fd;

  if (!holds->inherited)
    return;
  fd = sys_reopen (holds->fd, O_RDWR);
  holds->inherited = FALSE;
  holds->borrowed = fd < 0;
  if (fd < 0)
    return;
  sys_close (holds->fd);
  holds->fd = fd;
}

gboolean
holds_take (Holds *holds, guint64 id)
{
  gboolean taken;
  guint count;

  g_mutex_lock (&holds_mutex);
  own_description (holds);
  count = count_of (holds, id);
  taken = count != EXCLUSIVE && (count > 0 || set_lock (holds->fd, F_RDLCK, id));
  if (taken)
    set_count (holds, id, count + 1);
  g_mutex_unlock (&holds_mutex);
  return taken;
}

gboolean
holds_release (Holds *holds, guint64 id)
{
  guint count;

  g_mutex_lock (&holds_mutex);
  count = count_of (holds, id);
  if (count > 0 && count != EXCLUSIVE)
    set_count (holds, id, count - 1);
  if (count == 1 && !holds->borrowed)
    set_lock (holds->fd, F_UNLCK, id);
  g_mutex_unlock (&holds_mutex);
  return count <= 1 && !holds->borrowed;
}

gboolean
holds_begin_exclusive (Holds *holds, guint64 id)
{
  gboolean begun;

  g_mutex_lock (&holds_mutex);
  own_description (holds);
  begun = !holds->borrowed && count_of (holds, id) == 0 && set_lock (holds->fd, F_WRLCK, id);
  if (begun)
    set_count (holds, id, EXCLUSIVE);
  g_mutex_unlock (&holds_mutex);
  return begun;
}

void
holds_end_exclusive (Holds *holds, guint64 id)
{
  g_mutex_lock (&holds_mutex);
  set_count (holds, id, 0);
  set_lock (holds->fd, F_UNLCK, id);
  g_mutex_unlock (&holds_mutex);
}

int
holds_for_travel (Holds *holds, guint64 id)
{
  int fd = sys_reopen (holds->fd, O_RDWR);

  if (fd >= 0 && !set_lock (fd, F_RDLCK, id))
    {
      sys_close (fd);
      fd = -1;
    }
  return fd;
}
