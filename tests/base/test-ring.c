/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring in one process: order, sizes up to the capacity, depth, limits, and shared words that
 * lie. */

#include "base/ring.h"

#include "base/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  Segment segment;
  Participants participants;
  Ring ring;
  guint32 me;
  int cancel_fd;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  guint64 capacity = data != NULL ? GPOINTER_TO_SIZE (data) : 1 << 20,
          begin = OBJECT_OFFSET + LAYOUT_PAGE;
  g_autoptr (GError) error = NULL;

  segment_new (&f->segment, SEGMENT_QUEUE, "test-ring", begin + ring_data_size (capacity),
               begin + ring_first_reserve (capacity), (guint64[4]){ capacity }, &error);
  g_assert_no_error (error);
  participants_init (&f->participants, &f->segment);
  ring_create (segment_at (&f->segment, OBJECT_OFFSET, sizeof (RingShared)), capacity);
  ring_attach (&f->ring, segment_at (&f->segment, OBJECT_OFFSET, sizeof (RingShared)), begin,
               capacity, 0, &f->segment, &f->participants);
  f->me = participants_me (&f->participants, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  participants_clear (&f->participants);
  segment_close (&f->segment);
}

/* A message whose every byte follows from its number and its size. */
static void
fill (guint8 *buffer, gsize size, guint number)
{
  for (gsize i = 0; i < size; i++)
    buffer[i] = number * 31 + i * 7 + size;
}

static RingStatus
put (Fixture *f, guint number, gsize size, gboolean may_grow)
{
  g_autofree guint8 *buffer = g_malloc (size + 1);
  ShmobjFrame frame;

  fill (buffer, size, number);
  shmobj_frame_set_bytes (&frame, buffer, size);
  return ring_try_put (&f->ring, f->me, &frame, may_grow, -1);
}

static RingStatus
get (Fixture *f, guint number, gsize size)
{
  g_autofree guint8 *buffer = g_malloc (size + 1), *expected = g_malloc (size + 1);
  RingGet want = { RING_ACCEPT_ALL, buffer, size, { 0 } };
  RingStatus status = ring_try_get (&f->ring, f->me, &want, -1);

  if (status != RING_OK)
    return status;
  fill (expected, size, number);
  g_assert_cmpuint (want.header.size, ==, size);
  g_assert_cmpmem (buffer, size, expected, size);
  return status;
}

static void
test_order (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (get (f, 0, 0), ==, RING_EMPTY);
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpint (put (f, i, i % 97, TRUE), ==, RING_OK);
  g_assert_cmpuint (ring_count (&f->ring), ==, 1000);
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpint (get (f, i, i % 97), ==, RING_OK);
  g_assert_cmpint (get (f, 0, 0), ==, RING_EMPTY);
  g_assert_cmpuint (ring_written (&f->ring), ==, 1000);
  g_assert_cmpuint (ring_read (&f->ring), ==, 1000);
}

/* Random puts and gets against a plain queue; the ring is as deep as chance wants. */
static void
test_oracle (Fixture *f, gconstpointer data)
{
  GQueue oracle = G_QUEUE_INIT;
  guint next = 0;

  for (guint step = 0; step < 60000; step++)
    {
      gboolean putting = g_test_rand_int_range (0, 100) < (step / 5000 % 2 == 0 ? 60 : 40);
      gsize size = g_test_rand_int_range (0, 20) == 0 ? g_test_rand_int_range (0, 60000)
                                                      : g_test_rand_int_range (0, 200);

      if (putting)
        {
          RingStatus status = put (f, next, size, g_test_rand_bit ());

          g_assert_true (status == RING_OK || status == RING_FULL || status == RING_SHALLOW);
          if (status == RING_OK)
            g_queue_push_tail (&oracle, GSIZE_TO_POINTER ((gsize) next++ << 32 | size));
        }
      else if (g_queue_is_empty (&oracle))
        g_assert_cmpint (get (f, 0, 0), ==, RING_EMPTY);
      else
        {
          gsize head = GPOINTER_TO_SIZE (g_queue_pop_head (&oracle));

          g_assert_cmpint (get (f, head >> 32, (guint32) head), ==, RING_OK);
        }
      g_assert_cmpuint (ring_count (&f->ring), ==, g_queue_get_length (&oracle));
    }
  g_queue_clear (&oracle);
}

/* Whatever came before, an empty ring takes a message that fills it. */
static void
test_empty_takes_all (Fixture *f, gconstpointer data)
{
  gsize most = f->ring.capacity - sizeof (FrameHeader);

  for (guint i = 0; i < 200; i++)
    {
      gsize size = g_test_rand_int_range (0, 5000);

      g_assert_cmpint (put (f, i, size, TRUE), ==, RING_OK);
      g_assert_cmpint (get (f, i, size), ==, RING_OK);
      g_assert_cmpint (put (f, i, most, TRUE), ==, RING_OK);
      g_assert_cmpint (put (f, i, 0, TRUE), ==, RING_FULL);
      g_assert_cmpint (get (f, i, most), ==, RING_OK);
    }
  g_assert_cmpint (put (f, 0, most + 1, TRUE), ==, RING_TOO_LARGE);
}

