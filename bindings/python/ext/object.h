/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

/* What all methods need: the C object behind a wrapper, arguments, time-outs. */

/* Called once, when the module is made: finds out how to reach the pointer in a wrapper. */
gboolean object_init (void);
/* The C object of a wrapper of that type, borrowed; NULL with an exception. */
gpointer object_of (PyObject *wrapper, GType type);
/* Is the wrapper's attribute allow_pickle true? -1 with an exception. */
int object_allows_pickle (PyObject *wrapper);

/* Makes @methods (ended by an empty one) methods of @class. */
gboolean object_add_methods (PyObject *class, PyMethodDef *methods);

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define AS_METHOD(function) ((PyCFunction) (void (*) (void)) (function))

/* Puts positional and keyword arguments into @slots, borrowed, NULL where none was given. @names
 * ends with NULL; the first @required must be there. */
gboolean arguments_take (const char *const *names,
                         gsize required,
                         PyObject *const *arguments,
                         Py_ssize_t n,
                         PyObject *keywords,
                         PyObject **slots);

/* From `block` and `timeout` (each may be NULL) to microseconds. */
gboolean timeout_of (PyObject *block, PyObject *timeout, gint64 *timeout_us);

/* The same call with a cancellable: shmobj._cancelling.@name (wrapper, timeout_us, cancellable),
 * and
 * @value (nullable) behind these. */
PyObject *cancellable_call (
    const char *name, PyObject *wrapper, gint64 timeout_us, PyObject *cancellable, PyObject *value);

static inline gboolean
argument_is_given (PyObject *slot)
{
  return G_UNLIKELY (slot != NULL) && slot != Py_None;
}

/* Something that may have to wait. FALSE with @error, or with @interrupted set when a signal came.
 */
typedef gboolean (*Attempt) (gpointer data,
                             gint64 timeout_us,
                             gboolean *interrupted,
                             GError **error);

/* Tries once as we are, then waits without holding up other threads; signal handlers of Python run
 * as soon as the signal has come. FALSE with an exception. */
gboolean attempt (Attempt function, gpointer data, gint64 timeout_us);
/* The same for what has the time-out as one of its answers: 1, or 0 for FALSE without an error or
 * with G_IO_ERROR_TIMED_OUT, or -1 with an exception. */
int attempt_in_time (Attempt function, gpointer data, gint64 timeout_us);
