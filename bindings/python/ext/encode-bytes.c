/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The encoder's second pass: a value in GVariant's serialised form, along the type that the first
 * pass chose.
 *
 * What is inside a variant (items of an `av`, values of a dict) is met by both passes here, so each
 * object is typed once.
 *
 * Python code can run in between (a GLib.Variant inside the value is asked for its bytes, which
 * lets other threads run), so a container may change under us. Every item is held while it is
 * looked at, and what is found is checked again; a value that changed is a RuntimeError.
 */

#include "encode.h"

#include "types.h"

static Status
changed (void)
{
  PyErr_SetString (PyExc_RuntimeError, "The value changed while it was being sent");
  return FAILED;
}

static Status
write_8 (Encoder *self, const void *value)
{
  return buffer_append (self->data, value, 8) ? DONE : no_memory ();
}

static Status
write_string (Encoder *self, PyObject *value)
{
  gsize size;
  const char *utf8 = PyUnicode_CheckExact (value) ? encode_string_of (value, &size) : NULL;

  if (utf8 == NULL)
    return PyErr_Occurred () ? FAILED : changed ();
  return buffer_append (self->data, utf8, size + 1) ? DONE : no_memory ();
}

/* Of the type that the first pass chose. */
static Status
write_basic (Encoder *self, PyObject *value, char type)
{
  if (type == 's')
    return write_string (self, value);

  if (type == 'x' && PyLong_CheckExact (value))
    {
      int overflow;
      gint64 number = PyLong_AsLongLongAndOverflow (value, &overflow);

      return overflow == 0 ? write_8 (self, &number) : changed ();
    }

  if (type == 't' && PyLong_CheckExact (value))
    {
      guint64 number = PyLong_AsUnsignedLongLong (value);

      return PyErr_Occurred () ? FAILED : write_8 (self, &number);
    }

  if (type == 'd' && PyFloat_CheckExact (value))
    {
      double number = PyFloat_AsDouble (value);

      return write_8 (self, &number);
    }

  if (type == 'b' && PyBool_Check (value))
    {
      guint8 byte = value == Py_True;

      return buffer_append (self->data, &byte, 1) ? DONE : no_memory ();
    }

  return changed ();
}

static Status
write_bytes (Encoder *self, PyObject *bytes)
{
  char *data;
  Py_ssize_t size;

  if (PyBytes_AsStringAndSize (bytes, &data, &size) < 0)
    return FAILED;
  return buffer_append (self->data, data, size) ? DONE : no_memory ();
}

/* The serialised form as GLib gives it; made normal first, so that what GLib let pass is no
 * corruption to our readers. */
static Status
write_variant_object (Encoder *self, PyObject *value)
{
  PyObject *normal = PyObject_CallMethod (value, "get_normal_form", NULL);
  PyObject *gbytes = normal ? PyObject_CallMethod (normal, "get_data_as_bytes", NULL) : NULL;
  PyObject *bytes = gbytes ? PyObject_CallMethod (gbytes, "get_data", NULL) : NULL;
  Status status = FAILED;

  if (bytes == Py_None) /* how PyGObject says "none" */
    status = DONE;
  else if (bytes != NULL)
    status = write_bytes (self, bytes);

  Py_XDECREF (bytes);
  Py_XDECREF (gbytes);
  Py_XDECREF (normal);
  return status;
}

/* Any value with its type behind it. */
static Status
write_boxed (Encoder *self, PyObject *value, int depth)
{
  gsize mark = self->type->size;
  gsize at = mark;
  Status status;

  if (!buffer_align (self->data, 8))
    return no_memory ();

  status = encode_type (self, value, depth - 1);
  if (status == DONE)
    status = encode_value (self, value, &at, depth - 1);
  if (status == DONE &&
      (!buffer_append (self->data, "", 1) ||
       !buffer_append (self->data, self->type->data + mark, self->type->size - mark)))
    return no_memory ();

  self->type->size = mark;
  return status;
}

static gboolean
push_offset (Encoder *self, gsize offset)
{
  return buffer_append (&self->offsets, &offset, sizeof offset);
}

/* Writes the offsets pushed since @mark (a size of the stack) behind the container that begins at
 * @start, and forgets them. */
static Status
write_offsets (Encoder *self, gsize start, gsize mark, gboolean backwards)
{
  gsize n = (self->offsets.size - mark) / sizeof (gsize);
  gsize body = self->data->size - start;
  gsize width = 1;
  guint8 *at;

  while (width < 8 && body + n * width > (G_GUINT64_CONSTANT (1) << (8 * width)) - 1)
    width *= 2;

  at = buffer_add (self->data, n * width);
  if (at == NULL)
    return no_memory ();

  for (gsize i = 0; i < n; i++)
    {
      gsize from = backwards ? n - 1 - i : i;
      guint64 offset;

      memcpy (&offset, self->offsets.data + mark + from * sizeof offset, sizeof offset);
      offset = GUINT64_TO_LE (offset);
      memcpy (at + i * width, &offset, width);
    }

  self->offsets.size = mark;
  return DONE;
}

