/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjListener:
 *
 * Waits under a name for others who want a pipe: each caller of
 * [ctor@Shmobj.Connection.new_for_name] gets one end of a new one, and the listener the other.
 *
 * ```c
 * g_autoptr (ShmobjListener) listener = shmobj_listener_new ("render", &error);
 * g_autoptr (ShmobjConnection) worker = shmobj_listener_accept (listener, -1, NULL, &error);
 * ```
 *
 * Names are those of one user on one machine, as those of a [class@Shmobj.Manager]: 1 to 250 bytes
 * of UTF-8 without “/” and control characters that do not begin with “.”. One living process
 * listens under a name. Who died without closing leaves nothing that keeps the next one out.
 *
 * A process that is forked has the listener as its parent has it: both may accept, and the name is
 * free when both have closed it or ended. Only the one who made it takes the name away by closing.
 *
 * Since: 1.0
 */

/* Listens from when it is made, so that callers find it before the first accept. What keeps it from
 * that is told by the first call that can tell, which tries again (objects/lazy-init.h). What a
 * name is made of, and what a
 * death leaves, is in objects/meeting.c.
 *
 * close() from one thread while another accepts: the descriptors go with the last one inside, and
 * who waits is told by a cancellable of our own. */

#include "objects/shmobj-listener.h"

#include "base/shmobj-error.h"
#include "base/sys.h"
#include "objects/connection-private.h"
#include "objects/lazy-init.h"
#include "objects/meeting.h"
#include "objects/steps.h"
#include "objects/task.h"

struct _ShmobjListener
{
  GObject parent_instance;

  char *name; /* (owned): construct-only */

  LazyInit lazy;
  MeetingPlace place;    /* (owned) */
  _Atomic (guint) users; /* calls inside, and 1 while open; at 0 the place goes */
  GCancellable *closing; /* (owned): ends what waits */
};

enum
{
  PROP_NAME = 1,
  N_PROPERTIES,
};

static GParamSpec *properties[N_PROPERTIES];

static void shmobj_listener_initable_init (GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjListener,
                               shmobj_listener,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE,
                                                      shmobj_listener_initable_init))

static gboolean
open_place (gpointer data, GError **error)
{
  ShmobjListener *self = data;

  if (!meeting_open (&self->place, self->name, error))
    return FALSE;
  atomic_store (&self->users, 1);
  return TRUE;
}

static gboolean
shmobj_listener_init_sync (GInitable *initable, GCancellable *cancellable, GError **error)
{
  ShmobjListener *self = SHMOBJ_LISTENER (initable);

  return lazy_init_ensure (&self->lazy, open_place, self, error);
}

static void
leave (ShmobjListener *self)
{
  if (atomic_fetch_sub (&self->users, 1) == 1)
    meeting_close (&self->place, self->name);
}

static gboolean
enter (ShmobjListener *self, GError **error)
{
  guint users;

  if (!lazy_init_ensure (&self->lazy, open_place, self, error))
    return FALSE;
  users = atomic_load (&self->users);
  while (users != 0)
    if (atomic_compare_exchange_weak (&self->users, &users, users + 1))
      return TRUE;
  g_set_error_literal (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED, "This listener was closed");
  return FALSE;
}

static void
shmobj_listener_constructed (GObject *object)
{
  ShmobjListener *self = SHMOBJ_LISTENER (object);

  G_OBJECT_CLASS (shmobj_listener_parent_class)->constructed (object);

  if (self->name == NULL)
    {
      g_autofree char *random = g_uuid_string_random ();

      self->name = g_strconcat ("listener-", random, NULL);
    }
  lazy_init_ensure (&self->lazy, open_place, self, NULL);
}

static void
shmobj_listener_finalize (GObject *object)
{
  ShmobjListener *self = SHMOBJ_LISTENER (object);

  shmobj_listener_close (self);
  g_object_unref (self->closing);
  g_mutex_clear (&self->lazy.lock);
  g_free (self->name);

  G_OBJECT_CLASS (shmobj_listener_parent_class)->finalize (object);
}

