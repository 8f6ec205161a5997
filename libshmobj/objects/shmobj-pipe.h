/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "objects/shmobj-connection.h"

G_BEGIN_DECLS

#define SHMOBJ_TYPE_PIPE (shmobj_pipe_get_type ())

SHMOBJ_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (ShmobjPipe, shmobj_pipe, SHMOBJ, PIPE, GObject)

SHMOBJ_AVAILABLE_IN_1_0
ShmobjPipe *
shmobj_pipe_new (gboolean duplex, guint64 capacity, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_pipe_steal_start (ShmobjPipe *self,
                                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
SHMOBJ_AVAILABLE_IN_1_0
ShmobjConnection *shmobj_pipe_steal_end (ShmobjPipe *self,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
