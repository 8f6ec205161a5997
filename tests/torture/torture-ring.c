/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills and stops any number of readers and writers of a ring at random, and starts new ones; the
 * survivors must go on and drain it.
 *
 *     build/tests/torture/torture-ring [ROUNDS [SEED]]
 *
 * A round is a fresh ring of some capacity and maxsize, with readers and writers who wait in all
 * ways: for ever, with time-outs, with something that cancels (so by the bell). Each message
 * carries its writer's number, its own, and bytes that follow from them. Judged: every message is
 * whole, no reader sees a writer's messages out of order, none comes twice, of those that a writer
 * was told are put none is missing but what a killed reader had in its hands, and nobody is stuck.
 * Without ROUNDS: as many as make 2500 kills of either kind in the midst of it; those that end a
 * round are not counted.
 */

#include "ring-place.h"

#include "base/sys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS_MAX 128   /* in one round, counting those who replaced the killed */
#define NUMBERS_MAX 65536 /* of messages; then a writer goes on under a new number */
#define PLAYERS_MAX 12
#define LARGE 40960
#define STUCK_US (20 * G_USEC_PER_SEC)
#define LATE_US 300000
#define KILLS_WANTED 2500

typedef struct
{
  guint32 writer, number, size, check;
} Head;

/* What all processes of a round write down; not part of what is tested. */
typedef struct
{
  _Atomic (guint32) writers, torn, doubled, disordered, failed;
  _Atomic (guint32) put[WRITERS_MAX];                 /* the last one that was reported as put */
  _Atomic (guint8) got[WRITERS_MAX][NUMBERS_MAX + 2]; /* how often it came */
} Ledger;

typedef struct
{
  pid_t pid;
  gboolean writer, stopped;
} Player;

typedef struct
{
  RingPlace *place;
  Player player[PLAYERS_MAX];
  guint players;
  guint killed_readers;
  int cancel_fd;
  gboolean held; /* a stopped one held a guard: others had to wait for it */
} Round;

static struct
{
  guint rounds, kills[2], stops, stuck, bad, late, most_lost;
  guint64 messages, lost, guards, seats, sleeps, grown;
  gint64 worst_us;
} sum;

static Ledger *ledger;
static guint8 pattern[LARGE + 256];
static GRand *dice;
static int niceness; /* of the players */

static guint
roll (guint n)
{
  return g_rand_int_range (dice, 0, n);
}

/* ---- players ---- */

static guint32
check_of (const Head *head)
{
  return head->writer * 1000003u ^ head->number * 7919u ^ head->size * 31u;
}

static RingPatience
pick_patience (const Round *round, guint kind)
{
  RingPatience patience = { -1, -1, FALSE };

  if (kind == 3)
    kind = roll (3);
  if (kind == 1)
    patience.deadline_us = wait_deadline (roll (4) == 0 ? 0 : roll (2000));
  if (kind == 2)
    patience =
        (RingPatience){ roll (2) == 0 ? -1 : wait_deadline (roll (3000)), round->cancel_fd, FALSE };
  return patience;
}

static gboolean
may_try_again (RingStatus status)
{
  if (status == RING_EMPTY || status == RING_FULL || status == RING_CANCELLED ||
      status == RING_STUCK)
    return TRUE;
  ledger->failed = 100 + status;
  _exit (1);
}

static gsize
pick_size (const Round *round)
{
  gsize most = MIN (round->place->ring.capacity - sizeof (FrameHeader), LARGE);

  return roll (64) == 0 ? sizeof (Head) + roll (most - sizeof (Head) + 1) : 24 + roll (377);
}

