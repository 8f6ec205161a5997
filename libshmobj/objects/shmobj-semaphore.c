/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjSemaphore: base/semaphore.c as an object, in a place of an arena (objects/placed.c).
 *
 * What matters when processes die is in base/semaphore.c. Acquiring, with time-outs,
 * cancellables and errors, is in shmobj-semaphore-acquire.c.
 *
 * Units belong to a process, as locks do: giving up an object gives none back. With its last object
 * in that memory the process leaves, and what it still holds goes back as from a dead one.
 */

#include "objects/semaphore-private.h"

/**
 * ShmobjSemaphore:
 *
 * A number of units that processes take and give back, as `multiprocessing.Semaphore` is.
 *
 * [method@Shmobj.Semaphore.acquire] takes one unit and waits while there is none;
 * [method@Shmobj.Semaphore.release] gives some. Whoever holds none may give, too, so that one
 * process can signal another, unless [property@Shmobj.Semaphore:maximum] forbids it. There is no
 * order among those who wait.
 *
 * When a process dies, what it took and had not given back goes back, at most a second after the
 * kernel has let go of the dead one's files. So nobody waits for the dead where units stand for
 * places or things in use. Where they stand for events, a reader takes many and gives none: its
 * death would bring them all back, and such a semaphore is made with
 * [property@Shmobj.Semaphore:recovers] set to %FALSE.
 *
 * Units belong to the process, not to a thread. A forked child holds none of its parent's.
 *
 * Semaphores are small: a process makes them all in the same shared memory, so a thousand need a
 * handful of descriptors. Whoever is given one can reach them all;
 * [property@Shmobj.Semaphore:own-segment] is for one that less trusted processes get.
 *
 * Since: 1.0
 */

typedef enum
{
  PROP_VALUE = PLACED_OWN_SEGMENT + 1,
  PROP_MAXIMUM,
  PROP_RECOVERS,
} ShmobjSemaphoreProperty;

static GParamSpec *properties[PROP_RECOVERS + 1];

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjSemaphore, shmobj_semaphore, G_TYPE_OBJECT, PLACED_INTERFACES)

gboolean
semaphore_limits_check (const SemaphoreLimits *limits, GError **error)
{
  guint most = limits->maximum != 0 ? limits->maximum : SEMAPHORE_MAX;

  if (most <= SEMAPHORE_MAX && limits->value <= most)
    return TRUE;
  if (limits->value > SEMAPHORE_MAX || most > SEMAPHORE_MAX)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "A semaphore has %u units at most, and %u were asked for", SEMAPHORE_MAX,
                 MAX (limits->value, limits->maximum));
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "A semaphore of at most %u units cannot begin with %u", most, limits->value);
  return FALSE;
}

void
semaphore_limits_fill (const SemaphoreLimits *limits, gpointer content)
{
  semaphore_fill (content, limits->value, limits->maximum, limits->recovers);
}

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjSemaphore *self = data;
  SemaphoreShared *shared = arena_object_content (&self->placed.place.object);

  if (is_new && !semaphore_limits_check (&self->limits, error))
    return FALSE;
  if (is_new)
    semaphore_limits_fill (&self->limits, shared);
  semaphore_init (&self->semaphore, shared, placed_arena (self));
  return TRUE;
}

PLACED_HANDLE_CLASS (semaphore, "Semaphore")

static const PlacedClass semaphore_class = {
  .name = "Semaphore", .thing = "semaphore", .kind = CELL_SEMAPHORE, .attach = attach
};

guint32
semaphore_enter (ShmobjSemaphore *self, GError **error)
{
  return placed_ensure (self, error) ? participants_me (self->semaphore.participants, error) : 0;
}

/**
 * shmobj_semaphore_new:
 * @value: how many units there are at first
 * @maximum: how many there can be at most; 0 for no such limit
 * @error: return location for an error
 *
 * Makes a semaphore whose units come back from the dead.
 *
 * Never blocks. Fails with `G_IO_ERROR_INVALID_ARGUMENT` when @value is more than @maximum or
 * either is more than 2³¹ − 1, with `G_IO_ERROR_NO_SPACE` when there is no memory left, and with
 * what the kernel says when no descriptors are.
 *
 * Returns: (transfer full): a new semaphore
 *
 * Since: 1.0
 */
