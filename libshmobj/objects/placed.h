/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/bell-fd.h"
#include "objects/handle.h"
#include "objects/lazy-init.h"
#include "objects/place.h"
#include "objects/shmobj-shareable.h"
#include "objects/watch.h"

/* What a class of small objects says of itself (objects/placed.c). */
typedef struct
{
  const char *name;  /* in handles: "Lock" */
  const char *thing; /* in messages: "lock" */
  CellKind kind;
  /* The object has its place. One that @is_new is all zeros, and nobody else has it yet. FALSE with
   * an error: it cannot be used. */
  gboolean (*attach) (gpointer self, gboolean is_new, GError **error);
} PlacedClass;

/* The beginning of each such object, instead of a GObject. */
typedef struct
{
  GObject parent_instance;

  const PlacedClass *klass;
  LazyInit lazy;
  Place place;
  BellFd polled;
} Placed;

#define PLACED(self) ((Placed *) (self))
#define PLACED_OWN_SEGMENT 1 /* the property's id */

/* The interfaces, for G_DEFINE_FINAL_TYPE_WITH_CODE(). */
#define PLACED_INTERFACES                                                                          \
  G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, placed_initable)                                         \
  G_IMPLEMENT_INTERFACE (SHMOBJ_TYPE_SHAREABLE, placed_shareable)

/* In the .c file of a class, once. */
#define PLACED_HANDLE_CLASS(stem, class_name)                                                      \
  static GObject *stem##_from_handle (GVariant *handle, int *fds, gsize n_fds, GError **error)     \
  {                                                                                                \
    return placed_from_handle (shmobj_##stem##_get_type (), handle, fds, n_fds, error);            \
  }                                                                                                \
  HANDLE_CLASS (stem, class_name, shmobj_##stem##_get_type, stem##_from_handle)

void placed_initable (GInitableIface *iface);
void placed_shareable (ShmobjShareableInterface *iface);
GObject *
placed_from_handle (GType type, GVariant *handle_properties, int *fds, gsize n_fds, GError **error);
/* For the manager: the object at a known place of an arena that is open. */
gpointer placed_new_in_arena (GType type, Arena *arena, guint64 offset, GError **error);

void placed_class_init (GObjectClass *object_class);
/* What that sets: for a class that has more than it. */
void placed_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec);
void placed_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
void placed_finalize (GObject *object);
GParamSpec *placed_own_segment (void); /* the property, for a class to install */
void placed_init (gpointer self, const PlacedClass *klass);

gboolean placed_create (gpointer self, GError **error);

/* Each method's first step. */
static inline gboolean
placed_ensure (gpointer self, GError **error)
{
  return lazy_init_ensure (&PLACED (self)->lazy, placed_create, self, error);
}

static inline Arena *
placed_arena (gpointer self)
{
  return PLACED (self)->place.object.arena;
}

static inline gboolean
placed_quiet (gpointer self)
{
  return bell_fd_quiet (&PLACED (self)->polled);
}

int placed_get_fd (gpointer self, GError **error);

/* Runs @wait with the cancellable's descriptor; @failed, with errno set, when there is none. */
typedef int (*PlacedWait) (gpointer self, gint64 deadline_us, int other_fd);
int placed_wait_with (
    gpointer self, GCancellable *cancellable, gint64 deadline_us, PlacedWait wait, int failed);
/* The errors of a wait that are the same for all. */
void placed_set_cancelled (gpointer self, GError **error);
void placed_set_no_descriptor (gpointer self, int code, GError **error);

/* An asynchronous wait: the task, and what becomes of it after a try without waiting. Takes @task
 * and @error over. */
GTask *placed_task (gpointer self,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data,
                    gpointer tag);
void placed_task_go_on (
    GTask *task, gboolean succeeded, GError *error, gint64 timeout_us, WatchFunc look);
/* It is over: @error if there is one, else TRUE. */
void placed_task_return (GTask *task, GError *error);
