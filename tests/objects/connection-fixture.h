/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of Connection share. */

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

typedef struct
{
  ShmobjConnection *start, *end;
} Fixture;

static inline void
set_up (Fixture *f, gconstpointer one_way)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (one_way == NULL, 0, &error);

  g_assert_no_error (error);
  f->start = shmobj_pipe_steal_start (pipe, &error);
  g_assert_no_error (error);
  f->end = shmobj_pipe_steal_end (pipe, &error);
  g_assert_no_error (error);
}

static inline void
tear_down (Fixture *f, gconstpointer one_way)
{
  g_clear_object (&f->start);
  g_clear_object (&f->end);
}

static inline void
send_int (ShmobjConnection *connection, int number)
{
  g_autoptr (GError) error = NULL;

  shmobj_connection_send (connection, g_variant_new_int32 (number), -1, NULL, &error);
  g_assert_no_error (error);
}

static inline int
receive_int (ShmobjConnection *connection)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_connection_receive (connection, -1, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (value);
}
