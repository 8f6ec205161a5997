/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values as the store has them: frames (base/frame.h), which are copied out before they are used,
 * and checked: what lies in the store another process wrote.
 */

#include "manager/stored.h"

#include "base/shmobj-error.h"
#include "manager/references.h"

#include <string.h>

gboolean
stored_check_frame (const ShmobjFrame *frame, GError **error)
{
  if (frame_stored_size (frame) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   "The value has %" G_GSIZE_FORMAT " bytes and a type of %" G_GSIZE_FORMAT
                   ", more than a manager can hold",
                   frame->size, frame->type_length);
      return FALSE;
    }
  if (frame->type_length > 0 && memchr (frame->type, 'h', frame->type_length) != NULL)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_NOT_REPRESENTABLE,
                   "A value of type “%.*s” has descriptors in it, which a manager cannot hold",
                   (int) MIN (frame->type_length, 64), frame->type);
      return FALSE;
    }
  return reference_check_frame (frame, error);
}

gboolean
stored_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error)
{
  if (frame_load (stored->data, stored->size, frame))
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "A stored value of %" G_GSIZE_FORMAT " bytes is none", stored->size);
  return FALSE;
}

gboolean
stored_check_value (const ShmobjFrame *frame, GError **error)
{
  if (frame->kind != SHMOBJ_FRAME_PICKLE)
    return TRUE;
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_INCOMPATIBLE,
               "The value is a Python pickle of %" G_GSIZE_FORMAT
               " bytes, which only Python reads; it was left where it is",
               frame->size);
  return FALSE;
}

static void
clear_frame (gpointer frame)
{
  shmobj_frame_clear (frame);
}

GArray *
stored_array_new (void)
{
  GArray *frames = g_array_new (FALSE, FALSE, sizeof (ShmobjFrame));

  g_array_set_clear_func (frames, clear_frame);
  return frames;
}

gboolean
stored_array_add (GArray *frames, const StoreBytes *stored, GError **error)
{
  ShmobjFrame frame;

  if (!stored_load_frame (stored, &frame, error))
    return FALSE;
  g_array_append_val (frames, frame);
  return TRUE;
}

ShmobjFrame *
stored_array_steal (GArray *frames, gsize *n)
{
  g_array_set_clear_func (frames, NULL);
  return (ShmobjFrame *) g_array_steal (frames, n);
}

GVariant *
stored_take_value (ShmobjFrame *frame, GError **error)
{
  GVariant *value = shmobj_frame_steal_variant (frame, error);

  if (value == NULL)
    shmobj_frame_clear (frame);
  return value;
}

GVariant **
stored_take_values (ShmobjFrame *frames, gsize n, GError **error)
{
  GVariant **values = g_new0 (GVariant *, n + 1);
  gsize done;

  for (done = 0; done < n; done++)
    if ((values[done] = shmobj_frame_steal_variant (&frames[done], error)) == NULL)
      break;
  for (gsize i = done; i < n; i++)
    shmobj_frame_clear (&frames[i]);
  g_free (frames);
  if (done == n)
    return values;

  for (gsize i = 0; i < done; i++)
    g_variant_unref (values[i]);
  g_free (values);
  return NULL;
}
