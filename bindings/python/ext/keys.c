/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys of a shared dict. What Python's dict takes for one key is one key here: True and 1.0 are 1,
 * also inside tuples. (Integers of every width are made equal by the library itself.) */

#include "codec.h"

#include <math.h>

static PyObject *normal_key (PyObject *key);

static PyObject *
normal_tuple (PyObject *key)
{
  Py_ssize_t size = PyTuple_Size (key);
  PyObject *result = PyTuple_New (size);

  for (Py_ssize_t i = 0; result != NULL && i < size; i++)
    {
      PyObject *item = normal_key (PyTuple_GetItem (key, i));

      if (item == NULL || PyTuple_SetItem (result, i, item) < 0)
        Py_CLEAR (result);
    }
  return result;
}

static PyObject *
normal_float (PyObject *key)
{
  double value = PyFloat_AsDouble (key);

  /* beyond, there are no integers as keys that it could equal */
  if (value >= -0x1p63 && value < 0x1p64 && value == floor (value))
    return PyLong_FromDouble (value);
  return Py_NewRef (key);
}

static PyObject *
normal_key (PyObject *key)
{
  PyObject *name;

  if (PyUnicode_CheckExact (key) || PyLong_CheckExact (key) || PyBytes_CheckExact (key))
    return Py_NewRef (key);
  if (PyBool_Check (key))
    return PyLong_FromLong (key == Py_True);
  if (PyFloat_CheckExact (key))
    return normal_float (key);
  if (PyTuple_CheckExact (key))
    return normal_tuple (key);

  name = PyType_GetQualName (Py_TYPE (key));
  if (name != NULL)
    PyErr_Format (PyExc_TypeError,
                  "keys are text, integers, doubles, bytes and tuples of these, not %U", name);
  Py_XDECREF (name);
  return NULL;
}

gboolean
codec_encode_key (PyObject *key, Encoded *encoded)
{
  PyObject *normal = normal_key (key);
  gboolean done = FALSE;

  if (normal != NULL)
    done = codec_encode (normal, FALSE, encoded);
  else
    encoded_init (encoded);

  Py_XDECREF (normal);
  return done;
}
