/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits that end for another reason than success, at every moment: a get that timed out or was
 * cancelled has taken nothing, a put that did has put nothing, to the last message. And sleepers
 * that are stopped: the others go on without them, within the second of a slice.
 *
 *     build/tests/torture/torture-waits [SECONDS [STOPS]]
 */

#include "ring-place.h"

#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAYERS 6
#define STUCK_US (20 * G_USEC_PER_SEC)
#define SLICE_US G_USEC_PER_SEC /* the longest that a sleeper in the queue does not look */
#define GUARD_US 300000

typedef enum
{
  FOR_EVER,
  TIMED,
  CANCELLED,
  BOTH,
  WAYS,
} Way;

/* Counted by all; not part of what is tested. */
typedef struct
{
  _Atomic (guint64) put, got, sum_put, sum_got, in_vain, numbers;
  _Atomic (guint32) over;
} Count;

typedef struct
{
  RingPlace *place;
  Count *count;
  pid_t pid[PLAYERS];
  int cancel_fd[PLAYERS];
} Game;

static double seconds = 2;
static guint stops = 200;

static Game *
game_new (guint64 capacity, guint32 maxsize)
{
  Game *game = g_new0 (Game, 1);

  game->place = ring_place_new (capacity, maxsize);
  game->count =
      mmap (NULL, sizeof *game->count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (game->count != MAP_FAILED);
  for (guint i = 0; i < PLAYERS; i++)
    game->cancel_fd[i] = sys.eventfd ();
  return game;
}

static void
game_free (Game *game)
{
  for (guint i = 0; i < PLAYERS; i++)
    {
      if (game->pid[i] != 0)
        end_child (game->pid[i]);
      close (game->cancel_fd[i]);
    }
  munmap (game->count, sizeof *game->count);
  ring_place_free (game->place);
  g_free (game);
}

static RingPatience
pick_patience (const Game *game, guint player, Way way, GRand *dice)
{
  RingPatience patience = { -1, -1, FALSE };

  if (way == TIMED || way == BOTH)
    patience.deadline_us = wait_deadline (g_rand_int_range (dice, 0, 400));
  if (way == CANCELLED || way == BOTH)
    patience.cancel_fd = game->cancel_fd[player];
  return patience;
}

/* TRUE: it did what it should. Otherwise it must have had a reason that it was given. */
static gboolean
settle (Game *game, guint player, RingStatus status)
{
  if (status == RING_OK)
    return TRUE;
  if (status != RING_EMPTY && status != RING_FULL && status != RING_CANCELLED &&
      status != RING_STUCK)
    _exit (2);
  if (status == RING_CANCELLED)
    doorbell_drain (&(Doorbell){ game->cancel_fd[player], game->cancel_fd[player] });
  game->count->in_vain++;
  return FALSE;
}

static void
read_on (Game *game, guint player, Way way, GRand *dice)
{
  for (;;)
    {
      guint64 number = 0;
      RingGet get = { .accept = RING_ACCEPT_ALL, .buffer = &number, .size = sizeof number };
      RingPatience patience = pick_patience (game, player, way, dice);

      if (!settle (game, player,
                   ring_get (&game->place->ring, ring_place_me (game->place), &get, &patience)))
        continue;
      game->count->sum_got += number;
      game->count->got++;
      if (g_rand_int_range (dice, 0, 64) == 0)
        g_usleep (g_rand_int_range (dice, 0, 300));
    }
}

static void
write_on (Game *game, guint player, Way way, GRand *dice)
{
  while (!game->count->over)
    {
      guint64 number = ++game->count->numbers;
      ShmobjFrame frame;
      RingPatience patience;

      shmobj_frame_set_bytes (&frame, &number, sizeof number);
      do
        patience = pick_patience (game, player, way, dice);
      while (
          !settle (game, player,
                   ring_put (&game->place->ring, ring_place_me (game->place), &frame, &patience)));
      game->count->sum_put += number;
      game->count->put++;
      if (g_rand_int_range (dice, 0, 16) == 0)
        g_usleep (g_rand_int_range (dice, 0, 300));
    }
  _exit (0);
}

static void
start (Game *game, guint player, gboolean writer, Way way)
{
  guint32 seed = g_test_rand_int ();

  game->pid[player] = fork_child ();
  if (game->pid[player] != 0)
    return;
  if (writer)
    write_on (game, player, way, g_rand_new_with_seed (seed));
  read_on (game, player, way, g_rand_new_with_seed (seed));
}

/* Readers and writers in all ways at once, cancelled at random; then the books are compared. */
static void
test_takes_nothing (gconstpointer data)
{
  Game *game = game_new (RING_SIZE_MIN, GPOINTER_TO_UINT (data));
  gint64 end_us = sys_now_us () + seconds * G_USEC_PER_SEC, limit_us;

  for (guint i = 0; i < PLAYERS; i++)
    start (game, i, i % 2, (i / 2 + i % 2) % WAYS);
  while (sys_now_us () < end_us)
    {
      guint player = g_test_rand_int_range (0, PLAYERS);

      g_usleep (g_test_rand_int_range (0, 300));
      doorbell_ring (&(Doorbell){ game->cancel_fd[player], game->cancel_fd[player] });
    }
  game->count->over = 1;
  for (guint i = 1; i < PLAYERS; i += 2)
    {
      int status;

      g_assert_cmpint (waitpid (game->pid[i], &status, 0), ==, game->pid[i]);
      g_assert_cmpint (status, ==, 0);
      game->pid[i] = 0;
    }
  limit_us = sys_now_us () + STUCK_US;
  while (game->count->got != game->count->put && sys_now_us () < limit_us)
    g_usleep (1000);
  g_test_message ("%" G_GUINT64_FORMAT " messages, %" G_GUINT64_FORMAT " waits in vain",
                  game->count->put, game->count->in_vain);
  g_assert_cmpuint (game->count->got, ==, game->count->put);
  g_assert_cmpuint (game->count->sum_got, ==, game->count->sum_put);
  g_assert_cmpuint (ring_count (&game->place->ring), ==, 0);
  g_assert_cmpuint (ring_written (&game->place->ring), ==, game->count->put);
  g_assert_cmpuint (game->count->in_vain, >, 100);
  game_free (game);
}

/* ---- stopped sleepers ---- */

static void
wait_for_all (Game *game, char state)
{
  for (guint i = 0; i < PLAYERS; i++)
    if (game->pid[i] != 0)
      g_assert_true (wait_for_state (game->pid[i], state));
}

/* RING_STUCK: one who was stopped has a guard. */
static RingStatus
put_number (Game *game)
{
  guint64 number = 1;
  ShmobjFrame frame;

  shmobj_frame_set_bytes (&frame, &number, sizeof number);
  return ring_try_put (&game->place->ring, ring_place_me (game->place), &frame, TRUE,
                       wait_deadline (GUARD_US));
}

static RingStatus
get_number (Game *game)
{
  guint64 number;
  RingGet get = { .accept = RING_ACCEPT_ALL, .buffer = &number, .size = sizeof number };

  return ring_try_get (&game->place->ring, ring_place_me (game->place), &get,
                       wait_deadline (GUARD_US));
}

/* What the sleepers wait for, once. A victim that was stopped in a guard is rightly waited for, so
 * it goes on. */
static void
give_one (Game *game, gboolean writers, guint victim)
{
  RingStatus status;

  while ((status = writers ? get_number (game) : put_number (game)) == RING_STUCK)
    kill (game->pid[victim], SIGCONT);
  g_assert_cmpint (status, ==, RING_OK);
}

/* The player in the seat, whom a publisher would wake. */
static guint
player_in (Game *game, _Atomic (guint32) *seat)
{
  guint32 slot = TOKEN_SLOT (*seat);
  Slot *slots = segment_at (&game->place->segment, SLOTS_OFFSET, SLOT_COUNT * sizeof (Slot));

  for (guint i = 0; i < PLAYERS; i++)
    if (game->pid[i] != 0 && slots[slot].pid == (guint32) game->pid[i])
      return i;
  return g_test_rand_int_range (0, 3);
}

/* One of three sleepers is stopped, mostly the one in the seat; something comes, just before or
 * after: the other two have it, soon. Then it goes on. (A sleeper that is stopped leaves its queue
 * in the kernel, so coming after is the easy case.) */
static gint64
stop_one (Game *game, gboolean writers, guint n, gboolean before)
{
  Ring *ring = &game->place->ring;
  RingShared *shared = ring->shared;
  guint32 rest = writers ? ring->maxsize : 0;
  guint victim;
  gint64 start_us;

  g_usleep (4000);
  wait_for_all (game, 'S');
  victim = g_test_rand_int_range (0, 4) == 0
               ? (guint) g_test_rand_int_range (0, 3)
               : player_in (game, writers ? &shared->write_seat : &shared->read_seat);
  if (!before)
    {
      kill (game->pid[victim], SIGSTOP);
      g_assert_true (wait_for_state (game->pid[victim], 'T'));
    }
  start_us = sys_now_us ();
  for (guint i = 0; i < n; i++)
    {
      give_one (game, writers, victim);
      if (before && i == 0)
        kill (game->pid[victim], SIGSTOP);
    }
  while (ring_count (ring) != rest && sys_now_us () - start_us < STUCK_US)
    {
      g_usleep (50);
      if ((shared->read.guard | shared->write.guard) == 0 || sys_now_us () - start_us < SLICE_US)
        continue;
      kill (game->pid[victim], SIGCONT); /* stopped in a guard: rightly waited for */
      start_us = sys_now_us ();
    }
  if (ring_count (ring) != rest)
    g_error ("still %u: pub %x con %x seats %x %x", ring_count (ring), shared->pub, shared->con,
             shared->read_seat, shared->write_seat);
  start_us = sys_now_us () - start_us;
  kill (game->pid[victim], SIGCONT);
  return start_us;
}

static void
test_stopped (gconstpointer data)
{
  gboolean writers = GPOINTER_TO_INT (data) & 1, bell = GPOINTER_TO_INT (data) & 2;
  Game *game = game_new (RING_SIZE_MIN, 4);
  gint64 worst_us = 0;

  for (guint i = 0; writers && i < 4; i++)
    g_assert_cmpint (put_number (game), ==, RING_OK);
  for (guint i = 0; i < 3; i++)
    start (game, i, writers, bell ? CANCELLED : FOR_EVER);
  for (guint i = 0; i < stops / 4; i++)
    {
      if (i % 25 == 24) /* so that slices are long */
        g_usleep (1100 * 1000);
      worst_us = MAX (worst_us, stop_one (game, writers, 1 + i % 3, i % 4 != 0));
    }
  g_test_message ("%u stops, longest delay %.3f s", stops / 4, worst_us / (double) G_USEC_PER_SEC);
  g_assert_cmpint (worst_us, <, SLICE_US + 2 * G_USEC_PER_SEC); /* the machine may be busy */
  game_free (game);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    seconds = g_ascii_strtod (argv[1], NULL);
  if (argc > 2)
    stops = atoi (argv[2]);
#define ADD(path, data, function)                                                                  \
  g_test_add_data_func ("/torture/waits/" path, GINT_TO_POINTER (data), function)
  ADD ("ended-in-vain-takes-nothing", 0, test_takes_nothing);
  ADD ("ended-in-vain-takes-nothing-where-one-fits", 1, test_takes_nothing);
  ADD ("ended-in-vain-takes-nothing-where-three-fit", 3, test_takes_nothing);
  ADD ("stopped-reader-is-passed-over", 0, test_stopped);
  ADD ("stopped-writer-is-passed-over", 1, test_stopped);
  ADD ("stopped-reader-at-the-bell-is-passed-over", 2, test_stopped);
  ADD ("stopped-writer-at-the-bell-is-passed-over", 3, test_stopped);
  return g_test_run ();
}
