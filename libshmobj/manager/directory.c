/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A manager's directory: made whole or not at all, used by many, removed with its last user.
 *
 *     format  namespace        what it is (format-file.c)
 *     data.mdb  lock.mdb       the store
 *     gate                     the writers' gate
 *     ID.kind                  segments of the objects that it names
 *
 * Being a user is a shared flock on the directory itself. The kernel drops it with the last copy of
 * the descriptor, so the dead use nothing; a copy that travels in a handle keeps the directory
 * alive until the receiver has a lock of its own.
 *
 * Making. Everything is made in “.new-XXXXXX”, which is then renamed to the final name: nobody ever
 * sees a half made manager. Who finds the name taken meanwhile throws his away and opens that one.
 *
 * Private ones are called “.private-XXXXXX”. Who leaves one asks for the exclusive lock through a
 * new description (the old one may be shared with forked children) and removes the directory if he
 * gets it. Who comes at that moment finds it locked or gone: NOT_FOUND. What the killed left behind
 * is removed by whoever next makes a private one, in the same way, never by age or pid. He opens it
 * by its name, and what he has open may be renamed to a manager in use before he has the lock; so
 * having that he asks whether the name is still this directory's.
 *
 * Forks. The inherited descriptor keeps the directory alive for the child until it enters, with a
 * lock of its own, at its first use. At exit() a process leaves the private ones that it still has;
 * one that ends by _exit() or a signal leaves that to the others.
 */

#include "manager/directory.h"

#include "base/shmobj-error.h"
#include "manager/address.h"
#include "manager/format-file.h"
#include "manager/gate.h"
#include "manager/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX_NEW ".new-"
#define PREFIX_PRIVATE ".private-"
#define TRIES 100
#define NAP_US 500
#define NAPS_MAX 20000

static Directory *directories; /* of this process; whole at any instant */
static GMutex directories_mutex;

static void
free_lock_in_child (ForkHook *hook)
{
  g_mutex_init (&directories_mutex);
}

static ForkHook fork_hook = { .in_child = free_lock_in_child };

__attribute__ ((constructor)) static void
watch_forks (void)
{
  fork_hook_add (&fork_hook);
}

static gboolean
fail (const char *path, const char *doing, int code, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s “%s”: %s", doing, path,
               g_strerror (code));
  return FALSE;
}

