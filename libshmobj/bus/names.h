/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Every name that we have on D-Bus. The interfaces themselves are described in the XML files here.
 */

#define BUS_NAME "org.shmobj.Manager1"
#define BUS_PATH "/org/shmobj/Manager1"

#define BUS_INTERFACE_MANAGER "org.shmobj.Manager1"
#define BUS_INTERFACE_OBJECT "org.shmobj.Manager1.Object"
#define BUS_INTERFACE_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

#define BUS_INTERFACE_VERSION 1

#define BUS_ERROR_PREFIX "org.shmobj.Error."

/* The path of the object called @name: BUS_PATH, a slash, and @name with every byte that is no
 * ASCII letter or digit as _xx. */
char *bus_path_of (const char *name);
/* The name back from the last element of such a path; NULL when no name is written so. */
char *bus_name_of_node (const char *node);

/* What @error is called on the bus. */
char *bus_error_name (const GError *error);
/* Ends the call with @error, which it takes over. */
void bus_fail (GDBusMethodInvocation *invocation, GError *error);
