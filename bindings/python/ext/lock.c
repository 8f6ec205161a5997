/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock, Event, Semaphore and Condition. */

#include "methods.h"

#include "errors.h"
#include "object.h"

static gboolean
try_acquire (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  return shmobj_lock_acquire_interruptible (data, timeout_us, interrupted, error);
}

static gboolean
try_wait (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  return shmobj_event_wait_interruptible (data, timeout_us, interrupted, error);
}

/* acquire (block=True, timeout=None, cancellable=None), of a lock or a semaphore */
static PyObject *
acquire (PyObject *wrapper,
         gpointer object,
         Attempt attempt_once,
         PyObject *const *arguments,
         Py_ssize_t n,
         PyObject *keywords)
{
  static const char *const names[] = { "block", "timeout", "cancellable", NULL };
  PyObject *slots[3];
  gint64 timeout_us;
  int taken;

  if (!arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (slots[0], slots[1], &timeout_us))
    return NULL;
  if (argument_is_given (slots[2]))
    return cancellable_call ("lock_acquire", wrapper, timeout_us, slots[2], NULL);

  taken = attempt_in_time (attempt_once, object, timeout_us);
  return taken < 0 ? NULL : PyBool_FromLong (taken);
}

static PyObject *
lock_acquire (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  ShmobjLock *lock = object_of (wrapper, SHMOBJ_TYPE_LOCK);

  return lock != NULL ? acquire (wrapper, lock, try_acquire, arguments, n, keywords) : NULL;
}

static PyObject *
lock_release (PyObject *wrapper, PyObject *ignored)
{
  ShmobjLock *lock = object_of (wrapper, SHMOBJ_TYPE_LOCK);
  GError *error = NULL;

  if (lock == NULL)
    return NULL;
  return shmobj_lock_release (lock, &error) ? Py_NewRef (Py_None) : errors_raise (error);
}

static PyObject *
lock_enter (PyObject *wrapper, PyObject *ignored)
{
  ShmobjLock *lock = object_of (wrapper, SHMOBJ_TYPE_LOCK);

  return lock != NULL && attempt (try_acquire, lock, -1) ? Py_NewRef (Py_True) : NULL;
}

static PyObject *
lock_exit (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  return lock_release (wrapper, NULL);
}

static PyObject *
event_is_set (PyObject *wrapper, PyObject *ignored)
{
  ShmobjEvent *event = object_of (wrapper, SHMOBJ_TYPE_EVENT);

  return event == NULL ? NULL : PyBool_FromLong (shmobj_event_is_set (event));
}

static PyObject *
event_set (PyObject *wrapper, PyObject *ignored)
{
  ShmobjEvent *event = object_of (wrapper, SHMOBJ_TYPE_EVENT);
  GError *error = NULL;

  if (event == NULL)
    return NULL;
  return shmobj_event_set (event, &error) ? Py_NewRef (Py_None) : errors_raise (error);
}

static PyObject *
event_clear (PyObject *wrapper, PyObject *ignored)
{
  ShmobjEvent *event = object_of (wrapper, SHMOBJ_TYPE_EVENT);
  GError *error = NULL;

  if (event == NULL)
    return NULL;
  return shmobj_event_clear (event, &error) ? Py_NewRef (Py_None) : errors_raise (error);
}

/* wait (timeout=None, cancellable=None) */
static PyObject *
event_wait (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", "cancellable", NULL };
  ShmobjEvent *event = object_of (wrapper, SHMOBJ_TYPE_EVENT);
  PyObject *slots[2];
  gint64 timeout_us;
  int happened;

  if (event == NULL || !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[0], &timeout_us))
    return NULL;
  if (argument_is_given (slots[1]))
    return cancellable_call ("event_wait", wrapper, timeout_us, slots[1], NULL);

  happened = attempt_in_time (try_wait, event, timeout_us);
  return happened < 0 ? NULL : PyBool_FromLong (happened);
}

static gboolean
try_acquire_unit (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  return shmobj_semaphore_acquire_interruptible (data, timeout_us, interrupted, error);
}

/* acquire (block=True, timeout=None, cancellable=None) */
static PyObject *
semaphore_acquire (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  ShmobjSemaphore *semaphore = object_of (wrapper, SHMOBJ_TYPE_SEMAPHORE);

  return semaphore != NULL ? acquire (wrapper, semaphore, try_acquire_unit, arguments, n, keywords)
                           : NULL;
}

/* release (n=1) */
static PyObject *
semaphore_release (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "n", NULL };
  ShmobjSemaphore *semaphore = object_of (wrapper, SHMOBJ_TYPE_SEMAPHORE);
  unsigned long units = 1;
  GError *error = NULL;
  PyObject *slots[1];

  if (semaphore == NULL || !arguments_take (names, 0, arguments, n, keywords, slots))
    return NULL;
  if (argument_is_given (slots[0]))
    units = PyLong_AsUnsignedLong (slots[0]);
  if (units == (unsigned long) -1 && PyErr_Occurred ())
    return NULL;
  return shmobj_semaphore_release (semaphore, MIN (units, G_MAXUINT), &error)
             ? Py_NewRef (Py_None)
             : errors_raise (error);
}