static int
open_directory (const char *path)
{
  return open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static gboolean
is_linked (int fd)
{
  struct stat seen;

  return fstat (fd, &seen) == 0 && seen.st_nlink > 0;
}

static void
remove_files (const char *path, int fd)
{
  struct dirent *entry;
  int copy = dup (fd);
  DIR *entries = copy < 0 ? NULL : fdopendir (copy);

  while (entries != NULL && (entry = readdir (entries)) != NULL)
    if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
      unlinkat (fd, entry->d_name, 0);
  if (entries != NULL)
    closedir (entries);
  rmdir (path);
}

/* Is that still the name of what @fd has open? Who made it may have renamed it since. Under the
 * exclusive lock the answer holds: a maker has the shared one until he has renamed. */
static gboolean
is_named (const char *path, int fd)
{
  struct stat named, seen;

  return lstat (path, &named) == 0 && fstat (fd, &seen) == 0 && named.st_ino == seen.st_ino &&
         named.st_dev == seen.st_dev;
}

/* Removes the directory (if not @dry_run) unless somebody uses it. TRUE: nobody does. */
static gboolean
remove_if_unused (const char *path, gboolean dry_run)
{
  int fd = open_directory (path);
  gboolean unused;

  if (fd < 0)
    return FALSE;
  unused = flock (fd, LOCK_EX | LOCK_NB) == 0 && is_named (path, fd);
  if (unused && !dry_run)
    remove_files (path, fd);
  close (fd);
  return unused;
}

/* What the dead left in @root under names with this prefix; told to @paths, if that is not NULL. */
static void
remove_dead (const char *root, const char *prefix, gboolean dry_run, GPtrArray *paths)
{
  DIR *entries = opendir (root);
  struct dirent *entry;

  while (entries != NULL && (entry = readdir (entries)) != NULL)
    if (g_str_has_prefix (entry->d_name, prefix))
      {
        g_autofree char *path = g_build_filename (root, entry->d_name, NULL);

        if (remove_if_unused (path, dry_run) && paths != NULL)
          g_ptr_array_add (paths, g_steal_pointer (&path));
      }
  if (entries != NULL)
    closedir (entries);
}

void
directory_clean (const char *root, gboolean dry_run, GPtrArray *paths)
{
  remove_dead (root, PREFIX_NEW, dry_run, paths);
  remove_dead (root, PREFIX_PRIVATE, dry_run, paths);
}

/* A new directory called @prefix and six characters, locked; its path in @path. */
static int
make_locked (const char *root, const char *prefix, char **path)
{
  for (guint i = 0; i < TRIES; i++)
    {
      g_autofree char *template = g_strconcat (root, "/", prefix, "XXXXXX", NULL);
      int fd;

      if (g_mkdtemp_full (template, 0700) == NULL)
        return -1;
      fd = open_directory (template);
      if (fd < 0 && errno != ENOENT)
        {
          int failure = errno;

          rmdir (template);
          errno = failure;
          return -1;
        }
      if (fd >= 0 && flock (fd, LOCK_SH | LOCK_NB) == 0 && is_linked (fd))
        {
          *path = g_steal_pointer (&template);
          return fd;
        }
      if (fd >= 0) /* somebody who cleans up was quicker */
        close (fd);
    }
  errno = EBUSY;
  return -1;
}

static gboolean
fill (const char *path, int fd, gboolean durable, GError **error)
{
  return format_file_write (fd, durable, error) && namespace_file_write (fd, error) &&
         gate_create (fd, error) &&
         store_create (path, durable ? STORE_DURABLE : STORE_FLAGS_NONE, error);
}

/* A complete directory under a temporary name: its descriptor, or -1. */
static int
make (const char *root, const char *prefix, gboolean durable, char **path, GError **error)
{
  int fd;

  remove_dead (root, prefix, FALSE, NULL);
  fd = make_locked (root, prefix, path);
  if (fd < 0)
    {
      fail (root, "Making a manager in", errno, error);
      return -1;
    }
  if (!fill (*path, fd, durable, error))
    {
      remove_files (*path, fd);
      g_clear_pointer (path, g_free);
      close (fd);
      return -1;
    }
  return fd;
}

static Directory *
directory_new (const char *path, int fd, gboolean durable)
{
  g_autofree char *name = g_path_get_basename (path);
  Directory *directory = g_new0 (Directory, 1);

  directory->path = g_strdup (path);
  directory->is_private = g_str_has_prefix (name, PREFIX_PRIVATE);
  directory->is_durable = durable;
  directory->fd = fd;
  directory->generation = fork_generation ();

  g_mutex_lock (&directories_mutex);
  directory->next = directories;
  directories = directory;
  g_mutex_unlock (&directories_mutex);
  return directory;
}

static Directory *
make_private (const char *root, GError **error)
{
  g_autofree char *temporary = NULL, *name = NULL, *path = NULL;
  int fd;

  remove_dead (root, PREFIX_PRIVATE, FALSE, NULL);
  fd = make (root, PREFIX_NEW, FALSE, &temporary, error);
  if (fd < 0)
    return NULL;

  name = g_path_get_basename (temporary);
  path = g_strconcat (root, "/", PREFIX_PRIVATE, name + strlen (PREFIX_NEW), NULL);
  if (rename (temporary, path) == 0) /* the six characters are ours, or an empty directory's */
    return directory_new (path, fd, FALSE);

  fail (path, "Making", errno, error);
  remove_files (temporary, fd);
  close (fd);
  return NULL;
}

static void
sync_directory (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd >= 0)
    {
      fsync (fd);
      close (fd);
    }
}

/* Makes @path. TRUE also when somebody else was quicker. */
static gboolean
make_named (const char *path, gboolean durable, GError **error)
{
  g_autofree char *root = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autofree char *prefix = durable ? g_strconcat (name, PREFIX_NEW, NULL) : g_strdup (PREFIX_NEW);
  g_autofree char *temporary = NULL;
  int fd = make (root, prefix, durable, &temporary, error);
  gboolean made;

  if (fd < 0)
    return FALSE;

  made = rename (temporary, path) == 0;
  if (made && durable)
    sync_directory (root);
  if (!made)
    {
      made = errno == EEXIST || errno == ENOTEMPTY || fail (path, "Making", errno, error);
      remove_files (temporary, fd);
    }
  close (fd);
  return made;
}

