/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Containers as items of containers. The frame of a reference that was read holds its object until
 * it is cleared (libshmobj/manager/container-frames.c), so it is cleared behind the opening. */

#include "item.h"

#include "errors.h"
#include "object.h"

/* 1: a container, 0: anything else, -1: with an exception. */
static int
is_container (PyObject *value)
{
  static PyObject *class;

  if (class == NULL)
    class = import_from ("gi.repository.Shmobj", "Container");
  return class == NULL ? -1 : PyObject_TypeCheck (value, (PyTypeObject *) class);
}

gboolean
item_encode (PyObject *value, gboolean allow_pickle, Encoded *encoded)
{
  int container = is_container (value);
  gpointer object;
  GError *error = NULL;

  if (G_LIKELY (container == 0))
    return codec_encode (value, allow_pickle, encoded);

  encoded_init (encoded);
  object = container > 0 ? object_of (value, SHMOBJ_TYPE_CONTAINER) : NULL;
  if (object == NULL)
    return FALSE;
  encoded->reference = shmobj_container_get_reference (object, &error);
  if (encoded->reference == NULL)
    {
      errors_raise (error);
      return FALSE;
    }
  shmobj_frame_set_variant (&encoded->frame, encoded->reference);
  return TRUE;
}

PyObject *
item_decode (PyObject *wrapper, const ShmobjFrame *frame, gboolean allow_pickle)
{
  if (G_LIKELY (!shmobj_frame_is_reference (frame)))
    return codec_decode (frame, allow_pickle);
  return PyObject_CallMethod (wrapper, "_open_reference", "s", (const char *) frame->data);
}

PyObject *
item_take (PyObject *wrapper, ShmobjFrame *frame, gboolean allow_pickle)
{
  PyObject *result;

  if (G_LIKELY (!shmobj_frame_is_reference (frame)))
    return codec_take (frame, allow_pickle);
  result = item_decode (wrapper, frame, allow_pickle);
  shmobj_frame_clear (frame);
  return result;
}
