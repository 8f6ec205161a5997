/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Python objects to frames, without a GVariant in between. What neither lies in memory as it is
 * sent nor can be said by GVariant becomes a pickle, whole. */

#include "encode.h"

#include "errors.h"
#include "types.h"

static PyObject *dumps; /* shmobj._pickle.dumps, from when it is first needed */

static Status
encode_variant (PyObject *value, Encoded *encoded)
{
  Encoder self = { .data = &encoded->data, .type = &encoded->type };
  gsize at = 0;
  Status status;

  buffer_init (&self.offsets, self.small_offsets, sizeof self.small_offsets);
  status = encode_type (&self, value, TYPE_DEPTH_MAX);
  if (status == DONE)
    status = encode_value (&self, value, &at, TYPE_DEPTH_MAX);
  buffer_clear (&self.offsets);

  encoded->frame = (ShmobjFrame){
    .kind = SHMOBJ_FRAME_VARIANT,
    .data = encoded->data.data,
    .size = encoded->data.size,
    .type = (const char *) encoded->type.data,
    .type_length = encoded->type.size,
  };
  return status;
}

/* Long strings and bytes are sent from where they are. */
static gboolean
encode_in_place (PyObject *value, Encoded *encoded)
{
  if (PyBytes_CheckExact (value))
    {
      char *data;
      Py_ssize_t size;

      PyBytes_AsStringAndSize (value, &data, &size);
      shmobj_frame_set_bytes (&encoded->frame, data, size);
    }
  else if (PyUnicode_CheckExact (value))
    {
      gsize size;
      const char *utf8 = encode_string_of (value, &size);

      if (utf8 == NULL)
        return FALSE;
      encoded->frame = (ShmobjFrame){ .kind = SHMOBJ_FRAME_VARIANT,
                                      .data = (const guint8 *) utf8,
                                      .size = size + 1,
                                      .type = "s",
                                      .type_length = 1 };
    }
  else
    return FALSE;

  encoded->object = Py_NewRef (value);
  return TRUE;
}

static PyObject *
pickled (PyObject *value)
{
  PyObject *arguments, *result;

  if (dumps == NULL)
    dumps = import_from ("shmobj._pickle", "dumps");
  if (dumps == NULL)
    return NULL;

  arguments = PyTuple_Pack (1, value);
  result = arguments ? PyObject_CallObject (dumps, arguments) : NULL;
  Py_XDECREF (arguments);
  return result;
}

static gboolean
encode_pickle (PyObject *value, Encoded *encoded)
{
  char *data;
  Py_ssize_t size;

  encoded->object = pickled (value);
  if (encoded->object == NULL || PyBytes_AsStringAndSize (encoded->object, &data, &size) < 0)
    return FALSE;
  shmobj_frame_set_pickle (&encoded->frame, data, size);
  return TRUE;
}

gboolean
codec_encode (PyObject *value, gboolean allow_pickle, Encoded *encoded)
{
  Status status;

  encoded_init (encoded);
  if (encode_in_place (value, encoded))
    return TRUE;
  if (PyErr_Occurred ())
    return FALSE;

  status = encode_variant (value, encoded);
  if (status != UNREPRESENTABLE)
    return status == DONE;
  if (allow_pickle)
    return encode_pickle (value, encoded);

  errors_raise_not_representable (value);
  return FALSE;
}

void
encoded_init (Encoded *encoded)
{
  encoded->object = NULL;
  encoded->reference = NULL;
  buffer_init (&encoded->data, encoded->small_data, sizeof encoded->small_data);
  buffer_init (&encoded->type, encoded->small_type, sizeof encoded->small_type);
}

void
encoded_clear (Encoded *encoded)
{
  Py_CLEAR (encoded->object);
  g_clear_pointer (&encoded->reference, g_variant_unref);
  buffer_clear (&encoded->data);
  buffer_clear (&encoded->type);
}

gboolean
codec_init (void)
{
  return encode_init ();
}
