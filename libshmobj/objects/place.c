/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Places: where the small objects live (objects/placed.c is the rest that they have in common).
 *
 * A place is empty until its class makes the object (objects/lazy-init.h says when) or opens one
 * that exists, by its offset or from a handle; then it keeps that for good. The class sees to it
 * that nobody makes while somebody else uses.
 */

#include "objects/place.h"

#include "base/wait.h"
#include "objects/handle.h"

void
place_init (Place *place, CellKind kind)
{
  place->kind = kind;
}

void
place_clear (Place *place)
{
  arena_object_clear (&place->object);
}

gboolean
place_make (Place *place, GError **error)
{
  return place->object.arena != NULL ||
         arena_object_new (&place->object, place->kind, place->own_segment, error);
}

gboolean
place_open (Place *place, Arena *arena, guint64 offset, GError **error)
{
  return arena_object_at (&place->object, arena, offset, place->kind, error);
}

gboolean
place_from_handle (Place *place, GVariant *properties, int *fds, gsize n_fds, GError **error)
{
  guint64 offset;

  if (!handle_check_fds (n_fds, 2, 2, error) ||
      !handle_get_uint64 (properties, "offset", &offset, error))
    return FALSE;
  return arena_object_open (&place->object, handle_steal_fd (&fds[0]), handle_steal_fd (&fds[1]),
                            offset, place->kind, error);
}

GVariant *
place_to_handle (Place *place, const char *class_name, GUnixFDList *list, GError **error)
{
  GVariant *properties;
  int fds[2];

  arena_object_export (&place->object, &fds[0], &fds[1]);
  properties = g_variant_new_parsed ("{'offset': <%t>}", (guint64) place->object.offset);
  return handle_new (class_name, properties, list, fds, G_N_ELEMENTS (fds), error);
}

char *
place_describe_time (gint64 time_us)
{
  return g_strdup_printf ("%.3g s", (double) time_us / G_USEC_PER_SEC);
}
