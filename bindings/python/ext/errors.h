/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

/* From GErrors to the exceptions of shmobj._errors. All return NULL, to be returned in turn. */

/* Takes @error. A NULL @error (a call that failed without one) is a SystemError. */
PyObject *errors_raise (GError *error);
/* The same, but G_IO_ERROR_NOT_FOUND becomes the named class of shmobj._errors. */
PyObject *errors_raise_missing (GError *error, const char *class_name);
PyObject *errors_raise_corrupt (const char *what);
PyObject *errors_raise_not_representable (PyObject *value);
