/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fork.h"

#include <gio/gio.h>

/* A manager's directory, and our being one of its users. */

#define DIRECTORY_LAYOUT 2 /* of the rows (rows.h) and of the files in the directory */

typedef struct _Directory Directory;

struct _Directory
{
  char *path;
  gboolean is_private; /* goes with its last user */
  gboolean is_durable;
  gboolean was_alone; /* nobody else used it when we came */
  int fd;             /* (owned): its flock, shared, says that we use it */
  guint32 generation; /* of the process that has it; a forked child takes its own */
  Directory *next;    /* those of this process */
};

/* Finds or makes the directory of @address. Errors: those of address_resolve(), INCOMPATIBLE,
 * CORRUPT, PERMISSION_DENIED, NOT_SUPPORTED (another pid namespace), NO_SPACE. */
Directory *directory_open (const char *address, GError **error);
/* One that exists. NOT_FOUND. */
Directory *directory_open_path (const char *path, GError **error);
/* Leaves it; the last user of a private one removes it. Whatever was opened in it is closed. */
void directory_leave (Directory *directory);
/* Removes what the dead left in @root, and tells @paths (nullable) of each. @dry_run: only tells.
 */
void directory_clean (const char *root, gboolean dry_run, GPtrArray *paths);
/* Entry points call it: in a forked child it becomes a user of its own. */
gboolean directory_enter_after_fork (Directory *directory, GError **error);

static inline gboolean
directory_enter (Directory *directory, GError **error)
{
  if (G_LIKELY (directory->generation == fork_generation ()))
    return TRUE;
  return directory_enter_after_fork (directory, error);
}
