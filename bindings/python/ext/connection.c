/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connection.send, receive, poll, and their forms for bytes. */

#include "methods.h"

#include "codec.h"
#include "object.h"

typedef struct
{
  ShmobjConnection *connection;
  ShmobjFrame frame;
  guint accept;
} Transfer;

static gboolean
try_send (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_connection_send_frame (self->connection, &self->frame, NULL, timeout_us,
                                       interrupted, error);
}

static gboolean
try_receive (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  Transfer *self = data;

  return shmobj_connection_receive_frame (self->connection, self->accept, &self->frame, NULL,
                                          timeout_us, interrupted, error);
}

/* send (obj, timeout=None) */
static PyObject *
connection_send (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "obj", "timeout", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_CONNECTION) };
  PyObject *slots[2];
  int allow_pickle;
  Encoded encoded;
  gint64 timeout_us;
  gboolean done;

  if (self.connection == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 1, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[1], &timeout_us))
    return NULL;

  done = codec_encode (slots[0], allow_pickle, &encoded);
  if (done)
    {
      self.frame = encoded.frame;
      done = attempt (try_send, &self, timeout_us);
    }
  encoded_clear (&encoded);

  return done ? Py_NewRef (Py_None) : NULL;
}

/* receive (timeout=None) */
static PyObject *
connection_receive (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", NULL };
  Transfer self = { object_of (wrapper, SHMOBJ_TYPE_CONNECTION) };
  PyObject *slots[1];
  int allow_pickle;
  gint64 timeout_us;

  if (self.connection == NULL || (allow_pickle = object_allows_pickle (wrapper)) < 0 ||
      !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (NULL, slots[0], &timeout_us))
    return NULL;

  self.accept = codec_accepts (allow_pickle);
  if (!attempt (try_receive, &self, timeout_us))
    return NULL;

  return codec_take (&self.frame, allow_pickle);
}

static gboolean
try_poll (gpointer data, gint64 timeout_us, gboolean *interrupted, GError **error)
{
  return shmobj_connection_poll_interruptible (data, timeout_us, interrupted, error);
}

/* poll (timeout=0.0) */
static PyObject *
connection_poll (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "timeout", NULL };
  ShmobjConnection *connection = object_of (wrapper, SHMOBJ_TYPE_CONNECTION);
  PyObject *slots[1];
  gint64 timeout_us;
  int ready;

  if (connection == NULL || !arguments_take (names, 0, arguments, n, keywords, slots) ||
      !timeout_of (slots[0] ? NULL : Py_False, slots[0], &timeout_us))
    return NULL;

  ready = attempt_in_time (try_poll, connection, timeout_us);
  return ready < 0 ? NULL : PyBool_FromLong (ready);
}

PyMethodDef connection_methods[] = {
  { "send", AS_METHOD (connection_send), FAST,
    "send(obj, timeout=None)\n--\n\nSends a value, and waits for room if need be." },
  { "receive", AS_METHOD (connection_receive), FAST,
    "receive(timeout=None)\n--\n\nThe next value; waits for one if need be." },
  { "recv", AS_METHOD (connection_receive), FAST,
    "recv()\n--\n\nThe next value; EOFError when nothing is left and the other end is gone." },
  { "poll", AS_METHOD (connection_poll), FAST,
    "poll(timeout=0.0)\n--\n\nWhether something can be received, within the time given." },
  { NULL },
};
