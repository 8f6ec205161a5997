/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Using an object whose memory somebody else wrote. */

#include "classes.h"

#define CALLS 12

static void
expect_bytes (GBytes *bytes, GError **error)
{
  expect_either (bytes != NULL, error);
  if (bytes == NULL)
    return;
  for (gsize i = 0, n = g_bytes_get_size (bytes); i < n; i++) /* a page that is not there shows */
    *(volatile const guint8 *) ((const guint8 *) g_bytes_get_data (bytes, NULL) + i);
  g_bytes_unref (bytes);
}

static void
put_many (ShmobjQueue *queue)
{
  g_autoptr (GVariant) one = g_variant_ref_sink (g_variant_new_int32 (1)),
                       two = g_variant_ref_sink (g_variant_new_string ("two"));
  GError *error = NULL;
  gsize n = shmobj_queue_put_many (queue, (GVariant *[]){ one, two, one }, 3, 0, NULL, &error);

  g_assert_cmpuint (n, <=, 3);
  if (n == 0 || error != NULL)
    expect_error (&error);
}

static void
get_many (ShmobjQueue *queue)
{
  GError *error = NULL;
  gsize n = 0;
  GVariant **values = shmobj_queue_get_many (queue, 5, 0, NULL, &n, &error);

  expect_either (values != NULL, &error);
  g_assert_cmpuint (n, <=, 5);
  for (gsize i = 0; values != NULL && i < n; i++)
    expect_value (values[i], &error);
  g_free (values);
}

static void
receive (ShmobjQueue *queue, guint how)
{
  GError *error = NULL, *second = NULL;
  ShmobjMessage *message = shmobj_queue_receive (queue, 0, NULL, &error);
  GVariant *value;

  expect_either (message != NULL, &error);
  if (message == NULL)
    return;
  value = shmobj_message_get_value (message, &second);
  expect_value (value, &second);
  expect_bytes (shmobj_message_get_bytes (message), &error);
  shmobj_message_get_redelivered (message);
  if (how % 3 == 0)
    expect_either (shmobj_message_done (message, &error), &error);
  else if (how % 3 == 1)
    expect_either (shmobj_message_give_back (message, &error), &error);
  shmobj_message_unref (message);
}

static void
call_queue (ShmobjQueue *queue, guint call)
{
  static const guint8 large[1500];
  guint8 small[16];
  GError *error = NULL;
  GVariant *value;

  switch (call % 16)
    {
    case 0:
    case 1:
      expect_either (shmobj_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error), &error);
      break;
    case 2:
      expect_either (shmobj_queue_put_data (queue, large, sizeof large, 0, NULL, &error), &error);
      break;
    case 3:
    case 4:
      value = shmobj_queue_get (queue, 0, NULL, &error);
      expect_value (value, &error);
      break;
    case 5:
      expect_bytes (shmobj_queue_get_bytes (queue, 0, NULL, &error), &error);
      break;
    case 6:
      expect_either (shmobj_queue_get_into (queue, small, sizeof small, 0, &error) >= 0, &error);
      break;
    case 7:
      put_many (queue);
      break;
    case 8:
      get_many (queue);
      break;
    case 9:
    case 10:
    case 11:
      receive (queue, call / 16);
      break;
    case 12:
      value = shmobj_queue_get_statistics (queue, &error);
      expect_value (value, &error);
      break;
    case 13:
      shmobj_queue_wait (queue, call & 16 ? G_IO_IN : G_IO_OUT, 0);
      shmobj_queue_is_full (queue);
      shmobj_queue_is_empty (queue);
      shmobj_queue_get_size (queue);
      break;
    case 14:
      expect_either (shmobj_queue_get_fd (queue, call & 16 ? G_IO_IN : G_IO_OUT, &error) >= 0,
                     &error);
      break;
    default:
      if (call & 0x40)
        expect_either (shmobj_queue_shutdown (queue, (call & 0x80) != 0, &error), &error);
      break;
    }
}

static void
call_connection (ShmobjConnection *connection, guint call)
{
  static const guint8 large[1500];
  g_autoptr (GBytes) bytes = g_bytes_new_static (large, sizeof large);
  GError *error = NULL;
  GVariant *value;

  switch (call % 8)
    {
    case 0:
      value = g_variant_ref_sink (g_variant_new_string ("sent"));
      expect_either (shmobj_connection_send (connection, value, 0, NULL, &error), &error);
      g_variant_unref (value);
      break;
    case 1:
      expect_either (shmobj_connection_send_bytes (connection, bytes, 0, NULL, &error), &error);
      break;
    case 2:
      expect_bytes (shmobj_connection_receive_bytes (connection, 0, NULL, &error), &error);
      break;
    case 3:
      if (!shmobj_connection_poll (connection, 0, NULL, &error) && error != NULL)
        expect_error (&error);
      break;
    case 4:
      expect_either (shmobj_connection_get_fd (connection, call & 8 ? G_IO_IN : G_IO_OUT, &error) >=
                         0,
                     &error);
      break;
    default:
      value = shmobj_connection_receive (connection, 0, NULL, &error);
      expect_value (value, &error);
      break;
    }
}

