/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

/* The methods that the override puts into its classes; each table ends with an empty entry. */
extern PyMethodDef queue_methods[];
extern PyMethodDef connection_methods[];
extern PyMethodDef lock_methods[];
extern PyMethodDef event_methods[];
extern PyMethodDef semaphore_methods[];
extern PyMethodDef condition_methods[];
extern PyMethodDef list_methods[];
extern PyMethodDef dict_methods[];
extern PyMethodDef value_methods[];

/* For the tables of all containers: wait (since, timeout=None) → revision */
PyObject *
container_wait (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords);
#define CONTAINER_WAIT                                                                             \
  {                                                                                                \
    "wait", AS_METHOD (container_wait), FAST,                                                      \
        "wait(since, timeout=None)\n--\n\n"                                                        \
        "Waits until the revision is another one than since, and returns it."                      \
  }

/* memory_view (module, memory or loan) → memoryview, or None once it was closed */
PyObject *memory_view (PyObject *module, PyObject *wrapper);
