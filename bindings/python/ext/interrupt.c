/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Python hears signals in its main thread alone, when that looks for them. A write that waits until
 * others have written sleeps in C meanwhile, so the gate asks us now and then, and we look.
 *
 * What the handler raises is put aside until the call has failed. Calls of the extension then raise
 * it themselves; those that PyGObject makes must not find an exception while they turn their GError
 * into one, so shmobj._wrap raises it behind them. There is one main thread: one place is enough.
 */

#include "interrupt.h"

#include <unistd.h>

static struct
{
  PyObject *type, *value, *traceback;
} raised; /* (owned) */

static gboolean
look_for_signals (void)
{
  PyGILState_STATE state;
  gboolean interrupted;

  if (gettid () != getpid () || !Py_IsInitialized ())
    return FALSE;

  state = PyGILState_Ensure ();
  interrupted = PyErr_CheckSignals () < 0;
  if (interrupted)
    {
      Py_CLEAR (raised.type);
      Py_CLEAR (raised.value);
      Py_CLEAR (raised.traceback);
      PyErr_Fetch (&raised.type, &raised.value, &raised.traceback);
    }
  PyGILState_Release (state);
  return interrupted;
}

static void
stop_looking (void)
{
  shmobj_manager_set_interrupt (NULL);
}

void
interrupt_init (void)
{
  if (Py_AtExit (stop_looking) == 0)
    shmobj_manager_set_interrupt (look_for_signals);
}

gboolean
interrupt_raise (void)
{
  if (raised.type == NULL || gettid () != getpid ())
    return FALSE;
  PyErr_Restore (raised.type, raised.value, raised.traceback);
  raised.type = raised.value = raised.traceback = NULL;
  return TRUE;
}

PyObject *
interrupt_raise_method (PyObject *module, PyObject *ignored)
{
  return interrupt_raise () ? NULL : Py_NewRef (Py_None);
}
