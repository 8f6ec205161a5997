/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjPipe:
 *
 * Makes the two ends of a pipe and gives them away.
 *
 * ```c
 * g_autoptr (ShmobjPipe) pipe = shmobj_pipe_new (TRUE, 0, &error);
 * g_autoptr (ShmobjConnection) ours = shmobj_pipe_steal_start (pipe, &error);
 * g_autoptr (ShmobjConnection) theirs = shmobj_pipe_steal_end (pipe, &error);
 * ```
 *
 * The pipe itself keeps neither end open once it is stolen: otherwise no side would ever learn that
 * the other is gone. Of a one-way pipe ([property@Shmobj.Pipe:duplex] is %FALSE) the start receives
 * and the end sends, as in Python.
 *
 * Since: 1.0
 */

#include "objects/shmobj-pipe.h"

#include "base/shmobj-error.h"
#include "objects/connection-private.h"
#include "objects/lazy-init.h"

struct _ShmobjPipe
{
  GObject parent_instance;

  gboolean duplex;  /* construct-only */
  guint64 capacity; /* construct-only, of each direction; 0: the default */

  LazyInit lazy;
  ShmobjConnection *start, *end; /* (owned) (nullable): until they are stolen */
};

typedef enum
{
  PROP_DUPLEX = 1,
  PROP_CAPACITY,
} ShmobjPipeProperty;

static GParamSpec *properties[PROP_CAPACITY + 1];

static void shmobj_pipe_initable_init (GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ShmobjPipe,
                               shmobj_pipe,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, shmobj_pipe_initable_init))

static gboolean
create (gpointer data, GError **error)
{
  ShmobjPipe *self = data;

  return connection_new_pair (self->duplex, self->capacity, &self->start, &self->end, error);
}

static gboolean
shmobj_pipe_init_sync (GInitable *initable, GCancellable *cancellable, GError **error)
{
  ShmobjPipe *self = SHMOBJ_PIPE (initable);

  return lazy_init_ensure (&self->lazy, create, self, error);
}

static void
shmobj_pipe_finalize (GObject *object)
{
  ShmobjPipe *self = SHMOBJ_PIPE (object);

  g_clear_object (&self->start);
  g_clear_object (&self->end);
  g_mutex_clear (&self->lazy.lock);

  G_OBJECT_CLASS (shmobj_pipe_parent_class)->finalize (object);
}

static void
shmobj_pipe_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ShmobjPipe *self = SHMOBJ_PIPE (object);

  switch ((ShmobjPipeProperty) id)
    {
    case PROP_DUPLEX:
      g_value_set_boolean (value, self->duplex);
      break;
    case PROP_CAPACITY:
      g_value_set_uint64 (value, self->capacity);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_pipe_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ShmobjPipe *self = SHMOBJ_PIPE (object);

  switch ((ShmobjPipeProperty) id)
    {
    case PROP_DUPLEX:
      self->duplex = g_value_get_boolean (value);
      break;
    case PROP_CAPACITY:
      self->capacity = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
shmobj_pipe_class_init (ShmobjPipeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_pipe_finalize;
  object_class->get_property = shmobj_pipe_get_property;
  object_class->set_property = shmobj_pipe_set_property;

  /**
   * ShmobjPipe:duplex:
   *
   * Whether both ends send and receive. If not, the start receives and the end sends.
   *
   * Since: 1.0
   */
  properties[PROP_DUPLEX] =
      g_param_spec_boolean ("duplex", NULL, NULL, TRUE,
                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * ShmobjPipe:capacity:
   *
   * The most bytes that wait in each direction, as of [property@Shmobj.Queue:capacity]. 0: 256 MiB.
   *
   * Since: 1.0
   */
  properties[PROP_CAPACITY] =
      g_param_spec_uint64 ("capacity", NULL, NULL, 0, G_MAXUINT64, 0,
                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_pipe_init (ShmobjPipe *self)
{
  g_mutex_init (&self->lazy.lock);
}

static void
shmobj_pipe_initable_init (GInitableIface *iface)
{
  iface->init = shmobj_pipe_init_sync;
}

/**
 * shmobj_pipe_new:
 * @duplex: whether both ends send and receive
 * @capacity: the most bytes that wait in each direction, from 4096 to 2³⁹; 0: 256 MiB
 * @error: return location for an error
 *
 * Makes a pipe.
 *
 * Returns: (transfer full): a pipe, or %NULL with `G_IO_ERROR_INVALID_ARGUMENT` (capacity out of
 * range), `G_IO_ERROR_NO_SPACE` (more than this machine has, or no memory left) or
 * `G_IO_ERROR_TOO_MANY_OPEN_FILES`
 *
 * Since: 1.0
 */
ShmobjPipe *
shmobj_pipe_new (gboolean duplex, guint64 capacity, GError **error)
{
  return g_initable_new (SHMOBJ_TYPE_PIPE, NULL, error, "duplex", duplex, "capacity", capacity,
                         NULL);
}

static ShmobjConnection *
steal (ShmobjPipe *self, gboolean start, GError **error)
{
  ShmobjConnection **place = start ? &self->start : &self->end, *stolen;

  if (!lazy_init_ensure (&self->lazy, create, self, error))
    return NULL;
  g_mutex_lock (&self->lazy.lock);
  stolen = g_steal_pointer (place);
  g_mutex_unlock (&self->lazy.lock);
  if (stolen == NULL)
    g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
                 "The %s of this pipe was given away already", start ? "start" : "end");
  return stolen;
}

/**
 * shmobj_pipe_steal_start:
 * @self: a pipe
 * @error: return location for an error
 *
 * Takes the first end out of the pipe, which then no longer holds it.
 *
 * Returns: (transfer full): the end, or %NULL with `SHMOBJ_ERROR_CLOSED` (it was taken already) or
 * an error of [ctor@Shmobj.Pipe.new]
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_pipe_steal_start (ShmobjPipe *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_PIPE (self), NULL);

  return steal (self, TRUE, error);
}

/**
 * shmobj_pipe_steal_end:
 * @self: a pipe
 * @error: return location for an error
 *
 * Takes the second end out of the pipe, which then no longer holds it.
 *
 * Returns: (transfer full): the end, or %NULL with `SHMOBJ_ERROR_CLOSED` (it was taken already) or
 * an error of [ctor@Shmobj.Pipe.new]
 *
 * Since: 1.0
 */
ShmobjConnection *
shmobj_pipe_steal_end (ShmobjPipe *self, GError **error)
{
  g_return_val_if_fail (SHMOBJ_IS_PIPE (self), NULL);

  return steal (self, FALSE, error);
}
