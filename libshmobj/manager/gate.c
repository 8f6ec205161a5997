/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The writers' gate, in front of LMDB's mutex, which can neither be tried nor time out: one stopped
 * writer would stop all others for ever, and nobody could say whom they wait for.
 *
 * The file “gate” of a manager's directory is a segment with participants and one guard:
 *
 *     [ header ][ slots ][ guard, statistics ][ those who wait for changes (watchers.c) ]
 *
 * A write lasts some microseconds, so waiting is what a guard does: spin, yield, nap in slices that
 * grow to a millisecond, ask for the owner's life. With a cancellable we look at it between slices.
 *
 * Death. A dead holder is replaced by whoever finds it dead. It leaves LMDB's own mutex, which is
 * robust: by the time the kernel drops the dead one's slot it has handed that one on as well, and
 * LMDB goes on from the last commit.
 *
 * Forks. The mapping is inherited, the slot is not: base/participants.c.
 */

#include "manager/gate.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "base/wait.h"

#define GATE_FILE "gate"
#define WATCHERS LAYOUT_PAGE /* behind what is ours */
#define GATE_BYTES (WATCHERS + 3 * LAYOUT_PAGE)
#define SLICE_US 50000 /* between two looks at a cancellable */
#define STATISTICS 64  /* behind the guard, on a line of its own */

G_STATIC_ASSERT (WATCHERS + sizeof (WatchersShared) <= GATE_BYTES);

gboolean
gate_create (int directory_fd, GError **error)
{
  Segment segment = SEGMENT_INIT;
  guint64 size = OBJECT_OFFSET + GATE_BYTES, parameter[4] = { 0 };
  gboolean made;

  made = segment_new_in (&segment, directory_fd, SEGMENT_GATE, size, size, parameter, error) &&
         segment_publish (&segment, directory_fd, GATE_FILE, error);
  segment_close (&segment);
  return made;
}

gboolean
gate_open (Gate *gate, int directory_fd, GError **error)
{
  *gate = (Gate){ .segment = SEGMENT_INIT };
  if (!segment_open_in (&gate->segment, directory_fd, GATE_FILE, SEGMENT_GATE, error))
    return FALSE;

  gate->guard = segment_at (&gate->segment, OBJECT_OFFSET, sizeof (Guard));
  gate->statistics =
      segment_at (&gate->segment, OBJECT_OFFSET + STATISTICS, sizeof (GuardStatistics));
  gate->watchers = segment_at (&gate->segment, OBJECT_OFFSET + WATCHERS, sizeof (WatchersShared));
  if (gate->guard == NULL || gate->statistics == NULL || gate->watchers == NULL)
    {
      g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CORRUPT,
                   "The manager's file “%s” is too short", GATE_FILE);
      segment_close (&gate->segment);
      return FALSE;
    }
  participants_init (&gate->participants, &gate->segment);
  return TRUE;
}

void
gate_close (Gate *gate)
{
  participants_clear (&gate->participants);
  segment_close (&gate->segment);
}

static gboolean
busy (Gate *gate, GError **error)
{
  guint32 owner = atomic_load (gate->guard);
  g_autofree char *who = owner != 0 ? participants_describe (&gate->participants, owner)
                                    : g_strdup ("another process");

  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_BUSY,
               "The manager is being written by %s, which did not come to an end in time; it may "
               "be stopped",
               who);
  return FALSE;
}

gboolean
gate_enter (Gate *gate, gint64 timeout_us, GCancellable *cancellable, GError **error)
{
  guint32 me = participants_me (&gate->participants, error), nobody = 0;
  gint64 deadline;

  if (me == 0 || g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (G_LIKELY (atomic_compare_exchange_strong_explicit (
          gate->guard, &nobody, me, memory_order_acquire, memory_order_relaxed)))
    return TRUE;

  deadline = wait_deadline (timeout_us);
  for (;;)
    {
      gint64 slice = cancellable == NULL ? deadline : sys_now_us () + SLICE_US;

      if (deadline >= 0)
        slice = MIN (slice, deadline);
      if (guard_take (gate->guard, &gate->participants, me, slice, gate->statistics))
        return TRUE;
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (deadline >= 0 && sys_now_us () >= deadline)
        return busy (gate, error);
    }
}

void
gate_leave (Gate *gate)
{
  guard_release (gate->guard);
}

gboolean
gate_is_busy (Gate *gate)
{
  guint32 owner = atomic_load (gate->guard);

  if (owner == 0)
    return FALSE;
  return participants_me (&gate->participants, NULL) == 0 ||
         !participants_is_dead (&gate->participants, owner);
}
