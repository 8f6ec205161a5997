/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec.h"

/* What lists, dicts and values hold: values as everywhere (codec.h), and containers of the same
 * manager, which are there as references. */

/* As codec_encode(). */
gboolean item_encode (PyObject *value, gboolean allow_pickle, Encoded *encoded);
/* As codec_decode() and codec_take(), for what was read from the container whose wrapper is
 * @wrapper; a reference becomes the container that it leads to. */
PyObject *item_decode (PyObject *wrapper, const ShmobjFrame *frame, gboolean allow_pickle);
PyObject *item_take (PyObject *wrapper, ShmobjFrame *frame, gboolean allow_pickle);
