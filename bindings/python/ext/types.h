/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* GVariant type strings: what their serialised forms look like in memory. All but type_check() want
 * a string that type_check() has passed. */

/* Deepest nesting, in GVariant's way of counting (a variant in an array is two); GVariant itself
 * reads no more than 128. */
#define TYPE_DEPTH_MAX 100

/* Exactly one complete type without wild cards, at most @depth deep? */
gboolean type_check (const char *type, const char *end, int depth);
/* Behind the one type that begins at @type. */
const char *type_skip (const char *type);
/* 1, 2, 4 or 8, of the types in between. */
gsize type_alignment (const char *type, const char *end);
/* Bytes that each value of the type has; 0 when they differ. */
gsize type_fixed_size (const char *type, const char *end);

/* Bytes of each framing offset in a container of @size bytes. */
static inline gsize
type_offset_size (guint64 size)
{
  return size > G_MAXUINT32 ? 8 : size > G_MAXUINT16 ? 4 : size > G_MAXUINT8 ? 2 : size > 0 ? 1 : 0;
}
