/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From Python wrappers to C objects, without PyGObject's headers.
 *
 * A wrapper says where its object is by the capsule `__gpointer__`, which costs an attribute
 * look-up and a new object each time. The pointer also is the first member behind Python's own
 * header, as PyGObject's public pygobject.h has it since its beginnings. Whether that is so here is
 * tried out once, when the module is loaded; if not, the capsule is used.
 */

#include "object.h"

#include "errors.h"

#include <math.h>

typedef struct
{
  PyObject head;
  GObject *object;
} Wrapper;

static gboolean layout_is_known;

static gpointer
object_by_capsule (PyObject *wrapper)
{
  PyObject *capsule = PyObject_GetAttrString (wrapper, "__gpointer__");
  gpointer object = capsule ? PyCapsule_GetPointer (capsule, PyCapsule_GetName (capsule)) : NULL;

  Py_XDECREF (capsule);
  return object;
}

gboolean
object_init (void)
{
  PyObject *class = import_from ("gi.repository.GObject", "Object");
  PyObject *wrapper = class ? PyObject_CallNoArgs (class) : NULL;
  gpointer object = wrapper ? object_by_capsule (wrapper) : NULL;

  layout_is_known = object != NULL && (gpointer) ((Wrapper *) wrapper)->object == object;

  Py_XDECREF (wrapper);
  Py_XDECREF (class);
  return object != NULL;
}

/* Methods are descriptors, which Python calls with instances of their class only: always wrappers.
 */
gpointer
object_of (PyObject *wrapper, GType type)
{
  gpointer object =
      layout_is_known ? (gpointer) ((Wrapper *) wrapper)->object : object_by_capsule (wrapper);

  if (G_LIKELY (object != NULL && G_TYPE_CHECK_INSTANCE_TYPE (object, type)))
    return object;

  if (!PyErr_Occurred ())
    PyErr_Format (PyExc_TypeError, "This object is no %s (did its __init__ run?)",
                  g_type_name (type));
  return NULL;
}

int
object_allows_pickle (PyObject *wrapper)
{
  static PyObject *name;
  PyObject *value;
  int allows;

  if (name == NULL)
    name = PyUnicode_InternFromString ("allow_pickle");
  value = name ? PyObject_GetAttr (wrapper, name) : NULL;
  allows = value == Py_True ? 1 : value ? PyObject_IsTrue (value) : -1;

  Py_XDECREF (value);
  return allows;
}

gboolean
object_add_methods (PyObject *class, PyMethodDef *methods)
{
  for (; methods->ml_name != NULL; methods++)
    {
      PyObject *method = PyDescr_NewMethod ((PyTypeObject *) class, methods);
      int failed = method ? PyObject_SetAttrString (class, methods->ml_name, method) : -1;

      Py_XDECREF (method);
      if (failed < 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
take_keyword (const char *const *names, PyObject *name, PyObject *value, PyObject **slots)
{
  for (gsize i = 0; names[i] != NULL; i++)
    if (PyUnicode_CompareWithASCIIString (name, names[i]) == 0)
      {
        if (slots[i] == NULL)
          {
            slots[i] = value;
            return TRUE;
          }
        PyErr_Format (PyExc_TypeError, "argument %R is given twice", name);
        return FALSE;
      }

  PyErr_Format (PyExc_TypeError, "there is no argument %R", name);
  return FALSE;
}

gboolean
arguments_take (const char *const *names,
                gsize required,
                PyObject *const *arguments,
                Py_ssize_t n,
                PyObject *keywords,
                PyObject **slots)
{
  Py_ssize_t n_keywords = keywords ? PyTuple_Size (keywords) : 0;
  Py_ssize_t n_names;

  for (n_names = 0; names[n_names] != NULL; n_names++)
    slots[n_names] = n_names < n ? arguments[n_names] : NULL;

  if (n > n_names)
    {
      PyErr_Format (PyExc_TypeError, "takes %zd arguments, not %zd", n_names, n);
      return FALSE;
    }

  for (Py_ssize_t i = 0; i < n_keywords; i++)
    if (!take_keyword (names, PyTuple_GetItem (keywords, i), arguments[n + i], slots))
      return FALSE;

  for (gsize i = 0; i < required; i++)
    if (slots[i] == NULL)
      {
        PyErr_Format (PyExc_TypeError, "argument '%s' is missing", names[i]);
        return FALSE;
      }
  return TRUE;
}

gboolean
timeout_of (PyObject *block, PyObject *timeout, gint64 *timeout_us)
{
  double seconds;
  int blocks = block == NULL || block == Py_True ? 1 : PyObject_IsTrue (block);

  *timeout_us = blocks > 0 ? -1 : 0;
  if (blocks <= 0 || timeout == NULL || timeout == Py_None)
    return blocks >= 0;

  seconds = PyFloat_AsDouble (timeout);
  if (seconds == -1 && PyErr_Occurred ())
    return FALSE;
  if (isnan (seconds))
    {
      PyErr_SetString (PyExc_ValueError, "timeout is not a number");
      return FALSE;
    }

  if (seconds <= 1e12)
    *timeout_us = seconds <= 0 ? 0 : (gint64) ceil (seconds * 1e6);
  return TRUE;
}

PyObject *
cancellable_call (
    const char *name, PyObject *wrapper, gint64 timeout_us, PyObject *cancellable, PyObject *value)
{
  PyObject *function = import_from ("shmobj._cancelling", name), *result = NULL;

  if (function != NULL)
    result = PyObject_CallFunction (function, value != NULL ? "OLOO" : "OLO", wrapper,
                                    (long long) timeout_us, cancellable, value);
  Py_XDECREF (function);
  return result;
}

/* 1, or 0 with @error, or -1 with an exception that a signal handler raised. */
static int
wait_for (Attempt function, gpointer data, gint64 timeout_us, GError **error)
{
  gint64 end = timeout_us > 0 ? g_get_monotonic_time () + timeout_us : 0;

  for (;;)
    {
      gboolean interrupted = FALSE;
      gboolean done;

      Py_BEGIN_ALLOW_THREADS;
      done = function (data, timeout_us, &interrupted, error);
      Py_END_ALLOW_THREADS;

      if (done)
        return 1;
      if (!interrupted)
        return 0;
      if (PyErr_CheckSignals () < 0)
        return -1;
      if (timeout_us > 0)
        timeout_us = MAX (0, end - g_get_monotonic_time ());
    }
}

/* As wait_for(). Giving up the interpreter and getting it back costs more than most calls do, so
 * the first attempt does not. */
static int
attempt_or_wait (Attempt function, gpointer data, gint64 timeout_us, GError **error)
{
  gboolean interrupted;

  if (function (data, 0, &interrupted, timeout_us == 0 ? error : NULL))
    return 1;
  return timeout_us == 0 ? 0 : wait_for (function, data, timeout_us, error);
}

gboolean
attempt (Attempt function, gpointer data, gint64 timeout_us)
{
  GError *error = NULL;
  int outcome = attempt_or_wait (function, data, timeout_us, &error);

  if (outcome == 0)
    errors_raise (error);
  return outcome > 0;
}

int
attempt_in_time (Attempt function, gpointer data, gint64 timeout_us)
{
  GError *error = NULL;
  int outcome = attempt_or_wait (function, data, timeout_us, &error);

  if (outcome != 0)
    return outcome;
  if (error == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      g_clear_error (&error);
      return 0;
    }
  errors_raise (error);
  return -1;
}
