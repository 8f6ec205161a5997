/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames to Python objects, straight from the serialised form.
 *
 * The bytes come from another process. They are our own copy, so they stay as they are, but they
 * may say anything: each length, offset, type string and terminator is checked before it is used,
 * and what is not as GVariant's specification wants it raises Shmobj.Corrupt. (GVariant itself
 * would put a default value in its place.) Nesting is bounded as in GVariant; a container's items
 * are never more than its bytes.
 */

#include "codec.h"

#include "errors.h"
#include "types.h"

/* GVariant's own limit. */
#define DEPTH_MAX 128

static PyObject *loads; /* shmobj._pickle.loads, from when it is first needed */

/* What is between two pointers, and the type that it is said to have. */
typedef struct
{
  const guint8 *data;
  gsize size;
  const char *type;
  const char *type_end;
} Part;

static PyObject *read_value (const Part *part, int depth);

/* --- Basic types --- */

static PyObject *
read_string (const Part *part)
{
  PyObject *result;

  if (part->size == 0 || memchr (part->data, 0, part->size) != part->data + part->size - 1)
    return errors_raise_corrupt ("a string does not end where it should");

  result = PyUnicode_DecodeUTF8 ((const char *) part->data, part->size - 1, NULL);
  if (result == NULL && PyErr_ExceptionMatches (PyExc_UnicodeDecodeError))
    {
      PyErr_Clear ();
      return errors_raise_corrupt ("a string is not UTF-8");
    }
  return result;
}

#define READ_AS(c_type, expression)                                                                \
  {                                                                                                \
    c_type number;                                                                                 \
    memcpy (&number, data, sizeof number);                                                         \
    return expression;                                                                             \
  }

/* @data has as many bytes as @type says. */
static PyObject *
read_fixed (const guint8 *data, char type)
{
  switch (type)
    {
    case 'b':
      if (*data > 1)
        return errors_raise_corrupt ("a boolean is neither true nor false");
      return PyBool_FromLong (*data);
    case 'y':
      return PyLong_FromLong (*data);
    case 'n':
      READ_AS (gint16, PyLong_FromLong (number));
    case 'q':
      READ_AS (guint16, PyLong_FromLong (number));
    case 'i':
    case 'h':
      READ_AS (gint32, PyLong_FromLong (number));
    case 'u':
      READ_AS (guint32, PyLong_FromUnsignedLong (number));
    case 'x':
      READ_AS (gint64, PyLong_FromLongLong (number));
    case 't':
      READ_AS (guint64, PyLong_FromUnsignedLongLong (number));
    case 'd':
      READ_AS (double, PyFloat_FromDouble (number));
    default:
      g_assert_not_reached ();
    }
}

/* --- Containers --- */

/* The data of a variant is followed by NUL and its type string. */
static PyObject *
read_variant (const Part *part, int depth)
{
  const guint8 *nul = part->size > 0 ? memrchr (part->data, 0, part->size) : NULL;
  Part inner;

  if (nul == NULL)
    return errors_raise_corrupt ("a variant has no type");

  inner.data = part->data;
  inner.size = nul - part->data;
  inner.type = (const char *) nul + 1;
  inner.type_end = (const char *) part->data + part->size;
  if (!type_check (inner.type, inner.type_end, depth - 1))
    return errors_raise_corrupt ("a variant has an impossible type");

  return read_value (&inner, depth - 1);
}

static PyObject *
read_maybe (const Part *part, int depth)
{
  Part inner = *part;

  if (part->size == 0)
    Py_RETURN_NONE;

  inner.type++;
  if (type_fixed_size (inner.type, inner.type_end) == 0 && part->data[--inner.size] != 0)
    return errors_raise_corrupt ("a maybe does not end where it should");
  return read_value (&inner, depth - 1);
}

/* One framing offset of a container, @width bytes long. */
static gsize
offset_at (const guint8 *at, gsize width)
{
  guint64 offset = 0;

  memcpy (&offset, at, width);
  return GUINT64_FROM_LE (offset);
}

/* Walks the members of a tuple or dict entry. */
typedef struct
{
  Part whole;
  gsize width;      /* of its framing offsets */
  gsize used;       /* framing offsets so far */
  gsize end;        /* of the last member */
  const char *type; /* of the next member */
} Members;

static void
members_init (Members *self, const Part *part)
{
  *self = (Members){
    .whole = *part,
    .width = type_offset_size (part->size),
    .type = part->type + 1,
  };
}

/* FALSE with an exception when the next member, of which there must be one, is not inside the
 * container. */
