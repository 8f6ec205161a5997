/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/lazy-init.h"
#include "objects/memory-file.h"
#include "objects/shmobj-shared-memory.h"

typedef enum
{
  NAME_NONE,
  NAME_POSIX,
  NAME_OF_MANAGER,
} NameKind;

struct _ShmobjSharedMemory
{
  GObject parent_instance;

  char *name;            /* (owned): as given; once open without a leading slash */
  guint64 size;          /* asked for; once open the real one */
  ShmobjOpenFlags flags; /* construct-only */

  LazyInit lazy;
  NameKind name_kind;
  MemoryFile file; /* (owned): until it is closed */
  guint8 *base;    /* (owned): the mapping, until finalize */
};

/* Open and not closed? Runs init if nobody did. */
gboolean shared_memory_ensure_open (ShmobjSharedMemory *self, GError **error);

/* For a manager, whose named memory is a file in a directory of its own: the file @file in @dirfd,
 * opened or created as @flags say. unlink() on the result is G_IO_ERROR_NOT_SUPPORTED, since the
 * name is the manager's to remove; get_name() is @name. */
ShmobjSharedMemory *shared_memory_new_in (int dirfd,
                                          const char *file,
                                          const char *name,
                                          ShmobjOpenFlags flags,
                                          guint64 size,
                                          GError **error);