ShmobjSemaphore *
shmobj_semaphore_new (guint value, guint maximum, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_SEMAPHORE, NULL, error, "value", value, "maximum", maximum,
                         NULL);
}

ShmobjSemaphore *
shmobj_semaphore_new_with (const SemaphoreLimits *limits, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_SEMAPHORE, NULL, error, "value", limits->value, "maximum",
                         limits->maximum, "recovers", limits->recovers, NULL);
}

/**
 * shmobj_semaphore_release:
 * @self: a semaphore
 * @n: how many units to give, at least 1
 * @error: return location for an error
 *
 * Gives units, and wakes as many of those who wait. What this process holds it gives first; what
 * goes beyond is added.
 *
 * Never blocks. Any thread may call it. Fails with `G_IO_ERROR_INVALID_ARGUMENT` when @n is 0, and
 * when there would then be more units than [property@Shmobj.Semaphore:maximum], or than 2³¹ − 1;
 * then nothing happened. Fails, too, with the errors of [ctor@Shmobj.Semaphore.new] when the object
 * was not made yet.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_semaphore_release (ShmobjSemaphore *self, guint n, GError **error)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), FALSE);

  me = semaphore_enter (self, error);
  if (me == 0)
    return FALSE;
  if (n == 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "At least one unit is given to a semaphore, and 0 were asked for");
  else if (semaphore_give (&self->semaphore, me, n))
    return TRUE;
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "The semaphore was released too many times: it has at most %u units",
                 semaphore_most (&self->semaphore));
  return FALSE;
}

/**
 * shmobj_semaphore_get_value:
 * @self: a semaphore
 *
 * How many units are free. The answer may be out of date when it arrives.
 *
 * Never blocks.
 *
 * Returns: the number of free units
 *
 * Since: 1.0
 */
guint
shmobj_semaphore_get_value (ShmobjSemaphore *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), 0);

  me = semaphore_enter (self, NULL);
  return me != 0 ? semaphore_value (&self->semaphore, me) : 0;
}

/**
 * shmobj_semaphore_get_maximum:
 * @self: a semaphore
 *
 * How many units there can be at most. Never blocks.
 *
 * Returns: [property@Shmobj.Semaphore:maximum]; 0 for no such limit
 *
 * Since: 1.0
 */
guint
shmobj_semaphore_get_maximum (ShmobjSemaphore *self)
{
  guint most;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), 0);

  if (!placed_ensure (self, NULL))
    return self->limits.maximum;
  most = semaphore_most (&self->semaphore);
  return most != SEMAPHORE_MAX ? most : 0;
}

/**
 * shmobj_semaphore_get_recovers:
 * @self: a semaphore
 *
 * Whether units that a process holds when it dies go back. Never blocks.
 *
 * Returns: [property@Shmobj.Semaphore:recovers]
 *
 * Since: 1.0
 */
gboolean
shmobj_semaphore_get_recovers (ShmobjSemaphore *self)
{
  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), FALSE);

  return placed_ensure (self, NULL) ? semaphore_recovers (&self->semaphore) : self->limits.recovers;
}

/**
 * shmobj_semaphore_get_held:
 * @self: a semaphore
 *
 * How many units this process has taken and not given back, by whichever of its threads: what would
 * go back if it died now. At most about a million are remembered.
 *
 * Never blocks.
 *
 * Returns: the number of units; 0 where [property@Shmobj.Semaphore:recovers] is %FALSE
 *
 * Since: 1.0
 */
guint
shmobj_semaphore_get_held (ShmobjSemaphore *self)
{
  guint32 me;

  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), 0);

  me = semaphore_enter (self, NULL);
  return me != 0 ? semaphore_held (&self->semaphore, me) : 0;
}