static gboolean
members_next (Members *self, Part *member)
{
  const char *type_end = type_skip (self->type);
  gsize alignment = type_alignment (self->type, type_end);
  gsize fixed = type_fixed_size (self->type, type_end);
  gsize start = (self->end + alignment - 1) & ~(alignment - 1);
  gsize limit = self->whole.size - self->used * self->width;

  if (fixed > 0)
    self->end = start + fixed;
  else if (type_end == self->whole.type_end - 1)
    self->end = limit;
  else if (limit < self->width || self->width == 0)
    self->end = G_MAXSIZE;
  else
    {
      limit -= self->width;
      self->end = offset_at (self->whole.data + limit, self->width);
      self->used++;
    }

  if (start > self->end || self->end > limit)
    {
      errors_raise_corrupt ("a member is not inside its tuple");
      return FALSE;
    }

  *member = (Part){ self->whole.data + start, self->end - start, self->type, type_end };
  self->type = type_end;
  return TRUE;
}

static Py_ssize_t
count_members (const Part *part)
{
  Py_ssize_t n = 0;

  for (const char *type = part->type + 1; type != part->type_end - 1; type = type_skip (type))
    n++;
  return n;
}

/* A fixed-size container has exactly that size. */
static gboolean
check_fixed (const Part *part)
{
  gsize fixed = type_fixed_size (part->type, part->type_end);

  if (fixed == 0 || fixed == part->size)
    return TRUE;
  errors_raise_corrupt ("a tuple or number has another size than its type");
  return FALSE;
}

static PyObject *
read_tuple (const Part *part, int depth)
{
  Py_ssize_t n = count_members (part);
  PyObject *tuple;
  Members members;

  if (!check_fixed (part))
    return NULL;

  tuple = PyTuple_New (n);
  members_init (&members, part);
  for (Py_ssize_t i = 0; tuple != NULL && i < n; i++)
    {
      Part member;
      PyObject *item = members_next (&members, &member) ? read_value (&member, depth - 1) : NULL;

      if (item == NULL || PyTuple_SetItem (tuple, i, item) < 0)
        Py_CLEAR (tuple);
    }
  return tuple;
}

static gboolean
add_entry (PyObject *dict, const Part *part, int depth)
{
  PyObject *key = NULL, *value = NULL;
  gboolean added = FALSE;
  Members members;
  Part member;

  if (!check_fixed (part))
    return FALSE;

  members_init (&members, part);
  if (members_next (&members, &member))
    key = read_value (&member, depth - 1);
  if (key != NULL && members_next (&members, &member))
    value = read_value (&member, depth - 1);
  if (value != NULL)
    added = PyDict_SetItem (dict, key, value) == 0;

  Py_XDECREF (key);
  Py_XDECREF (value);
  return added;
}

static PyObject *
read_entry (const Part *part, int depth)
{
  PyObject *dict = PyDict_New ();

  if (dict != NULL && !add_entry (dict, part, depth))
    Py_CLEAR (dict);
  return dict;
}

/* Walks the items of an array. */
typedef struct
{
  Part item;
  gsize n;
  gsize fixed; /* bytes of each item, or 0 */
  gsize alignment;
  const guint8 *data;
  const guint8 *offsets;
  gsize width;
  gsize end;
} Items;

static gboolean
items_init (Items *self, const Part *part)
{
  *self = (Items){ .data = part->data };
  self->item.type = part->type + 1;
  self->item.type_end = part->type_end;
  self->fixed = type_fixed_size (self->item.type, self->item.type_end);
  self->alignment = type_alignment (self->item.type, self->item.type_end);

  if (part->size == 0)
    return TRUE;

  if (self->fixed > 0)
    {
      self->n = part->size / self->fixed;
      if (part->size % self->fixed == 0)
        return TRUE;
    }
  else
    {
      gsize body;

      self->width = type_offset_size (part->size);
      body = offset_at (part->data + part->size - self->width, self->width);
      if (body <= part->size - self->width && (part->size - body) % self->width == 0)
        {
          self->offsets = part->data + body;
          self->n = (part->size - body) / self->width;
          return TRUE;
        }
    }

  errors_raise_corrupt ("an array's size is impossible");
  return FALSE;
}

static gboolean
items_next (Items *self, gsize i)
{
  gsize start = (self->end + self->alignment - 1) & ~(self->alignment - 1);

  if (self->fixed > 0)
    self->end = start + self->fixed;
  else
    {
      self->end = offset_at (self->offsets + i * self->width, self->width);
      if (start > self->end || self->end > (gsize) (self->offsets - self->data))
        {
          errors_raise_corrupt ("an item is not inside its array");
          return FALSE;
        }
    }

  self->item.data = self->data + start;
  self->item.size = self->end - start;
  return TRUE;
}

static PyObject *
read_dict (const Part *part, int depth)
{
  PyObject *dict;
  Items items;

  if (!items_init (&items, part))
    return NULL;

  dict = PyDict_New ();
  for (gsize i = 0; dict != NULL && i < items.n; i++)
    if (!items_next (&items, i) || !add_entry (dict, &items.item, depth - 1))
      Py_CLEAR (dict);
  return dict;
}

