/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One who holds a queue (a pipe) writes random values all over its memory while others use it.
 *
 *     build/tests/torture/torture-hostile [SECONDS]
 *
 * All is scribbled over but the lock words: the two guards and the participants' slots, by which
 * the living are told from the dead. Now and then the scribbler takes the guards and makes the ring
 * new, or nothing but the first refusal would ever be seen. Judged, in processes that put and get
 * with time-outs in all ways: nobody crashes (nor does AddressSanitizer find anything), each call
 * ends soon after its time is over, and gives a value that can be looked at, or an error. The bytes
 * of a message may be any: a holder of the queue could have put them.
 */

#include "../fuzz/fuzz.h"
#include "ring-place.h"

#include "base/flight.h"
#include "base/sys.h"
#include "objects/connection-private.h"
#include "objects/queue-private.h"
#include "objects/shmobj-message.h"
#include "objects/shmobj-pipe.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAYERS 4
#define TIMEOUT_MAX_US 10000
#define CAPACITY (32 * 1024)
#define LATE_US                                                                                    \
  (5 * G_USEC_PER_SEC) /* guards grant 250 ms each; the rest is for a loaded machine */
#define STUCK_US (30 * G_USEC_PER_SEC)
#define NUMBERS_MAX 300 /* of descriptors that a player ever has open */

typedef struct
{
  _Atomic (gint64) since_us; /* in a call since then; 0: in none */
  _Atomic (gint64) worst_us; /* beyond the time-out */
  _Atomic (guint64) values, errors, corrupt;
} Player;

typedef struct
{
  Player player[PLAYERS];
  _Atomic (guint64) scribbles;
} Ledger;

/* What is scribbled over: a ring, and a queue's flight. */
typedef struct
{
  Ring *ring;
  gsize flight_size;
} Target;

static Ledger *ledger;
static Player *self;
static GCancellable *never;
static double seconds = 3;

/* ---- the scribbler ---- */

static guint
roll (guint n)
{
  return g_random_int_range (0, n);
}

static guint64
pick_value (guint64 there)
{
  switch (roll (6))
    {
    case 0:
      return (guint64) g_random_int () << 32 | g_random_int ();
    case 1:
      return there + roll (17) - 8;
    case 2:
      return there ^ (1ull << roll (64));
    case 3:
      return roll (2) - 1ull;
    case 4:
      return roll (2 * CAPACITY) & ~7u;
    default:
      return roll (8);
    }
}

/* Half a word or a whole one somewhere in there, but in no guard. */
static void
scribble (Ring *ring, gpointer area, gsize size)
{
  guint32 *half = (guint32 *) area + roll (size / 4);
  guint64 value = pick_value (*half);

  for (guint i = 0; i < 1 + roll (2) && half + i < (guint32 *) area + size / 4; i++)
    if ((Guard *) half + i != &ring->shared->write.guard &&
        (Guard *) half + i != &ring->shared->read.guard)
      atomic_store_explicit ((_Atomic (guint32) *) half + i, value >> (32 * i),
                             memory_order_relaxed);
  atomic_fetch_add_explicit (&ledger->scribbles, 1, memory_order_relaxed);
}

static void
zero (gpointer from, gpointer to)
{
  for (guint32 *word = from; word < (guint32 *) to; word++)
    atomic_store_explicit ((_Atomic (guint32) *) word, 0, memory_order_relaxed);
}

/* As it was made, under both guards. */
static void
renew (const Target *target)
{
  Ring *ring = target->ring;
  RingShared *shared = ring->shared;
  guint32 me = participants_me (ring->participants, NULL);

  if (ring_lock_both (ring, me, wait_deadline (STUCK_US)) != RING_OK)
    _exit (9);
  zero (&shared->write.other_count, &shared->read.guard);
  zero (&shared->read.other_count, shared + 1);
  ring_create (shared, ring->capacity);
  if (ring->flight != NULL)
    zero (ring->flight, (guint8 *) ring->flight + target->flight_size);
  ring_unlock_both (ring);
}

static void
scribble_on (const Target *targets, guint n)
{
  for (;;)
    {
      for (guint i = 0; i < n; i++)
        renew (&targets[i]);
      g_usleep (roll (1000));
      for (guint words = 1 + roll (12); words > 0; words--)
        {
          const Target *target = &targets[roll (n)];
          Ring *ring = target->ring;

          if (roll (4) != 0)
            scribble (ring, ring->shared, sizeof *ring->shared);
          else if (ring->flight != NULL && flight_is_used (ring) && roll (2))
            scribble (ring, ring->flight, MIN (target->flight_size, 16 * sizeof (FlightEntry)));
          else
            scribble (ring, ring->data, roll (2) ? 512 : ring->capacity);
          if (roll (2))
            g_usleep (roll (300));
        }
    }
}

