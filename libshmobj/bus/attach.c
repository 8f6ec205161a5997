/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attach: the handle of an object, for who links the library.
 *
 * Who has the descriptors has all of the object, so a program in a sandbox, which may talk to us
 * and see what the interfaces show, is not given them. It is recognised as desktop portals do it:
 * the bus tells the caller's pid, and a Flatpak has .flatpak-info at its root. If the pid is not
 * known, or its root cannot be looked at, the answer is no.
 */

#include "bus/attach.h"

#include "base/shmobj-error.h"
#include "objects/shmobj-shareable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static GError *
refuse (const char *why)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                      "The object itself is not given away: %s. Use its other methods", why);
}

/* NULL, or why the process is not trusted with descriptors. */
static GError *
check_process (guint32 pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/root", pid);
  int root = open (path, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
  GError *error = NULL;
  struct stat st;

  if (root < 0)
    return refuse ("it cannot be seen whether the caller is in a sandbox");
  if (fstatat (root, ".flatpak-info", &st, AT_SYMLINK_NOFOLLOW) == 0)
    error = refuse ("the caller is in a sandbox");
  close (root);
  return error;
}

static void
hand_over (BusCall *call)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) handle = NULL, properties = NULL, indexes = NULL;
  GError *error = NULL;
  const char *name;

  handle = shmobj_shareable_to_handle (SHMOBJ_SHAREABLE (call->object->object), fds, &error);
  if (handle == NULL)
    {
      bus_call_return_error (call, error);
      return;
    }
  g_variant_get (handle, "(&s@a{sv}@ah)", &name, &properties, &indexes);
  bus_call_return (call, g_variant_new ("(s@a{sv}@ah)", name, properties, indexes), fds);
}

static void
judge (BusCall *call, guint32 pid)
{
  GError *error = pid != 0 ? check_process (pid) : refuse ("it is not known who the caller is");

  if (error == NULL)
    hand_over (call);
  else
    bus_call_return_error (call, error);
}

static void
on_credentials (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  guint32 pid = 0;

  if (reply != NULL)
    g_variant_get (reply, "(u)", &pid);
  judge (user_data, pid);
}

void
bus_attach_start (BusCall *call)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (call->invocation);
  GCredentials *peer = g_dbus_connection_get_peer_credentials (connection);

  if (bus_call_sender (call)[0] != '\0')
    g_dbus_connection_call (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                            g_variant_new ("(s)", bus_call_sender (call)), G_VARIANT_TYPE ("(u)"),
                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_credentials, call);
  else
    judge (call, peer != NULL ? MAX (g_credentials_get_unix_pid (peer, NULL), 0) : 0);
}
