/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/store.h"

/* Values on their way into the store and out of it (stored.c). */

/* Can @frame be stored? MESSAGE_TOO_LARGE, NOT_REPRESENTABLE (descriptors or references
 * in it). */
gboolean stored_check_frame (const ShmobjFrame *frame, GError **error);
/* All of them; @bytes: grows by what they need in the store. */
gboolean
stored_check_frames (const ShmobjFrame *frames, gsize n_frames, gsize *bytes, GError **error);
/* The value of a stored frame, which is copied; FALSE with CORRUPT. */
gboolean stored_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error);
/* INCOMPATIBLE when it is a pickle, which only Python reads. */
gboolean stored_check_value (const ShmobjFrame *frame, GError **error);
/* What may leave the store? FALSE and @error: it stays. Called inside of a transaction, perhaps
 * more than once. */
typedef gboolean (*StoredCheck) (const ShmobjFrame *frame, GError **error);

/* Adds a copy of what a look meets. CORRUPT, NO_SPACE. */
gboolean stored_add (const StoreBytes *stored, ShmobjFrameRun *run, GError **error);
/* The same for @n of them, one behind the other. FALSE: none was added, and why stored_add() tells.
 */
gboolean stored_add_many (const StoreBytes *stored, gsize n, ShmobjFrameRun *run);

/* Frames of @values, which are sunk, and given back with them. */
ShmobjFrame *stored_borrow_values (GVariant **values, gsize n);
void stored_return_values (GVariant **values, ShmobjFrame *frames, gsize n);

/* The value of a frame that is ours, which ends here; NULL with an error. */
GVariant *stored_take_value (ShmobjFrame *frame, GError **error);
/* An `a(vv)` of a run of keys and values; NULL with an error (stored-pairs.c). */
GVariant *stored_make_pairs (const ShmobjFrameRun *run, GError **error);
/* stored-pairs.c: ends in serialised GVariants of @n parts that have @body bytes together. */
guint stored_end_width (gsize body, gsize n);
void stored_write_end (guint8 *at, gsize end, guint width);
/* The same as one array: of their type, if it is a basic one, or `av`. */
GVariant *stored_take_packed (ShmobjFrameRun *run, GError **error);
/* The values of a run, which ends here; NULL with an error. */
GVariant **stored_take_values (ShmobjFrameRun *run, gsize *n, GError **error);
