/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec.h"

/* Between the three files of the encoder: encode-type.c looks at a value and chooses its type,
 * encode-bytes.c writes it along that type, encode.c does the whole. */

typedef enum
{
  DONE,
  UNREPRESENTABLE, /* no exception: for pickle */
  FAILED,          /* with an exception */
} Status;

typedef struct
{
  Buffer *data;
  Buffer *type;
  Buffer offsets; /* of gsize: framing offsets of all containers that are open; a stack */
  gsize small_offsets[16];
} Encoder;

/* Called once. */
gboolean encode_init (void);
/* Is it a GLib.Variant? */
gboolean encode_is_variant (PyObject *value);

/* Adds the value's type to the type buffer. @depth: how many levels it may have. */
Status encode_type (Encoder *self, PyObject *value, int depth);
/* Adds the value to the data buffer, which is aligned for it. @at: where its type begins in the
 * type buffer; then behind it. */
Status encode_value (Encoder *self, PyObject *value, gsize *at, int depth);

/* The string's UTF-8 if GVariant can hold it. NULL without an exception if not (NUL, lone
 * surrogate), with one when memory ran out. */
const char *encode_string_of (PyObject *value, gsize *size);

static inline Status
no_memory (void)
{
  PyErr_NoMemory ();
  return FAILED;
}
