/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"

#include <gio/gio.h>

/* The normal form of a value: equal values have the same bytes, whoever wrote them. */
typedef struct
{
  ShmobjFrame frame;  /* bytes, a variant in normal form, or a pickle as it is */
  GVariant *variant;  /* (owned) (nullable): whose bytes the frame shows */
  guint8 scratch[16]; /* or these are they: so a Normal stays where it is */
} Normal;

/* Of any value. Errors: CORRUPT. */
gboolean normal_init (Normal *normal, const ShmobjFrame *frame, GError **error);
/* Of a key. NOT_REPRESENTABLE for what cannot be one: names its type. */
gboolean normal_init_key (Normal *normal, const ShmobjFrame *frame, GError **error);
void normal_clear (Normal *normal);

/* Is the stored frame of @size bytes at @data equal to it? */
gboolean normal_equals (const Normal *normal, gconstpointer data, gsize size);
