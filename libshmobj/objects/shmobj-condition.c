/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ShmobjCondition: base/condition.c with a lock, as an object in a place of an arena
 * (objects/placed.c).
 *
 * What matters when processes die is in base/condition.c and base/lock.c. Here are its lock, its
 * handles and notifying; waiting is in objects/shmobj-condition-wait.c.
 *
 * The lock. Its own one is in the same arena, and the condition's cell says where: such a condition
 * is sent as two descriptors and an offset, and one with a name needs nothing but its name. A lock
 * that the user gave may be in another arena; then its descriptors and offset are in the handle
 * too. A condition with a name gets its lock with its first use: by a compare-and-swap, so two who
 * use it first agree on one.
 */

#include "objects/shmobj-condition.h"

#include "objects/condition-private.h"

#define LOCK_ELSEWHERE 1 /* no cell has this offset */
#define PROP_LOCK 2

static void condition_shareable (ShmobjShareableInterface *iface);

/**
 * ShmobjCondition:
 *
 * A condition variable for processes: who holds its lock can wait until another one notifies, as
 * with `multiprocessing.Condition`.
 *
 * What one waits for is in memory that the lock protects. So the usual wait is a loop:
 *
 * ```c
 * shmobj_lock_acquire (lock, -1, NULL, &error);
 * while (!there_is_work ())
 *   shmobj_condition_wait (condition, -1, NULL, &error);
 * …
 * shmobj_lock_release (lock, &error);
 * ```
 *
 * A wait gives the lock back and takes it again before it returns, however it ends. No notification
 * is missed: whoever takes the lock after that and notifies finds the waiter waiting.
 *
 * Those who wait are woken in the order in which they came. Who died while it waited is passed
 * over. If one dies after it was woken and before it has the lock, another one is woken instead, at
 * most a second after the kernel has let go of the dead one's files. What a process leaves half
 * done that dies with the lock is told by the lock: [method@Shmobj.Lock.get_abandoned].
 *
 * Rarely a wait ends without a notification that was meant for it, as with all condition variables.
 *
 * Conditions are small: a process makes them all in the same shared memory, so a thousand need a
 * handful of descriptors. Whoever is given one can reach them all;
 * [property@Shmobj.Condition:own-segment] is for a condition that less trusted processes get. It is
 * sent with its lock.
 *
 * Any thread of any process that holds it may use it, also after fork().
 *
 * Since: 1.0
 */
G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjCondition,
                               shmobj_condition,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, placed_initable)
                                   G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE,
                                                          condition_shareable))

/* ---- the lock ---- */

static ArenaObject *
lock_object (ShmobjCondition *self)
{
  return &PLACED (self->lock)->place.object;
}

/* A cell for the lock in our own arena; if another process was quicker, the one that it took. */
static guint32
find_lock (ShmobjCondition *self, GError **error)
{
  ConditionShared *shared = self->condition.shared;
  guint32 offset = atomic_load (&shared->lock), none = 0;

  if (offset == 0)
    {
      offset = arena_take_cell (self->condition.arena, CELL_LOCK, error);
      if (offset != 0 && !atomic_compare_exchange_strong (&shared->lock, &none, offset))
        offset = none;
    }
  return offset;
}

static gboolean
open_lock (ShmobjCondition *self, GError **error)
{
  guint32 offset = find_lock (self, error);

  if (offset != 0)
    self->lock = placed_new_in_arena (SHMOBJ_TYPE_LOCK, self->condition.arena, offset, error);
  return self->lock != NULL;
}

/* A new condition says in its cell where the lock is. */
static gboolean
join_lock (ShmobjCondition *self, GError **error)
{
  if (self->lock == NULL && !self->placed.place.own_segment)
    self->lock = shmobj_lock_new (error);
  else if (self->lock == NULL)
    return open_lock (self, error);
  if (self->lock == NULL || !placed_ensure (self->lock, error))
    return FALSE;
  atomic_store (&self->condition.shared->lock, lock_object (self)->arena == self->condition.arena
                                                   ? lock_object (self)->offset
                                                   : LOCK_ELSEWHERE);
  return TRUE;
}

static gboolean
attach (gpointer data, gboolean is_new, GError **error)
{
  ShmobjCondition *self = data;

  self->condition.shared = arena_object_content (&self->placed.place.object);
  self->condition.arena = placed_arena (self);
  self->condition.participants = arena_participants (self->condition.arena);
  self->condition.bell = arena_bell (self->condition.arena);
  if (is_new)
    return join_lock (self, error);
  return self->lock != NULL ? placed_ensure (self->lock, error) : open_lock (self, error);
}

