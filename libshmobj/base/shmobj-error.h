/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(SHMOBJ_INSIDE) && !defined(SHMOBJ_COMPILATION)
#error "Only <shmobj.h> can be included directly."
#endif

#include "shmobj-version-macros.h"

G_BEGIN_DECLS

/**
 * SHMOBJ_ERROR:
 *
 * Domain of the errors that are the library's own. Errors that any program can have
 * (cancelled, timed out, not found, no space …) come as `G_IO_ERROR`.
 *
 * Since: 1.0
 */
#define SHMOBJ_ERROR (shmobj_error_quark ())

/**
 * ShmobjError:
 * @SHMOBJ_ERROR_EMPTY: there was nothing to get within the time given
 * @SHMOBJ_ERROR_FULL: there was no room to put within the time given
 * @SHMOBJ_ERROR_CLOSED: this handle was closed, or the object was shut down for everybody
 * @SHMOBJ_ERROR_PEER_GONE: nobody holds the other end any more
 * @SHMOBJ_ERROR_BUSY: somebody holds it; the message names who
 * @SHMOBJ_ERROR_BROKEN: a party died or left, so that what was waited for cannot happen
 * @SHMOBJ_ERROR_WRONG_KIND: the name or handle stands for an object of another kind
 * @SHMOBJ_ERROR_INCOMPATIBLE: made by another version, or a value that only another language can
 * read
 * @SHMOBJ_ERROR_CORRUPT: shared bytes that no version of this library writes
 * @SHMOBJ_ERROR_FORKED: the object belongs to the parent process alone
 * @SHMOBJ_ERROR_NOT_REPRESENTABLE: the value cannot be carried where it should go
 * @SHMOBJ_ERROR_CONFLICT: others have changed what a transaction stands on; nothing of it has
 * happened, and it can be tried again
 *
 * The errors of the domain %SHMOBJ_ERROR. Over D-Bus they are `org.shmobj.Error.Empty` and so on.
 *
 * Since: 1.0
 */
typedef enum
{
  SHMOBJ_ERROR_EMPTY,
  SHMOBJ_ERROR_FULL,
  SHMOBJ_ERROR_CLOSED,
  SHMOBJ_ERROR_PEER_GONE,
  SHMOBJ_ERROR_BUSY,
  SHMOBJ_ERROR_BROKEN,
  SHMOBJ_ERROR_WRONG_KIND,
  SHMOBJ_ERROR_INCOMPATIBLE,
  SHMOBJ_ERROR_CORRUPT,
  SHMOBJ_ERROR_FORKED,
  SHMOBJ_ERROR_NOT_REPRESENTABLE,
  SHMOBJ_ERROR_CONFLICT,
} ShmobjError;

SHMOBJ_AVAILABLE_IN_1_0
GQuark shmobj_error_quark (void);

G_END_DECLS
