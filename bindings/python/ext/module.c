/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extension module: gi/overrides/_shmobj.abi3.so, beside the override that uses it.
 *
 * It is not meant to be called by programs. The override asks it for methods, which it puts into
 * its classes, and for the codec, which the tests also use by itself.
 */

#include "codec.h"
#include "errors.h"
#include "interrupt.h"
#include "methods.h"
#include "object.h"

/* encode (value, allow_pickle=False) → (kind, type, data) */
static PyObject *
module_encode (PyObject *module, PyObject *arguments)
{
  PyObject *value, *result = NULL;
  int allow_pickle = FALSE;
  Encoded encoded;

  if (!PyArg_ParseTuple (arguments, "O|p", &value, &allow_pickle))
    return NULL;

  if (codec_encode (value, allow_pickle, &encoded))
    result = Py_BuildValue ("(is#y#)", (int) encoded.frame.kind,
                            encoded.frame.type ? encoded.frame.type : "",
                            (Py_ssize_t) encoded.frame.type_length,
                            (const char *) encoded.frame.data, (Py_ssize_t) encoded.frame.size);
  encoded_clear (&encoded);
  return result;
}

/* decode (kind, type, data, allow_pickle=False) → value */
static PyObject *
module_decode (PyObject *module, PyObject *arguments)
{
  int kind, allow_pickle = FALSE;
  const char *type, *data;
  Py_ssize_t type_length, size;
  ShmobjFrame frame;

  if (!PyArg_ParseTuple (arguments, "is#y#|p", &kind, &type, &type_length, &data, &size,
                         &allow_pickle))
    return NULL;

  frame = (ShmobjFrame){ .kind = kind,
                         .type = type,
                         .type_length = type_length,
                         .data = (const guint8 *) data,
                         .size = size };
  return codec_decode (&frame, allow_pickle);
}

/* add_methods (class, name): makes the methods that are for the class so named its own. */
static PyObject *
module_add_methods (PyObject *module, PyObject *arguments)
{
  static const struct
  {
    const char *name;
    PyMethodDef *methods;
  } tables[] = {
    { "Queue", queue_methods },         { "Connection", connection_methods },
    { "Lock", lock_methods },           { "Event", event_methods },
    { "List", list_methods },           { "Dict", dict_methods },
    { "Value", value_methods },         { "Semaphore", semaphore_methods },
    { "Condition", condition_methods },
  };
  PyObject *class;
  const char *name;

  if (!PyArg_ParseTuple (arguments, "Os", &class, &name))
    return NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (tables); i++)
    if (strcmp (tables[i].name, name) == 0)
      return object_add_methods (class, tables[i].methods) ? Py_NewRef (Py_None) : NULL;

  return PyErr_Format (PyExc_ValueError, "no methods for %s", name);
}

static PyMethodDef methods[] = {
  { "add_methods", module_add_methods, METH_VARARGS, "add_methods(class, name)" },
  { "encode", module_encode, METH_VARARGS,
    "encode(value, allow_pickle=False) -> (kind, type, data)" },
  { "view", memory_view, METH_O, "view(memory) -> memoryview or None" },
  { "decode", module_decode, METH_VARARGS,
    "decode(kind, type, data, allow_pickle=False) -> value" },
  { "raise_interrupt", interrupt_raise_method, METH_NOARGS,
    "raise_interrupt()\n--\n\nRaises what a signal raised that ended the last call." },
  { NULL },
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT, .m_name = "_shmobj",  .m_doc = "What gi.overrides.Shmobj is fast with.",
  .m_size = -1,          .m_methods = methods,
};

PyMODINIT_FUNC PyInit__shmobj (void);

PyMODINIT_FUNC
PyInit__shmobj (void)
{
  PyObject *module = codec_init () && object_init () ? PyModule_Create (&definition) : NULL;

  if (module != NULL && (PyModule_AddIntConstant (module, "BYTES", SHMOBJ_FRAME_BYTES) < 0 ||
                         PyModule_AddIntConstant (module, "VARIANT", SHMOBJ_FRAME_VARIANT) < 0 ||
                         PyModule_AddIntConstant (module, "PICKLE", SHMOBJ_FRAME_PICKLE) < 0))
    Py_CLEAR (module);
  if (module != NULL)
    interrupt_init ();
  return module;
}