static const PlacedClass condition_class = {
  .name = "Condition", .thing = "condition", .kind = CELL_CONDITION, .attach = attach
};

/* ---- handles ---- */

static GVariant *
condition_to_handle (ShmobjShareable *shareable, GUnixFDList *list, GError **error)
{
  ShmobjCondition *self = SHMOBJ_CONDITION (shareable);
  GVariant *properties;
  int fds[4];

  if (!placed_ensure (self, error))
    return NULL;
  arena_object_export (lock_object (self), &fds[2], &fds[3]);
  if (lock_object (self)->arena == self->condition.arena)
    return place_to_handle (&self->placed.place, "Condition", list, error);

  arena_object_export (&self->placed.place.object, &fds[0], &fds[1]);
  properties = g_variant_new_parsed ("{'offset': <%t>, 'lock-offset': <%t>}",
                                     (guint64) self->placed.place.object.offset,
                                     (guint64) lock_object (self)->offset);
  return handle_new ("Condition", properties, list, fds, G_N_ELEMENTS (fds), error);
}

static ShmobjLock *
lock_of_handle (GVariant *properties, int *fds, GError **error)
{
  g_autoptr (GVariant) of_lock = NULL;
  guint64 offset;

  if (!handle_get_uint64 (properties, "lock-offset", &offset, error))
    return NULL;
  of_lock = g_variant_ref_sink (g_variant_new_parsed ("{'offset': <%t>}", offset));
  return (ShmobjLock *) placed_from_handle (SHMOBJ_TYPE_LOCK, of_lock, fds, 2, error);
}

static GObject *
condition_from_handle (GVariant *properties, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (GObject) object = NULL;

  if (!handle_check_fds (n_fds, 2, 4, error))
    return NULL;
  object = placed_from_handle (SHMOBJ_TYPE_CONDITION, properties, fds, MIN (n_fds, 2), error);
  if (object != NULL && n_fds > 2)
    {
      if (!handle_check_fds (n_fds, 4, 4, error))
        return NULL;
      SHMOBJ_CONDITION (object)->lock = lock_of_handle (properties, fds + 2, error);
      if (SHMOBJ_CONDITION (object)->lock == NULL)
        return NULL;
    }
  return g_steal_pointer (&object);
}

HANDLE_CLASS (condition, "Condition", shmobj_condition_get_type, condition_from_handle)

static void
condition_shareable (ShmobjShareableInterface *iface)
{
  iface->to_handle = condition_to_handle;
}

/**
 * shmobj_condition_new:
 * @lock: (nullable): the lock that goes with it; %NULL for a new one
 * @error: return location for an error
 *
 * Makes a condition that nobody waits for.
 *
 * Several conditions may have the same @lock.
 *
 * Never blocks. Fails with `G_IO_ERROR_NO_SPACE` when there is no memory left, and with what the
 * kernel says when no descriptors are.
 *
 * Returns: (transfer full): a new condition
 *
 * Since: 1.0
 */
ShmobjCondition *
shmobj_condition_new (ShmobjLock *lock, GError **error)
{
  g_return_val_if_fail (lock == NULL || SHMOBJ_IS_LOCK (lock), NULL);

  return g_initable_new (SHMOBJ_TYPE_CONDITION, NULL, error, "lock", lock, NULL);
}

/**
 * shmobj_condition_get_lock: (get-property lock)
 * @self: a condition
 *
 * The lock that goes with it. Never blocks.
 *
 * Returns: (transfer none) (nullable): the lock; %NULL when the condition was not made yet (by
 *   [ctor@Shmobj.Condition.new] or an earlier call) and cannot be made now
 *
 * Since: 1.0
 */
ShmobjLock *
shmobj_condition_get_lock (ShmobjCondition *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), NULL);

  return placed_ensure (self, NULL) ? self->lock : NULL;
}

guint32
condition_enter (ShmobjCondition *self, GError **error)
{
  return placed_ensure (self, error) ? participants_me (self->condition.participants, error) : 0;
}

/* ---- notifying ---- */

