/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Views of shared memory.
 *
 * `_shmobj.view (memory)` gives a memoryview of a SharedMemory or a Loan, made of an object of ours
 * that owns a reference to the C object, which keeps the mapping: so whatever was made of it, a
 * memoryview or a numpy array, never points at nothing, whatever else is closed or collected.
 */

#include "methods.h"

#include "errors.h"
#include "object.h"

typedef struct
{
  PyObject head;
  GObject *owner; /* (owned) */
  void *data;
  gsize size;
  gboolean read_only;
} View;

static PyTypeObject *view_type;

static int
view_get_buffer (PyObject *object, Py_buffer *buffer, int flags)
{
  View *self = (View *) object;

  return PyBuffer_FillInfo (buffer, object, self->data, self->size, self->read_only, flags);
}

static void
view_dealloc (PyObject *object)
{
  PyTypeObject *type = Py_TYPE (object);

  g_clear_object (&((View *) object)->owner);
  ((freefunc) PyType_GetSlot (type, Py_tp_free)) (object);
  Py_DECREF (type);
}

static PyType_Slot view_slots[] = {
  { Py_bf_getbuffer, view_get_buffer },
  { Py_tp_dealloc, view_dealloc },
  { 0 },
};

static PyType_Spec view_spec = {
  .name = "_shmobj.View",
  .basicsize = sizeof (View),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .slots = view_slots,
};

PyObject *
memory_view (PyObject *module, PyObject *wrapper)
{
  GObject *owner = object_of (wrapper, G_TYPE_OBJECT);
  gboolean read_only;
  PyObject *result;
  View *self;
  void *data;
  gsize size;

  if (owner == NULL)
    return NULL;
  if (SHMOBJ_IS_LOAN (owner))
    {
      data = shmobj_loan_get_data (SHMOBJ_LOAN (owner), &size);
      read_only = shmobj_loan_is_taken (SHMOBJ_LOAN (owner));
    }
  else
    {
      owner = object_of (wrapper, SHMOBJ_TYPE_SHARED_MEMORY);
      if (owner == NULL)
        return NULL;
      data = shmobj_shared_memory_get_data (SHMOBJ_SHARED_MEMORY (owner), &size);
      read_only = shmobj_shared_memory_is_read_only (SHMOBJ_SHARED_MEMORY (owner));
    }
  if (data == NULL)
    Py_RETURN_NONE;

  if (view_type == NULL)
    view_type = (PyTypeObject *) PyType_FromSpec (&view_spec);
  self = view_type ? PyObject_New (View, view_type) : NULL;
  if (self == NULL)
    return NULL;

  self->owner = g_object_ref (owner);
  self->data = data;
  self->size = size;
  self->read_only = read_only;
  result = PyMemoryView_FromObject ((PyObject *) self);
  Py_DECREF (self);
  return result;
}
