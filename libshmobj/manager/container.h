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

  /* shmobj-container-wait.c */
  WaitHabit habit;
  _Atomic (gint) listener;               /* the descriptor (owned) and 1; 0: there is none */
  _Atomic (guint32) listener_generation; /* of the process whose it is */

  /* shmobj-container-watch.c */
  GSource *watch;     /* (owned) (nullable): it is watched */
  gboolean is_wanted; /* by who called watch() */
  guint n_followers;  /* besides him */
  guint64 told;       /* the revision that was told last; 0: none yet */
  GHashTable *mirror; /* (owned) (nullable): of a dict, as it was told */
};

struct _ShmobjContainerClass
{
  GObjectClass parent_class;

  ObjectKind kind;
  const char *handle_class; /* "List" */
  /* (nullable): finds out what has changed since @told, sets that, and emits signals unless it was
   * 0. */
  gboolean (*follow) (ShmobjContainer *self, GError **error);
};

/* Takes over the caller's hold of the object (holds.h). */
gpointer container_new (
    GType type, ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags);
/* The container of a handle; for HANDLE_CLASS. */
GObject *container_from_handle (GType type, GVariant *properties, gsize n_fds, GError **error);

/* FALSE with an error: it was closed, or belongs to nobody. */
gboolean container_enter (gpointer self, GError **error);

static inline guint64
container_get_id (gpointer self)
{
  return ((ShmobjContainer *) self)->id;
}

/* One look: what @func reads is one state. @func sets results and changes nothing. */
gboolean container_read (gpointer self, StoreFunc func, gpointer data, GError **error);
/* The same, for a @func that sets @out or fills @run; perhaps it runs more than once. What they
 * refer to is kept as long as they are (container-frames.c). On failure they are empty. */
gboolean container_read_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, GError **error);
gboolean container_read_run (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrameRun *run, GError **error);
/* Runs @func under the gate, as the manager's write-timeout-us says. @bytes as in StoreWrite. */
gboolean
container_write (gpointer self, StoreFunc func, gpointer data, gsize bytes, GError **error);
/* The same, for a @func that sets @out (nullable) to what it takes out. */
gboolean container_write_frame (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrame *out, gsize bytes, GError **error);
/* The same, for one that fills @run with all that it takes out. On failure @run is empty. */
gboolean container_write_run (
    gpointer self, StoreFunc func, gpointer data, ShmobjFrameRun *run, gsize bytes, GError **error);
/* The value that refers to it, with a hold of its own. */
GVariant *
container_make_reference (ShmobjContainer *self, const Reference *reference, GError **error);
gboolean container_get_header (gpointer self, ObjectHeader *header, GError **error);
/* The length that the store keeps about every object; -1 with an error. */
gint64 container_get_length (gpointer self, GError **error);

/* Has it watched for as long as anybody follows it; each has a reference. Errors as of watch(). */
gboolean container_follow (gpointer self, GError **error);
void container_unfollow (gpointer self);

/* Looks for what is waited for: 1 found, 0 not yet, -1 with @error. */
typedef int (*ContainerLook) (ShmobjContainer *self, gpointer data, GError **error);

typedef struct
{
  ContainerLook look;
  gpointer data; /* (owned) by an asynchronous wait */
  GDestroyNotify destroy;
  const char *late; /* "the list did not change", for what is said when the time is over */
  gint64 timeout_us;
  gboolean interruptible;
  gboolean interrupted; /* by a signal: then FALSE without an error */
} ContainerWait;

/* Looks now and after each change until it is found. Errors: TIMED_OUT, CANCELLED, what a look
 * says. */
gboolean
container_wait (gpointer self, ContainerWait *wait, GCancellable *cancellable, GError **error);
/* The same; returns @task, which it takes over, with TRUE or the error. */
void container_wait_async (gpointer self, const ContainerWait *wait, GTask *task);
/* For its end: the data; NULL with the error. */
gpointer container_wait_finish (GTask *task, GError **error);
/* For the end of a container. */
void container_stop_listening (ShmobjContainer *self);
