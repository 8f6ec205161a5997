/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How many bytes a message body has on the wire, without building it; maybe types and () are none.
 */
gsize bus_message_size (GVariant *body);
