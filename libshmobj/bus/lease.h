/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/call.h"

/* What a caller holds for as long as a descriptor is open (bus/lease.c). */
typedef struct _BusLease BusLease;

/* The caller has closed it, or has left. */
typedef void (*BusLeaseOver) (BusLease *lease);

/* For the caller of @call, and on its account: the descriptor is appended to @fds. Calls @over at
 * most once. NULL with an error. */
BusLease *
bus_lease_new (BusCall *call, GUnixFDList *fds, int *fd_index, BusLeaseOver over, GError **error);
void bus_lease_free (BusLease *lease);

const char *bus_lease_holder (const BusLease *lease);
BusObject *bus_lease_object (const BusLease *lease);
