/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring where something ends: its counts and rounds, descriptors, memory, the kernel's patience.
 */

#include "../torture/ring-place.h"

#include "../objects/lock-fixture.h"

#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/resource.h>

#define LAST_ROUND (~((G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS) - 1))

static void
fill (guint8 *message, gsize size, guint number)
{
  for (gsize i = 0; i < size; i++)
    message[i] = number * 31 + i * 7 + size;
}

static RingStatus
put (RingPlace *place, guint number, gsize size, gboolean may_grow)
{
  static guint8 message[1 << 20];
  ShmobjFrame frame;

  fill (message, size, number);
  shmobj_frame_set_bytes (&frame, message, size);
  return ring_try_put (&place->ring, ring_place_me (place), &frame, may_grow, -1);
}

static RingStatus
get (RingPlace *place, guint number, gsize size)
{
  static guint8 message[1 << 20], expected[1 << 20];
  RingGet get = { .accept = RING_ACCEPT_ALL, .buffer = message, .size = sizeof message };
  RingStatus status = ring_try_get (&place->ring, ring_place_me (place), &get, -1);

  if (status != RING_OK)
    return status;
  fill (expected, size, number);
  g_assert_cmpuint (get.header.size, ==, size);
  g_assert_cmpmem (message, size, expected, size);
  return status;
}

/* Random puts and gets, against numbers and sizes kept aside. */
static void
play (RingPlace *place, guint steps)
{
  GQueue oracle = G_QUEUE_INIT;
  guint next = 0;

  for (guint step = 0; step < steps; step++)
    {
      gsize size = g_test_rand_int_range (0, 16) == 0 ? g_test_rand_int_range (0, 3000)
                                                      : g_test_rand_int_range (0, 200);

      if (g_test_rand_int_range (0, 100) < (step / 500 % 2 == 0 ? 60 : 40))
        {
          RingStatus status = put (place, next, size, g_test_rand_bit ());

          g_assert_true (status == RING_OK || status == RING_FULL || status == RING_SHALLOW);
          if (status == RING_OK)
            g_queue_push_tail (&oracle, GSIZE_TO_POINTER ((gsize) next++ << 32 | size));
        }
      else if (g_queue_is_empty (&oracle))
        g_assert_cmpint (get (place, 0, 0), ==, RING_EMPTY);
      else
        {
          gsize head = GPOINTER_TO_SIZE (g_queue_pop_head (&oracle));

          g_assert_cmpint (get (place, head >> 32, (guint32) head), ==, RING_OK);
        }
      g_assert_cmpuint (ring_count (&place->ring), ==, g_queue_get_length (&oracle));
    }
  g_queue_clear (&oracle);
}

static void
test_wrap (gconstpointer data)
{
  guint32 maxsize = GPOINTER_TO_UINT (data);

  for (guint i = 0; i < rounds (40); i++)
    {
      guint64 count = WAIT_COUNT_MASK - g_test_rand_int_range (0, 600);
      g_autoptr (RingPlace) place =
          ring_place_new_at (i % 2 == 0 ? RING_SIZE_MIN : 200 * 1024, maxsize, count,
                             LAST_ROUND | (guint64) g_test_rand_int_range (0, 500) * 8);

      play (place, 4000);
      g_assert_cmpuint (ring_written (&place->ring), >, (guint64) WAIT_COUNT_MASK + 1);
    }
}

/* A sleeper's flag beside a count that is all ones: the word is -1, and that is no special case. */
static gpointer
read_forever (gpointer data)
{
  RingPlace *place = data;
  RingPatience for_ever = { -1, -1, FALSE };
  guint8 message[8];
  guint n = 0;

  for (;;)
    {
      RingGet get = { .accept = RING_ACCEPT_ALL, .buffer = message, .size = sizeof message };
      RingStatus status = ring_get (&place->ring, ring_place_me (place), &get, &for_ever);

      if (status != RING_OK)
        return GUINT_TO_POINTER (n);
      n++;
    }
}

