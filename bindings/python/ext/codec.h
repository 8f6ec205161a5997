/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

#include "buffer.h"

/* Python objects as frames, and back. What becomes what is said in the documentation's page
 * *Values*; this is its Python column. */

typedef struct
{
  ShmobjFrame frame;   /* what to send; borrows from the rest */
  PyObject *object;    /* (owned) (nullable): the bytes, string or pickle that the frame lies in */
  GVariant *reference; /* (owned) (nullable): likewise, of an item (item.h) */
  Buffer data;
  Buffer type;
  guint8 small_data[320];
  guint8 small_type[64];
} Encoded;

/* Called once, when the module is made. */
gboolean codec_init (void);
/* FALSE with a Python exception. Always followed by encoded_clear(). @allow_pickle: what GVariant
 * cannot say becomes a pickle, else Shmobj.NotRepresentable. */
gboolean codec_encode (PyObject *value, gboolean allow_pickle, Encoded *encoded);
/* The same for a key of a dict: a TypeError for what cannot be one. */
gboolean codec_encode_key (PyObject *key, Encoded *encoded);
void encoded_init (Encoded *encoded);
void encoded_clear (Encoded *encoded);

/* A new reference, or NULL with a Python exception. @frame comes from another process and is
 * believed nothing. */
PyObject *codec_decode (const ShmobjFrame *frame, gboolean allow_pickle);
/* The same for numbers, texts and booleans alone; FALSE: it is something else. */
gboolean codec_decode_quickly (const ShmobjFrame *frame, PyObject **result);
/* The same for a frame that owns its bytes; clears it. */
PyObject *codec_take (ShmobjFrame *frame, gboolean allow_pickle);

/* For a reader: which kinds of frames it takes, as a mask. */
static inline guint
codec_accepts (gboolean allow_pickle)
{
  return 1u << SHMOBJ_FRAME_BYTES | 1u << SHMOBJ_FRAME_VARIANT |
         (allow_pickle ? 1u << SHMOBJ_FRAME_PICKLE : 0);
}
