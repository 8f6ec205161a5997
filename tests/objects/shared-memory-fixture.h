/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of SharedMemory have in common. */

#include "base/shmobj-error.h"
#include "objects/shmobj-shared-memory.h"

#include <string.h>
#include <unistd.h>

/* A POSIX name that no other test uses. */
static inline char *
unique_name (void)
{
  return g_strdup_printf ("shmobj_test_%d_%u", (int) getpid (), g_random_int ());
}

static inline void
assert_write (ShmobjSharedMemory *memory, guint64 offset, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_shared_memory_write_data (memory, offset, (const guint8 *) text,
                                                  strlen (text), &error));
  g_assert_no_error (error);
}

static inline void
assert_read (ShmobjSharedMemory *memory, guint64 offset, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes =
      shmobj_shared_memory_read_bytes (memory, offset, strlen (text), &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

static inline ShmobjSharedMemory *
must_open (const char *name, ShmobjOpenFlags flags, guint64 size)
{
  g_autoptr (GError) error = NULL;
  ShmobjSharedMemory *memory = shmobj_shared_memory_new_for_name (name, flags, size, &error);

  g_assert_no_error (error);
  g_assert_nonnull (memory);
  return memory;
}

#define assert_refused(expression, domain, code)                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    GError *error_ = NULL;                                                                         \
    GError **refusal = &error_;                                                                    \
    g_assert_null (expression);                                                                    \
    g_assert_error (error_, domain, code);                                                         \
    g_test_message ("%s", error_->message);                                                        \
    g_error_free (error_);                                                                         \
  }                                                                                                \
  G_STMT_END

static inline void
must_unlink (ShmobjSharedMemory *memory)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (shmobj_shared_memory_unlink (memory, &error));
  g_assert_no_error (error);
}
