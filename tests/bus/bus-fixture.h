/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of the service have in common: a connection, calls, and what they failed with. */

#include "shmobj.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/org/shmobj/Manager1"
#define SERVICE "org.shmobj.Manager1"
#define IFACE(name) "org.shmobj.Manager1." name
#define ERR(name) "org.shmobj.Error." name

static inline GDBusConnection *
bus_connect (void)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus =
      g_dbus_connection_new_for_address_sync (g_getenv ("DBUS_SESSION_BUS_ADDRESS"),
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, &error);

  g_assert_no_error (error);
  return bus;
}

/* The reply to Interface.Method; @arguments as text of a tuple. NULL when it failed, as *@failure
 * says (a D-Bus error name). */
static inline GVariant *
bus_try (
    GDBusConnection *bus, const char *path, const char *method, GVariant *arguments, char **failure)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *interface = g_strdup (method);
  char *dot = strrchr (interface, '.');
  GVariant *reply;

  *dot = '\0';
  reply = g_dbus_connection_call_sync (bus, SERVICE, path, interface, dot + 1, arguments, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, 60000, NULL, &error);
  *failure = NULL;
  if (reply == NULL)
    {
      *failure = g_dbus_error_get_remote_error (error);
      if (*failure == NULL)
        *failure = g_strdup (error->message);
      g_test_message ("%s: %s", method, error->message);
    }
  return reply;
}

static inline GVariant *
bus_call (GDBusConnection *bus, const char *path, const char *method, const char *arguments)
{
  g_autofree char *failure = NULL;
  GVariant *reply = bus_try (bus, path, method, g_variant_new_parsed (arguments), &failure);

  g_assert_cmpstr (failure, ==, NULL);
  return reply;
}

/* The call succeeds, and its reply prints as @expected. */
static inline void
bus_expect (GDBusConnection *bus,
            const char *path,
            const char *method,
            const char *arguments,
            const char *expected)
{
  g_autoptr (GVariant) reply = bus_call (bus, path, method, arguments);
  g_autoptr (GVariant) wanted = g_variant_ref_sink (g_variant_new_parsed (expected));
  g_autofree char *text = g_variant_print (reply, TRUE);

  if (!g_variant_equal (reply, wanted))
    g_error ("%s %s: %s, expected %s", method, arguments, text, expected);
}

/* The call fails with the D-Bus error @name. */
static inline void
bus_refuse (GDBusConnection *bus,
            const char *path,
            const char *method,
            const char *arguments,
            const char *name)
{
  g_autofree char *failure = NULL;
  g_autoptr (GVariant) reply =
      bus_try (bus, path, method, g_variant_new_parsed (arguments), &failure);

  g_assert_null (reply);
  g_assert_cmpstr (failure, ==, name);
}

static inline char *
bus_open (GDBusConnection *bus, const char *kind, const char *name, const char *options)
{
  g_autofree char *arguments = g_strdup_printf ("('%s', '%s', @a{sv} %s)", kind, name, options);
  g_autoptr (GVariant) reply = bus_call (bus, ROOT, SERVICE ".Open", arguments);
  char *path;

  g_variant_get (reply, "(o)", &path);
  return path;
}

static inline GVariant *
bus_property (GDBusConnection *bus, const char *path, const char *interface, const char *name)
{
  g_autofree char *arguments = g_strdup_printf ("('%s', '%s')", interface, name);
  g_autoptr (GVariant) reply =
      bus_call (bus, path, "org.freedesktop.DBus.Properties.Get", arguments);
  GVariant *value;

  g_variant_get (reply, "(v)", &value);
  return value;
}

static inline guint32
bus_service_pid (GDBusConnection *bus)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
      bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "GetConnectionUnixProcessID", g_variant_new ("(s)", SERVICE), NULL, G_DBUS_CALL_FLAGS_NONE,
      -1, NULL, &error);
  guint32 pid;

  g_assert_no_error (error);
  g_variant_get (reply, "(u)", &pid);
  return pid;
}

/* The same manager, without the bus. */
static inline ShmobjManager *
bus_manager (void)
{
  g_autoptr (GError) error = NULL;
  ShmobjManager *manager = shmobj_manager_new ("session", NULL, &error);

  g_assert_no_error (error);
  return manager;
}

/* Runs the main context until @condition; a test that waits in vain is ended by the watchdog. */
#define bus_until(condition)                                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    while (!(condition))                                                                           \
      g_main_context_iteration (NULL, TRUE);                                                       \
  }                                                                                                \
  G_STMT_END
