/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "objects/lazy-init.h"

#include "base/shmobj-error.h"

gboolean
lazy_init_run (LazyInit *lazy, LazyInitFunc function, gpointer self, GError **error)
{
  gint state;

  g_mutex_lock (&lazy->lock);
  state = atomic_load (&lazy->state);
  if (state == LAZY_NEW && function (self, error))
    {
      state = LAZY_READY;
      atomic_store_explicit (&lazy->state, state, memory_order_release);
    }
  g_mutex_unlock (&lazy->lock);

  if (state == LAZY_CLOSED)
    lazy_init_set_closed_error (self, error);
  return state == LAZY_READY;
}

void
lazy_init_set_ready (LazyInit *lazy)
{
  atomic_store_explicit (&lazy->state, LAZY_READY, memory_order_release);
}

gboolean
lazy_init_close (LazyInit *lazy)
{
  gint state;

  g_mutex_lock (&lazy->lock);
  state = atomic_exchange (&lazy->state, LAZY_CLOSED);
  g_mutex_unlock (&lazy->lock);
  return state == LAZY_READY;
}

/* Asking for the name may bring us here again, then without @error. */
void
lazy_init_set_closed_error (gpointer self, GError **error)
{
  GParamSpec *property = g_object_class_find_property (G_OBJECT_GET_CLASS (self), "name");
  g_autofree char *name = NULL;

  if (error == NULL)
    return;
  if (property != NULL && G_PARAM_SPEC_VALUE_TYPE (property) == G_TYPE_STRING)
    g_object_get (self, "name", &name, NULL);
  g_set_error (error, SHMOBJ_ERROR, SHMOBJ_ERROR_CLOSED,
               "This %s%s%s%s was closed; open it anew to use it", G_OBJECT_TYPE_NAME (self),
               name != NULL ? " “" : "", name != NULL ? name : "", name != NULL ? "”" : "");
}
