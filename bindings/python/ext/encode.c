/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Python objects to frames, without a GVariant in between.
 *
 * Two passes. The first looks at a value and writes its type string; it alone decides whether
 * GVariant can say the value. The second writes the serialised form along that type. What is inside
 * a variant (items of an `av`, values of a dict) is met by both passes when the second comes to it:
 * each object is typed once.
 *
 * Only exact types count: a namedtuple, an IntEnum or a numpy number would arrive as something
 * else, so they are for pickle, and with them the whole value.
 *
 * Python code can run in between (a GLib.Variant inside the value is asked for its bytes, which
 * lets other threads run), so a container may change under us. Every item is held while it is
 * looked at, and the second pass checks again what it finds; a value that changed is a
 * RuntimeError.
 */

#include "codec.h"

#include "errors.h"
#include "types.h"

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
  gsize offsets_at; /* where the framing offsets of the innermost container begin */
  Buffer offsets;   /* of gsize; a stack for all open containers */
  gsize small_offsets[16];
} Encoder;

static PyObject *variant_class; /* GLib.Variant */
static PyObject *dumps;         /* shmobj._pickle.dumps, from when it is first needed */

static Status type_of (Encoder *self, PyObject *value, int depth);
static Status write_value (Encoder *self, PyObject *value, gsize *at, int depth);

static Status
no_memory (void)
{
  PyErr_NoMemory ();
  return FAILED;
}

static Status
changed (void)
{
  PyErr_SetString (PyExc_RuntimeError, "The value changed while it was being sent");
  return FAILED;
}

static Status
add_type (Encoder *self, const char *type, gsize size)
{
  return buffer_append (self->type, type, size) ? DONE : no_memory ();
}

/* --- First pass: which type --- */

/* 'x', 't', or 0 when it has more than 64 bits. */
static char
int_type (PyObject *value)
{
  int overflow;

  PyLong_AsLongLongAndOverflow (value, &overflow);
  if (overflow == 0)
    return 'x';
  if (overflow > 0)
    {
      PyLong_AsUnsignedLongLong (value);
      if (!PyErr_Occurred ())
        return 't';
      PyErr_Clear ();
    }
  return 0;
}

/* The string's UTF-8 if GVariant can hold it. NULL without an exception if not (NUL, lone
 * surrogate), with one when memory ran out. */
static const char *
string_of (PyObject *value, gsize *size)
{
  Py_ssize_t length;
  const char *utf8 = PyUnicode_AsUTF8AndSize (value, &length);

  if (utf8 == NULL)
    {
      if (PyErr_ExceptionMatches (PyExc_UnicodeError))
        PyErr_Clear ();
      return NULL;
    }

  *size = length;
  return memchr (utf8, 0, length) == NULL ? utf8 : NULL;
}

static Status
fail_or_unrepresentable (void)
{
  return PyErr_Occurred () ? FAILED : UNREPRESENTABLE;
}

/* The type of a value that is no container; 0 for everything else, or with an exception. */
static char
basic_type (PyObject *value)
{
  gsize size;

  if (PyLong_CheckExact (value))
    return int_type (value);
  if (PyUnicode_CheckExact (value))
    return string_of (value, &size) != NULL ? 's' : 0;
  if (PyFloat_CheckExact (value))
    return 'd';
  if (PyBool_Check (value))
    return 'b';
  return 0;
}

static Status
type_of_tuple (Encoder *self, PyObject *value, int depth)
{
  Py_ssize_t size = PyTuple_Size (value);

  if (add_type (self, "(", 1) != DONE)
    return FAILED;

  for (Py_ssize_t i = 0; i < size; i++)
    {
      Status status = type_of (self, PyTuple_GetItem (value, i), depth - 1);

      if (status != DONE)
        return status;
    }
  return add_type (self, ")", 1);
}

/* A list whose items are all of one basic type is an array of it, each other one an `av`. */
static Status
type_of_list (Encoder *self, PyObject *value)
{
  char type[2] = { 'a', 'v' };
  Py_ssize_t size = PyList_Size (value);

  for (Py_ssize_t i = 0; i < size; i++)
    {
      char own = basic_type (PyList_GetItem (value, i));

      if (PyErr_Occurred ())
        return FAILED;
      if (own == 0 || (i > 0 && own != type[1]))
        {
          type[1] = 'v';
          break;
        }
      type[1] = own;
    }
  return add_type (self, type, 2);
}

