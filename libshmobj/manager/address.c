/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a manager's directory is.
 *
 *     NULL        private: a new directory in ROOT
 *     "/path"     durable: that directory
 *     a name      ROOT/name, found by every process of the same user
 *
 * ROOT is the user's own directory (objects/address-root.c).
 *
 * In a Flatpak sandbox $XDG_RUNTIME_DIR is the sandbox's own: “session” there would silently be
 * another place than everybody else's, so it is refused. An application's other names go where its
 * processes share a directory.
 */

#include "manager/address.h"

#include "base/text.h"

static char *
resolve_name (const char *name, GError **error)
{
  g_autofree char *root = NULL;

  if (!address_check_name (name, "manager", error))
    return NULL;
  if (g_str_equal (name, "session") && address_in_sandbox ())
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "The manager “session” cannot be reached from inside a sandbox; use D-Bus "
                   "(org.shmobj.Manager1), or a manager of the application's own name");
      return NULL;
    }
  root = address_root (error);
  return root != NULL ? g_build_filename (root, name, NULL) : NULL;
}

char *
address_resolve (const char *address, AddressKind *kind, GError **error)
{
  if (address == NULL)
    {
      *kind = ADDRESS_PRIVATE;
      return address_root (error);
    }
  if (*address == '/')
    {
      *kind = ADDRESS_DURABLE;
      return g_canonicalize_filename (address, "/");
    }
  if (strstr (address, "://") != NULL)
    {
      g_autofree char *shown = text_readable (address, 60);

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "“%s”: managers on other machines do not exist yet", shown);
      return NULL;
    }
  *kind = ADDRESS_NAMED;
  return resolve_name (address, error);
}
