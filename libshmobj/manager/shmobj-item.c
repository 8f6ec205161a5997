/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * ShmobjItem:
 *
 * An item of a [class@Shmobj.ListModel]: a value, as an object that views can hold on to.
 *
 * It never changes. When another value comes in its place in the list, the model has another item
 * there.
 *
 * Since: 1.0
 */

#include "manager/item-private.h"

struct _ShmobjItem
{
  GObject parent_instance;

  GVariant *value; /* (owned) (nullable) */
};

enum
{
  PROP_VALUE = 1,
};

static GParamSpec *properties[PROP_VALUE + 1];

G_DEFINE_FINAL_TYPE (ShmobjItem, shmobj_item, G_TYPE_OBJECT)

static void
shmobj_item_finalize (GObject *object)
{
  g_clear_pointer (&SHMOBJ_ITEM (object)->value, g_variant_unref);
  G_OBJECT_CLASS (shmobj_item_parent_class)->finalize (object);
}

static void
shmobj_item_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_VALUE)
    g_value_set_variant (value, SHMOBJ_ITEM (object)->value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
shmobj_item_class_init (ShmobjItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = shmobj_item_finalize;
  object_class->get_property = shmobj_item_get_property;

  /**
   * ShmobjItem:value: (getter get_value)
   *
   * What the list has there; %NULL when only Python can read it.
   *
   * Since: 1.0
   */
  properties[PROP_VALUE] = g_param_spec_variant ("value", NULL, NULL, G_VARIANT_TYPE_ANY, NULL,
                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
shmobj_item_init (ShmobjItem *self)
{
}

ShmobjItem *
item_new (GVariant *value)
{
  ShmobjItem *self = g_object_new (SHMOBJ_TYPE_ITEM, NULL);

  self->value = value;
  return self;
}

/**
 * shmobj_item_get_value:
 * @self: an item
 *
 * Tells its value.
 *
 * Returns: (transfer none) (nullable): what the list has there; %NULL when only Python can read it
 *
 * Since: 1.0
 */
GVariant *
shmobj_item_get_value (ShmobjItem *self)
{
  g_return_val_if_fail (SHMOBJ_IS_ITEM (self), NULL);

  return self->value;
}