static void
shmobj_listener_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_NAME)
    g_value_set_string (value, shmobj_listener_get_name (SHMOBJ_LISTENER (object)));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
shmobj_listener_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_NAME)
    SHMOBJ_LISTENER (object)->name = g_value_dup_string (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
shmobj_listener_class_init (ShmobjListenerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = shmobj_listener_constructed;
  object_class->finalize = shmobj_listener_finalize;
  object_class->get_property = shmobj_listener_get_property;
  object_class->set_property = shmobj_listener_set_property;

  /**
   * ShmobjListener:name: (getter get_name)
   *
   * What callers ask for. %NULL: one is made up that nobody else has.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
shmobj_listener_init (ShmobjListener *self)
{
  self->place = MEETING_PLACE_INIT;
  self->closing = g_cancellable_new ();
  g_mutex_init (&self->lazy.lock);
}

static void
shmobj_listener_initable_init (GInitableIface *iface)
{
  iface->init = shmobj_listener_init_sync;
}

/**
 * shmobj_listener_new:
 * @name: (nullable): what callers ask for; %NULL: a name that nobody else has
 * @error: return location for an error
 *
 * Listens under a name. Never blocks.
 *
 * Returns: (transfer full): a listener, or %NULL with `G_IO_ERROR_EXISTS` (a living process listens
 * under that name), `G_IO_ERROR_INVALID_ARGUMENT` (no name), `G_IO_ERROR_PERMISSION_DENIED` or
 * `G_IO_ERROR_NOT_FOUND` (the user's runtime directory is not one), or what else the kernel says
 *
 * Since: 1.0
 */
ShmobjListener *
shmobj_listener_new (const char *name, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_LISTENER, NULL, error, "name", name, NULL);
}

/**
 * shmobj_listener_get_name:
 * @self: a listener
 *
 * What callers ask for.
 *
 * Returns: the name, also one that was made up
 *
 * Since: 1.0
 */
const char *
shmobj_listener_get_name (ShmobjListener *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LISTENER (self), NULL);

  return self->name;
}

/* ---- accepting ---- */

static StepResult
accept_step (Steps *steps, GObject **result, GError **error)
{
  ShmobjListener *self = steps->data;
  GError *local_error = NULL;
  int caller;

  steps->fd = self->place.socket;
  while ((caller = meeting_answer (self->place.socket, &local_error)) >= 0)
    {
      g_autoptr (ShmobjConnection) ours = NULL, theirs = NULL;
      gboolean given = connection_new_pair (TRUE, 0, &ours, &theirs, &local_error) &&
                       meeting_give (caller, G_OBJECT (theirs), &local_error);

      sys_close (caller);
      if (given)
        {
          *result = G_OBJECT (g_steal_pointer (&ours));
          return STEP_DONE;
        }
      if (local_error != NULL)
        break;
    }
  if (local_error == NULL)
    return STEP_WAIT;
  g_propagate_error (error, local_error);
  return STEP_FAILED;
}

static void
accept_done (Steps *steps)
{
  leave (steps->data);
}

static gboolean
begin (ShmobjListener *self, Steps *steps, GError **error)
{
  *steps = (Steps){
    .step = accept_step,
    .done = accept_done,
    .data = self,
    .fd = -1,
    .closing = self->closing,
    .closed = "This listener was closed while the call waited",
    .late = "Nobody called in time",
  };
  return enter (self, error);
}

