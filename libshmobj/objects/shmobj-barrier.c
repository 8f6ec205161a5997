/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjBarrier: base/barrier.c as an object, in a place of an arena (objects/placed.c).
 *
 * What matters when processes die is in base/barrier.c. Waiting, with time-outs, cancellables and
 * errors, is in shmobj-barrier-wait.c.
 */

#include "objects/barrier-private.h"

/**
 * ShmobjBarrier:
 *
 * A place where a fixed number of parties wait for each other, as `multiprocessing.Barrier` is.
 *
 * Each party calls [method@Shmobj.Barrier.wait]; when the last one does, all go on, and the barrier
 * is ready for the next time. A party is a call: several threads of a process are as many.
 *
 * A party that gives up, because its time is over or it is cancelled, breaks the barrier, and so
 * does a process that dies while it waits, at most a second after the kernel has let go of its
 * files: all who wait, and all who come, get %SHMOBJ_ERROR_BROKEN until
 * [method@Shmobj.Barrier.reset].
 *
 * Barriers are small: a process makes them all in the same shared memory, so a thousand need a
 * handful of descriptors. Whoever is given one can reach them all;
 * [property@Shmobj.Barrier:own-segment] is for one that less trusted processes get.
 *
 * Any thread of any process that holds it may use it, also after fork().
 *
 * Since: 1.0
 */

typedef enum
{
  PROP_PARTIES = PLACED_OWN_SEGMENT + 1,
} ShmobjBarrierProperty;

static GParamSpec *properties[PROP_PARTIES + 1];

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjBarrier, shmobj_barrier, G_TYPE_OBJECT, PLACED_INTERFACES)

gboolean
barrier_check_parties (guint parties, GError **error)
{
  if (parties >= 1 && parties <= BARRIER_PARTIES_MAX)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "A barrier is for 1 to %u parties, and %u were asked for", BARRIER_PARTIES_MAX,
               parties);
  return FALSE;
}

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjBarrier *self = data;
  BarrierShared *shared = arena_object_content (&self->placed.place.object);

  if (is_new && !barrier_check_parties (self->parties, error))
    return FALSE;
  if (is_new)
    barrier_fill (shared, self->parties);
  barrier_init (&self->barrier, shared, placed_arena (self));
  return TRUE;
}

PLACED_HANDLE_CLASS (barrier, "Barrier")

static const PlacedClass barrier_class = {
  .name = "Barrier", .thing = "barrier", .kind = CELL_BARRIER, .attach = attach
};

guint32
barrier_enter (ShmobjBarrier *self, GError **error)
{
  return placed_ensure (self, error) ? participants_me (self->barrier.participants, error) : 0;
}

/**
 * shmobj_barrier_new:
 * @parties: how many wait for each other, 1 to 65535
 * @error: return location for an error
 *
 * Makes a barrier.
 *
 * Never blocks. Fails with `G_IO_ERROR_INVALID_ARGUMENT` for another number of parties, with
 * `G_IO_ERROR_NO_SPACE` when there is no memory left, and with what the kernel says when no
 * descriptors are.
 *
 * Returns: (transfer full): a new barrier
 *
 * Since: 1.0
 */
ShmobjBarrier *
shmobj_barrier_new (guint parties, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_BARRIER, NULL, error, "parties", parties, NULL);
}

/**
 * shmobj_barrier_abort:
 * @self: a barrier
 * @error: return location for an error
 *
 * Breaks the barrier: all who wait and all who come get %SHMOBJ_ERROR_BROKEN, until
 * [method@Shmobj.Barrier.reset].
 *
 * Never blocks. Fails only as [ctor@Shmobj.Barrier.new] does, when the object was not made yet.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_abort (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  barrier_abort (&self->barrier);
  return TRUE;
}

/**
 * shmobj_barrier_reset:
 * @self: a barrier
 * @error: return location for an error
 *
 * Makes the barrier as new. Those who wait get %SHMOBJ_ERROR_BROKEN.
 *
 * Never blocks. Fails only as [method@Shmobj.Barrier.abort] does.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_reset (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  if (!placed_ensure (self, error))
    return FALSE;
  barrier_reset (&self->barrier);
  return TRUE;
}

/**
 * shmobj_barrier_get_parties:
 * @self: a barrier
 *
 * How many parties wait for each other. Never blocks.
 *
 * Returns: [property@Shmobj.Barrier:parties]
 *
 * Since: 1.0
 */
