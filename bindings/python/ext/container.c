/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What List, Dict and Value have in common: waiting for a change. */

#include "methods.h"

#include "object.h"

typedef struct
{
  ShmobjContainer *container;
  guint64 since, revision;
} Waiting;

static gboolean
try_wait (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Waiting *waiting = data;

  waiting->revision = shmobj_container_wait_interruptible (waiting->container, waiting->since,
                                                           timeout_us, interrupted, error);
  return waiting->revision != 0;
}

PyObject *
container_wait (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "since", "timeout", NULL };
  Waiting waiting = { .container = object_of (wrapper, SHMOBJ_TYPE_CONTAINER) };
  PyObject *slots[2];
  gint64 timeout_us;

  if (waiting.container == NULL || !arguments_take (names, 1, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[1], &timeout_us))
    return NULL;
  waiting.since = PyLong_AsUnsignedLongLong (slots[0]);
  if (waiting.since == (guint64) -1 && PyErr_Occurred ())
    return NULL;
  return attempt (try_wait, &waiting, timeout_us) ? PyLong_FromUnsignedLongLong (waiting.revision)
                                                  : NULL;
}