static void
write_on (const Round *round, guint kind)
{
  static guint8 message[LARGE];
  guint32 me = ring_place_me (round->place);
  Head head = { .writer = ledger->writers++ };

  while (head.writer < WRITERS_MAX)
    {
      ShmobjFrame frame;
      RingPatience patience;

      if (++head.number > NUMBERS_MAX)
        {
          head = (Head){ .writer = ledger->writers++ };
          continue;
        }
      head.size = pick_size (round);
      head.check = check_of (&head);
      memcpy (message, &head, sizeof head);
      memcpy (message + sizeof head, pattern + head.number % 256, head.size - sizeof head);
      shmobj_frame_set_bytes (&frame, message, head.size);
      for (;;)
        {
          RingStatus status;

          patience = pick_patience (round, kind);
          status = ring_put (&round->place->ring, me, &frame, &patience);
          if (status == RING_OK)
            break;
          may_try_again (status);
        }
      ledger->put[head.writer] = head.number;
      if (head.number % 4 == 0)
        for (volatile int idle = roll (2000); idle > 0; idle--)
          ;
    }
  for (;;)
    pause ();
}

static void
judge (const guint8 *message, gsize size, guint32 *last)
{
  Head head;

  memcpy (&head, message, sizeof head);
  if (size < sizeof head || head.size != size || head.check != check_of (&head) ||
      head.writer >= WRITERS_MAX || head.number == 0 || head.number > NUMBERS_MAX ||
      memcmp (message + sizeof head, pattern + head.number % 256, size - sizeof head) != 0)
    {
      ledger->torn++;
      return;
    }
  if (ledger->got[head.writer][head.number]++ != 0)
    ledger->doubled++;
  if (head.number <= last[head.writer])
    ledger->disordered++;
  last[head.writer] = head.number;
}

static void
read_on (const Round *round, guint kind)
{
  static guint8 message[LARGE];
  static guint32 last[WRITERS_MAX];
  guint32 me = ring_place_me (round->place);

  for (;;)
    {
      RingGet get = { RING_ACCEPT_ALL, message, roll (8) == 0 ? 200 : sizeof message, { 0 } };
      RingPatience patience = pick_patience (round, kind);
      RingStatus status = ring_get (&round->place->ring, me, &get, &patience);

      if (status == RING_TOO_SMALL && get.header.size > get.size)
        {
          get.size = sizeof message;
          status = ring_get (&round->place->ring, me, &get, &patience);
        }
      if (status == RING_OK)
        judge (message, get.header.size, last);
      else
        may_try_again (status);
    }
}

static void
start (Round *round, Player *player, gboolean writer)
{
  guint32 seed = g_rand_int (dice);

  *player = (Player){ fork_child (), writer, FALSE };
  if (player->pid != 0)
    return;
  setpriority (PRIO_PROCESS, 0, niceness);
  g_rand_set_seed (dice, seed);
  if (writer)
    write_on (round, roll (4));
  read_on (round, roll (4));
}

/* ---- the round ---- */

static guint
running (const Round *round, gboolean writer)
{
  guint n = 0;

  for (guint i = 0; i < round->players; i++)
    n += round->player[i].writer == writer && !round->player[i].stopped;
  return n;
}

static void
remove_player (Round *round, Player *player)
{
  round->killed_readers += !player->writer;
  *player = round->player[--round->players];
}

/* Several at once: the signals go out before anybody is waited for. */
static void
strike (Round *round, gboolean stopping)
{
  pid_t killed[3];
  guint n = 0, wanted = 1 + roll (3);

  while (n < wanted && round->players > 0)
    {
      Player *player = &round->player[roll (round->players)];
      gboolean last = running (round, player->writer) <= 1 && !player->stopped;

      wanted -= last;
      if (last || player->stopped)
        continue;
      kill (player->pid, stopping ? SIGSTOP : SIGKILL);
      if (stopping)
        {
          player->stopped = TRUE;
          sum.stops++;
          wanted--;
          continue;
        }
      killed[n++] = player->pid;
      sum.kills[player->writer]++;
      remove_player (round, player);
      if (roll (2))
        g_usleep (roll (100));
    }
  while (n > 0)
    end_child (killed[--n]);
}

static guint32
records_read (const Round *round)
{
  return WAIT_COUNT (round->place->ring.shared->con);
}

static gboolean
is_drained (const Round *round)
{
  return records_read (round) == WAIT_COUNT (round->place->ring.shared->pub);
}

