/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many frames at a time, for calls that take or give several values in one piece. */

#include "frames.h"

void
frames_init (Frames *self)
{
  buffer_init (&self->bytes, self->small, sizeof self->small);
  self->frames = g_array_new (FALSE, FALSE, sizeof (ShmobjFrame));
  self->references = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
}

void
frames_clear (Frames *self)
{
  buffer_clear (&self->bytes);
  g_array_unref (self->frames);
  g_ptr_array_unref (self->references);
}

static gboolean
add (Frames *self, const ShmobjFrame *frame)
{
  ShmobjFrame kept = *frame;

  kept.data = GSIZE_TO_POINTER (self->bytes.size);
  if (!buffer_append (&self->bytes, frame->data, frame->size))
    return FALSE;
  kept.type = GSIZE_TO_POINTER (self->bytes.size);
  if (!buffer_append (&self->bytes, frame->type, frame->type_length) ||
      !buffer_align (&self->bytes, 8))
    return FALSE;

  g_array_append_val (self->frames, kept);
  return TRUE;
}

static gboolean
add_encoded (Frames *self, gboolean done, Encoded *encoded)
{
  if (done && !add (self, &encoded->frame))
    {
      PyErr_NoMemory ();
      done = FALSE;
    }
  if (encoded->reference != NULL)
    g_ptr_array_add (self->references, g_steal_pointer (&encoded->reference));
  encoded_clear (encoded);
  return done;
}

gboolean
frames_add (Frames *self, PyObject *value, gboolean allow_pickle)
{
  Encoded encoded;

  return add_encoded (self, item_encode (value, allow_pickle, &encoded), &encoded);
}

gboolean
frames_add_key (Frames *self, PyObject *key)
{
  Encoded encoded;

  return add_encoded (self, codec_encode_key (key, &encoded), &encoded);
}

gboolean
frames_add_all (Frames *self, PyObject *values, gboolean allow_pickle)
{
  PyObject *iterator = PyObject_GetIter (values);
  PyObject *value;

  if (iterator == NULL)
    return FALSE;

  while ((value = PyIter_Next (iterator)) != NULL)
    {
      gboolean added = frames_add (self, value, allow_pickle);

      Py_DECREF (value);
      if (!added)
        break;
    }
  Py_DECREF (iterator);
  return !PyErr_Occurred ();
}

const ShmobjFrame *
frames_get (Frames *self, gsize *n)
{
  *n = self->frames->len;
  for (gsize i = 0; i < *n; i++)
    {
      ShmobjFrame *frame = &g_array_index (self->frames, ShmobjFrame, i);

      frame->data = self->bytes.data + GPOINTER_TO_SIZE (frame->data);
      frame->type = (const char *) self->bytes.data + GPOINTER_TO_SIZE (frame->type);
    }
  return (const ShmobjFrame *) (void *) self->frames->data;
}

static PyObject *
next_value (PyObject *wrapper, ShmobjFrameRun *run, gsize *offset, gboolean allow_pickle)
{
  PyObject *result;
  ShmobjFrame frame;

  if (!shmobj_frame_run_next (run, offset, &frame))
    return NULL;
  return G_LIKELY (codec_decode_quickly (&frame, &result))
             ? result
             : item_take (wrapper, &frame, allow_pickle);
}

static PyObject *
next_pair (PyObject *wrapper, ShmobjFrameRun *run, gsize *offset, gboolean allow_pickle)
{
  PyObject *key = next_value (wrapper, run, offset, allow_pickle);
  PyObject *value = key ? next_value (wrapper, run, offset, allow_pickle) : NULL;
  PyObject *pair = value ? PyTuple_Pack (2, key, value) : NULL;

  Py_XDECREF (key);
  Py_XDECREF (value);
  return pair;
}

typedef PyObject *(*NextFunc) (PyObject *wrapper,
                               ShmobjFrameRun *run,
                               gsize *offset,
                               gboolean allow_pickle);

static PyObject *
list_of (PyObject *wrapper, ShmobjFrameRun *run, gsize n, NextFunc next, gboolean allow_pickle)
{
  PyObject *list = PyList_New (n);
  gsize offset = 0;

  for (gsize i = 0; list != NULL && i < n; i++)
    {
      PyObject *item = next (wrapper, run, &offset, allow_pickle);

      if (item == NULL || PyList_SetItem (list, i, item) < 0)
        Py_CLEAR (list);
    }

  shmobj_frame_run_clear (run);
  return list;
}

PyObject *
frames_to_list (PyObject *wrapper, ShmobjFrameRun *run, gboolean allow_pickle)
{
  return list_of (wrapper, run, run->n_frames, next_value, allow_pickle);
}

PyObject *
frames_to_pairs (PyObject *wrapper, ShmobjFrameRun *run, gboolean allow_pickle)
{
  return list_of (wrapper, run, run->n_frames / 2, next_pair, allow_pickle);
}
