/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gets the queue "numbers" itself from the bus service, then uses it without the bus:
 *
 *     attach put 1 10    puts the numbers from 1 to 10
 *     attach get         prints what comes, until that is no number */

#include <shmobj.h>
#include <stdlib.h>

static GVariant *
call (GDBusConnection *bus,
      const char *path,
      const char *interface,
      const char *method,
      GVariant *arguments,
      GUnixFDList **fds,
      GError **error)
{
  return g_dbus_connection_call_with_unix_fd_list_sync (
      bus, "org.shmobj.Manager1", path, interface, method, arguments, NULL, G_DBUS_CALL_FLAGS_NONE,
      -1, NULL, fds, NULL, error);
}

static ShmobjShareable *
attach (const char *name, GError **error)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, error);
  g_autoptr (GVariant) opened = NULL, handle = NULL;
  g_autoptr (GUnixFDList) fds = NULL;
  const char *path;

  if (bus == NULL ||
      !(opened = call (bus, "/org/shmobj/Manager1", "org.shmobj.Manager1", "Open",
                       g_variant_new ("(ssa{sv})", "queue", name, NULL), NULL, error)))
    return NULL;

  g_variant_get (opened, "(&o)", &path);
  handle = call (bus, path, "org.shmobj.Manager1.Queue", "Attach", NULL, &fds, error);
  return handle == NULL ? NULL
                        : shmobj_shareable_new_from_handle (SHMOBJ_TYPE_QUEUE, handle, fds, error);
}

static gboolean
put (ShmobjQueue *queue, gint64 first, gint64 last, GError **error)
{
  for (gint64 i = first; i <= last; i++)
    if (!shmobj_queue_put (queue, g_variant_new_int64 (i), -1, NULL, error))
      return FALSE;
  return TRUE;
}

static gboolean
get (ShmobjQueue *queue, GError **error)
{
  for (;;)
    {
      g_autoptr (GVariant) number = shmobj_queue_get (queue, -1, NULL, error);

      if (number == NULL || !g_variant_is_of_type (number, G_VARIANT_TYPE_INT64))
        return number != NULL;
      g_print ("C: %" G_GINT64_FORMAT "\n", g_variant_get_int64 (number));
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjShareable) queue = attach ("numbers", &error);

  if (queue == NULL ||
      !(argc > 3 ? put (SHMOBJ_QUEUE (queue), atoi (argv[2]), atoi (argv[3]), &error)
                 : get (SHMOBJ_QUEUE (queue), &error)))
    {
      g_printerr ("attach: %s\n", error->message);
      return 1;
    }
  return 0;
}
