/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All managers of a user: those with a name, and what the dead left of those without. Durable ones
 * lie wherever their users put them, and are in no list.
 */

#include "manager/shmobj-manager.h"

#include "manager/address.h"
#include "manager/directory.h"

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* A sorted array, as a NULL-terminated one. */
static char **
to_strv (GPtrArray *strings)
{
  g_ptr_array_sort (strings, compare);
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (strings, FALSE);
}

/**
 * shmobj_manager_list_addresses:
 * @error: return location for an error
 *
 * Lists the addresses of the user's managers that have a name, sorted. Private ones have no
 * address, and durable ones are known by their paths to those who made them.
 *
 * Returns: (array zero-terminated=1) (transfer full): addresses for [ctor@Shmobj.Manager.new]; or
 *   %NULL with an error, as the constructor has when it looks for the place of managers
 *
 * Since: 1.0
 */
char **
shmobj_manager_list_addresses (GError **error)
{
  g_autofree char *root = address_root (error);
  GDir *entries = root != NULL ? g_dir_open (root, 0, error) : NULL;
  GPtrArray *addresses;
  const char *name;

  if (entries == NULL)
    return NULL;
  addresses = g_ptr_array_new ();
  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *format = g_build_filename (root, name, "format", NULL);

      if (address_check_name (name, "manager", NULL) && g_file_test (format, G_FILE_TEST_EXISTS))
        g_ptr_array_add (addresses, g_strdup (name));
    }
  g_dir_close (entries);
  return to_strv (addresses);
}

/**
 * shmobj_manager_clean:
 * @dry_run: only look
 * @error: return location for an error
 *
 * Removes the user's private managers that nobody uses any more, because their last users were
 * killed. Whoever makes a private manager does the same; this is for who does not want to wait for
 * that. What is in use is not touched.
 *
 * Returns: (array zero-terminated=1) (transfer full): the paths of what was removed, or would be;
 * or %NULL with an error as of [func@Shmobj.Manager.list_addresses]
 *
 * Since: 1.0
 */
char **
shmobj_manager_clean (gboolean dry_run, GError **error)
{
  g_autofree char *root = address_root (error);
  GPtrArray *paths;

  if (root == NULL)
    return NULL;
  paths = g_ptr_array_new ();
  directory_clean (root, dry_run, paths);
  return to_strv (paths);
}
