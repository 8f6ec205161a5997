/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attach: the handle of an object, for who links the library.
 *
 * Who has the descriptors has all of the object, so a program in a sandbox, which may talk to us
 * and see what the interfaces show, is not given them (bus/sandbox.h). Who the caller is the bus
 * tells: its pid, a pidfd if the bus is new enough, and its security label.
 */

#include "bus/attach.h"

#include "bus/sandbox.h"
#include "objects/shmobj-shareable.h"

#include <unistd.h>

/* What is known about a caller while the bus is asked whether it still lives. */
typedef struct
{
  int process; /* (owned): its directory in /proc */
  char *label; /* (owned) (nullable) */
} Caller;

static void
caller_free (Caller *caller)
{
  close (caller->process);
  g_free (caller->label);
  g_free (caller);
}

static GError *
unknown_caller (void)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                      "The object itself is not given away: it is not known who the caller is. Use "
                      "its other methods");
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

/* The caller lives: so what was opened for its pid is its own. */
static void
on_alive (BusCall *call, gboolean alive)
{
  Caller *caller = g_steal_pointer (&call->data);
  GError *error = NULL;

  if (!alive)
    error = unknown_caller ();
  else
    (void) bus_process_is_outside (caller->process, caller->label, &error);
  caller_free (caller);
  if (error == NULL)
    hand_over (call);
  else
    bus_call_return_error (call, error);
}

/* Takes over nothing. */
static void
judge (BusCall *call, guint32 pid, int pidfd, const char *label)
{
  GError *error = NULL;
  int process = bus_process_open (pid, pidfd, &error);
  Caller *caller;

  if (process < 0)
    {
      bus_call_return_error (call, error);
      return;
    }
  caller = g_new (Caller, 1);
  *caller = (Caller){ process, g_strdup (label) };
  call->data = caller;
  bus_call_ask_alive (call, on_alive);
}

/* -1 when the bus sends none. */
static int
take_pidfd (GVariant *credentials, GUnixFDList *fds)
{
  gint32 index;

  if (fds == NULL || !g_variant_lookup (credentials, "ProcessFD", "h", &index))
    return -1;
  return g_unix_fd_list_get (fds, index, NULL);
}

static void
on_credentials (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish (
      G_DBUS_CONNECTION (source), &fds, result, NULL);
  g_autoptr (GVariant) credentials = NULL;
  const char *label = NULL;
  guint32 pid = 0;
  int pidfd;

  if (reply == NULL)
    {
      bus_call_return_error (user_data, unknown_caller ());
      return;
    }
  credentials = g_variant_get_child_value (reply, 0);
  (void) g_variant_lookup (credentials, "ProcessID", "u", &pid);
  (void) g_variant_lookup (credentials, "LinuxSecurityLabel", "^&ay", &label);
  pidfd = take_pidfd (credentials, fds);
  judge (user_data, pid, pidfd, label);
  if (pidfd >= 0)
    close (pidfd);
}

void
bus_attach_start (BusCall *call)
{
  GDBusConnection *connection = g_dbus_method_invocation_get_connection (call->invocation);
  GCredentials *peer = g_dbus_connection_get_peer_credentials (connection);

  if (bus_call_sender (call)[0] != '\0')
    g_dbus_connection_call_with_unix_fd_list (
        connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetConnectionCredentials", g_variant_new ("(s)", bus_call_sender (call)),
        G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, on_credentials, call);
  else
    judge (call, peer != NULL ? MAX (g_credentials_get_unix_pid (peer, NULL), 0) : 0, -1, NULL);
}
