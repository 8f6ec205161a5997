/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connection.send, receive, poll, and their forms for bytes. What has objects or descriptors is
 * converted in Python (shmobj._carrying); here is how it goes and comes. */

#include "methods.h"

#include "codec.h"
#include "object.h"

typedef struct
{
  ShmobjConnection *connection;
  ShmobjFrame frame;
  GUnixFDList *fds; /* (nullable): to send, borrowed; received, owned */
  guint accept;
} Transfer;

static gboolean
try_send (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_connection_send_frame (self->connection, &self->frame, self->fds, timeout_us,
                                       interrupted, error);
}

static gboolean
try_receive (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_connection_receive_frame (self->connection, self->accept, &self->frame, &self->fds,
                                          timeout_us, interrupted, error);
}

/* shmobj._carrying.@name (…), with references that it takes; NULL is an exception already. */
static PyObject *
carrying (const char *name, PyObject *arguments)
{
  PyObject *function = arguments ? import_from ("shmobj._carrying", name) : NULL;
  PyObject *result = function ? PyObject_CallObject (function, arguments) : NULL;

  Py_XDECREF (function);
  Py_XDECREF (arguments);
  return result;
}

/* What could not be encoded: are there objects in it, which go as handles? */
static PyObject *
send_carrying (PyObject *wrapper, PyObject *value, PyObject *timeout)
{
  if (!PyErr_ExceptionMatches (PyExc_TypeError) && !PyErr_ExceptionMatches (PyExc_RuntimeError))
    return NULL;
  PyErr_Clear ();
  return carrying ("send", PyTuple_Pack (3, wrapper, value, timeout ? timeout : Py_None));
}

/* send (obj, timeout=None, cancellable=None) */
static PyObject *
connection_send (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "obj", "timeout", "cancellable", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_CONNECTION) };
  PyObject *slots[3];
  int allow_pickle;
  Encoded encoded;
  gint64 timeout_us;
  gboolean done;

  if (self.connection == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 1, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[1], &timeout_us))
    return NULL;
  if (argument_is_given (slots[2]))
    return cancellable_call ("connection_send", wrapper, timeout_us, slots[2], slots[0]);

  if (!codec_encode (slots[0], allow_pickle, &encoded))
    {
      encoded_clear (&encoded);
      return send_carrying (wrapper, slots[0], slots[1]);
    }
  self.frame = encoded.frame;
  done = attempt (try_send, &self, timeout_us);
  encoded_clear (&encoded);

  return done ? Py_NewRef (Py_None) : NULL;
}

/* _send_pickle (data, fds, timeout=None) */
static PyObject *
connection_send_pickle (PyObject *wrapper,
                        PyObject *const *arguments,
                        Py_ssize_t n,
                        PyObject *keywords)
{
  static const char *const names[] = { "data", "fds", "timeout", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_CONNECTION) };
  PyObject *slots[3];
  gint64 timeout_us;
  Py_ssize_t size;
  char *data;

  if (self.connection == NULL || !arguments_take (names, 2, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[2], &timeout_us) ||
      PyBytes_AsStringAndSize (slots[0], &data, &size) < 0 ||
      (self.fds = object_of (slots[1], G_TYPE_UNIX_FD_LIST)) == NULL)
    return NULL;

  shmobj_frame_set_pickle (&self.frame, data, size);
  return attempt (try_send, &self, timeout_us) ? Py_NewRef (Py_None) : NULL;
}

/* The numbers of descriptors that are the caller's from now on. */
static PyObject *
numbers_of (GUnixFDList *list)
{
  gint n = 0;
  g_autofree int *fds = g_unix_fd_list_steal_fds (list, &n);
  PyObject *numbers = PyList_New (n);

  for (gint i = 0; numbers != NULL && i < n; i++)
    PyList_SetItem (numbers, i, PyLong_FromLong (fds[i]));
  return numbers;
}

static PyObject *
take_carried (PyObject *wrapper, Transfer *self)
{
  ShmobjFrame *frame = &self->frame;
  PyObject *numbers = numbers_of (self->fds), *arguments = NULL;

  if (numbers != NULL)
    arguments = Py_BuildValue ("(Ois#y#N)", wrapper, (int) frame->kind,
                               frame->type ? frame->type : "", (Py_ssize_t) frame->type_length,
                               (const char *) frame->data, (Py_ssize_t) frame->size, numbers);
  shmobj_frame_clear (frame);
  g_clear_object (&self->fds);
  return carrying ("received", arguments);
}

/* receive (timeout=None, cancellable=None) */
static PyObject *
connection_receive (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", "cancellable", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_CONNECTION) };
  PyObject *slots[2];
  int allow_pickle;
  gint64 timeout_us;

  if (self.connection == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[0], &timeout_us))
    return NULL;
  if (argument_is_given (slots[1]))
    return cancellable_call ("connection_receive", wrapper, timeout_us, slots[1], NULL);

  self.accept = codec_accepts (allow_pickle);
  if (!attempt (try_receive, &self, timeout_us))
    return NULL;

  return self.fds == NULL ? codec_take (&self.frame, allow_pickle) : take_carried (wrapper, &self);
}

static gboolean
try_poll (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  return shmobj_connection_poll_interruptible (data, timeout_us, interrupted, error);
}

/* poll (timeout=0.0, cancellable=None) */
static PyObject *
connection_poll (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", "cancellable", NULL };
  ShmobjConnection *connection = object_of (wrapper, SHMOBJ_TYPE_CONNECTION);
  PyObject *slots[2];
  gint64 timeout_us;
  int ready;

  if (connection == NULL || !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (slots[0] ? NULL : Py_False, slots[0], &timeout_us))
    return NULL;
  if (argument_is_given (slots[1]))
    return cancellable_call ("connection_poll", wrapper, timeout_us, slots[1], NULL);

  ready = attempt_in_time (try_poll, connection, timeout_us);
  return ready < 0 ? NULL : PyBool_FromLong (ready);
}

PyMethodDef connection_methods[] = {
  { "send", AS_METHOD (connection_send), FAST,
    "send(obj, timeout=None, cancellable=None)\n--\n\nSends a value, and waits for room if need "
    "be." },
  { "_send_pickle", AS_METHOD (connection_send_pickle), FAST,
    "_send_pickle(data, fds, timeout=None)\n--\n\nSends a pickle with descriptors." },
  { "receive", AS_METHOD (connection_receive), FAST,
    "receive(timeout=None, cancellable=None)\n--\n\nThe next value; waits for one if need be." },
  { "recv", AS_METHOD (connection_receive), FAST,
    "recv()\n--\n\nThe next value; EOFError when nothing is left and the other end is gone." },
  { "poll", AS_METHOD (connection_poll), FAST,
    "poll(timeout=0.0, cancellable=None)\n--\n\nWhether something can be received, within the time "
    "given." },
  { NULL },
};
