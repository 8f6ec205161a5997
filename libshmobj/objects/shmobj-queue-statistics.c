/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a queue has seen, and the memory that it has. The numbers are kept where the others work on
 * them anyway, and read without a guard: each is right at some moment, not all at the same. */

#include "objects/queue-private.h"

#include "base/flight.h"
#include "base/loan.h"
#include "base/shmobj-error.h"

/* All that the ring, what is in flight and the blocks have. */
static guint64
reserved_by (ShmobjQueue *self)
{
  return atomic_load (&self->ring.shared->reserved) + pool_reserved (&self->pool) +
         (flight_is_used (&self->ring) ? atomic_load (&self->ring.flight->reserved) : 0);
}

static guint64
recoveries_of (ShmobjQueue *self)
{
  RingShared *shared = self->ring.shared;

  return atomic_load (&shared->guards.taken_over) + atomic_load (&shared->seats_taken_over) +
         atomic_load (&shared->returns);
}

/**
 * shmobj_queue_get_statistics:
 * @self: a queue
 * @error: return location for an error
 *
 * What the queue has seen in its whole life, in all processes; nobody is disturbed by asking. All
 * are of type `t`:
 *
 * - `puts`, `gets`: messages that were put, and got or received
 * - `bytes`: what was put, with 8 bytes for each message
 * - `size`, `in-flight`: messages in the queue now, and received but not done with
 * - `lent`: blocks in the hands of writers, queued or taken now
 * - `reserved`: bytes of memory that the queue has now
 * - `high-water`: the most bytes that messages waiting in it ever had
 * - `sleeps`, `wakes`: of processes that waited
 * - `recoveries`: what was taken over from dead or stopped processes, and messages that came back
 *
 * Returns: (transfer full): an `a{sv}`, or %NULL with `SHMOBJ_ERROR_CLOSED` or an error of making
 * the queue
 *
 * Since: 1.0
 */
GVariant *
shmobj_queue_get_statistics (ShmobjQueue *self, GError **error)
{
  RingShared *shared;
  GVariantDict dict;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), NULL);

  if (!queue_ensure (self, error))
    return NULL;
  shared = self->ring.shared;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "gets", "t", ring_read (&self->ring));
  g_variant_dict_insert (&dict, "puts", "t", ring_written (&self->ring));
  g_variant_dict_insert (&dict, "bytes", "t", ring_bytes (&self->ring));
  g_variant_dict_insert (&dict, "size", "t", (guint64) ring_count (&self->ring));
  g_variant_dict_insert (&dict, "in-flight", "t", (guint64) flight_count (&self->ring));
  g_variant_dict_insert (&dict, "lent", "t", (guint64) pool_count (&self->pool));
  g_variant_dict_insert (&dict, "reserved", "t", reserved_by (self));
  g_variant_dict_insert (&dict, "high-water", "t", ring_high_water (&self->ring));
  g_variant_dict_insert (&dict, "sleeps", "t", atomic_load (&shared->sleeps));
  g_variant_dict_insert (&dict, "wakes", "t", atomic_load (&shared->wakes));
  g_variant_dict_insert (&dict, "recoveries", "t", recoveries_of (self));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/**
 * shmobj_queue_trim:
 * @self: a queue
 * @error: return location for an error
 *
 * Gives memory back to the machine that a burst of messages made the queue reserve: all that is
 * behind what it holds now. An empty queue keeps some 200 KiB. Blocks that processes left when they
 * died are freed first.
 *
 * Others may go on using the queue, and wait only while it happens. A later burst reserves memory
 * again.
 *
 * Returns: %TRUE, or %FALSE with `SHMOBJ_ERROR_BUSY` (a process was stopped while it was inside),
 * `G_IO_ERROR_NOT_SUPPORTED` (the file system of a named queue cannot do that),
 * `SHMOBJ_ERROR_CLOSED` or an error of making the queue
 *
 * Since: 1.0
 */
gboolean
shmobj_queue_trim (ShmobjQueue *self, GError **error)
{
  gint64 deadline_us = wait_deadline (G_USEC_PER_SEC);
  RingStatus status;
  PoolStatus pool;
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_QUEUE (self), FALSE);

  if (!queue_ensure (self, error) || (me = participants_me (&self->participants, error)) == 0)
    return FALSE;
  loan_sweep (&self->ring, me);
  status = ring_trim (&self->ring, me, deadline_us);
  pool = pool_trim (&self->pool, me, deadline_us);
  if (status == RING_OK && pool == POOL_OK)
    return TRUE;
  if (status == RING_NO_SPACE || pool == POOL_NO_SPACE)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         "The file system of the queue cannot give back parts of a file");
  else
    channel_set_error (&self->ring, "queue", status == RING_OK ? RING_STUCK : status, NULL, error);
  return FALSE;
}
