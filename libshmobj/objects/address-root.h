/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* The directory of all that has a name, and names (objects/address-root.c). */

#define NAME_SIZE_MAX 250 /* bytes of the name of a manager, a listener or an object */

/* Makes it if need be. Errors: PERMISSION_DENIED (names the owner), NOT_FOUND. */
char *address_root (GError **error);

gboolean address_in_sandbox (void);

/* As address_check_owned(), and makes the directory if there is none. */
gboolean address_make_owned (const char *path, GError **error);

/* INVALID_ARGUMENT when @name is no name for @what ("manager", "list" …). */
gboolean address_check_name (const char *name, const char *what, GError **error);

/* A directory that belongs to us alone. PERMISSION_DENIED says what is wrong with it. */
gboolean address_check_owned (const char *path, GError **error);

extern const char *address_sandbox_file; /* what a sandbox is known by; tests replace it */
