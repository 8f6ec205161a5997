/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"
#include "objects/shmobj-open-flags.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define SHMOBJ_TYPE_SHARED_MEMORY (shmobj_shared_memory_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjSharedMemory, shmobj_shared_memory, SHMOBJ, SHARED_MEMORY, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjSharedMemory *shmobj_shared_memory_new (guint64 size,
                                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjSharedMemory *shmobj_shared_memory_new_for_name (const char *name,
                                                       ShmobjOpenFlags flags,
                                                       guint64 size,
                                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjSharedMemory *shmobj_shared_memory_new_from_fd (int fd,
                                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_shared_memory_get_size (ShmobjSharedMemory *self);
SHMOBJ_AVAILABLE_IN_1_0
const char *shmobj_shared_memory_get_name (ShmobjSharedMemory *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_shared_memory_is_read_only (ShmobjSharedMemory *self);
SHMOBJ_AVAILABLE_IN_1_0
guint64 shmobj_shared_memory_get_address (ShmobjSharedMemory *self);
SHMOBJ_AVAILABLE_IN_1_0
gpointer shmobj_shared_memory_get_data (ShmobjSharedMemory *self, gsize *size);
SHMOBJ_AVAILABLE_IN_1_0
int shmobj_shared_memory_dup_fd (ShmobjSharedMemory *self, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
GBytes *shmobj_shared_memory_read_bytes (ShmobjSharedMemory *self,
                                         guint64 offset,
                                         guint64 length,
                                         GError **error);
SHMOBJ_AVAILABLE_IN_1_0
guint8 *shmobj_shared_memory_read_data (
    ShmobjSharedMemory *self, guint64 offset, guint64 length, gsize *n_read, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_shared_memory_write_bytes (ShmobjSharedMemory *self,
                                           guint64 offset,
                                           GBytes *bytes,
                                           GError **error);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_shared_memory_write_data (
    ShmobjSharedMemory *self, guint64 offset, const guint8 *data, gsize n_data, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_shared_memory_close (ShmobjSharedMemory *self);
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_shared_memory_unlink (ShmobjSharedMemory *self, GError **error);

G_END_DECLS
