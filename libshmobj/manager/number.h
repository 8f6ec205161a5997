/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* The sum of two numbers, floating. Errors: INVALID_ARGUMENT when one is none, NOT_REPRESENTABLE
 * when no integer type holds it. */
GVariant *number_add (GVariant *number, GVariant *amount, GError **error);

/* What a number of any type is as one of the given type. FALSE: it is none, or does not fit. */
gboolean number_get_int64 (GVariant *number, gint64 *integer);
gboolean number_get_uint64 (GVariant *number, guint64 *integer);
gboolean number_get_double (GVariant *number, double *real);
/* @value if it has that type, or the same number in that type; not floating. NULL: neither. */
GVariant *number_as (GVariant *value, const GVariantType *type);
