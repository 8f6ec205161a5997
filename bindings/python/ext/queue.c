/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Queue.put and Queue.get. */

#include "methods.h"

#include "codec.h"
#include "object.h"

typedef struct
{
  ShmobjQueue *queue;
  ShmobjFrame frame;
  guint accept;
} Transfer;

static gboolean
try_put (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_queue_put_frame (self->queue, &self->frame, timeout_us, interrupted, error);
}

static gboolean
try_get (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_queue_get_frame (self->queue, self->accept, &self->frame, timeout_us, interrupted,
                                 error);
}

/* put (obj, block=True, timeout=None, cancellable=None) */
static PyObject *
queue_put (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "obj", "block", "timeout", "cancellable", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_QUEUE) };
  PyObject *slots[4];
  int allow_pickle;
  Encoded encoded;
  gint64 timeout_us;
  gboolean done;

  if (self.queue == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 1, arguments, n, keywords, slots) ||
      !timeout_of (slots[1], slots[2], &timeout_us))
    return NULL;
  if (argument_is_given (slots[3]))
    return cancellable_call ("queue_put", wrapper, timeout_us, slots[3], slots[0]);

  done = codec_encode (slots[0], allow_pickle, &encoded);
  if (done)
    {
      self.frame = encoded.frame;
      done = attempt (try_put, &self, timeout_us);
    }
  encoded_clear (&encoded);

  return done ? Py_NewRef (Py_None) : NULL;
}

/* get (block=True, timeout=None, cancellable=None) */
static PyObject *
queue_get (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "block", "timeout", "cancellable", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_QUEUE) };
  PyObject *slots[3];
  int allow_pickle;
  gint64 timeout_us;

  if (self.queue == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (slots[0], slots[1], &timeout_us))
    return NULL;
  if (argument_is_given (slots[2]))
    return cancellable_call ("queue_get", wrapper, timeout_us, slots[2], NULL);

  self.accept = codec_accepts (allow_pickle);
  if (!attempt (try_get, &self, timeout_us))
    return NULL;

  return codec_take (&self.frame, allow_pickle);
}

PyMethodDef queue_methods[] = {
  { "put", AS_METHOD (queue_put), FAST,
    "put(obj, block=True, timeout=None, cancellable=None)\n--\n\nPuts a value, and waits for room "
    "if need be." },
  { "get", AS_METHOD (queue_get), FAST,
    "get(block=True, timeout=None, cancellable=None)\n--\n\nTakes the next value, and waits for "
    "one if need be." },
  { NULL },
};
