/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"

/* Manager1.Transact: a BusMethod's run. */
GVariant *bus_run_transact (BusObject *root, GVariant *parameters, GError **error);
