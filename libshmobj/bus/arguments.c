/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between the arguments of a call, the values of the library, and the body of the reply. */

#include "bus/arguments.h"

#include "bus/values.h"
#include "manager/stored.h"

GVariant *
bus_argument_value (GVariant *parameters, gsize index, GError **error)
{
  g_autoptr (GVariant) boxed = g_variant_get_child_value (parameters, index);
  g_autoptr (GVariant) value = g_variant_get_variant (boxed);

  return bus_value_in (value, error);
}

gint64
bus_argument_int64 (GVariant *parameters, gsize index)
{
  gint64 number;

  g_variant_get_child (parameters, index, "x", &number);
  return number;
}

gboolean
bus_check_frame (const ShmobjFrame *frame, GError **error)
{
  ShmobjFrame view = *frame;
  g_autoptr (GVariant) body = NULL;

  if (!stored_check_value (frame, error))
    return FALSE;
  view.owned = NULL; /* the caller's */
  body = bus_body_value (shmobj_frame_steal_variant (&view, error), error);
  if (body == NULL)
    return FALSE;
  g_variant_ref_sink (body);
  return bus_body_fits (body, error);
}

GVariant *
bus_body_done (gboolean success)
{
  return success ? g_variant_new ("()") : NULL;
}

GVariant *
bus_body_value (GVariant *value, GError **error)
{
  g_autoptr (GVariant) owned = value;
  g_autoptr (GVariant) seen = value != NULL ? bus_value_out (owned, error) : NULL;

  return seen != NULL ? g_variant_new ("(v)", seen) : NULL;
}

GVariant *
bus_body_values (GVariant **values, gsize n, GError **error)
{
  gboolean good = TRUE;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) value = values[i];
      g_autoptr (GVariant) seen = good ? bus_value_out (value, error) : NULL;

      good = seen != NULL;
      if (good)
        g_variant_builder_add (&builder, "v", seen);
    }
  g_free (values);
  if (good)
    return g_variant_new ("(av)", &builder);
  g_variant_builder_clear (&builder);
  return NULL;
}
