/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/channel.h"
#include "objects/shmobj-connection.h"

struct _ShmobjConnection
{
  GObject parent_instance;

  _Atomic (guint)
      users; /* calls inside, and 1 while open; at 0 the descriptors and the mapping go */
  _Atomic (gboolean) closed;
  gboolean start;  /* which end we are */
  Segment segment; /* (owned) */
  Participants participants;
  Ring read, write; /* shared is NULL where a one-way pipe has none */
  int socket;       /* (owned): messages ring it, and it hangs up when nobody holds the other end */
  int parcels;      /* (owned): half of the pair that descriptors go through */
  GCancellable *closing; /* (owned): ends what a main loop waits for */
  int room[2]; /* (owned): doorbells "room to put" of ring 0 and 1; -1 where there is no ring */

  _Atomic (guint32) seen_read;   /* what the other side had read at our last send */
  _Atomic (guint32) unread;      /* sends since that changed */
  _Atomic (guint32) seen_closes; /* times that somebody had closed the other end */
};

/* Both ends of a new pipe; each holds its own descriptors. */
gboolean connection_new_pair (gboolean duplex,
                              guint64 capacity,
                              ShmobjConnection **start,
                              ShmobjConnection **end,
                              GError **error);

/* Around every use. FALSE with SHMOBJ_ERROR_CLOSED. */
gboolean connection_enter (ShmobjConnection *self, GError **error);
void connection_leave (ShmobjConnection *self);

/* The same for one operation of a main loop, which keeps what it entered until it is done. */
void connection_done (gpointer self);

/* The kernel's word: does nobody hold the other end any more? */
gboolean connection_is_over (gpointer self);