/* ---- players ---- */

static gint64
begin_call (void)
{
  atomic_store (&self->since_us, sys_now_us ());
  return roll (3) == 0 ? 0 : roll (TIMEOUT_MAX_US);
}

/* With something that cancels the wait is one by the bell. */
static GCancellable *
maybe_cancellable (void)
{
  return roll (2) ? never : NULL;
}

static void
end_call (gint64 timeout_us, gboolean success, GError **error)
{
  gint64 late_us = sys_now_us () - atomic_load (&self->since_us) - timeout_us;

  atomic_store (&self->since_us, 0);
  atomic_store (&self->worst_us, MAX (late_us, atomic_load (&self->worst_us)));
  g_assert_cmpint (late_us, <, LATE_US);
  if (success)
    self->values++;
  else
    {
      self->errors++;
      self->corrupt += g_error_matches (*error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT);
    }
  expect_either (success, error);
}

static GVariant *
message (void)
{
  return roll (8) == 0 ? g_variant_new_take_string (g_strnfill (roll (CAPACITY / 2), 'x'))
                       : g_variant_new ("(isd)", 1, "a message", 2.5);
}

static void
put (ShmobjQueue *queue)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  GVariant *values[] = { message (), message (), message () };

  if (roll (2))
    {
      gsize n = shmobj_queue_put_many (queue, values, 3, timeout_us, maybe_cancellable (), &error);

      if (n > 0)
        g_clear_error (&error); /* why it was not all of them */
      end_call (timeout_us, n > 0, &error);
      return;
    }
  end_call (timeout_us,
            shmobj_queue_put (queue, values[0], timeout_us, maybe_cancellable (), &error), &error);
  g_variant_unref (g_variant_ref_sink (values[1]));
  g_variant_unref (g_variant_ref_sink (values[2]));
}

static void
get (ShmobjQueue *queue)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  GVariant *value = shmobj_queue_get (queue, timeout_us, maybe_cancellable (), &error);

  end_call (timeout_us, value != NULL, &error);
  if (value != NULL)
    expect_value (value, &error);
}

static void
get_many (ShmobjQueue *queue)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  gsize n = 0;
  GVariant **values =
      shmobj_queue_get_many (queue, 8, timeout_us, maybe_cancellable (), &n, &error);

  end_call (timeout_us, values != NULL, &error);
  for (gsize i = 0; i < n; i++)
    expect_value (values[i], &error);
  g_free (values);
}

static void
receive (ShmobjQueue *queue)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  ShmobjMessage *received = shmobj_queue_receive (queue, timeout_us, maybe_cancellable (), &error);
  GVariant *value;

  end_call (timeout_us, received != NULL, &error);
  if (received == NULL)
    return;
  value = shmobj_message_get_value (received, &error);
  expect_value (value, &error);
  begin_call ();
  end_call (0,
            roll (2) ? shmobj_message_done (received, &error)
                     : shmobj_message_give_back (received, &error),
            &error);
  shmobj_message_unref (received);
}

static void
look (ShmobjQueue *queue)
{
  GError *error = NULL;
  GVariant *statistics = shmobj_queue_get_statistics (queue, &error);

  expect_value (statistics, &error);
  shmobj_queue_is_full (queue);
  shmobj_queue_get_size (queue);
  shmobj_queue_wait (queue, roll (2) ? G_IO_IN : G_IO_OUT, roll (1000));
}

static void
use_queue (gpointer queue, guint number)
{
  static void (*const calls[]) (ShmobjQueue *) = { put, put, put, get, get_many, receive, look };

  for (;;)
    calls[roll (G_N_ELEMENTS (calls))](queue);
}

static void
send_one (ShmobjConnection *end)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();

  end_call (timeout_us,
            shmobj_connection_send (end, message (), timeout_us, maybe_cancellable (), &error),
            &error);
}

static void
receive_one (ShmobjConnection *end)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  GVariant *value = shmobj_connection_receive (end, timeout_us, maybe_cancellable (), &error);

  end_call (timeout_us, value != NULL, &error);
  if (value != NULL)
    expect_value (value, &error);
}

static void
poll_one (ShmobjConnection *end)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  gboolean ready = shmobj_connection_poll (end, timeout_us, maybe_cancellable (), &error);

  end_call (timeout_us, ready || error == NULL, &error);
}

static void
send_descriptors (ShmobjConnection *end)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  GError *error = NULL;
  gint64 timeout_us;

  for (guint i = roll (4); i > 0; i--)
    g_unix_fd_list_append (list, STDERR_FILENO, NULL);
  timeout_us = begin_call ();
  end_call (timeout_us,
            shmobj_connection_send_with_fds (end, message (), list, timeout_us,
                                             maybe_cancellable (), &error),
            &error);
}