static PyObject *
read_list (const Part *part, int depth)
{
  PyObject *list;
  Items items;

  if (!items_init (&items, part))
    return NULL;

  list = PyList_New (items.n);
  for (gsize i = 0; list != NULL && i < items.n; i++)
    {
      PyObject *item = items_next (&items, i) ? read_value (&items.item, depth - 1) : NULL;

      if (item == NULL || PyList_SetItem (list, i, item) < 0)
        Py_CLEAR (list);
    }
  return list;
}

static PyObject *
read_array (const Part *part, int depth)
{
  switch (part->type[1])
    {
    case 'y':
      return PyBytes_FromStringAndSize ((const char *) part->data, part->size);
    case '{':
      return read_dict (part, depth);
    default:
      return read_list (part, depth);
    }
}

/* @part's type has been checked. */
static PyObject *
read_value (const Part *part, int depth)
{
  if (depth <= 0)
    return errors_raise_corrupt ("it is nested too deeply");

  switch (*part->type)
    {
    case 's':
    case 'o':
    case 'g':
      return read_string (part);
    case 'v':
      return read_variant (part, depth);
    case 'm':
      return read_maybe (part, depth);
    case 'a':
      return read_array (part, depth);
    case '(':
      return read_tuple (part, depth);
    case '{':
      return read_entry (part, depth);
    default:
      return check_fixed (part) ? read_fixed (part->data, *part->type) : NULL;
    }
}

/* --- The whole --- */

/* Nothing that was unpickled may look at the frame, which goes now. Keeps an exception that is set.
 */
static void
release_view (PyObject *view)
{
  PyObject *type, *value, *traceback, *released;

  PyErr_Fetch (&type, &value, &traceback);
  released = PyObject_CallMethod (view, "release", NULL);
  Py_XDECREF (released);
  Py_DECREF (view);
  PyErr_Restore (type, value, traceback);
}

static PyObject *
read_pickle (const ShmobjFrame *frame)
{
  PyObject *view, *arguments, *result;

  if (loads == NULL)
    loads = import_from ("shmobj._pickle", "loads");
  if (loads == NULL)
    return NULL;

  view = PyMemoryView_FromMemory ((char *) frame->data, frame->size, PyBUF_READ);
  if (view == NULL)
    return NULL;

  arguments = PyTuple_Pack (1, view);
  result = arguments ? PyObject_CallObject (loads, arguments) : NULL;
  Py_XDECREF (arguments);
  release_view (view);
  return result;
}

/* What most values are. FALSE: see codec_decode(); else *@result is as that returns it. */
gboolean
codec_decode_quickly (const ShmobjFrame *frame, PyObject **result)
{
  Part part = { .data = frame->data, .size = frame->size };

  if (frame->kind != SHMOBJ_FRAME_VARIANT || frame->type_length != 1)
    return FALSE;
  if (*frame->type == 's')
    *result = read_string (&part);
  else if ((*frame->type == 'x' || *frame->type == 'd') && frame->size == 8)
    *result = read_fixed (frame->data, *frame->type);
  else if (*frame->type == 'b' && frame->size == 1)
    *result = read_fixed (frame->data, 'b');
  else
    return FALSE;
  return TRUE;
}

PyObject *
codec_decode (const ShmobjFrame *frame, gboolean allow_pickle)
{
  Part part = { frame->data, frame->size, frame->type, frame->type + frame->type_length };

  switch (frame->kind)
    {
    case SHMOBJ_FRAME_BYTES:
      return PyBytes_FromStringAndSize ((const char *) frame->data, frame->size);

    case SHMOBJ_FRAME_PICKLE:
      if (allow_pickle)
        return read_pickle (frame);
      return errors_raise (g_error_new (SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
                                        "The value is a Python pickle of %" G_GSIZE_FORMAT
                                        " bytes, and allow_pickle is not set here",
                                        frame->size));

    case SHMOBJ_FRAME_VARIANT:
      if (!type_check (part.type, part.type_end, DEPTH_MAX))
        return errors_raise_corrupt ("its type is impossible");
      return read_value (&part, DEPTH_MAX);

    default:
      return errors_raise_corrupt ("it is of an unknown kind");
    }
}

/* A large message is in memory twice for a moment, as a frame and as a Python object. Giving both
 * back at once makes malloc return the pages to the system, and the next message of that size
 * faults all of them in again (4 ms of a 1 MiB message's 4.3 ms). So the last frame of such a size
 * stays until the next one comes. */
static void
clear_later (ShmobjFrame *frame)
{
  static gpointer last;
  gsize size = frame->size + frame->type_length;

  if (size < 64 * 1024 || size > 8 * 1024 * 1024 || frame->release != NULL)
    {
      shmobj_frame_clear (frame);
      return;
    }

  g_free (last);
  last = g_steal_pointer (&frame->owned);
  shmobj_frame_clear (frame);
}

PyObject *
codec_take (ShmobjFrame *frame, gboolean allow_pickle)
{
  PyObject *result = codec_decode (frame, allow_pickle);

  clear_later (frame);
  return result;
}
