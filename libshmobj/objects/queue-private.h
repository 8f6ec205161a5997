/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/pool.h"
#include "objects/channel.h"
#include "objects/lazy-init.h"
#include "objects/shmobj-queue.h"
#include "objects/shmobj-shareable.h"

#define QUEUE_MAXSIZE_MAX (1u << 30)
/* How many messages a get of several takes at the most. */
#define QUEUE_MOST(asked) CLAMP ((asked), 1, 65536)

struct _ShmobjQueue
{
  GObject parent_instance;

  guint maxsize;    /* construct-only; 0: no limit */
  guint64 capacity; /* construct-only; 0 until init: the default */

  LazyInit lazy;
  Segment segment; /* (owned) */
  Participants participants;
  Ring ring;
  Pool pool;
  int in_bell, out_bell;  /* (owned) */
  GCancellable *closing;  /* (owned): ends what a main loop waits for */
  _Atomic (guint64) held; /* objects/shmobj-queue-in-use.c */
};

/* SHMOBJ_IS_QUEUE() without a call; 0 before there is a queue. */
extern GType queue_type;
#define QUEUE_CHECK(self) (G_TYPE_CHECK_INSTANCE_TYPE ((self), queue_type))

gboolean queue_create (gpointer self, GError **error);
GVariant *queue_to_handle (ShmobjShareable *shareable, GUnixFDList *list, GError **error);

static inline gboolean
queue_ensure (ShmobjQueue *self, GError **error)
{
  return lazy_init_ensure (&self->lazy, queue_create, self, error);
}

/* RING_EMPTY, RING_CANCELLED: why a join ended. Others are no error. */
void queue_set_join_error (ShmobjQueue *self, RingStatus status, GError **error);

/* A queue with a name, in a manager's directory: segment file FILE, doorbells FILE.in and FILE.out.
 */
ShmobjQueue *
queue_create_in (int dirfd, const char *file, guint maxsize, guint64 capacity, GError **error);
ShmobjQueue *queue_open_in (int dirfd, const char *file, GError **error);
/* Takes the files away; who holds the queue keeps it. */
void queue_remove_in (int dirfd, const char *file);
