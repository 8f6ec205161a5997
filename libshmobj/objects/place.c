/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Places: the part that Lock, Event and all small classes have in common.
 *
 * EMPTY until the first call that needs the object, or init(), whichever comes first; then READY
 * for good. So g_object_new() gives a working object, and an error while making it is reported by
 * the call that made it. A handle's object is READY from the start.
 *
 * The mutex belongs to one object: a fork while another thread makes an object can hang nobody but
 * a child that goes on to use that unfinished object.
 */

#include "objects/place.h"

#include "base/wait.h"
#include "objects/handle.h"

void
place_init (Place *place, CellKind kind)
{
  place->kind = kind;
  g_mutex_init (&place->mutex);
}

void
place_clear (Place *place)
{
  arena_object_clear (&place->object);
  g_mutex_clear (&place->mutex);
}

gboolean
place_make (Place *place, GError **error)
{
  gboolean ready;

  g_mutex_lock (&place->mutex);
  ready = atomic_load (&place->ready);
  if (!ready)
    {
      ready = arena_object_new (&place->object, place->kind, place->own_segment, error);
      atomic_store_explicit (&place->ready, ready, memory_order_release);
    }
  g_mutex_unlock (&place->mutex);
  return ready;
}

gboolean
place_open (Place *place, Arena *arena, guint64 offset, GError **error)
{
  gboolean ready = arena_object_at (&place->object, arena, offset, place->kind, error);

  atomic_store (&place->ready, ready);
  return ready;
}

gboolean
place_from_handle (Place *place, GVariant *properties, int *fds, gsize n_fds, GError **error)
{
  guint64 offset;
  gboolean ready;

  if (!handle_check_fds (n_fds, 2, 2, error) ||
      !handle_get_uint64 (properties, "offset", &offset, error))
    return FALSE;
  ready = arena_object_open (&place->object, handle_steal_fd (&fds[0]), handle_steal_fd (&fds[1]),
                             offset, place->kind, error);
  atomic_store (&place->ready, ready);
  return ready;
}

GVariant *
place_to_handle (Place *place, const char *class_name, GUnixFDList *list, GError **error)
{
  GVariant *properties;
  int fds[2];

  if (!place_ensure (place, error))
    return NULL;
  arena_object_export (&place->object, &fds[0], &fds[1]);
  properties = g_variant_new_parsed ("{'offset': <%t>}", (guint64) place->object.offset);
  return handle_new (class_name, properties, list, fds, G_N_ELEMENTS (fds), error);
}

char *
place_describe_time (gint64 time_us)
{
  return g_strdup_printf ("%.3g s", (double) time_us / G_USEC_PER_SEC);
}
