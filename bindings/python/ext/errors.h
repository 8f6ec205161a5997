/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

/* From GErrors to the exceptions of shmobj._errors. All return NULL, to be returned in turn. */

/* Takes @error. A NULL @error (a call that failed without one) is a SystemError. */
PyObject *errors_raise (GError *error);
PyObject *errors_raise_corrupt (const char *what);
PyObject *errors_raise_not_representable (PyObject *value);