static void
go_on_all (Round *round)
{
  for (guint i = 0; i < round->players; i++)
    if (round->player[i].stopped)
      {
        kill (round->player[i].pid, SIGCONT);
        round->player[i].stopped = FALSE;
      }
}

/* One who was stopped inside a guard rightly blocks the others: there is nothing to judge then. */
static void
see_who_holds_guards (Round *round)
{
  RingShared *shared = round->place->ring.shared;
  guint32 read = shared->read.guard, write = shared->write.guard;

  g_usleep (3000);
  if ((read != 0 && shared->read.guard == read) || (write != 0 && shared->write.guard == write))
    round->held = TRUE;
}

/* Until another message was read, or none is left. */
static void
expect_progress (Round *round, gboolean drain, const char *what)
{
  guint32 from = records_read (round);
  gint64 start_us = sys_now_us (), took_us = 0;
  RingShared *shared = round->place->ring.shared;

  while (took_us < STUCK_US && (drain ? !is_drained (round) : records_read (round) == from))
    {
      g_usleep (100);
      took_us = sys_now_us () - start_us;
    }
  sum.worst_us = MAX (sum.worst_us, took_us);
  sum.late += took_us > LATE_US;
  if (took_us < STUCK_US)
    return;
  sum.stuck++;
  g_test_message ("round %u, %s: stuck; pub %x con %x guards %x %x seats %x %x bells %x %x",
                  sum.rounds, what, shared->pub, shared->con, shared->read.guard,
                  shared->write.guard, shared->read_seat, shared->write_seat, shared->in_bell,
                  shared->out_bell);
}

static void
end_players (Round *round, gboolean writers)
{
  for (guint i = round->players; i-- > 0;)
    if (round->player[i].writer == writers)
      {
        pid_t pid = round->player[i].pid;

        remove_player (round, &round->player[i]);
        end_child (pid);
      }
}

static void
judge_ledger (Round *round)
{
  RingShared *shared = round->place->ring.shared;
  guint32 lost = 0, counted = 0, writers = MIN (ledger->writers, WRITERS_MAX);

  for (guint32 w = 0; w < writers; w++)
    for (guint32 n = 1; n <= ledger->put[w] + 1; n++)
      {
        counted += ledger->got[w][n] != 0;
        lost += ledger->got[w][n] == 0 && n <= ledger->put[w];
      }
  /* what was read and is not in the ledger was in the hands of a killed one */
  if (lost > round->killed_readers || ledger->torn || ledger->doubled || ledger->disordered ||
      ledger->failed || records_read (round) - counted > round->killed_readers)
    {
      sum.bad++;
      g_test_message ("round %u: lost %u with %u readers killed, torn %u, doubled %u, disordered "
                      "%u, failed %u, "
                      "read %u, counted %u",
                      sum.rounds, lost, round->killed_readers, ledger->torn, ledger->doubled,
                      ledger->disordered, ledger->failed, records_read (round), counted);
    }
  sum.messages += counted;
  sum.lost += lost;
  sum.most_lost = MAX (sum.most_lost, lost);
  sum.guards += shared->guards.taken_over;
  sum.seats += shared->seats_taken_over;
  sum.sleeps += shared->sleeps;
  sum.grown += shared->grown;
}

static void
clear_ledger (void)
{
  for (guint32 w = 0; w < MIN (ledger->writers, WRITERS_MAX); w++)
    {
      memset ((void *) ledger->got[w], 0, ledger->put[w] + 2);
      ledger->put[w] = 0;
    }
  ledger->writers = ledger->torn = ledger->doubled = ledger->disordered = ledger->failed = 0;
}

