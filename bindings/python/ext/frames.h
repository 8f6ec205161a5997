/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "item.h"

/* Many frames at a time: items of a container (item.h), and keys. */

typedef struct
{
  Buffer bytes; /* what all frames are made of */
  guint8 small[8];
  GArray *frames; /* of ShmobjFrame; until frames_get(), data and type are offsets in bytes */
  GPtrArray *references; /* of GVariant: what items refer to is open until the call is over */
} Frames;

void frames_init (Frames *self);
void frames_clear (Frames *self);
/* FALSE with an exception. */
gboolean frames_add (Frames *self, PyObject *value, gboolean allow_pickle);
gboolean frames_add_key (Frames *self, PyObject *key);
/* Adds every value of an iterable. */
gboolean frames_add_all (Frames *self, PyObject *values, gboolean allow_pickle);
/* The frames, good until something is added. */
const ShmobjFrame *frames_get (Frames *self, gsize *n);

/* A list of what the frames of @run say, read from the container of @wrapper. Clears it, also on
 * failure. */
PyObject *frames_to_list (PyObject *wrapper, ShmobjFrameRun *run, gboolean allow_pickle);
/* A list of tuples; the frames are keys and values in turn. */
PyObject *frames_to_pairs (PyObject *wrapper, ShmobjFrameRun *run, gboolean allow_pickle);
