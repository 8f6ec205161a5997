/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The encoder's first pass: which type a value has, and so whether GVariant can say it.
 *
 * Only exact types count: a namedtuple, an IntEnum or a numpy number would arrive as something
 * else, so they are for pickle, and with them the whole value.
 */

#include "encode.h"

static PyObject *variant_class; /* GLib.Variant */

gboolean
encode_init (void)
{
  variant_class = import_from ("gi.repository.GLib", "Variant");
  return variant_class != NULL;
}

gboolean
encode_is_variant (PyObject *value)
{
  return Py_IS_TYPE (value, (PyTypeObject *) variant_class);
}

static Status
add_type (Encoder *self, const char *type, gsize size)
{
  return buffer_append (self->type, type, size) ? DONE : no_memory ();
}

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

const char *
encode_string_of (PyObject *value, gsize *size)
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
    return encode_string_of (value, &size) != NULL ? 's' : 0;
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
      Status status = encode_type (self, PyTuple_GetItem (value, i), depth - 1);

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
  if (encode_is_variant (value))
    return type_of_variant (self, value);
  return UNREPRESENTABLE;
}

Status
encode_type (Encoder *self, PyObject *value, int depth)
{
  char basic = basic_type (value);

  if (basic != 0)
    return add_type (self, &basic, 1);
  if (PyErr_Occurred ())
    return FAILED;
  return type_of_other (self, value, depth);
}
