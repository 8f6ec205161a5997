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

/* A loan that holds a block which was lent to @me, or a message that was received by @ticket; both
 * are @queue's. NULL with SHMOBJ_ERROR_CORRUPT: what is shared leads nowhere. */
ShmobjLoan *
loan_new_lent (ShmobjQueue *queue, guint32 me, guint block, guint64 size, GError **error);
ShmobjLoan *loan_new_taken (ShmobjQueue *queue,
                            const FlightTicket *ticket,
                            const ShmobjFrame *frame,
                            GError **error);
/* Why no block was lent. */
void loan_set_error (ShmobjQueue *queue, RingStatus status, guint64 size, GError **error);
/* May the block's first @used bytes be put into @queue? */
gboolean loan_check_put (ShmobjLoan *self, ShmobjQueue *queue, guint64 used, GError **error);
