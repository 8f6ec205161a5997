/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Dict: what is called often. As in list.c reading keeps the interpreter and writing does not. */

#include "methods.h"

#include "errors.h"
#include "frames.h"
#include "object.h"

typedef struct
{
  ShmobjDict *dict;
  int allow_pickle;
} Target;

static gboolean
target_init (Target *self, PyObject *wrapper)
{
  self->dict = object_of (wrapper, SHMOBJ_TYPE_DICT);
  if (self->dict == NULL)
    return FALSE;
  self->allow_pickle = object_allows_pickle (wrapper);
  return self->allow_pickle >= 0;
}

static PyObject *
no_key (PyObject *key)
{
  PyErr_SetObject (PyExc_KeyError, key);
  return NULL;
}

/* 1: found, 0: not there, -1: with an exception. @frame may be NULL. */
static int
look_up (Target *self, PyObject *key, ShmobjFrame *frame)
{
  Encoded encoded;
  GError *error = NULL;
  int found = -1;

  if (codec_encode_key (key, &encoded))
    {
      found = shmobj_dict_lookup_frame (self->dict, &encoded.frame, frame, &error);
      if (found < 0)
        errors_raise (error);
    }
  encoded_clear (&encoded);
  return found;
}

static PyObject *
dict_get_item (PyObject *wrapper, PyObject *key)
{
  Target self;
  ShmobjFrame frame;
  int found;

  if (!target_init (&self, wrapper))
    return NULL;

  found = look_up (&self, key, &frame);
  if (found == 0)
    return no_key (key);
  return found < 0 ? NULL : item_take (wrapper, &frame, self.allow_pickle);
}

/* get (key, default=None) */
static PyObject *
dict_get (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "key", "default", NULL };
  PyObject *slots[2];
  Target self;
  ShmobjFrame frame;
  int found;

  if (!arguments_take (names, 1, arguments, n, keywords, slots) || !target_init (&self, wrapper))
    return NULL;

  found = look_up (&self, slots[0], &frame);
  if (found == 0)
    return Py_NewRef (slots[1] ? slots[1] : Py_None);
  return found < 0 ? NULL : item_take (wrapper, &frame, self.allow_pickle);
}

static PyObject *
dict_contains (PyObject *wrapper, PyObject *key)
{
  Target self;
  int found;

  if (!target_init (&self, wrapper))
    return NULL;
  found = look_up (&self, key, NULL);
  return found < 0 ? NULL : PyBool_FromLong (found);
}

/* set (key, value) */
static PyObject *
dict_set (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n)
{
  Target self;
  Encoded key, value;
  GError *error = NULL;
  gboolean done;

  if (n != 2)
    return PyErr_Format (PyExc_TypeError, "takes a key and a value");
  if (!target_init (&self, wrapper))
    return NULL;

  encoded_init (&value);
  done = codec_encode_key (arguments[0], &key) &&
         item_encode (arguments[1], self.allow_pickle, &value);
  if (done)
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_dict_set_frame (self.dict, &key.frame, &value.frame, &error);
      Py_END_ALLOW_THREADS;
      if (!done)
        errors_raise (error);
    }
  encoded_clear (&key);
  encoded_clear (&value);
  return done ? Py_NewRef (Py_None) : NULL;
}

/* setdefault (key, default=None) */
static PyObject *
dict_set_default (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "key", "default", NULL };
  PyObject *slots[2], *result = NULL;
  Target self;
  Encoded key, value;
  ShmobjFrame frame;
  GError *error = NULL;
  int found;

  if (!arguments_take (names, 1, arguments, n, keywords, slots) || !target_init (&self, wrapper))
    return NULL;
  if (slots[1] == NULL)
    slots[1] = Py_None;

  encoded_init (&value);
  if (codec_encode_key (slots[0], &key) && item_encode (slots[1], self.allow_pickle, &value))
    {
      Py_BEGIN_ALLOW_THREADS;
      found = shmobj_dict_set_default_frame (self.dict, &key.frame, &value.frame, &frame, &error);
      Py_END_ALLOW_THREADS;

      if (found < 0)
        errors_raise (error);
      else
        result = found ? item_take (wrapper, &frame, self.allow_pickle) : Py_NewRef (slots[1]);
    }
  encoded_clear (&key);
  encoded_clear (&value);
  return result;
}

static gboolean
add_pair (Frames *frames, PyObject *pair, gboolean allow_pickle)
{
  PyObject *tuple = PySequence_Tuple (pair);
  gboolean added = FALSE;

  if (tuple != NULL && PyTuple_Size (tuple) != 2)
    PyErr_SetString (PyExc_ValueError, "an item of a dict is a key and a value");
  else if (tuple != NULL)
    added = frames_add_key (frames, PyTuple_GetItem (tuple, 0)) &&
            frames_add (frames, PyTuple_GetItem (tuple, 1), allow_pickle);
  Py_XDECREF (tuple);
  return added;
}

/* _update (pairs) */
static PyObject *
dict_update (PyObject *wrapper, PyObject *pairs)
{
  PyObject *iterator = PyObject_GetIter (pairs);
  PyObject *pair;
  Target self;
  Frames all;
  GError *error = NULL;
  gboolean done = iterator != NULL && target_init (&self, wrapper);

  frames_init (&all);
  while (done && (pair = PyIter_Next (iterator)) != NULL)
    {
      done = add_pair (&all, pair, self.allow_pickle);
      Py_DECREF (pair);
    }
  Py_XDECREF (iterator);

  if (done && !PyErr_Occurred ())
    {
      gsize n;
      const ShmobjFrame *frames = frames_get (&all, &n);

      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_dict_update_frames (self.dict, frames, n / 2, &error);
      Py_END_ALLOW_THREADS;
      if (!done)
        errors_raise (error);
    }
  frames_clear (&all);
  return PyErr_Occurred () ? NULL : Py_NewRef (Py_None);
}

