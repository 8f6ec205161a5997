/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/* Bytes that grow. They start in a place that the owner provides, usually on the stack, so that
 * small values never meet the allocator. */
typedef struct
{
  guint8 *data;
  gsize size;
  gsize allocated;
  gboolean on_heap;
} Buffer;

static inline void
buffer_init (Buffer *buffer, void *place, gsize size)
{
  *buffer = (Buffer){ .data = place, .allocated = size };
}

static inline void
buffer_clear (Buffer *buffer)
{
  if (buffer->on_heap)
    g_free (buffer->data);
  buffer->on_heap = FALSE;
}

/* FALSE when memory ran out. */
gboolean buffer_grow (Buffer *buffer, gsize more);

/* Room for @more bytes at the end, counted as used; NULL when memory ran out. */
static inline guint8 *
buffer_add (Buffer *buffer, gsize more)
{
  guint8 *at;

  if (G_UNLIKELY (more > buffer->allocated - buffer->size) && !buffer_grow (buffer, more))
    return NULL;

  at = buffer->data + buffer->size;
  buffer->size += more;
  return at;
}

static inline gboolean
buffer_append (Buffer *buffer, const void *data, gsize size)
{
  guint8 *at = buffer_add (buffer, size);

  if (at == NULL)
    return FALSE;
  if (size > 0)
    memcpy (at, data, size);
  return TRUE;
}

/* Zeroes up to the next multiple of @alignment (a power of two). */
static inline gboolean
buffer_align (Buffer *buffer, gsize alignment)
{
  gsize missing = -buffer->size & (alignment - 1);
  guint8 *at = buffer_add (buffer, missing);

  if (at == NULL)
    return FALSE;
  if (missing > 0)
    memset (at, 0, missing);
  return TRUE;
}