/* Whatever comes, and whatever is wrong with it, leaves no descriptor behind. */
static void
receive_descriptors (ShmobjConnection *end)
{
  GError *error = NULL;
  gint64 timeout_us = begin_call ();
  ShmobjMessage *got =
      shmobj_connection_receive_with_fds (end, timeout_us, maybe_cancellable (), &error);
  int next;

  end_call (timeout_us, got != NULL, &error);
  g_clear_pointer (&got, shmobj_message_unref);
  next = dup (STDERR_FILENO);
  g_assert_cmpint (next, >=, 0);
  g_assert_cmpint (next, <, NUMBERS_MAX);
  close (next);
}

static void
use_end (gpointer ends, guint number)
{
  static void (*const calls[]) (ShmobjConnection *) = { send_one, receive_one, poll_one,
                                                        send_descriptors, receive_descriptors };

  for (;;)
    calls[roll (G_N_ELEMENTS (calls))](((ShmobjConnection **) ends)[number % 2]);
}

/* ---- the game ---- */

/* Nobody may end by himself, nor stay in a call. */
static void
watch (gint64 end_us)
{
  int status = 0;

  while (sys_now_us () < end_us)
    {
      g_usleep (20000);
      if (waitpid (-1, &status, WNOHANG) != 0)
        g_error ("one of the processes ended by itself: signal %d, status %d", WTERMSIG (status),
                 WEXITSTATUS (status));
      for (guint i = 0; i < PLAYERS; i++)
        {
          gint64 since_us = atomic_load (&ledger->player[i].since_us);

          if (since_us != 0 && sys_now_us () - since_us > STUCK_US)
            g_error ("player %u is in a call for %d s", i, (int) (STUCK_US / G_USEC_PER_SEC));
        }
    }
}

static void
play (void (*use) (gpointer, guint), gpointer object, const Target *targets, guint n)
{
  pid_t pids[PLAYERS + 1];
  guint64 values = 0, errors = 0, corrupt = 0;
  gint64 worst_us = 0;

  memset ((void *) ledger, 0, sizeof *ledger);
  for (guint i = 0; i <= PLAYERS; i++)
    if ((pids[i] = fork_child ()) == 0)
      {
        g_random_set_seed (getpid ());
        never = g_cancellable_new ();
        if (i == PLAYERS)
          scribble_on (targets, n);
        self = &ledger->player[i];
        use (object, i);
      }
  watch (sys_now_us () + seconds * G_USEC_PER_SEC);
  for (guint i = 0; i <= PLAYERS; i++)
    end_child (pids[i]);
  for (guint i = 0; i < PLAYERS; i++)
    {
      values += ledger->player[i].values;
      errors += ledger->player[i].errors;
      corrupt += ledger->player[i].corrupt;
      worst_us = MAX (worst_us, ledger->player[i].worst_us);
    }
  g_test_message ("%" G_GUINT64_FORMAT " scribbles, %" G_GUINT64_FORMAT
                  " calls gave something, %" G_GUINT64_FORMAT " an error (%" G_GUINT64_FORMAT
                  " CORRUPT); at most %.3f s beyond the time-out",
                  ledger->scribbles, values, errors, corrupt, worst_us / (double) G_USEC_PER_SEC);
  g_assert_cmpuint (values, >, 0);
  g_assert_cmpuint (corrupt, >, 0);
}

static void
test_queue (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjQueue) queue = shmobj_queue_new (5, CAPACITY, &error);
  Target target;

  g_assert_no_error (error);
  target = (Target){ &queue->ring, sizeof (FlightShared) };
  play (use_queue, queue, &target, 1);
}

static void
test_pipe (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, CAPACITY, &error);
  g_autoptr (ShmobjConnection) start = shmobj_pipe_steal_start (pipe, NULL);
  g_autoptr (ShmobjConnection) end = shmobj_pipe_steal_end (pipe, NULL);
  ShmobjConnection *ends[] = { start, end };
  Target targets[] = { { &start->read, 0 }, { &start->write, 0 } };

  g_assert_no_error (error);
  play (use_end, ends, targets, G_N_ELEMENTS (targets));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    seconds = g_ascii_strtod (argv[1], NULL);
  ledger = mmap (NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (ledger != MAP_FAILED);
  g_test_add_func ("/torture/hostile/a-queue-that-is-scribbled-over", test_queue);
  g_test_add_func ("/torture/hostile/a-pipe-that-is-scribbled-over", test_pipe);
  return g_test_run ();
}
