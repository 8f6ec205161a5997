/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/shmobj-message.h"

#include "base/ring.h"

/* A message that no queue keeps: taken for good. @frame's bytes and @fds (nullable) become its own.
 */
ShmobjMessage *message_new_taken (ShmobjFrame *frame, GUnixFDList *fds);

/* One that @queue keeps on record for this process, by @ticket. @frame's bytes become its own. */
ShmobjMessage *
message_new_received (ShmobjQueue *queue, const FlightTicket *ticket, ShmobjFrame *frame);