/* Becomes a user. Who is alone writes down his pid namespace, everybody then reads it: whoever
 * came in between finds the other's and is refused. Others have the exclusive lock for a moment
 * only: to see whether they are alone, or to remove the directory. */
static gboolean
lock_as_user (int fd, const char *path, gboolean *alone, GError **error)
{
  *alone = flock (fd, LOCK_EX | LOCK_NB) == 0;
  if (*alone)
    {
      if (!is_linked (fd))
        return fail (path, "Opening", ENOENT, error);
      if (!namespace_file_write (fd, error))
        return FALSE;
    }
  for (guint nap = 0; flock (fd, LOCK_SH | LOCK_NB) != 0; nap++)
    {
      if (nap == NAPS_MAX)
        return fail (path, "Opening", EBUSY, error);
      g_usleep (NAP_US);
    }
  if (!is_linked (fd))
    return fail (path, "Opening", ENOENT, error);
  return namespace_file_check (fd, path, error);
}

static Directory *
open_existing (const char *path, GError **error)
{
  gboolean durable, alone;
  Directory *directory;
  int fd;

  if (!address_check_owned (path, error))
    return NULL;
  fd = open_directory (path);
  if (fd < 0)
    {
      fail (path, "Opening", errno, error);
      return NULL;
    }
  if (format_file_check (fd, path, &durable, error) && lock_as_user (fd, path, &alone, error))
    {
      directory = directory_new (path, fd, durable);
      directory->was_alone = alone;
      return directory;
    }
  close (fd);
  return NULL;
}

static gboolean
is_there (const char *path)
{
  DIR *entries = opendir (path);
  struct dirent *entry;
  gboolean there = FALSE;

  if (entries == NULL)
    return errno != ENOENT;
  while (!there && (entry = readdir (entries)) != NULL)
    there = !g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, "..");
  closedir (entries);
  return there;
}

Directory *
directory_open (const char *address, GError **error)
{
  AddressKind kind;
  g_autofree char *path = address_resolve (address, &kind, error);

  if (path == NULL)
    return NULL;
  if (kind == ADDRESS_PRIVATE)
    return make_private (path, error);
  if (!is_there (path) && !make_named (path, kind == ADDRESS_DURABLE, error))
    return NULL;
  return open_existing (path, error);
}

Directory *
directory_open_path (const char *path, GError **error)
{
  return open_existing (path, error);
}

gboolean
directory_enter_after_fork (Directory *directory, GError **error)
{
  gboolean entered = TRUE;

  g_mutex_lock (&directories_mutex);
  if (directory->generation != fork_generation ())
    {
      int fd = open_directory (directory->path);
      gboolean alone;

      entered = (fd >= 0 && lock_as_user (fd, directory->path, &alone, error)) ||
                (fd < 0 && fail (directory->path, "Opening", errno, error));
      if (entered)
        {
          close (directory->fd);
          directory->fd = fd;
          directory->generation = fork_generation ();
        }
      else if (fd >= 0)
        close (fd);
    }
  g_mutex_unlock (&directories_mutex);
  return entered;
}

static void
delist (Directory *directory)
{
  Directory **link = &directories;

  g_mutex_lock (&directories_mutex);
  while (*link != NULL && *link != directory)
    link = &(*link)->next;
  if (*link != NULL)
    *link = directory->next;
  g_mutex_unlock (&directories_mutex);
}

void
directory_leave (Directory *directory)
{
  delist (directory);
  close (directory->fd);
  if (directory->is_private)
    remove_if_unused (directory->path, FALSE);
  g_free (directory->path);
  g_free (directory);
}

__attribute__ ((destructor)) static void
leave_private_ones (void)
{
  for (Directory *directory = directories; directory != NULL; directory = directory->next)
    if (directory->is_private)
      {
        close (directory->fd);
        directory->fd = -1;
        remove_if_unused (directory->path, FALSE);
      }
}
