/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "python.h"

/* Ctrl-C, and what else a signal handler of Python raises, ends a write that waits for others. */
void interrupt_init (void);

/* What ended the call that has just failed, raised again: TRUE; else nothing. */
gboolean interrupt_raise (void);

/* raise_interrupt (): the same for calls that PyGObject makes; returns None if there is nothing. */
PyObject *interrupt_raise_method (PyObject *module, PyObject *ignored);
