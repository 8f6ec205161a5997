/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/participants.h"
#include "base/semaphore.h"
#include "objects/placed.h"
#include "objects/shmobj-semaphore.h"

/* For the manager: what a new semaphore begins with. */
typedef struct
{
  guint value, maximum;
  gboolean recovers;
} SemaphoreLimits;

struct _ShmobjSemaphore
{
  Placed placed;
  Semaphore semaphore; /* what base/semaphore.c needs, pointing into the place */
  SemaphoreLimits limits;
};

/* Our token, or 0 with an error. */
guint32 semaphore_enter (ShmobjSemaphore *self, GError **error);

gboolean semaphore_limits_check (const SemaphoreLimits *limits, GError **error);
/* @content: of a new cell. */
void semaphore_limits_fill (const SemaphoreLimits *limits, gpointer content);
ShmobjSemaphore *shmobj_semaphore_new_with (const SemaphoreLimits *limits, GError **error);

/* How many units the process with the token holds; and does @who say that it waits for one? Only
 * after the former was asked for. */
guint32 shmobj_semaphore_get_held_by (ShmobjSemaphore *self, guint32 token);
gboolean shmobj_semaphore_is_waited_for (ShmobjSemaphore *self, const ParticipantInfo *who);
