/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names of objects and of errors.
 *
 * Our own error domain is registered with GDBus when the library is loaded, so that an error that
 * crosses the bus is the same GError again in a program that links the library. The codes of
 * G_IO_ERROR get names of ours only in our own replies: registering them would change what a
 * program that exports things of its own says there.
 */

#include "bus/names.h"

#include "base/shmobj-error.h"

#include <string.h>

static const GDBusErrorEntry own_errors[] = {
  { SHMOBJ_ERROR_EMPTY, BUS_ERROR_PREFIX "Empty" },
  { SHMOBJ_ERROR_FULL, BUS_ERROR_PREFIX "Full" },
  { SHMOBJ_ERROR_CLOSED, BUS_ERROR_PREFIX "Closed" },
  { SHMOBJ_ERROR_PEER_GONE, BUS_ERROR_PREFIX "PeerGone" },
  { SHMOBJ_ERROR_BUSY, BUS_ERROR_PREFIX "Busy" },
  { SHMOBJ_ERROR_BROKEN, BUS_ERROR_PREFIX "Broken" },
  { SHMOBJ_ERROR_WRONG_KIND, BUS_ERROR_PREFIX "WrongKind" },
  { SHMOBJ_ERROR_INCOMPATIBLE, BUS_ERROR_PREFIX "Incompatible" },
  { SHMOBJ_ERROR_CORRUPT, BUS_ERROR_PREFIX "Corrupt" },
  { SHMOBJ_ERROR_FORKED, BUS_ERROR_PREFIX "Forked" },
  { SHMOBJ_ERROR_NOT_REPRESENTABLE, BUS_ERROR_PREFIX "NotRepresentable" },
  { SHMOBJ_ERROR_CONFLICT, BUS_ERROR_PREFIX "Conflict" },
};

static const GDBusErrorEntry io_errors[] = {
  { G_IO_ERROR_CANCELLED, BUS_ERROR_PREFIX "Cancelled" },
  { G_IO_ERROR_TIMED_OUT, BUS_ERROR_PREFIX "TimedOut" },
  { G_IO_ERROR_NOT_FOUND, BUS_ERROR_PREFIX "NotFound" },
  { G_IO_ERROR_EXISTS, BUS_ERROR_PREFIX "Exists" },
  { G_IO_ERROR_PERMISSION_DENIED, BUS_ERROR_PREFIX "PermissionDenied" },
  { G_IO_ERROR_NO_SPACE, BUS_ERROR_PREFIX "NoSpace" },
  { G_IO_ERROR_MESSAGE_TOO_LARGE, BUS_ERROR_PREFIX "MessageTooLarge" },
  { G_IO_ERROR_INVALID_ARGUMENT, BUS_ERROR_PREFIX "InvalidArgument" },
  { G_IO_ERROR_NOT_SUPPORTED, BUS_ERROR_PREFIX "NotSupported" },
  { G_IO_ERROR_TOO_MANY_OPEN_FILES, BUS_ERROR_PREFIX "TooManyOpenFiles" },
  { G_IO_ERROR_CLOSED, BUS_ERROR_PREFIX "Closed" },
};

__attribute__ ((constructor)) static void
register_errors (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("shmobj-error-quark", &quark, own_errors,
                                      G_N_ELEMENTS (own_errors));
}

static const char *
look_up (const GDBusErrorEntry *entries, gsize n_entries, int code)
{
  for (gsize i = 0; i < n_entries; i++)
    if (entries[i].error_code == code)
      return entries[i].dbus_error_name;
  return BUS_ERROR_PREFIX "Failed";
}

char *
bus_error_name (const GError *error)
{
  if (error->domain == SHMOBJ_ERROR)
    return g_strdup (look_up (own_errors, G_N_ELEMENTS (own_errors), error->code));
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED)) /* our limits */
    return g_strdup (BUS_ERROR_PREFIX "LimitsExceeded");
  if (error->domain == G_DBUS_ERROR)
    return g_dbus_error_encode_gerror (error);
  if (error->domain == G_IO_ERROR)
    return g_strdup (look_up (io_errors, G_N_ELEMENTS (io_errors), error->code));
  return g_strdup (BUS_ERROR_PREFIX "Failed");
}

void
bus_fail (GDBusMethodInvocation *invocation, GError *error)
{
  g_autoptr (GError) owned = error;
  g_autofree char *name = bus_error_name (owned);
  g_autofree char *message = g_utf8_make_valid (owned->message, -1);

  g_dbus_method_invocation_return_dbus_error (invocation, name, message);
}

char *
bus_path_of (const char *name)
{
  GString *path = g_string_new (BUS_PATH "/");

  for (const char *c = name; *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (path, *c);
    else
      g_string_append_printf (path, "_%02x", (guchar) *c);
  return g_string_free (path, FALSE);
}

char *
bus_name_of_node (const char *node)
{
  g_autoptr (GString) name = g_string_new (NULL);
  g_autofree char *path = NULL;

  for (const char *c = node; *c != '\0'; c++)
    if (*c != '_')
      g_string_append_c (name, *c);
    else if (g_ascii_isxdigit (c[1]) && g_ascii_isxdigit (c[2]))
      {
        g_string_append_c (name, g_ascii_xdigit_value (c[1]) * 16 + g_ascii_xdigit_value (c[2]));
        c += 2;
      }
    else
      return NULL;

  /* one name has one path: what we would have written otherwise is no object's */
  path = bus_path_of (name->str);
  if (name->len == 0 || strlen (name->str) != name->len || !g_utf8_validate (name->str, -1, NULL) ||
      !g_str_equal (path + strlen (BUS_PATH "/"), node))
    return NULL;
  return g_strdup (name->str);
}
