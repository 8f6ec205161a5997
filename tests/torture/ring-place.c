/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ring-place.h"

#include "base/flight.h"
#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA_OFFSET (OBJECT_OFFSET + LAYOUT_PAGE)

RingPlace *
ring_place_new (guint64 capacity, guint32 maxsize)
{
  RingPlace *place = g_new0 (RingPlace, 1);
  g_autoptr (GError) error = NULL;
  guint64 flight = DATA_OFFSET + ring_data_size (capacity),
          pool = flight + flight_area_size (capacity);
  RingShared *shared;
  int in = sys.eventfd (), out = sys.eventfd ();

  segment_new (&place->segment, SEGMENT_QUEUE, "torture", pool + pool_area_size (capacity),
               DATA_OFFSET + ring_first_reserve (capacity), (guint64[4]){ capacity, maxsize },
               &error);
  g_assert_no_error (error);
  participants_init (&place->participants, &place->segment);
  shared = segment_at (&place->segment, OBJECT_OFFSET, sizeof *shared);
  ring_create (shared, capacity);
  ring_attach (&place->ring, shared, DATA_OFFSET, capacity, maxsize, &place->segment,
               &place->participants);
  flight_attach (&place->ring, flight);
  pool_attach (&place->pool, &place->segment, pool, capacity, &shared->pool_ready,
               &place->participants);
  place->ring.pool = &place->pool;
  place->ring.in = (Doorbell){ in, in };
  place->ring.out = (Doorbell){ out, out };
  return place;
}

static void
begin_at (RingEnd *end, guint64 count, guint64 pos)
{
  end->slot[0].pos = end->slot[1].pos = pos;
  end->slot[0].count = count;
  end->slot[1].count = count - 1;
  end->room = pos;
  end->other_count = count & WAIT_COUNT_MASK;
}

RingPlace *
ring_place_new_at (guint64 capacity, guint32 maxsize, guint64 count, guint64 pos)
{
  RingPlace *place = ring_place_new (capacity, maxsize);
  RingShared *shared = place->ring.shared;

  begin_at (&shared->write, count, pos);
  begin_at (&shared->read, count, pos);
  shared->pub = shared->con = (guint32) (count & WAIT_COUNT_MASK) << 1;
  return place;
}

void
ring_place_free (RingPlace *place)
{
  close (place->ring.in.ring_fd);
  close (place->ring.out.ring_fd);
  participants_clear (&place->participants);
  segment_close (&place->segment);
  g_free (place);
}

guint32
ring_place_me (RingPlace *place)
{
  g_autoptr (GError) error = NULL;
  guint32 me = participants_me (&place->participants, &error);

  g_assert_no_error (error);
  return me;
}

pid_t
fork_child (void)
{
  pid_t parent = getpid (), child;

  fflush (stdout);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (getppid () != parent)
        _exit (1);
    }
  return child;
}

void
end_child (pid_t pid)
{
  kill (pid, SIGKILL);
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

char
state_of (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid), *text = NULL;
  char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (end = strrchr (text, ')')) == NULL)
    return '?';
  return end[2];
}

gboolean
wait_for_state (pid_t pid, char state)
{
  gint64 limit_us = sys_now_us () + 20 * G_USEC_PER_SEC;

  while (state_of (pid) != state)
    {
      if (sys_now_us () > limit_us)
        return FALSE;
      g_usleep (100);
    }
  return TRUE;
}
