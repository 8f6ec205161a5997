/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ours: the queue, its loans and the pipe through the public C API, as the channels that
 * tests/bench/channel.c knows what to do with. Prints nanoseconds.
 *
 *     bench-queue queue|loan|pipe CASE SIZE WRITERS READERS MAXSIZE MESSAGES
 */

#include "channel.h"

#include <shmobj.h>

#include <stdio.h>
#include <stdlib.h>

#define FITTING 4 /* large messages that a queue has room for */

static ShmobjQueue *queues[2];
static ShmobjConnection *writing[2], *reading[2]; /* the ends of one pipe, by lane */
static GBytes *message;

G_GNUC_NORETURN static void
fail (GError *error)
{
  fprintf (stderr, "%s\n", error->message);
  exit (3);
}

/* The library looks at the processors, and at this, when it first waits. */
static void
set_spinning (void)
{
  if (channel_plan.asleep)
    g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
}

/* 0 is the library's own choice. */
static guint64
capacity_for (gsize size)
{
  return size > 1024 * 1024 ? (size + 64) * FITTING : 0;
}

/* ---- queues ---- */

static void
queue_create (void)
{
  GError *error = NULL;
  guint8 byte;

  set_spinning ();
  for (int i = 0; i < channel_plan.lanes; i++)
    if (!(queues[i] =
              shmobj_queue_new (channel_plan.depth, capacity_for (channel_plan.size), &error)))
      fail (error);
  /* The first wait counts the CPUs: here, before a worker has only one. */
  shmobj_queue_get_into (queues[0], &byte, sizeof byte, 1, NULL);
}

static void
queue_put (int lane, long n)
{
  const guint8 *buffer = (const guint8 *) channel_plan.buffer;
  ShmobjQueue *queue = queues[lane];
  gsize size = channel_plan.size;
  GError *error = NULL;

  for (; n > 0; n--)
    if (G_UNLIKELY (!shmobj_queue_put_data (queue, buffer, size, -1, NULL, &error)))
      fail (error);
}

static void
queue_get (int lane, long n)
{
  guint8 *buffer = (guint8 *) channel_plan.buffer;
  ShmobjQueue *queue = queues[lane];
  gsize size = channel_plan.size;
  GError *error = NULL;

  for (; n > 0; n--)
    if (G_UNLIKELY (shmobj_queue_get_into (queue, buffer, size, -1, &error) < 0))
      fail (error);
}

/* ---- loans: a block goes through the queue, and nobody copies or touches it ---- */

static void
loan_put (int lane, long n)
{
  gsize size = channel_plan.size;
  GError *error = NULL;

  for (; n > 0; n--)
    {
      ShmobjLoan *block = shmobj_queue_loan (queues[lane], size, -1, NULL, &error);

      if (block == NULL || !shmobj_queue_put_loan (queues[lane], block, size, -1, NULL, &error))
        fail (error);
      g_object_unref (block);
    }
}

static void
loan_get (int lane, long n)
{
  GError *error = NULL;

  for (; n > 0; n--)
    {
      ShmobjLoan *block = shmobj_queue_take (queues[lane], -1, NULL, &error);

      if (block == NULL || !shmobj_loan_release (block, &error))
        fail (error);
      g_object_unref (block);
    }
}

/* ---- pipes: both lanes are the two directions of one ---- */

static void
pipe_create (void)
{
  g_autoptr (ShmobjPipe) pipe = NULL;
  GError *error = NULL;

  set_spinning ();
  if (!(pipe = shmobj_pipe_new (TRUE, capacity_for (channel_plan.size), &error)) ||
      !(writing[0] = reading[1] = shmobj_pipe_steal_start (pipe, &error)) ||
      !(writing[1] = reading[0] = shmobj_pipe_steal_end (pipe, &error)))
    fail (error);
  message = g_bytes_new_static (channel_plan.buffer, channel_plan.size);
  /* as in queue_create() */
  g_assert_null (shmobj_connection_receive (reading[0], 1, NULL, NULL));
}

static void
pipe_put (int lane, long n)
{
  GError *error = NULL;

  for (; n > 0; n--)
    if (!shmobj_connection_send_bytes (writing[lane], message, -1, NULL, &error))
      fail (error);
}

static void
pipe_get (int lane, long n)
{
  GError *error = NULL;

  for (; n > 0; n--)
    {
      GBytes *got = shmobj_connection_receive_bytes (reading[lane], -1, NULL, &error);

      if (got == NULL)
        fail (error);
      g_bytes_unref (got);
    }
}

static const Channel channels[] = {
  { "queue", queue_create, NULL, NULL, queue_put, queue_get },
  { "loan", queue_create, NULL, NULL, loan_put, loan_get },
  { "pipe", pipe_create, NULL, NULL, pipe_put, pipe_get },
};

int
main (int argc, char **argv)
{
  return channel_main (argc, argv, channels, G_N_ELEMENTS (channels));
}
