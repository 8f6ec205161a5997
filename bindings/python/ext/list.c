/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* List: what is called often. Reading waits for nobody and so keeps the interpreter; writing may
 * wait for another writer, so it lets other threads run. */

#include "methods.h"

#include "errors.h"
#include "frames.h"
#include "object.h"

#define NO_ITEM "NoSuchItem"
#define NO_VALUE "NoSuchValue"

/* A list whose wrapper @wrapper is, and whether pickles are for it. */
typedef struct
{
  ShmobjList *list;
  int allow_pickle;
} Target;

static gboolean
target_init (Target *self, PyObject *wrapper)
{
  self->list = object_of (wrapper, SHMOBJ_TYPE_LIST);
  if (self->list == NULL)
    return FALSE;
  self->allow_pickle = object_allows_pickle (wrapper);
  return self->allow_pickle >= 0;
}

/* @exception is what Python's list raises where an index is too large for it. */
static gboolean
index_of (PyObject *object, PyObject *exception, gint64 *index)
{
  *index = PyNumber_AsSsize_t (object, exception);
  return *index != -1 || !PyErr_Occurred ();
}

/* Ends a call without a result. */
static PyObject *
ended (gboolean done, GError *error, const char *missing)
{
  return done ? Py_NewRef (Py_None) : errors_raise_missing (error, missing);
}

static PyObject *
list_append (PyObject *wrapper, PyObject *value)
{
  Target self;
  Encoded encoded;
  GError *error = NULL;
  PyObject *result = NULL;
  gboolean done;

  if (!target_init (&self, wrapper))
    return NULL;

  if (item_encode (value, self.allow_pickle, &encoded))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_list_append_frame (self.list, &encoded.frame, &error);
      Py_END_ALLOW_THREADS;
      result = ended (done, error, NO_ITEM);
    }
  encoded_clear (&encoded);
  return result;
}

static PyObject *
list_extend (PyObject *wrapper, PyObject *values)
{
  Target self;
  Frames all;
  GError *error = NULL;
  PyObject *result = NULL;

  if (!target_init (&self, wrapper))
    return NULL;

  frames_init (&all);
  if (frames_add_all (&all, values, self.allow_pickle))
    {
      gsize n;
      const ShmobjFrame *frames = frames_get (&all, &n);
      gboolean done;

      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_list_extend_frames (self.list, frames, n, &error);
      Py_END_ALLOW_THREADS;
      result = ended (done, error, NO_ITEM);
    }
  frames_clear (&all);
  return result;
}

/* set_slice (start, end, step, values); bounds beyond 64 bits were cut by the caller. */
static PyObject *
list_set_slice (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  Frames all;
  gint64 bounds[3];
  GError *error = NULL;
  PyObject *result = NULL;

  if (n != 4)
    return PyErr_Format (PyExc_TypeError, "takes a start, an end, a step and values");
  for (gsize i = 0; i < G_N_ELEMENTS (bounds); i++)
    if (!index_of (arguments[i], PyExc_IndexError, &bounds[i]))
      return NULL;
  if (!target_init (&self, wrapper))
    return NULL;

  frames_init (&all);
  if (frames_add_all (&all, arguments[3], self.allow_pickle))
    {
      gsize n_frames;
      const ShmobjFrame *frames = frames_get (&all, &n_frames);
      gboolean done;

      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_list_set_slice_frames (self.list, bounds[0], bounds[1], bounds[2], frames,
                                           n_frames, &error);
      Py_END_ALLOW_THREADS;
      result = ended (done, error, NO_ITEM);
    }
  frames_clear (&all);
  return result;
}

/* From a list of numbers. (owned); NULL with an exception. */
static guint64 *
numbers_of (PyObject *list, gsize *n)
{
  Py_ssize_t length = PyList_Check (list) ? PyList_Size (list) : -1;
  guint64 *numbers;

  if (length < 0)
    return (guint64 *) PyErr_Format (PyExc_TypeError, "an order is a list of numbers");

  numbers = g_new (guint64, length + 1);
  for (*n = 0; *n < (gsize) length; ++*n)
    {
      numbers[*n] = PyLong_AsUnsignedLongLong (PyList_GetItem (list, *n));
      if (numbers[*n] == G_MAXUINT64 && PyErr_Occurred ())
        {
          g_free (numbers);
          return NULL;
        }
    }
  return numbers;
}