static void
test_wrap_asleep (void)
{
  g_autoptr (RingPlace) place = ring_place_new_at (RING_SIZE_MIN, 0, WAIT_COUNT_MASK - 5, 0);
  GThread *thread = g_thread_new ("reader", read_forever, place);
  RingShared *shared = place->ring.shared;

  for (guint i = 0; i < 12; i++)
    {
      await (&shared->pub, ((WAIT_COUNT_MASK - 5 + i) << 1) | WAIT_SLEEPER);
      g_assert_cmpint (put (place, i, 8, TRUE), ==, RING_OK);
    }
  await (&shared->con, 6 << 1);
  ring_shut (&place->ring, ring_place_me (place), FALSE, -1);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (thread)), ==, 12);
}

/* ---- calls that fail ---- */

static SysCalls real;
static guint calls, fail_at;

static gboolean
fails (int code)
{
  errno = code;
  return ++calls == fail_at;
}

static int
fail_memfd (const char *name, unsigned int flags)
{
  return fails (EMFILE) ? -1 : real.memfd_create (name, flags);
}

static int
fail_open (const char *path, int flags, mode_t mode)
{
  return fails (EMFILE) ? -1 : real.open (path, flags, mode);
}

static int
fail_ftruncate (int fd, off_t size)
{
  return fails (ENOMEM) ? -1 : real.ftruncate (fd, size);
}

static int
fail_fallocate (int fd, off_t offset, off_t length)
{
  return fails (ENOSPC) ? -1 : real.fallocate (fd, offset, length);
}

static void *
fail_mmap (size_t size, int fd, off_t offset)
{
  return fails (ENOMEM) ? (void *) -1 : real.mmap (size, fd, offset);
}

static int
fail_lock (int fd, int command, struct flock *lock)
{
  return fails (ENOLCK) ? -1 : real.lock (fd, command, lock);
}

/* Makes a segment, joins, fills a ring until it has grown twice, empties it; stops at the first
 * error. TRUE: there was none. */
static gboolean
use_all (GError **error)
{
  const guint64 capacity = 1 << 20, begin = OBJECT_OFFSET + LAYOUT_PAGE;
  Segment segment;
  Participants participants;
  Ring ring;
  RingStatus status = RING_OK;
  static guint8 message[100000];
  ShmobjFrame frame;
  RingGet get = { .accept = RING_ACCEPT_ALL, .buffer = message, .size = sizeof message };
  guint32 me;

  if (!segment_new (&segment, SEGMENT_QUEUE, "test", begin + ring_data_size (capacity),
                    begin + ring_first_reserve (capacity), (guint64[4]){ capacity }, error))
    return FALSE;
  participants_init (&participants, &segment);
  ring_create (segment_at (&segment, OBJECT_OFFSET, sizeof (RingShared)), capacity);
  ring_attach (&ring, segment_at (&segment, OBJECT_OFFSET, sizeof (RingShared)), begin, capacity, 0,
               &segment, &participants);
  me = participants_me (&participants, error);
  shmobj_frame_set_bytes (&frame, message, sizeof message);
  for (guint i = 0; me != 0 && i < 8 && status == RING_OK; i++)
    status = ring_try_put (&ring, me, &frame, TRUE, 0);
  if (me != 0 && status != RING_OK)
    {
      g_assert_cmpint (status, ==, RING_NO_SPACE);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "the ring cannot grow");
      /* what is in it is not lost, and it grows as soon as it can */
      g_assert_cmpint (ring_try_put (&ring, me, &frame, TRUE, 0), ==, RING_OK);
    }
  while (me != 0 && ring_count (&ring) > 0)
    g_assert_cmpint (ring_try_get (&ring, me, &get, 0), ==, RING_OK);
  participants_clear (&participants);
  segment_close (&segment);
  return me != 0 && status == RING_OK;
}

