/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "objects/shmobj-open-flags.h"

#include <sys/types.h>

/* The file under a SharedMemory: raw bytes from offset 0, and what may be expected of it
 * (objects/memory-file.c). */
typedef struct
{
  int fd; /* (owned): close-on-exec; -1 when there is none */
  guint64 size;
  gboolean read_only; /* @fd cannot be written through */
  gboolean sealed;    /* nobody can shrink it; else its owner could, see memory_file_check() */
  dev_t device;
  ino_t inode;
} MemoryFile;

#define MEMORY_FILE_INIT ((MemoryFile){ .fd = -1 })

/* A new memfd, sealed, every byte of it reserved. */
gboolean memory_file_new (MemoryFile *file, guint64 size, GError **error);
/* The file @name in @dirfd; what @flags create is reserved in full and appears only when it is
 * complete. */
gboolean memory_file_open_in (MemoryFile *file,
                              int dirfd,
                              const char *name,
                              ShmobjOpenFlags flags,
                              guint64 size,
                              GError **error);
/* What another one made. Takes @fd over, also on failure. */
gboolean memory_file_adopt (MemoryFile *file, int fd, GError **error);

/* NULL with an error when it cannot be mapped. */
gpointer memory_file_map (const MemoryFile *file, GError **error);
/* Is it still as long as we mapped it? Asks the kernel only when somebody could have shrunk it. */
gboolean memory_file_check (const MemoryFile *file, GError **error);
/* Removes @name in @dirfd if that still is this file. */
gboolean
memory_file_unlink_in (const MemoryFile *file, int dirfd, const char *name, GError **error);
void memory_file_close (MemoryFile *file);

/* POSIX names: @name without its leading slash, or NULL with G_IO_ERROR_INVALID_ARGUMENT. */
const char *memory_file_check_name (const char *name, GError **error);
/* The directory of the POSIX names, close-on-exec; -1 with an error. */
int memory_file_open_names (GError **error);