/* pop (key[, default]) */
static PyObject *
dict_pop (PyObject *wrapper, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords)
{
  static const char *const names[] = { "key", "default", NULL };
  PyObject *slots[2], *result = NULL;
  Target self;
  Encoded key;
  ShmobjFrame frame;
  GError *error = NULL;
  gboolean done;

  if (!arguments_take (names, 1, arguments, n, keywords, slots) || !target_init (&self, wrapper))
    return NULL;

  if (codec_encode_key (slots[0], &key))
    {
      Py_BEGIN_ALLOW_THREADS;
      done = shmobj_dict_pop_frame (self.dict, &key.frame, self.allow_pickle, &frame, &error);
      Py_END_ALLOW_THREADS;

      if (done)
        result = item_take (wrapper, &frame, self.allow_pickle);
      else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        errors_raise (error);
      else
        {
          g_error_free (error);
          result = slots[1] ? Py_NewRef (slots[1]) : no_key (slots[0]);
        }
    }
  encoded_clear (&key);
  return result;
}

static PyObject *
dict_pop_item (PyObject *wrapper, PyObject *ignored)
{
  ShmobjFrame frames[2];
  PyObject *key, *value;
  Target self;
  GError *error = NULL;
  gboolean done;

  if (!target_init (&self, wrapper))
    return NULL;

  Py_BEGIN_ALLOW_THREADS;
  done = shmobj_dict_pop_item_frames (self.dict, self.allow_pickle, &frames[0], &frames[1], &error);
  Py_END_ALLOW_THREADS;
  if (!done && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) &&
      shmobj_dict_get_length (self.dict, NULL) >= 0)
    {
      g_error_free (error);
      return PyErr_Format (PyExc_KeyError, "popitem(): dictionary is empty");
    }
  if (!done)
    return errors_raise (error);

  key = codec_take (&frames[0], FALSE);
  value = item_take (wrapper, &frames[1], self.allow_pickle);
  if (key != NULL && value != NULL)
    return Py_BuildValue ("(NN)", key, value);
  Py_XDECREF (key);
  Py_XDECREF (value);
  return NULL;
}

static PyObject *
dict_delete_item (PyObject *wrapper, PyObject *key)
{
  PyObject *value = dict_pop (wrapper, &key, 1, NULL);

  if (value == NULL)
    return NULL;
  Py_DECREF (value);
  Py_RETURN_NONE;
}

static PyObject *
dict_keys (PyObject *wrapper, PyObject *ignored)
{
  Target self;
  ShmobjFrameRun run;
  GError *error = NULL;

  if (!target_init (&self, wrapper))
    return NULL;
  if (!shmobj_dict_keys_frames (self.dict, &run, &error))
    return errors_raise (error);
  return frames_to_list (wrapper, &run, self.allow_pickle);
}

static PyObject *
dict_items (PyObject *wrapper, PyObject *ignored)
{
  Target self;
  ShmobjFrameRun run;
  GError *error = NULL;

  if (!target_init (&self, wrapper))
    return NULL;
  if (!shmobj_dict_items_frames (self.dict, &run, &error))
    return errors_raise (error);
  return frames_to_pairs (wrapper, &run, self.allow_pickle);
}

static PyObject *
dict_length (PyObject *wrapper, PyObject *ignored)
{
  ShmobjDict *dict = object_of (wrapper, SHMOBJ_TYPE_DICT);
  GError *error = NULL;
  gint64 length = dict ? shmobj_dict_get_length (dict, &error) : -1;

  if (length < 0)
    return dict ? errors_raise (error) : NULL;
  return PyLong_FromLongLong (length);
}

PyMethodDef dict_methods[] = {
  { "get", AS_METHOD (dict_get), FAST,
    "get(key, default=None)\n--\n\nThe value of a key, or the default." },
  { "set", AS_METHOD (dict_set), METH_FASTCALL, "set(key, value)\n--\n\nGives a key a value." },
  { "setdefault", AS_METHOD (dict_set_default), FAST,
    "setdefault(key, default=None)\n--\n\nThe value of a key; the default, set, if it had none." },
  { "contains", dict_contains, METH_O, "contains(key)\n--\n\nWhether there is such a key." },
  { "pop", AS_METHOD (dict_pop), FAST,
    "pop(key[, default])\n--\n\nTakes a key out and returns its value." },
  { "popitem", dict_pop_item, METH_NOARGS,
    "popitem()\n--\n\nTakes out the key that was set last, and returns it with its value." },
  { "keys", dict_keys, METH_NOARGS, "keys()\n--\n\nA list of the keys, in order." },
  { "items", dict_items, METH_NOARGS, "items()\n--\n\nA list of keys with values, in order." },
  { "_update", dict_update, METH_O, NULL },
  { "__len__", dict_length, METH_NOARGS, NULL },
  { "__getitem__", dict_get_item, METH_O, NULL },
  { "__setitem__", AS_METHOD (dict_set), METH_FASTCALL, NULL },
  { "__delitem__", dict_delete_item, METH_O, NULL },
  { "__contains__", dict_contains, METH_O, NULL },
  CONTAINER_WAIT,
  { NULL },
};
