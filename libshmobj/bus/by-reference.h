/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/interface.h"

/* Objects on the bus that have no name: by their references (bus/by-reference.c). */

gboolean bus_reference_is_path (const char *path);
/* What is at @path now? NOT_FOUND. */
gboolean bus_reference_identify (BusService *service,
                                 const char *path,
                                 const BusInterface **interface,
                                 guint64 *id,
                                 GError **error);
/* As bus_service_get(). */
BusObject *bus_reference_get (BusService *service, const char *path, GError **error);
/* A new container without a name. */
BusObject *bus_reference_make (BusService *service,
                               const BusInterface *interface,
                               ShmobjOpenFlags flags,
                               GVariantDict *options,
                               GError **error);
/* The caller of this moment has it open, if it is a reference. */
void bus_reference_keep (BusService *service, GVariant *popped);
