/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Values of the store and of GObject properties (property-value.c). */

/* Is there anything in a store that a property of this type could be? */
gboolean property_value_is_known (GType type);
/* Sets @value, which has the property's type. NOT_REPRESENTABLE: the value is none of that type. */
gboolean property_value_read (GVariant *variant, GValue *value, GError **error);
/* The value to store, not floating. NOT_REPRESENTABLE: nobody could read it back. */
GVariant *property_value_write (const GValue *value, GError **error);
