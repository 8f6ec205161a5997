/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Values on their way between the store and the bus (bus/values.c). Arguments are borrowed; results
 * are full references, not floating. */

/* What the bus may see of @value; NULL with SHMOBJ_ERROR_NOT_REPRESENTABLE when it cannot carry it.
 */
GVariant *bus_value_out (GVariant *value, GError **error);
/* What the store gets of what a client sent; NULL with SHMOBJ_ERROR_NOT_REPRESENTABLE. */
GVariant *bus_value_in (GVariant *value, GError **error);
/* Whether @body, all of whose values went through bus_value_out(), is small enough for a message.
 */
gboolean bus_body_fits (GVariant *body, GError **error);
