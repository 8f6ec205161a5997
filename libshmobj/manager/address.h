/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/address-root.h"

/* From the address that a user writes to a directory. */

typedef enum
{
  ADDRESS_PRIVATE, /* the path is of the directory in which it is to be made */
  ADDRESS_NAMED,
  ADDRESS_DURABLE,
} AddressKind;

/* The path for @address. Errors: INVALID_ARGUMENT, NOT_SUPPORTED (in a sandbox, or an address of a
 * kind that does not exist yet), PERMISSION_DENIED (names the owner), NOT_FOUND. */
char *address_resolve (const char *address, AddressKind *kind, GError **error);
