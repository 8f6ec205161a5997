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
stored_check_frames (const ShmobjFrame *frames, gsize n_frames, gsize *bytes, GError **error)
{
  for (gsize i = 0; i < n_frames; i++)
    {
      if (!stored_check_frame (&frames[i], error))
        return FALSE;
      *bytes += frames[i].size + frames[i].type_length + 16;
    }
  return TRUE;
}

static gboolean
is_none (const StoreBytes *stored, GError **error)
{
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
               "A stored value of %" G_GSIZE_FORMAT " bytes is none", stored->size);
  return FALSE;
}

gboolean
stored_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error)
{
  return frame_load (stored->data, stored->size, frame) || is_none (stored, error);
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

gboolean
stored_add (const StoreBytes *stored, ShmobjFrameRun *run, GError **error)
{
  FrameHeader header;

  if (G_UNLIKELY (!frame_check_header (stored->data, stored->size, &header)))
    return is_none (stored, error);
  if (G_LIKELY (frame_run_add (run, &header, stored->data + sizeof header)))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "There is no memory for a copy of so many values: %" G_GSIZE_FORMAT
               " bytes were not enough; read some of them at a time",
               run->room);
  return FALSE;
}

gboolean
stored_add_many (const StoreBytes *stored, gsize n, ShmobjFrameRun *run)
{
  return frame_run_add_many (run, stored->data, stored->size, n);
}

ShmobjFrame *
stored_borrow_values (GVariant **values, gsize n)
{
  ShmobjFrame *frames = g_new0 (ShmobjFrame, n);

  for (gsize i = 0; i < n; i++)
    shmobj_frame_set_variant (&frames[i], g_variant_ref_sink (values[i]));
  return frames;
}

void
stored_return_values (GVariant **values, ShmobjFrame *frames, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_variant_unref (values[i]);
  g_free (frames);
}

GVariant *
stored_take_value (ShmobjFrame *frame, GError **error)
{
  GVariant *value = shmobj_frame_steal_variant (frame, error);

  if (value == NULL)
    shmobj_frame_clear (frame);
  return value;
}
