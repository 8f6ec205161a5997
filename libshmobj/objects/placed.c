/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Placed objects: all of Lock, Event and their like that is not what they do.
 *
 * Each of them begins with a Placed, which begins with its GObject. It comes to life with its first
 * method (objects/lazy-init.h) in a place of an arena (objects/place.h), is sent as a handle, can
 * be polled (objects/bell-fd.h) and waited for in a main loop (objects/watch.h).
 */

#include "objects/placed.h"

#include <errno.h>

gboolean
placed_create (gpointer data, GError **error)
{
  Placed *self = data;
  gboolean is_new = self->place.object.arena == NULL;

  if (!place_make (&self->place, error))
    return FALSE;
  if (self->klass->attach (self, is_new, error))
    return TRUE;
  if (is_new)
    place_clear (&self->place);
  return FALSE;
}

gpointer
placed_new_in_arena (GType type, Arena *arena, guint64 offset, GError **error)
{
  g_autoptr (GObject) self = g_object_new (type, NULL);

  return place_open (&PLACED (self)->place, arena, offset, error) ? g_steal_pointer (&self) : NULL;
}

GObject *
placed_from_handle (GType type, GVariant *handle_properties, int *fds, gsize n_fds, GError **error)
{
  g_autoptr (GObject) self = g_object_new (type, NULL);

  if (!place_from_handle (&PLACED (self)->place, handle_properties, fds, n_fds, error))
    return NULL;
  return g_steal_pointer (&self);
}

static GVariant *
to_handle (ShmobjShareable *shareable, GUnixFDList *fds, GError **error)
{
  Placed *self = PLACED (shareable);

  if (!placed_ensure (self, error))
    return NULL;
  return place_to_handle (&self->place, self->klass->name, fds, error);
}

static gboolean
initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  return placed_ensure (initable, error);
}

void
placed_initable (GInitableIface *iface)
{
  iface->init = initable_init;
}

void
placed_shareable (ShmobjShareableInterface *iface)
{
  iface->to_handle = to_handle;
}

int
placed_get_fd (gpointer data, GError **error)
{
  Placed *self = data;
  int fd;

  if (!placed_ensure (self, error))
    return -1;
  g_mutex_lock (&self->lazy.lock);
  fd = bell_fd_get (&self->polled, arena_bell (placed_arena (self)), error);
  g_mutex_unlock (&self->lazy.lock);
  return fd;
}

int
placed_wait_with (
    gpointer self, GCancellable *cancellable, gint64 deadline_us, PlacedWait wait, int failed)
{
  GPollFD poll_fd;
  int result, code;

  if (!g_cancellable_make_pollfd (cancellable, &poll_fd))
    {
      errno = EMFILE;
      return failed;
    }
  result = wait (self, deadline_us, poll_fd.fd);
  code = errno;
  g_cancellable_release_fd (cancellable);
  errno = code;
  return result;
}

void
placed_set_cancelled (gpointer self, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Waiting for the %s was cancelled",
               PLACED (self)->klass->thing);
}

void
placed_set_no_descriptor (gpointer self, int code, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Cannot wait for the %s with a cancellable, which needs a descriptor: %s",
               PLACED (self)->klass->thing, g_strerror (code));
}

GTask *
placed_task (gpointer self,
             GCancellable *cancellable,
             GAsyncReadyCallback callback,
             gpointer user_data,
             gpointer tag)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_check_cancellable (task, FALSE); /* what happened first counts */
  return task;
}

void
placed_task_return (GTask *task, GError *error)
{
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

void
placed_task_go_on (
    GTask *task, gboolean succeeded, GError *error, gint64 timeout_us, WatchFunc look)
{
  if (!succeeded && timeout_us != 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      g_error_free (error);
      watch_start (task, placed_arena (g_task_get_source_object (task)), wait_deadline (timeout_us),
                   look);
      return;
    }
  placed_task_return (task, error);
  g_object_unref (task);
}

void
placed_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, PLACED (object)->place.own_segment);
}

void
placed_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PLACED (object)->place.own_segment = g_value_get_boolean (value);
}

void
placed_finalize (GObject *object)
{
  Placed *self = PLACED (object);

  bell_fd_clear (&self->polled);
  place_clear (&self->place);
  g_mutex_clear (&self->lazy.lock);
  G_OBJECT_CLASS (g_type_class_peek (G_TYPE_OBJECT))->finalize (object);
}

void
placed_class_init (GObjectClass *object_class)
{
  object_class->get_property = placed_get_property;
  object_class->set_property = placed_set_property;
  object_class->finalize = placed_finalize;
}

GParamSpec *
placed_own_segment (void)
{
  return g_param_spec_boolean ("own-segment", NULL, NULL, FALSE,
                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
}

void
placed_init (gpointer data, const PlacedClass *klass)
{
  Placed *self = data;

  self->klass = klass;
  g_mutex_init (&self->lazy.lock);
  place_init (&self->place, klass->kind);
  self->polled = BELL_FD_INIT;
}
