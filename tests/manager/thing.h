/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* An object with properties that notify each time they are set. */
typedef struct
{
  GObject parent_instance;

  int number, even;
  gboolean flag;
  char *text;
  int n_sets;
} Thing;

typedef GObjectClass ThingClass;

enum
{
  THING_NUMBER = 1,
  THING_EVEN, /* what is odd becomes one less */
  THING_FLAG,
  THING_TEXT,
  THING_READ_ONLY,
  THING_OBJECT,
};

static GType thing_get_type (void);
G_DEFINE_TYPE (Thing, thing, G_TYPE_OBJECT)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Thing, g_object_unref)

static void
thing_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  Thing *self = (Thing *) object;

  self->n_sets++;
  if (id == THING_NUMBER)
    self->number = g_value_get_int (value);
  if (id == THING_EVEN)
    self->even = g_value_get_int (value) & ~1;
  if (id == THING_FLAG)
    self->flag = g_value_get_boolean (value);
  if (id == THING_TEXT)
    {
      g_free (self->text);
      self->text = g_value_dup_string (value);
    }
}

static void
thing_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Thing *self = (Thing *) object;

  if (id == THING_NUMBER || id == THING_READ_ONLY)
    g_value_set_int (value, self->number);
  if (id == THING_EVEN)
    g_value_set_int (value, self->even);
  if (id == THING_FLAG)
    g_value_set_boolean (value, self->flag);
  if (id == THING_TEXT)
    g_value_set_string (value, self->text);
}

static void
thing_finalize (GObject *object)
{
  g_free (((Thing *) object)->text);
  G_OBJECT_CLASS (thing_parent_class)->finalize (object);
}

static void
thing_class_init (ThingClass *klass)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  klass->set_property = thing_set_property;
  klass->get_property = thing_get_property;
  klass->finalize = thing_finalize;
#define ADD(id, pspec) g_object_class_install_property (klass, id, pspec)
  ADD (THING_NUMBER, g_param_spec_int ("number", NULL, NULL, -100, 100, 0, flags));
  ADD (THING_EVEN, g_param_spec_int ("even", NULL, NULL, 0, 100, 0, flags));
  ADD (THING_FLAG, g_param_spec_boolean ("flag", NULL, NULL, FALSE, flags));
  ADD (THING_TEXT, g_param_spec_string ("text", NULL, NULL, NULL, flags));
  ADD (THING_READ_ONLY, g_param_spec_int ("read-only", NULL, NULL, -100, 100, 0, G_PARAM_READABLE));
  ADD (THING_OBJECT, g_param_spec_object ("object", NULL, NULL, G_TYPE_OBJECT, flags));
#undef ADD
}

static void
thing_init (Thing *self)
{
}

static inline Thing *
thing_new (void)
{
  return g_object_new (thing_get_type (), NULL);
}
