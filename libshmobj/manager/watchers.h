/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/broadcast.h"
#include "base/wait.h"
#include "manager/gate.h"

/* Who waits for a change of a manager's objects (manager/watchers.c). What one process has of it;
 * any thread may use it. */

#define WATCHERS_BELLS 16

typedef struct
{
  Gate *gate;                                  /* (unowned): whose segment has what is shared */
  const char *path;                            /* (unowned): of the manager's directory */
  _Atomic (Broadcast *) bells[WATCHERS_BELLS]; /* (owned): NULL until we need one */
} Watchers;

void watchers_init (Watchers *self, Gate *gate, const char *path);
void watchers_clear (Watchers *self);

/* The objects that a transaction changes. */
#define TOUCHED_MAX 7

typedef struct
{
  guint64 n; /* above TOUCHED_MAX: more than we know, so it may be any */
  guint64 ids[TOUCHED_MAX];
} Touched;

void touched_add (Touched *touched, guint64 id);
void touched_add_all (Touched *touched, const Touched *others);

/* Inside the gate. Before a transaction begins: makes up for a writer who died. */
void watchers_mend (Watchers *self);
/* Right before its commit: wakes those who wait. */
void watchers_begin_commit (Watchers *self, const Touched *touched);
/* After it, or instead of it: nothing is under way any more. */
void watchers_settle (Watchers *self);

/* How one is going to wait. */
typedef enum
{
  WATCHERS_AWAKE,
  WATCHERS_ASLEEP,
  WATCHERS_BY_BELL,
} WatchersHow;

/* From here on a commit that changes the object wakes us: the word @seen of its slot changes before
 * it. So whoever now looks at the object and does not find what it waits for may sleep until then.
 * FALSE: a commit is under way that may or may not be of our object; try again in a moment. */
gboolean watchers_arm (Watchers *self, guint64 id, WatchersHow how, guint32 *seen);
/* Has the slot's word changed since? */
gboolean watchers_is_stirred (Watchers *self, guint64 id, guint32 seen);

/* Waits for that: awake as long as that pays, or asleep. */
gboolean watchers_spin (Watchers *self, guint64 id, WaitHabit *habit, guint32 seen);
WaitResult watchers_sleep (Watchers *self, guint64 id, guint32 seen, gint64 most_us);
/* Lets some time pass, more each time. FALSE when @deadline_us comes first. */
gboolean watchers_nap (gint64 *nap_us, gint64 deadline_us);

/* What those hear who wait by the bell: rings also for other objects. Made if there is none; as
 * long-lived as @self. */
const Broadcast *watchers_bell (Watchers *self, guint64 id, GError **error);
/* Wakes all who wait for the object, for another reason than a change. Never waits. */
void watchers_stir (Watchers *self, guint64 id);
