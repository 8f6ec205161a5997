/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tests of descriptors through a Connection share: files that say which number they are,
 * and a count of what is open before and after. */

#include "../count-fds.h"
#include "connection-fixture.h"

#include "base/sys.h"
#include "objects/connection-private.h"

#include <fcntl.h>
#include <unistd.h>

#define LONG_US (20 * G_USEC_PER_SEC)

static SysCalls real;

static guint used; /* before the test */

static inline void
set_up_counting (Fixture *f, gconstpointer one_way)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_get_fd (cancellable);
  g_cancellable_release_fd (cancellable);
  used = count_fds ();
  real = sys;
  set_up (f, one_way);
}

static inline void
tear_down_counting (Fixture *f, gconstpointer one_way)
{
  sys = real;
  tear_down (f, one_way);
  g_assert_cmpuint (count_fds (), ==, used);
}

/* A file that says which number it is. */
static inline int
numbered_file (int number)
{
  int fd = sys_memfd ("numbered");

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, &number, sizeof number, 0), ==, sizeof number);
  return fd;
}

static inline int
number_of (int fd)
{
  int number = -1;

  g_assert_cmpint (pread (fd, &number, sizeof number, 0), ==, sizeof number);
  return number;
}

static inline GUnixFDList *
numbered_files (int from, guint n)
{
  GUnixFDList *list = g_unix_fd_list_new ();

  for (guint i = 0; i < n; i++)
    {
      int fd = numbered_file (from + i);

      g_assert_cmpint (g_unix_fd_list_append (list, fd, NULL), ==, i);
      close (fd);
    }
  return list;
}

static inline gboolean
send_files (ShmobjConnection *connection, int from, guint n, gint64 timeout_us, GError **error)
{
  g_autoptr (GUnixFDList) list = numbered_files (from, n);

  return shmobj_connection_send_with_fds (connection, g_variant_new_int32 (from), list, timeout_us,
                                          NULL, error);
}

static inline void
expect_sent (ShmobjConnection *connection, int from, guint n)
{
  g_autoptr (GError) error = NULL;

  send_files (connection, from, n, LONG_US, &error);
  g_assert_no_error (error);
}

static inline void
expect_message (ShmobjMessage *message, int from, guint n)
{
  GUnixFDList *list = shmobj_message_get_fd_list (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = shmobj_message_get_value (message, &error);
  gint length = 0;
  const int *fds = list != NULL ? g_unix_fd_list_peek_fds (list, &length) : NULL;

  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, from);
  g_assert_cmpint (length, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpint (number_of (fds[i]), ==, from + i);
      g_assert_cmpint (fcntl (fds[i], F_GETFD) & FD_CLOEXEC, !=, 0);
    }
}

static inline void
expect_received (ShmobjConnection *connection, int from, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjMessage) message =
      shmobj_connection_receive_with_fds (connection, LONG_US, NULL, &error);

  g_assert_no_error (error);
  expect_message (message, from, n);
}

static inline void
expect_nothing (ShmobjConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (shmobj_connection_receive_with_fds (connection, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}