/**
 * shmobj_condition_notify_one:
 * @self: a condition
 * @error: return location for an error
 *
 * Wakes the one who has waited longest, if somebody waits.
 *
 * Usually the caller holds the lock, so that nobody is about to wait for what he has just changed;
 * it is not necessary.
 *
 * Never blocks. Fails with `G_IO_ERROR_NO_SPACE` when 1024 processes use it already, and when the
 * object was not made yet (by [ctor@Shmobj.Condition.new] or an earlier call) and cannot be made
 * now.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_notify_one (ShmobjCondition *self, GError **error)
{
  return shmobj_condition_notify_many (self, 1, error);
}

/**
 * shmobj_condition_notify_many:
 * @self: a condition
 * @n: how many to wake
 * @error: return location for an error
 *
 * Wakes the @n who have waited longest, or all if they are fewer.
 *
 * Never blocks. Fails only as [method@Shmobj.Condition.notify_one] does.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_notify_many (ShmobjCondition *self, guint n, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);

  if (condition_enter (self, error) == 0)
    return FALSE;
  condition_notify (&self->condition, n);
  return TRUE;
}

/**
 * shmobj_condition_notify_all:
 * @self: a condition
 * @error: return location for an error
 *
 * Wakes all who wait.
 *
 * Never blocks. Fails only as [method@Shmobj.Condition.notify_one] does.
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
shmobj_condition_notify_all (ShmobjCondition *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), FALSE);

  if (condition_enter (self, error) == 0)
    return FALSE;
  condition_notify_all (&self->condition);
  return TRUE;
}

/**
 * shmobj_condition_get_waiters:
 * @self: a condition
 *
 * How many wait: those who live and were not notified yet. The answer may be out of date when it
 * arrives.
 *
 * Never blocks.
 *
 * Returns: the number of those who wait
 *
 * Since: 1.0
 */
guint
shmobj_condition_get_waiters (ShmobjCondition *self)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), 0);

  return condition_enter (self, NULL) != 0 ? condition_waiters (&self->condition) : 0;
}

gboolean
shmobj_condition_is_waited_for (ShmobjCondition *self, const ParticipantInfo *who)
{
  return condition_enter (self, NULL) != 0 &&
         who->waits_for ==
             participants_offset_of (self->condition.participants, self->condition.shared);
}

/**
 * shmobj_condition_get_fd:
 * @self: a condition
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it (select, epoll, asyncio's `add_reader`),
 * with [method@Shmobj.Condition.begin_wait]: readable whenever
 * [method@Shmobj.Condition.check_wait] could be %TRUE. Only such a call that was in vain makes it
 * silent, until it is worth another one.
 *
 * Do not read from it. It may be readable for nothing. A forked child asks for its own.
 *
 * Returns: the descriptor, the condition's; -1 with `G_IO_ERROR_TOO_MANY_OPEN_FILES` (it takes two)
 * or an error of making the condition
 *
 * Since: 1.0
 */
int
shmobj_condition_get_fd (ShmobjCondition *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_CONDITION (self), -1);

  return placed_get_fd (self, error);
}

/* ---- the class ---- */

static void (*get_placed_property) (GObject *object, guint id, GValue *value, GParamSpec *pspec);
static void (*set_placed_property) (GObject *object,
                                    guint id,
                                    const GValue *value,
                                    GParamSpec *pspec);
static void (*finalize_placed) (GObject *object);

static void
shmobj_condition_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_LOCK)
    g_value_set_object (value, shmobj_condition_get_lock (SHMOBJ_CONDITION (object)));
  else
    get_placed_property (object, id, value, pspec);
}

static void
shmobj_condition_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_LOCK)
    SHMOBJ_CONDITION (object)->lock = g_value_dup_object (value);
  else
    set_placed_property (object, id, value, pspec);
}

static void
shmobj_condition_finalize (GObject *object)
{
  g_clear_object (&SHMOBJ_CONDITION (object)->lock);
  finalize_placed (object);
}

static void
shmobj_condition_class_init (ShmobjConditionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  placed_class_init (object_class);
  get_placed_property = object_class->get_property;
  set_placed_property = object_class->set_property;
  finalize_placed = object_class->finalize;
  object_class->get_property = shmobj_condition_get_property;
  object_class->set_property = shmobj_condition_set_property;
  object_class->finalize = shmobj_condition_finalize;

  /**
   * ShmobjCondition:own-segment:
   *
   * Whether the condition lives in shared memory by itself, with its lock if that is not given,
   * which costs three descriptors. Otherwise it shares it with other small objects of the process,
   * and whoever is given the condition can reach them.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PLACED_OWN_SEGMENT, placed_own_segment ());

  /**
   * ShmobjCondition:lock: (getter get_lock)
   *
   * The lock that goes with it; if none is given, a new one.
   *
   * Since: 1.0
   */
  g_object_class_install_property (
      object_class, PROP_LOCK,
      g_param_spec_object ("lock", NULL, NULL, SHMOBJ_TYPE_LOCK,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
}

static void
shmobj_condition_init (ShmobjCondition *self)
{
  placed_init (self, &condition_class);
}
