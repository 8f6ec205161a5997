/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes that grow; the everyday half is inline in the header. */

#include "buffer.h"

gboolean
buffer_grow (Buffer *buffer, gsize more)
{
  gsize wanted = MAX (buffer->allocated * 2, 1024);
  guint8 *data;

  if (more > G_MAXSSIZE / 2 - buffer->size)
    return FALSE;
  wanted = MAX (wanted, buffer->size + more);

  data = buffer->on_heap ? g_try_realloc (buffer->data, wanted) : g_try_malloc (wanted);
  if (data == NULL)
    return FALSE;

  if (!buffer->on_heap)
    memcpy (data, buffer->data, buffer->size);
  buffer->data = data;
  buffer->allocated = wanted;
  buffer->on_heap = TRUE;
  return TRUE;
}
