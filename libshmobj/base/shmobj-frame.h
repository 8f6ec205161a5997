/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"

/* For language bindings written in C; not introspected. A frame is what travels through a queue or
 * a pipe and what a shared list or dict holds: bytes, a GVariant's serialised form with its type,
 * or one language's private pickle. */

#ifndef __GI_SCANNER__

G_BEGIN_DECLS

typedef enum
{
  SHMOBJ_FRAME_BYTES = 1,   /* plain bytes; read as a GVariant they are `ay` */
  SHMOBJ_FRAME_VARIANT = 2, /* a GVariant in serialised form, native byte order */
  SHMOBJ_FRAME_PICKLE = 3,  /* Python's pickle, for Python readers that ask for it */
} ShmobjFrameKind;

typedef struct
{
  ShmobjFrameKind kind;
  const guint8 *data;
  gsize size;
  const char *type; /* of a variant: its type string, not NUL-terminated */
  gsize type_length;
  gpointer owned; /* (nullable): what shmobj_frame_clear() frees; data and type point into it */
  GDestroyNotify release; /* (nullable): how it does so, if not with g_free() */
} ShmobjFrame;

/* Borrows from @value, which must outlive @frame. May serialise @value. */
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_frame_set_variant (ShmobjFrame *frame, GVariant *value);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_frame_set_bytes (ShmobjFrame *frame, const void *data, gsize size);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_frame_set_pickle (ShmobjFrame *frame, const void *data, gsize size);

/* The frame's value; takes over what the frame owns, so nothing is copied when it owns its bytes. A
 * full reference, not floating. NULL with SHMOBJ_ERROR_INCOMPATIBLE for a pickle,
 * SHMOBJ_ERROR_CORRUPT for a type string that is none; the frame is then unchanged. */
SHMOBJ_AVAILABLE_IN_1_0
GVariant *shmobj_frame_steal_variant (ShmobjFrame *frame, GError **error);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_frame_clear (ShmobjFrame *frame);

/* Frames of one moment, in one block. Empty when zeroed. */
typedef struct
{
  guint8 *bytes; /* (owned) */
  gsize size, room;
  gsize n_frames;
  gsize n_paths;  /* of type `o`, which may be references */
  GArray *owners; /* (owned) (nullable): of frames that own something */
} ShmobjFrameRun;

/* The frame at @offset, 0 at first, which moves on to the next one; FALSE at the end. @frame
 * borrows its bytes from @run. One that owns something takes that along when it is met first, so
 * clear it. */
SHMOBJ_AVAILABLE_IN_1_0
gboolean shmobj_frame_run_next (ShmobjFrameRun *run, gsize *offset, ShmobjFrame *frame);
SHMOBJ_AVAILABLE_IN_1_0
void shmobj_frame_run_clear (ShmobjFrameRun *run);

G_END_DECLS

#endif
