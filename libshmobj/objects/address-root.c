/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where named things are, and what a name may be.
 *
 * They lie in a directory that goes by the user, so that cron jobs and shells of other logins meet
 * in the same place: $XDG_RUNTIME_DIR/shmobj, else /run/user/UID/shmobj if that is ours, else
 * /dev/shm/shmobj-UID. Anybody can make a directory of that last name, so it is used only when it
 * is a directory of ours that nobody else may enter.
 */

#include "objects/address-root.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

const char *address_sandbox_file = "/.flatpak-info";

gboolean
address_check_name (const char *name, const char *what, GError **error)
{
  const char *why = NULL;

  if (*name == '\0')
    why = "it is empty";
  else if (strlen (name) > NAME_SIZE_MAX)
    why = "it is longer than 250 bytes";
  else if (strchr (name, '/') != NULL)
    why = "it contains “/”";
  else if (*name == '.')
    why = "it begins with “.”";
  else if (!g_utf8_validate (name, -1, NULL))
    why = "it is not UTF-8";

  for (const char *c = name; why == NULL && *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      why = "it contains a control character";

  if (why != NULL)
    {
      g_autofree char *shown = g_strescape (name, NULL);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "“%.60s” cannot be the name of a %s: %s", shown, what, why);
    }
  return why == NULL;
}

static gboolean
denied (const char *path, uid_t owner, GError **error)
{
  struct passwd *user = getpwuid (owner);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "“%s” belongs to user %u (%s), and we are user %u", path, (guint) owner,
               user != NULL ? user->pw_name : "unknown", (guint) geteuid ());
  return FALSE;
}

gboolean
address_check_owned (const char *path, GError **error)
{
  struct stat seen;

  if (lstat (path, &seen) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Looking at “%s”: %s", path,
                   g_strerror (errno));
      return FALSE;
    }
  if (!S_ISDIR (seen.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "“%s” is not a directory (a link is not followed)", path);
      return FALSE;
    }
  if (seen.st_uid != geteuid ())
    return denied (path, seen.st_uid, error);
  if ((seen.st_mode & 077) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "Others may enter “%s” (its mode is %03o); make it 700", path,
                   seen.st_mode & 0777);
      return FALSE;
    }
  return TRUE;
}

gboolean
address_make_owned (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Making “%s”: %s", path,
                   g_strerror (errno));
      return FALSE;
    }
  return address_check_owned (path, error);
}

/* The user's runtime directory, or NULL when there is none, or NULL with an error. */
static char *
runtime_directory (GError **error)
{
  g_autofree char *path = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  gboolean asked = path != NULL && *path != '\0';
  struct stat seen;

  if (!asked)
    {
      g_free (path);
      path = g_strdup_printf ("/run/user/%u", (guint) geteuid ());
    }

  if (stat (path, &seen) != 0 || !S_ISDIR (seen.st_mode))
    {
      if (asked)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     "XDG_RUNTIME_DIR is “%s”, which is not a directory", path);
      return NULL;
    }
  if (seen.st_uid != geteuid ())
    {
      if (asked)
        denied (path, seen.st_uid, error);
      return NULL;
    }
  return g_steal_pointer (&path);
}

gboolean
address_in_sandbox (void)
{
  return access (address_sandbox_file, F_OK) == 0;
}

char *
address_root (GError **error)
{
  GError *local_error = NULL;
  g_autofree char *runtime = runtime_directory (&local_error);
  g_autofree char *root = NULL;
  const char *application = g_getenv ("FLATPAK_ID");

  if (local_error != NULL)
    {
      g_propagate_error (error, local_error);
      return NULL;
    }

  if (runtime == NULL)
    root = g_strdup_printf ("/dev/shm/shmobj-%u", (guint) geteuid ());
  else if (address_in_sandbox () && application != NULL)
    root = g_build_filename (runtime, "app", application, "shmobj", NULL);
  else
    root = g_build_filename (runtime, "shmobj", NULL);

  return address_make_owned (root, error) ? g_steal_pointer (&root) : NULL;
}
