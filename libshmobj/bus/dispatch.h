/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"

/* The way of a call from its arrival to its adapter (bus/dispatch.c). */

/* Calls that wait in line until they may write. */
typedef struct _BusLine BusLine;

BusLine *bus_line_new (void);
/* The line must be empty. */
void bus_line_free (BusLine *line);
/* All in it are answered with an error. */
void bus_line_end (BusService *service);

/* Answers the call, now or later. Takes @invocation over. */
void bus_dispatch (BusObject *object, GDBusMethodInvocation *invocation);