guint32
shmobj_semaphore_get_held_by (ShmobjSemaphore *self, guint32 token)
{
  return semaphore_enter (self, NULL) != 0 ? semaphore_held (&self->semaphore, token) : 0;
}

gboolean
shmobj_semaphore_is_waited_for (ShmobjSemaphore *self, const ParticipantInfo *who)
{
  return who->waits_for ==
         participants_offset_of (self->semaphore.participants, self->semaphore.shared);
}

/**
 * shmobj_semaphore_get_fd:
 * @self: a semaphore
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it (select, epoll, asyncio's `add_reader`):
 * readable whenever [method@Shmobj.Semaphore.acquire] with a time-out of 0 could succeed. Only such
 * a call that failed makes it silent, until it is worth another one; at most a second after the
 * death of one who held units.
 *
 * Do not read from it. It may be readable for nothing. A forked child asks for its own.
 *
 * Returns: the descriptor, the semaphore's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it takes two)
 * or an error of making the semaphore
 *
 * Since: 1.0
 */
int
shmobj_semaphore_get_fd (ShmobjSemaphore *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_SEMAPHORE (self), -1);

  return placed_get_fd (self, error);
}

static void
shmobj_semaphore_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjSemaphore *self = SHMOBJ_SEMAPHORE (object);

  switch (id)
    {
    case PROP_VALUE:
      g_value_set_uint (value, shmobj_semaphore_get_value (self));
      break;
    case PROP_MAXIMUM:
      g_value_set_uint (value, shmobj_semaphore_get_maximum (self));
      break;
    case PROP_RECOVERS:
      g_value_set_boolean (value, shmobj_semaphore_get_recovers (self));
      break;
    default:
      placed_get_property (object, id, value, pspec);
    }
}

static void
shmobj_semaphore_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ShmobjSemaphore *self = SHMOBJ_SEMAPHORE (object);

  switch (id)
    {
    case PROP_VALUE:
      self->limits.value = g_value_get_uint (value);
      break;
    case PROP_MAXIMUM:
      self->limits.maximum = g_value_get_uint (value);
      break;
    case PROP_RECOVERS:
      self->limits.recovers = g_value_get_boolean (value);
      break;
    default:
      placed_set_property (object, id, value, pspec);
    }
}

static void
shmobj_semaphore_finalize (GObject *object)
{
  semaphore_clear (&SHMOBJ_SEMAPHORE (object)->semaphore);
  placed_finalize (object);
}

static void
shmobj_semaphore_class_init (ShmobjSemaphoreClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = shmobj_semaphore_get_property;
  object_class->set_property = shmobj_semaphore_set_property;
  object_class->finalize = shmobj_semaphore_finalize;

  /**
   * ShmobjSemaphore:own-segment:
   *
   * Whether the semaphore lives in shared memory by itself, which costs three descriptors.
   * Otherwise it shares it with other small objects of the process, and whoever is given the
   * semaphore can reach them.
   *
   * Since: 1.0
   */
  properties[PLACED_OWN_SEGMENT] = placed_own_segment ();

  /**
   * ShmobjSemaphore:value: (getter get_value)
   *
   * How many units are free: when it is made, and when it is asked for, now.
   *
   * Since: 1.0
   */
  properties[PROP_VALUE] = g_param_spec_uint ("value", NULL, NULL, 0, G_MAXUINT, 1, flags);

  /**
   * ShmobjSemaphore:maximum: (getter get_maximum)
   *
   * How many units there can be at most: giving more is an error. 0 for no such limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAXIMUM] = g_param_spec_uint ("maximum", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * ShmobjSemaphore:recovers: (getter get_recovers)
   *
   * Whether units that a process holds when it dies go back. %TRUE unless set otherwise: nobody
   * hangs on the dead. %FALSE for units that are signals, which are taken and never given back.
   *
   * Since: 1.0
   */
  properties[PROP_RECOVERS] = g_param_spec_boolean ("recovers", NULL, NULL, TRUE, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_semaphore_init (ShmobjSemaphore *self)
{
  placed_init (self, &semaphore_class);
}
