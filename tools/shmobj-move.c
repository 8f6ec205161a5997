/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* shmobj export and import: a manager as a file, and a manager on disk from it.
 *
 * Both make something whole or nothing: a file or a directory with a temporary name first, which is
 * synchronised and then renamed. The directory's name is one that the next who makes a manager
 * there takes for what the dead have left (manager/directory.c).
 */

#include "shmobj-command.h"
#include "shmobj-dump.h"

#include "manager/address.h"
#include "manager/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static gboolean
fail (const char *path, const char *doing, GError **error)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s “%s”: %s", doing, path,
               g_strerror (code));
  return FALSE;
}

/* The name of what is in @path, on the disk. */
static gboolean
sync_folder (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean synchronised = fd >= 0 && fsync (fd) == 0;

  if (!synchronised)
    fail (folder, "Synchronising", error);
  if (fd >= 0)
    close (fd);
  return synchronised;
}

static void
tell_what_is_left_out (GPtrArray *left_out)
{
  for (guint i = 0; i < left_out->len; i++)
    g_printerr ("not in the file: %s\n", (char *) left_out->pdata[i]);
}

/* ---- export ---- */

static gboolean
write_file (Store *store, const char *path, GError **error)
{
  g_autoptr (GPtrArray) left_out = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  FILE *file = fd < 0 ? NULL : fdopen (fd, "w");
  gboolean written;

  if (file == NULL)
    return fail (temporary, "Making", error);
  written = dump_write (store, file, left_out, error) &&
            (fsync (fd) == 0 || fail (temporary, "Synchronising", error));
  fclose (file);
  if (written)
    written =
        g_rename (temporary, path) == 0 ? sync_folder (path, error) : fail (path, "Making", error);
  if (written)
    tell_what_is_left_out (left_out);
  else
    g_unlink (temporary);
  return written;
}

gboolean
run_export (char **words, GError **error)
{
  AddressKind kind;
  g_autofree char *path = address_resolve (words[0], &kind, error);
  Directory *directory = path == NULL ? NULL : directory_open_path (path, error);
  Store *store;
  gboolean written;

  if (directory == NULL)
    return FALSE;
  store = store_open (path, directory->is_durable ? STORE_DURABLE : STORE_FLAGS_NONE, error);
  written = store != NULL && write_file (store, words[1], error);
  g_clear_pointer (&store, store_unref);
  directory_leave (directory);
  return written;
}

/* ---- import ---- */

static gboolean
fill (const char *path, FILE *file, GError **error)
{
  g_autoptr (Store) store = store_open (path, STORE_DURABLE, error);

  return store != NULL && dump_load (file, store, error);
}

static void
remove_directory (const char *path)
{
  GDir *entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  if (entries != NULL)
    g_dir_close (entries);
  g_rmdir (path);
}

/* A directory that is in use while it is filled, and then has its name. */
static gboolean
make_manager (const char *path, FILE *file, GError **error)
{
  g_autofree char *temporary = g_strdup_printf ("%s.new-%06x", path, g_random_int () & 0xffffff);
  Directory *directory = directory_open (temporary, error);
  gboolean made;

  if (directory == NULL)
    return FALSE;
  made = fill (temporary, file, error) &&
         (g_rename (temporary, path) == 0 || fail (path, "Making", error));
  if (!made)
    remove_directory (temporary);
  directory_leave (directory);
  return made && sync_folder (path, error);
}

gboolean
run_import (char **words, GError **error)
{
  AddressKind kind;
  g_autofree char *path = address_resolve (words[1], &kind, error);
  FILE *file;
  gboolean made;

  if (path == NULL)
    return FALSE;
  if (kind != ADDRESS_DURABLE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "“%s” is not a path: that begins with “/”. Import makes a manager on disk",
                   words[1]);
      return FALSE;
    }
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   "There is something at “%s” already; import makes a new manager", path);
      return FALSE;
    }
  file = fopen (words[0], "re");
  if (file == NULL)
    return fail (words[0], "Opening", error);

  made = dump_check (file, error) && make_manager (path, file, error);
  fclose (file);
  return made;
}