static PyObject *
semaphore_enter (PyObject *wrapper, PyObject *ignored)
{
  ShmobjSemaphore *semaphore = object_of (wrapper, SHMOBJ_TYPE_SEMAPHORE);

  return semaphore != NULL && attempt (try_acquire_unit, semaphore, -1) ? Py_NewRef (Py_True)
                                                                        : NULL;
}

static PyObject *
semaphore_exit (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  return semaphore_release (wrapper, NULL, 0, NULL);
}

/* A wait for a condition that has begun. */
typedef struct
{
  ShmobjCondition *condition;
  guint64 wait;
} Waiting;

static gboolean
try_sleep (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Waiting *waiting = data;

  return shmobj_condition_sleep_interruptible (waiting->condition, waiting->wait, timeout_us,
                                               interrupted, error);
}

/* Takes the lock, without Python: who was notified stands up after that, all others before. TRUE if
 * it was notified. */
static gboolean
stop_waiting (Waiting *waiting, gboolean notified, GError **error)
{
  ShmobjLock *lock = shmobj_condition_get_lock (waiting->condition);

  if (!notified)
    notified = shmobj_condition_end_wait (waiting->condition, waiting->wait);
  shmobj_lock_acquire (lock, -1, NULL, error);
  shmobj_condition_end_wait (waiting->condition, waiting->wait);
  return notified;
}

/* What a signal handler raised waits until the lock is held again. */
static PyObject *
sleep_and_lock (Waiting *waiting, gint64 timeout_us)
{
  PyObject *type = NULL, *value = NULL, *traceback = NULL;
  int happened = attempt_in_time (try_sleep, waiting, timeout_us);
  GError *error = NULL;
  gboolean notified;

  if (happened < 0)
    PyErr_Fetch (&type, &value, &traceback);
  Py_BEGIN_ALLOW_THREADS;
  notified = stop_waiting (waiting, happened == 1, &error);
  Py_END_ALLOW_THREADS;
  if (happened >= 0)
    return error == NULL ? PyBool_FromLong (notified) : errors_raise (error);
  g_clear_error (&error);
  PyErr_Restore (type, value, traceback);
  return NULL;
}

/* wait (timeout=None, cancellable=None) */
static PyObject *
condition_wait (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", "cancellable", NULL };
  Waiting waiting = { object_of (wrapper, SHMOBJ_TYPE_CONDITION), 0 };
  GError *error = NULL;
  PyObject *slots[2];
  gint64 timeout_us;

  if (waiting.condition == NULL || !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[0], &timeout_us))
    return NULL;
  if (argument_is_given (slots[1]))
    return cancellable_call ("condition_wait", wrapper, timeout_us, slots[1], NULL);

  waiting.wait = shmobj_condition_begin_wait (waiting.condition, &error);
  return waiting.wait != 0 ? sleep_and_lock (&waiting, timeout_us) : errors_raise (error);
}

PyMethodDef condition_methods[] = {
  { "wait", AS_METHOD (condition_wait), FAST,
    "wait(timeout=None, cancellable=None)\n--\n\nGives the lock back, waits until it is notified, "
    "and takes the lock again. False when it was not in time." },
  { NULL },
};

PyMethodDef lock_methods[] = {
  { "acquire", AS_METHOD (lock_acquire), FAST,
    "acquire(block=True, timeout=None, cancellable=None)\n--\n\n"
    "Takes the lock. False when that was not possible in time." },
  { "release", lock_release, METH_NOARGS, "release()\n--\n\nGives the lock back." },
  { "__enter__", lock_enter, METH_NOARGS, NULL },
  { "__exit__", AS_METHOD (lock_exit), METH_FASTCALL, NULL },
  { NULL },
};

PyMethodDef event_methods[] = {
  { "is_set", event_is_set, METH_NOARGS, "is_set()\n--\n\nWhether it is set now." },
  { "set", event_set, METH_NOARGS, "set()\n--\n\nSets it and wakes everybody who waits." },
  { "clear", event_clear, METH_NOARGS, "clear()\n--\n\nUnsets it." },
  { "wait", AS_METHOD (event_wait), FAST,
    "wait(timeout=None, cancellable=None)\n--\n\nWaits until the event is set. False when it was "
    "not in time." },
  { NULL },
};

PyMethodDef semaphore_methods[] = {
  { "acquire", AS_METHOD (semaphore_acquire), FAST,
    "acquire(block=True, timeout=None, cancellable=None)\n--\n\n"
    "Takes one unit. False when that was not possible in time." },
  { "release", AS_METHOD (semaphore_release), FAST, "release(n=1)\n--\n\nGives n units." },
  { "__enter__", semaphore_enter, METH_NOARGS, NULL },
  { "__exit__", AS_METHOD (semaphore_exit), METH_FASTCALL, NULL },
  { NULL },
};
