/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"
#include "objects/shmobj-message.h"

/* What the three files of the Queue interface share: queue-interface.c (the adapter),
 * queue-get.c (messages that calls wait for), queue-tickets.c (messages that clients have). */

void bus_queue_start_get (BusCall *call);
void bus_queue_start_receive (BusCall *call);

typedef struct _BusTickets BusTickets;

BusTickets *bus_tickets_new (BusObject *object);
void bus_tickets_free (BusTickets *tickets);
/* The caller has @message from now on; its number. The message and what it costs the caller are
 * taken over. */
guint64 bus_tickets_add (BusTickets *tickets,
                         const char *sender,
                         ShmobjMessage *message,
                         BusCharge *charge,
                         BusCharge *bytes);

void bus_queue_start_confirm (BusCall *call);
void bus_queue_start_return (BusCall *call);
void bus_queue_start_keep (BusCall *call);