static void
call_lock (ShmobjLock *lock, guint call)
{
  GError *error = NULL;

  shmobj_lock_get_abandoned (lock);
  shmobj_lock_is_locked (lock);
  if (shmobj_lock_is_owned (lock) && call % 2 == 0)
    expect_either (shmobj_lock_release (lock, &error), &error);
  else
    expect_either (shmobj_lock_acquire (lock, 0, NULL, &error), &error);
}

static void
call_event (ShmobjEvent *event, guint call)
{
  GError *error = NULL;

  if (call % 4 == 0)
    expect_either (shmobj_event_set (event, &error), &error);
  else if (call % 4 == 1)
    expect_either (shmobj_event_clear (event, &error), &error);
  else
    expect_either (shmobj_event_wait (event, 0, NULL, &error), &error);
  shmobj_event_is_set (event);
}

static void
call_semaphore (ShmobjSemaphore *semaphore, guint call)
{
  GError *error = NULL;

  shmobj_semaphore_get_value (semaphore);
  shmobj_semaphore_get_maximum (semaphore);
  shmobj_semaphore_get_held (semaphore);
  if (call % 2 == 0)
    expect_either (shmobj_semaphore_release (semaphore, call / 2, &error), &error);
  else
    expect_either (shmobj_semaphore_acquire (semaphore, 0, NULL, &error), &error);
}

static void
call_condition (ShmobjCondition *condition, guint call)
{
  ShmobjLock *lock = shmobj_condition_get_lock (condition);
  GError *error = NULL;

  shmobj_condition_get_waiters (condition);
  if (call % 4 == 0)
    expect_either (shmobj_condition_notify_all (condition, &error), &error);
  else if (call % 4 == 1)
    expect_either (shmobj_condition_notify_one (condition, &error), &error);
  else if (lock != NULL && !shmobj_lock_is_owned (lock))
    expect_either (shmobj_lock_acquire (lock, 0, NULL, &error), &error);
  else
    expect_either (shmobj_condition_wait (condition, 0, NULL, &error), &error);
}

static void
call_barrier (ShmobjBarrier *barrier, guint call)
{
  GError *error = NULL;

  shmobj_barrier_get_parties (barrier);
  shmobj_barrier_get_n_waiting (barrier);
  shmobj_barrier_is_broken (barrier);
  if (call % 4 == 0)
    expect_either (shmobj_barrier_reset (barrier, &error), &error);
  else if (call % 8 == 1)
    expect_either (shmobj_barrier_abort (barrier, &error), &error);
  else
    expect_either (shmobj_barrier_wait (barrier, 0, NULL, &error) >= 0, &error);
}

static void
call_memory (ShmobjSharedMemory *memory, guint call, Input *input)
{
  guint64 size = shmobj_shared_memory_get_size (memory), offset = input_byte (input);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("four", 4);
  GError *error = NULL;

  offset += call & 1 ? size - 128 : 0;
  if (call & 2)
    expect_either (shmobj_shared_memory_write_bytes (memory, offset, bytes, &error), &error);
  else
    expect_bytes (shmobj_shared_memory_read_bytes (memory, offset, call / 4, &error), &error);
}

void
use_object (ShmobjShareable *object, Input *input)
{
  for (guint i = 0; i < CALLS; i++)
    {
      guint call = input_byte (input);

      if (SHMOBJ_IS_QUEUE (object))
        call_queue (SHMOBJ_QUEUE (object), call);
      else if (SHMOBJ_IS_CONNECTION (object))
        call_connection (SHMOBJ_CONNECTION (object), call);
      else if (SHMOBJ_IS_LOCK (object))
        call_lock (SHMOBJ_LOCK (object), call);
      else if (SHMOBJ_IS_EVENT (object))
        call_event (SHMOBJ_EVENT (object), call);
      else if (SHMOBJ_IS_SEMAPHORE (object))
        call_semaphore (SHMOBJ_SEMAPHORE (object), call);
      else if (SHMOBJ_IS_CONDITION (object))
        call_condition (SHMOBJ_CONDITION (object), call);
      else if (SHMOBJ_IS_BARRIER (object))
        call_barrier (SHMOBJ_BARRIER (object), call);
      else
        call_memory (SHMOBJ_SHARED_MEMORY (object), call, input);
    }
}
