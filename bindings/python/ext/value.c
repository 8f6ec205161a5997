/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Value: what pickles may be in, and what is called often. (add() is only for numbers;
 * introspection does that.) Reading waits for nobody and so keeps the interpreter; writing may wait
 * for another writer, so it lets other threads run. */

#include "methods.h"

#include "errors.h"
#include "item.h"
#include "object.h"

/* A value whose wrapper @wrapper is, and whether pickles are for it. */
typedef struct
{
  ShmobjValue *value;
  int allow_pickle;
} Target;

static gboolean
target_init (Target *self, PyObject *wrapper)
{
  self->value = object_of (wrapper, SHMOBJ_TYPE_VALUE);
  if (self->value == NULL)
    return FALSE;
  self->allow_pickle = object_allows_pickle (wrapper);
  return self->allow_pickle >= 0;
}

static PyObject *
value_get (PyObject *wrapper, PyObject *unused)
{
  Target self;
  ShmobjFrame frame;
  GError *error = NULL;

  if (!target_init (&self, wrapper))
    return NULL;
  if (!shmobj_value_get_frame (self.value, &frame, &error))
    return errors_raise (error);
  return item_take (wrapper, &frame, self.allow_pickle);
}

static PyObject *
value_set (PyObject *wrapper, PyObject *value)
{
  Target self;
  Encoded encoded;
  GError *error = NULL;
  PyObject *result = NULL;
  gboolean done;

  if (!target_init (&self, wrapper))
    return NULL;

  if (item_encode (value, self.allow_pickle, &encoded))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_value_set_frame (self.value, &encoded.frame, &error);
      Py_END_ALLOW_THREADS;
      result = done ? Py_NewRef (Py_None) : errors_raise (error);
    }
  encoded_clear (&encoded);
  return result;
}

/* compare_and_set (expected, value) */
static PyObject *
value_compare_and_set (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  Encoded expected, value;
  GError *error = NULL;
  int done = -1;

  if (n != 2)
    return PyErr_Format (PyExc_TypeError, "takes the expected value and the new one");
  if (!target_init (&self, wrapper))
    return NULL;

  encoded_init (&value);
  if (item_encode (arguments[0], self.allow_pickle, &expected) &&
      item_encode (arguments[1], self.allow_pickle, &value))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_value_compare_and_set_frame (self.value, &expected.frame, &value.frame, &error);
      Py_END_ALLOW_THREADS;
      if (done < 0)
        errors_raise (error);
    }
  encoded_clear (&expected);
  encoded_clear (&value);
  return done >= 0 ? PyBool_FromLong (done) : NULL;
}

PyMethodDef value_methods[] = {
  { "get", value_get, METH_NOARGS, "What it is now." },
  { "set", value_set, METH_O, "Puts another value in its place." },
  { "compare_and_set", AS_METHOD (value_compare_and_set), METH_FASTCALL,
    "compare_and_set(expected, value): puts value in its place if it still is what was expected.\n"
    "Returns whether it was." },
  CONTAINER_WAIT,
  { NULL },
};
