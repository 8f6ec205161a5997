/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"

/* Attach() of every interface that has it (bus/attach.c): hands the object itself to the caller. */
void bus_attach_start (BusCall *call);
