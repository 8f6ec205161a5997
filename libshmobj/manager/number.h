/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* The sum of two numbers, floating. Errors: INVALID_ARGUMENT when one is none, NOT_REPRESENTABLE
 * when no integer type holds it. */
GVariant *number_add (GVariant *number, GVariant *amount, GError **error);