guint
shmobj_barrier_get_parties (ShmobjBarrier *self)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), 0);

  return placed_ensure (self, NULL) ? self->barrier.shared->parties : self->parties;
}

/**
 * shmobj_barrier_get_n_waiting:
 * @self: a barrier
 *
 * How many parties are there now, waiting for the others. The answer may be out of date when it
 * arrives.
 *
 * Never blocks.
 *
 * Returns: the number of parties that wait
 *
 * Since: 1.0
 */
guint
shmobj_barrier_get_n_waiting (ShmobjBarrier *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), 0);

  me = barrier_enter (self, NULL);
  return me != 0 ? barrier_waiting (&self->barrier, me) : 0;
}

/**
 * shmobj_barrier_is_broken:
 * @self: a barrier
 *
 * Whether the barrier is broken. Never blocks.
 *
 * Returns: %TRUE if nobody can pass before [method@Shmobj.Barrier.reset]
 *
 * Since: 1.0
 */
gboolean
shmobj_barrier_is_broken (ShmobjBarrier *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), FALSE);

  me = barrier_enter (self, NULL);
  return me != 0 && barrier_is_broken (&self->barrier, me);
}

/**
 * shmobj_barrier_get_fd:
 * @self: a barrier
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it: readable whenever
 * [method@Shmobj.Barrier.wait_ticket] with a time-out of 0 could tell of an end of the wait. Only
 * such a call that failed makes it silent, until it is worth another one.
 *
 * Do not read from it. It may be readable for nothing. A forked child asks for its own.
 *
 * Returns: the descriptor, the barrier's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it takes two)
 * or an error of making the barrier
 *
 * Since: 1.0
 */
int
shmobj_barrier_get_fd (ShmobjBarrier *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_BARRIER (self), -1);

  return placed_get_fd (self, error);
}

static void
shmobj_barrier_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_PARTIES)
    g_value_set_uint (value, shmobj_barrier_get_parties (SHMOBJ_BARRIER (object)));
  else
    placed_get_property (object, id, value, pspec);
}

static void
shmobj_barrier_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_PARTIES)
    SHMOBJ_BARRIER (object)->parties = g_value_get_uint (value);
  else
    placed_set_property (object, id, value, pspec);
}

static void
shmobj_barrier_finalize (GObject *object)
{
  barrier_clear (&SHMOBJ_BARRIER (object)->barrier);
  placed_finalize (object);
}

static void
shmobj_barrier_class_init (ShmobjBarrierClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = shmobj_barrier_get_property;
  object_class->set_property = shmobj_barrier_set_property;
  object_class->finalize = shmobj_barrier_finalize;

  /**
   * ShmobjBarrier:own-segment:
   *
   * Whether the barrier lives in shared memory by itself, which costs three descriptors. Otherwise
   * it shares it with other small objects of the process, and whoever is given the barrier can
   * reach them.
   *
   * Since: 1.0
   */
  properties[PLACED_OWN_SEGMENT] = placed_own_segment ();

  /**
   * ShmobjBarrier:parties: (getter get_parties)
   *
   * How many parties wait for each other, 1 to 65535.
   *
   * Since: 1.0
   */
  properties[PROP_PARTIES] =
      g_param_spec_uint ("parties", NULL, NULL, 0, G_MAXUINT, 0,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_barrier_init (ShmobjBarrier *self)
{
  placed_init (self, &barrier_class);
}
