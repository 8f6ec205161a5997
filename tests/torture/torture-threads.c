/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several threads of one process on one ring: they share a token, a handle and what it has learnt
 * about waiting. Nobody may sleep beside a message or room, whoever came and went in the meantime.
 *
 *     build/tests/torture/torture-threads [SECONDS]
 *
 * A burst of messages is put (or got), then nothing more until all of it has arrived: a wake-up
 * that was lost stays lost. The pauses between the bursts make sleepers' slices end at every
 * moment, so that seats change hands. Built with -Db_sanitize=thread it shows data races as well.
 */

#include "ring-place.h"

#include "base/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#define THREADS 6
#define STUCK_US (20 * G_USEC_PER_SEC)

typedef struct
{
  RingPlace *place;
  _Atomic (guint64) done, sum, wanted, working;
} Game;

static double seconds = 3;
static const RingPatience for_ever = { -1, -1, FALSE };

static RingStatus
get_number (Game *game, guint64 *number)
{
  RingGet get = { RING_ACCEPT_ALL, number, sizeof *number, { 0 } };

  return ring_get (&game->place->ring, ring_place_me (game->place), &get, &for_ever);
}

static RingStatus
put_number (Game *game, guint64 number)
{
  ShmobjFrame frame;

  shmobj_frame_set_bytes (&frame, &number, sizeof number);
  return ring_put (&game->place->ring, ring_place_me (game->place), &frame, &for_ever);
}

/* As one who has work to do: comes back when the others have theirs. */
static void
work (Game *game)
{
  game->working++;
  game->done++;
  while (game->done < game->wanted)
    g_usleep (50);
  game->working--;
}

static gpointer
read_on (gpointer data)
{
  Game *game = data;
  guint64 number = 0;

  while (get_number (game, &number) == RING_OK)
    {
      game->sum += number;
      work (game);
    }
  return NULL;
}

static gpointer
write_on (gpointer data)
{
  Game *game = data;

  while (put_number (game, 1) == RING_OK)
    {
      game->sum++;
      work (game);
    }
  return NULL;
}

/* Until the threads have done what is wanted. */
static void
expect_done (Game *game, gint64 *worst_us)
{
  gint64 start_us = sys_now_us (), took_us = 0;
  RingShared *shared = game->place->ring.shared;

  while ((game->done < game->wanted || game->working > 0) && took_us < STUCK_US)
    {
      wait_pause (100);
      took_us = sys_now_us () - start_us;
      if (took_us > 1000)
        g_usleep (100);
    }
  *worst_us = MAX (*worst_us, took_us);
  if (game->done < game->wanted)
    g_error ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
             " done: pub %x con %x guards %x %x seats %x %x",
             game->done, game->wanted, shared->pub, shared->con, shared->read.guard,
             shared->write.guard, shared->read_seat, shared->write_seat);
}

static void
pause_a_while (void)
{
  int kind = g_test_rand_int_range (0, 100);

  if (kind < 60)
    wait_pause (g_test_rand_int_range (0, 5000));
  else if (kind < 99)
    g_usleep (g_test_rand_int_range (0, 300));
  else
    g_usleep (g_test_rand_int_range (7000, 9000));
}

static void
play (gboolean writers, guint32 maxsize)
{
  Game game = { .place = ring_place_new (1 << 20, maxsize) };
  GThread *thread[THREADS];
  gint64 worst_us = 0, end_us = sys_now_us () + seconds * G_USEC_PER_SEC;
  guint64 bursts, number;

  for (guint i = 0; writers && i < maxsize; i++)
    put_number (&game, 1);
  for (guint i = 0; i < THREADS; i++)
    thread[i] = g_thread_new ("player", writers ? write_on : read_on, &game);
  for (bursts = 0; sys_now_us () < end_us; bursts++)
    {
      int n = g_test_rand_int_range (1, 4);

      game.wanted += n;
      for (; n > 0; n--)
        if (writers)
          get_number (&game, &number);
        else
          put_number (&game, 1);
      expect_done (&game, &worst_us);
      pause_a_while ();
    }
  g_assert_cmpuint (game.sum, ==, game.wanted);
  game.wanted = 0;
  ring_shut (&game.place->ring, ring_place_me (game.place), TRUE, -1);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (thread[i]);
  g_test_message (
      "%" G_GUINT64_FORMAT " bursts, %" G_GUINT64_FORMAT " seats taken over, longest delay %.3f s",
      bursts, game.place->ring.shared->seats_taken_over, worst_us / (double) G_USEC_PER_SEC);
  ring_place_free (game.place);
}

#ifdef __SANITIZE_THREAD__
#define UNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif

#ifdef UNDER_THREAD_SANITIZER

static SysCalls real;

/* The sanitizer does not see that the kernel changes a word. So the kernel does not: the library
 * then does in two steps what was one, by an atomic operation and a wake. */
static long
futex_without_operations (_Atomic (guint32) *word,
                          int operation,
                          guint32 value,
                          const struct timespec *timeout,
                          _Atomic (guint32) *word2,
                          guint32 value3)
{
  if (operation != FUTEX_WAKE_OP)
    return real.futex (word, operation, value, timeout, word2, value3);
  errno = ENOSYS;
  return -1;
}

#endif

static void
test_readers (void)
{
  play (FALSE, 0);
}

static void
test_writers (void)
{
  play (TRUE, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("SHMOBJ_SPIN_US", "0", FALSE);
#ifdef UNDER_THREAD_SANITIZER
  real = sys;
  sys.futex = futex_without_operations;
#endif
  if (argc > 1)
    seconds = g_ascii_strtod (argv[1], NULL);
  g_test_add_func ("/torture/threads/no-reader-sleeps-beside-a-message", test_readers);
  g_test_add_func ("/torture/threads/no-writer-sleeps-beside-room", test_writers);
  return g_test_run ();
}