/* All keys must be of one basic type. */
static Status
type_of_dict (Encoder *self, PyObject *value)
{
  char type[5] = { 'a', '{', 's', 'v', '}' };
  gboolean first = TRUE;
  PyObject *key;
  Py_ssize_t at = 0;

  while (PyDict_Next (value, &at, &key, NULL))
    {
      char own = basic_type (key);

      if (own == 0)
        return fail_or_unrepresentable ();
      if (!first && own != type[2])
        return UNREPRESENTABLE;
      type[2] = own;
      first = FALSE;
    }
  return add_type (self, type, 5);
}

static Status
type_of_variant (Encoder *self, PyObject *value)
{
  PyObject *string = PyObject_CallMethod (value, "get_type_string", NULL);
  const char *type = NULL;
  Py_ssize_t size;
  Status status = FAILED;

  if (string != NULL)
    type = PyUnicode_AsUTF8AndSize (string, &size);
  if (type != NULL)
    status = add_type (self, type, size);
  Py_XDECREF (string);
  return status;
}

static Status
type_of_other (Encoder *self, PyObject *value, int depth)
{
  if (value == Py_None)
    return add_type (self, "mv", 2);
  if (PyBytes_CheckExact (value))
    return add_type (self, "ay", 2);
  if (depth < 4) /* an `a{sv}` and what it holds need four levels */
    return UNREPRESENTABLE;
  if (PyTuple_CheckExact (value))
    return type_of_tuple (self, value, depth);
  if (PyList_CheckExact (value))
    return type_of_list (self, value);
  if (PyDict_CheckExact (value))
    return type_of_dict (self, value);
  if (variant_class != NULL && Py_IS_TYPE (value, (PyTypeObject *) variant_class))
    return type_of_variant (self, value);
  return UNREPRESENTABLE;
}

static Status
type_of (Encoder *self, PyObject *value, int depth)
{
  char basic = basic_type (value);

  if (basic != 0)
    return add_type (self, &basic, 1);
  if (PyErr_Occurred ())
    return FAILED;
  return type_of_other (self, value, depth);
}

/* --- Second pass: the bytes --- */

static Status
write_8 (Encoder *self, const void *value)
{
  return buffer_append (self->data, value, 8) ? DONE : no_memory ();
}

static Status
write_string (Encoder *self, PyObject *value)
{
  gsize size;
  const char *utf8 = PyUnicode_CheckExact (value) ? string_of (value, &size) : NULL;

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

  status = type_of (self, value, depth - 1);
  if (status == DONE)
    status = write_value (self, value, &at, depth - 1);
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
      status = write_value (self, PyTuple_GetItem (value, i), at, depth - 1);
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

/* @at: where the value's type begins; then behind it. The data buffer is aligned already. */
static Status
write_value (Encoder *self, PyObject *value, gsize *at, int depth)
{
  const char *type = type_at (self, *at);
  char element = type[0] == 'a' ? type[1] : 0;
  char key_type = element == '{' ? type[2] : 0;

  if (PyTuple_CheckExact (value))
    return write_tuple (self, value, at, depth);

  if (variant_class != NULL && Py_IS_TYPE (value, (PyTypeObject *) variant_class))
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

/* --- The whole --- */

static Status
encode_variant (PyObject *value, Encoded *encoded)
{
  Encoder self = { .data = &encoded->data, .type = &encoded->type };
  gsize at = 0;
  Status status;

  buffer_init (&self.offsets, self.small_offsets, sizeof self.small_offsets);
  status = type_of (&self, value, TYPE_DEPTH_MAX);
  if (status == DONE)
    status = write_value (&self, value, &at, TYPE_DEPTH_MAX);
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
      const char *utf8 = string_of (value, &size);

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
  buffer_init (&encoded->data, encoded->small_data, sizeof encoded->small_data);
  buffer_init (&encoded->type, encoded->small_type, sizeof encoded->small_type);
}

void
encoded_clear (Encoded *encoded)
{
  Py_CLEAR (encoded->object);
  buffer_clear (&encoded->data);
  buffer_clear (&encoded->type);
}

gboolean
codec_init (void)
{
  variant_class = import_from ("gi.repository.GLib", "Variant");
  return variant_class != NULL;
}
