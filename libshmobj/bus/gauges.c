/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gauges: watched objects whose state is a few small properties, told by the standard signal
 * PropertiesChanged, so that proxies of every language have them in their cache.
 *
 * Nobody rings when a full queue becomes one less full, or when an event is cleared: bells are for
 * who waits, and ringing for who looks would cost everybody. So a gauge is looked at, which is some
 * loads from shared memory: after QUICK_US when a call came or the last look found something, then
 * half as often each time, down to once in SLOW_US. All of them look at multiples of their
 * interval, so a service with many wakes as often as one with the quickest of them. What is not
 * watched is not looked at; what was changed and changed back between two looks is not told.
 *
 * Order. The signals of an object are sent from where its properties are read for replies, in the
 * same thread: none that comes behind an answer shows an older state than that.
 */

#include "bus/gauges.h"

#include "bus/interface.h"

#define QUICK_US (10 * G_TIME_SPAN_MILLISECOND)
#define SLOW_US (160 * G_TIME_SPAN_MILLISECOND)

struct _BusGauge
{
  BusObject *object; /* (unowned): of the watch */
  BusGaugeMoved moved;
  gpointer data;
  GVariant *shown; /* (owned): a{sv}, as it was told */
  gint64 interval_us;
  gboolean has_moved; /* since the source last looked */
};

typedef struct
{
  GSource source;
  BusGauge *gauge; /* (unowned) */
} GaugeSource;

static GVariant *
read_all (BusGauge *self)
{
  return g_variant_ref_sink (bus_interface_get_all (self->object->interface, self->object, FALSE));
}

BusGauge *
bus_gauge_new (BusObject *object, BusGaugeMoved moved, gpointer data, GError **error)
{
  BusGauge *self;

  if (object->interface == NULL || object->interface == &bus_shared_memory_interface)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "There is nothing to watch at %s: what is written to shared memory is not told",
                   object->path);
      return NULL;
    }
  self = g_new0 (BusGauge, 1);
  *self = (BusGauge){ .object = object, .moved = moved, .data = data, .interval_us = QUICK_US };
  self->shown = read_all (self);
  return self;
}

void
bus_gauge_free (BusGauge *self)
{
  g_variant_unref (self->shown);
  g_free (self);
}

static void
tell (BusGauge *self, GVariantBuilder *changed, GVariantBuilder *invalid)
{
  self->moved (g_variant_new ("(sa{sv}as)", self->object->interface->info->name, changed, invalid),
               self->data);
}

void
bus_gauge_look (BusGauge *self)
{
  g_autoptr (GVariant) before = self->shown;
  GVariantBuilder changed, invalid;
  gboolean has_moved = FALSE;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  self->shown = read_all (self);
  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&invalid, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_iter_init (&iter, self->shown);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) old = g_variant_lookup_value (before, name, NULL);

      if (old != NULL && g_variant_equal (old, value))
        continue;
      g_variant_builder_add (&changed, "{sv}", name, value);
      has_moved = TRUE;
    }
  if (has_moved)
    {
      self->has_moved = TRUE;
      tell (self, &changed, &invalid);
      return;
    }
  g_variant_builder_clear (&changed);
  g_variant_builder_clear (&invalid);
}

void
bus_gauge_tell_gone (BusGauge *self)
{
  GVariantBuilder changed, invalid;
  GVariantIter iter;
  const char *name;

  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&invalid, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_iter_init (&iter, self->shown);
  while (g_variant_iter_next (&iter, "{&sv}", &name, NULL))
    g_variant_builder_add (&invalid, "s", name);
  tell (self, &changed, &invalid);
}

static void
set_next (BusGauge *self, GSource *source)
{
  gint64 next = g_get_monotonic_time () / self->interval_us + 1;

  g_source_set_ready_time (source, next * self->interval_us);
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  BusGauge *self = ((GaugeSource *) source)->gauge;

  self->has_moved = FALSE;
  if (callback == NULL || !callback (data))
    return G_SOURCE_REMOVE;
  if (g_source_is_destroyed (source))
    return G_SOURCE_REMOVE;
  self->interval_us = self->has_moved ? QUICK_US : MIN (2 * self->interval_us, SLOW_US);
  set_next (self, source);
  return G_SOURCE_CONTINUE;
}

GSource *
bus_gauge_source_new (BusGauge *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };
  GSource *source = g_source_new (&funcs, sizeof (GaugeSource));

  ((GaugeSource *) source)->gauge = self;
  set_next (self, source);
  return source;
}

void
bus_gauge_stir (BusGauge *self, GSource *source)
{
  if (self->interval_us == QUICK_US)
    return;
  self->interval_us = QUICK_US;
  set_next (self, source);
}
