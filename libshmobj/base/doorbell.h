/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/wait.h"

/* Something pollable that says "look again" (base/doorbell.c). */
typedef struct
{
  int ring_fd; /* (unowned) where to ring */
  int poll_fd; /* (unowned) what becomes readable by it: the same eventfd or FIFO; of a pipe, the
                  other end of its socket */
} Doorbell;

#define DOORBELL_NONE ((Doorbell){ -1, -1 })

/* In shared memory, beside the thing: is anyone listening, and must the next change ring? Stored
 * under the guard of the side that rings, or under both. */
#define DOORBELL_ARMED 1u /* the next change rings and takes this bit away */
#define DOORBELL_WANTED                                                                            \
  2u /* somebody polls it without telling us when: armed again whenever it was drained */

void doorbell_ring (const Doorbell *bell);  /* never blocks; a bell that rings already stays so */
void doorbell_drain (const Doorbell *bell); /* silent afterwards */

/* Waits until the bell rings, @other_fd (-1: none) is ready or hangs up, or @most_us have passed
 * (-1: for ever). */
typedef enum
{
  DOORBELL_RANG,
  DOORBELL_OTHER,
  DOORBELL_TIMED_OUT,
  DOORBELL_INTERRUPTED,
} DoorbellResult;

DoorbellResult doorbell_wait (const Doorbell *bell, int other_fd, gint64 most_us);
