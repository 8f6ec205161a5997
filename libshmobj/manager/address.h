/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* From the address that a user writes to a directory. */

typedef enum
{
  ADDRESS_PRIVATE, /* the path is of the directory in which it is to be made */
  ADDRESS_NAMED,
  ADDRESS_DURABLE,
} AddressKind;

#define NAME_SIZE_MAX 250 /* bytes of a manager's or an object's name */

/* The path for @address. Errors: INVALID_ARGUMENT, NOT_SUPPORTED (in a sandbox, or an address of a
 * kind that does not exist yet), PERMISSION_DENIED (names the owner), NOT_FOUND. */
char *address_resolve (const char *address, AddressKind *kind, GError **error);

/* The directory in which the user's private and named managers are; made if there is none. */
char *address_root (GError **error);

/* INVALID_ARGUMENT when @name is no name for @what ("manager", "list" …). */
gboolean address_check_name (const char *name, const char *what, GError **error);

/* A directory that belongs to us alone. PERMISSION_DENIED says what is wrong with it. */
gboolean address_check_owned (const char *path, GError **error);

extern const char *address_sandbox_file; /* what a sandbox is known by; tests replace it */