static void
test_each_call_fails (void)
{
  guint before = count_fds (), errors = 0;

  real = sys;
  sys.memfd_create = fail_memfd;
  sys.open = fail_open;
  sys.ftruncate = fail_ftruncate;
  sys.fallocate = fail_fallocate;
  sys.mmap = fail_mmap;
  sys.lock = fail_lock;
  do
    {
      g_autoptr (GError) error = NULL;

      calls = 0;
      fail_at++;
      if (use_all (&error))
        g_assert_no_error (error);
      else
        {
          g_assert_nonnull (error);
          g_assert_true (error->domain == G_IO_ERROR);
          errors++;
        }
      g_assert_cmpuint (count_fds (), ==, before);
    }
  while (calls >= fail_at);
  sys = real;
  g_test_message ("%u calls, %u errors", fail_at, errors);
  g_assert_cmpuint (errors, >=, 7);
}

static void
test_no_descriptors (void)
{
  g_autoptr (RingPlace) place = ring_place_new (RING_SIZE_MIN, 0);
  struct rlimit before, none;
  g_autoptr (GError) error = NULL;
  int lowest = dup (0);

  close (lowest); /* all below are taken */
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  none = (struct rlimit){ lowest, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  g_assert_cmpuint (participants_me (&place->participants, &error), ==, 0);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_cmpint (put (place, 1, 100, TRUE), ==, RING_OK);
  g_assert_cmpint (get (place, 1, 100), ==, RING_OK);
}

/* Where the kernel has no FUTEX_WAKE_OP, or no futex at all, nothing is lost: it is only slower. */
static long
refuse_wake_op (_Atomic (guint32) *word,
                int operation,
                guint32 value,
                const struct timespec *timeout,
                _Atomic (guint32) *word2,
                guint32 value3)
{
  errno = ENOSYS;
  return operation == FUTEX_WAKE_OP ? -1
                                    : real.futex (word, operation, value, timeout, word2, value3);
}

static long
refuse_all (_Atomic (guint32) *word,
            int operation,
            guint32 value,
            const struct timespec *timeout,
            _Atomic (guint32) *word2,
            guint32 value3)
{
  g_thread_yield ();
  errno = ENOSYS;
  return -1;
}

static void
test_poor_kernel (gconstpointer data)
{
  g_autoptr (RingPlace) place = ring_place_new (RING_SIZE_MIN, 3);
  GThread *thread;
  RingPatience for_ever = { -1, -1, FALSE };
  ShmobjFrame frame;
  guint n = rounds (2000);

  real = sys;
  sys.futex = GPOINTER_TO_INT (data) ? refuse_all : refuse_wake_op;
  thread = g_thread_new ("reader", read_forever, place);
  shmobj_frame_set_bytes (&frame, "12345678", 8);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (ring_put (&place->ring, ring_place_me (place), &frame, &for_ever), ==,
                     RING_OK);
  ring_shut (&place->ring, ring_place_me (place), FALSE, -1);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (thread)), ==, n);
  sys = real;
}

int
main (int argc, char **argv)
{
  g_setenv ("SHMOBJ_SPIN_US", "0", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/ring-limits/counts-and-rounds-begin-anew", GUINT_TO_POINTER (0),
                        test_wrap);
  g_test_add_data_func ("/ring-limits/counts-begin-anew-with-maxsize", GUINT_TO_POINTER (5),
                        test_wrap);
  g_test_add_func ("/ring-limits/counts-begin-anew-under-a-sleeper", test_wrap_asleep);
  g_test_add_func ("/ring-limits/each-call-may-fail", test_each_call_fails);
  g_test_add_func ("/ring-limits/without-descriptors", test_no_descriptors);
  g_test_add_data_func ("/ring-limits/kernel-without-wake-op", GINT_TO_POINTER (0),
                        test_poor_kernel);
  g_test_add_data_func ("/ring-limits/kernel-without-futex", GINT_TO_POINTER (1), test_poor_kernel);
  return g_test_run ();
}
