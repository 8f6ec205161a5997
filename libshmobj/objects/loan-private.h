/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/flight.h"
#include "objects/queue-private.h"
#include "objects/shmobj-loan.h"

typedef enum
{
  LOAN_HELD,
  LOAN_BUSY, /* a thread is about to end it */
  LOAN_OVER,
} LoanState;

struct _ShmobjLoan
{
  GObject parent_instance;

  ShmobjQueue *queue; /* (owned) */
  guint32 holder;     /* our token when we got it */
  _Atomic (guint32) state;
  gboolean taken; /* a message, not a block to write to */
  guint block;    /* of one to write to */
  guint8 *data;   /* in the block, or in the frame */
  gsize size;
  FlightTicket ticket; /* of a message */
  ShmobjFrame frame;   /* (owned): a message that did not lie in a block */
};

/* Is it in this process's hands, and are we the first to end it? LOAN_BUSY then, and we store what
 * comes of it. */
gboolean loan_begin_end (ShmobjLoan *self, GError **error);
void loan_end_with (ShmobjLoan *self, LoanState state);
/* One more loan in @holder's hands, or (@change -1) one less. */
void queue_count_loan (ShmobjQueue *self, guint32 holder, int change);