/**
 * shmobj_listener_accept:
 * @self: a listener
 * @timeout_us: how long to wait for a caller, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Waits for the next caller.
 *
 * Callers of other users are hung up on. A caller may die right after its call: the connection is
 * then at its end. Any thread may call it, also in a process that was forked.
 *
 * Returns: (transfer full): our end of a two-way pipe to the caller, or %NULL with
 * `G_IO_ERROR_TIMED_OUT`, `G_IO_ERROR_CANCELLED`, `SHMOBJ_ERROR_CLOSED`, `G_IO_ERROR_NO_SPACE`,
 * `G_IO_ERROR_TOO_MANY_OPEN_FILES` (the caller is hung up on), or an error of
 * [ctor@Shmobj.Listener.new]
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_listener_accept (ShmobjListener *self,
                        gint64 timeout_us,
                        GCancellable *cancellable,
                        GError **error)
{
  Steps steps;

  g_return_val_if_fail (SHMOBJ_IS_LISTENER (self), NULL);

  if (!begin (self, &steps, error))
    return NULL;
  return (ShmobjConnection *) steps_run (&steps, timeout_us, cancellable, error);
}

/**
 * shmobj_listener_accept_async:
 * @self: a listener
 * @timeout_us: how long to wait for a caller, in microseconds; 0 not at all, -1 for ever
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Waits for the next caller without blocking and without a thread;
 * [method@Shmobj.Listener.accept_finish] gives the connection.
 *
 * Since: 1.0
 */
void
shmobj_listener_accept_async (ShmobjListener *self,
                              gint64 timeout_us,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GError *error = NULL;
  GTask *task;
  Steps steps;

  g_return_if_fail (SHMOBJ_IS_LISTENER (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, shmobj_listener_accept_async);
  if (begin (self, &steps, &error))
    {
      steps_run_async (&steps, timeout_us, task);
      return;
    }
  task_fail (task, error);
}

/**
 * shmobj_listener_accept_finish:
 * @self: a listener
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Shmobj.Listener.accept_async].
 *
 * Returns: (transfer full): our end of a two-way pipe to the caller, or %NULL with an error as of
 * [method@Shmobj.Listener.accept]
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_listener_accept_finish (ShmobjListener *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * shmobj_listener_get_fd:
 * @self: a listener
 * @error: return location for an error
 *
 * A descriptor for `poll()` and everything built on it, readable when somebody calls. Then accept
 * with time-out 0: another thread or process may have been faster. Never read from it, and do not
 * close it.
 *
 * Returns: the descriptor, which stays the listener's; -1 with `SHMOBJ_ERROR_CLOSED`, or an error
 * of [ctor@Shmobj.Listener.new]
 *
 * Since: 1.0
 */
int
shmobj_listener_get_fd (ShmobjListener *self, GError **error)
{
  int fd;

  g_return_val_if_fail (SHMOBJ_IS_LISTENER (self), -1);

  if (!enter (self, error))
    return -1;
  fd = self->place.socket;
  leave (self);
  return fd;
}

/**
 * shmobj_listener_is_closed:
 * @self: a listener
 *
 * Whether [method@Shmobj.Listener.close] was called on this object.
 *
 * Returns: %TRUE if so
 *
 * Since: 1.0
 */
gboolean
shmobj_listener_is_closed (ShmobjListener *self)
{
  g_return_val_if_fail (SHMOBJ_IS_LISTENER (self), TRUE);

  return g_cancellable_is_cancelled (self->closing);
}

/**
 * shmobj_listener_close:
 * @self: a listener
 *
 * Listens no more: whoever waits in this object is told `SHMOBJ_ERROR_CLOSED`, and so is every
 * later call. The name is free, unless processes that were forked listen on; callers who nobody has
 * accepted are hung up on. Connections that were accepted stay. Calling it again does nothing.
 *
 * In a forked process it closes that process's hold alone.
 *
 * Since: 1.0
 */
void
shmobj_listener_close (ShmobjListener *self)
{
  g_return_if_fail (SHMOBJ_IS_LISTENER (self));

  g_cancellable_cancel (self->closing);
  if (lazy_init_close (&self->lazy))
    leave (self);
}
