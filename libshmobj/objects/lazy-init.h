/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <stdatomic.h>

/* Objects that come to life at the latest with their first method.
 *
 * g_object_new(), GtkBuilder, `Shmobj.Queue(maxsize=3)` and `new Shmobj.Queue({maxsize: 3})` do not
 * call GInitable.init. So every method asks lazy_init_ensure() first: it runs the class's function
 * once, and reports what went wrong there to whoever called. A failure is not remembered: the next
 * call tries again.
 *
 * The mutex belongs to one object: a fork while another thread makes an object can hang nobody but
 * a child that goes on to use that unfinished object. */
typedef struct
{
  GMutex lock;          /* also for what the owner makes of the object later */
  _Atomic (gint) state; /* LAZY_* */
} LazyInit;

enum
{
  LAZY_NEW,
  LAZY_READY,
  LAZY_CLOSED,
};

typedef gboolean (*LazyInitFunc) (gpointer self, GError **error);

gboolean lazy_init_run (LazyInit *lazy, LazyInitFunc function, gpointer self, GError **error);
/* For one that was made from what exists already (a handle, a named file). */
void lazy_init_set_ready (LazyInit *lazy);
/* From now on every call says SHMOBJ_ERROR_CLOSED. FALSE when it was not open. */
gboolean lazy_init_close (LazyInit *lazy);

static inline gboolean
lazy_init_ensure (LazyInit *lazy, LazyInitFunc function, gpointer self, GError **error)
{
  if (G_LIKELY (atomic_load_explicit (&lazy->state, memory_order_acquire) == LAZY_READY))
    return TRUE;
  return lazy_init_run (lazy, function, self, error);
}

/* "This ShmobjQueue was closed", with its name if it has one. */
void lazy_init_set_closed_error (gpointer self, GError **error);

static inline gboolean
lazy_init_is_ready (LazyInit *lazy)
{
  return atomic_load_explicit (&lazy->state, memory_order_acquire) == LAZY_READY;
}

static inline gboolean
lazy_init_is_new (LazyInit *lazy)
{
  return atomic_load_explicit (&lazy->state, memory_order_acquire) == LAZY_NEW;
}