/* reorder (revision, order): whether the list was still at that revision */
static PyObject *
list_reorder (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  guint64 revision, *order;
  gsize n_order = 0;
  GError *error = NULL;
  gboolean done;

  if (n != 2)
    return PyErr_Format (PyExc_TypeError, "takes a revision and an order");
  revision = PyLong_AsUnsignedLongLong (arguments[0]);
  if (PyErr_Occurred () || !target_init (&self, wrapper) ||
      (order = numbers_of (arguments[1], &n_order)) == NULL)
    return NULL;

  Py_BEGIN_ALLOW_THREADS;
  done = shmobj_list_reorder (self.list, revision, order, n_order, &error);
  Py_END_ALLOW_THREADS;
  g_free (order);
  return error == NULL ? PyBool_FromLong (done) : errors_raise (error);
}

typedef gboolean (*PlaceFunc) (ShmobjList *list,
                               gint64 index,
                               const ShmobjFrame *frame,
                               GError **error);

/* insert (position, value), set (index, value) */
static PyObject *
place (PyObject *wrapper,
       PyObject *const *arguments,
       Py_ssize_t n,
       PlaceFunc function,
       PyObject *too_large)
{
  Target self;
  Encoded encoded;
  gint64 index;
  GError *error = NULL;
  PyObject *result = NULL;
  gboolean done;

  if (n != 2)
    return PyErr_Format (PyExc_TypeError, "takes an index and a value");
  if (!target_init (&self, wrapper) || !index_of (arguments[0], too_large, &index))
    return NULL;

  if (item_encode (arguments[1], self.allow_pickle, &encoded))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = function (self.list, index, &encoded.frame, &error);
      Py_END_ALLOW_THREADS;
      result = ended (done, error, NO_ITEM);
    }
  encoded_clear (&encoded);
  return result;
}

static PyObject *
list_insert (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  return place (wrapper, arguments, n, shmobj_list_insert_frame, PyExc_OverflowError);
}

static PyObject *
list_set (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  return place (wrapper, arguments, n, shmobj_list_set_frame, PyExc_IndexError);
}

/* [index] = value; a slice goes to Python's _set_slice. */
static PyObject *
list_set_item (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  if (n == 2 && PySlice_Check (arguments[0]))
    return PyObject_CallMethod (wrapper, "_set_slice", "OO", arguments[0], arguments[1]);
  return place (wrapper, arguments, n, shmobj_list_set_frame, PyExc_IndexError);
}

static PyObject *
list_get (PyObject *wrapper, PyObject *position)
{
  Target self;
  ShmobjFrame frame;
  gint64 index;
  GError *error = NULL;

  if (!target_init (&self, wrapper) || !index_of (position, PyExc_IndexError, &index))
    return NULL;
  if (!shmobj_list_get_frame (self.list, index, &frame, &error))
    return errors_raise_missing (error, NO_ITEM);
  return item_take (wrapper, &frame, self.allow_pickle);
}

/* [index]; a slice goes to Python's _get_slice. */
static PyObject *
list_get_item (PyObject *wrapper, PyObject *position)
{
  if (PySlice_Check (position))
    return PyObject_CallMethod (wrapper, "_get_slice", "O", position);
  return list_get (wrapper, position);
}

/* get_range (start, end) */
static PyObject *
list_get_range (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  ShmobjFrameRun run;
  gint64 start, end;
  GError *error = NULL;

  if (n != 2)
    return PyErr_Format (PyExc_TypeError, "takes a start and an end");
  if (!target_init (&self, wrapper) || !index_of (arguments[0], PyExc_IndexError, &start) ||
      !index_of (arguments[1], PyExc_IndexError, &end))
    return NULL;

  if (!shmobj_list_get_range_frames (self.list, start, end, &run, &error))
    return errors_raise (error);
  return frames_to_list (wrapper, &run, self.allow_pickle);
}

/* pop (index=-1) */
static PyObject *
list_pop (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  ShmobjFrame frame;
  gint64 index = -1;
  GError *error = NULL;
  gboolean done;

  if (n > 1)
    return PyErr_Format (PyExc_TypeError, "takes an index at most");
  if (!target_init (&self, wrapper) ||
      (n == 1 && !index_of (arguments[0], PyExc_OverflowError, &index)))
    return NULL;

  Py_BEGIN_ALLOW_THREADS;
  done = shmobj_list_pop_frame (self.list, index, self.allow_pickle, &frame, &error);
  Py_END_ALLOW_THREADS;

  return done ? item_take (wrapper, &frame, self.allow_pickle)
              : errors_raise_missing (error, NO_ITEM);
}

static PyObject *
list_length (PyObject *wrapper, PyObject *ignored)
{
  ShmobjList *list = object_of (wrapper, SHMOBJ_TYPE_LIST);
  GError *error = NULL;
  gint64 length = list ? shmobj_list_get_length (list, &error) : -1;

  if (length < 0)
    return list ? errors_raise (error) : NULL;
  return PyLong_FromLongLong (length);
}

typedef gint64 (*FindFunc) (ShmobjList *list, const ShmobjFrame *value, GError **error);

