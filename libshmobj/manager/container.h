/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/frame.h"
#include "manager/manager-private.h"
#include "manager/names.h"
#include "manager/references.h"
#include "manager/shmobj-container.h"
#include "manager/store.h"

#include <stdatomic.h>

/* What List and Dict have of their parent class (shmobj-container.c): which object of which manager
 * they are, and how they read and change it. */

struct _ShmobjContainer
{
  GObject parent_instance;

  ShmobjManager *manager; /* (owned); NULL: it was made by nobody who could know what it is */
  Store *store;           /* the manager's */
  guint64 id;
  char *name; /* (owned) (nullable) */
  gboolean read_only;
  _Atomic (gboolean) closed;
};

struct _ShmobjContainerClass
{
  GObjectClass parent_class;

  ObjectKind kind;
  const char *handle_class; /* "List" */
};

/* Takes over the caller's hold of the object (holds.h). */
gpointer container_new (
    GType type, ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags);
/* The container of a handle; for HANDLE_CLASS. */
GObject *container_from_handle (GType type, GVariant *properties, gsize n_fds, GError **error);

static inline guint64
container_get_id (gpointer self)
{
  return ((ShmobjContainer *) self)->id;
}

/* One look: what @func reads is one state. @func sets results and changes nothing. */
gboolean container_read (gpointer self, StoreFunc func, gpointer data, GError **error);
/* The same, for a @func that sets @out or fills @frames (as of stored_array_new()); perhaps it runs
 * more than once. What they refer to is kept as long as they are (container-frames.c). */
gboolean container_read_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, GError **error);
gboolean container_read_frames (
    gpointer self, StoreFunc func, gpointer data, GArray *frames, GError **error);
/* Runs @func under the gate, as the manager's write-timeout-us says. @bytes as in StoreWrite. */
gboolean
container_write (gpointer self, StoreFunc func, gpointer data, gsize bytes, GError **error);
/* The same, for a @func that sets @out (nullable) to what it takes out. */
gboolean container_write_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, gsize bytes, GError **error);
/* The value that refers to it, with a hold of its own. */
GVariant *
container_make_reference (ShmobjContainer *self, const Reference *reference, GError **error);
/* What every call asks first: is it open, in this process? */
gboolean container_enter (ShmobjContainer *self, GError **error);
/* The length that the store keeps about every object; -1 with an error. */
gint64 container_get_length (gpointer self, GError **error);
