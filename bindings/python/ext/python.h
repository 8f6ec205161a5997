/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every file of the extension starts with: Python's stable interface (3.11 and newer, so that
 * one binary serves them all) and the library. */

#ifndef Py_LIMITED_API
#error "Py_LIMITED_API is given by the build"
#endif

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <shmobj.h>

/* A new reference to what the named module calls @name, or NULL with an exception. */
static inline PyObject *
import_from (const char *module_name, const char *name)
{
  PyObject *module = PyImport_ImportModule (module_name);
  PyObject *result = module ? PyObject_GetAttrString (module, name) : NULL;

  Py_XDECREF (module);
  return result;
}
