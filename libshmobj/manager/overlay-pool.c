/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of an overlay. A transaction makes a row and some values with each write and drops all
 * of them at its end. So they are cut from blocks, one behind the other. A value that goes earlier
 * is kept for the next one of its class, so that a row which is written again and again takes no
 * more than one that is written twice.
 */

#include "manager/overlay-pool.h"

#define BLOCK_BYTES 4096
#define LARGEST (32 << (POOL_CLASSES - 1))
#define NO_CLASS POOL_CLASSES

struct _PoolBlock
{
  PoolBlock *next;
  gsize size; /* and what is cut begins at a multiple of 16 */
};

G_STATIC_ASSERT (sizeof (PoolBlock) % 16 == 0);

static guint
class_of (gsize size)
{
  guint class = 0;

  if (size > LARGEST)
    return NO_CLASS;
  while (((gsize) 32 << class) < size)
    class ++;
  return class;
}

void
pool_clear (Pool *self)
{
  while (self->blocks != NULL)
    {
      PoolBlock *block = self->blocks;

      self->blocks = block->next;
      g_free (block);
    }
}

gpointer
pool_keep (Pool *self, gsize size)
{
  guint8 *data;

  size = (size + 15) & ~(gsize) 15;
  if ((gsize) (self->end - self->at) < size)
    {
      PoolBlock *block = g_try_malloc (sizeof *block + MAX (size, BLOCK_BYTES));

      if (block == NULL)
        return NULL;
      *block = (PoolBlock){ self->blocks, MAX (size, BLOCK_BYTES) };
      self->blocks = block;
      self->at = (guint8 *) (block + 1);
      self->end = self->at + block->size;
    }
  data = self->at;
  self->at += size;
  return data;
}

gpointer
pool_take (Pool *self, gsize size)
{
  guint class = class_of (size);
  gpointer data;

  if (class == NO_CLASS)
    return g_try_malloc (size);
  data = self->unused[class];
  if (data == NULL)
    return pool_keep (self, (gsize) 32 << class);
  self->unused[class] = *(gpointer *) data;
  return data;
}

void
pool_give (Pool *self, gpointer data, gsize size)
{
  guint class = class_of (size);

  if (data == NULL)
    return;
  if (class == NO_CLASS)
    {
      g_free (data);
      return;
    }
  *(gpointer *) data = self->unused[class];
  self->unused[class] = data;
}
