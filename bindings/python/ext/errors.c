/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From GErrors to exceptions. The classes are Python's (shmobj._errors); here they are only asked
 * for, the first time that something fails. */

#include "errors.h"

#include "interrupt.h"

static PyObject *from_gerror; /* shmobj._errors.from_code (domain, code, message) → exception */

PyObject *
errors_raise (GError *error)
{
  PyObject *exception;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) && interrupt_raise ())
    {
      g_error_free (error);
      return NULL;
    }
  if (error == NULL)
    {
      PyErr_SetString (PyExc_SystemError, "A call of libshmobj failed and did not say why");
      return NULL;
    }

  if (from_gerror == NULL)
    from_gerror = import_from ("shmobj._errors", "from_code");

  exception = from_gerror == NULL
                  ? NULL
                  : PyObject_CallFunction (from_gerror, "sis", g_quark_to_string (error->domain),
                                           error->code, error->message);
  g_error_free (error);
  if (exception == NULL)
    return NULL;

  PyErr_SetObject ((PyObject *) Py_TYPE (exception), exception);
  Py_DECREF (exception);
  return NULL;
}

PyObject *
errors_raise_missing (GError *error, const char *class_name)
{
  PyObject *class;

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return errors_raise (error);

  class = import_from ("shmobj._errors", class_name);
  if (class != NULL)
    PyErr_SetString (class, error->message);
  Py_XDECREF (class);
  g_error_free (error);
  return NULL;
}

PyObject *
errors_raise_corrupt (const char *what)
{
  return errors_raise (g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                                    "A value that was read is damaged: %s", what));
}

PyObject *
errors_raise_not_representable (PyObject *value)
{
  PyObject *name = PyType_GetQualName (Py_TYPE (value));
  const char *utf8 = name ? PyUnicode_AsUTF8AndSize (name, NULL) : NULL;

  PyErr_Clear ();
  errors_raise (g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                             "This value of type “%s” is, or contains, something that other "
                             "languages cannot read; for Python readers only, set allow_pickle",
                             utf8 ? utf8 : "?"));
  Py_XDECREF (name);
  return NULL;
}