/* A writer that wrapped early can still use the whole capacity: nobody needs to read for that. */
static void
test_wrap_never_locks_in (Fixture *f, gconstpointer data)
{
  guint in = 0, out = 0, before;

  while (put (f, in, 56, FALSE) == RING_OK)
    in++;
  for (; out < 3; out++)
    g_assert_cmpint (get (f, out, 56), ==, RING_OK);
  before = in;
  while (put (f, in, 56, TRUE) == RING_OK)
    in++;
  g_assert_cmpuint (in - before, >, (f->ring.capacity - 2 * RING_FIRST_STEP) / 64);
  for (; out < in; out++)
    g_assert_cmpint (get (f, out, 56), ==, RING_OK);
  g_assert_cmpint (get (f, 0, 0), ==, RING_EMPTY);
}

static void
test_shallow_stays_shallow (Fixture *f, gconstpointer data)
{
  guint in = 0, out = 0;

  for (; in < 3; in++)
    g_assert_cmpint (put (f, in, 100, TRUE), ==, RING_OK);
  for (; in < 100000; in++)
    {
      g_assert_cmpint (put (f, in, 100, TRUE), ==, RING_OK);
      g_assert_cmpint (get (f, out, 100), ==, RING_OK);
      out++;
    }
  g_assert_cmpuint (f->ring.shared->reserved, ==, RING_FIRST_STEP);
}

static void
test_maxsize (Fixture *f, gconstpointer data)
{
  f->ring.maxsize = 3;
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (put (f, i, 8, TRUE), ==, RING_OK);
  g_assert_cmpint (put (f, 3, 8, TRUE), ==, RING_FULL);
  g_assert_false (ring_has_room (&f->ring, 16));
  g_assert_cmpint (get (f, 0, 8), ==, RING_OK);
  g_assert_true (ring_has_room (&f->ring, 16));
  g_assert_cmpint (put (f, 3, 8, TRUE), ==, RING_OK);
}

static void
test_reader_may_refuse (Fixture *f, gconstpointer data)
{
  guint8 buffer[8];
  RingGet want = { RING_ACCEPT (SHMOBJ_FRAME_VARIANT), buffer, sizeof buffer, { 0 } };

  put (f, 1, 16, TRUE);
  g_assert_cmpint (ring_try_get (&f->ring, f->me, &want, -1), ==, RING_REFUSED);
  g_assert_cmpuint (want.header.kind, ==, SHMOBJ_FRAME_BYTES);
  want.accept = RING_ACCEPT_ALL;
  g_assert_cmpint (ring_try_get (&f->ring, f->me, &want, -1), ==, RING_TOO_SMALL);
  g_assert_cmpuint (want.header.size, ==, 16);
  g_assert_cmpuint (ring_count (&f->ring), ==, 1);
  g_assert_cmpint (get (f, 1, 16), ==, RING_OK);
}

/* The same where the way ahead was too short and the record lies at the start over the reader's
 * position: whoever looks first, and does not take, leaves the way for the next. */
static void
test_refused_after_restart (Fixture *f, gconstpointer data)
{
  guint8 buffer[8];
  RingGet want = { RING_ACCEPT_ALL, buffer, sizeof buffer, { 0 } };
  gsize most = f->ring.capacity - sizeof (FrameHeader);

  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (put (f, 1, 1000, TRUE), ==, RING_OK);
      g_assert_cmpint (get (f, 1, 1000), ==, RING_OK);
      g_assert_cmpint (put (f, 2, most, TRUE), ==, RING_OK);
      for (guint k = 0; k < 3; k++)
        {
          g_assert_cmpint (ring_try_get (&f->ring, f->me, &want, -1), ==, RING_TOO_SMALL);
          g_assert_cmpuint (want.header.size, ==, most);
        }
      g_assert_cmpint (get (f, 2, most), ==, RING_OK);
    }
}

/* A writer that sleeps goes on when there is room for its message, though nobody reads any more. */
static gpointer
put_one_more (gpointer data)
{
  Fixture *f = data;
  ShmobjFrame frame;
  RingPatience patience = { -1, f->cancel_fd, FALSE };

  shmobj_frame_set_bytes (&frame, "12345678", 8);
  return GINT_TO_POINTER (ring_put (&f->ring, f->me, &frame, &patience));
}

static void
test_room_for_one_is_enough (Fixture *f, gconstpointer data)
{
  GThread *thread;
  guint64 sleeps = f->ring.shared->sleeps;
  int bell = sys.eventfd (), never = sys.eventfd ();

  f->ring.maxsize = 100;
  f->ring.out = (Doorbell){ bell, bell };
  for (guint i = 0; i < 100; i++)
    g_assert_cmpint (put (f, i, 8, TRUE), ==, RING_OK);
  for (guint i = 0; i < 20; i++)
    {
      f->cancel_fd = i % 2 == 0 ? -1 : never;
      thread = g_thread_new ("writer", put_one_more, f);
      while (f->cancel_fd < 0 && f->ring.shared->sleeps == sleeps)
        g_usleep (100);
      while (f->cancel_fd >= 0 && !(f->ring.shared->out_bell & DOORBELL_ARMED))
        g_usleep (100);
      g_usleep (i * 200);
      g_assert_cmpint (ring_try_get (&f->ring, f->me,
                                     &(RingGet){ RING_ACCEPT_ALL, (guint8[8]){ 0 }, 8, { 0 } }, -1),
                       ==, RING_OK);
      g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, RING_OK);
      sleeps = f->ring.shared->sleeps;
    }
  g_assert_cmpuint (ring_count (&f->ring), ==, 100);
  close (bell);
  close (never);
}