/* What @function says of @value; -1 with @error, or -2 with an exception. Looked for are pickles
 * too, whoever reads here: a value that only Python knows is then simply not there. */
static gint64
find (PyObject *wrapper, PyObject *value, FindFunc function, GError **error)
{
  Target self;
  Encoded encoded;
  gint64 found = -2;

  if (!target_init (&self, wrapper))
    return -2;
  if (item_encode (value, TRUE, &encoded))
    found = function (self.list, &encoded.frame, error);
  encoded_clear (&encoded);
  return found;
}

static PyObject *
list_index (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  GError *error = NULL;
  gint64 index;

  if (n > 1)
    {
      PyObject *rest = PyTuple_New (n);

      for (Py_ssize_t i = 0; rest != NULL && i < n; i++)
        PyTuple_SetItem (rest, i, Py_NewRef (arguments[i]));
      return rest ? PyObject_CallMethod (wrapper, "_index_between", "(N)", rest) : NULL;
    }
  if (n == 0)
    return PyErr_Format (PyExc_TypeError, "takes a value");

  index = find (wrapper, arguments[0], shmobj_list_index_frame, &error);
  if (index == -1)
    return errors_raise_missing (error, NO_VALUE);
  return index < 0 ? NULL : PyLong_FromLongLong (index);
}

static PyObject *
list_count (PyObject *wrapper, PyObject *value)
{
  GError *error = NULL;
  gint64 n = find (wrapper, value, shmobj_list_count_frame, &error);

  if (n == -1)
    return errors_raise (error);
  return n < 0 ? NULL : PyLong_FromLongLong (n);
}

static PyObject *
list_contains (PyObject *wrapper, PyObject *value)
{
  GError *error = NULL;
  gint64 index = find (wrapper, value, shmobj_list_index_frame, &error);

  if (index == -1 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return errors_raise (error);
  g_clear_error (&error);
  return index < -1 ? NULL : PyBool_FromLong (index >= 0);
}

static PyObject *
list_remove (PyObject *wrapper, PyObject *value)
{
  Target self;
  Encoded encoded;
  GError *error = NULL;
  PyObject *result = NULL;
  gboolean done;

  if (!target_init (&self, wrapper))
    return NULL;

  if (item_encode (value, TRUE, &encoded))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_list_remove_value_frame (self.list, &encoded.frame, &error);
      Py_END_ALLOW_THREADS;
      result = ended (done, error, NO_VALUE);
    }
  encoded_clear (&encoded);
  return result;
}

PyMethodDef list_methods[] = {
  { "append", list_append, METH_O, "append(value)\n--\n\nAdds an item at the end." },
  { "extend", list_extend, METH_O,
    "extend(values)\n--\n\nAdds items at the end, all of them in one step." },
  { "set_slice", AS_METHOD (list_set_slice), METH_FASTCALL,
    "set_slice(start, end, step, values)\n--\n\nReplaces items, all of them in one step." },
  { "reorder", AS_METHOD (list_reorder), METH_FASTCALL,
    "reorder(revision, order)\n--\n\nPuts the items in another order, if the list still is at "
    "that\n"
    "revision. Returns whether it was." },
  { "insert", AS_METHOD (list_insert), METH_FASTCALL,
    "insert(position, value)\n--\n\nAdds an item before a position." },
  { "set", AS_METHOD (list_set), METH_FASTCALL, "set(index, value)\n--\n\nReplaces an item." },
  { "get", list_get, METH_O, "get(index)\n--\n\nAn item." },
  { "get_range", AS_METHOD (list_get_range), METH_FASTCALL,
    "get_range(start, end)\n--\n\nItems, as they are at one moment." },
  { "pop", AS_METHOD (list_pop), METH_FASTCALL, "pop(index=-1)\n--\n\nTakes an item out." },
  { "index", AS_METHOD (list_index), METH_FASTCALL,
    "index(value, start=0, stop=None)\n--\n\nWhere the first such item is." },
  { "count", list_count, METH_O, "count(value)\n--\n\nHow many items equal the value." },
  { "contains", list_contains, METH_O, "contains(value)\n--\n\nWhether an item equals it." },
  { "remove_value", list_remove, METH_O,
    "remove_value(value)\n--\n\nTakes the first such item out." },
  { "remove", list_remove, METH_O,
    "remove(value)\n--\n\nTakes the first such item out; ValueError when there is none." },
  { "__len__", list_length, METH_NOARGS, NULL },
  { "__getitem__", list_get_item, METH_O, NULL },
  { "__setitem__", AS_METHOD (list_set_item), METH_FASTCALL, NULL },
  { "__contains__", list_contains, METH_O, NULL },
  CONTAINER_WAIT,
  { NULL },
};
