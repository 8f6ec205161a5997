/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ring-place.h"

#include "base/flight.h"

/* A ring whose user died somewhere: what was in it, who sleeps beside it, and the proof that all of
 * it goes on. */

#define SMALL RING_SIZE_MIN
#define MEDIUM (256 * 1024)
#define CHILD 1000  /* the number of the message that the child puts */
#define HELPER 2000 /* and of those that helpers put */
#define HELPERS 3
#define LAST_ROUND (~((G_GUINT64_CONSTANT (1) << RING_OFFSET_BITS) - 1))
#define PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct _Scene Scene;

/* One run, killed at one point. */
typedef struct
{
  const Scene *scene;
  RingPlace *place;
  GQueue expected; /* numbers of messages that may still come, oldest first */
  pid_t helper[HELPERS];
  guint helpers;
  guint32 last;       /* number of the last message that we put */
  guint64 taken;      /* messages that somebody has for certain */
  int never;          /* nothing ever cancels */
  guint in_hands;     /* messages that the child may have taken with it */
  gboolean unordered; /* what the child received comes back, late */
} Run;

struct _Scene
{
  const char *path;
  guint64 capacity;
  guint32 maxsize;
  void (*prepare) (Run *run);
  void (*act) (gpointer run);
  void (*asleep) (Run *run); /* what wakes the child; NULL: it is killed in its sleep */
  gsize size;                /* of the message that the child puts; 0: it gets */
  gboolean helpers_write;
};

void runs_begin (void); /* once */

extern const RingPatience for_ever, at_once;

/* A message that follows from its number and its size. */
void fill (guint8 *message, gsize size, guint32 number);
RingStatus put_as (Run *run, guint32 number, gsize size, const RingPatience *patience);
/* The number of what was got, or 0 when there is none or the ring is shut. With @ticket, it stays
 * on record. */
guint32 receive_with (Run *run, const RingPatience *patience, FlightTicket *ticket);
guint32 get_with (Run *run, const RingPatience *patience);
/* Somebody got this one. */
void take (Run *run, guint32 number);
void put (Run *run, gsize size);
gboolean try_put (Run *run, gsize size);
void get (Run *run);
/* A process that does this beside the one who dies; it sleeps by now. */
void help (Run *run, void (*act) (Run *));
void read_one (Run *run);
void read_one_by_bell (Run *run);
void
read_one_napping (Run *run); /* as an end of a pipe does: first in the seat, then by the bell */
void write_one (Run *run);
void write_one_by_bell (Run *run);
gboolean work_waits_for (Run *run, gboolean writers);
/* Sleepers for whom there is something must find it without more coming; only then comes more. */
void expect_helpers (Run *run, gboolean writers);
/* All that is left comes in order, and nothing is missing but what the dead one took. */
void judge (Run *run);
void drain (Run *run);
/* As good as new: any size, round and round; who sleeps at either end is woken. */
void exercise (Run *run);