/* Every shared word but the guards may hold anything: no crash, no read outside, an answer that
 * says so or a message. */
static void
test_lying_words (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *buffer = g_malloc (f->ring.capacity);
  RingShared *shared = f->ring.shared;
  guint32 *word = (guint32 *) shared;

  for (guint round = 0; round < 3000; round++)
    {
      RingGet want = { RING_ACCEPT_ALL, buffer, f->ring.capacity, { 0 } };
      guint at = g_test_rand_int_range (0, sizeof *shared / 4);

      if (&word[at] == (guint32 *) &shared->write.guard ||
          &word[at] == (guint32 *) &shared->read.guard ||
          &word[at] == (guint32 *) &shared->reserved ||
          &word[at] == (guint32 *) &shared->reserved + 1)
        continue;
      put (f, round, 40, TRUE);
      word[at] = g_test_rand_bit () ? (guint32) g_test_rand_int ()
                                    : word[at] ^ (1u << g_test_rand_int_range (0, 32));
      *(guint64 *) (f->ring.data + g_test_rand_int_range (0, 1000) * 8) =
          g_test_rand_int () * G_GUINT64_CONSTANT (0x100000001);
      put (f, round, 40, TRUE);
      ring_try_get (&f->ring, f->me, &want, -1);
      ring_try_get (&f->ring, f->me, &want, -1);
      ring_count (&f->ring);
    }
}

static int
no_more_memory (int fd, off_t offset, off_t length)
{
  errno = ENOSPC;
  return -1;
}

static void
test_no_memory_to_grow (Fixture *f, gconstpointer data)
{
  SysCalls saved = sys;
  guint in = 0;

  sys.fallocate = no_more_memory;
  while (put (f, in, 1000, TRUE) == RING_OK)
    in++;
  g_assert_cmpint (put (f, in, 1000, TRUE), ==, RING_NO_SPACE);
  sys = saved;
  g_assert_cmpint (put (f, in, 1000, TRUE), ==, RING_OK);
  for (guint i = 0; i <= in; i++)
    g_assert_cmpint (get (f, i, 1000), ==, RING_OK);
}

static void
test_time_out_takes_nothing (Fixture *f, gconstpointer data)
{
  guint8 buffer[64];
  RingGet want = { RING_ACCEPT_ALL, buffer, sizeof buffer, { 0 } };
  RingPatience patience = { wait_deadline (5000), -1, FALSE };
  ShmobjFrame frame;

  g_assert_cmpint (ring_get (&f->ring, f->me, &want, &patience), ==, RING_EMPTY);
  g_assert_cmpuint (f->ring.shared->read_seat, ==, 0);
  f->ring.maxsize = 1;
  put (f, 0, 8, TRUE);
  shmobj_frame_set_bytes (&frame, buffer, 8);
  patience.deadline_us = wait_deadline (5000);
  g_assert_cmpint (ring_put (&f->ring, f->me, &frame, &patience), ==, RING_FULL);
  g_assert_cmpuint (f->ring.shared->write_seat, ==, 0);
  g_assert_cmpint (get (f, 0, 8), ==, RING_OK);
  g_assert_cmpint (put (f, 1, 8, TRUE), ==, RING_OK);
  g_assert_cmpint (get (f, 1, 8), ==, RING_OK);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/ring/first-in-first-out", test_order);
  ADD ("/ring/agrees-with-a-plain-queue", test_oracle);
  ADD ("/ring/empty-takes-a-message-of-its-capacity", test_empty_takes_all);
  ADD ("/ring/wrapping-early-never-locks-in", test_wrap_never_locks_in);
  ADD ("/ring/shallow-stays-shallow", test_shallow_stays_shallow);
  ADD ("/ring/maxsize", test_maxsize);
  ADD ("/ring/reader-may-refuse", test_reader_may_refuse);
  g_test_add ("/ring/reader-may-refuse-what-lies-at-a-restart", Fixture,
              GSIZE_TO_POINTER (65536 + 8), set_up, test_refused_after_restart, tear_down);
  ADD ("/ring/room-for-one-message-is-enough", test_room_for_one_is_enough);
  ADD ("/ring/lying-words-are-survived", test_lying_words);
  ADD ("/ring/no-memory-to-grow", test_no_memory_to_grow);
  ADD ("/ring/time-out-takes-nothing", test_time_out_takes_nothing);
  g_test_add ("/ring/oracle-in-a-small-ring", Fixture, GSIZE_TO_POINTER (65536 + 8), set_up,
              test_oracle, tear_down);
  return g_test_run ();
}