/* The type that begins at @at of the type buffer, which later writing may move. */
static const char *
type_at (Encoder *self, gsize at)
{
  return (const char *) self->type->data + at;
}

static Status
write_tuple (Encoder *self, PyObject *value, gsize *at, int depth)
{
  gsize begin = *at;
  gsize length = type_skip (type_at (self, begin)) - type_at (self, begin);
  gsize fixed = type_fixed_size (type_at (self, begin), type_at (self, begin) + length);
  gsize start = self->data->size;
  gsize mark = self->offsets.size;
  Py_ssize_t size = PyTuple_Size (value);

  (*at)++;
  for (Py_ssize_t i = 0; i < size; i++)
    {
      const char *type = type_at (self, *at);
      const char *end = type_skip (type);
      gboolean framed = i < size - 1 && type_fixed_size (type, end) == 0;
      Status status;

      if (!buffer_align (self->data, type_alignment (type, end)))
        return no_memory ();
      status = encode_value (self, PyTuple_GetItem (value, i), at, depth - 1);
      if (status != DONE)
        return status;
      if (framed && !push_offset (self, self->data->size - start))
        return no_memory ();
    }

  *at = begin + length;
  if (fixed > 0)
    {
      gsize missing = start + fixed - self->data->size;
      guint8 *padding = buffer_add (self->data, missing);

      if (padding == NULL)
        return no_memory ();
      memset (padding, 0, missing);
      return DONE;
    }
  return write_offsets (self, start, mark, TRUE);
}

static Status
write_list (Encoder *self, PyObject *value, char type, int depth)
{
  gsize start = self->data->size;
  gsize mark = self->offsets.size;
  gboolean framed = type == 'v' || type == 's';

  for (Py_ssize_t i = 0; i < PyList_Size (value); i++)
    {
      PyObject *item = PyList_GetItem (value, i);
      Status status;

      Py_INCREF (item);
      status = type == 'v' ? write_boxed (self, item, depth - 1) : write_basic (self, item, type);
      Py_DECREF (item);

      if (status != DONE)
        return status;
      if (framed && !push_offset (self, self->data->size - start))
        return no_memory ();
    }
  return write_offsets (self, start, mark, FALSE);
}

/* One {kv}. Its only framing offset is behind a string key. */
static Status
write_entry (Encoder *self, PyObject *key, PyObject *item, char key_type, int depth)
{
  gsize start;
  gsize mark = self->offsets.size;
  Status status;

  if (!buffer_align (self->data, 8))
    return no_memory ();

  start = self->data->size;
  status = write_basic (self, key, key_type);
  if (status != DONE)
    return status;
  if (key_type == 's' && !push_offset (self, self->data->size - start))
    return no_memory ();

  status = write_boxed (self, item, depth - 1);
  return status == DONE ? write_offsets (self, start, mark, TRUE) : status;
}

static Status
write_dict (Encoder *self, PyObject *value, char key_type, int depth)
{
  gsize start = self->data->size;
  gsize mark = self->offsets.size;
  PyObject *key, *item;
  Py_ssize_t at = 0;

  while (PyDict_Next (value, &at, &key, &item))
    {
      Status status;

      Py_INCREF (key);
      Py_INCREF (item);
      status = write_entry (self, key, item, key_type, depth - 1);
      Py_DECREF (item);
      Py_DECREF (key);

      if (status != DONE)
        return status;
      if (!push_offset (self, self->data->size - start))
        return no_memory ();
    }
  return write_offsets (self, start, mark, FALSE);
}

Status
encode_value (Encoder *self, PyObject *value, gsize *at, int depth)
{
  const char *type = type_at (self, *at);
  char element = type[0] == 'a' ? type[1] : 0;
  char key_type = element == '{' ? type[2] : 0;

  if (PyTuple_CheckExact (value))
    return write_tuple (self, value, at, depth);

  if (encode_is_variant (value))
    {
      *at += type_skip (type) - type;
      return write_variant_object (self, value);
    }

  *at += value == Py_None ? 2 : key_type != 0 ? 5 : element != 0 ? 2 : 1;
  if (value == Py_None)
    return DONE;
  if (PyList_CheckExact (value))
    return write_list (self, value, element, depth);
  if (PyDict_CheckExact (value))
    return write_dict (self, value, key_type, depth);
  if (PyBytes_CheckExact (value))
    return write_bytes (self, value);
  return write_basic (self, value, type[0]);
}
