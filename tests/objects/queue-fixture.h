/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of Queue share. */

#include <shmobj.h>

#include <string.h>

#define assert_error(error, domain, code)                                                          \
  do                                                                                               \
    {                                                                                              \
      g_assert_error (error, domain, code);                                                        \
      g_assert_cmpint (strlen (error->message), >, 10);                                            \
      g_clear_error (&error);                                                                      \
    }                                                                                              \
  while (0)

static inline ShmobjQueue *
new_queue (guint maxsize, guint64 capacity)
{
  g_autoptr (GError) error = NULL;
  ShmobjQueue *queue = shmobj_queue_new (maxsize, capacity, &error);

  g_assert_no_error (error);
  return queue;
}

static inline void
put_int (ShmobjQueue *queue, int number)
{
  g_autoptr (GError) error = NULL;

  shmobj_queue_put (queue, g_variant_new_int32 (number), -1, NULL, &error);
  g_assert_no_error (error);
}

static inline int
get_int (ShmobjQueue *queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_queue_get (queue, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_INT32));
  return g_variant_get_int32 (value);
}
