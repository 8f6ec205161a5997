/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/arena.h"
#include "base/frame.h"
#include "manager/directory.h"
#include "manager/holds.h"
#include "manager/names.h"
#include "manager/shmobj-manager.h"
#include "manager/store.h"

/* What a List or a Dict has of its manager: who it is, and how it reads and writes. */
typedef struct
{
  ShmobjManager *manager; /* (owned); NULL: it was made by nobody who could know what it is */
  Store *store;           /* the manager's */
  guint64 id;
  char *name; /* (owned) (nullable) */
  gboolean read_only;
} Held;

void
held_init (Held *held, ShmobjManager *manager, guint64 id, const char *name, ShmobjOpenFlags flags);
void held_clear (Held *held);

gboolean held_read (Held *held, StoreTxn *txn, GError **error);
/* Runs @func under the gate, as the manager's write-timeout-us says. @bytes as in StoreWrite. */
gboolean held_write (Held *held, StoreFunc func, gpointer data, gsize bytes, GError **error);

/* Can @frame be stored? MESSAGE_TOO_LARGE, NOT_REPRESENTABLE (descriptors in it). */
gboolean held_check_frame (const ShmobjFrame *frame, GError **error);
/* The value of a stored frame at @data, which is copied; NULL with CORRUPT or INCOMPATIBLE. */
gboolean held_load_frame (const StoreBytes *stored, ShmobjFrame *frame, GError **error);

/* INCOMPATIBLE when it is a pickle, which only Python reads. */
gboolean held_check_value (const ShmobjFrame *frame, GError **error);
/* The List or Dict of a handle. */
GObject *held_from_handle (GVariant *properties, gsize n_fds, ObjectKind kind, GError **error);

/* manager/shmobj-manager.c, for what it holds */
Store *manager_get_store (ShmobjManager *self, GError **error);
gboolean manager_enter (ShmobjManager *self, GError **error);
gint64 manager_get_timeout (ShmobjManager *self);
Directory *manager_get_directory (ShmobjManager *self);
Holds *manager_get_holds (ShmobjManager *self);
Arena *manager_get_arena (ShmobjManager *self, GError **error);
/* manager/shmobj-manager-objects.c */
gboolean manager_remove_name (ShmobjManager *self, const char *name, GError **error);
/* When nobody else is there: removes what nobody can have any more. */
gboolean
manager_sweep (Store *store, Holds *holds, int directory_fd, gint64 timeout_us, GError **error);
/* A handle: its properties, and the descriptors that keep the directory and the object alive. */
GVariant *manager_handle_of (
    ShmobjManager *self, const char *class_name, Held *held, GUnixFDList *fds, GError **error);
/* From a handle: its manager, and which object of it. */
ShmobjManager *manager_from_handle (GVariant *properties, GError **error);
