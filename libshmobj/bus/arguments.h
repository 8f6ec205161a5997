/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/shmobj-frame.h"

#include <gio/gio.h>

/* Arguments and reply bodies, as the adapters need them (bus/arguments.c). */

/* The variant at @index of the arguments, as the store keeps it; a full reference, NULL with
 * NOT_REPRESENTABLE. */
GVariant *bus_argument_value (GVariant *parameters, gsize index, GError **error);
gint64 bus_argument_int64 (GVariant *parameters, gsize index);

/* Can the value be sent? What is popped is asked this before it leaves the store: a StoredCheck. */
gboolean bus_check_frame (const ShmobjFrame *frame, GError **error);

/* Bodies are floating; NULL stays the error that it is already. */
GVariant *bus_body_done (gboolean success);                             /* () */
GVariant *bus_body_value (GVariant *value, GError **error);             /* (v), takes @value over */
GVariant *bus_body_values (GVariant **values, gsize n, GError **error); /* (av), takes all over */
