/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "manager/names.h"
#include "manager/shmobj-manager.h"
#include "objects/semaphore-private.h"

/* Making or opening what a manager has by name besides its containers. */

typedef struct
{
  ObjectHeader object;
  guint64 cell; /* of what is in the arena */
} ObjectRecord;

typedef struct
{
  ShmobjManager *manager;
  const char *name;
  ObjectKind kind;
  ShmobjOpenFlags flags;
  guint maxsize;                    /* of a queue */
  guint64 size;                     /* of memory; capacity of a queue */
  const SemaphoreLimits *semaphore; /* (unowned) */
  guint parties;                    /* of a barrier */

  /* of the call */
  int directory_fd;
  Arena *arena; /* (unowned) */
  ObjectRecord record;
  GObject *object; /* (owned): what was made */
} Making;

/* The object (owned) of that name, manager, kind and flags, or one that is made with the rest. NULL
 * with an error as of names_open(). */
gpointer making_open (Making *self, GCancellable *cancellable, GError **error);
