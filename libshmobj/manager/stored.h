/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/store.h"

/* Values on their way into the store and out of it (stored.c). */

/* Can @frame be stored? MESSAGE_TOO_LARGE, NOT_REPRESENTABLE (descriptors or references
 * in it). */
gboolean stored_check_frame (const ShmobjFrame *frame, GError **error);
/* The value of a stored frame, which is copied; FALSE with CORRUPT. */
gboolean stored_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error);
/* INCOMPATIBLE when it is a pickle, which only Python reads. */
gboolean stored_check_value (const ShmobjFrame *frame, GError **error);
/* What may leave the store? FALSE and @error: it stays. Called inside of a transaction, perhaps
 * more than once. */
typedef gboolean (*StoredCheck) (const ShmobjFrame *frame, GError **error);

/* Frames that a look collects: a GArray that owns them. */
GArray *stored_array_new (void);
gboolean stored_array_add (GArray *frames, const StoreBytes *stored, GError **error);
/* Gives them away: an array from g_malloc(). */
ShmobjFrame *stored_array_steal (GArray *frames, gsize *n);

/* The value of a frame that is ours, which ends here; NULL with an error. */
GVariant *stored_take_value (ShmobjFrame *frame, GError **error);
/* The same for an array from g_malloc(), which ends here; NULL with an error. */
GVariant **stored_take_values (ShmobjFrame *frames, gsize n, GError **error);