static void
begin (Round *round)
{
  static const guint64 capacities[] = { RING_SIZE_MIN, 65536 + 8, 300 * 1024, 1 << 20, 64 << 20 };
  static const guint32 maxsizes[] = { 1, 4, 0, 0, 33 };
  guint n = sum.rounds;

  clear_ledger ();
  g_setenv ("SHMOBJ_SPIN_US", n % 2 == 0 ? "40" : "0", TRUE);
  round->place = ring_place_new (capacities[roll (G_N_ELEMENTS (capacities))],
                                 maxsizes[n % G_N_ELEMENTS (maxsizes)]);
  round->cancel_fd = sys.eventfd ();
  round->players = 2 + roll (3) + 1 + roll (3);
  for (guint i = 0; i < round->players; i++)
    start (round, &round->player[i], i >= 2 && (i < 4 || roll (2)));
}

static void
end (Round *round)
{
  end_players (round, FALSE);
  judge_ledger (round);
  ring_place_free (round->place);
  close (round->cancel_fd);
  sum.rounds++;
}

static void
one_round (gboolean stopping)
{
  Round round = { 0 };

  begin (&round);
  g_usleep (500 + roll (2500));
  for (guint i = 1 + roll (12); i > 0; i--)
    {
      strike (&round, stopping && roll (2));
      if (roll (3) == 0)
        doorbell_ring (&(Doorbell){ round.cancel_fd, round.cancel_fd });
      while (round.players < PLAYERS_MAX && roll (3) != 0)
        start (&round, &round.player[round.players++], roll (2));
      g_usleep (roll (800));
      doorbell_drain (&(Doorbell){ round.cancel_fd, round.cancel_fd });
    }
  if (stopping)
    see_who_holds_guards (&round);
  if (round.held)
    go_on_all (&round);
  expect_progress (&round, FALSE, "while some are gone");
  end_players (&round, TRUE);
  if (stopping && !round.held)
    see_who_holds_guards (&round);
  if (round.held)
    go_on_all (&round);
  expect_progress (&round, TRUE, "draining");
  end (&round);
}

static void
report (void)
{
  g_test_message ("%u rounds: %u writers and %u readers killed, %u stopped, %" G_GUINT64_FORMAT
                  " messages; stuck %u, bad %u, lost in killed hands %" G_GUINT64_FORMAT
                  " (at most %u)",
                  sum.rounds, sum.kills[1], sum.kills[0], sum.stops, sum.messages, sum.stuck,
                  sum.bad, sum.lost, sum.most_lost);
  g_test_message ("guards taken over %" G_GUINT64_FORMAT ", seats %" G_GUINT64_FORMAT
                  ", sleeps %" G_GUINT64_FORMAT ", grown %" G_GUINT64_FORMAT
                  "; longest delay %.3f s, %u above 0.3 s",
                  sum.guards, sum.seats, sum.sleeps, sum.grown,
                  sum.worst_us / (double) G_USEC_PER_SEC, sum.late);
}

static guint rounds_wanted;

static void
test_anybody_anywhere (void)
{
  const char *slower = g_getenv ("SHMOBJ_TEST_SLOWER");
  guint wanted = KILLS_WANTED / (slower != NULL ? MAX (atoi (slower), 1) : 1);

  while (rounds_wanted > 0 ? sum.rounds < rounds_wanted
                           : sum.kills[0] < wanted || sum.kills[1] < wanted)
    {
      one_round (sum.rounds % 4 == 3);
      if (sum.rounds % 1000 == 0)
        report ();
    }
  report ();
  g_assert_cmpuint (sum.stuck, ==, 0);
  g_assert_cmpuint (sum.bad, ==, 0);
  g_assert_cmpuint (sum.messages, >, sum.rounds);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Among a dozen who never rest the killer seldom has its turn. (Only root may do this.) */
  niceness = getpriority (PRIO_PROCESS, 0);
  setpriority (PRIO_PROCESS, 0, -15);
  rounds_wanted = argc > 1 ? atoi (argv[1]) : 0;
  dice = g_rand_new_with_seed (argc > 2 ? atoi (argv[2]) : g_test_rand_int ());
  for (guint i = 0; i < sizeof pattern; i++)
    pattern[i] = i * 7 + i / 256;
  ledger = mmap (NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (ledger != MAP_FAILED);
  g_test_add_func ("/torture/ring/anybody-may-die-or-stop-anywhere", test_anybody_anywhere);
  return g_test_run ();
}
